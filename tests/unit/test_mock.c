/* The mock upstream as a test uses it: scripted over real sockets, and asked what it has seen. */
#include "client.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weir/mock.h>

TestSuite(mock, .timeout = 60);

#define GET_A    "GET /a HTTP/1.1\r\nHost: t\r\n\r\n"
#define PATIENCE 10000 /* ms */

static struct weir_mock_stats stats_of(struct weir_mock *m)
{
    struct weir_mock_stats s;

    weir_mock_stats(m, &s);
    return s;
}

/* A GET of a path that must be answered with this status and body. */
static void expect_answer(struct weir_mock *m, const char *path, int status, const char *body)
{
    struct response r;

    cr_assert(client_get(weir_mock_port(m), path, NULL, &r, PATIENCE), "%s: no answer", path);
    cr_expect(r.status == status, "%s: %d", path, r.status);
    cr_expect(body == NULL || strcmp(r.body, body) == 0, "%s: %s", path, r.body);
    response_done(&r);
}

/* Reads until the peer closes; the bytes, which the caller frees. */
static char *read_all(int fd)
{
    size_t len = 0, cap = 65536;
    char *all = calloc(1, cap + 1);
    ssize_t n;

    cr_assert_not_null(all);
    while (len < cap && (n = recv(fd, all + len, cap - len, 0)) > 0)
        len += (size_t)n;
    return all;
}

/* What comes in answer to one request, until the connection is closed. */
static char *exchange(struct weir_mock *m, const char *request)
{
    int fd = client_connect(weir_mock_port(m));
    char *all;

    cr_assert(fd >= 0 && client_say(fd, request));
    all = read_all(fd);
    close(fd);
    return all;
}

Test(mock, three_lines_for_the_common_case)
{
    struct weir_mock *m = weir_mock_start("/users/{id}/profile", "{\"id\":\"{id}\"}");
    char url[64];

    cr_assert_not_null(m);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", weir_mock_port(m));
    cr_expect_str_eq(weir_mock_url(m), url);
    expect_answer(m, "/users/42/profile", 200, "{\"id\":\"42\"}");
    expect_answer(m, "/users/a%22b/profile?x=1", 200, "{\"id\":\"a\\\"b\"}");
    expect_answer(m, "/users/42", 404, NULL);
    cr_expect(weir_mock_wait(m, WEIR_MOCK_ANSWERED, 3, PATIENCE));
    cr_expect(stats_of(m).requests == 3 && stats_of(m).cancellations == 0);
    weir_mock_stop(m);
}

Test(mock, refuses_what_makes_no_sense)
{
    struct weir_mock *m = weir_mock_new();
    const struct weir_mock_answer fine = {.body = "{}"}, early = {.status = 103},
                                  late = {.interim = 200};

    cr_expect(weir_mock_answer(m, NULL, &fine) == WEIR_INVALID_ARGUMENT);
    cr_expect(weir_mock_answer(m, "no/slash", &fine) == WEIR_INVALID_ARGUMENT);
    cr_expect(weir_mock_answer(m, "/a", NULL) == WEIR_INVALID_ARGUMENT);
    cr_expect(weir_mock_answer(m, "/a", &early) == WEIR_INVALID_ARGUMENT);
    cr_expect(weir_mock_answer(m, "/a", &late) == WEIR_INVALID_ARGUMENT);
    cr_expect(weir_mock_fault(m, "bogus") == WEIR_INVALID_ARGUMENT);
    cr_expect(strstr(weir_mock_error(m), "\"bogus\" is not a fault") != NULL);
    cr_expect(weir_mock_sequence(m, (const char *const[]){"hang", "cut=1"}, 2) ==
              WEIR_INVALID_ARGUMENT);
    cr_expect(strstr(weir_mock_error(m), "cut takes no value") != NULL);
    expect_answer(m, "/a", 404, NULL);
    cr_expect(weir_mock_start("no slash", "{}") == NULL);
    weir_mock_stop(m);
    weir_mock_stop(NULL);
}

Test(mock, the_route_that_says_most_wins)
{
    struct weir_mock *m = weir_mock_new();

    weir_mock_answer(m, "*", &(struct weir_mock_answer){.body = "any"});
    weir_mock_answer(m, "/a/{x}", &(struct weir_mock_answer){.body = "param"});
    weir_mock_answer(m, "/a/b", &(struct weir_mock_answer){.body = "literal"});
    expect_answer(m, "/a/b", 200, "literal");
    expect_answer(m, "/a/c", 200, "param");
    expect_answer(m, "/a/c/d", 200, "any");
    weir_mock_answer(m, "/a/b", &(struct weir_mock_answer){.body = "replaced", .status = 201});
    expect_answer(m, "/a/b", 201, "replaced");
    weir_mock_stop(m);
}

