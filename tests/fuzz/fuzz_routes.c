/*
 * The routes document: whatever the bytes, reading them ends with a configuration or with problems,
 * what is accepted prints as JSON and compiles into a table, and the finder of faults agrees with
 * the checker that decides.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config_locate.h"
#include "config_routes.h"
#include "json.h"
#include "route.h"

static char *const variables[] = {(char *)"BASE=http://h:1/p/", (char *)"KEY=s3cret", NULL};

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_accepted(struct config *config)
{
    struct route_table *table = route_table_new(config);

    require(config->n_routes > 0 && table);
    for (size_t i = 0; i < config->n_routes; i++) {
        const struct config_route *r = &config->routes[i];

        require(r->path && r->budget_ns > 0 && r->n_upstreams > 0);
        for (size_t u = 0; u < r->n_upstreams; u++) {
            const struct config_upstream *x = &r->upstreams[u];

            require(x->name && x->url && x->origin && x->forward && x->n_parts > 0);
            require(x->parts[0].literal && x->parts[0].literal[0] == '/' && x->max_body > 0);
            require(x->timeout_ns >= 0 && x->timeout_ns <= r->budget_ns);
            require(!x->default_json || json_check(x->default_json, strlen(x->default_json), 64,
                                                   NULL, NULL) != JSON_INVALID);
        }
    }
    route_table_free(table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf out;
    struct config config = {.budget_ns = 500000000, .max_json_depth = 64};
    struct config_env env = {.environ = variables};
    struct config_problems problems = {.out = &out};
    struct config_reader reader = {.config = &config, .env = &env};
    struct config_fault fault;
    char *text = malloc(size + 1);
    bool valid;

    require(text);
    memcpy(text, data, size);
    text[size] = '\0';
    buf_init(&out, 1 << 16);
    reader.doc.name = "document";
    reader.doc.problems = &problems;
    valid = json_check(text, size, CONFIG_JSON_DEPTH, NULL, NULL) != JSON_INVALID;
    require(valid == !config_locate_fault(text, size, CONFIG_JSON_DEPTH, &fault));
    config_routes_read(&reader, text, size);
    if (problems.n == 0)
        check_accepted(&config);
    require(buf_ok(&out));
    config_routes_free(&config);
    buf_done(&out);
    free(text);
    return 0;
}
