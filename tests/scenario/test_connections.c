/* Client connections at their edges: silent ones in a drain, pipelining without end, first answers. */
#include "stage.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(connections, .timeout = 90);

Test(connections, a_silent_client_does_not_hold_up_the_drain)
{
    const char *settings[] = {"WEIR_DRAIN_TIMEOUT=10s", NULL};
    struct trio t;
    double began;
    int fd;

    trio_start(&t, settings);
    fd = client_connect(t.weir.port);
    cr_assert(weir_wait_metric(&t.weir, "weir_client_connections", 1, 5000));
    began = now_ms();
    process_signal(t.weir.process, SIGTERM);
    cr_expect(client_sees_close(fd, 8000), "the connection stays open");
    weir_end(&t.weir);
    cr_expect(now_ms() - began < 8000, "it took %.0f ms", now_ms() - began);
    close(fd);
    trio_stop_mocks(&t);
}

#define ASK "GET /nowhere HTTP/1.1\r\nHost: t\r\n\r\n"
#define AT_ONCE 4000

/* Writes requests as fast as they are taken, reads whatever comes; returns the bytes that came. */
static size_t pipeline(int fd, int duration_ms)
{
    static char out[AT_ONCE * (sizeof(ASK) - 1)], in[65536];
    double end = now_ms() + duration_ms;
    size_t sent = 0, got = 0;
    ssize_t n;

    for (size_t i = 0; i < AT_ONCE; i++)
        memcpy(out + i * (sizeof(ASK) - 1), ASK, sizeof(ASK) - 1);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    while (now_ms() < end) {
        struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};

        poll(&p, 1, 100);
        n = p.revents & POLLOUT ? write(fd, out + sent % sizeof(out), sizeof(out) - sent % sizeof(out))
                                : 0;
        sent += n > 0 ? (size_t)n : 0;
        n = p.revents & POLLIN ? read(fd, in, sizeof(in)) : 0;
        got += n > 0 ? (size_t)n : 0;
        cr_assert(!(p.revents & POLLIN) || n > 0, "the connection broke");
    }
    return got;
}

Test(connections, pipelining_without_end_takes_no_memory)
{
    /* A sanitizer keeps freed memory, so little is allowed to be kept. */
    const char *settings[] = {"WEIR_LOG_LEVEL=error", "WEIR_WORKERS=1", NULL};
    struct trio t;
    long before, after;
    size_t got;
    int fd;

    setenv("ASAN_OPTIONS", "quarantine_size_mb=1:malloc_context_size=1", 1);
    trio_start(&t, settings);
    before = process_resident_kib(t.weir.process);
    fd = client_connect(t.weir.port);
    got = pipeline(fd, 3000);
    after = process_resident_kib(t.weir.process);
    cr_expect(got > 100000, "only %zu bytes of answers came", got);
    cr_expect(after - before < 7 * 1024, "%ld KiB grew to %ld", before, after);
    close(fd);
    trio_expect_quiet(&t);
    trio_stop(&t);
}

Test(connections, all_pipelined_requests_are_answered)
{
    enum { N = 3000 };
    static char text[N * 64];
    struct response r;
    size_t len = 0;
    struct trio t;
    int fd;

    trio_start(&t, NULL);
    fd = client_connect(t.weir.port);
    for (int i = 0; i < N; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "GET /nowhere HTTP/1.1\r\nHost: t\r\nX-Request-Id: n%d\r\n\r\n", i);
    cr_assert(client_send(fd, text, len));
    for (int i = 0; i < N; i++) {
        char id[16];

        snprintf(id, sizeof(id), "n%d", i);
        cr_assert(client_read(fd, &r, 10000, false), "answer %d does not come", i);
        cr_assert_str_eq(response_header(&r, "X-Request-Id"), id);
        response_done(&r);
    }
    close(fd);
    trio_stop(&t);
}

/* A route "/long" whose answers have at least so many bytes. */
static const char *long_document(int bytes)
{
    static char document[1024 * 1024];

    snprintf(document, sizeof(document),
             "{\"routes\":[{\"path\":\"/long\",\"upstreams\":{"
             "\"profile\":{\"url\":\"${WEIR_PROFILE_URL}/users/1/profile\"},"
             "\"other\":{\"url\":\"${WEIR_ACTIVITY_URL}/nowhere\",\"default\":\"%0*d\"}}}]}",
             bytes, 0);
    return document;
}

/* A connection that takes little at a time. */
static int connect_narrow(unsigned port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0), size = 8192;

    cr_assert(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) == 0);
    cr_assert(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
    return fd;
}

Test(connections, the_last_answer_survives_what_is_pipelined_behind_it)
{
    static char text[100 + 2000 * sizeof(ASK)] =
        "GET /long HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n";
    size_t len = strlen(text);
    struct response r;
    struct stage s;
    int fd;

    for (int i = 0; i < 2000; i++, len += sizeof(ASK) - 1)
        memcpy(text + len, ASK, sizeof(ASK));
    stage_start(&s, long_document(700000), NULL);
    fd = connect_narrow(s.trio.weir.port);
    cr_assert(client_send(fd, text, len));
    cr_assert(process_wait_line(s.trio.weir.process, "\"path\":\"/long\"", 1, 10000) != NULL);
    cr_expect(client_read(fd, &r, 10000, false), "%zu bytes came", r.body_len);
    cr_expect(r.status == 200 && r.body_len > 700000, "%d, %zu bytes", r.status, r.body_len);
    cr_expect_str_eq(response_header(&r, "Connection"), "close");
    response_done(&r);
    cr_expect(client_sees_close(fd, 10000));
    close(fd);
    stage_stop(&s);
}

Test(connections, a_long_answer_after_a_refusal)
{
    const char *settings[] = {"WEIR_WORKERS=1", NULL};
    struct response r;
    struct stage s;

    stage_start(&s, long_document(6000), settings);
    stage_get(&s, "/nowhere", NULL, &r);
    cr_expect(r.status == 404);
    response_done(&r);
    stage_get(&s, "/long", NULL, &r);
    cr_expect(r.status == 200, "%d", r.status);
    cr_expect(r.body_len > 6000);
    response_done(&r);
    stage_stop(&s);
}
