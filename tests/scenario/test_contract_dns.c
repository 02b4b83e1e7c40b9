/* Names that hang, fail or come good: nobody waits but who asked for them. And a loop that is
 * stuck. */
#include "stage.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


TestSuite(contract_dns, .timeout = 60);

#define PRELOAD "LD_PRELOAD=" WEIR_FAKE_SYSTEM

/* A sanitizer's runtime wants to be first, but has nothing against what stands before it here. */
static void allow_preload(void)
{
    const char *before = getenv("ASAN_OPTIONS");
    char text[512];

    snprintf(text, sizeof(text), "%s:verify_asan_link_order=0", before ? before : "");
    setenv("ASAN_OPTIONS", text, 1);
}

/* A document whose upstreams differ in their names only; %u is the port that answers. */
#define UP(name, host, more)   "\"" name "\":{\"url\":\"http://" host ":%u/p\"" more "}"
#define ROUTE(path, upstreams) "{\"path\":\"" path "\",\"upstreams\":{" upstreams "}}"

static const char routes[] =
    "{\"routes\":[" ROUTE("/hangs", UP("a", "one.hangs", "") "," UP("b", "127.0.0.1", "")) "," ROUTE(
        "/required",
        UP("a", "two.hangs", ",\"required\":true") "," UP(
            "b", "127.0.0.1",
            "")) "," ROUTE("/own",
                           UP("a", "two.hangs", ",\"timeout\":\"60ms\"") "," UP(
                               "b", "127.0.0.1",
                               "")) "," ROUTE("/missing",
                                              UP("a", "one.missing",
                                                 "") "," UP("b", "127.0.0.1",
                                                            "")) "," ROUTE("/none",
                                                                           UP(
                                                                               "a", "one.missing",
                                                                               ",\"required\":"
                                                                               "true")) "," ROUTE("/here",
                                                                                                  UP("a",
                                                                                                     "name.here",
                                                                                                     "") "," UP("b",
                                                                                                                "127.0.0.1",
                                                                                                                "")) "]}";

static void start(struct stage *s, struct weir_mock **mock, const char *const *more)
{
    const char *settings[8] = {PRELOAD, "WEIR_BUDGET=250ms"};
    char text[2048];
    unsigned port;
    size_t n = 2;

    allow_preload();
    *mock = weir_mock_start("/p", "{}");
    port = weir_mock_port(*mock);
    snprintf(text, sizeof(text), routes, port, port, port, port, port, port, port, port, port, port,
             port);
    for (; more != NULL && *more != NULL && n < 7; more++)
        settings[n++] = *more;
    stage_start(s, text, settings);
}

static const struct {
    const char *path;
    int status;
    const char *text;
    double least_ms, most_ms; /* counted from a little after the request was sent */
} rows[] = {
    {"/here", 200, "\"complete\":true", 0, 240},
    {"/missing", 200,
     "{\"data\":{\"a\":null,\"b\":{}},\"errors\":[{\"upstream\":\"a\",\"code\":\"dns_error\","
     "\"message\":",
     0, 240},
    {"/none", 502, "\"upstream\":\"a\",\"code\":\"dns_error\"}", 0, 240},
    {"/hangs", 200,
     "{\"data\":{\"a\":null,\"b\":{}},\"errors\":[{\"upstream\":\"a\",\"code\":\"dns_timeout\","
     "\"message\":",
     180, 600},
    {"/own", 200, "\"code\":\"dns_timeout\"", 40, 240},
    {"/required", 504, "\"upstream\":\"a\",\"code\":\"dns_timeout\"}", 180, 600},
    {"/here", 200, "\"complete\":true", 0, 240},
};

Test(contract_dns, what_becomes_of_names)
{
    struct stage s;
    struct weir_mock *mock;
    double late;

    start(&s, &mock, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct response r;

        stage_get(&s, rows[i].path, NULL, &r);
        cr_expect(r.status == rows[i].status, "%s: %d", rows[i].path, r.status);
        cr_expect(strstr(r.body, rows[i].text) != NULL, "%s: %s", rows[i].path, r.body);
        cr_expect(r.ms >= rows[i].least_ms && r.ms < rows[i].most_ms, "%s: %.1f ms", rows[i].path,
                  r.ms);
        response_done(&r);
    }
    late = weir_metric(&s.trio.weir, "weir_loop_lag_seconds_count") -
           weir_metric(&s.trio.weir, "weir_loop_lag_seconds_bucket{le=\"0.5\"}");
    cr_expect(late == 0, "the loop stood still %g times", late);
    stage_stop(&s);
    weir_mock_stop(mock);
}

