/* Fetches that hang by the thousand, and callbacks that meddle. */
#include "fetch_bench.h"

#include <stdatomic.h>
#include <sys/resource.h>

#define HANGING  2000
#define LANE_MAX 64
#define OK_REPLY "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

static struct raw_reply reply_never(void *arg, unsigned nth, const char *head)
{
    (void)arg, (void)nth, (void)head;
    return (struct raw_reply){NULL, 0, RAW_KEEP};
}

static struct raw_reply reply_ok(void *arg, unsigned nth, const char *head)
{
    (void)arg, (void)nth, (void)head;
    return (struct raw_reply){OK_REPLY, 0, RAW_KEEP};
}

/* Answers while the flag is set. */
static struct raw_reply reply_while(void *arg, unsigned nth, const char *head)
{
    (void)nth, (void)head;
    return (struct raw_reply){*(atomic_bool *)arg ? OK_REPLY : NULL, 0, RAW_KEEP};
}

/* The most transfers on one lane of the upstream. */
static unsigned fullest_lane(const struct weir_upstream *upstream)
{
    const struct engine_origin *origin = upstream->origin;
    unsigned most = 0;
    size_t i;

    for (i = 0; i < origin->n_words * 64; i++)
        if (origin->lanes[i] && origin->lanes[i]->curl.transfers > most)
            most = origin->lanes[i]->curl.transfers;
    return most;
}

/* CPU time of this thread: other processes do not count. */
static uint64_t thread_cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Starts the fetches from..to and lets them reach the server; the CPU time that took. */
static uint64_t start_some(struct bench *bench, struct weir_upstream *upstream,
                           struct raw_server *server, struct bench_get *gets, unsigned from,
                           unsigned to)
{
    uint64_t begin = thread_cpu_ns();
    unsigned i;

    for (i = from; i < to; i++)
        cr_assert_eq(bench_start(bench, upstream, &gets[i]), WEIR_OK, "%u", i);
    BENCH_WHILE(bench, raw_server_requests(server) < to);
    cr_assert_eq(raw_server_requests(server), to);
    return thread_cpu_ns() - begin;
}

Test(fetch_many, thousands_hung_cost_no_more_each_and_leave_nothing, .timeout = 120)
{
    static struct bench_get gets[HANGING];
    struct rlimit limit;
    struct raw_server *server;
    struct weir_upstream *upstream;
    struct fetch_result result;
    struct bench bench;
    uint64_t first, last, cancel;
    unsigned before, i;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 3 * HANGING)
        cr_skip("not enough descriptors");
    server = raw_server_new(reply_never, NULL);
    bench_init(&bench, NULL);
    before = bench_open_fds();
    upstream = bench_upstream(&bench, raw_server_origin(server), 0);
    start_some(&bench, upstream, server, gets, 0, 10); /* warm */
    first = start_some(&bench, upstream, server, gets, 10, 210);
    start_some(&bench, upstream, server, gets, 210, HANGING - 200);
    last = start_some(&bench, upstream, server, gets, HANGING - 200, HANGING);
    cr_expect(last < 4 * first, "the last 200 took %.1f times the first 200",
              (double)last / (double)first);
    cr_expect(fullest_lane(upstream) <= LANE_MAX, "%u on one lane", fullest_lane(upstream));
    cancel = thread_cpu_ns();
    for (i = 0; i < HANGING; i++) {
        fetch_cancel(gets[i].fetch, &result);
        cr_expect_eq(result.status, WEIR_HTTP_RESPONSE_TIMEOUT);
    }
    cancel = thread_cpu_ns() - cancel;
    cr_expect(cancel < 10 * 4 * first, "canceling took %.1f times a start",
              (double)cancel / 10 / (double)first);
    BENCH_WHILE(&bench, raw_server_closed(server) < HANGING);
    cr_expect_eq(raw_server_closed(server), HANGING);
    cr_expect(bench_open_fds() <= before + 2 * (HANGING / 32 + 1), "%u descriptors are left",
              bench_open_fds() - before);
    BENCH_WHILE(&bench, bench_open_fds() > before);
    cr_expect_eq(bench_open_fds(), before, "idle lanes keep descriptors");
    weir_upstream_free(upstream);
    bench_done(&bench);
    raw_server_free(server);
}

/* All connections of the first lane are lost; one of the second is still there. */
Test(fetch_many, an_idle_connection_on_another_lane_comes_first, .timeout = 60)
{
    static struct bench_get gets[LANE_MAX + 1];
    atomic_bool answering = true;
    struct raw_server *server = raw_server_new(reply_while, &answering);
    struct weir_upstream *upstream;
    struct fetch_result result;
    struct bench bench;
    unsigned accepted, i;

    bench_init(&bench, NULL);
    upstream = bench_upstream(&bench, raw_server_origin(server), 0);
    for (i = 0; i <= LANE_MAX; i++)
        cr_assert_eq(bench_start(&bench, upstream, &gets[i]), WEIR_OK);
    for (i = 0; i <= LANE_MAX; i++) {
        BENCH_WHILE(&bench, gets[i].calls == 0);
        free(gets[i].result.answer.body);
    }
    accepted = raw_server_accepted(server);
    answering = false;
    for (i = 0; i < LANE_MAX; i++)
        cr_assert_eq(bench_start(&bench, upstream, &gets[i]), WEIR_OK);
    BENCH_WHILE(&bench, raw_server_requests(server) < 2 * LANE_MAX + 1);
    for (i = 0; i < LANE_MAX; i++)
        fetch_cancel(gets[i].fetch, &result);
    answering = true;
    result = bench_get(&bench, upstream);
    cr_expect_eq(result.status, WEIR_OK);
    cr_expect(result.reused);
    free(result.answer.body);
    cr_expect_eq(raw_server_accepted(server), accepted, "%u connections more",
                 raw_server_accepted(server) - accepted);
    weir_upstream_free(upstream);
    bench_done(&bench);
    raw_server_free(server);
}

