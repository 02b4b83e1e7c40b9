/* What a request's head may be, in which order its faults count, and what becomes of the
 * connection. */
#include "stage.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(contract_head, .timeout = 60);

#define HOST   "Host: t\r\n"
#define SECOND "GET /v1/users/9 HTTP/1.1\r\nHost: t\r\n\r\n"

static unsigned long requests_of(struct weir_mock *m)
{
    struct weir_mock_stats s;

    weir_mock_stats(m, &s);
    return s.requests;
}

/* Requests with several faults: the one that is judged first gives the status. */
static const struct row {
    const char *name, *bytes;
    int status;
    bool closes;
} order[] = {
    {"head before 404", "GET /no HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 400,
     true},
    {"head before 405", "PUT /v1/users/1 HTTP/1.1\r\n" HOST HOST "\r\n", 400, true},
    {"head before 417", "GET /v1/users/1 HTTP/1.1\r\n" HOST "Expect: x\r\nA : b\r\n\r\n", 400,
     true},
    {"version before 404", "GET /no HTTP/1.3\r\n" HOST "\r\n", 505, true},
    {"body before 404", "GET /no HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab", 400, true},
    {"body before 417",
     "HEAD /v1/users/1 HTTP/1.1\r\n" HOST "Content-Length: 2\r\nExpect: x\r\n\r\nab", 400, true},
    {"404 before 405", "PUT /no HTTP/1.1\r\n" HOST "\r\n", 404, false},
    {"404 before 405, with a body", "PUT /no HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab", 404,
     true},
    {"404 before 417", "GET /no HTTP/1.1\r\n" HOST "Expect: x\r\n\r\n", 404, false},
    {"404 before the parameter", "GET /v1/users/%zz/more HTTP/1.1\r\n" HOST "\r\n", 404, false},
    {"405 before 417", "PUT /v1/users/1 HTTP/1.1\r\n" HOST "Expect: x\r\n\r\n", 405, false},
    {"405 before the parameter", "PUT /v1/users/%zz HTTP/1.1\r\n" HOST "\r\n", 405, false},
    {"405 with a body", "PUT /v1/users/1 HTTP/1.1\r\n" HOST "Content-Length: 39\r\n\r\n" SECOND,
     405, true},
    {"405 with an empty body", "PUT /v1/users/1 HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 405,
     false},
    {"417 before the parameter", "GET /v1/users/%zz HTTP/1.1\r\n" HOST "Expect: x\r\n\r\n", 417,
     false},
    {"the parameter", "GET /v1/users/%zz HTTP/1.1\r\n" HOST "\r\n", 400, false},
    {"OPTIONS *", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 404, false},
    {"CONNECT", "CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n", 400, true},
    {"no version", "GET /v1/users/1\r\n\r\n", 400, true},
    {"a fragment", "GET /v1/users/1#a HTTP/1.1\r\n" HOST "\r\n", 400, true},
    {"a NUL", "GET /v1/users/1 HTTP/1.1\r\n" HOST "A: b\\0c\r\n\r\n", 400,
     true}, /* \0 becomes NUL */
    {"no name", "GET /v1/users/1 HTTP/1.1\r\n" HOST ": b\r\n\r\n", 400, true},
};

static void say_with_nul(int fd, const char *bytes)
{
    size_t len = strlen(bytes);
    char *copy = strdup(bytes), *nul = strstr(copy, "\\0");

    if (nul != NULL) {
        nul[0] = '\0';
        memmove(nul + 1, nul + 2, strlen(nul + 2));
        len--;
    }
    cr_assert(client_send(fd, copy, len));
    free(copy);
}

Test(contract_head, faults_are_judged_in_their_order)
{
    struct trio t;

    trio_start(&t, NULL);
    for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
        const struct row *row = &order[i];
        struct response r;
        int fd = client_connect(t.weir.port);

        say_with_nul(fd, row->bytes);
        cr_assert(client_read(fd, &r, 5000, strncmp(row->bytes, "HEAD", 4) == 0), "%s", row->name);
        cr_expect(r.status == row->status, "%s: %d: %s", row->name, r.status, r.body);
        cr_expect_str_eq(response_header(&r, "Connection"), row->closes ? "close" : "", "%s",
                         row->name);
        cr_expect_str_eq(response_header(&r, "Allow"), row->status == 405 ? "GET, HEAD" : "", "%s",
                         row->name);
        response_done(&r);
        if (row->closes) {
            cr_expect(client_sees_close(fd, 5000), "%s: the connection goes on", row->name);
        } else {
            cr_expect(client_say(fd, "GET /no HTTP/1.1\r\n" HOST "\r\n") &&
                          client_read(fd, &r, 5000, false) && r.status == 404,
                      "%s: the connection does not go on", row->name);
            response_done(&r);
        }
        close(fd);
    }
    cr_expect(requests_of(t.profile) == 0, "%lu requests came through", requests_of(t.profile));
    trio_stop(&t);
}

