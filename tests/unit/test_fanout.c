/* The fan-out over scripted fetches, on a manual loop: every way to settle, and each only once. */
#include <weir/fanout.h>

#include "fake_fetch.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

FAKE_FETCH_LINK

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

static void set_up(void)
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

TestSuite(fanout, .init = set_up, .timeout = 30);

static void on_settled(void *arg, struct weir_settled *settled)
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

static void start(void)
{
    cr_assert_eq(weir_fanout_start(engine, rq.ctx, rq.calls, LEGS, on_settled, &rq, &rq.fanout),
                 WEIR_OK);
    cr_assert_eq(rq.settled, 0u, "never before start has returned");
}

static void advance_ms(unsigned ms)
{
    weir_loop_advance(rq.loop, START + ms * (uint64_t)WEIR_MS);
}

static int64_t settled_ms(void)
{
    return (int64_t)(rq.settled_at - START) / WEIR_MS;
}

static void expect_statuses(enum weir_status a, enum weir_status b, enum weir_status c)
{
    const enum weir_status wanted[LEGS] = {a, b, c};
    size_t i;

    for (i = 0; i < LEGS; i++)
        cr_assert_eq(rq.outcomes[i].status, wanted[i], "leg %zu: %s, not %s", i,
                     weir_status_word(rq.outcomes[i].status), weir_status_word(wanted[i]));
}

/* Nothing is left, nothing comes later. Not a .fini: what fails there does not fail the test. */
static void close_all(void)
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

Test(fanout, all_deliver)
{
    size_t i;

    start();
    advance_ms(29);
    cr_assert_eq(rq.settled, 0u);
    advance_ms(100);
    cr_assert_eq(rq.settled, 1u);
    cr_assert_eq(settled_ms(), 30);
    cr_assert_eq(rq.status, WEIR_OK);
    cr_assert_eq(rq.failed_required, -1);
    expect_statuses(WEIR_OK, WEIR_OK, WEIR_OK);
    for (i = 0; i < LEGS; i++) {
        cr_assert_str_eq(rq.bodies[i], "{}");
        cr_assert_eq(rq.outcomes[i].answer.body_len, 2u);
        cr_assert_eq(rq.outcomes[i].answer.status, 200);
        cr_assert_str_eq(rq.outcomes[i].answer.content_type, "", "the real one is gone");
        cr_assert_eq(rq.outcomes[i].elapsed_ns, (int64_t)(i + 1) * 10 * WEIR_MS);
        cr_assert_eq(rq.outcomes[i].bytes, 2u);
        cr_assert(rq.outcomes[i].started);
        cr_assert_eq(rq.outcomes[i].connections_opened, 1u);
    }
    close_all();
}

Test(fanout, bodies_not_taken_are_freed)
{
    start();
    advance_ms(20); /* two bodies are there, one call is running */
    weir_fanout_free(rq.fanout);
    rq.fanout = NULL;
    cr_assert_eq(rq.settled, 0u);
    cr_assert_eq(rq.upstreams[2].canceled, 1u);
    close_all();
}

Test(fanout, scenario_9_an_optional_failure_waits_for_the_others)
{
    rq.upstreams[1].status = WEIR_BAD_STATUS;
    start();
    advance_ms(20);
    cr_assert_eq(rq.settled, 0u);
    advance_ms(30);
    cr_assert_eq(rq.settled, 1u);
    cr_assert_eq(rq.failed_required, -1);
    expect_statuses(WEIR_OK, WEIR_BAD_STATUS, WEIR_OK);
    cr_assert_null(rq.bodies[1], "the body of a failed call is gone");
    cr_assert_eq(rq.outcomes[1].answer.body_len, 0u);
    cr_assert_eq(rq.outcomes[1].answer.status, 200, "its HTTP status stays");
    cr_assert_eq(rq.outcomes[1].bytes, 2u);
    close_all();
}

Test(fanout, scenario_8_a_required_failure_cancels_the_rest_at_once)
{
    rq.upstreams[0].status = WEIR_CONNECTION_REFUSED;
    rq.upstreams[1].delay_ns = 5 * WEIR_MS;
    start();
    advance_ms(1000);
    cr_assert_eq(rq.settled, 1u);
    cr_assert_eq(settled_ms(), 10);
    cr_assert_eq(rq.status, WEIR_OK);
    cr_assert_eq(rq.failed_required, 0);
    expect_statuses(WEIR_CONNECTION_REFUSED, WEIR_OK, WEIR_CANCELED);
    cr_assert_eq(rq.upstreams[2].canceled, 1u);
    cr_assert_str_eq(rq.bodies[1], "{}");
    close_all();
}

