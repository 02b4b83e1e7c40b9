#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_fixture.h"
#include "route.h"

#define UP ",\"upstreams\":{\"x\":{\"url\":\"http://h/\"}}}"

static const char document[] =
    "{\"routes\":["
    "{\"path\":\"/v1/users/{id}\",\"upstreams\":{\"x\":{\"url\":\"http://h/u/{id}/p?q={id}\"}}},"
    "{\"path\":\"/v1/users/me\"" UP ","
    "{\"path\":\"/v1/users/me/{what}/x\"" UP ","
    "{\"path\":\"/v1/users/{id}/posts/{post}\",\"upstreams\":"
    "{\"x\":{\"url\":\"http://h/{post}/of/{id}\"}}},"
    "{\"path\":\"/\"" UP ","
    "{\"path\":\"/{any}\"" UP ","
    "{\"path\":\"/gr\xc3\xb6\xc3\x9f"
    "e/a b\"" UP "]}";

struct fixture {
    struct config_fixture config;
    struct route_table *table;
};

static void set_up(struct fixture *f)
{
    config_fixture_load(&f->config, NULL, document, NULL);
    cr_assert(f->config.config != NULL, "%s", config_fixture_problems(&f->config));
    f->table = route_table_new(f->config.config);
    cr_assert(f->table != NULL);
}

static void tear_down(struct fixture *f)
{
    route_table_free(f->table);
    config_fixture_done(&f->config);
}

/* A GET of the path; the match is filled with rubbish before. */
static int get(const struct fixture *f, const char *path, struct route_match *match)
{
    memset(match, 0xa5, sizeof(*match));
    return route_match(f->table, "GET", 3, path, strlen(path), false, match);
}

Test(route, paths_and_parameters)
{
    static const struct {
        const char *path;
        int status;
        size_t index;
        const char *first, *second; /* decoded */
    } cases[] = {
        {"/v1/users/42", 0, 0, "42", NULL},
        {"/v1/users/me", 0, 1, NULL, NULL},
        {"/v1/users/m%65", 0, 1, NULL, NULL},
        {"/%76%31/users/me", 0, 1, NULL, NULL},
        {"/v1/users/Me", 0, 0, "Me", NULL},
        {"/v1/users/me/a/x", 0, 2, "a", NULL},
        {"/v1/users/me/posts/9", 0, 3, "me", "9"}, /* the literal was a dead end */
        {"/v1/users/me/posts/x", 0, 2, "posts", NULL},
        {"/v1/users/a%20b/posts/%C3%bc", 0, 3, "a b", "\xc3\xbc"},
        {"/", 0, 4, NULL, NULL},
        {"/x", 0, 5, "x", NULL},
        {"/v1", 0, 5, "v1", NULL},
        {"/gr%C3%B6%c3%9Fe/a%20b", 0, 6, NULL, NULL},
        {"/gr\xc3\xb6\xc3\x9f"
         "e/a b",
         0, 6, NULL, NULL},
        {"", 404, 0, NULL, NULL},
        {"*", 404, 0, NULL, NULL},
        {"v1/users/42", 404, 0, NULL, NULL},
        {"//", 404, 0, NULL, NULL},
        {"/x/", 404, 0, NULL, NULL},
        {"/v1/", 404, 0, NULL, NULL},
        {"/v1/users", 404, 0, NULL, NULL},
        {"/v1/users/", 404, 0, NULL, NULL},
        {"/v1/users//", 404, 0, NULL, NULL},
        {"/v1/users//posts/1", 404, 0, NULL, NULL},
        {"/v1/users/42/", 404, 0, NULL, NULL},
        {"/v1/users/42/posts", 404, 0, NULL, NULL},
        {"/v1/users/42/posts/", 404, 0, NULL, NULL},
        {"/v1/users/42/posts/1/2", 404, 0, NULL, NULL},
        {"/V1/users/42", 404, 0, NULL, NULL},
        {"/v1/users%2f42", 404, 0, NULL, NULL},
        {"/v1%2fusers/42", 404, 0, NULL, NULL},
        {"/v%/users/42", 404, 0, NULL, NULL},
    };
    struct fixture f;
    struct route_match m;

    set_up(&f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        size_t n = (cases[i].first != NULL) + (size_t)(cases[i].second != NULL);

        cr_expect_eq(get(&f, cases[i].path, &m), cases[i].status, "%s", cases[i].path);
        cr_expect((m.route == NULL) == (cases[i].status == 404), "%s", cases[i].path);
        if (cases[i].status != 0) {
            cr_expect(m.why != NULL, "%s", cases[i].path);
            continue;
        }
        cr_expect_eq(m.index, cases[i].index, "%s: %zu", cases[i].path, m.index);
        cr_expect_eq(m.route, &f.config.config->routes[cases[i].index]);
        cr_assert_eq(m.n_params, n, "%s: %zu", cases[i].path, m.n_params);
        if (n > 0)
            cr_expect_str_eq(m.params[0].decoded, cases[i].first);
        if (n > 1)
            cr_expect_str_eq(m.params[1].decoded, cases[i].second);
    }
    tear_down(&f);
}

