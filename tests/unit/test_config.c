#include <criterion/criterion.h>
#include <string.h>

#include "config_fixture.h"
#include "config_option.h"
#include "json.h"

#define ROUTE(upstreams) "{\"routes\":[{\"path\":\"/a/{id}\",\"upstreams\":" upstreams "}]}"

Test(config, defaults)
{
    struct config_fixture f;
    const struct config *c;

    config_fixture_load(&f, NULL, NULL, NULL);
    c = f.config;
    cr_assert(c != NULL, "%s", config_fixture_problems(&f));
    cr_expect_str_eq(c->listen.host, "127.0.0.1");
    cr_expect_eq(c->listen.port, 8080);
    cr_expect_eq(c->admin_listen.port, 9901);
    cr_expect(c->workers >= 1);
    cr_expect(c->budget_ns == 500000000);
    cr_expect(c->routes_file == NULL);
    cr_expect(c->max_in_flight == 10000 && c->max_connections == 20000);
    cr_expect(c->header_timeout_ns == 5000000000 && c->idle_timeout_ns == 60000000000);
    cr_expect(c->write_timeout_ns == 30000000000 && c->max_header_bytes == 16384);
    cr_expect(c->drain_delay_ns == 0 && c->drain_timeout_ns == 30000000000);
    cr_expect(c->log_level == CONFIG_LOG_INFO && c->server_timing);
    cr_expect_str_eq(c->deadline_header, "x-envoy-expected-rq-timeout-ms");
    cr_expect(!c->upstream_ca_file && !c->upstream_cert_file && !c->upstream_key_file);
    cr_expect(c->upstream_idle_timeout_ns == 4000000000);
    cr_expect(c->upstream_max_lifetime_ns == 300000000000);
    cr_expect(c->upstream_connect_timeout_ns == 1000000000);
    cr_expect(c->upstream_resolve_ttl_ns == 30000000000);
    cr_expect(c->upstream_max_connections == 16384 && c->max_json_depth == 64);
    cr_assert_eq(c->n_routes, 1);
    cr_expect_str_eq(c->routes[0].path, "/v1/users/{id}");
    cr_expect(c->routes[0].budget_ns == 500000000);
    cr_assert_eq(c->routes[0].n_upstreams, 3);
    cr_expect_str_eq(c->routes[0].upstreams[0].name, "profile");
    cr_expect(c->routes[0].upstreams[0].required && !c->routes[0].upstreams[1].required);
    cr_expect_str_eq(c->routes[0].upstreams[1].origin, "http://127.0.0.1:9102");
    cr_expect_eq(c->routes[0].upstreams[2].rule.expect, ACCEPT_ARRAY);
    cr_expect_eq(c->routes[0].upstreams[2].rule.max_depth, 64);
    config_fixture_done(&f);
}

