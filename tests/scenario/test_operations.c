/* What an operator sees: command line, admin pages, log, signals, drain, reload. */
#include "trio.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(operations, .timeout = 60);

#define GET "GET /v1/users/42 HTTP/1.1\r\nHost: t\r\n\r\n"

/* Runs weir with settings and arguments until it ends; its output is to be freed. */
static int run(const char *const *env, const char *const *arguments, char **output)
{
    struct process *p = process_start(WEIR_BIN, env, arguments);
    int status = process_wait_exit(p, 20000);

    *output = process_output(p);
    process_free(p);
    return status;
}

struct usage {
    const char *name, *env, *argument;
    int status;
    const char *text;
};

static const struct usage usages[] = {
    {"version", NULL, "--version", 0, "weir "},
    {"help", NULL, "--help", 0, "WEIR_BUDGET"},
    {"good check", NULL, "--check", 0, ""},
    {"print", NULL, "--print-config", 0, "500ms"},
    {"unknown option", NULL, "--frob", 2, "--frob"},
    {"no unit", "WEIR_BUDGET=500", "--check", 2, "weir: WEIR_BUDGET: \"500\" has no unit (write \"500ms\" or \"2s\")"},
    {"zero budget", "WEIR_BUDGET=0ms", "--check", 2, "weir: WEIR_BUDGET: "},
    {"negative budget", "WEIR_BUDGET=-5ms", "--check", 2, "weir: WEIR_BUDGET: "},
    {"unknown name", "WEIR_BUGDET=5ms", "--check", 2, "WEIR_BUGDET"},
    {"no such routes", "WEIR_ROUTES_FILE=/nonexistent", "--check", 2, "/nonexistent"},
    {"no such CA", "WEIR_UPSTREAM_CA_FILE=/nonexistent", "--check", 2, "WEIR_UPSTREAM_CA_FILE"},
    {"bad start", "WEIR_LOG_LEVEL=loud", NULL, 2, "WEIR_LOG_LEVEL"},
    {"nobody to ask", "WEIR_ADMIN_LISTEN=127.0.0.1:1", "--health", 1, "127.0.0.1:1"},
};

Test(operations, command_line)
{
    for (size_t i = 0; i < sizeof(usages) / sizeof(*usages); i++) {
        const char *env[] = {usages[i].env, NULL}, *arguments[] = {usages[i].argument, NULL};
        char *output;
        int status = run(env, arguments, &output);

        cr_expect(status == usages[i].status, "%s: exit %d: %s", usages[i].name, status, output);
        cr_expect(strstr(output, usages[i].text) != NULL, "%s: %s", usages[i].name, output);
        free(output);
    }
}

Test(operations, every_problem_is_reported_at_once)
{
    const char *env[] = {"WEIR_BUDGET=500", "WEIR_WORKERS=none", "WEIR_LISTEN=nowhere", NULL};
    const char *arguments[] = {"--check", NULL};
    char *output;

    cr_expect(run(env, arguments, &output) == 2);
    for (const char *const *name = (const char *const[]){"WEIR_BUDGET", "WEIR_WORKERS",
                                                         "WEIR_LISTEN", NULL};
         *name != NULL; name++)
        cr_expect(strstr(output, *name) != NULL, "%s is missing in: %s", *name, output);
    free(output);
}

Test(operations, an_address_in_use_is_said)
{
    struct trio t;
    char listen[64], *output;

    trio_start(&t, NULL);
    snprintf(listen, sizeof(listen), "WEIR_LISTEN=127.0.0.1:%u", t.weir.port);
    const char *env[] = {listen, "WEIR_ADMIN_LISTEN=off", NULL};
    cr_expect(run(env, NULL, &output) == 1, "%s", output);
    cr_expect(strstr(output, "Address already in use") != NULL, "%s", output);
    free(output);
    trio_stop(&t);
}

Test(operations, admin_pages)
{
    static const struct {
        const char *path;
        int status;
        const char *text, *type;
    } rows[] = {
        {"/livez", 200, "ok", "text/plain; charset=utf-8"},
        {"/readyz", 200, "ok", "text/plain; charset=utf-8"},
        {"/healthz", 200, "ok", "text/plain; charset=utf-8"},
        {"/metrics", 200, "# TYPE weir_requests_total counter", "text/plain; version=0.0.4; charset=utf-8"},
        {"/config", 200, "WEIR_BUDGET", "application/json"},
        {"/other", 404, "no such page", "application/problem+json"},
    };
    struct trio t;

    trio_start(&t, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct response r;

        cr_assert(client_get(t.weir.admin_port, rows[i].path, NULL, &r, 5000), "%s", rows[i].path);
        cr_expect(r.status == rows[i].status, "%s: %d", rows[i].path, r.status);
        cr_expect_str_eq(response_header(&r, "Content-Type"), rows[i].type);
        trio_expect_text(&r, rows[i].text);
        response_done(&r);
    }
    trio_stop(&t);
}

