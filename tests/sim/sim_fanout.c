/*
 * The fan-out in virtual time, thousands of rounds from one seed: random delays, failures, required
 * calls, timeouts, cancellations and frees, with completions at the very moment of a deadline and
 * one nanosecond beside it. The same seed gives the same rounds.
 *
 *     sim_fanout [--seed N] [--rounds N]
 *
 * What must hold in each round is in check_round; a broken round is told with its number, and the
 * program ends with 1.
 */
#include <weir/fanout.h>

#include "fake_fetch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

FAKE_FETCH_LINK

#define LEGS_MAX 8

struct sim {
    uint64_t seed, random;
    struct weir_loop *loop;
    unsigned long round, passed, failed;
    const char *complaint; /* of this round, the first one */
};

/* How a round is disturbed from outside. */
enum meddling { LEAVE_ALONE, CANCEL, CANCEL_TWICE, CANCEL_PARENT, FREE_EARLY, MEDDLINGS };

struct round {
    struct sim *sim;
    struct weir_ctx *parent, *ctx;
    struct weir_timer meddler;
    struct weir_watch watch; /* registered before the fan-out's: may free it first */
    enum meddling meddling;
    uint64_t start, deadline;
    size_t n;
    struct weir_upstream upstreams[LEGS_MAX];
    struct weir_call calls[LEGS_MAX];
    struct weir_fanout *fanout;
    bool starting, free_inside, free_by_watch, freed_early;
    unsigned settled;
    uint64_t settled_at;
    enum weir_status status;
    int failed_required;
    enum weir_status legs[LEGS_MAX];
};

static const enum weir_status failures[] = {
    WEIR_CONNECTION_REFUSED, WEIR_CONNECTION_TERMINATED, WEIR_BAD_STATUS,
    WEIR_INVALID_JSON,       WEIR_HTTP_RESPONSE_TIMEOUT, WEIR_DNS_ERROR,
};