Test(mock, answers_in_turn_and_the_last_stays)
{
    struct weir_mock *m = weir_mock_start("/a", "1");

    weir_mock_then(m, "/a", &(struct weir_mock_answer){.body = "2", .status = 500});
    weir_mock_then(m, "/a", &(struct weir_mock_answer){.body = "3"});
    expect_answer(m, "/a", 200, "1");
    expect_answer(m, "/a", 500, "2");
    expect_answer(m, "/a", 200, "3");
    expect_answer(m, "/a", 200, "3");
    weir_mock_stop(m);
}

Test(mock, faults_in_turn_then_the_standing_one)
{
    struct weir_mock *m = weir_mock_start("/a", "1");

    cr_assert(weir_mock_sequence(m, (const char *const[]){"status=500", "", "status=502"}, 3) ==
              WEIR_OK);
    cr_assert(weir_mock_fault(m, "status=418") == WEIR_OK);
    expect_answer(m, "/a", 500, NULL);
    expect_answer(m, "/a", 200, "1");
    expect_answer(m, "/a", 502, NULL);
    expect_answer(m, "/a", 418, NULL);
    weir_mock_fault(m, NULL);
    expect_answer(m, "/a", 200, "1");
    weir_mock_stop(m);
}

Test(mock, keeps_connections_and_takes_pipelined_requests)
{
    struct weir_mock *m = weir_mock_start("/a", "1");
    int fd = client_connect(weir_mock_port(m));
    struct response r;

    cr_assert(client_say(fd, GET_A GET_A GET_A));
    for (int i = 0; i < 3; i++) {
        cr_assert(client_read(fd, &r, PATIENCE, false));
        cr_expect_str_eq(r.body, "1");
        response_done(&r);
    }
    cr_assert(client_say(fd, "POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello" GET_A));
    for (int i = 0; i < 2; i++) {
        cr_assert(client_read(fd, &r, PATIENCE, false));
        response_done(&r);
    }
    cr_expect(stats_of(m).connections == 1 && stats_of(m).requests == 5);
    close(fd);
    cr_expect(weir_mock_wait_down(m, WEIR_MOCK_OPEN, 0, PATIENCE));
    cr_expect(stats_of(m).cancellations == 0);
    weir_mock_stop(m);
}

Test(mock, what_is_no_request_is_refused_and_not_counted)
{
    static const struct {
        const char *request, *answer;
    } rows[] = {
        {"nonsense\r\n\r\n", "HTTP/1.1 400 "},
        {"PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 411 "},
        {"PUT /a HTTP/1.1\r\nContent-Length: 10000000\r\n\r\n", "HTTP/1.1 413 "},
    };
    struct weir_mock *m = weir_mock_start("/a", "1");

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *all = exchange(m, rows[i].request);

        cr_expect(strncmp(all, rows[i].answer, strlen(rows[i].answer)) == 0, "%s: %s",
                  rows[i].request, all);
        free(all);
    }
    cr_expect(stats_of(m).requests == 0);
    weir_mock_stop(m);
}

Test(mock, a_head_without_end_is_refused)
{
    struct weir_mock *m = weir_mock_start("/a", "1");
    size_t len = 100000;
    char *head = malloc(len + 1), *all;

    memset(head, 'x', len);
    memcpy(head, "GET /", 5);
    head[len] = '\0';
    all = exchange(m, head);
    cr_expect(strncmp(all, "HTTP/1.1 431 ", 13) == 0, "%.60s", all);
    free(all);
    free(head);
    weir_mock_stop(m);
}