Test(config, each_problem_names_its_variable)
{
    static const struct {
        const char *variable, *problem;
        bool exact;
    } cases[] = {
        {"WEIR_BUDGET=500", "WEIR_BUDGET: \"500\" has no unit (write \"500ms\" or \"2s\")\n", true},
        {"WEIR_BUDGET=0s", "WEIR_BUDGET: \"0s\" is not positive (write \"500ms\" or \"2s\")\n",
         true},
        {"WEIR_BUDGET=-1s", "WEIR_BUDGET: \"-1s\" is negative", false},
        {"WEIR_BUDGET=99999999999999999999h", "WEIR_BUDGET: ", false},
        {"WEIR_BUDGET=5\nms", "WEIR_BUDGET: \"5?ms\" has no known unit", false},
        {"WEIR_LISTEN=off", "WEIR_LISTEN: \"off\" has no port", false},
        {"WEIR_ADMIN_LISTEN=9901", "WEIR_ADMIN_LISTEN: \"9901\" has no port", false},
        {"WEIR_ADMIN_LISTEN=127.0.0.1:8080", "WEIR_ADMIN_LISTEN: ", false},
        {"WEIR_WORKERS=0", "WEIR_WORKERS: \"0\" is not \"auto\" or a whole number from 1 to 1024\n",
         true},
        {"WEIR_WORKERS=all", "WEIR_WORKERS: \"all\"", false},
        {"WEIR_MAX_IN_FLIGHT=0", "WEIR_MAX_IN_FLIGHT: \"0\" is out of range", false},
        {"WEIR_MAX_IN_FLIGHT=1e4", "WEIR_MAX_IN_FLIGHT: \"1e4\" is not a whole number", false},
        {"WEIR_MAX_CONNECTIONS=99999999999999999999", "WEIR_MAX_CONNECTIONS: ", false},
        {"WEIR_HEADER_TIMEOUT=0ms", "WEIR_HEADER_TIMEOUT: \"0ms\" is not positive", false},
        {"WEIR_MAX_HEADER_BYTES=16kb", "WEIR_MAX_HEADER_BYTES: \"16kb\" is not a size", false},
        {"WEIR_DRAIN_DELAY=-1s", "WEIR_DRAIN_DELAY: \"-1s\" is negative", false},
        {"WEIR_LOG_LEVEL=INFO", "WEIR_LOG_LEVEL: \"INFO\" is not one of", false},
        {"WEIR_SERVER_TIMING=true", "WEIR_SERVER_TIMING: \"true\" is not \"on\" or \"off\"\n",
         true},
        {"WEIR_DEADLINE_HEADER=a b", "WEIR_DEADLINE_HEADER: \"a b\" is not a header name", false},
        {"WEIR_DEADLINE_HEADER=Host", "WEIR_DEADLINE_HEADER: \"Host\" cannot be used", false},
        {"WEIR_MAX_JSON_DEPTH=1025", "WEIR_MAX_JSON_DEPTH: \"1025\" is out of range (1 to 1024)\n",
         true},
        {"WEIR_UPSTREAM_CA_FILE=/nonexistent/ca",
         "WEIR_UPSTREAM_CA_FILE: \"/nonexistent/ca\" cannot be read: No such file or directory\n",
         true},
        {"WEIR_UPSTREAM_CA_FILE=/tmp", "WEIR_UPSTREAM_CA_FILE: \"/tmp\" cannot be read: ", false},
        {"WEIR_UPSTREAM_CERT_FILE=/proc/self/status",
         "WEIR_UPSTREAM_CERT_FILE: needs WEIR_UPSTREAM_KEY_FILE beside it\n", true},
        {"WEIR_UPSTREAM_KEY_FILE=/proc/self/status",
         "WEIR_UPSTREAM_KEY_FILE: needs WEIR_UPSTREAM_CERT_FILE beside it\n", true},
        {"WEIR_ROUTES_FILE=/nonexistent/r.json",
         "WEIR_ROUTES_FILE: \"/nonexistent/r.json\" cannot be read: No such file or directory\n",
         true},
        {"WEIR_ROUTES_FILE=/dev/zero", "cannot be read: it is too large", false},
        {"WEIR_PROFILE_URL=localhost:9101",
         "WEIR_PROFILE_URL: is not an absolute URL (write \"http://host:port/path\")\n", true},
        {"WEIR_PROFILE_URL=http://u:s3cret@h",
         "WEIR_PROFILE_URL: a URL must not hold a user or "
         "password\n",
         true},
        {"WEIR_BUGDET=1s", "WEIR_BUGDET: unknown option (did you mean WEIR_BUDGET?)\n", true},
        {"WEIR_SOMETHING_ELSE=1s", "WEIR_SOMETHING_ELSE: unknown option\n", true},
        {"WEIR_=1s", "WEIR_: unknown option\n", true},
        {"WEIR_BUGDET=", "WEIR_BUGDET: unknown option", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *variables[] = {cases[i].variable, NULL};
        struct config_fixture f;
        const char *problems;

        config_fixture_load(&f, variables, NULL, NULL);
        problems = config_fixture_problems(&f);
        cr_expect(f.config == NULL, "%s", cases[i].variable);
        if (cases[i].exact)
            cr_expect_str_eq(problems, cases[i].problem);
        cr_expect(strstr(problems, cases[i].problem), "%s: %s", cases[i].variable, problems);
        cr_expect(strchr(problems, '\n') == problems + strlen(problems) - 1, "%s: %s",
                  cases[i].variable, problems);
        cr_expect(!strstr(problems, "s3cret"));
        config_fixture_done(&f);
    }
}

Test(config, all_problems_at_once)
{
    static const char *const variables[] = {"WEIR_BUDGET=500", "WEIR_WORKERS=-1", "WEIR_TYPO=1",
                                            "PATH=/bin", NULL};
    static const char *const wanted[] = {
        "WEIR_BUDGET: \"500\" has no unit",
        "WEIR_WORKERS: \"-1\"",
        "WEIR_TYPO: unknown option",
        "weir.env:1: not of the form NAME=VALUE",
        "weir.env:3: WEIR_TYPPO: unknown option",
        "WEIR_LOG_LEVEL: \"loud\"",
        "WEIR_ROUTES_FILE: /routes/0/upstreams/x/url: ${NOWHERE} is not set",
        "WEIR_ROUTES_FILE: /routes/0/upstreams/x/expect: \"list\" is not one of",
        "WEIR_ROUTES_FILE: /routes/0/upstreams/y: \"url\" is missing",
    };
    struct config_fixture f;
    size_t lines = 0;

    config_fixture_load(&f, variables,
                        ROUTE("{\"x\":{\"url\":\"${NOWHERE}/x\",\"expect\":\"list\"},\"y\":{}}"),
                        "nonsense\nWEIR_LOG_LEVEL=loud\nWEIR_TYPPO=1\n");
    cr_expect(f.config == NULL);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
        cr_expect(strstr(config_fixture_problems(&f), wanted[i]), "%s not in:\n%s", wanted[i],
                  config_fixture_problems(&f));
    for (const char *p = config_fixture_problems(&f); *p; p++)
        lines += *p == '\n';
    cr_expect_eq(lines, sizeof(wanted) / sizeof(*wanted), "%s", config_fixture_problems(&f));
    config_fixture_done(&f);
}

Test(config, environment_wins_over_env_file_and_empty_is_unset)
{
    static const char *const variables[] = {"WEIR_BUDGET=1s", "WEIR_WORKERS=", NULL};
    struct config_fixture f;

    config_fixture_load(&f, variables, NULL,
                        "WEIR_BUDGET=2s\nWEIR_WORKERS=3\nWEIR_IDLE_TIMEOUT=\n"
                        "export WEIR_LISTEN='127.0.0.1:1'\r\n");
    cr_assert(f.config != NULL, "%s", config_fixture_problems(&f));
    cr_expect(f.config->budget_ns == 1000000000);
    cr_expect_eq(f.config->workers, 3);
    cr_expect(f.config->idle_timeout_ns == 60000000000);
    cr_expect_eq(f.config->listen.port, 1);
    config_fixture_done(&f);
}

Test(config, a_name_the_document_refers_to_is_known)
{
    static const char *const variables[] = {"WEIR_KEY=s3cret", NULL};
    static const char document[] =
        ROUTE("{\"x\":{\"url\":\"${BASE}/x\",\"headers\":{\"X-Key\":\"Bearer ${WEIR_KEY}\"}}}");
    struct config_fixture f;

    config_fixture_load(&f, variables, document, "BASE=http://h:1/base/\n");
    cr_assert(f.config != NULL, "%s", config_fixture_problems(&f));
    cr_expect_str_eq(f.config->routes[0].upstreams[0].headers[0].value, "Bearer s3cret");
    cr_expect_str_eq(f.config->routes[0].upstreams[0].url, "http://h:1/base/x");
    config_fixture_done(&f);
    config_fixture_load(&f, variables, NULL, NULL);
    cr_expect_str_eq(config_fixture_problems(&f), "WEIR_KEY: unknown option\n");
    config_fixture_done(&f);
}

Test(config, off_switches)
{
    static const char *const variables[] = {"WEIR_ADMIN_LISTEN=off", "WEIR_DEADLINE_HEADER=off",
                                            "WEIR_SERVER_TIMING=off", "WEIR_LOG_LEVEL=error", NULL};
    static const char *const named[] = {"WEIR_DEADLINE_HEADER=X-Deadline", NULL};
    struct config_fixture f;

    config_fixture_load(&f, variables, NULL, NULL);
    cr_assert(f.config != NULL, "%s", config_fixture_problems(&f));
    cr_expect(f.config->admin_listen.off && !f.config->deadline_header);
    cr_expect(!f.config->server_timing && f.config->log_level == CONFIG_LOG_ERROR);
    config_fixture_done(&f);
    config_fixture_load(&f, named, NULL, NULL);
    cr_assert(f.config != NULL, "%s", config_fixture_problems(&f));
    cr_expect_str_eq(f.config->deadline_header, "x-deadline");
    config_fixture_done(&f);
}

Test(config, printing_is_json_without_secrets)
{
    static const char *const variables[] = {"KEY=s3cret", "WEIR_BUDGET=750ms", NULL};
    static const char document[] = ROUTE(
        "{\"x\":{\"url\":\"http://h/x/{id}?key=${KEY}\",\"headers\":{\"X-Key\":\"${KEY}\","
        "\"Authorization\":\"Basic s3cret\"},\"timeout\":\"1.5ms\",\"default\": [ 1.10, 1e400 ] ,"
        "\"max_body\":\"2KiB\",\"required\":true}}");
    static const char *const wanted[] = {
        "\"WEIR_BUDGET\": \"750ms\"",
        "\"WEIR_UPSTREAM_CA_FILE\": null",
        "\"X-Key\": \"<redacted>\"",
        "\"Authorization\": \"<redacted>\"",
        "\"timeout\": \"1500us\"",
        "\"default\": [ 1.10, 1e400 ]",
        "\"max_body\": 2048",
        "\"url\": \"http://h/x/{id}?key=<redacted>\"",
        "\"forward\": [\"accept-language\"]",
        "\"path\": \"/a/{id}\"",
        "\"budget\": \"750ms\"",
        "\"required\": true",
    };
    struct config_fixture f;
    struct buf out;

    buf_init(&out, 1 << 20);
    config_fixture_load(&f, variables, document, NULL);
    cr_assert(f.config != NULL, "%s", config_fixture_problems(&f));
    config_print(f.config, &out);
    cr_expect(json_check(buf_cstr(&out), out.len, 64, NULL, NULL) == JSON_OBJECT);
    cr_expect(!strstr(buf_cstr(&out), "s3cret"), "%s", buf_cstr(&out));
    for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
        cr_expect(strstr(buf_cstr(&out), wanted[i]), "%s not in:\n%s", wanted[i], buf_cstr(&out));
    buf_done(&out);
    config_fixture_done(&f);
}

Test(config, fixed_changes_are_named)
{
    static const char *const before[] = {"WEIR_BUDGET=1s", "WEIR_WORKERS=1", NULL};
    static const char *const after[] = {"WEIR_BUDGET=2s", "WEIR_WORKERS=2",
                                        "WEIR_LISTEN=127.0.0.1:0",
                                        "WEIR_UPSTREAM_CA_FILE=/proc/self/status", NULL};
    struct config_fixture a, b;
    struct buf out;

    buf_init(&out, 4096);
    config_fixture_load(&a, before, NULL, NULL);
    config_fixture_load(&b, after, NULL, NULL);
    cr_assert(a.config && b.config);
    config_fixed_changes(a.config, a.config, &out);
    cr_expect_str_eq(buf_cstr(&out), "");
    config_fixed_changes(a.config, b.config, &out);
    cr_expect_str_eq(buf_cstr(&out), "WEIR_LISTEN, WEIR_WORKERS, WEIR_UPSTREAM_CA_FILE");
    buf_done(&out);
    config_fixture_done(&a);
    config_fixture_done(&b);
}

Test(config, references_are_counted)
{
    struct config_fixture f;

    config_fixture_load(&f, NULL, NULL, NULL);
    cr_assert(f.config != NULL);
    cr_expect(config_ref(f.config) == f.config);
    cr_expect_eq(f.config->refs, 2);
    config_unref(f.config);
    cr_expect_eq(f.config->refs, 1);
    config_unref(NULL);
    config_fixture_done(&f);
}

Test(config, help_names_every_option)
{
    size_t n;
    const struct config_option *options = config_options(&n);
    struct buf out;

    buf_init(&out, 1 << 16);
    config_help(&out);
    for (size_t i = 0; i < n; i++) {
        const char *at = strstr(buf_cstr(&out), options[i].name);

        cr_expect(at != NULL, "%s", options[i].name);
        cr_expect(!options[i].fallback || strstr(buf_cstr(&out), options[i].fallback));
        cr_expect(strstr(buf_cstr(&out), options[i].help) != NULL, "%s", options[i].name);
    }
    buf_done(&out);
}

Test(config, env_file_that_is_not_there)
{
    static char *const none[] = {NULL};
    struct config *config = NULL;
    struct buf problems;

    buf_init(&problems, 4096);
    cr_expect(!config_load(none, "/nonexistent/weir.env", &config, &problems));
    cr_expect_str_eq(buf_cstr(&problems), "--env-file: \"/nonexistent/weir.env\" cannot be read: "
                                          "No such file or directory\n");
    cr_expect(config == NULL);
    buf_done(&problems);
}
