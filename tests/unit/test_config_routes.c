#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "config_fixture.h"

#define DOC(route)     "{\"routes\":[" route "]}"
#define ROUTE(members) DOC("{\"path\":\"/a/{id}\",\"upstreams\":{\"x\":{" members "}}}")
#define X(members)     ROUTE("\"url\":\"http://h/{id}\"," members)
#define UP             "\"upstreams\":{\"x\":{\"url\":\"http://h/\"}}"
#define PLACE          "WEIR_ROUTES_FILE: /routes/0"
#define PLACE_X        PLACE "/upstreams/x"

static const char *const variables[] = {"KEY=s3cret",   "LOGIN=u:s3cret", "BASE=http://b:1/p/",
                                        "BAD=s3cret\n", "EMPTY=",         NULL};

struct bad_case {
    const char *document, *problem;
};

/* Each document has exactly the one problem. */
static void expect_problems(const struct bad_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct config_fixture f;
        const char *problems;

        config_fixture_load(&f, variables, cases[i].document, NULL);
        problems = config_fixture_problems(&f);
        cr_expect(f.config == NULL, "%s", cases[i].document);
        cr_expect(strncmp(problems, cases[i].problem, strlen(cases[i].problem)) == 0, "%s\n%s",
                  cases[i].document, problems);
        cr_expect(*problems && strchr(problems, '\n') == problems + strlen(problems) - 1, "%s\n%s",
                  cases[i].document, problems);
        cr_expect(!strstr(problems, "s3cret"), "%s", problems);
        config_fixture_done(&f);
    }
}

Test(config_routes, documents_and_routes)
{
    static const struct bad_case cases[] = {
        {"", "WEIR_ROUTES_FILE: line 1, column 1: not valid JSON: the text ends here\n"},
        {"[]", "WEIR_ROUTES_FILE: must be an object, not an array\n"},
        {"null", "WEIR_ROUTES_FILE: must be an object, not null\n"},
        {"{}", "WEIR_ROUTES_FILE: \"routes\" is missing\n"},
        {"{\"routes\":{}}", "WEIR_ROUTES_FILE: /routes: must be an array, not an object\n"},
        {"{\"routes\":[]}", "WEIR_ROUTES_FILE: /routes: must hold at least one route\n"},
        {DOC("7"), PLACE ": must be an object, not a number\n"},
        {DOC("{" UP "}"), PLACE ": \"path\" is missing\n"},
        {DOC("{\"path\":\"/a\"}"), PLACE ": \"upstreams\" is missing\n"},
        {DOC("{\"path\":\"/a\",\"upstreams\":{}}"),
         PLACE "/upstreams: must hold 1 to 1024 upstreams\n"},
        {DOC("{\"path\":\"/a\",\"upstreams\":[]}"),
         PLACE "/upstreams: must be an object, not an array\n"},
        {DOC("{\"path\":\"/a\",\"pth\":1," UP "}"),
         PLACE "/pth: unknown key (did you mean \"path\"?)\n"},
        {DOC("{\"path\":\"/a\",\"$schema\":\"x\"," UP "}"), PLACE "/$schema: unknown key\n"},
        {DOC("{\"path\":\"/a\",\"Path\":\"/a\"," UP "}"), PLACE "/Path: unknown key"},
        {DOC("{\"path\":\"/a\",\"path\":\"/a\"," UP "}"), PLACE "/path: duplicate key\n"},
        {DOC("{\"path\":\"/a\",\"budget\":\"5\"," UP "}"),
         PLACE "/budget: \"5\" has no unit (write \"500ms\" or \"2s\")\n"},
        {DOC("{\"path\":\"/a\",\"budget\":\"0s\"," UP "}"),
         PLACE "/budget: \"0s\" is not positive"},
        {DOC("{\"path\":\"/a\",\"budget\":500," UP "}"),
         PLACE "/budget: must be a string, not a number\n"},
        {DOC("{\"path\":\"/a\",\"budget\":\"${KEY}\"," UP "}"), PLACE "/budget: "},
        {DOC("{\"path\":\"/r/{id}\"," UP "},{\"path\":\"/s\"," UP "},{\"path\":\"/r/{user}\"," UP
             "}"),
         "WEIR_ROUTES_FILE: /routes/2/path: matches the same paths as /routes/0/path\n"},
        {DOC("{\"path\":\"/r\"," UP "},{\"path\":\"/r\"," UP "}"),
         "WEIR_ROUTES_FILE: /routes/1/path: matches the same paths as /routes/0/path\n"},
    };

    expect_problems(cases, sizeof(cases) / sizeof(*cases));
}

