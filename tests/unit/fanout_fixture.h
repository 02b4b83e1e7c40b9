/* One request over scripted fetches on a manual loop, for the tests of the fan-out. */
#ifndef FANOUT_FIXTURE_H
#define FANOUT_FIXTURE_H

#include <weir/fanout.h>

#include "fake_fetch.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define START  ((uint64_t)1000 * WEIR_MS)
#define LEGS   3
#define BUDGET (500 * WEIR_MS)

/* A request as serve would have it: one context, three calls, the settled result copied. */
struct request {
    struct weir_loop *loop;
    struct weir_ctx *ctx;
    struct weir_upstream upstreams[LEGS];
    struct weir_call calls[LEGS];
    struct weir_fanout *fanout;
    unsigned settled;
    uint64_t settled_at;
    enum weir_status status;
    int failed_required;
    struct weir_outcome outcomes[LEGS];
    char *bodies[LEGS]; /* taken */
    bool free_inside;
};

static int engine_stub;
static struct weir_engine *const engine = (struct weir_engine *)&engine_stub;

static struct request rq;

static inline void set_up(void)
{
    size_t i;

    memset(&rq, 0, sizeof(rq));
    rq.loop = weir_loop_new_manual(START);
    cr_assert_eq(weir_ctx_with_timeout(weir_ctx_background(rq.loop), BUDGET, &rq.ctx), WEIR_OK);
    for (i = 0; i < LEGS; i++) {
        rq.upstreams[i].delay_ns = (int64_t)(i + 1) * 10 * WEIR_MS;
        rq.upstreams[i].body = "{}";
        rq.calls[i].upstream = &rq.upstreams[i];
        rq.calls[i].target = "/";
    }
    rq.calls[0].required = true;
}

static inline void on_settled(void *arg, struct weir_settled *settled)
{
    struct request *request = arg;
    size_t i;

    request->settled++;
    request->settled_at = weir_loop_now(request->loop);
    request->status = settled->status;
    request->failed_required = settled->failed_required;
    cr_assert_eq(settled->n, LEGS);
    for (i = 0; i < settled->n; i++) {
        request->outcomes[i] = settled->outcomes[i];
        request->bodies[i] = settled->outcomes[i].answer.body;
        settled->outcomes[i].answer.body = NULL;
    }
    if (request->free_inside) {
        weir_fanout_free(request->fanout);
        request->fanout = NULL;
    }
}

static inline void start(void)
{
    cr_assert_eq(weir_fanout_start(engine, rq.ctx, rq.calls, LEGS, on_settled, &rq, &rq.fanout),
                 WEIR_OK);
    cr_assert_eq(rq.settled, 0u, "never before start has returned");
}

static inline void advance_ms(unsigned ms)
{
    weir_loop_advance(rq.loop, START + ms * (uint64_t)WEIR_MS);
}

static int64_t settled_ms(void)
{
    return (int64_t)(rq.settled_at - START) / WEIR_MS;
}

static inline void expect_statuses(enum weir_status a, enum weir_status b, enum weir_status c)
{
    const enum weir_status wanted[LEGS] = {a, b, c};
    size_t i;

    for (i = 0; i < LEGS; i++)
        cr_assert_eq(rq.outcomes[i].status, wanted[i], "leg %zu: %s, not %s", i,
                     weir_status_word(rq.outcomes[i].status), weir_status_word(wanted[i]));
}

/* Nothing is left, nothing comes later. Not a .fini: what fails there does not fail the test. */
static inline void close_all(void)
{
    unsigned settled = rq.settled;
    size_t i;

    advance_ms(100000);
    cr_assert_eq(rq.settled, settled, "nothing comes later");
    cr_assert_eq(fake_fetch_live(), 0u);
    weir_fanout_free(rq.fanout);
    weir_ctx_release(rq.ctx);
    cr_assert_eq(weir_loop_live_contexts(rq.loop), 0u);
    for (i = 0; i < LEGS; i++) {
        cr_assert_eq(rq.upstreams[i].started, rq.upstreams[i].finished + rq.upstreams[i].canceled);
        free(rq.bodies[i]);
    }
    weir_loop_free(rq.loop);
}

#endif
