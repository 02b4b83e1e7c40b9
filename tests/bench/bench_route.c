/* Finding a route among 3 and among 3,000, the parameter decoded and encoded again. */
#include "bench.h"
#include "config_fixture.h"
#include "route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct site {
    struct config_fixture fixture;
    struct route_table *table;
    char (*paths)[64]; /* a request for each route */
    size_t n;
};

static void load(struct site *s, size_t n)
{
    static const char format[] = "%s{\"path\":\"/v1/section%zu/{id}/part\","
                                 "\"upstreams\":{\"u\":{\"url\":\"http://127.0.0.1:9/{id}\"}}}";
    size_t size = n * 128 + 64, at;
    char *text = malloc(size);

    s->n = n;
    s->paths = calloc(n, sizeof(*s->paths));
    bench_must(text && s->paths, "memory is there");
    at = (size_t)snprintf(text, size, "{\"routes\":[");
    for (size_t i = 0; i < n; i++) {
        at += (size_t)snprintf(text + at, size - at, format, i ? "," : "", i);
        snprintf(s->paths[i], sizeof(*s->paths), "/v1/section%zu/47%%31%zu/part", i * 7 % n, i);
    }
    snprintf(text + at, size - at, "]}");
    config_fixture_load(&s->fixture, NULL, text, NULL);
    if (s->fixture.config == NULL)
        fputs(config_fixture_problems(&s->fixture), stderr);
    bench_must(s->fixture.config != NULL, "the routes are accepted");
    s->table = route_table_new(s->fixture.config);
    bench_must(s->table != NULL, "memory is there");
    free(text);
}

static void match(void *arg, unsigned long n)
{
    const struct site *s = arg;
    static struct route_match found;

    for (unsigned long i = 0; i < n; i++) {
        const char *path = s->paths[i % s->n];

        bench_must(route_match(s->table, "GET", 3, path, strlen(path), false, &found) == 0,
                   "the path has a route");
        bench_keep(&found);
    }
}

/* What a list of templates would cost: each compared as far as it fits. */
static void match_in_turn(void *arg, unsigned long n)
{
    const struct site *s = arg;

    for (unsigned long i = 0; i < n; i++) {
        const char *path = s->paths[i % s->n];
        size_t r = 0;

        for (; r < s->n; r++) {
            const char *template = s->fixture.config->routes[r].path;
            size_t literal = (size_t)(strchr(template, '{') - template);

            if (strncmp(path, template, literal) == 0)
                break;
        }
        bench_must(r < s->n, "the path has a route");
        bench_keep(&r);
    }
}

int main(void)
{
    struct site few, many;

    load(&few, 3);
    load(&many, 3000);
    bench_group("routing", (struct bench_row[]){
        {"route_match among 3", match, &few, 0},
        {"route_match among 3,000", match, &many, 0},
        {"3 templates compared in turn, nothing decoded", match_in_turn, &few, 0},
        {"3,000 templates compared in turn", match_in_turn, &many, 0},
    }, 4);
    route_table_free(few.table);
    route_table_free(many.table);
    config_fixture_done(&few.fixture);
    config_fixture_done(&many.fixture);
    free(few.paths);
    free(many.paths);
    return 0;
}