Test(contract_head, path_parameters)
{
    static const struct {
        const char *id;
        int status;
    } rows[] = {
        {"1", 200},      {"%41", 200},    {"%f0%9f%98%80", 200}, {"...", 200},
        {".a", 200},     {"", 404},       {"1/", 404},           {"/1", 404},
        {".", 400},      {"..", 400},     {"%2e", 400},          {"%2E%2e", 400},
        {"a%2fb", 400},  {"a%2Fb", 400},  {"%00", 400},          {"a%0d%0ab", 400},
        {"%1f", 400},    {"%7f", 400},    {"%c2%85", 400},       {"%ff", 400},
        {"%c3%28", 400}, {"%c0%af", 400}, {"%ed%a0%80", 400},    {"%f4%90%80%80", 400},
        {"%", 400},      {"%4", 400},     {"%g1", 400},          {"%u0041", 400},
    };
    char longest[2][300] = {"", ""};
    struct trio t;
    struct response r;
    char path[512];
    unsigned long good = 0;

    memset(longest[0], 'a', 256);
    memset(longest[1], 'a', 257);
    trio_start(&t, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        snprintf(path, sizeof(path), "/v1/users/%s", rows[i].id);
        cr_assert(client_get(t.weir.port, path, NULL, &r, 5000), "%s", path);
        cr_expect(r.status == rows[i].status, "%s: %d", path, r.status);
        good += rows[i].status == 200;
        response_done(&r);
    }
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "/v1/users/%s", longest[i]);
        cr_assert(client_get(t.weir.port, path, NULL, &r, 5000));
        cr_expect(r.status == (i == 0 ? 200 : 400), "%d bytes: %d", 256 + i, r.status);
        response_done(&r);
    }
    cr_expect(requests_of(t.profile) == good + 1, "nothing else was sent upstream");
    trio_stop(&t);
}

Test(contract_head, targets_in_absolute_form_are_served_by_their_path)
{
    static const struct {
        const char *target;
        int status;
    } rows[] = {{"http://t/v1/users/1", 200},
                {"HTTPS://other:8443/v1/users/1?a=b", 200},
                {"http://t", 404},
                {"http://t/", 404},
                {"http://t/v1/users/..", 400},
                {"ftp://t/v1/users/1", 400},
                {"http:///v1/users/1", 400},
                {"v1/users/1", 400}};
    struct trio t;

    trio_start(&t, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct response r;
        char text[256];

        snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" HOST "\r\n", rows[i].target);
        stage_say(&t.weir, text, &r);
        cr_expect(r.status == rows[i].status, "%s: %d", rows[i].target, r.status);
        response_done(&r);
    }
    trio_stop(&t);
}

/* Whether a connection goes on after an answer, by version and Connection. */
static const struct {
    const char *head;
    const char *version, *connection; /* of the answer */
    bool closes;
} connections[] = {
    {"HTTP/1.1\r\n" HOST, "HTTP/1.1 ", "", false},
    {"HTTP/1.1\r\n" HOST "Connection: close\r\n", "HTTP/1.1 ", "close", true},
    {"HTTP/1.1\r\n" HOST "Connection: x, CLOSE ,y\r\n", "HTTP/1.1 ", "close", true},
    {"HTTP/1.1\r\n" HOST "Connection: keep-alive\r\nConnection: close\r\n", "HTTP/1.1 ", "close",
     true},
    {"HTTP/1.1\r\n" HOST "Connection: closed\r\n", "HTTP/1.1 ", "", false},
    {"HTTP/1.1\r\n" HOST
     "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n",
     "HTTP/1.1 ", "", false},
    {"HTTP/1.0\r\n", "HTTP/1.0 ", "close", true},
    {"HTTP/1.0\r\n" HOST, "HTTP/1.0 ", "close", true},
    {"HTTP/1.0\r\nConnection: Keep-Alive\r\n", "HTTP/1.0 ", "keep-alive", false},
    {"HTTP/1.0\r\nConnection: keep-alive, close\r\n", "HTTP/1.0 ", "close", true},
};