Test(config_routes, paths)
{
    static const struct {
        const char *path, *problem;
    } cases[] = {
        {"", "must begin with \"/\""},
        {"a", "must begin with"},
        {"{id}", "must begin with"},
        {"/a/", "a segment is empty"},
        {"//a", "a segment is empty"},
        {"/a//b", "a segment is empty"},
        {"/a/../b", "cannot be segments"},
        {"/.", "cannot be segments"},
        {"/a?b", "must not hold"},
        {"/a#b", "must not hold"},
        {"/a%20b", "must not be percent-encoded"},
        {"/a\\u0007", "control character"},
        {"/{id", "must be a whole segment"},
        {"/id}", "must be a whole segment"},
        {"/x{id}", "must be a whole segment"},
        {"/{id}x", "must be a whole segment"},
        {"/{a}{b}", "must be a whole segment"},
        {"/${KEY}", "must be a whole segment"},
        {"/{}", "a parameter's name must be"},
        {"/{_id}", "a parameter's name must be"},
        {"/{1d}", "a parameter's name must be"},
        {"/{a-b}", "a parameter's name must be"},
        {"/{a}/{a}", "{a} stands in it twice"},
        {"/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{j}/{k}/{l}/{m}/{n}/{o}/{p}/{q}",
         "more than 16 parameters"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char document[512];
        struct config_fixture f;

        snprintf(document, sizeof(document), "{\"routes\":[{\"path\":\"%s\"," UP "}]}",
                 cases[i].path);
        config_fixture_load(&f, variables, document, NULL);
        cr_expect(f.config == NULL, "%s", cases[i].path);
        cr_expect(strstr(config_fixture_problems(&f), "/routes/0/path: "), "%s", cases[i].path);
        cr_expect(strstr(config_fixture_problems(&f), cases[i].problem), "%s: %s", cases[i].path,
                  config_fixture_problems(&f));
        config_fixture_done(&f);
    }
}

Test(config_routes, upstreams)
{
    static const struct bad_case cases[] = {
        {DOC("{\"path\":\"/a\",\"upstreams\":{\"X\":{\"url\":\"http://h\"}}}"),
         PLACE "/upstreams/X: an upstream's name must be [a-z][a-z0-9_-]{0,63}\n"},
        {DOC("{\"path\":\"/a\",\"upstreams\":{\"\":{\"url\":\"http://h\"}}}"),
         PLACE "/upstreams/: an upstream's name must be"},
        {DOC("{\"path\":\"/a\",\"upstreams\":{\"9a\":{\"url\":\"http://h\"}}}"),
         PLACE "/upstreams/9a: an upstream's name must be"},
        {DOC("{\"path\":\"/a\",\"upstreams\":{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
             "aaaaaaaaaaaaaaa\":{\"url\":\"http://h\"}}}"),
         PLACE "/upstreams/aaa"},
        {DOC("{\"path\":\"/a\",\"upstreams\":{\"x\":{\"url\":\"http://h\"},"
             "\"x\":{\"url\":\"http://h\"}}}"),
         PLACE "/upstreams/x: duplicate key\n"},
        {ROUTE("\"required\":true"), PLACE_X ": \"url\" is missing\n"},
        {ROUTE("\"url\":5"), PLACE_X "/url: must be a string, not a number\n"},
        {ROUTE("\"url\":\"ftp://h/\""), PLACE_X "/url: the scheme \"ftp\" is not http or https\n"},
        {ROUTE("\"url\":\"http://u:s3cret@h/\""),
         PLACE_X "/url: a URL must not hold a user or password\n"},
        {ROUTE("\"url\":\"http://${LOGIN}@h/\""),
         PLACE_X "/url: a URL must not hold a user or password\n"},
        {ROUTE("\"url\":\"http://h/${BAD}\""), PLACE_X "/url: a byte in the path or query"},
        {ROUTE("\"url\":\"http://h/{user}\""),
         PLACE_X "/url: {user} is not a parameter of the route's path\n"},
        {ROUTE("\"url\":\"http://{id}/\""), PLACE_X "/url: a parameter must not stand in the host"},
        {ROUTE("\"url\":\"${NOWHERE}/x\""), PLACE_X "/url: ${NOWHERE} is not set\n"},
        {ROUTE("\"url\":\"${EMPTY}/x\""), PLACE_X "/url: ${EMPTY} is not set\n"},
        {ROUTE("\"url\":\"${WEIR_ROUTES}/x\""), PLACE_X "/url: ${WEIR_ROUTES} is not set\n"},
        {ROUTE("\"url\":\"${WEIR_UPSTREAM_CA_FILE}/x\""),
         PLACE_X "/url: ${WEIR_UPSTREAM_CA_FILE} is not set\n"},
        {ROUTE("\"url\":\"${}/x\""), PLACE_X "/url: \"${\" must be followed by a name and \"}\"\n"},
        {ROUTE("\"url\":\"${A B}/x\""), PLACE_X "/url: \"${\" must be followed by"},
        {ROUTE("\"url\":\"http://h/${KEY\""), PLACE_X "/url: \"${\" must be followed by"},
        {X("\"required\":\"yes\""), PLACE_X "/required: must be true or false\n"},
        {X("\"required\":1"), PLACE_X "/required: must be true or false\n"},
        {X("\"expect\":\"Object\""),
         PLACE_X "/expect: \"Object\" is not one of \"any\", \"object\", \"array\"\n"},
        {X("\"expect\":null"), PLACE_X "/expect: must be a string, not null\n"},
        {X("\"timeout\":\"5\""),
         PLACE_X "/timeout: \"5\" has no unit (write \"500ms\" or \"2s\")\n"},
        {X("\"timeout\":\"501ms\""),
         PLACE_X "/timeout: \"501ms\" is longer than the route's budget (500ms)\n"},
        {X("\"timeout\":\"0ms\""), PLACE_X "/timeout: \"0ms\" is not positive"},
        {X("\"max_body\":0"), PLACE_X "/max_body: \"0\" is too small"},
        {X("\"max_body\":-1"), PLACE_X "/max_body: \"-1\" is negative"},
        {X("\"max_body\":1e6"), PLACE_X "/max_body: \"1e6\" is not a size"},
        {X("\"max_body\":1.5"), PLACE_X "/max_body: \"1.5\" is not a size"},
        {X("\"max_body\":\"2GiB\""), PLACE_X "/max_body: \"2GiB\" is too large"},
        {X("\"max_body\":99999999999999999999999999999999999"), PLACE_X "/max_body: \"9"},
        {X("\"max_body\":true"), PLACE_X "/max_body: must be a string, not true\n"},
        {X("\"forward\":\"cookie\""), PLACE_X "/forward: must be an array, not a string\n"},
        {X("\"forward\":[\"a\",5]"), PLACE_X "/forward/1: must be a string, not a number\n"},
        {X("\"forward\":[\"authorization: s3cret\"]"),
         PLACE_X "/forward/0: holds what is no header name\n"},
        {X("\"forward\":[\"\"]"), PLACE_X "/forward/0: holds what is no header name\n"},
        {X("\"forward\":[\"a\",\"A\"]"), PLACE_X "/forward/1: is named twice\n"},
        {X("\"forward\":[\"Host\"]"),
         PLACE_X "/forward/0: \"Host\" cannot be used: this header comes from the url\n"},
        {X("\"forward\":[\"x-envoy-expected-rq-timeout-ms\"]"),
         PLACE_X "/forward/0: \"x-envoy-expected-rq-timeout-ms\" cannot be used"},
        {X("\"headers\":[\"s3cret\"]"), PLACE_X "/headers: must be an object, not an array\n"},
        {X("\"headers\":{\"x-key\":5}"),
         PLACE_X "/headers/x-key: must be a string, not a number\n"},
        {X("\"headers\":{\"x-key: s3cret\":\"\"}"),
         PLACE_X "/headers: holds what is no header name\n"},
        {X("\"headers\":{\"Transfer-Encoding\":\"chunked\"}"),
         PLACE_X "/headers/Transfer-Encoding: \"Transfer-Encoding\" cannot be used: this header is "
                 "framing\n"},
        {X("\"headers\":{\"TraceParent\":\"x\"}"), PLACE_X "/headers/TraceParent: "},
        {X("\"headers\":{\"x-request-id\":\"x\"}"), PLACE_X "/headers/x-request-id: "},
        {X("\"headers\":{\"x-key\":\"s3cret\",\"X-Key\":\"s3cret\"}"),
         PLACE_X "/headers/X-Key: is set twice (case does not matter)\n"},
        {X("\"headers\":{\"x-key\":\"s3cret\",\"x-key\":\"s3cret\"}"),
         PLACE_X "/headers/x-key: duplicate key\n"},
        {X("\"headers\":{\"x-key\":\"s3cret\\r\\nx: y\"}"),
         PLACE_X "/headers/x-key: the value holds a control byte"},
        {X("\"headers\":{\"x-key\":\"${BAD}\"}"),
         PLACE_X "/headers/x-key: the value holds a control byte"},
        {X("\"headers\":{\"x-key\":\"\"}"), PLACE_X "/headers/x-key: the value is empty\n"},
        {X("\"headers\":{\"x-key\":\" s3cret\"}"),
         PLACE_X "/headers/x-key: the value begins or ends with a blank\n"},
        {X("\"headers\":{\"x-key\":\"${NOWHERE}\"}"),
         PLACE_X "/headers/x-key: ${NOWHERE} is not set\n"},
        {X("\"default\":{\"a\":1,\"a\":2}"), PLACE_X "/default/a: duplicate key\n"},
    };

    expect_problems(cases, sizeof(cases) / sizeof(*cases));
}

Test(config_routes, what_a_good_document_says)
{
    static const char document[] =
        DOC("{\"upstreams\":{\"z-1_\":{\"timeout\":\"2s\",\"url\":\"${BASE}/users/{user}?f={id}\","
            "\"required\":true,\"expect\":\"array\",\"max_body\":1024,\"forward\":[\"Cookie\","
            "\"X-Key\"],\"headers\":{\"x-key\":\"a ${KEY} b\",\"User-Agent\":\"me\"},"
            "\"default\" : { \"n\" : 9007199254740993, \"f\":1.10,\"e\":1e400 , \"u\":\"\\u00e9\"} "
            "},\"a\":{\"url\":\"http://h\",\"default\":null,\"forward\":[]},"
            "\"b\":{\"url\":\"https://h\"}},"
            "\"budget\":\"2s\",\"path\":\"/u/{user}/\xc3\xbc x/{id}\"},"
            "{\"path\":\"/\"," UP "}");
    struct config_fixture f;
    const struct config_route *r;
    const struct config_upstream *u;

    config_fixture_load(&f, variables, document, NULL);
    cr_assert(f.config != NULL, "%s", config_fixture_problems(&f));
    cr_assert_eq(f.config->n_routes, 2);
    r = &f.config->routes[0];
    cr_expect_str_eq(r->path, "/u/{user}/\xc3\xbc x/{id}");
    cr_expect(r->budget_ns == 2000000000 && f.config->routes[1].budget_ns == 500000000);
    cr_assert_eq(r->n_params, 2);
    cr_expect_str_eq(r->params[0], "user");
    cr_expect_str_eq(r->params[1], "id");
    cr_assert_eq(r->n_upstreams, 3);
    u = &r->upstreams[0];
    cr_expect_str_eq(u->name, "z-1_");
    cr_expect_str_eq(u->url, "http://b:1/p/users/{user}?f={id}");
    cr_expect_str_eq(u->origin, "http://b:1");
    cr_assert_eq(u->n_parts, 4);
    cr_expect_str_eq(u->parts[0].literal, "/p/users/");
    cr_expect(u->parts[1].literal == NULL && u->parts[1].param == 0);
    cr_expect_str_eq(u->parts[2].literal, "?f=");
    cr_expect(u->parts[3].literal == NULL && u->parts[3].param == 1);
    cr_expect(u->required && u->rule.expect == ACCEPT_ARRAY && u->rule.max_depth == 64);
    cr_expect(u->timeout_ns == 2000000000 && u->max_body == 1024);
    cr_expect_str_eq(u->forward[0], "cookie");
    cr_expect(u->forward[1] == NULL); /* x-key is a fixed header too, which wins */
    cr_assert_eq(u->n_headers, 2);
    cr_expect_str_eq(u->headers[0].name, "x-key");
    cr_expect_str_eq(u->headers[0].value, "a s3cret b");
    cr_expect_str_eq(u->headers[1].value, "me");
    cr_expect_str_eq(u->default_json, "{ \"n\" : 9007199254740993, \"f\":1.10,\"e\":1e400 , "
                                      "\"u\":\"\\u00e9\"}");
    u = &r->upstreams[1];
    cr_expect(!u->required && u->rule.expect == ACCEPT_ANY && u->timeout_ns == 0);
    cr_expect(u->default_json == NULL && u->max_body == 1 << 20 && u->forward[0] == NULL);
    cr_expect_str_eq(u->parts[0].literal, "/");
    u = &r->upstreams[2];
    cr_expect_str_eq(u->origin, "https://h:443");
    cr_expect_str_eq(u->forward[0], "authorization");
    cr_expect_str_eq(u->forward[1], "accept-language");
    cr_expect(u->forward[2] == NULL && u->n_headers == 0);
    config_fixture_done(&f);
}

Test(config_routes, a_bad_option_is_told_once)
{
    static const char *const bad[] = {"WEIR_PROFILE_URL=http://u:s3cret@h", "WEIR_BUDGET=1", NULL};
    struct config_fixture f;

    config_fixture_load(&f, bad, X("\"timeout\":\"2s\""), NULL);
    cr_expect_str_eq(config_fixture_problems(&f),
                     "WEIR_BUDGET: \"1\" has no unit (write \"500ms\" or \"2s\")\n"
                     "WEIR_PROFILE_URL: a URL must not hold a user or password\n");
    config_fixture_done(&f);
    config_fixture_load(&f, bad, NULL, NULL);
    cr_expect_str_eq(config_fixture_problems(&f),
                     "WEIR_BUDGET: \"1\" has no unit (write \"500ms\" or \"2s\")\n"
                     "WEIR_PROFILE_URL: a URL must not hold a user or password\n");
    config_fixture_done(&f);
}

Test(config_routes, the_builtin_document_is_named)
{
    static const char *const slow[] = {"WEIR_PREFERENCES_URL=http://h/{x}", NULL};
    struct config_fixture f;

    config_fixture_load(&f, slow, NULL, NULL);
    cr_expect_str_eq(config_fixture_problems(&f),
                     "WEIR_PREFERENCES_URL: {x} is not a parameter of the route's path\n");
    config_fixture_done(&f);
}

Test(config_routes, base_urls_and_paths_join_with_one_slash)
{
    static const struct {
        const char *base, *url;
    } cases[] = {{"BASE=http://h:1", "http://h:1/users"},
                 {"BASE=http://h:1/", "http://h:1/users"},
                 {"BASE=http://h:1/p/", "http://h:1/p/users"}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *environment[] = {cases[i].base, NULL};
        struct config_fixture f;

        config_fixture_load(&f, environment, ROUTE("\"url\":\"${BASE}/users\""), NULL);
        cr_assert(f.config != NULL, "%s", config_fixture_problems(&f));
        cr_expect_str_eq(f.config->routes[0].upstreams[0].url, cases[i].url);
        config_fixture_done(&f);
    }
}
