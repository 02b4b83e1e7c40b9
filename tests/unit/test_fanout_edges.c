/* The fan-out's edges: refused starts, frees from every side, moments that coincide, wrong
 * arguments. */
#include "fanout_fixture.h"

FAKE_FETCH_LINK

TestSuite(fanout_edges, .init = set_up, .timeout = 30);

Test(fanout_edges, one_that_cannot_start_fails_alone)
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

Test(fanout_edges, a_required_one_that_cannot_start_ends_all_and_starts_no_more)
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

Test(fanout_edges, nothing_can_start_settles_on_the_next_turn)
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

Test(fanout_edges, a_cancel_before_that_turn_settles_once)
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

Test(fanout_edges, freed_from_on_settled_whatever_settles_it)
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

Test(fanout_edges, freed_by_another_watch_of_the_same_context)
{
    struct weir_watch before = {0};

    rq.calls[1].timeout_ns = 100 * WEIR_MS;
    weir_ctx_on_done(rq.ctx, &before, free_fanout, &rq);
    start();
    weir_ctx_cancel(rq.ctx, NULL);
    cr_assert_eq(rq.settled, 0u);
    close_all();
}

Test(fanout_edges, freed_before_the_turn_that_would_settle_it)
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
Test(fanout_edges, a_completion_at_the_very_moment_of_the_deadline)
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

Test(fanout_edges, scenario_15_the_shorter_of_two_limits_wins)
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

Test(fanout_edges, invalid_arguments_never_call_back)
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
