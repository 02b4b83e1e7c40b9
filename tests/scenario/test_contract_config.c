/* The command line and the configuration: what is an error, and what is told about it. */
#include "stage.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(contract_config, .timeout = 60);

#define URL "http://127.0.0.1:1"

/* Runs "weir --check" over a document (NULL: the built-in one) and settings. */
static int check(const char *document, const char *const *settings, char **output)
{
    const char *env[16], *arguments[] = {"--check", NULL};
    char file[64], setting[128];
    struct scratch scratch;
    size_t n = 0;
    int status;

    scratch_make(&scratch);
    if (document != NULL) {
        scratch_write(&scratch, "routes.json", document, file);
        snprintf(setting, sizeof(setting), "WEIR_ROUTES_FILE=%s", file);
        env[n++] = setting;
    }
    for (; settings != NULL && *settings != NULL && n < 15; settings++)
        env[n++] = *settings;
    env[n] = NULL;
    status = program_run(WEIR_BIN, env, arguments, output);
    scratch_remove(&scratch);
    return status;
}

/* Every line of the output begins so. */
static void expect_prefix(const char *output, const char *prefix)
{
    for (const char *p = output; *p != '\0'; p += strcspn(p, "\n"), p += *p == '\n')
        cr_expect(strncmp(p, prefix, strlen(prefix)) == 0, "%.*s", (int)strcspn(p, "\n"), p);
}

Test(contract_config, every_problem_of_environment_file_and_document_is_printed)
{
    static const char document[] =
        "{\"routes\":["
        "{\"path\":\"/a\",\"upstreams\":{}},"
        "{\"path\":\"/r/{id}\",\"upstreams\":{\"a\":{\"url\":\"" URL "/{other}\"}}},"
        "{\"path\":\"/r/{user}\",\"upstreams\":{\"Bad\":{\"url\":\"" URL "\"}}},"
        "{\"path\":\"/t\",\"budget\":\"100ms\",\"upstreams\":{\"a\":{\"url\":\"" URL "\",\"timeout\":\"101ms\",\"frob\":1}}}"
        "],\"more\":1}";
    static const char *const lines[] = {
        "weir: WEIR_BUDGET: \"500\" has no unit (write \"500ms\" or \"2s\")\n",
        "weir: WEIR_MAX_IN_FLIGHT: ", "weir: WEIR_NO_SUCH: ", ":2: WEIR_NOR_THIS: ", ":1: WEIR_BUDGED: ",
        "/routes/0/upstreams: ", "/routes/1/upstreams/a/url: ", "/routes/2/upstreams/Bad: ", "/routes/2/path: ",
        "/routes/3/upstreams/a/timeout: ", "/routes/3/upstreams/a/frob: ", "/more: "};
    struct scratch scratch;
    char file[64], env_file[64], setting[128], *output;
    const char *env[] = {"WEIR_BUDGET=500", "WEIR_MAX_IN_FLIGHT=many", "WEIR_NO_SUCH=1", setting, NULL};
    const char *arguments[] = {"--env-file", env_file, "--check", NULL};

    scratch_make(&scratch);
    scratch_write(&scratch, "routes.json", document, file);
    scratch_write(&scratch, "env", "WEIR_BUDGED=1s\nWEIR_NOR_THIS=1\n", env_file);
    snprintf(setting, sizeof(setting), "WEIR_ROUTES_FILE=%s", file);
    cr_expect(program_run(WEIR_BIN, env, arguments, &output) == 2);
    expect_prefix(output, "weir: ");
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        cr_expect(strstr(output, lines[i]) != NULL, "%s is missing in:\n%s", lines[i], output);
    free(output);
    scratch_remove(&scratch);
}

