#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_fixture.h"

#define DOC(route)     "{\"routes\":[" route "]}"
#define ROUTE(members) DOC("{\"path\":\"/a/{id}\",\"upstreams\":{\"x\":{" members "}}}")
#define X(members)     ROUTE("\"url\":\"http://h/{id}\"," members)
#define UP             "\"upstreams\":{\"x\":{\"url\":\"http://h/\"}}"

/* A document with one place left open, the pointer of that place, and the types it may have. */
struct mutation {
    const char *format, *pointer, *allowed;
};

Test(config_routes_hostile, every_value_of_a_wrong_type_is_told_at_its_place, .timeout = 60)
{
    static const struct {
        char type;
        const char *text;
    } values[] = {{'o', "{}"},   {'a', "[]"},    {'s', "\"\\u0001\""}, {'n', "-7"},
                  {'t', "true"}, {'f', "false"}, {'0', "null"}};
    static const struct mutation mutations[] = {
        {"%s", "", ""},
        {"{\"routes\":%s}", "/routes", ""},
        {DOC("%s"), "/routes/0", ""},
        {DOC("{\"path\":%s," UP "}"), "/routes/0/path", ""},
        {DOC("{\"path\":\"/a\",\"budget\":%s," UP "}"), "/routes/0/budget", ""},
        {DOC("{\"path\":\"/a\",\"upstreams\":%s}"), "/routes/0/upstreams", ""},
        {DOC("{\"path\":\"/a\",\"upstreams\":{\"x\":%s}}"), "/routes/0/upstreams/x", ""},
        {ROUTE("\"url\":%s"), "/routes/0/upstreams/x/url", ""},
        {X("\"required\":%s"), "/routes/0/upstreams/x/required", "tf"},
        {X("\"expect\":%s"), "/routes/0/upstreams/x/expect", ""},
        {X("\"timeout\":%s"), "/routes/0/upstreams/x/timeout", ""},
        {X("\"default\":%s"), "/routes/0/upstreams/x/default", "oasntf0"},
        {X("\"max_body\":%s"), "/routes/0/upstreams/x/max_body", ""},
        {X("\"forward\":%s"), "/routes/0/upstreams/x/forward", "a"},
        {X("\"forward\":[%s]"), "/routes/0/upstreams/x/forward/0", ""},
        {X("\"headers\":%s"), "/routes/0/upstreams/x/headers", "o"},
        {X("\"headers\":{\"k\":%s}"), "/routes/0/upstreams/x/headers/k", ""},
        {X("\"other\":%s"), "/routes/0/upstreams/x/other", ""},
    };

    for (size_t i = 0; i < sizeof(mutations) / sizeof(*mutations); i++) {
        for (size_t j = 0; j < sizeof(values) / sizeof(*values); j++) {
            bool allowed = strchr(mutations[i].allowed, values[j].type) != NULL;
            char document[1024], wanted[128];
            struct config_fixture f;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(document, sizeof(document), mutations[i].format, values[j].text);
#pragma GCC diagnostic pop
            snprintf(wanted, sizeof(wanted), "WEIR_ROUTES_FILE: %s%s", mutations[i].pointer,
                     *mutations[i].pointer ? ": " : "");
            config_fixture_load(&f, NULL, document, NULL);
            cr_expect_eq(f.config != NULL, allowed, "%s\n%s", document,
                         config_fixture_problems(&f));
            cr_expect(allowed || strstr(config_fixture_problems(&f), wanted), "%s\n%s", document,
                      config_fixture_problems(&f));
            config_fixture_done(&f);
        }
    }
}

/* A document of n routes, /r0 to /r(n-1), each with that many upstreams. */
static char *big_document(size_t routes, size_t upstreams)
{
    struct buf b;

    buf_init(&b, 64 << 20);
    buf_str(&b, "{\"routes\":[");
    for (size_t r = 0; r < routes; r++) {
        buf_printf(&b, "%s{\"path\":\"/r%zu\",\"upstreams\":{", r ? "," : "", r);
        for (size_t u = 0; u < upstreams; u++)
            buf_printf(&b, "%s\"u%zu\":{\"url\":\"http://h\"}", u ? "," : "", u);
        buf_str(&b, "}}");
    }
    buf_str(&b, "]}");
    cr_assert(*buf_cstr(&b) != '\0');
    return b.data;
}

Test(config_routes_hostile, sizes, .timeout = 120)
{
    static const struct {
        size_t routes, upstreams;
        bool good;
    } cases[] = {{1, 1024, true}, {1, 1025, false}, {20000, 1, true}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *document = big_document(cases[i].routes, cases[i].upstreams);
        struct config_fixture f;

        config_fixture_load(&f, NULL, document, NULL);
        cr_expect_eq(f.config != NULL, cases[i].good, "%zu: %s", i, config_fixture_problems(&f));
        config_fixture_done(&f);
        free(document);
    }
}

Test(config_routes_hostile, hostile_documents_end_quickly, .timeout = 60)
{
    enum { MANY = 3 }; /* the case with more problems than fit */
    static const struct {
        const char *name, *before, *each, *after;
        size_t n;
    } cases[] = {
        {"deep arrays", "", "[", "", 200000},
        {"deep objects", "", "{\"a\":", "", 200000},
        {"one key many times", "{\"a\":0", ",\"a\":0", "}", 200000},
        {"many problems", "{\"routes\":[0", ",0", "]}", 100000},
        {"a long name", "{\"routes\":[{\"", "a", "\":0}]}", 1000000},
        {"a long path", "{\"routes\":[{\"path\":\"", "/a", "\"," UP "}]}", 500000},
        {"a long reference", "{\"routes\":[{\"path\":\"/a\",\"upstreams\":{\"x\":{\"url\":\"${",
         "A", "}\"}}}]}", 1000000},
        {"a long url", "{\"routes\":[{\"path\":\"/a\",\"upstreams\":{\"x\":{\"url\":\"http://h/",
         "A", "\"}}}]}", 1000000},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct config_fixture f;
        struct buf b;

        buf_init(&b, 16 << 20);
        buf_str(&b, cases[i].before);
        for (size_t j = 0; j < cases[i].n; j++)
            buf_str(&b, cases[i].each);
        buf_str(&b, cases[i].after);
        config_fixture_load(&f, NULL, buf_cstr(&b), NULL);
        cr_expect(f.config == NULL, "%s", cases[i].name);
        cr_expect(*config_fixture_problems(&f) != '\0', "%s", cases[i].name);
        cr_expect(i != MANY || strstr(config_fixture_problems(&f), " problems more\n"));
        config_fixture_done(&f);
        buf_done(&b);
    }
}
