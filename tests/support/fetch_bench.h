/* A loop, an engine and upstreams for tests of the transfer layer; included by one test file each.
 */
#ifndef FETCH_BENCH_H
#define FETCH_BENCH_H

#include "clock.h"
#include "engine.h"
#include "fetch.h"
#include "raw_server.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BENCH_PATIENCE_NS (10000 * (uint64_t)WEIR_MS)

struct bench {
    struct event_base *base;
    struct weir_loop *loop;
    struct weir_engine *engine;
    struct event *tick; /* lets the loop look at conditions that other threads fulfil */
};

/* One fetch and how it ended. */
struct bench_get {
    struct fetch *fetch; /* NULL once it has ended */
    unsigned calls;      /* of the callback */
    struct fetch_result result;
};

static inline void bench_on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
}

static inline void bench_init(struct bench *bench, const struct weir_engine_options *options)
{
    struct timeval period = {0, 2000};

    bench->base = event_base_new();
    bench->loop = weir_loop_new(bench->base);
    bench->engine = weir_engine_new(bench->base, bench->loop, options);
    cr_assert_not_null(bench->engine);
    bench->tick = event_new(bench->base, -1, EV_PERSIST, bench_on_tick, NULL);
    event_add(bench->tick, &period);
}

static inline void bench_done(struct bench *bench)
{
    event_free(bench->tick);
    weir_engine_free(bench->engine);
    weir_loop_free(bench->loop);
    event_base_free(bench->base);
}

static inline struct weir_upstream *bench_upstream(struct bench *bench, const char *origin,
                                                   size_t max_body)
{
    struct weir_upstream_options options = {.name = "up", .origin = origin, .max_body = max_body};
    struct weir_upstream *upstream = NULL;

    cr_assert_eq(weir_upstream_new(bench->engine, &options, &upstream), WEIR_OK);
    return upstream;
}

static inline void bench_on_done(void *arg, struct fetch_result *result)
{
    struct bench_get *get = arg;

    get->calls++;
    get->fetch = NULL;
    get->result = *result;
}

static inline enum weir_status bench_start(struct bench *bench, struct weir_upstream *upstream,
                                           struct bench_get *get)
{
    memset(get, 0, sizeof(*get));
    return fetch_start(upstream, weir_ctx_background(bench->loop), "/thing?x=1", NULL,
                       bench_on_done, get, &get->fetch);
}

/* Turns the loop while the condition holds and patience lasts. */
#define BENCH_WHILE(bench, condition)                                                              \
    for (uint64_t until_ = clock_now_ns() + BENCH_PATIENCE_NS;                                     \
         (condition) && clock_now_ns() < until_;)                                                  \
    event_base_loop((bench)->base, EVLOOP_ONCE)

/* One GET from start to end; the body has to be freed. */
static inline struct fetch_result bench_get(struct bench *bench, struct weir_upstream *upstream)
{
    struct bench_get get;
    enum weir_status status = bench_start(bench, upstream, &get);

    if (status != WEIR_OK) {
        get.result.status = status;
        return get.result;
    }
    BENCH_WHILE(bench, get.calls == 0);
    cr_assert_eq(get.calls, 1, "the fetch never ended");
    return get.result;
}

static inline unsigned bench_open_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned n = 0;

    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

#endif