/* One fault each, put in place of the route's or the upstream's members. */
static const struct {
    const char *route, *upstream; /* further members */
    const char *pointer;          /* "": nothing is wrong */
} faults[] = {
    {"", "", ""},
    {",\"budget\":\"1s\"", ",\"timeout\":\"1s\",\"required\":true,\"expect\":\"array\",\"default\":[],\"max_body\":\"2KiB\",\"forward\":[\"cookie\"],\"headers\":{\"X-A\":\"b\"}", ""},
    {"", ",\"timeout\":\"500ms\"", ""},
    {"", ",\"timeout\":\"501ms\"", "/routes/0/upstreams/a/timeout"},
    {",\"budget\":\"0s\"", "", "/routes/0/budget"},
    {",\"budget\":\"-1s\"", "", "/routes/0/budget"},
    {",\"budget\":500", "", "/routes/0/budget"},
    {",\"budget\":\"500\"", "", "/routes/0/budget"},
    {",\"Budget\":\"1s\"", "", "/routes/0/Budget"},
    {",\"path\":\"/b\"", "", "/routes/0/path"},
    {"", ",\"timeout\":\"0ms\"", "/routes/0/upstreams/a/timeout"},
    {"", ",\"timeout\":null", "/routes/0/upstreams/a/timeout"},
    {"", ",\"required\":\"true\"", "/routes/0/upstreams/a/required"},
    {"", ",\"expect\":\"text\"", "/routes/0/upstreams/a/expect"},
    {"", ",\"max_body\":\"1MB\"", "/routes/0/upstreams/a/max_body"},
    {"", ",\"max_body\":0", "/routes/0/upstreams/a/max_body"},
    {"", ",\"forward\":\"cookie\"", "/routes/0/upstreams/a/forward"},
    {"", ",\"forward\":[\"a b\"]", "/routes/0/upstreams/a/forward/0"},
    {"", ",\"headers\":{\"A\":1}", "/routes/0/upstreams/a/headers/A"},
    {"", ",\"headers\":{\"A\":\"${MISSING}\"}", "/routes/0/upstreams/a/headers/A"},
    {"", ",\"url\":\"" URL "\"", "/routes/0/upstreams/a/url"},
    {"", ",\"retries\":1", "/routes/0/upstreams/a/retries"},
};

Test(contract_config, a_fault_of_the_document_is_told_with_its_place)
{
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        char document[1024], want[256], *output;
        int status;

        snprintf(document, sizeof(document),
                 "{\"routes\":[{\"path\":\"/a\"%s,\"upstreams\":{\"a\":{\"url\":\"" URL "\"%s}}}]}", faults[i].route,
                 faults[i].upstream);
        status = check(document, NULL, &output);
        cr_expect(status == (*faults[i].pointer ? 2 : 0), "%s: exit %d: %s", document, status, output);
        snprintf(want, sizeof(want), " %s: ", faults[i].pointer);
        if (*faults[i].pointer)
            cr_expect(strstr(output, want) != NULL && strchr(output, '\n') == output + strlen(output) - 1,
                      "%s: %s", document, output);
        else
            cr_expect_str_eq(output, "", "%s", output);
        free(output);
    }
}

/* URLs, names of upstreams and paths; NULL: good. */
static const struct {
    const char *path, *name, *url;
    bool good;
} names[] = {
    {"/a", "a", URL, true},
    {"/", "a", "https://[::1]:8443/x?y=1", true},
    {"/a/{id}/b/{x_1}", "a-_9", URL "/{x_1}/{id}", true},
    {"/a/{userId}/{ID}", "a", URL "/{ID}/{userId}", true},
    {"/a/{id}", "a", URL "/{ID}", false},
    {"/a", "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcd", URL, true},
    {"/a", "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcde", URL, false},
    {"/a", "", URL, false},
    {"/a", "9a", URL, false},
    {"/a", "a.b", URL, false},
    {"/a", "aB", URL, false},
    {"a", "a", URL, false},
    {"", "a", URL, false},
    {"/a//b", "a", URL, false},
    {"/{id}/{id}", "a", URL, false},
    {"/a/{id", "a", URL, false},
    {"/a", "a", "ftp://h/", false},
    {"/a", "a", "h:80/", false},
    {"/a", "a", "http://", false},
    {"/a", "a", "http://h:0/", false},
    {"/a", "a", "http://h:65536/", false},
    {"/a", "a", "http://u@h/", false},
    {"/a", "a", "http://u:passw0rd@h/", false},
    {"/a", "a", "http://${MISSING}/", false},
    {"/a", "a", URL "/{id}", false},
    {"/a", "a", URL "/a b", false},
};