static uint64_t next_random(struct sim *sim)
{
    uint64_t z = (sim->random += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t below(struct sim *sim, uint64_t limit)
{
    return next_random(sim) % limit;
}

static bool one_in(struct sim *sim, uint64_t n)
{
    return below(sim, n) == 0;
}

static void complain(struct sim *sim, const char *what)
{
    if (!sim->complaint)
        sim->complaint = what;
}

static void expect(struct sim *sim, bool holds, const char *what)
{
    if (!holds)
        complain(sim, what);
}

/* A span that often meets the deadline: at it, one nanosecond or one millisecond beside it. */
static int64_t random_span(struct sim *sim, int64_t deadline)
{
    static const int64_t beside[] = {0, 0, -1, 1, -WEIR_MS, WEIR_MS};
    int64_t span;

    switch (below(sim, 4)) {
    case 0:
        span = deadline + beside[below(sim, sizeof(beside) / sizeof(beside[0]))];
        break;
    case 1:
        span = (int64_t)below(sim, 20) * WEIR_MS; /* several at one moment */
        break;
    default:
        span = (int64_t)below(sim, (uint64_t)deadline * 2);
        break;
    }
    return span > 0 ? span : 0;
}

static void on_settled(void *arg, struct weir_settled *settled)
{
    struct round *round = arg;
    struct sim *sim = round->sim;
    int64_t last = 0;
    size_t i;

    expect(sim, !round->starting, "settled before start returned");
    expect(sim, !round->freed_early, "settled after free");
    expect(sim, settled->n == round->n, "not the number of calls");
    round->settled++;
    round->settled_at = weir_loop_now(sim->loop);
    round->status = settled->status;
    round->failed_required = settled->failed_required;
    for (i = 0; i < settled->n; i++) {
        round->legs[i] = settled->outcomes[i].status;
        last = settled->outcomes[i].elapsed_ns > last ? settled->outcomes[i].elapsed_ns : last;
        expect(sim, (settled->outcomes[i].answer.body != NULL) == (round->legs[i] == WEIR_OK),
               "a body without success, or success without its body");
    }
    expect(sim, round->settled_at == round->start + (uint64_t)last,
           "not settled when all had ended");
    if (settled->failed_required >= 0)
        expect(sim, settled->outcomes[settled->failed_required].elapsed_ns == last,
               "went on after a required call had failed");
    if (!round->free_inside)
        return;
    weir_fanout_free(round->fanout);
    round->fanout = NULL;
}

static void free_early(struct round *round)
{
    if (round->settled)
        return;
    weir_fanout_free(round->fanout);
    round->fanout = NULL;
    round->freed_early = true;
}

static void on_watch(void *arg, enum weir_status reason)
{
    struct round *round = arg;

    (void)reason;
    if (round->free_by_watch)
        free_early(round);
}

static void on_meddler(void *arg)
{
    struct round *round = arg;

    switch (round->meddling) {
    case CANCEL_TWICE:
        weir_ctx_cancel(round->ctx, "once");
        /* fall through */
    case CANCEL:
        weir_ctx_cancel(round->ctx, "twice");
        break;
    case CANCEL_PARENT:
        weir_ctx_cancel(round->parent, "from above");
        break;
    case FREE_EARLY:
        free_early(round);
        break;
    default:
        break;
    }
}

static void script_leg(struct round *round, size_t i, int64_t budget)
{
    struct sim *sim = round->sim;
    struct weir_upstream *upstream = &round->upstreams[i];
    struct weir_call *call = &round->calls[i];
    size_t kinds = sizeof(failures) / sizeof(failures[0]);

    upstream->delay_ns = one_in(sim, 6) ? FAKE_FETCH_HANGS : random_span(sim, budget);
    upstream->body = "{}";
    if (one_in(sim, 4))
        upstream->status = failures[below(sim, kinds)];
    if (one_in(sim, 12))
        upstream->refuse = one_in(sim, 2) ? WEIR_NO_MEMORY : failures[below(sim, kinds)];
    call->upstream = upstream;
    call->target = "/";
    call->required = one_in(sim, 3);
    if (one_in(sim, 3))
        call->timeout_ns = random_span(sim, budget) + 1;
    if (one_in(sim, 8)) /* completes exactly when its own time is over */
        upstream->delay_ns = call->timeout_ns;
}

static void begin_round(struct round *round)
{
    struct sim *sim = round->sim;
    int64_t budget = 1 + (int64_t)below(sim, (uint64_t)(one_in(sim, 8) ? 3 : 600 * WEIR_MS));
    size_t i;

    round->start = weir_loop_now(sim->loop);
    round->deadline = round->start + (uint64_t)budget;
    round->n = 1 + below(sim, LEGS_MAX);
    round->meddling = one_in(sim, 2) ? LEAVE_ALONE : (enum meddling)below(sim, MEDDLINGS);
    round->free_inside = one_in(sim, 2);
    round->free_by_watch = one_in(sim, 16);
    weir_ctx_with_cancel(weir_ctx_background(sim->loop), &round->parent);
    if (one_in(sim, 16))
        weir_ctx_cancel(round->parent, "before it began");
    /* Before the context's own timer, or not at all: the order of two at one moment changes. */
    if (round->meddling != LEAVE_ALONE && one_in(sim, 2))
        weir_timer_arm(sim->loop, &round->meddler,
                       round->start + (uint64_t)random_span(sim, budget), on_meddler, round);
    weir_ctx_with_deadline(round->parent, one_in(sim, 16) ? round->start : round->deadline,
                           &round->ctx);
    if (round->meddling != LEAVE_ALONE && !round->meddler.pprev)
        weir_timer_arm(sim->loop, &round->meddler,
                       round->start + (uint64_t)random_span(sim, budget), on_meddler, round);
    for (i = 0; i < round->n; i++)
        script_leg(round, i, budget);
    weir_ctx_on_done(round->ctx, &round->watch, on_watch, round);
}

static bool is_cut_off(enum weir_status status)
{
    return status == WEIR_CANCELED;
}

/* What the settled legs and the reason given must have to do with each other. */
static void check_verdict(struct round *round)
{
    struct sim *sim = round->sim;
    size_t i, required_failed = 0, cut_off = 0;

    for (i = 0; i < round->n; i++) {
        expect(sim, (unsigned)round->legs[i] < WEIR_STATUS_COUNT, "a leg without an end");
        expect(sim, round->legs[i] != WEIR_DEADLINE_EXCEEDED, "a leg with the context's reason");
        cut_off += is_cut_off(round->legs[i]);
        required_failed +=
            round->calls[i].required && round->legs[i] != WEIR_OK && !is_cut_off(round->legs[i]);
    }
    expect(sim, (round->failed_required >= 0) == (required_failed > 0), "required call not named");
    if (round->failed_required >= 0)
        expect(sim,
               round->calls[round->failed_required].required &&
                   round->legs[round->failed_required] != WEIR_OK,
               "the wrong call is named");
    if (round->status == WEIR_OK)
        expect(sim, cut_off == 0 || round->failed_required >= 0, "canceled without a reason");
    else if (round->status == WEIR_DEADLINE_EXCEEDED)
        expect(sim, cut_off == 0, "canceled at the deadline");
    else
        expect(sim, round->status == WEIR_CANCELED && cut_off > 0, "no such end");
}

static void check_round(struct round *round)
{
    struct sim *sim = round->sim;
    size_t i;

    expect(sim, round->settled == (round->freed_early ? 0 : 1), "not settled exactly once");
    expect(sim, fake_fetch_live() == 0, "a fetch is left");
    for (i = 0; i < round->n; i++)
        expect(sim,
               round->upstreams[i].started ==
                   round->upstreams[i].finished + round->upstreams[i].canceled,
               "a fetch did not end exactly once");
    if (!round->settled)
        return;
    expect(sim, round->settled_at <= round->deadline, "later than the deadline");
    check_verdict(round);
}

static void run_round(struct sim *sim)
{
    struct round *round = calloc(1, sizeof(*round));
    static int engine;

    if (!round)
        abort();
    round->sim = sim;
    sim->complaint = NULL;
    begin_round(round);
    round->starting = true;
    if (weir_fanout_start((struct weir_engine *)&engine, round->ctx, round->calls, round->n,
                          on_settled, round, &round->fanout) != WEIR_OK)
        complain(sim, "not started");
    round->starting = false;
    weir_loop_advance(sim->loop, round->deadline + 2000 * (uint64_t)WEIR_MS);
    check_round(round);
    weir_fanout_free(round->fanout);
    weir_timer_stop(&round->meddler);
    weir_watch_stop(&round->watch);
    if (one_in(sim, 2))
        weir_ctx_release(round->parent);
    weir_ctx_release(round->ctx);
    if (weir_loop_live_contexts(sim->loop) == 1)
        weir_ctx_release(round->parent);
    expect(sim, weir_loop_live_contexts(sim->loop) == 0, "a context is left");
    free(round);
}

static bool read_number(const char *text, uint64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoull(text, &end, 0);
    return errno == 0 && end != text && *end == '\0';
}

int main(int argc, char **argv)
{
    struct sim sim = {.seed = (uint64_t)time(NULL)};
    uint64_t rounds = 100000;
    int i;

    for (i = 1; i + 1 < argc; i += 2) {
        uint64_t *into = strcmp(argv[i], "--seed") == 0     ? &sim.seed
                         : strcmp(argv[i], "--rounds") == 0 ? &rounds
                                                            : NULL;
        if (!into || !read_number(argv[i + 1], into))
            break;
    }
    if (i < argc) {
        fprintf(stderr, "usage: sim_fanout [--seed N] [--rounds N]\n");
        return 2;
    }
    printf("seed %" PRIu64 ", %" PRIu64 " rounds\n", sim.seed, rounds);
    sim.random = sim.seed;
    sim.loop = weir_loop_new_manual(1);
    for (sim.round = 0; sim.loop && sim.round < rounds; sim.round++) {
        run_round(&sim);
        sim.passed += sim.complaint == NULL;
        sim.failed += sim.complaint != NULL;
        if (sim.complaint)
            printf("round %lu: %s\n", sim.round, sim.complaint);
    }
    weir_loop_free(sim.loop);
    printf("%lu passed, %lu failed\n", sim.passed, sim.failed);
    return sim.failed || !sim.passed;
}
