/* Fetches over real sockets: connections reused, closed, refused, counted, many at once. */
#include "fetch_bench.h"

#include <arpa/inet.h>
#include <sys/resource.h>
#include <unistd.h>

#define OK_REPLY "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

static struct raw_reply reply_ok(void *arg, unsigned nth, const char *head)
{
    (void)arg, (void)nth, (void)head;
    return (struct raw_reply){OK_REPLY, 0, RAW_KEEP};
}

static struct raw_reply reply_never(void *arg, unsigned nth, const char *head)
{
    (void)arg, (void)nth, (void)head;
    return (struct raw_reply){NULL, 0, RAW_KEEP};
}

/* Serves one request on each connection and closes when the second one comes. */
static struct raw_reply reply_once(void *arg, unsigned nth, const char *head)
{
    (void)head;
    if (nth == 0)
        return (struct raw_reply){OK_REPLY, 0, RAW_KEEP};
    return (struct raw_reply){NULL, 0, *(enum raw_after *)arg};
}

static void expect_ok(struct fetch_result result, const char *what)
{
    cr_expect_str_eq(weir_status_word(result.status), "ok", "%s: %s", what,
                     weir_status_word(result.status));
    cr_expect_eq(result.bytes, 2, "%s: bytes", what);
    free(result.answer.body);
}

static unsigned loose_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(fd, (void *)&address, len);
    getsockname(fd, (void *)&address, &len);
    close(fd);
    return ntohs(address.sin_port);
}

Test(fetch, requests_in_a_row_share_a_connection, .timeout = 30)
{
    struct raw_server *server = raw_server_new(reply_ok, NULL);
    struct weir_upstream *one, *other;
    struct bench bench;
    int i;

    bench_init(&bench, NULL);
    one = bench_upstream(&bench, raw_server_origin(server), 0);
    other = bench_upstream(&bench, raw_server_origin(server), 0);
    for (i = 0; i < 50; i++) {
        struct fetch_result result = bench_get(&bench, i % 2 ? other : one);

        cr_expect_eq(result.reused, i > 0, "request %d", i);
        cr_expect_eq(result.connections_opened, i == 0, "request %d", i);
        expect_ok(result, "in a row");
    }
    cr_expect_eq(raw_server_accepted(server), 1, "%u connections", raw_server_accepted(server));
    weir_upstream_free(one);
    weir_upstream_free(other);
    bench_done(&bench);
    raw_server_free(server);
}

Test(fetch, sends_what_it_was_told, .timeout = 30)
{
    static const struct weir_header fixed[] = {{"X-Key", "secret"}, {NULL, NULL}};
    static const struct weir_header given[] = {{"Accept", "application/json"},
                                               {"x-key", "mine"},
                                               {"Traceparent", "00-1-2-01"},
                                               {NULL, NULL}};
    static const struct weir_header broken[] = {{"X", "a\r\nY: b"}, {NULL, NULL}};
    static const char *bad_targets[] = {"", "x", "/a b", "/a\r\nX: y", "/\303\251", "/\177"};
    struct raw_server *server = raw_server_new(reply_ok, NULL);
    struct weir_upstream_options options = {.origin = raw_server_origin(server), .headers = fixed};
    struct weir_upstream *upstream;
    struct bench_get get = {0};
    struct bench bench;
    char head[4096], expected[512];
    size_t i;

    bench_init(&bench, NULL);
    cr_assert_eq(weir_upstream_new(bench.engine, &options, &upstream), WEIR_OK);
    cr_assert_eq(fetch_start(upstream, weir_ctx_background(bench.loop), "/a/%20b?c=d", given,
                             bench_on_done, &get, &get.fetch),
                 WEIR_OK);
    BENCH_WHILE(&bench, get.calls == 0);
    expect_ok(get.result, "headers");
    raw_server_head(server, head, sizeof(head));
    snprintf(expected, sizeof(expected),
             "GET /a/%%20b?c=d HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nX-Key: secret\r\n"
             "Accept: application/json\r\nTraceparent: 00-1-2-01\r\n"
             "Weir-Protocol: HTTP/1.1\r\n\r\n",
             raw_server_port(server));
    cr_expect_str_eq(head, expected);
    cr_expect_eq(fetch_start(upstream, weir_ctx_background(bench.loop), "/", broken, bench_on_done,
                             &get, &get.fetch),
                 WEIR_INVALID_ARGUMENT);
    for (i = 0; i < sizeof(bad_targets) / sizeof(bad_targets[0]); i++)
        cr_expect_eq(fetch_start(upstream, weir_ctx_background(bench.loop), bad_targets[i], NULL,
                                 bench_on_done, &get, &get.fetch),
                     WEIR_INVALID_ARGUMENT, "target %zu", i);
    weir_upstream_free(upstream);
    bench_done(&bench);
    raw_server_free(server);
}

static unsigned ended_of(const struct bench_get *gets, unsigned n)
{
    unsigned ended = 0;

    while (ended < n && gets[ended].calls)
        ended++;
    return ended;
}