static void with_admin(const struct trio *t, char *text, size_t size)
{
    snprintf(text, size, "WEIR_ADMIN_LISTEN=127.0.0.1:%u", t->weir.admin_port);
}

Test(operations, health_asks_a_running_weir)
{
    struct trio t;
    char admin[64], *output;
    const char *env[] = {admin, NULL}, *arguments[] = {"--health", NULL};
    const char *wrong_since[] = {admin, "WEIR_BUDGET=500", NULL};

    trio_start(&t, NULL);
    with_admin(&t, admin, sizeof(admin));
    cr_expect(run(env, arguments, &output) == 0, "%s", output);
    free(output);
    cr_expect(run(wrong_since, arguments, &output) == 0, "settings that weir does not run with: %s",
              output);
    free(output);
    trio_stop(&t);
}

Test(operations, metrics_count_what_happened)
{
    struct trio t;
    struct response r;
    struct {
        const char *series;
        double value;
    } rows[] = {
        {"weir_requests_total{route=\"/v1/users/{id}\",code=\"200\",outcome=\"complete\"}", 2},
        {"weir_requests_total{route=\"/v1/users/{id}\",code=\"200\",outcome=\"partial\"}", 1},
        {"weir_requests_total{route=\"/v1/users/{id}\",code=\"502\",outcome=\"failed\"}", 1},
        {"weir_requests_total{route=\"/v1/users/{id}\",code=\"405\",outcome=\"rejected\"}", 1},
        {"weir_requests_total{route=\"unmatched\",code=\"404\",outcome=\"rejected\"}", 1},
        {"weir_upstream_requests_total{route=\"/v1/users/{id}\",upstream=\"activity\",outcome=\"bad_status\"}", 1},
        {"weir_upstream_requests_total{route=\"/v1/users/{id}\",upstream=\"profile\",outcome=\"ok\"}", 3},
        {"weir_request_duration_seconds_count{route=\"/v1/users/{id}\"}", 5},
        {"weir_requests_in_flight", 0},
    };
    int fd;

    trio_start(&t, NULL);
    trio_get(&t, &r), response_done(&r);
    trio_get(&t, &r), response_done(&r);
    weir_mock_fault(t.activity, "status=500");
    trio_get(&t, &r), response_done(&r);
    weir_mock_fault(t.activity, NULL);
    weir_mock_fault(t.profile, "status=500");
    trio_get(&t, &r), response_done(&r);
    client_get(t.weir.port, "/nowhere", NULL, &r, 5000), response_done(&r);
    fd = client_connect(t.weir.port);
    client_say(fd, "PUT /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n");
    client_read(fd, &r, 5000, false), response_done(&r);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        cr_expect(weir_metric(&t.weir, rows[i].series) == rows[i].value, "%s is %g", rows[i].series,
                  weir_metric(&t.weir, rows[i].series));
    close(fd);
    trio_stop(&t);
}

Test(operations, access_line_has_every_field)
{
    static const char *const fields[] = {"ts", "level", "msg", "request_id", "trace_id", "method",
                                         "path", "route", "status", "outcome", "duration_ms",
                                         "bytes", "client_ip", "upstreams"};
    struct trio t;
    struct response r;
    cJSON *line, *first;

    trio_start(&t, NULL);
    trio_get(&t, &r);
    line = cJSON_Parse(process_wait_line(t.weir.process, "\"msg\":\"request\"", 1, 5000));
    cr_assert(line != NULL);
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
        cr_expect(cJSON_GetObjectItemCaseSensitive(line, fields[i]) != NULL, "%s", fields[i]);
    cr_expect_str_eq(cJSON_GetObjectItem(line, "client_ip")->valuestring, "127.0.0.1");
    cr_expect_str_eq(cJSON_GetObjectItem(line, "route")->valuestring, "/v1/users/{id}");
    cr_expect_str_eq(cJSON_GetObjectItem(line, "path")->valuestring, "/v1/users/42");
    cr_expect(cJSON_GetObjectItem(line, "bytes")->valueint == (int)r.body_len);
    first = cJSON_GetArrayItem(cJSON_GetObjectItem(line, "upstreams"), 0);
    for (const char *const *f = (const char *const[]){"name", "outcome", "status", "ms", "bytes",
                                                      "reused", NULL};
         *f != NULL; f++)
        cr_expect(cJSON_GetObjectItemCaseSensitive(first, *f) != NULL, "%s", *f);
    cJSON_Delete(line);
    response_done(&r);
    trio_stop(&t);
}

