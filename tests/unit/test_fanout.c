/* The fan-out over scripted fetches: every way to settle, each at its moment and once. */
#include "fanout_fixture.h"

FAKE_FETCH_LINK

TestSuite(fanout, .init = set_up, .timeout = 30);

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