Test(contract_config, paths_names_and_urls)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char document[1024], *output;
        int status;

        snprintf(document, sizeof(document), "{\"routes\":[{\"path\":\"%s\",\"upstreams\":{\"%s\":{\"url\":\"%s\"}}}]}",
                 names[i].path, names[i].name, names[i].url);
        status = check(document, NULL, &output);
        cr_expect(status == (names[i].good ? 0 : 2), "%s: exit %d: %s", document, status, output);
        cr_expect(strstr(output, "passw0rd") == NULL, "%s", output);
        free(output);
    }
}

Test(contract_config, documents_as_a_whole)
{
    static const struct {
        const char *document;
        bool good;
    } rows[] = {
        {"{\"routes\":[{\"path\":\"/r/{id}\",\"upstreams\":{\"a\":{\"url\":\"" URL "\"}}},{\"path\":\"/r/x\",\"upstreams\":{\"a\":{\"url\":\"" URL "\"}}}]}", true},
        {"{\"routes\":[{\"path\":\"/r/{id}\",\"upstreams\":{\"a\":{\"url\":\"" URL "\"}}},{\"path\":\"/r/{user}\",\"upstreams\":{\"a\":{\"url\":\"" URL "\"}}}]}", false},
        {"{\"routes\":[{\"path\":\"/r\",\"upstreams\":{\"a\":{\"url\":\"" URL "\"}}},{\"path\":\"/r\",\"upstreams\":{\"a\":{\"url\":\"" URL "\"}}}]}", false},
        {"{\"routes\":[{\"path\":\"/r\",\"upstreams\":{\"a\":{\"url\":\"" URL "\"},\"a\":{\"url\":\"" URL "\"}}}]}", false},
        {"{\"routes\":[{\"path\":\"/r\"}]}", false},
        {"{\"routes\":[{\"path\":\"/r\",\"upstreams\":{}}]}", false},
        {"{\"routes\":[{\"upstreams\":{\"a\":{\"url\":\"" URL "\"}}}]}", false},
        {"{\"routes\":[{\"path\":\"/r\",\"upstreams\":{\"a\":{}}}]}", false},
        {"{\"routes\":[]}", false}, {"{}", false}, {"[]", false}, {"", false}, {"{\"routes\":[", false},
        {"{\"routes\":{}}", false}, {"{\"routes\":[1]}", false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char *output;
        int status = check(rows[i].document, NULL, &output);

        cr_expect(status == (rows[i].good ? 0 : 2), "%s: exit %d: %s", rows[i].document, status, output);
        cr_expect((*output == '\0') == rows[i].good, "%s: %s", rows[i].document, output);
        free(output);
    }
}

Test(contract_config, headers_that_are_weirs_own_are_refused)
{
    static const char *const refused[] = {"Host", "content-length", "Transfer-Encoding", "TE", "Trailer", "Connection", "Keep-Alive",
                                          "Proxy-Connection", "Upgrade", "traceparent", "tracestate", "X-Request-Id",
                                          "X-Envoy-Expected-Rq-Timeout-Ms"};
    char document[512], *output;

    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        snprintf(document, sizeof(document),
                 "{\"routes\":[{\"path\":\"/a\",\"upstreams\":{\"a\":{\"url\":\"" URL "\",\"headers\":{\"%s\":\"s3cret\"}}}}]}", refused[i]);
        cr_expect(check(document, NULL, &output) == 2, "%s: %s", refused[i], output);
        cr_expect(strstr(output, "s3cret") == NULL && strstr(output, refused[i]) != NULL, "%s", output);
        free(output);
    }
    /* the last one only as long as it is the deadline header */
    cr_expect(check(document, (const char *const[]){"WEIR_DEADLINE_HEADER=x-left", NULL}, &output) == 0, "%s", output);
    free(output);
}