Test(fetch, five_hundred_at_once_all_arrive, .timeout = 60)
{
    static struct bench_get gets[500];
    struct raw_server *server = raw_server_new(reply_ok, NULL);
    struct weir_upstream *upstream;
    struct bench bench;
    unsigned accepted = 0, i, round;

    bench_init(&bench, NULL);
    upstream = bench_upstream(&bench, raw_server_origin(server), 0);
    for (round = 0; round < 2; round++) {
        for (i = 0; i < 500; i++)
            cr_assert_eq(bench_start(&bench, upstream, &gets[i]), WEIR_OK);
        cr_expect_eq(gets[0].calls, 0, "called before start had returned");
        BENCH_WHILE(&bench, ended_of(gets, 500) < 500);
        for (i = 0; i < 500; i++) {
            cr_expect_eq(gets[i].calls, 1);
            expect_ok(gets[i].result, "at once");
        }
        if (round == 0)
            accepted = raw_server_accepted(server);
    }
    cr_expect(raw_server_accepted(server) <= accepted + 25, "the second round opened %u more",
              raw_server_accepted(server) - accepted);
    weir_upstream_free(upstream);
    bench_done(&bench);
    raw_server_free(server);
}

Test(fetch, cancel_closes_the_connection_at_once, .timeout = 30)
{
    struct raw_server *server = raw_server_new(reply_never, NULL);
    struct weir_upstream *upstream;
    struct bench_get get;
    struct fetch_result result;
    struct bench bench;
    uint64_t canceled_ns;

    bench_init(&bench, NULL);
    upstream = bench_upstream(&bench, raw_server_origin(server), 0);
    cr_assert_eq(bench_start(&bench, upstream, &get), WEIR_OK);
    BENCH_WHILE(&bench, raw_server_requests(server) == 0);
    canceled_ns = clock_now_ns();
    fetch_cancel(get.fetch, &result);
    BENCH_WHILE(&bench, raw_server_closed(server) == 0);
    cr_expect(raw_server_closed_ns(server) - canceled_ns < 100 * (uint64_t)WEIR_MS);
    cr_expect_eq(result.status, WEIR_HTTP_RESPONSE_TIMEOUT);
    cr_expect_eq(result.connections_opened, 1);
    cr_expect_null(result.answer.body);
    cr_expect_eq(get.calls, 0);

    /* before it had a chance to connect */
    cr_assert_eq(bench_start(&bench, upstream, &get), WEIR_OK);
    fetch_cancel(get.fetch, &result);
    cr_expect_eq(result.status, WEIR_CONNECTION_TIMEOUT);
    cr_expect_eq(result.connections_opened, 0, "told of the transfer before");
    event_base_loop(bench.base, EVLOOP_NONBLOCK);
    cr_expect_eq(get.calls, 0);
    weir_upstream_free(upstream);
    bench_done(&bench);
    raw_server_free(server);
}

Test(fetch, refused_is_told_at_once_and_leaves_nothing, .timeout = 30)
{
    struct weir_upstream *upstream;
    struct bench bench;
    unsigned before, i;
    char origin[64];

    snprintf(origin, sizeof(origin), "http://127.0.0.1:%u", loose_port());
    bench_init(&bench, NULL);
    upstream = bench_upstream(&bench, origin, 0);
    cr_expect_eq(bench_get(&bench, upstream).status, WEIR_CONNECTION_REFUSED);
    before = bench_open_fds();
    for (i = 0; i < 20; i++)
        cr_expect_eq(bench_get(&bench, upstream).status, WEIR_CONNECTION_REFUSED);
    cr_expect_eq(bench_open_fds(), before);
    weir_upstream_free(upstream);
    bench_done(&bench);
}

/* More often than libcurl would retry in the life of a handle. */
Test(fetch, a_connection_closed_in_race_is_retried_unseen, .timeout = 30)
{
    static enum raw_after hows[] = {RAW_CLOSE, RAW_RESET};
    size_t how;
    int i;

    for (how = 0; how < 2; how++) {
        struct raw_server *server = raw_server_new(reply_once, &hows[how]);
        struct weir_upstream *upstream;
        struct bench bench;

        bench_init(&bench, NULL);
        upstream = bench_upstream(&bench, raw_server_origin(server), 0);
        for (i = 0; i < 20; i++)
            expect_ok(bench_get(&bench, upstream), how ? "reset in race" : "closed in race");
        cr_expect_eq(raw_server_accepted(server), 20, "%u", raw_server_accepted(server));
        weir_upstream_free(upstream);
        bench_done(&bench);
        raw_server_free(server);
    }
}

