/* The command line and the configuration: what is an error, and what is told about it. */
#include "stage.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(contract_config, .timeout = 60);

#define URL "http://127.0.0.1:1"

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
        "{\"path\":\"/t\",\"budget\":\"100ms\",\"upstreams\":{\"a\":{\"url\":\"" URL
        "\",\"timeout\":\"101ms\",\"frob\":1}}}"
        "],\"more\":1}";
    static const char *const lines[] = {
        "weir: WEIR_BUDGET: \"500\" has no unit (write \"500ms\" or \"2s\")\n",
        "weir: WEIR_MAX_IN_FLIGHT: ",
        "weir: WEIR_NO_SUCH: ",
        ":2: WEIR_NOR_THIS: ",
        ":1: WEIR_BUDGED: ",
        "/routes/0/upstreams: ",
        "/routes/1/upstreams/a/url: ",
        "/routes/2/upstreams/Bad: ",
        "/routes/2/path: ",
        "/routes/3/upstreams/a/timeout: ",
        "/routes/3/upstreams/a/frob: ",
        "/more: "};
    struct scratch scratch;
    char file[64], env_file[64], setting[128], *output;
    const char *env[] = {"WEIR_BUDGET=500", "WEIR_MAX_IN_FLIGHT=many", "WEIR_NO_SUCH=1", setting,
                         NULL};
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

Test(contract_config, values_of_the_environment)
{
    static const struct {
        const char *setting;
        bool good;
    } rows[] = {
        {"WEIR_BUDGET=500ms", true},
        {"WEIR_BUDGET=2s", true},
        {"WEIR_BUDGET=0s", false},
        {"WEIR_BUDGET=-1ms", false},
        {"WEIR_BUDGET=1", false},
        {"WEIR_BUDGET=ms", false},
        {"WEIR_LISTEN=[::1]:0", true},
        {"WEIR_LISTEN=0.0.0.0:80", true},
        {"WEIR_LISTEN=127.0.0.1", false},
        {"WEIR_LISTEN=127.0.0.1:70000", false},
        {"WEIR_LISTEN=off", false},
        {"WEIR_ADMIN_LISTEN=off", true},
        {"WEIR_ADMIN_LISTEN=127.0.0.1:8080", false},
        {"WEIR_WORKERS=auto", true},
        {"WEIR_WORKERS=3", true},
        {"WEIR_WORKERS=0", false},
        {"WEIR_WORKERS=-1", false},
        {"WEIR_MAX_IN_FLIGHT=1", true},
        {"WEIR_MAX_IN_FLIGHT=0", false},
        {"WEIR_MAX_CONNECTIONS=1", true},
        {"WEIR_MAX_CONNECTIONS=1.5", false},
        {"WEIR_HEADER_TIMEOUT=1", false},
        {"WEIR_IDLE_TIMEOUT=1m", true},
        {"WEIR_MAX_HEADER_BYTES=16384", true},
        {"WEIR_MAX_HEADER_BYTES=64KiB", true},
        {"WEIR_MAX_HEADER_BYTES=1MiB", true},
        {"WEIR_MAX_HEADER_BYTES=64KB", false},
        {"WEIR_DRAIN_DELAY=0s", true},
        {"WEIR_DRAIN_DELAY=0", false},
        {"WEIR_DRAIN_TIMEOUT=-1s", false},
        {"WEIR_LOG_LEVEL=debug", true},
        {"WEIR_LOG_LEVEL=trace", false},
        {"WEIR_SERVER_TIMING=off", true},
        {"WEIR_SERVER_TIMING=no", false},
        {"WEIR_DEADLINE_HEADER=off", true},
        {"WEIR_DEADLINE_HEADER=grpc-timeout", true},
        {"WEIR_DEADLINE_HEADER=a b", false},
        {"WEIR_DEADLINE_HEADER=host", false},
        {"WEIR_ACTIVITY_URL=https://h", true},
        {"WEIR_ACTIVITY_URL=h", false},
        {"WEIR_UPSTREAM_CA_FILE=/no/such", false},
        {"WEIR_UPSTREAM_CERT_FILE=/dev/null", false},
        {"WEIR_UPSTREAM_KEY_FILE=/dev/null", false},
        {"WEIR_ROUTES_FILE=/no/such", false},
        {"WEIR_BUDGETS=1s", false},
        {"OTHER_NAME=1", true},
        {"LC_ALL=de_DE.UTF-8", true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char *output, want[64];
        const char *env[] = {rows[i].setting, NULL}, *arguments[] = {"--check", NULL};
        int status = program_run(WEIR_BIN, env, arguments, &output);

        cr_expect(status == (rows[i].good ? 0 : 2), "%s: exit %d: %s", rows[i].setting, status,
                  output);
        snprintf(want, sizeof(want), "weir: %.*s: ", (int)strcspn(rows[i].setting, "="),
                 rows[i].setting);
        cr_expect(rows[i].good ? *output == '\0' : strstr(output, want) != NULL, "%s: %s",
                  rows[i].setting, output);
        free(output);
    }
}

Test(contract_config, the_defaults)
{
    static const char *const rows[][2] = {
        {"WEIR_LISTEN", "127.0.0.1:8080"},
        {"WEIR_ADMIN_LISTEN", "127.0.0.1:9901"},
        {"WEIR_WORKERS", "auto"},
        {"WEIR_BUDGET", "500ms"},
        {"WEIR_PROFILE_URL", "http://127.0.0.1:9101"},
        {"WEIR_PREFERENCES_URL", "http://127.0.0.1:9102"},
        {"WEIR_ACTIVITY_URL", "http://127.0.0.1:9103"},
        {"WEIR_MAX_IN_FLIGHT", "10000"},
        {"WEIR_MAX_CONNECTIONS", "20000"},
        {"WEIR_HEADER_TIMEOUT", "5s"},
        {"WEIR_IDLE_TIMEOUT", "60s"},
        {"WEIR_MAX_HEADER_BYTES", "16KiB"},
        {"WEIR_DRAIN_DELAY", "0s"},
        {"WEIR_DRAIN_TIMEOUT", "30s"},
        {"WEIR_LOG_LEVEL", "info"},
        {"WEIR_SERVER_TIMING", "on"},
        {"WEIR_DEADLINE_HEADER", "x-envoy-expected-rq-timeout-ms"},
        {"WEIR_ROUTES_FILE", ""},
        {"WEIR_UPSTREAM_CA_FILE", ""},
        {"WEIR_UPSTREAM_CERT_FILE", ""},
        {"WEIR_UPSTREAM_KEY_FILE", ""}};
    const char *env[] = {NULL}, *arguments[] = {"--print-config", NULL};
    char *output;
    cJSON *doc, *options, *route;

    cr_assert(program_run(WEIR_BIN, env, arguments, &output) == 0);
    doc = cJSON_ParseWithOpts(output, NULL, 1);
    cr_assert(doc != NULL, "%s", output);
    options = cJSON_GetObjectItem(doc, "options");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        cr_expect(cJSON_HasObjectItem(options, rows[i][0]), "%s", rows[i][0]);
        cr_expect_str_eq(member_text(options, rows[i][0]), rows[i][1], "%s: %s", rows[i][0],
                         member_text(options, rows[i][0]));
    }
    route = cJSON_GetArrayItem(cJSON_GetObjectItem(doc, "routes"), 0);
    cr_expect_str_eq(member_text(route, "path"), "/v1/users/{id}");
    expect_members(cJSON_GetObjectItem(route, "upstreams"), "profile,preferences,activity",
                   "built-in");
    cJSON_Delete(doc);
    free(output);
}