Test(route, bad_parameters)
{
    static const struct {
        const char *segment, *why;
    } cases[] = {
        {".", "is \".\" or \"..\""},
        {"..", "is \".\" or \"..\""},
        {"%2e", "is \".\" or \"..\""},
        {"%2E.", "is \".\" or \"..\""},
        {"%2e%2e", "is \".\" or \"..\""},
        {"a%2Fb", "holds a slash"},
        {"..%2f..%2fetc", "holds a slash"},
        {"%00", "holds a control character"},
        {"a%0d%0aX", "holds a control character"},
        {"%1f", "holds a control character"},
        {"%7F", "holds a control character"},
        {"%C2%80", "holds a control character"},
        {"%C2%9F", "holds a control character"},
        {"%", "without two hexadecimal digits"},
        {"%4", "without two hexadecimal digits"},
        {"%zz", "without two hexadecimal digits"},
        {"a%4g", "without two hexadecimal digits"},
        {"%-1", "without two hexadecimal digits"},
        {"%ff", "not valid UTF-8"},
        {"%c3", "not valid UTF-8"},
        {"%c0%af", "not valid UTF-8"},
        {"%ed%a0%80", "not valid UTF-8"},
        {"%f4%90%80%80", "not valid UTF-8"},
        {"\xff", "not valid UTF-8"},
    };
    struct fixture f;
    struct route_match m;
    char path[128];

    set_up(&f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        snprintf(path, sizeof(path), "/v1/users/%s", cases[i].segment);
        cr_expect_eq(get(&f, path, &m), 400, "%s", path);
        cr_expect(m.route == &f.config.config->routes[0], "%s", path);
        cr_expect(m.why && strstr(m.why, cases[i].why), "%s: %s", path, m.why);
    }
    tear_down(&f);
}

Test(route, lengths_of_parameters)
{
    static const struct {
        const char *unit;
        size_t n;
        int status;
    } cases[] = {{"a", 256, 0},     {"a", 257, 400},         {"%41", 256, 0},
                 {"%41", 257, 400}, {"%F0%9F%98%80", 64, 0}, {"%F0%9F%98%80", 65, 400},
                 {"a", 5000, 400}};
    struct fixture f;
    struct route_match m;

    set_up(&f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf path;

        buf_init(&path, 1 << 16);
        buf_str(&path, "/v1/users/");
        for (size_t j = 0; j < cases[i].n; j++)
            buf_str(&path, cases[i].unit);
        cr_expect_eq(get(&f, buf_cstr(&path), &m), cases[i].status, "%zu", i);
        if (cases[i].status == 0) {
            cr_expect_eq(m.params[0].len, 256);
            cr_expect_eq(strlen(m.params[0].decoded), 256);
        }
        buf_done(&path);
    }
    tear_down(&f);
}