Test(fetch, an_idle_connection_closed_by_the_upstream_does_not_spin, .timeout = 30)
{
    struct raw_server *server = raw_server_new(reply_ok, NULL);
    struct weir_upstream *upstream;
    struct bench bench;
    uint64_t until;
    unsigned turns = 0, i;

    bench_init(&bench, NULL);
    upstream = bench_upstream(&bench, raw_server_origin(server), 0);
    for (i = 0; i < 3; i++) {
        expect_ok(bench_get(&bench, upstream), "before");
        raw_server_drop(server);
        until = clock_now_ns() + 100 * (uint64_t)WEIR_MS;
        for (turns = 0; clock_now_ns() < until; turns++)
            event_base_loop(bench.base, EVLOOP_ONCE);
        cr_expect(turns < 200, "%u turns", turns);
    }
    cr_expect_eq(raw_server_accepted(server), 3);
    weir_upstream_free(upstream);
    bench_done(&bench);
    raw_server_free(server);
}

Test(fetch, the_environment_sets_no_proxy, .timeout = 30)
{
    struct raw_server *server = raw_server_new(reply_ok, NULL);
    struct weir_upstream *upstream;
    struct bench bench;

    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "socks5://127.0.0.1:1", 1);
    setenv("no_proxy", "", 1);
    bench_init(&bench, NULL);
    upstream = bench_upstream(&bench, raw_server_origin(server), 0);
    expect_ok(bench_get(&bench, upstream), "proxy");
    weir_upstream_free(upstream);
    bench_done(&bench);
    raw_server_free(server);
}

Test(fetch, one_connection_too_many_is_refused_at_once, .timeout = 30)
{
    struct weir_engine_options options = {.max_connections = 40};
    struct raw_server *server = raw_server_new(reply_never, NULL);
    static struct bench_get gets[41];
    struct weir_upstream *upstream;
    struct fetch_result result;
    struct bench bench;
    unsigned i;

    bench_init(&bench, &options);
    upstream = bench_upstream(&bench, raw_server_origin(server), 0);
    for (i = 0; i < 40; i++)
        cr_assert_eq(bench_start(&bench, upstream, &gets[i]), WEIR_OK, "%u", i);
    cr_expect_eq(bench_start(&bench, upstream, &gets[40]), WEIR_INTERNAL_ERROR);
    BENCH_WHILE(&bench, raw_server_requests(server) < 40);
    cr_expect_eq(bench_start(&bench, upstream, &gets[40]), WEIR_INTERNAL_ERROR);
    fetch_cancel(gets[0].fetch, &result);
    cr_expect_eq(bench_start(&bench, upstream, &gets[0]), WEIR_OK);
    for (i = 0; i < 40; i++)
        fetch_cancel(gets[i].fetch, &result);
    weir_upstream_free(upstream);
    bench_done(&bench);
    raw_server_free(server);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    ++*(unsigned *)arg;
}

/* New sockets get the numbers of those just closed; what was left on them would keep these silent.
 */
static bool fresh_sockets_can_be_watched(struct bench *bench)
{
    struct event *events[2];
    unsigned fired = 0;
    int pair[2], i;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    for (i = 0; i < 2; i++) {
        events[i] = event_new(bench->base, pair[i], EV_WRITE, on_writable, &fired);
        event_add(events[i], NULL);
    }
    for (i = 0; i < 20 && fired < 2; i++)
        event_base_loop(bench->base, EVLOOP_ONCE);
    for (i = 0; i < 2; i++) {
        event_free(events[i]);
        close(pair[i]);
    }
    return fired == 2;
}

/* A listener whose queue is full drops what knocks: no connection in time. */
Test(fetch, no_connection_in_time_is_a_connection_timeout, .timeout = 30)
{
    struct weir_engine_options options = {.connect_timeout_ns = 100 * WEIR_MS};
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fillers[4];
    struct weir_upstream *upstream;
    struct fetch_result result;
    struct bench_get get;
    struct bench bench;
    unsigned before;
    char origin[64];
    size_t i;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert(bind(listener, (void *)&address, len) == 0 && listen(listener, 0) == 0);
    getsockname(listener, (void *)&address, &len);
    for (i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(fillers[i], (void *)&address, len);
    }
    snprintf(origin, sizeof(origin), "http://127.0.0.1:%u", ntohs(address.sin_port));
    bench_init(&bench, &options);
    upstream = bench_upstream(&bench, origin, 0);
    cr_expect_eq(bench_get(&bench, upstream).status, WEIR_CONNECTION_TIMEOUT);
    before = bench_open_fds();
    for (i = 0; i < 5; i++) {
        cr_assert_eq(bench_start(&bench, upstream, &get), WEIR_OK);
        event_base_loop(bench.base, EVLOOP_NONBLOCK);
        event_base_loop(bench.base, EVLOOP_NONBLOCK);
        fetch_cancel(get.fetch, &result);
        cr_expect_eq(result.status, WEIR_CONNECTION_TIMEOUT);
        cr_expect(fresh_sockets_can_be_watched(&bench), "an event is left on a closed socket");
    }
    cr_expect_eq(bench_open_fds(), before);
    weir_upstream_free(upstream);
    bench_done(&bench);
    for (i = 0; i < 4; i++)
        close(fillers[i]);
    close(listener);
}
