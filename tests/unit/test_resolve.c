/* Names: looked up on threads of their own, kept, renewed, and never waited for. */
#include "fetch_bench.h"

#include <pthread.h>
#include <stdatomic.h>

#define OK_REPLY "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

/* The lookups of a test: what each name gives, and how often it was asked. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t change;
    bool hold;       /* names that begin with "slow" wait while it is set */
    char answer[64]; /* "" = failure */
    atomic_uint asked, ended;
} zone = {.lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};

static int zone_lookup(const char *host, char *text, size_t size)
{
    int error = 1;

    zone.asked++;
    pthread_mutex_lock(&zone.lock);
    while (zone.hold && strncmp(host, "slow", 4) == 0)
        pthread_cond_wait(&zone.change, &zone.lock);
    if (strncmp(host, "bad", 3) != 0 && zone.answer[0]) {
        snprintf(text, size, "%s", zone.answer);
        error = 0;
    }
    pthread_mutex_unlock(&zone.lock);
    zone.ended++;
    return error;
}

static void zone_set(const char *answer, bool hold)
{
    pthread_mutex_lock(&zone.lock);
    snprintf(zone.answer, sizeof(zone.answer), "%s", answer);
    zone.hold = hold;
    pthread_cond_broadcast(&zone.change);
    pthread_mutex_unlock(&zone.lock);
}

static struct raw_reply reply_ok(void *arg, unsigned nth, const char *head)
{
    (void)arg, (void)nth, (void)head;
    return (struct raw_reply){OK_REPLY, 0, RAW_KEEP};
}

static struct raw_reply reply_close(void *arg, unsigned nth, const char *head)
{
    (void)arg, (void)nth, (void)head;
    return (struct raw_reply){"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
                              0, RAW_CLOSE};
}

static void open_bench(struct bench *bench, const struct weir_engine_options *options)
{
    bench_init(bench, options);
    engine_set_lookup(bench->engine, zone_lookup);
}

static struct weir_upstream *named(struct bench *bench, const char *name,
                                   const struct raw_server *server)
{
    char origin[128];

    snprintf(origin, sizeof(origin), "http://%s:%u", name, raw_server_port(server));
    return bench_upstream(bench, origin, 0);
}

static enum weir_status get_status(struct bench *bench, struct weir_upstream *upstream)
{
    struct fetch_result result = bench_get(bench, upstream);

    free(result.answer.body);
    return result.status;
}

/* Asks again until it ends so, or patience does. */
static enum weir_status get_until(struct bench *bench, struct weir_upstream *upstream,
                                  enum weir_status wanted)
{
    uint64_t until = clock_now_ns() + BENCH_PATIENCE_NS;
    enum weir_status status;

    do
        status = get_status(bench, upstream);
    while (status != wanted && clock_now_ns() < until);
    return status;
}

Test(resolve, addresses_need_no_lookup)
{
    cr_expect(resolve_is_literal("127.0.0.1"));
    cr_expect(resolve_is_literal("2001:db8::1"));
    cr_expect(!resolve_is_literal("localhost"));
    cr_expect(!resolve_is_literal("127.0.0.1.example"));
    cr_expect(!resolve_is_literal(""));
}

Test(resolve, localhost_is_found_by_the_system, .timeout = 30)
{
    struct raw_server *server = raw_server_new(reply_ok, NULL);
    struct weir_upstream *upstream;
    struct addrinfo *known = NULL;
    struct bench bench;

    if (getaddrinfo("localhost", NULL, NULL, &known) != 0) {
        raw_server_free(server);
        cr_skip("this system does not know localhost: it has no /etc/hosts");
    }
    freeaddrinfo(known);
    bench_init(&bench, NULL);
    upstream = named(&bench, "localhost", server);
    cr_expect_eq(get_status(&bench, upstream), WEIR_OK);
    cr_expect_eq(get_status(&bench, upstream), WEIR_OK);
    cr_expect_eq(raw_server_accepted(server), 1);
    weir_upstream_free(upstream);
    bench_done(&bench);
    raw_server_free(server);
}

Test(resolve, a_name_that_hangs_delays_nobody_and_ends_in_dns_timeout, .timeout = 30)
{
    struct raw_server *server = raw_server_new(reply_ok, NULL);
    struct weir_upstream *slow, *quick;
    struct fetch_result result;
    struct bench_get gets[50];
    struct bench bench;
    unsigned i;

    zone_set("127.0.0.1", true);
    open_bench(&bench, NULL);
    slow = named(&bench, "slow.test", server);
    quick = named(&bench, "quick.test", server);
    for (i = 0; i < 50; i++)
        cr_assert_eq(bench_start(&bench, slow, &gets[i]), WEIR_OK);
    cr_expect_eq(get_status(&bench, quick), WEIR_OK);
    cr_expect_eq(zone.asked, 2, "%u lookups for two names", zone.asked);
    for (i = 0; i < 25; i++) {
        fetch_cancel(gets[i].fetch, &result);
        cr_expect_eq(result.status, WEIR_DNS_TIMEOUT);
    }
    zone_set("127.0.0.1", false);
    BENCH_WHILE(&bench, gets[25].calls == 0 || gets[49].calls == 0);
    for (i = 0; i < 50; i++) {
        cr_expect_eq(gets[i].calls, i >= 25, "%u", i);
        cr_expect_eq(gets[i].result.status, WEIR_OK, "%u", i);
        free(gets[i].result.answer.body);
    }
    weir_upstream_free(slow);
    weir_upstream_free(quick);
    bench_done(&bench);
    raw_server_free(server);
}