Test(contract_config, secrets_are_not_in_what_is_told)
{
    static const struct {
        const char *document, *settings[3];
    } rows[] = {
        {"{\"routes\":[{\"path\":\"/a\",\"upstreams\":{\"a\":{\"url\":\"" URL "\",\"headers\":{\"A\":\"s3cret\\n\",\"B c\":\"s3cret\"}}}}]}", {NULL}},
        {"{\"routes\":[{\"path\":\"/a\",\"upstreams\":{\"a\":{\"url\":\"" URL "\",\"headers\":{\"A\":[\"s3cret\"],\"B: s3cret\":\"b\"}}}}]}", {NULL}},
        {"{\"routes\":[{\"path\":\"/a\",\"upstreams\":{\"a\":{\"url\":\"http://user:s3cret@h/\"}}}]}", {NULL}},
        {"{\"routes\":[{\"path\":\"/a\",\"upstreams\":{\"a\":{\"url\":\"${BASE}\"}}}]}", {"BASE=http://user:s3cret@h/", NULL}},
        {NULL, {"WEIR_PROFILE_URL=http://user:s3cret@h/", NULL}},
        {NULL, {"WEIR_PROFILE_URL=ftp://user:s3cret@h/", NULL}},
        {NULL, {"WEIR_PROFILE_URL=user:s3cret@h", NULL}},
        {"{\"routes\":[{\"path\":\"/a\",\"upstreams\":{\"a\":{\"url\":\"" URL "\",\"headers\":{\"A\":\"${KEY}\"}}}}],\"x\":1}", {"KEY=s3cret", NULL}},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char *output;

        cr_expect(check(rows[i].document, rows[i].settings, &output) == 2, "row %zu: %s", i, output);
        cr_expect(strstr(output, "s3cret") == NULL, "row %zu: %s", i, output);
        cr_expect(strncmp(output, "weir: ", 6) == 0, "row %zu: %s", i, output);
        free(output);
    }
}

Test(contract_config, values_of_the_environment)
{
    static const struct {
        const char *setting;
        bool good;
    } rows[] = {
        {"WEIR_BUDGET=500ms", true},        {"WEIR_BUDGET=2s", true},          {"WEIR_BUDGET=0s", false},
        {"WEIR_BUDGET=-1ms", false},        {"WEIR_BUDGET=1", false},          {"WEIR_BUDGET=ms", false},
        {"WEIR_LISTEN=[::1]:0", true},      {"WEIR_LISTEN=0.0.0.0:80", true},  {"WEIR_LISTEN=127.0.0.1", false},
        {"WEIR_LISTEN=127.0.0.1:70000", false}, {"WEIR_LISTEN=off", false},    {"WEIR_ADMIN_LISTEN=off", true},
        {"WEIR_ADMIN_LISTEN=127.0.0.1:8080", false},                           {"WEIR_WORKERS=auto", true},
        {"WEIR_WORKERS=3", true},           {"WEIR_WORKERS=0", false},         {"WEIR_WORKERS=-1", false},
        {"WEIR_MAX_IN_FLIGHT=1", true},     {"WEIR_MAX_IN_FLIGHT=0", false},   {"WEIR_MAX_CONNECTIONS=1", true},
        {"WEIR_MAX_CONNECTIONS=1.5", false}, {"WEIR_HEADER_TIMEOUT=1", false}, {"WEIR_IDLE_TIMEOUT=1m", true},
        {"WEIR_MAX_HEADER_BYTES=16384", true}, {"WEIR_MAX_HEADER_BYTES=64KiB", true}, {"WEIR_MAX_HEADER_BYTES=1MiB", true},
        {"WEIR_MAX_HEADER_BYTES=64KB", false}, {"WEIR_DRAIN_DELAY=0s", true},  {"WEIR_DRAIN_DELAY=0", false},
        {"WEIR_DRAIN_TIMEOUT=-1s", false},  {"WEIR_LOG_LEVEL=debug", true},    {"WEIR_LOG_LEVEL=trace", false},
        {"WEIR_SERVER_TIMING=off", true},   {"WEIR_SERVER_TIMING=no", false},  {"WEIR_DEADLINE_HEADER=off", true},
        {"WEIR_DEADLINE_HEADER=grpc-timeout", true}, {"WEIR_DEADLINE_HEADER=a b", false}, {"WEIR_DEADLINE_HEADER=host", false},
        {"WEIR_ACTIVITY_URL=https://h", true}, {"WEIR_ACTIVITY_URL=h", false},
        {"WEIR_UPSTREAM_CA_FILE=/no/such", false}, {"WEIR_UPSTREAM_CERT_FILE=/dev/null", false}, {"WEIR_UPSTREAM_KEY_FILE=/dev/null", false},
        {"WEIR_ROUTES_FILE=/no/such", false}, {"WEIR_BUDGETS=1s", false},      {"OTHER_NAME=1", true},
        {"LC_ALL=de_DE.UTF-8", true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char *output, want[64];
        int status = check(NULL, (const char *const[]){rows[i].setting, NULL}, &output);

        cr_expect(status == (rows[i].good ? 0 : 2), "%s: exit %d: %s", rows[i].setting, status, output);
        snprintf(want, sizeof(want), "weir: %.*s: ", (int)strcspn(rows[i].setting, "="), rows[i].setting);
        cr_expect(rows[i].good ? *output == '\0' : strstr(output, want) != NULL, "%s: %s", rows[i].setting, output);
        free(output);
    }
}

Test(contract_config, the_defaults)
{
    static const char *const rows[][2] = {
        {"WEIR_LISTEN", "127.0.0.1:8080"},      {"WEIR_ADMIN_LISTEN", "127.0.0.1:9901"}, {"WEIR_WORKERS", "auto"},
        {"WEIR_BUDGET", "500ms"},               {"WEIR_PROFILE_URL", "http://127.0.0.1:9101"},
        {"WEIR_PREFERENCES_URL", "http://127.0.0.1:9102"}, {"WEIR_ACTIVITY_URL", "http://127.0.0.1:9103"},
        {"WEIR_MAX_IN_FLIGHT", "10000"},        {"WEIR_MAX_CONNECTIONS", "20000"},       {"WEIR_HEADER_TIMEOUT", "5s"},
        {"WEIR_IDLE_TIMEOUT", "60s"},           {"WEIR_MAX_HEADER_BYTES", "16KiB"},      {"WEIR_DRAIN_DELAY", "0s"},
        {"WEIR_DRAIN_TIMEOUT", "30s"},          {"WEIR_LOG_LEVEL", "info"},              {"WEIR_SERVER_TIMING", "on"},
        {"WEIR_DEADLINE_HEADER", "x-envoy-expected-rq-timeout-ms"}, {"WEIR_ROUTES_FILE", ""}, {"WEIR_UPSTREAM_CA_FILE", ""},
        {"WEIR_UPSTREAM_CERT_FILE", ""},        {"WEIR_UPSTREAM_KEY_FILE", ""}};
    const char *env[] = {NULL}, *arguments[] = {"--print-config", NULL};
    char *output;
    cJSON *doc, *options, *route;

    cr_assert(program_run(WEIR_BIN, env, arguments, &output) == 0);
    doc = cJSON_ParseWithOpts(output, NULL, 1);
    cr_assert(doc != NULL, "%s", output);
    options = cJSON_GetObjectItem(doc, "options");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        cr_expect(cJSON_HasObjectItem(options, rows[i][0]), "%s", rows[i][0]);
        cr_expect_str_eq(member_text(options, rows[i][0]), rows[i][1], "%s: %s", rows[i][0], member_text(options, rows[i][0]));
    }
    route = cJSON_GetArrayItem(cJSON_GetObjectItem(doc, "routes"), 0);
    cr_expect_str_eq(member_text(route, "path"), "/v1/users/{id}");
    expect_members(cJSON_GetObjectItem(route, "upstreams"), "profile,preferences,activity", "built-in");
    cJSON_Delete(doc);
    free(output);
}