Test(contract_config, the_environment_wins_over_the_file_and_secrets_are_redacted)
{
    struct scratch scratch;
    char routes[64], file[64], setting[128], *output;
    const char *env[] = {"WEIR_BUDGET=600ms", setting, NULL},
               *arguments[] = {"--env-file", file, "--print-config", NULL};
    cJSON *doc;

    scratch_make(&scratch);
    scratch_write(&scratch, "routes.json",
                  "{\"routes\":[{\"path\":\"/a\",\"upstreams\":{\"a\":{\"url\":\"" URL
                  "\",\"headers\":{\"X-Key\":\"${WEIR_TEST_KEY}\"}}}}]}",
                  routes);
    scratch_write(&scratch, "env",
                  "# comment\nWEIR_BUDGET=700ms\nWEIR_LOG_LEVEL=warn\nWEIR_TEST_KEY='s3cret'\n",
                  file);
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
    } rows[] = {{{"--version"}, 0},
                {{"--help"}, 0},
                {{"--check"}, 0},
                {{"--print-config"}, 0},
                {{"--check=1"}, 2},
                {{"check"}, 2},
                {{"-h"}, 2},
                {{"--env-file"}, 2},
                {{"--env-file", "/no/such", "--check"}, 2},
                {{"--health"}, 1}};
    const char *env[] = {"WEIR_ADMIN_LISTEN=127.0.0.1:1", NULL};

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char *output;
        int status = program_run(WEIR_BIN, env, rows[i].arguments, &output);

        cr_expect(status == rows[i].status, "%s: exit %d: %s", rows[i].arguments[0], status,
                  output);
        free(output);
    }
}

Test(contract_config, an_address_that_is_taken_or_not_here_is_exit_1)
{
    struct trio t;
    char taken[64];
    const char *rows[][3] = {{taken, "WEIR_ADMIN_LISTEN=off", NULL},
                             {"WEIR_LISTEN=192.0.2.1:0", "WEIR_ADMIN_LISTEN=off", NULL},
                             {"WEIR_LISTEN=127.0.0.1:0", taken, NULL}};

    trio_start(&t, NULL);
    for (size_t i = 0; i < 3; i++) {
        char *output;

        snprintf(taken, sizeof(taken), "WEIR_%sLISTEN=127.0.0.1:%u", i == 2 ? "ADMIN_" : "",
                 i == 2 ? t.weir.admin_port : t.weir.port);
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
    const char *env[] = {"WEIR_LISTEN=127.0.0.1:0", "WEIR_ADMIN_LISTEN=127.0.0.1:0",
                         "WEIR_WORKERS=1", connections, NULL};
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
