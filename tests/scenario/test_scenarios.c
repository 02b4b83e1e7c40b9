/* The situations weir exists for, over real sockets: each test is named after its scenario. */
#include "trio.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GET "GET /v1/users/42 HTTP/1.1\r\nHost: t\r\n\r\n"

TestSuite(scenarios, .timeout = 60);

Test(scenarios, s09_complete_answer_byte_for_byte)
{
    struct trio t;
    struct response r;

    trio_start(&t, NULL);
    trio_get(&t, &r);
    cr_expect(r.status == 200);
    trio_expect_text(&r, "{\"data\":{\"profile\":" TRIO_PROFILE ",\"preferences\":" TRIO_PREFERENCES
                         ",\"activity\":" TRIO_ACTIVITY "},\"errors\":[],\"meta\":{\"complete\":true,"
                         "\"request_id\":\"");
    trio_expect_text(&r, ",\"budget_ms\":500}}");
    cr_expect_str_eq(response_header(&r, "Weir-Complete"), "true");
    cr_expect_str_eq(response_header(&r, "Content-Type"), "application/json");
    cr_expect_str_eq(response_header(&r, "Cache-Control"), "no-store");
    cr_expect(strlen(response_header(&r, "X-Request-Id")) > 0);
    cr_expect(strstr(response_header(&r, "Server-Timing"), "profile;dur=") != NULL);
    response_done(&r);
    trio_stop(&t);
}

Test(scenarios, s09_profile_failure_fails_the_request_at_once)
{
    struct trio t;
    struct response r;

    trio_start(&t, NULL);
    weir_mock_fault(t.profile, "status=500");
    weir_mock_fault(t.activity, "hang");
    trio_get(&t, &r);
    cr_expect(r.status == 502, "%d", r.status);
    cr_expect(r.ms < 400, "answered after %.1f ms, not at once", r.ms);
    cr_expect_str_eq(response_header(&r, "Content-Type"), "application/problem+json");
    trio_expect_text(&r, "\"upstream\":\"profile\",\"code\":\"bad_status\"");
    cr_expect(weir_mock_wait(t.activity, WEIR_MOCK_CANCELLATIONS, 1, 1000),
              "the sibling was not canceled");
    response_done(&r);
    trio_stop(&t);
}

Test(scenarios, s09_the_others_failures_leave_a_partial_answer)
{
    struct trio t;
    struct response r;

    trio_start(&t, NULL);
    weir_mock_fault(t.preferences, "status=503");
    weir_mock_fault(t.activity, "garbage");
    trio_get(&t, &r);
    cr_expect(r.status == 200);
    trio_expect_text(&r, "\"preferences\":null,\"activity\":null");
    trio_expect_text(&r, "{\"upstream\":\"preferences\",\"code\":\"bad_status\",\"status\":503,");
    trio_expect_text(&r, "\"complete\":false");
    cr_expect_str_eq(response_header(&r, "Weir-Complete"), "false");
    cr_expect(process_wait_line(t.weir.process, "\"outcome\":\"partial\"", 1, 5000) != NULL);
    response_done(&r);
    trio_stop(&t);
}

Test(scenarios, s04_partial_answer_at_the_deadline)
{
    struct trio t;
    struct response r;
    struct weir_mock_request seen;

    trio_start(&t, NULL);
    weir_mock_fault(t.activity, "hang");
    trio_get(&t, &r);
    cr_expect(r.status == 200);
    cr_expect(r.ms >= 499 && r.ms < 700, "%.1f ms", r.ms);
    trio_expect_text(&r, "{\"upstream\":\"activity\",\"code\":\"http_response_timeout\","
                         "\"message\":\"no answer within 500 ms\"}");
    cr_assert(weir_mock_wait(t.activity, WEIR_MOCK_CANCELLATIONS, 1, 1000));
    cr_assert(weir_mock_request(t.activity, 0, &seen));
    cr_expect((double)(seen.canceled_ns - seen.arrived_ns) / 1e6 < 700);
    response_done(&r);
    trio_expect_quiet(&t);
    trio_stop(&t);
}