Test(contract_config, the_environment_wins_over_the_file_and_secrets_are_redacted)
{
    struct scratch scratch;
    char routes[64], file[64], setting[128], *output;
    const char *env[] = {"WEIR_BUDGET=600ms", setting, NULL}, *arguments[] = {"--env-file", file, "--print-config", NULL};
    cJSON *doc;

    scratch_make(&scratch);
    scratch_write(&scratch, "routes.json",
                  "{\"routes\":[{\"path\":\"/a\",\"upstreams\":{\"a\":{\"url\":\"" URL "\",\"headers\":{\"X-Key\":\"${WEIR_TEST_KEY}\"}}}}]}", routes);
    scratch_write(&scratch, "env", "# comment\nWEIR_BUDGET=700ms\nWEIR_LOG_LEVEL=warn\nWEIR_TEST_KEY='s3cret'\n", file);
    snprintf(setting, sizeof(setting), "WEIR_ROUTES_FILE=%s", routes);
    cr_assert(program_run(WEIR_BIN, env, arguments, &output) == 0, "%s", output);
    doc = cJSON_ParseWithOpts(output, NULL, 1);
    cr_assert(doc != NULL, "%s", output);
    cr_expect_str_eq(member_text(cJSON_GetObjectItem(doc, "options"), "WEIR_BUDGET"), "600ms");
    cr_expect_str_eq(member_text(cJSON_GetObjectItem(doc, "options"), "WEIR_LOG_LEVEL"), "warn");
    cr_expect(strstr(output, "s3cret") == NULL && strstr(output, "X-Key") != NULL, "%s", output);
    cJSON_Delete(doc);
    free(output);
    scratch_remove(&scratch);
}