static void see_a_cancellation(bool reset)
{
    struct weir_mock *m = weir_mock_start("/a", "1");
    struct weir_mock_request q;
    int fd = client_connect(weir_mock_port(m));
    double left;

    weir_mock_fault(m, "hang");
    cr_assert(client_say(fd, GET_A));
    cr_assert(weir_mock_wait(m, WEIR_MOCK_IN_FLIGHT, 1, PATIENCE));
    left = now_ms();
    if (reset)
        client_reset(fd);
    else
        close(fd);
    cr_assert(weir_mock_wait(m, WEIR_MOCK_CANCELLATIONS, 1, PATIENCE));
    cr_assert(weir_mock_request(m, 0, &q));
    cr_expect(q.canceled_ns >= q.arrived_ns && q.answered_ns == 0);
    cr_expect((double)q.canceled_ns / 1e6 - left < 250, "seen after %.3f ms",
              (double)q.canceled_ns / 1e6 - left);
    cr_expect(weir_mock_wait_down(m, WEIR_MOCK_OPEN, 0, PATIENCE));
    cr_expect(stats_of(m).in_flight == 0 && stats_of(m).answered == 0);
    weir_mock_stop(m);
}

Test(mock, sees_the_peer_close_while_it_hangs)
{
    see_a_cancellation(false);
}

Test(mock, sees_the_peer_reset_while_it_hangs)
{
    see_a_cancellation(true);
}

Test(mock, sees_the_peer_leave_in_every_kind_of_wait)
{
    static const char *const specs[] = {"delay=60s", "drip=1B/60s", "big=1GiB", "hang"};

    for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++)
        for (int piped = 0; piped < 2; piped++) {
            struct weir_mock *m = weir_mock_start("/a", "{}");
            int fd = client_connect(weir_mock_port(m));

            weir_mock_fault(m, specs[i]);
            cr_assert(client_say(fd, piped ? GET_A GET_A : GET_A));
            cr_assert(weir_mock_wait(m, WEIR_MOCK_IN_FLIGHT, 1, PATIENCE));
            close(fd);
            cr_expect(weir_mock_wait(m, WEIR_MOCK_CANCELLATIONS, 1, PATIENCE), "%s", specs[i]);
            cr_expect(stats_of(m).requests == 1, "%s", specs[i]);
            weir_mock_stop(m);
        }
}

Test(mock, a_held_answer_waits_for_release)
{
    struct weir_mock *m = weir_mock_start("/a", "1");
    int fds[3];
    struct response r;

    weir_mock_hold(m);
    for (int i = 0; i < 3; i++) {
        fds[i] = client_connect(weir_mock_port(m));
        cr_assert(client_say(fds[i], GET_A));
        cr_assert(weir_mock_wait(m, WEIR_MOCK_HELD, (unsigned)i + 1, PATIENCE));
    }
    cr_expect(stats_of(m).answered == 0 && stats_of(m).max_in_flight == 3);
    weir_mock_release_one(m);
    cr_assert(client_read(fds[0], &r, PATIENCE, false), "the first to wait is the first to go");
    response_done(&r);
    cr_expect(weir_mock_wait_down(m, WEIR_MOCK_HELD, 2, PATIENCE));
    cr_expect(poll(&(struct pollfd){.fd = fds[1], .events = POLLIN}, 1, 0) == 0);
    close(fds[2]);
    cr_expect(weir_mock_wait(m, WEIR_MOCK_CANCELLATIONS, 1, PATIENCE));
    weir_mock_release(m);
    cr_assert(client_read(fds[1], &r, PATIENCE, false));
    response_done(&r);
    expect_answer(m, "/a", 200, "1");
    close(fds[0]);
    close(fds[1]);
    weir_mock_stop(m);
}

Test(mock, release_and_hold_again_lets_out_those_that_waited)
{
    struct weir_mock *m = weir_mock_start("/a", "1");
    int fd = client_connect(weir_mock_port(m));
    struct response r;

    weir_mock_hold(m);
    for (int round = 0; round < 300; round++) {
        cr_assert(client_say(fd, GET_A));
        cr_assert(weir_mock_wait(m, WEIR_MOCK_HELD, 1, PATIENCE));
        weir_mock_release(m);
        weir_mock_hold(m);
        cr_assert(client_read(fd, &r, PATIENCE, false), "round %d", round);
        response_done(&r);
    }
    close(fd);
    weir_mock_stop(m);
}

Test(mock, delays_are_never_short)
{
    struct weir_mock *m = weir_mock_start("/a", "1");
    struct weir_mock_request q;

    weir_mock_fault(m, "delay=30ms");
    for (unsigned i = 0; i < 5; i++) {
        expect_answer(m, "/a", 200, "1");
        cr_assert(weir_mock_wait(m, WEIR_MOCK_ANSWERED, i + 1, PATIENCE));
        cr_assert(weir_mock_request(m, i, &q));
        cr_expect(q.answered_ns - q.arrived_ns >= 30000000u, "%llu ns",
                  (unsigned long long)(q.answered_ns - q.arrived_ns));
    }
    weir_mock_stop(m);
}

