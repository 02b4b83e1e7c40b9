/*
 * N fetches under one context, settled once.
 *
 * The happy path:
 * - weir_fanout_start: one allocation, a watch on the context, a fetch for each leg; a leg with a
 *   timeout of its own gets a child context and a watch on that.
 * - on_fetch_done, once for each leg: the outcome is written down.
 * - The last leg home settles: the watch is stopped and on_settled called, last of all.
 *
 * The other ends:
 * - on_leg_timeout: the leg's own deadline has passed; its fetch is canceled, the leg counts as
 *   any other that failed.
 * - A required leg fails: the rest are canceled at once, which settles.
 * - on_ctx_done: the shared deadline has passed or somebody canceled; the rest are canceled at
 * once, which settles, inside weir_ctx_cancel when that was the reason.
 * - Everything ended while starting (refused, context over): settled on the next turn, too.
 * - weir_fanout_free: the rest are canceled, nobody is called.
 *
 * What is open is counted; start holds one count for itself until all legs have been tried.
 */
#include <weir/fanout.h>

#include "fetch.h"

#include <assert.h>
#include <stdlib.h>

/*
 *   IDLE ──(fetch_start)──→ IN_FLIGHT ──(done, canceled)──→ ENDED
 *     └──────(refused, nothing to start any more)─────────────↑
 */
enum leg_state { LEG_IDLE, LEG_IN_FLIGHT, LEG_ENDED, LEG_STATES };

struct leg {
    struct weir_fanout *fanout;
    struct fetch *fetch;     /* while in flight */
    struct weir_ctx *ctx;    /* its own, shorter one; NULL: runs under the shared one */
    struct weir_watch watch; /* on its own context */
    enum leg_state state;
};

struct weir_fanout {
    struct weir_ctx *ctx;
    struct weir_loop *loop;
    struct weir_watch watch;       /* on the shared context */
    struct weir_task settle_task;  /* settles on the next turn */
    const struct weir_call *calls; /* the caller's, until settled */
    weir_settled_fn *on_settled;
    void *arg;
    uint64_t start_ns;
    size_t open; /* legs not ended, and one while starting */
    struct weir_settled settled;
    struct leg *legs; /* settled.n of them, then as many outcomes */
};

static enum weir_status leg_start(struct leg *leg);
static void leg_refused(struct leg *leg, enum weir_status status);
static void on_fetch_done(void *arg, struct fetch_result *result);
static void on_leg_timeout(void *arg, enum weir_status reason);
static void on_ctx_done(void *arg, enum weir_status reason);
static void on_settle_turn(void *arg);
static void leg_end(struct leg *leg, enum weir_status status, struct fetch_result *result);
static void leg_interrupt(struct leg *leg, enum weir_status reason);
static void end_rest(struct weir_fanout *fanout, enum weir_status reason);
static void end_with_ctx(struct weir_fanout *fanout, enum weir_status reason);
static void settle(struct weir_fanout *fanout);

static void leg_set_state(struct leg *leg, enum leg_state to)
{
    static const bool permitted[LEG_STATES][LEG_STATES] = {
        [LEG_IDLE] = {[LEG_IN_FLIGHT] = true, [LEG_ENDED] = true},
        [LEG_IN_FLIGHT] = {[LEG_ENDED] = true},
    };

    assert(permitted[leg->state][to]);
    leg->state = to;
}

static size_t index_of(const struct leg *leg)
{
    return (size_t)(leg - leg->fanout->legs);
}

static struct weir_outcome *outcome_of(const struct leg *leg)
{
    return &leg->fanout->settled.outcomes[index_of(leg)];
}

/* What stands in the outcome for a status that tells why nothing could be asked. */
static enum weir_status leg_status(enum weir_status status)
{
    switch (status) {
    case WEIR_DEADLINE_EXCEEDED:
        return WEIR_HTTP_RESPONSE_TIMEOUT;
    case WEIR_NO_MEMORY:
    case WEIR_INVALID_ARGUMENT:
        return WEIR_INTERNAL_ERROR;
    default:
        return status;
    }
}