Test(scenarios, s18_a_hung_required_upstream_is_504_while_others_keep_their_latency)
{
    struct trio t;
    struct response r;
    char text[128];
    int hung[50];

    trio_start(&t, NULL);
    weir_mock_answer(t.profile, "/users/slow/profile",
                     &(struct weir_mock_answer){.body = "{}", .head_after_ms = 60000});
    snprintf(text, sizeof(text), "GET /v1/users/slow HTTP/1.1\r\nHost: t\r\n\r\n");
    weir_mock_answer(t.profile, "/users/{id}/profile",
                     &(struct weir_mock_answer){.body = TRIO_PROFILE});
    for (size_t i = 0; i < 50; i++) {
        hung[i] = client_connect(t.weir.port);
        cr_assert(client_say(hung[i], text));
    }
    cr_assert(weir_mock_wait(t.profile, WEIR_MOCK_IN_FLIGHT, 50, 5000));
    trio_get(&t, &r);
    cr_expect(r.status == 200);
    cr_expect(r.ms < 300, "the healthy request took %.1f ms", r.ms);
    response_done(&r);
    for (size_t i = 0; i < 50; i++) {
        cr_assert(client_read(hung[i], &r, 5000, false));
        cr_expect(r.status == 504, "%d", r.status);
        trio_expect_text(&r, "\"code\":\"http_response_timeout\"");
        response_done(&r);
        close(hung[i]);
    }
    trio_expect_quiet(&t);
    trio_stop(&t);
}

/* Many clients ask and leave; how they leave is the parameter. */
static void zombies(void (*leave)(int fd))
{
    struct trio t;
    struct response r;
    unsigned before;
    int fds[100];

    trio_start(&t, (const char *const[]){"WEIR_BUDGET=30s", NULL});
    trio_get(&t, &r);
    response_done(&r);
    before = process_descriptors(t.weir.process);
    weir_mock_fault(t.activity, "hang");
    for (unsigned round = 1; round <= 10; round++) {
        for (size_t i = 0; i < 100; i++) {
            fds[i] = client_connect(t.weir.port);
            cr_assert(client_say(fds[i], GET));
        }
        cr_assert(weir_mock_wait(t.activity, WEIR_MOCK_REQUESTS, 1 + 100 * round, 10000));
        for (size_t i = 0; i < 100; i++)
            leave(fds[i]);
        cr_assert(weir_mock_wait(t.activity, WEIR_MOCK_CANCELLATIONS, 100 * round, 2000),
                  "round %u: upstream calls outlive their clients", round);
    }
    trio_expect_quiet(&t);
    cr_expect(weir_metric(&t.weir, "weir_requests_total{route=\"/v1/users/{id}\",code=\"499\","
                                   "outcome=\"canceled\"}") == 1000);
    for (int tries = 0; process_descriptors(t.weir.process) > before + 12 && tries < 500; tries++)
        usleep(10000);
    cr_expect(process_descriptors(t.weir.process) <= before + 12, "%u descriptors, %u before",
              process_descriptors(t.weir.process), before);
    cr_expect(process_count_lines(t.weir.process, "\"level\":\"error\"") == 0);
    cr_expect(process_wait_line(t.weir.process, "\"status\":499", 1000, 5000) != NULL);
    trio_stop(&t);
}

static void leave_fin(int fd)
{
    close(fd);
}

Test(scenarios, s01_zombies_by_close)
{
    zombies(leave_fin);
}

Test(scenarios, s01_zombies_by_reset)
{
    zombies(client_reset);
}

Test(scenarios, s01_half_close_counts_as_gone)
{
    struct trio t;
    int fd;

    trio_start(&t, (const char *const[]){"WEIR_BUDGET=30s", NULL});
    weir_mock_fault(t.activity, "hang");
    fd = client_connect(t.weir.port);
    cr_assert(client_say(fd, GET));
    cr_assert(weir_mock_wait(t.activity, WEIR_MOCK_IN_FLIGHT, 1, 5000));
    shutdown(fd, 1);
    cr_expect(weir_mock_wait(t.activity, WEIR_MOCK_CANCELLATIONS, 1, 1000));
    cr_expect(client_sees_close(fd, 2000), "nothing is sent to a client that has gone");
    close(fd);
    trio_stop(&t);
}

Test(scenarios, s13_request_id_and_trace_reach_every_upstream_and_the_log)
{
    static const char headers[] =
        "X-Request-Id: abc-123\r\n"
        "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
        "tracestate: vendor=1\r\nAuthorization: Bearer tok\r\nX-Other: no\r\n";
    struct trio t;
    struct response r;

    trio_start(&t, NULL);
    cr_assert(client_get(t.weir.port, "/v1/users/42", headers, &r, 5000));
    cr_expect_str_eq(response_header(&r, "X-Request-Id"), "abc-123");
    response_done(&r);
    for (int i = 0; i < 3; i++) {
        struct weir_mock *m = i == 0 ? t.profile : i == 1 ? t.preferences : t.activity;
        struct weir_mock_request q;

        cr_assert(weir_mock_request(m, 0, &q));
        cr_expect_str_eq(weir_mock_header(&q, "X-Request-Id"), "abc-123");
        cr_expect(strncmp(weir_mock_header(&q, "traceparent"),
                          "00-4bf92f3577b34da6a3ce929d0e0e4736-", 36) == 0);
        cr_expect(strstr(weir_mock_header(&q, "traceparent"), "00f067aa0ba902b7") == NULL,
                  "the span id must be a new one");
        cr_expect_str_eq(weir_mock_header(&q, "tracestate"), "vendor=1");
        cr_expect_str_eq(weir_mock_header(&q, "Authorization"), "Bearer tok");
        cr_expect_str_eq(weir_mock_header(&q, "Accept"), "application/json");
        cr_expect(strncmp(weir_mock_header(&q, "User-Agent"), "weir/", 5) == 0);
        cr_expect(weir_mock_header(&q, "X-Other") == NULL);
    }
    cr_expect(process_wait_line(t.weir.process,
                                "\"request_id\":\"abc-123\",\"trace_id\":"
                                "\"4bf92f3577b34da6a3ce929d0e0e4736\"",
                                1, 5000) != NULL);
    trio_stop(&t);
}