Test(contract_dns, start_and_exit_wait_for_no_lookup)
{
    struct stage s;
    struct weir_mock *mock;
    struct response r;
    double begin = now_ms();
    int fd;

    start(&s, &mock, (const char *const[]){"WEIR_WORKERS=2", NULL});
    cr_expect(now_ms() - begin < 5000);
    fd = client_connect(s.trio.weir.port);
    cr_assert(client_say(fd, "GET /required HTTP/1.1\r\nHost: t\r\n\r\n"));
    cr_assert(weir_wait_metric(&s.trio.weir, "weir_requests_in_flight", 1, 5000));
    begin = now_ms();
    process_signal(s.trio.weir.process, SIGTERM);
    cr_expect(client_read(fd, &r, 5000, false) && r.status == 504, "what is in flight is finished");
    response_done(&r);
    cr_expect(process_wait_exit(s.trio.weir.process, 10000) == 0);
    cr_expect(now_ms() - begin < 3000, "%.0f ms", now_ms() - begin);
    process_free(s.trio.weir.process);
    close(fd);
    trio_stop_mocks(&s.trio);
    scratch_remove(&s.scratch);
    weir_mock_stop(mock);
}

/* Many requests for a name that hangs, at once, cost no other request its time. */
Test(contract_dns, a_hanging_name_harms_nobody_else)
{
    struct stage s;
    struct weir_mock *mock;
    struct response r;
    int fds[100];

    start(&s, &mock, (const char *const[]){"WEIR_BUDGET=2s", NULL});
    for (size_t i = 0; i < 100; i++) {
        fds[i] = client_connect(s.trio.weir.port);
        cr_assert(client_say(fds[i], "GET /hangs HTTP/1.1\r\nHost: t\r\n\r\n"));
    }
    cr_assert(weir_wait_metric(&s.trio.weir, "weir_requests_in_flight", 100, 5000));
    stage_get(&s, "/here", NULL, &r);
    trio_expect_text(&r, "\"complete\":true");
    cr_expect(r.ms < 1000, "%.1f ms", r.ms);
    response_done(&r);
    for (size_t i = 0; i < 100; i++) {
        cr_expect(client_read(fds[i], &r, 10000, false) && r.status == 200);
        trio_expect_text(&r, "\"code\":\"dns_timeout\"");
        response_done(&r);
        close(fds[i]);
    }
    stage_stop(&s);
    weir_mock_stop(mock);
}

Test(contract_dns, livez_tells_a_loop_that_is_stuck)
{
    struct scratch scratch;
    char stuck[64], setting[128];
    struct trio t;
    struct response r;
    double until = now_ms() + 20000;
    int fd, status = 0;

    allow_preload();
    scratch_make(&scratch);
    scratch_write(&scratch, "stuck", "", stuck);
    unlink(stuck);
    snprintf(setting, sizeof(setting), "FAKE_STUCK=%s", stuck);
    trio_start(&t, (const char *const[]){PRELOAD, setting, "WEIR_WORKERS=2", NULL});
    cr_assert(client_get(t.weir.admin_port, "/livez", NULL, &r, 5000) && r.status == 200);
    response_done(&r);
    scratch_write(&scratch, "stuck", "", stuck);
    fd = client_connect(t.weir.port); /* one of the two tries to accept it */
    while (status != 503 && now_ms() < until) {
        cr_assert(client_get(t.weir.admin_port, "/livez", NULL, &r, 5000));
        status = r.status;
        response_done(&r);
        usleep(20000);
    }
    cr_expect(status == 503);
    unlink(stuck);
    while (status != 200 && now_ms() < until) {
        cr_assert(client_get(t.weir.admin_port, "/livez", NULL, &r, 5000));
        status = r.status;
        response_done(&r);
        usleep(20000);
    }
    cr_expect(status == 200, "and that it turns again");
    close(fd);
    trio_stop(&t);
    scratch_remove(&scratch);
}