static bool calls_valid(const struct weir_call *calls, size_t n)
{
    size_t i;

    if (!calls || n == 0 || n > INT32_MAX / (sizeof(struct leg) + sizeof(struct weir_outcome)))
        return false;
    for (i = 0; i < n; i++) {
        if (!calls[i].upstream || !calls[i].target || calls[i].timeout_ns < 0)
            return false;
    }
    return true;
}

static struct weir_fanout *fanout_new(struct weir_ctx *ctx, const struct weir_call *calls, size_t n)
{
    size_t head = sizeof(struct weir_fanout),
           each = sizeof(struct leg) + sizeof(struct weir_outcome);
    struct weir_fanout *fanout = calloc(1, head + n * each);
    size_t i;

    if (!fanout)
        return NULL;
    fanout->ctx = ctx;
    fanout->loop = weir_ctx_loop(ctx);
    fanout->calls = calls;
    fanout->start_ns = weir_loop_now(fanout->loop);
    fanout->open = n + 1;
    fanout->legs = (struct leg *)(fanout + 1);
    fanout->settled.outcomes = (struct weir_outcome *)(fanout->legs + n);
    fanout->settled.n = n;
    fanout->settled.failed_required = -1;
    for (i = 0; i < n; i++) {
        fanout->legs[i].fanout = fanout;
        fanout->settled.outcomes[i].answer.content_type = "";
    }
    return fanout;
}

enum weir_status weir_fanout_start(struct weir_engine *engine, struct weir_ctx *ctx,
                                   const struct weir_call *calls, size_t n,
                                   weir_settled_fn *on_settled, void *arg, struct weir_fanout **out)
{
    struct weir_fanout *fanout;
    enum weir_status reason;
    size_t i;

    if (!engine || !ctx || !calls_valid(calls, n) || !on_settled || !out)
        return WEIR_INVALID_ARGUMENT;
    fanout = fanout_new(ctx, calls, n);
    if (!fanout)
        return WEIR_NO_MEMORY;
    fanout->on_settled = on_settled;
    fanout->arg = arg;
    *out = fanout;
    reason = weir_ctx_err(ctx);
    if (reason != WEIR_OK)
        end_with_ctx(fanout, reason);
    else
        weir_ctx_on_done(ctx, &fanout->watch, on_ctx_done, fanout);
    for (i = 0; i < n; i++) {
        if (fanout->legs[i].state != LEG_IDLE)
            continue; /* something before it has ended them all */
        reason = leg_start(&fanout->legs[i]);
        if (reason != WEIR_OK)
            leg_refused(&fanout->legs[i], reason);
    }
    if (--fanout->open == 0)
        weir_loop_post(fanout->loop, &fanout->settle_task, on_settle_turn, fanout);
    return WEIR_OK;
}

/* Begins one fetch; anything but OK is why it could not. */
static enum weir_status leg_start(struct leg *leg)
{
    struct weir_fanout *fanout = leg->fanout;
    const struct weir_call *call = &fanout->calls[index_of(leg)];
    struct weir_ctx *ctx = fanout->ctx;
    enum weir_status status = WEIR_OK;

    if (call->timeout_ns > 0) {
        status = weir_ctx_with_timeout(ctx, call->timeout_ns, &leg->ctx);
        ctx = leg->ctx;
    }
    if (status == WEIR_OK)
        status = fetch_start(call->upstream, ctx, call->target, call->headers, on_fetch_done, leg,
                             &leg->fetch);
    if (status != WEIR_OK)
        return status;
    leg_set_state(leg, LEG_IN_FLIGHT);
    outcome_of(leg)->started = true;
    if (leg->ctx)
        weir_ctx_on_done(leg->ctx, &leg->watch, on_leg_timeout, leg);
    return WEIR_OK;
}

/* A leg could not begin: its own failure, unless the shared context has ended meanwhile. */
static void leg_refused(struct leg *leg, enum weir_status status)
{
    enum weir_status reason = weir_ctx_err(leg->fanout->ctx);

    if (reason != WEIR_OK)
        end_with_ctx(leg->fanout, reason);
    else
        leg_end(leg, status, NULL);
}

static void on_fetch_done(void *arg, struct fetch_result *result)
{
    struct leg *leg = arg;
    struct weir_fanout *fanout = leg->fanout;

    leg_end(leg, result->status, result);
    if (fanout->open == 0)
        settle(fanout);
}