Test(scenarios, s14_a_clients_decision_is_not_an_error)
{
    struct trio t;
    const char *line;
    int fd;

    trio_start(&t, (const char *const[]){"WEIR_BUDGET=30s", NULL});
    weir_mock_fault(t.activity, "hang");
    fd = client_connect(t.weir.port);
    cr_assert(client_say(fd, GET));
    cr_assert(weir_mock_wait(t.activity, WEIR_MOCK_IN_FLIGHT, 1, 5000));
    close(fd);
    line = process_wait_line(t.weir.process, "\"status\":499", 1, 5000);
    cr_assert(line != NULL);
    cr_expect(strstr(line, "\"level\":\"info\"") != NULL);
    cr_expect(strstr(line, "\"outcome\":\"canceled\"") != NULL);
    cr_expect(weir_metric(&t.weir, "weir_upstream_requests_total{route=\"/v1/users/{id}\","
                                   "upstream=\"activity\",outcome=\"canceled\"}") == 1);
    trio_stop(&t);
}

Test(scenarios, s15_the_shorter_deadline_wins_and_upstreams_are_told)
{
    struct trio t;
    struct response r;
    struct weir_mock_request q;
    long told;

    trio_start(&t, (const char *const[]){"WEIR_BUDGET=3s", NULL});
    weir_mock_fault(t.activity, "hang");
    cr_assert(client_get(t.weir.port, "/v1/users/42", "x-envoy-expected-rq-timeout-ms: 200\r\n", &r,
                         5000));
    cr_expect(r.status == 200);
    cr_expect(r.ms >= 199 && r.ms < 400, "%.1f ms", r.ms);
    trio_expect_text(&r, "\"budget_ms\":200");
    cr_assert(weir_mock_request(t.activity, 0, &q));
    told = strtol(weir_mock_header(&q, "x-envoy-expected-rq-timeout-ms"), NULL, 10);
    cr_expect(told > 100 && told <= 200, "told %ld", told);
    response_done(&r);
    weir_mock_fault(t.activity, NULL);
    cr_assert(client_get(t.weir.port, "/v1/users/42", "x-envoy-expected-rq-timeout-ms: 99999\r\n",
                         &r, 5000));
    trio_expect_text(&r, "\"budget_ms\":3000");
    response_done(&r);
    trio_stop(&t);
}

Test(scenarios, s16_refresh_ends_the_first_and_serves_the_second)
{
    struct trio t;
    struct response r;
    int first;

    trio_start(&t, (const char *const[]){"WEIR_BUDGET=30s", NULL});
    weir_mock_sequence(t.activity, (const char *const[]){"hang", ""}, 2);
    first = client_connect(t.weir.port);
    cr_assert(client_say(first, GET));
    cr_assert(weir_mock_wait(t.activity, WEIR_MOCK_IN_FLIGHT, 1, 5000));
    close(first);
    trio_get(&t, &r);
    cr_expect(r.status == 200);
    trio_expect_text(&r, "\"complete\":true");
    response_done(&r);
    cr_expect(weir_mock_wait(t.activity, WEIR_MOCK_CANCELLATIONS, 1, 1000));
    trio_expect_quiet(&t);
    trio_stop(&t);
}

Test(scenarios, s06_a_request_refused_sends_nothing_upstream)
{
    static const char *const paths[] = {"/v1/users/%2e%2e", "/v1/users/a%2fb", "/v1/users/%00",
                                        "/v1/users/%ff", "/v1/users/", "/nowhere"};
    struct trio t;
    struct response r;
    struct weir_mock_stats s;

    trio_start(&t, NULL);
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        cr_assert(client_get(t.weir.port, paths[i], NULL, &r, 5000), "%s", paths[i]);
        cr_expect(r.status == (i < 4 ? 400 : 404), "%s gives %d", paths[i], r.status);
        response_done(&r);
    }
    weir_mock_stats(t.profile, &s);
    cr_expect(s.connections == 0, "%lu connections", s.connections);
    trio_stop(&t);
}
