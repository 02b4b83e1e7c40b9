#include "app_limits.h"

#include <criterion/criterion.h>

Test(app_limits, arithmetic)
{
    struct config_route routes[2] = {{.n_upstreams = 2}, {.n_upstreams = 3}};
    struct config c = {.workers = 2, .max_in_flight = 100, .max_connections = 200, .routes = routes,
                       .n_routes = 2};
    uint64_t own = 64 + 2 * 32;

    cr_expect(app_limits_needed(&c) == 200 + 100 * 3 + own);
    cr_expect(app_limits_cap(&c, 1000000) == 200, "enough for all");
    cr_expect(app_limits_cap(&c, 200 + 100 * 3 + own) == 200, "just enough");
    cr_expect(app_limits_cap(&c, own + 40) == 10, "one and three each");
    cr_expect(app_limits_cap(&c, 10) == 1, "never none");
    c.max_in_flight = 1000;
    cr_expect(app_limits_needed(&c) == 200 + 200 * 3 + own, "no more in flight than connections");
}