Test(operations, a_blocked_log_never_blocks_serving)
{
    struct trio t;
    struct response r;

    trio_start(&t, NULL);
    process_stop_reading(t.weir.process);
    for (int i = 0; i < 3000; i++) {
        trio_get(&t, &r);
        cr_assert(r.status == 200);
        response_done(&r);
    }
    process_signal(t.weir.process, SIGTERM);
    cr_expect(process_wait_exit(t.weir.process, 15000) == 0);
    process_free(t.weir.process);
    trio_stop_mocks(&t);
}

Test(operations, drain_finishes_what_is_in_flight)
{
    struct trio t;
    struct response r;
    int busy, idle;

    trio_start(&t, (const char *const[]){"WEIR_BUDGET=20s", NULL});
    idle = client_connect(t.weir.port);
    cr_assert(client_say(idle, GET) && client_read(idle, &r, 5000, false));
    response_done(&r);
    weir_mock_hold(t.activity);
    busy = client_connect(t.weir.port);
    cr_assert(client_say(busy, GET));
    cr_assert(weir_mock_wait(t.activity, WEIR_MOCK_HELD, 1, 5000));
    process_signal(t.weir.process, SIGTERM);
    cr_expect(client_sees_close(idle, 5000), "idle connections are closed");
    cr_assert(client_get(t.weir.admin_port, "/readyz", NULL, &r, 5000), "admin stays until the end");
    cr_expect(r.status == 503, "%d", r.status);
    response_done(&r);
    cr_expect(client_connect(t.weir.port) < 0, "still accepting");
    weir_mock_release(t.activity);
    cr_expect(client_read(busy, &r, 5000, false) && r.status == 200, "%d", r.status);
    cr_expect_str_eq(response_header(&r, "Connection"), "close");
    response_done(&r);
    close(busy);
    close(idle);
    weir_end(&t.weir);
    trio_stop_mocks(&t);
}

Test(operations, during_the_drain_delay_requests_are_still_served)
{
    struct trio t;
    struct response r;
    int fd;

    trio_start(&t, (const char *const[]){"WEIR_DRAIN_DELAY=700ms", NULL});
    process_signal(t.weir.process, SIGTERM);
    cr_assert(process_wait_line(t.weir.process, "\"msg\":\"draining\"", 1, 5000) != NULL);
    cr_assert(client_get(t.weir.admin_port, "/readyz", NULL, &r, 5000));
    cr_expect(r.status == 503);
    response_done(&r);
    fd = client_connect(t.weir.port);
    cr_assert(fd >= 0 && client_say(fd, GET) && client_read(fd, &r, 5000, false));
    cr_expect(r.status == 200);
    cr_expect_str_eq(response_header(&r, "Connection"), "close");
    response_done(&r);
    close(fd);
    weir_end(&t.weir);
    trio_stop_mocks(&t);
}

Test(operations, drain_timeout_cuts_off_and_says_so)
{
    struct trio t;
    int fd;

    trio_start(&t, (const char *const[]){"WEIR_BUDGET=60s", "WEIR_DRAIN_TIMEOUT=200ms", NULL});
    weir_mock_fault(t.activity, "hang");
    fd = client_connect(t.weir.port);
    cr_assert(client_say(fd, GET));
    cr_assert(weir_mock_wait(t.activity, WEIR_MOCK_IN_FLIGHT, 1, 5000));
    process_signal(t.weir.process, SIGTERM);
    cr_expect(process_wait_exit(t.weir.process, 5000) == 1);
    cr_expect(weir_mock_wait(t.activity, WEIR_MOCK_CANCELLATIONS, 1, 2000));
    close(fd);
    process_free(t.weir.process);
    trio_stop_mocks(&t);
}