Test(fanout, the_first_required_failure_is_the_one_reported)
{
    size_t i;

    for (i = 0; i < LEGS; i++) {
        rq.calls[i].required = true;
        rq.upstreams[i].status = WEIR_INVALID_JSON;
    }
    rq.upstreams[2].delay_ns = 1;
    start();
    advance_ms(1000);
    cr_assert_eq(rq.failed_required, 2);
    expect_statuses(WEIR_CANCELED, WEIR_CANCELED, WEIR_INVALID_JSON);
    close_all();
}

Test(fanout, the_shared_deadline_ends_what_is_running)
{
    rq.upstreams[1].delay_ns = FAKE_FETCH_HANGS;
    rq.upstreams[1].cancel_status = WEIR_CONNECTION_TIMEOUT;
    rq.upstreams[2].delay_ns = BUDGET + 1;
    start();
    advance_ms(499);
    cr_assert_eq(rq.settled, 0u);
    advance_ms(500);
    cr_assert_eq(rq.settled, 1u);
    cr_assert_eq(rq.settled_at, START + (uint64_t)BUDGET);
    cr_assert_eq(rq.status, WEIR_DEADLINE_EXCEEDED);
    cr_assert_eq(rq.failed_required, -1);
    expect_statuses(WEIR_OK, WEIR_CONNECTION_TIMEOUT, WEIR_HTTP_RESPONSE_TIMEOUT);
    cr_assert_str_eq(rq.bodies[0], "{}");
    cr_assert_eq(rq.outcomes[1].elapsed_ns, BUDGET);
    close_all();
}

Test(fanout, a_required_call_at_the_shared_deadline_is_named)
{
    rq.calls[0].required = false;
    rq.calls[1].required = rq.calls[2].required = true;
    rq.upstreams[1].delay_ns = rq.upstreams[2].delay_ns = FAKE_FETCH_HANGS;
    start();
    advance_ms(500);
    cr_assert_eq(rq.settled, 1u);
    cr_assert_eq(rq.status, WEIR_DEADLINE_EXCEEDED);
    cr_assert_eq(rq.failed_required, 1);
    expect_statuses(WEIR_OK, WEIR_HTTP_RESPONSE_TIMEOUT, WEIR_HTTP_RESPONSE_TIMEOUT);
    close_all();
}

Test(fanout, a_timeout_of_its_own_ends_one_call_only)
{
    rq.calls[1].timeout_ns = 15 * WEIR_MS;
    rq.upstreams[1].cancel_status = WEIR_DNS_TIMEOUT;
    rq.calls[2].timeout_ns = 30 * WEIR_MS + 1;
    start();
    advance_ms(1000);
    cr_assert_eq(rq.settled, 1u);
    cr_assert_eq(settled_ms(), 30);
    cr_assert_eq(rq.status, WEIR_OK);
    expect_statuses(WEIR_OK, WEIR_DNS_TIMEOUT, WEIR_OK);
    cr_assert_eq(rq.outcomes[1].elapsed_ns, 15 * WEIR_MS);
    close_all();
}

Test(fanout, a_required_calls_own_timeout_ends_all)
{
    rq.calls[0].timeout_ns = 5 * WEIR_MS;
    start();
    advance_ms(1000);
    cr_assert_eq(settled_ms(), 5);
    cr_assert_eq(rq.status, WEIR_OK);
    cr_assert_eq(rq.failed_required, 0);
    expect_statuses(WEIR_HTTP_RESPONSE_TIMEOUT, WEIR_CANCELED, WEIR_CANCELED);
    close_all();
}

Test(fanout, a_timeout_of_its_own_beyond_the_shared_deadline_changes_nothing)
{
    rq.calls[1].timeout_ns = 2 * BUDGET;
    rq.upstreams[1].delay_ns = FAKE_FETCH_HANGS;
    start();
    advance_ms(1000);
    cr_assert_eq(settled_ms(), 500);
    cr_assert_eq(rq.status, WEIR_DEADLINE_EXCEEDED);
    expect_statuses(WEIR_OK, WEIR_HTTP_RESPONSE_TIMEOUT, WEIR_OK);
    close_all();
}

Test(fanout, a_cancel_ends_all_at_once_and_no_one_is_to_blame)
{
    rq.calls[1].timeout_ns = 100 * WEIR_MS;
    start();
    advance_ms(15);
    weir_ctx_cancel(rq.ctx, "client gone");
    cr_assert_eq(fake_fetch_live(), 0u, "at once");
    cr_assert_eq(rq.settled, 1u);
    cr_assert_eq(rq.status, WEIR_CANCELED);
    cr_assert_eq(rq.failed_required, -1);
    expect_statuses(WEIR_OK, WEIR_CANCELED, WEIR_CANCELED);
    close_all();
}