Test(contract_config, exit_statuses_of_the_command_line)
{
    static const struct {
        const char *arguments[4];
        int status;
    } rows[] = {{{"--version"}, 0},          {{"--help"}, 0},        {{"--check"}, 0},     {{"--print-config"}, 0},
                {{"--check=1"}, 2},          {{"check"}, 2},         {{"-h"}, 2},          {{"--env-file"}, 2},
                {{"--env-file", "/no/such", "--check"}, 2},          {{"--health"}, 1}};
    const char *env[] = {"WEIR_ADMIN_LISTEN=127.0.0.1:1", NULL};

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char *output;
        int status = program_run(WEIR_BIN, env, rows[i].arguments, &output);

        cr_expect(status == rows[i].status, "%s: exit %d: %s", rows[i].arguments[0], status, output);
        free(output);
    }
}

Test(contract_config, an_address_that_is_taken_or_not_here_is_exit_1)
{
    struct trio t;
    char taken[64];
    const char *rows[][3] = {{taken, "WEIR_ADMIN_LISTEN=off", NULL}, {"WEIR_LISTEN=192.0.2.1:0", "WEIR_ADMIN_LISTEN=off", NULL},
                             {"WEIR_LISTEN=127.0.0.1:0", taken, NULL}};

    trio_start(&t, NULL);
    for (size_t i = 0; i < 3; i++) {
        char *output;

        snprintf(taken, sizeof(taken), "WEIR_%sLISTEN=127.0.0.1:%u", i == 2 ? "ADMIN_" : "", i == 2 ? t.weir.admin_port : t.weir.port);
        cr_expect(program_run(WEIR_BIN, rows[i], NULL, &output) == 1, "row %zu: %s", i, output);
        cr_expect(strstr(output, "weir: ") != NULL, "row %zu: %s", i, output);
        free(output);
    }
    trio_stop(&t);
}

/* Starts weir through a shell that sets its limit of descriptors first. */
static struct process *start_with_limit(const char *ulimit, const char *connections)
{
    char script[512];
    const char *env[] = {"WEIR_LISTEN=127.0.0.1:0", "WEIR_ADMIN_LISTEN=127.0.0.1:0", "WEIR_WORKERS=1", connections, NULL};
    const char *arguments[] = {"-c", script, NULL};
    struct process *p;

    snprintf(script, sizeof(script), "ulimit %s && exec %s", ulimit, WEIR_BIN);
    p = process_start("/bin/sh", env, arguments);
    cr_assert(process_wait_line(p, "\"listener\":\"admin\"", 1, 10000) != NULL, "did not start");
    return p;
}

static void stop(struct process *p)
{
    process_signal(p, 15);
    cr_expect(process_wait_exit(p, 10000) == 0);
    process_free(p);
}

Test(contract_config, descriptors_are_raised_or_the_cap_is_lowered)
{
    struct process *p = start_with_limit("-Sn 64", "WEIR_MAX_CONNECTIONS=100");
    char path[64], line[256] = "";
    unsigned long soft = 0, hard = 1;
    const char *text;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/limits", (int)process_pid(p));
    f = fopen(path, "re");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        if (sscanf(line, "Max open files %lu %lu", &soft, &hard) == 2)
            break;
    if (f != NULL)
        fclose(f);
    cr_expect(soft == hard && soft > 64, "soft %lu, hard %lu", soft, hard);
    stop(p);

    p = start_with_limit("-n 300", "WEIR_MAX_CONNECTIONS=5000");
    text = process_wait_line(p, "5000 connections", 1, 5000);
    cr_assert(text != NULL, "it does not say so");
    cr_expect(strstr(text, "300") != NULL && strstr(text, "capped at ") != NULL, "%s", text);
    cr_expect(strtoul(strstr(text, "capped at ") + 10, NULL, 10) < 300, "%s", text);
    stop(p);
}