Test(resolve, a_name_that_fails_is_a_dns_error_and_is_not_asked_again_at_once, .timeout = 30)
{
    struct raw_server *server = raw_server_new(reply_ok, NULL);
    struct weir_upstream *upstream;
    struct bench bench;
    unsigned i;

    zone_set("127.0.0.1", false);
    open_bench(&bench, NULL);
    upstream = named(&bench, "bad.test", server);
    for (i = 0; i < 20; i++)
        cr_expect_eq(get_status(&bench, upstream), WEIR_DNS_ERROR);
    cr_expect(zone.asked <= 3, "%u lookups", zone.asked);
    weir_upstream_free(upstream);
    bench_done(&bench);
    raw_server_free(server);
}

/* The server is on 127.0.0.1 only; nobody listens on the other addresses. */
Test(resolve, a_changed_answer_is_followed_and_a_failed_one_is_not, .timeout = 30)
{
    struct weir_engine_options options = {.resolve_ttl_ns = 1}; /* each use asks anew */
    struct raw_server *server = raw_server_new(reply_close, NULL);
    uint64_t until = clock_now_ns() + BENCH_PATIENCE_NS;
    struct weir_upstream *upstream;
    struct bench bench;
    unsigned asked;

    zone_set("127.0.0.1", false);
    open_bench(&bench, &options);
    upstream = named(&bench, "moving.test", server);
    cr_expect_eq(get_status(&bench, upstream), WEIR_OK);

    zone_set("127.0.0.77", false);
    cr_expect_eq(get_until(&bench, upstream, WEIR_CONNECTION_REFUSED), WEIR_CONNECTION_REFUSED);
    zone_set("127.0.0.1", false);
    cr_expect_eq(get_until(&bench, upstream, WEIR_OK), WEIR_OK);

    zone_set("", false);
    asked = zone.asked;
    while (zone.ended <= asked && clock_now_ns() < until)
        cr_expect_eq(get_status(&bench, upstream), WEIR_OK);
    cr_expect(zone.ended > asked);
    cr_expect_eq(get_status(&bench, upstream), WEIR_OK, "the last good address was dropped");
    weir_upstream_free(upstream);
    bench_done(&bench);
    raw_server_free(server);
}

/* Dead first, alive second: each family in turn. */
Test(resolve, every_address_is_tried, .timeout = 30)
{
    static const char *answers[] = {"127.0.0.77,127.0.0.1", "[::1],127.0.0.1"};
    size_t i;

    for (i = 0; i < 2; i++) {
        struct raw_server *server = raw_server_new(reply_ok, NULL);
        struct weir_upstream *upstream;
        struct bench bench;

        zone_set(answers[i], false);
        open_bench(&bench, NULL);
        upstream = named(&bench, "two.test", server);
        cr_expect_eq(get_status(&bench, upstream), WEIR_OK, "%s", answers[i]);
        weir_upstream_free(upstream);
        bench_done(&bench);
        raw_server_free(server);
    }
}

/* Started and canceled before curl saw it: the next one must bring the addresses itself. */
Test(resolve, addresses_survive_the_cancel_of_their_carrier, .timeout = 30)
{
    struct raw_server *server = raw_server_new(reply_ok, NULL);
    struct weir_upstream *upstream;
    struct resolve_name *name;
    struct fetch_result result;
    struct bench_get get;
    struct bench bench;

    zone_set("127.0.0.1", false);
    open_bench(&bench, NULL);
    upstream = named(&bench, "carried.test", server);
    name = resolve_name(bench.engine->resolve, "carried.test");
    BENCH_WHILE(&bench, resolve_ask(name) != RESOLVE_READY);
    cr_assert_eq(bench_start(&bench, upstream, &get), WEIR_OK);
    fetch_cancel(get.fetch, &result);
    cr_expect_eq(result.status, WEIR_CONNECTION_TIMEOUT);
    event_base_loop(bench.base, EVLOOP_NONBLOCK);
    event_base_loop(bench.base, EVLOOP_NONBLOCK);
    cr_expect_eq(get_status(&bench, upstream), WEIR_OK);
    weir_upstream_free(upstream);
    bench_done(&bench);
    raw_server_free(server);
}

Test(resolve, the_engine_does_not_wait_for_a_lookup, .timeout = 30)
{
    struct raw_server *server = raw_server_new(reply_ok, NULL);
    struct weir_upstream *upstream;
    struct fetch_result result;
    struct bench_get get;
    struct bench bench;
    uint64_t begin;
    unsigned before = bench_open_fds();

    zone_set("127.0.0.1", true);
    open_bench(&bench, NULL);
    upstream = named(&bench, "slow.test", server);
    cr_assert_eq(bench_start(&bench, upstream, &get), WEIR_OK);
    BENCH_WHILE(&bench, zone.asked == 0);
    fetch_cancel(get.fetch, &result);
    weir_upstream_free(upstream);
    begin = clock_now_ns();
    bench_done(&bench);
    cr_expect(clock_now_ns() - begin < 1000 * (uint64_t)WEIR_MS);
    cr_expect_eq(bench_open_fds(), before, "descriptors are left");
    zone_set("127.0.0.1", false); /* the late thread finds nobody and cleans up */
    while (zone.ended == 0)
        ;
    raw_server_free(server);
}