Test(operations, a_second_signal_exits_now)
{
    struct trio t;
    double start;
    int fd;

    trio_start(&t, (const char *const[]){"WEIR_BUDGET=60s", NULL});
    weir_mock_fault(t.activity, "hang");
    fd = client_connect(t.weir.port);
    cr_assert(client_say(fd, GET));
    cr_assert(weir_mock_wait(t.activity, WEIR_MOCK_IN_FLIGHT, 1, 5000));
    process_signal(t.weir.process, SIGTERM);
    cr_assert(process_wait_line(t.weir.process, "\"msg\":\"draining\"", 1, 5000) != NULL);
    start = now_ms();
    process_signal(t.weir.process, SIGINT);
    cr_expect(process_wait_exit(t.weir.process, 5000) == 1);
    cr_expect(now_ms() - start < 2000);
    close(fd);
    process_free(t.weir.process);
    trio_stop_mocks(&t);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");

    cr_assert(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

Test(operations, reload_takes_a_good_configuration_and_keeps_the_old_for_a_bad_one)
{
    static const char routes[] =
        "{\"routes\":[{\"path\":\"/%s\",\"upstreams\":{\"profile\":{\"url\":"
        "\"${WEIR_PROFILE_URL}/users/1/profile\"}}}]}";
    char folder[] = "/tmp/weir-test-XXXXXX", file[64], setting[128], text[512];
    struct trio t;
    struct response r;

    cr_assert(mkdtemp(folder) != NULL);
    snprintf(file, sizeof(file), "%s/routes.json", folder);
    snprintf(setting, sizeof(setting), "WEIR_ROUTES_FILE=%s", file);
    snprintf(text, sizeof(text), routes, "one");
    write_file(file, text);
    trio_start(&t, (const char *const[]){setting, NULL});
    cr_assert(client_get(t.weir.port, "/one", NULL, &r, 5000) && r.status == 200);
    response_done(&r);
    snprintf(text, sizeof(text), routes, "two");
    write_file(file, text);
    process_signal(t.weir.process, SIGHUP);
    cr_assert(process_wait_line(t.weir.process, "\"msg\":\"reloaded\"", 1, 5000) != NULL);
    for (int tries = 0; tries < 200; tries++) {
        client_get(t.weir.port, "/two", NULL, &r, 5000);
        if (r.status == 200)
            break;
        response_done(&r);
        usleep(5000);
    }
    cr_expect(r.status == 200, "%d", r.status);
    response_done(&r);
    write_file(file, "{\"routes\":[{\"path\":\"/three\"}]}");
    process_signal(t.weir.process, SIGHUP);
    cr_assert(process_wait_line(t.weir.process, "reload refused", 1, 5000) != NULL);
    cr_expect(client_get(t.weir.port, "/two", NULL, &r, 5000) && r.status == 200);
    response_done(&r);
    unlink(file);
    rmdir(folder);
    trio_stop(&t);
}

Test(operations, several_workers_serve_and_are_summed)
{
    struct trio t;
    struct response r;

    trio_start(&t, (const char *const[]){"WEIR_WORKERS=3", NULL});
    for (int i = 0; i < 60; i++) {
        trio_get(&t, &r);
        cr_assert(r.status == 200);
        response_done(&r);
    }
    cr_expect(weir_metric(&t.weir, "weir_requests_total{route=\"/v1/users/{id}\",code=\"200\","
                                   "outcome=\"complete\"}") == 60);
    trio_stop(&t);
}

Test(operations, secrets_are_shown_nowhere)
{
    static const char routes[] =
        "{\"routes\":[{\"path\":\"/x\",\"upstreams\":{\"profile\":{\"url\":\"${WEIR_PROFILE_URL}/"
        "users/1/profile\",\"headers\":{\"X-Key\":\"${PARTNER_KEY}\",\"User-Agent\":\"mine\"}}}}]}";
    char folder[] = "/tmp/weir-test-XXXXXX", file[64], setting[128];
    struct trio t;
    struct response r;
    struct weir_mock_request q;
    char *output;

    cr_assert(mkdtemp(folder) != NULL);
    snprintf(file, sizeof(file), "%s/routes.json", folder);
    snprintf(setting, sizeof(setting), "WEIR_ROUTES_FILE=%s", file);
    write_file(file, routes);
    trio_start(&t, (const char *const[]){setting, "PARTNER_KEY=tops3cret", NULL});
    cr_assert(client_get(t.weir.port, "/x", NULL, &r, 5000) && r.status == 200);
    response_done(&r);
    cr_assert(weir_mock_request(t.profile, 0, &q));
    cr_expect_str_eq(weir_mock_header(&q, "X-Key"), "tops3cret");
    cr_expect_str_eq(weir_mock_header(&q, "User-Agent"), "mine");
    cr_assert(client_get(t.weir.admin_port, "/config", NULL, &r, 5000));
    cr_expect(strstr(r.body, "tops3cret") == NULL);
    response_done(&r);
    process_wait_line(t.weir.process, "\"msg\":\"request\"", 1, 5000);
    output = process_output(t.weir.process);
    cr_expect(strstr(output, "tops3cret") == NULL);
    free(output);
    unlink(file);
    rmdir(folder);
    trio_stop(&t);
}