Test(fanout, scenario_6_a_context_already_done_starts_nothing)
{
    static const struct {
        enum weir_status reason, legs;
        int failed_required;
    } cases[] = {{WEIR_CANCELED, WEIR_CANCELED, -1},
                 {WEIR_DEADLINE_EXCEEDED, WEIR_HTTP_RESPONSE_TIMEOUT, 0}};
    size_t i;

    for (i = 0; i < 2; i++) {
        if (i == 1) {
            close_all();
            set_up();
        }
        rq.calls[2].timeout_ns = WEIR_MS;
        if (cases[i].reason == WEIR_CANCELED)
            weir_ctx_cancel(rq.ctx, NULL);
        else
            advance_ms(500);
        start();
        advance_ms(501);
        cr_assert_eq(rq.settled, 1u, "case %zu", i);
        cr_assert_eq(rq.status, cases[i].reason);
        cr_assert_eq(rq.failed_required, cases[i].failed_required);
        expect_statuses(cases[i].legs, cases[i].legs, cases[i].legs);
        cr_assert_eq(rq.upstreams[0].asked + rq.upstreams[1].asked + rq.upstreams[2].asked, 0u);
        cr_assert_not(rq.outcomes[0].started);
    }
    close_all();
}

Test(fanout, one_that_cannot_start_fails_alone)
{
    static const struct {
        enum weir_status refuse, told;
    } cases[] = {{WEIR_INTERNAL_ERROR, WEIR_INTERNAL_ERROR},
                 {WEIR_NO_MEMORY, WEIR_INTERNAL_ERROR},
                 {WEIR_INVALID_ARGUMENT, WEIR_INTERNAL_ERROR},
                 {WEIR_DEADLINE_EXCEEDED, WEIR_HTTP_RESPONSE_TIMEOUT},
                 {WEIR_CANCELED, WEIR_CANCELED},
                 {WEIR_DNS_ERROR, WEIR_DNS_ERROR}};
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (i > 0)
            set_up();
        rq.upstreams[1].refuse = cases[i].refuse;
        rq.calls[1].timeout_ns = i % 2 ? WEIR_MS : 0;
        start();
        advance_ms(30);
        cr_assert_eq(rq.settled, 1u, "case %zu", i);
        cr_assert_eq(rq.status, WEIR_OK);
        expect_statuses(WEIR_OK, cases[i].told, WEIR_OK);
        cr_assert_not(rq.outcomes[1].started);
        close_all();
    }
}

Test(fanout, a_required_one_that_cannot_start_ends_all_and_starts_no_more)
{
    rq.calls[1].required = true;
    rq.upstreams[1].refuse = WEIR_INTERNAL_ERROR;
    start();
    cr_assert_eq(fake_fetch_live(), 0u, "what had started is canceled at once");
    advance_ms(0);
    cr_assert_eq(rq.settled, 1u);
    cr_assert_eq(rq.status, WEIR_OK);
    cr_assert_eq(rq.failed_required, 1);
    expect_statuses(WEIR_CANCELED, WEIR_INTERNAL_ERROR, WEIR_CANCELED);
    cr_assert_eq(rq.upstreams[2].asked, 0u);
    close_all();
}

Test(fanout, nothing_can_start_settles_on_the_next_turn)
{
    size_t i;

    rq.calls[0].required = false;
    for (i = 0; i < LEGS; i++)
        rq.upstreams[i].refuse = WEIR_INTERNAL_ERROR;
    rq.free_inside = true;
    start();
    advance_ms(0);
    cr_assert_eq(rq.settled, 1u);
    cr_assert_eq(rq.status, WEIR_OK);
    close_all();
}

Test(fanout, a_cancel_before_that_turn_settles_once)
{
    size_t i;

    rq.calls[0].required = false;
    for (i = 0; i < LEGS; i++)
        rq.upstreams[i].refuse = WEIR_INTERNAL_ERROR;
    start();
    weir_ctx_cancel(rq.ctx, NULL);
    cr_assert_eq(rq.settled, 1u);
    cr_assert_eq(rq.status, WEIR_OK, "it had ended before");
    close_all();
}

Test(fanout, freed_from_on_settled_whatever_settles_it)
{
    size_t i;

    for (i = 0; i < 5; i++) {
        if (i > 0)
            set_up();
        rq.free_inside = true;
        rq.upstreams[0].status = i == 1 ? WEIR_DNS_ERROR : WEIR_OK;
        rq.upstreams[2].delay_ns = i == 2 ? FAKE_FETCH_HANGS : 30 * WEIR_MS;
        rq.calls[0].timeout_ns = i == 3 ? WEIR_MS : 0;
        start();
        if (i == 4)
            weir_ctx_cancel(rq.ctx, NULL);
        advance_ms(1000);
        cr_assert_eq(rq.settled, 1u, "case %zu", i);
        close_all();
    }
}