Test(mock, head_and_body_may_come_apart)
{
    struct weir_mock *m = weir_mock_new();
    int fd = client_connect(weir_mock_port(m));
    double start = now_ms(), head_ms;
    struct response r;

    weir_mock_answer(
        m, "/a",
        &(struct weir_mock_answer){.body = "late", .head_after_ms = 40, .body_after_ms = 120});
    cr_assert(client_say(fd, GET_A));
    cr_assert(client_read(fd, &r, PATIENCE, true));
    head_ms = now_ms() - start;
    cr_expect(head_ms >= 40, "%.1f", head_ms);
    response_done(&r);
    cr_assert(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, PATIENCE) == 1);
    cr_expect(now_ms() - start >= 120, "%.1f", now_ms() - start);
    close(fd);
    weir_mock_stop(m);
}

Test(mock, ends_as_scripted)
{
    static const struct {
        const char *name;
        struct weir_mock_answer answer;
        const char *spec, *want;
    } rows[] = {
        {"drop",
         {.body = "x", .content_type = "", .after = WEIR_MOCK_DROP},
         "",
         "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"},
        {"raw", {.raw = "HTTP/1.1 200", .after = WEIR_MOCK_DROP}, "", "HTTP/1.1 200"},
        {"nothing", {.raw = "", .after = WEIR_MOCK_DROP}, "", ""},
        {"cut",
         {.body = "1234", .content_type = ""},
         "cut",
         "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n12"},
        {"reset", {.body = "1234"}, "reset", ""},
    };
    struct weir_mock *m = weir_mock_new();

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *all;

        weir_mock_answer(m, "/a", &rows[i].answer);
        weir_mock_fault(m, rows[i].spec);
        all = exchange(m, GET_A);
        cr_expect(strcmp(all, rows[i].want) == 0, "%s: %s", rows[i].name, all);
        free(all);
        cr_expect(weir_mock_wait(m, WEIR_MOCK_ANSWERED, i + 1, PATIENCE), "%s", rows[i].name);
    }
    cr_expect(stats_of(m).cancellations == 0);
    weir_mock_stop(m);
}

Test(mock, drops_a_kept_connection_at_its_next_request)
{
    struct weir_mock *m = weir_mock_new();
    int fd = client_connect(weir_mock_port(m));
    struct response r;

    weir_mock_answer(m, "/a",
                     &(struct weir_mock_answer){.body = "1", .after = WEIR_MOCK_DROP_REUSED});
    weir_mock_then(m, "/a", &(struct weir_mock_answer){.body = "2"});
    cr_assert(client_say(fd, GET_A));
    cr_assert(client_read(fd, &r, PATIENCE, false));
    response_done(&r);
    cr_expect(stats_of(m).open == 1, "it must look kept");
    cr_assert(client_say(fd, GET_A));
    cr_expect(client_sees_close(fd, PATIENCE));
    close(fd);
    cr_expect(stats_of(m).requests == 1);
    expect_answer(m, "/a", 200, "2");
    weir_mock_stop(m);
}

Test(mock, drops_all_connections_on_demand)
{
    struct weir_mock *m = weir_mock_start("/a", "1");
    int idle = client_connect(weir_mock_port(m)), busy = client_connect(weir_mock_port(m));

    weir_mock_fault(m, "hang");
    cr_assert(client_say(busy, GET_A));
    cr_assert(weir_mock_wait(m, WEIR_MOCK_IN_FLIGHT, 1, PATIENCE));
    cr_assert(weir_mock_wait(m, WEIR_MOCK_OPEN, 2, PATIENCE));
    weir_mock_drop_connections(m);
    cr_expect(weir_mock_wait_down(m, WEIR_MOCK_OPEN, 0, PATIENCE));
    cr_expect(client_sees_close(idle, PATIENCE) && client_sees_close(busy, PATIENCE));
    cr_expect(stats_of(m).in_flight == 0 && stats_of(m).cancellations == 0);
    close(idle);
    close(busy);
    weir_mock_stop(m);
}