static void on_leg_timeout(void *arg, enum weir_status reason)
{
    struct leg *leg = arg;
    struct weir_fanout *fanout = leg->fanout;

    leg_interrupt(leg, reason);
    if (fanout->open == 0)
        settle(fanout);
}

static void on_ctx_done(void *arg, enum weir_status reason)
{
    struct weir_fanout *fanout = arg;

    if (fanout->open > 0)
        end_with_ctx(fanout, reason);
    settle(fanout);
}

/* Writes down how a leg has ended, and lets a required one that failed end the others. The result
 * of the fetch gives its body away; NULL when there was no fetch. */
static void leg_end(struct leg *leg, enum weir_status status, struct fetch_result *result)
{
    struct weir_fanout *fanout = leg->fanout;
    struct weir_outcome *outcome = outcome_of(leg);

    leg_set_state(leg, LEG_ENDED);
    leg->fetch = NULL;
    weir_watch_stop(&leg->watch);
    weir_ctx_release(leg->ctx);
    leg->ctx = NULL;
    fanout->open--;
    outcome->status = leg_status(status);
    outcome->elapsed_ns = (int64_t)(weir_loop_now(fanout->loop) - fanout->start_ns);
    if (result) {
        outcome->answer = result->answer;
        outcome->answer.content_type = ""; /* was the judge's */
        outcome->bytes = result->bytes;
        outcome->reused = result->reused;
        outcome->connections_opened = result->connections_opened;
    }
    if (outcome->status == WEIR_OK)
        return;
    free(outcome->answer.body);
    outcome->answer.body = NULL;
    outcome->answer.body_len = outcome->answer.value_at = outcome->answer.value_len = 0;
    if (!fanout->calls[index_of(leg)].required || outcome->status == WEIR_CANCELED ||
        fanout->settled.failed_required >= 0)
        return;
    fanout->settled.failed_required = (int)index_of(leg);
    if (fanout->settled.status == WEIR_OK)
        end_rest(fanout, WEIR_CANCELED);
}

/* Ends a leg that has not ended yet, for the reason a context gives. */
static void leg_interrupt(struct leg *leg, enum weir_status reason)
{
    struct fetch_result result = {.status = WEIR_OK};
    bool timed_out = reason == WEIR_DEADLINE_EXCEEDED;

    if (leg->state == LEG_IDLE) {
        leg_end(leg, reason, NULL);
        return;
    }
    fetch_cancel(leg->fetch, &result);
    leg_end(leg, timed_out ? result.status : reason, &result);
}

static void end_rest(struct weir_fanout *fanout, enum weir_status reason)
{
    size_t i;

    for (i = 0; i < fanout->settled.n; i++) {
        if (fanout->legs[i].state != LEG_ENDED)
            leg_interrupt(&fanout->legs[i], reason);
    }
}

/* The shared context has ended, and with it everything that is still open. */
static void end_with_ctx(struct weir_fanout *fanout, enum weir_status reason)
{
    fanout->settled.status = reason;
    end_rest(fanout, reason);
}

static void on_settle_turn(void *arg)
{
    settle(arg);
}

/* The one way out: after it the fan-out may be gone. */
static void settle(struct weir_fanout *fanout)
{
    assert(fanout->open == 0);
    weir_watch_stop(&fanout->watch);
    weir_loop_unpost(&fanout->settle_task);
    fanout->calls = NULL;
    fanout->on_settled(fanout->arg, &fanout->settled);
}

void weir_fanout_free(struct weir_fanout *fanout)
{
    struct fetch_result dropped;
    size_t i;

    if (!fanout)
        return;
    weir_watch_stop(&fanout->watch);
    weir_loop_unpost(&fanout->settle_task);
    for (i = 0; i < fanout->settled.n; i++) {
        struct leg *leg = &fanout->legs[i];

        if (leg->state == LEG_IN_FLIGHT)
            fetch_cancel(leg->fetch, &dropped);
        weir_watch_stop(&leg->watch);
        weir_ctx_release(leg->ctx);
        free(fanout->settled.outcomes[i].answer.body);
    }
    free(fanout);
}