Test(route, the_order_of_what_is_wrong)
{
    static const struct {
        const char *method, *path;
        bool expectation;
        int status;
    } cases[] = {
        {"GET", "/v1/users/1", false, 0},     {"HEAD", "/v1/users/1", false, 0},
        {"POST", "/none/x", true, 404},       {"POST", "/v1/users/%", true, 405},
        {"get", "/v1/users/1", false, 405},   {"GETS", "/v1/users/1", false, 405},
        {"GE", "/v1/users/1", false, 405},    {"", "/v1/users/1", false, 405},
        {"OPTIONS", "*", false, 404},         {"GET", "/v1/users/%", true, 417},
        {"GET", "/v1/users/1", true, 417},    {"GET", "/v1/users/%", false, 400},
        {"DELETE", "/v1/users/", false, 404}, {"HEAD", "/v1/users/%2e", false, 400},
    };
    struct fixture f;
    struct route_match m;

    set_up(&f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        cr_expect_eq(route_match(f.table, cases[i].method, strlen(cases[i].method), cases[i].path,
                                 strlen(cases[i].path), cases[i].expectation, &m),
                     cases[i].status, "%s %s", cases[i].method, cases[i].path);
    tear_down(&f);
}

Test(route, targets_are_encoded_again)
{
    static const struct {
        const char *path, *target;
    } cases[] = {
        {"/v1/users/42", "/u/42/p?q=42"},
        {"/v1/users/A-z.0_9~", "/u/A-z.0_9~/p?q=A-z.0_9~"},
        {"/v1/users/a%20b", "/u/a%20b/p?q=a%20b"},
        {"/v1/users/a+b&c=d;e", "/u/a%2Bb%26c%3Dd%3Be/p?q=a%2Bb%26c%3Dd%3Be"},
        {"/v1/users/%3f%23%25", "/u/%3F%23%25/p?q=%3F%23%25"},
        {"/v1/users/%c3%bc", "/u/%C3%BC/p?q=%C3%BC"},
        {"/v1/users/%61", "/u/a/p?q=a"},
        {"/v1/users/...", "/u/.../p?q=..."},
        {"/v1/users/7/posts/8", "/8/of/7"},
        {"/v1/users/me", "/"},
    };
    struct fixture f;
    struct route_match m;
    char target[256];

    set_up(&f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        size_t len = strlen(cases[i].target);

        cr_assert_eq(get(&f, cases[i].path, &m), 0, "%s", cases[i].path);
        cr_assert(route_target(&m.route->upstreams[0], &m, target, sizeof(target)));
        cr_expect_str_eq(target, cases[i].target);
        cr_expect(route_target(&m.route->upstreams[0], &m, target, len + 1), "%s", cases[i].path);
        for (size_t size = 0; size <= len; size++)
            cr_expect(!route_target(&m.route->upstreams[0], &m, target, size), "%s %zu",
                      cases[i].path, size);
    }
    tear_down(&f);
}

Test(route, many_routes_are_all_found, .timeout = 60)
{
    enum { N = 5000 };
    struct config_route *routes = calloc(N, sizeof(*routes));
    struct config config = {.routes = routes, .n_routes = N};
    struct route_table *table;
    struct route_match m;
    char path[64];

    cr_assert(routes != NULL);
    for (int i = 0; i < N; i++) {
        snprintf(path, sizeof(path), "/api/r%d/{id}/x%d", (i * 7919) % N, i % 10);
        routes[i].path = strdup(path);
        cr_assert(routes[i].path != NULL);
    }
    table = route_table_new(&config);
    cr_assert(table != NULL);
    for (size_t i = 0; i < N; i++) {
        snprintf(path, sizeof(path), "/api/r%d/value/x%d", ((int)i * 7919) % N, (int)i % 10);
        cr_assert_eq(route_match(table, "GET", 3, path, strlen(path), false, &m), 0, "%s", path);
        cr_assert_eq(m.index, i, "%s", path);
    }
    route_table_free(table);
    route_table_free(NULL);
    for (size_t i = 0; i < N; i++)
        free(routes[i].path);
    free(routes);
}

Test(route, the_path_need_not_end_in_nul)
{
    static const char bytes[] = "/v1/users/42/posts/1";
    struct fixture f;
    struct route_match m;
    char *path = malloc(12);

    cr_assert(path != NULL);
    set_up(&f);
    memcpy(path, bytes, 12);
    cr_expect_eq(route_match(f.table, "GET?", 3, path, 12, false, &m), 0);
    cr_expect_str_eq(m.params[0].decoded, "42");
    free(path);
    tear_down(&f);
}
