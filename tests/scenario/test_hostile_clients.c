/* Hostile and odd clients, as tables of bytes: nothing of a bad request ever runs. */
#include "trio.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(hostile_clients, .timeout = 60);

#define SECOND "GET /v1/users/7 HTTP/1.1\r\nHost: t\r\n\r\n"

struct bad {
    const char *name, *bytes;
    int status;
};

static const struct bad bads[] = {
    {"transfer-encoding", "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SECOND, 400},
    {"unknown coding", "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: xchunked\r\n\r\n" SECOND, 400},
    {"both framings", "POST /v1/users/1 HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" SECOND, 400},
    {"two lengths", "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n" SECOND, 400},
    {"plus length", "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\nContent-Length: +3\r\n\r\n" SECOND, 400},
    {"body on GET", "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\nContent-Length: 39\r\n\r\n" SECOND, 400},
    {"body on HEAD", "HEAD /v1/users/1 HTTP/1.1\r\nHost: t\r\nContent-Length: 39\r\n\r\n" SECOND, 400},
    {"body on POST", "POST /v1/users/1 HTTP/1.1\r\nHost: t\r\nContent-Length: 39\r\n\r\n" SECOND, 405},
    {"no host", "GET /v1/users/1 HTTP/1.1\r\n\r\n" SECOND, 400},
    {"two hosts", "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\nHost: t\r\n\r\n" SECOND, 400},
    {"space before colon", "GET /v1/users/1 HTTP/1.1\r\nHost : t\r\n\r\n" SECOND, 400},
    {"bad name", "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\nA(b): c\r\n\r\n" SECOND, 400},
    {"bare LF", "GET /v1/users/1 HTTP/1.1\nHost: t\n\n" SECOND, 400},
    {"bare CR", "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\nA: b\rc\r\n\r\n" SECOND, 400},
    {"fold", "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\nA: b\r\n c\r\n\r\n" SECOND, 400},
    {"two spaces", "GET  /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n" SECOND, 400},
    {"raw bytes in target", "GET /v1/users/\xc3\xa9 HTTP/1.1\r\nHost: t\r\n\r\n" SECOND, 400},
    {"control in value", "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\nA: \x01\r\n\r\n" SECOND, 400},
    {"HTTP/1.9", "GET /v1/users/1 HTTP/1.9\r\nHost: t\r\n\r\n" SECOND, 505},
    {"HTTP/2.0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    {"lower-case version", "GET /v1/users/1 http/1.1\r\nHost: t\r\n\r\n" SECOND, 400},
    {"TLS hello", "\x16\x03\x01\x02\x01\x01\xfc\x03\x03 and so on\r\n\r\n", 400},
    {"unknown expectation", "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\nExpect: more\r\n\r\n", 417},
    {"no route", "GET /v2 HTTP/1.1\r\nHost: t\r\n\r\n", 404},
    {"method", "DELETE /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n", 405},
    {"unknown method", "FROB /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n", 405},
};

static unsigned long requests_of(struct weir_mock *m)
{
    struct weir_mock_stats s;

    weir_mock_stats(m, &s);
    return s.requests;
}

Test(hostile_clients, each_gets_its_status_and_nothing_runs)
{
    struct trio t;

    trio_start(&t, NULL);
    for (size_t i = 0; i < sizeof(bads) / sizeof(*bads); i++) {
        struct response r;
        int fd = client_connect(t.weir.port);
        bool closes = bads[i].status == 400 || bads[i].status == 505 ||
                      strstr(bads[i].name, "body") != NULL;

        client_say(fd, bads[i].bytes);
        cr_expect(client_read(fd, &r, 5000, strncmp(bads[i].bytes, "HEAD", 4) == 0), "%s: no answer",
                  bads[i].name);
        cr_expect(r.status == bads[i].status, "%s: %d", bads[i].name, r.status);
        cr_expect_str_eq(response_header(&r, "Content-Type"), "application/problem+json", "%s",
                         bads[i].name);
        if (bads[i].status == 405)
            cr_expect_str_eq(response_header(&r, "Allow"), "GET, HEAD");
        if (closes) {
            cr_expect_str_eq(response_header(&r, "Connection"), "close", "%s", bads[i].name);
            cr_expect(client_sees_close(fd, 5000), "%s: something ran", bads[i].name);
        }
        response_done(&r);
        close(fd);
    }
    cr_expect(requests_of(t.profile) == 0, "%lu requests reached an upstream",
              requests_of(t.profile));
    cr_expect(process_wait_line(t.weir.process, "\"msg\":\"request\"",
                                sizeof(bads) / sizeof(*bads), 5000) != NULL,
              "refused heads are logged too");
    trio_stop(&t);
}

/* A request of a line, a header of that many bytes. */
static int send_long(unsigned port, size_t target, size_t header)
{
    char *text = malloc(target + header + 256);
    char *p = text + sprintf(text, "GET /v1/users/");
    int fd = client_connect(port);

    memset(p, 'a', target);
    p += target;
    p += sprintf(p, " HTTP/1.1\r\nHost: t\r\nX-Long: ");
    memset(p, 'b', header);
    p += header;
    p += sprintf(p, "\r\n\r\n");
    client_send(fd, text, (size_t)(p - text));
    free(text);
    return fd;
}

Test(hostile_clients, limits_of_the_head)
{
    static const struct {
        size_t target, header;
        int status;
    } rows[] = {{10, 10, 200}, {10, 15000, 200}, {10, 17000, 431}, {200000, 1, 414}, {300, 1, 400}};
    struct trio t;

    trio_start(&t, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct response r;
        int fd = send_long(t.weir.port, rows[i].target, rows[i].header);

        cr_expect(client_read(fd, &r, 5000, false), "row %zu", i);
        cr_expect(r.status == rows[i].status, "row %zu: %d", i, r.status);
        response_done(&r);
        close(fd);
    }
    trio_stop(&t);
}

Test(hostile_clients, a_slow_head_is_cut_at_its_absolute_deadline)
{
    struct trio t;
    struct response r;
    double start;
    int fd, idle;

    trio_start(&t, (const char *const[]){"WEIR_HEADER_TIMEOUT=300ms", "WEIR_IDLE_TIMEOUT=400ms", NULL});
    idle = client_connect(t.weir.port);
    fd = client_connect(t.weir.port);
    start = now_ms();
    while (now_ms() < start + 250) { /* bytes keep coming: they do not move the deadline */
        cr_assert(client_say(fd, now_ms() < start + 5 ? "GET /" : "a"));
        usleep(20000);
    }
    cr_expect(client_read(fd, &r, 5000, false));
    cr_expect(r.status == 408, "%d", r.status);
    cr_expect(now_ms() - start >= 290 && now_ms() - start < 1000, "%.0f ms", now_ms() - start);
    cr_expect(client_sees_close(fd, 5000));
    cr_expect(client_sees_close(idle, 5000), "an idle connection is closed");
    response_done(&r);
    close(fd);
    close(idle);
    trio_stop(&t);
}

Test(hostile_clients, pipelined_requests_are_answered_in_order)
{
    struct trio t;
    char text[8192] = "";
    size_t len = 0;
    int fd;

    trio_start(&t, NULL);
    for (int i = 0; i < 100; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "GET /v1/users/%d HTTP/1.1\r\nHost: t\r\nX-Request-Id: n%d\r\n\r\n", i, i);
    fd = client_connect(t.weir.port);
    cr_assert(client_send(fd, text, len));
    for (int i = 0; i < 100; i++) {
        struct response r;
        char id[16];

        cr_assert(client_read(fd, &r, 5000, false), "answer %d", i);
        snprintf(id, sizeof(id), "n%d", i);
        cr_expect_str_eq(response_header(&r, "X-Request-Id"), id);
        cr_expect(r.status == 200);
        response_done(&r);
    }
    cr_expect(client_say(fd, "x"));
    close(fd);
    trio_stop(&t);
}

Test(hostile_clients, a_bad_request_behind_a_good_one_does_not_harm_it)
{
    struct trio t;
    struct response r;
    int fd;

    trio_start(&t, NULL);
    fd = client_connect(t.weir.port);
    cr_assert(client_say(fd, "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\nGET / HTTP/1.1\nHost: t\n\n" SECOND));
    cr_expect(client_read(fd, &r, 5000, false) && r.status == 200, "%d", r.status);
    response_done(&r);
    cr_expect(client_read(fd, &r, 5000, false) && r.status == 400, "%d", r.status);
    response_done(&r);
    cr_expect(client_sees_close(fd, 5000));
    cr_expect(requests_of(t.profile) == 1);
    close(fd);
    trio_stop(&t);
}

Test(hostile_clients, bytes_one_at_a_time)
{
    struct trio t;
    struct response r;
    int fd;

    trio_start(&t, NULL);
    fd = client_connect(t.weir.port);
    for (const char *p = SECOND; *p != '\0'; p++) {
        cr_assert(client_send(fd, p, 1));
        usleep(200);
    }
    cr_expect(client_read(fd, &r, 5000, false) && r.status == 200);
    response_done(&r);
    close(fd);
    trio_stop(&t);
}

Test(hostile_clients, versions_and_methods_that_are_served)
{
    static const struct {
        const char *name, *bytes;
        bool head, closes;
    } rows[] = {
        {"HTTP/1.0", "GET /v1/users/1 HTTP/1.0\r\n\r\n", false, true},
        {"HTTP/1.0 keep-alive", "GET /v1/users/1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false, false},
        {"HTTP/1.1 close", "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n", false, true},
        {"HEAD", "HEAD /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n", true, false},
        {"absolute form", "GET http://else.where/v1/users/1?q=1 HTTP/1.1\r\nHost: t\r\n\r\n", false, false},
        {"empty line first", "\r\nGET /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n", false, false},
        {"expect continue", "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\n\r\n", false, false},
    };
    struct trio t;

    trio_start(&t, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct response r;
        int fd = client_connect(t.weir.port);

        cr_assert(client_say(fd, rows[i].bytes));
        cr_expect(client_read(fd, &r, 5000, rows[i].head), "%s", rows[i].name);
        cr_expect(r.status == 200, "%s: %d", rows[i].name, r.status);
        cr_expect(strtoul(response_header(&r, "Content-Length"), NULL, 10) > 100, "%s", rows[i].name);
        response_done(&r);
        if (rows[i].closes) {
            cr_expect(client_sees_close(fd, 5000), "%s", rows[i].name);
        } else {
            cr_expect(client_say(fd, SECOND) && client_read(fd, &r, 5000, false) && r.status == 200,
                      "%s: the connection is not usable again", rows[i].name);
            response_done(&r);
        }
        close(fd);
    }
    trio_stop(&t);
}

Test(hostile_clients, a_client_that_never_reads_is_cut)
{
    struct trio t;
    char big[600000];
    int fd;

    trio_start(&t, (const char *const[]){"WEIR_WRITE_TIMEOUT=300ms", NULL});
    memset(big, 'x', sizeof(big));
    memcpy(big, "[\"", 2);
    memcpy(big + sizeof(big) - 3, "\"]", 3);
    weir_mock_answer(t.activity, "/users/{id}/activity", &(struct weir_mock_answer){.body = big});
    fd = client_connect(t.weir.port);
    for (int i = 0; i < 40; i++)
        cr_assert(client_say(fd, SECOND));
    cr_expect(weir_wait_metric(&t.weir, "weir_client_connections", 1, 10000), "written to");
    cr_expect(weir_wait_metric(&t.weir, "weir_client_connections", 0, 10000), "not cut");
    close(fd);
    trio_stop(&t);
}

Test(hostile_clients, over_the_connection_cap)
{
    struct trio t;
    struct response r;
    int fds[4];

    trio_start(&t, (const char *const[]){"WEIR_MAX_CONNECTIONS=3", NULL});
    for (int i = 0; i < 3; i++) {
        fds[i] = client_connect(t.weir.port);
        cr_assert(client_say(fds[i], SECOND) && client_read(fds[i], &r, 5000, false));
        response_done(&r);
    }
    fds[3] = client_connect(t.weir.port);
    if (client_read(fds[3], &r, 5000, false))
        cr_expect(r.status == 503, "%d", r.status);
    response_done(&r);
    cr_expect(client_sees_close(fds[3], 5000));
    cr_assert(client_say(fds[0], SECOND) && client_read(fds[0], &r, 5000, false), "the others go on");
    cr_expect(r.status == 200);
    response_done(&r);
    close(fds[0]);
    cr_expect(weir_wait_metric(&t.weir, "weir_client_connections", 2, 5000));
    trio_get(&t, &r);
    cr_expect(r.status == 200, "room again");
    response_done(&r);
    for (int i = 1; i < 4; i++)
        close(fds[i]);
    trio_stop(&t);
}

Test(hostile_clients, over_the_requests_in_flight)
{
    struct trio t;
    struct response r;
    int fds[3];

    trio_start(&t, (const char *const[]){"WEIR_MAX_IN_FLIGHT=2", "WEIR_BUDGET=30s", NULL});
    weir_mock_hold(t.activity);
    for (int i = 0; i < 2; i++) {
        fds[i] = client_connect(t.weir.port);
        cr_assert(client_say(fds[i], SECOND));
    }
    cr_assert(weir_mock_wait(t.activity, WEIR_MOCK_HELD, 2, 5000));
    fds[2] = client_connect(t.weir.port);
    cr_assert(client_say(fds[2], SECOND) && client_read(fds[2], &r, 5000, false));
    cr_expect(r.status == 503, "%d", r.status);
    cr_expect(strtol(response_header(&r, "Retry-After"), NULL, 10) >= 1);
    cr_expect(r.ms < 200, "%.1f ms", r.ms);
    response_done(&r);
    weir_mock_release(t.activity);
    for (int i = 0; i < 2; i++) {
        cr_expect(client_read(fds[i], &r, 5000, false) && r.status == 200);
        response_done(&r);
    }
    cr_assert(client_say(fds[2], SECOND) && client_read(fds[2], &r, 5000, false));
    cr_expect(r.status == 200, "room again");
    response_done(&r);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    trio_stop(&t);
}