static void free_fanout(void *arg, enum weir_status reason)
{
    struct request *request = arg;

    (void)reason;
    weir_fanout_free(request->fanout);
    request->fanout = NULL;
}

Test(fanout, freed_by_another_watch_of_the_same_context)
{
    struct weir_watch before = {0};

    rq.calls[1].timeout_ns = 100 * WEIR_MS;
    weir_ctx_on_done(rq.ctx, &before, free_fanout, &rq);
    start();
    weir_ctx_cancel(rq.ctx, NULL);
    cr_assert_eq(rq.settled, 0u);
    close_all();
}

Test(fanout, freed_before_the_turn_that_would_settle_it)
{
    weir_ctx_cancel(rq.ctx, NULL);
    start();
    weir_fanout_free(rq.fanout);
    rq.fanout = NULL;
    advance_ms(1);
    cr_assert_eq(rq.settled, 0u);
    close_all();
}

/* A completion and the deadline at the same moment: whoever comes first, and never both. */
Test(fanout, a_completion_at_the_very_moment_of_the_deadline)
{
    size_t i;

    for (i = 0; i < LEGS; i++)
        rq.upstreams[i].delay_ns = BUDGET + (int64_t)i - 1;
    start();
    advance_ms(1000);
    cr_assert_eq(rq.settled, 1u);
    cr_assert_eq(rq.settled_at, START + (uint64_t)BUDGET);
    cr_assert_eq(rq.status, WEIR_DEADLINE_EXCEEDED);
    expect_statuses(WEIR_OK, WEIR_HTTP_RESPONSE_TIMEOUT, WEIR_HTTP_RESPONSE_TIMEOUT);
    close_all();
}

Test(fanout, scenario_15_the_shorter_of_two_limits_wins)
{
    struct weir_ctx *inner = NULL, *outer = rq.ctx;

    cr_assert_eq(weir_ctx_with_timeout(outer, 20 * WEIR_MS, &inner), WEIR_OK);
    rq.ctx = inner;
    start();
    advance_ms(1000);
    cr_assert_eq(settled_ms(), 20);
    cr_assert_eq(rq.status, WEIR_DEADLINE_EXCEEDED);
    cr_assert_eq(rq.outcomes[2].status, WEIR_HTTP_RESPONSE_TIMEOUT);
    weir_ctx_release(outer);
    close_all();
}

Test(fanout, invalid_arguments_never_call_back)
{
    struct weir_fanout *out = NULL;
    struct weir_call calls[LEGS];
    size_t i;

    cr_assert_eq(weir_fanout_start(engine, rq.ctx, rq.calls, 0, on_settled, &rq, &out),
                 WEIR_INVALID_ARGUMENT);
    cr_assert_eq(weir_fanout_start(engine, rq.ctx, NULL, 3, on_settled, &rq, &out),
                 WEIR_INVALID_ARGUMENT);
    cr_assert_eq(weir_fanout_start(NULL, rq.ctx, rq.calls, 3, on_settled, &rq, &out),
                 WEIR_INVALID_ARGUMENT);
    cr_assert_eq(weir_fanout_start(engine, NULL, rq.calls, 3, on_settled, &rq, &out),
                 WEIR_INVALID_ARGUMENT);
    cr_assert_eq(weir_fanout_start(engine, rq.ctx, rq.calls, 3, NULL, &rq, &out),
                 WEIR_INVALID_ARGUMENT);
    cr_assert_eq(weir_fanout_start(engine, rq.ctx, rq.calls, 3, on_settled, &rq, NULL),
                 WEIR_INVALID_ARGUMENT);
    cr_assert_eq(weir_fanout_start(engine, rq.ctx, rq.calls, SIZE_MAX / 64, on_settled, &rq, &out),
                 WEIR_INVALID_ARGUMENT);
    for (i = 0; i < 3; i++) {
        memcpy(calls, rq.calls, sizeof(calls));
        calls[1].upstream = i == 0 ? NULL : calls[1].upstream;
        calls[1].target = i == 1 ? NULL : calls[1].target;
        calls[1].timeout_ns = i == 2 ? -1 : 0;
        cr_assert_eq(weir_fanout_start(engine, rq.ctx, calls, 3, on_settled, &rq, &out),
                     WEIR_INVALID_ARGUMENT, "case %zu", i);
    }
    cr_assert_null(out);
    cr_assert_eq(rq.upstreams[0].asked, 0u);
    weir_fanout_free(NULL);
    close_all();
}