/* What a callback does to others on the same lane. */
struct meddler {
    struct bench bench;
    struct weir_upstream *upstream;
    struct bench_get others[8], started;
    unsigned canceled, calls;
};

static void on_meddle(void *arg, struct fetch_result *result)
{
    struct meddler *meddler = arg;
    struct fetch_result dropped;
    size_t i;

    meddler->calls++;
    free(result->answer.body);
    for (i = 0; i < 8; i++) {
        if (!meddler->others[i].fetch)
            continue;
        fetch_cancel(meddler->others[i].fetch, &dropped);
        meddler->others[i].fetch = NULL;
        meddler->canceled++;
    }
    cr_expect_eq(bench_start(&meddler->bench, meddler->upstream, &meddler->started), WEIR_OK);
}

/* All nine answers are there when the loop looks: the canceled ones may have ended already. */
Test(fetch_many, a_callback_may_cancel_and_start_others, .timeout = 30)
{
    struct raw_server *server = raw_server_new(reply_ok, NULL);
    struct meddler meddler = {.calls = 0};
    struct fetch *fetch;
    unsigned told = 0;
    size_t i;

    bench_init(&meddler.bench, NULL);
    meddler.upstream = bench_upstream(&meddler.bench, raw_server_origin(server), 0);
    cr_assert_eq(fetch_start(meddler.upstream, weir_ctx_background(meddler.bench.loop), "/", NULL,
                             on_meddle, &meddler, &fetch),
                 WEIR_OK);
    for (i = 0; i < 8; i++)
        cr_assert_eq(bench_start(&meddler.bench, meddler.upstream, &meddler.others[i]), WEIR_OK);
    event_base_loop(meddler.bench.base, EVLOOP_NONBLOCK);
    while (raw_server_requests(server) < 9)
        ;
    BENCH_WHILE(&meddler.bench, meddler.started.calls == 0);
    for (i = 0; i < 8; i++) {
        told += meddler.others[i].calls;
        free(meddler.others[i].result.answer.body);
    }
    cr_expect_eq(meddler.calls, 1);
    cr_expect_eq(told + meddler.canceled, 8, "%u told, %u canceled", told, meddler.canceled);
    cr_expect_eq(meddler.started.result.status, WEIR_OK);
    free(meddler.started.result.answer.body);
    weir_upstream_free(meddler.upstream);
    bench_done(&meddler.bench);
    raw_server_free(server);
}

static void on_done_free_upstream(void *arg, struct fetch_result *result)
{
    struct meddler *meddler = arg;

    meddler->calls++;
    free(result->answer.body);
    weir_upstream_free(meddler->upstream);
}

Test(fetch_many, a_callback_may_free_its_upstream, .timeout = 30)
{
    struct raw_server *server = raw_server_new(reply_ok, NULL);
    struct meddler meddler = {.calls = 0};
    struct fetch *fetch;
    unsigned before;

    bench_init(&meddler.bench, NULL);
    before = bench_open_fds();
    meddler.upstream = bench_upstream(&meddler.bench, raw_server_origin(server), 0);
    cr_assert_eq(fetch_start(meddler.upstream, weir_ctx_background(meddler.bench.loop), "/", NULL,
                             on_done_free_upstream, &meddler, &fetch),
                 WEIR_OK);
    BENCH_WHILE(&meddler.bench, meddler.calls == 0);
    BENCH_WHILE(&meddler.bench, bench_open_fds() > before);
    cr_expect_eq(bench_open_fds(), before, "the origin keeps its connections");
    bench_done(&meddler.bench);
    raw_server_free(server);
}

Test(fetch_many, origins_are_checked, .timeout = 30)
{
    static const struct {
        const char *origin;
        enum weir_status status;
    } rows[] = {
        {"http://127.0.0.1:80", WEIR_OK},
        {"http://[::1]:8080", WEIR_OK},
        {"https://example.org", WEIR_OK},
        {"http://localhost:9/", WEIR_OK},
        {"", WEIR_INVALID_ARGUMENT},
        {"localhost:80", WEIR_INVALID_ARGUMENT},
        {"ftp://host", WEIR_INVALID_ARGUMENT},
        {"http://", WEIR_INVALID_ARGUMENT},
        {"http://u:p@host", WEIR_INVALID_ARGUMENT},
        {"http://host/path", WEIR_INVALID_ARGUMENT},
        {"http://host?q", WEIR_INVALID_ARGUMENT},
        {"http://host:99999", WEIR_INVALID_ARGUMENT},
        {"http://host:0", WEIR_INVALID_ARGUMENT},
        {"http://h\303\266st", WEIR_INVALID_ARGUMENT},
        {"http://host#f", WEIR_INVALID_ARGUMENT},
        {"http://[fe80::1%25lo]:80", WEIR_INVALID_ARGUMENT},
    };
    struct bench bench;
    size_t i;

    bench_init(&bench, NULL);
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct weir_upstream_options options = {.origin = rows[i].origin};
        struct weir_upstream *upstream = NULL;
        enum weir_status status = weir_upstream_new(bench.engine, &options, &upstream);

        cr_expect_eq(status, rows[i].status, "%s: %s", rows[i].origin, weir_status_word(status));
        cr_expect_eq(upstream == NULL, status != WEIR_OK, "%s", rows[i].origin);
        weir_upstream_free(upstream);
    }
    bench_done(&bench);
}