Test(mock, remembers_requests_as_they_came)
{
    struct weir_mock *m = weir_mock_start("/a", "1");
    struct weir_mock_request first, second, none;
    struct response r;

    cr_assert(client_get(weir_mock_port(m), "/a?q=%20", "X-One: 1\r\nx-one: 2\r\nEmpty:\r\n", &r,
                         PATIENCE));
    response_done(&r);
    expect_answer(m, "/b", 404, NULL);
    cr_assert(weir_mock_request(m, 0, &first) && weir_mock_request(m, 1, &second));
    cr_expect(!weir_mock_request(m, 2, &none));
    cr_expect_str_eq(first.method, "GET");
    cr_expect_str_eq(first.target, "/a?q=%20");
    cr_expect_str_eq(weir_mock_header(&first, "x-ONE"), "1");
    cr_expect_str_eq(weir_mock_header(&first, "Empty"), "");
    cr_expect_str_eq(weir_mock_header(&first, "Host"), "test");
    cr_expect(weir_mock_header(&first, "X-Two") == NULL);
    cr_expect(strncmp(first.head, "GET /a?q=%20 HTTP/1.1\r\n", 23) == 0, "%s", first.head);
    cr_expect(strstr(first.head, "\r\nx-one: 2\r\n") != NULL, "%s", first.head);
    cr_expect(first.connection == 1 && second.connection == 2);
    cr_expect(first.arrived_ns <= second.arrived_ns);
    cr_expect_str_eq(second.target, "/b");
    weir_mock_stop(m);
}

Test(mock, waiting_has_a_limit)
{
    struct weir_mock *m = weir_mock_start("/a", "1");
    double start = now_ms();

    cr_expect(!weir_mock_wait(m, WEIR_MOCK_REQUESTS, 1, 30));
    cr_expect(now_ms() - start >= 30);
    cr_expect(weir_mock_wait(m, WEIR_MOCK_REQUESTS, 0, 0));
    cr_expect(weir_mock_wait_down(m, WEIR_MOCK_REQUESTS, 0, 0));
    weir_mock_stop(m);
}

Test(mock, the_same_seed_hits_the_same_requests)
{
    enum { N = 40 };
    int statuses[2][N], hit = 0;

    for (int run = 0; run < 2; run++) {
        struct weir_mock *m = weir_mock_start("/a", "1");

        weir_mock_seed(m, 99);
        weir_mock_fault(m, "status=500,rate=50%");
        for (int i = 0; i < N; i++) {
            struct response r;

            cr_assert(client_get(weir_mock_port(m), "/a", NULL, &r, PATIENCE));
            statuses[run][i] = r.status;
            hit += r.status == 500;
            response_done(&r);
        }
        weir_mock_stop(m);
    }
    cr_expect(memcmp(statuses[0], statuses[1], sizeof(statuses[0])) == 0);
    cr_expect(hit > 0 && hit < 2 * N, "%d of %d hit", hit, 2 * N);
}

static void *ask_ten_times(void *arg)
{
    struct weir_mock *m = arg;
    struct weir_mock_request q;

    for (int i = 0; i < 10; i++) {
        struct response r;

        if (!client_get(weir_mock_port(m), "/a", NULL, &r, PATIENCE))
            return m;
        response_done(&r);
        weir_mock_answer(m, "/a", &(struct weir_mock_answer){.body = "changed"});
        weir_mock_fault(m, i % 2 ? "delay=1ms" : NULL);
        weir_mock_request(m, (unsigned long)i, &q);
    }
    return NULL;
}

Test(mock, every_call_may_come_from_any_thread)
{
    struct weir_mock *m = weir_mock_start("/a", "1");
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        cr_assert(pthread_create(&threads[i], NULL, ask_ten_times, m) == 0);
    for (int i = 0; i < 4; i++) {
        void *failed;

        pthread_join(threads[i], &failed);
        cr_expect(failed == NULL, "thread %d went unanswered", i);
    }
    cr_expect(weir_mock_wait(m, WEIR_MOCK_ANSWERED, 40, PATIENCE));
    weir_mock_stop(m);
}

Test(mock, stops_with_requests_in_flight)
{
    struct weir_mock *m = weir_mock_start("/a", "1");
    int fds[20];

    weir_mock_fault(m, "hang");
    for (int i = 0; i < 20; i++) {
        fds[i] = client_connect(weir_mock_port(m));
        cr_assert(client_say(fds[i], GET_A));
    }
    cr_assert(weir_mock_wait(m, WEIR_MOCK_IN_FLIGHT, 20, PATIENCE));
    weir_mock_stop(m);
    for (int i = 0; i < 20; i++) {
        cr_expect(client_sees_close(fds[i], PATIENCE), "%d", i);
        close(fds[i]);
    }
}