Test(contract_head, the_connection_goes_on_or_not)
{
    struct trio t;

    trio_start(&t, NULL);
    for (size_t i = 0; i < sizeof(connections) / sizeof(*connections); i++) {
        struct response r;
        char text[256];
        int fd = client_connect(t.weir.port);

        snprintf(text, sizeof(text), "GET /v1/users/1 %s\r\n", connections[i].head);
        cr_assert(client_say(fd, text) && client_read(fd, &r, 5000, false), "row %zu", i);
        cr_expect(r.status == 200, "row %zu: %d", i, r.status);
        cr_expect(strncmp(r.head, connections[i].version, 9) == 0, "row %zu: %s", i, r.head);
        cr_expect_str_eq(response_header(&r, "Connection"), connections[i].connection, "row %zu",
                         i);
        response_done(&r);
        if (connections[i].closes) {
            cr_expect(client_sees_close(fd, 5000), "row %zu", i);
        } else {
            cr_expect(client_say(fd, SECOND) && client_read(fd, &r, 5000, false) && r.status == 200,
                      "row %zu", i);
            response_done(&r);
        }
        close(fd);
    }
    trio_stop(&t);
}

/* The idle time begins again after each answer; a head has its own time then. */
Test(contract_head, idle_and_slow_on_a_connection_that_has_served)
{
    struct trio t;
    struct response r;
    double start;
    int idle, slow;

    trio_start(&t,
               (const char *const[]){"WEIR_IDLE_TIMEOUT=400ms", "WEIR_HEADER_TIMEOUT=250ms", NULL});
    idle = client_connect(t.weir.port);
    slow = client_connect(t.weir.port);
    for (int i = 0; i < 2; i++) {
        cr_assert(client_say(i ? slow : idle, SECOND) &&
                  client_read(i ? slow : idle, &r, 5000, false));
        response_done(&r);
    }
    start = now_ms();
    cr_assert(client_say(slow, "GET /v1/users/1 HTTP/1.1\r\nHo"));
    cr_assert(client_read(slow, &r, 5000, false));
    cr_expect(r.status == 408 && now_ms() - start >= 240 && now_ms() - start < 2000,
              "%d after %.0f ms", r.status, now_ms() - start);
    cr_expect_str_eq(response_header(&r, "Connection"), "close");
    response_done(&r);
    cr_expect(client_sees_close(slow, 5000));
    cr_expect(client_sees_close(idle, 5000), "an idle connection is closed, without a word");
    cr_expect(now_ms() - start >= 250 && now_ms() - start < 3000, "%.0f ms", now_ms() - start);
    cr_expect(process_wait_line(t.weir.process, "\"status\":408,\"outcome\":\"rejected\"", 1,
                                5000) != NULL);
    close(idle);
    close(slow);
    trio_stop(&t);
}

Test(contract_head, the_size_of_a_head_is_configured)
{
    static const struct {
        size_t target, header;
        int status;
    } rows[] = {{10, 800, 200}, {10, 1100, 431}, {1100, 1, 414}};
    struct trio t;

    trio_start(&t, (const char *const[]){"WEIR_MAX_HEADER_BYTES=1KiB", NULL});
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct response r;
        char target[1200] = "", header[1200] = "", text[3000];

        memset(target, 'a', rows[i].target);
        memset(header, 'b', rows[i].header);
        snprintf(text, sizeof(text), "GET /v1/users/%s HTTP/1.1\r\n" HOST "A: %s\r\n\r\n", target,
                 header);
        stage_say(&t.weir, text, &r);
        cr_expect(r.status == rows[i].status, "row %zu: %d", i, r.status);
        if (rows[i].status != 200)
            cr_expect_str_eq(response_header(&r, "Connection"), "close");
        response_done(&r);
    }
    trio_stop(&t);
}

static int connect_v6(unsigned port)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6,
                                   .sin6_port = htons((uint16_t)port),
                                   .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (void *)&address, sizeof(address)) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static bool has_v6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && bind(fd, (void *)&address, sizeof(address)) == 0;

    if (fd >= 0)
        close(fd);
    return ok;
}

Test(contract_head, a_listener_may_be_ipv6)
{
    struct trio t;
    struct response r;
    int fd;

    if (!has_v6())
        cr_skip_test("no IPv6 loopback on this machine");
    trio_start(&t, (const char *const[]){"WEIR_LISTEN=[::1]:0", "WEIR_WORKERS=2", NULL});
    cr_expect(process_wait_line(t.weir.process, "\"listener\":\"public\",\"address\":\"[::1]:", 1,
                                0) != NULL);
    fd = connect_v6(t.weir.port);
    cr_assert(client_say(fd, "GET /v1/users/1 HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"));
    cr_expect(client_read(fd, &r, 5000, false) && r.status == 200);
    response_done(&r);
    cr_expect(process_wait_line(t.weir.process, "\"client_ip\":\"::1\"", 1, 5000) != NULL);
    close(fd);
    trio_stop(&t);
}
