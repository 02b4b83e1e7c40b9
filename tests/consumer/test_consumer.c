/*
 * What a user of libweir writes: an upstream in three lines, a fan-out under one deadline, and the
 * proof that what was given up has really been let go.
 */
#include <weir/fanout.h>
#include <weir/mock.h>

#include <criterion/criterion.h>
#include <event2/event.h>
#include <string.h>

TestSuite(consumer, .timeout = 30);

#define UPSTREAMS 3

/* One user's page: who they are, what they like, what they did. */
struct page {
    struct event_base *base;
    struct weir_loop *loop;
    struct weir_engine *engine;
    struct weir_mock *mocks[UPSTREAMS];
    struct weir_upstream *upstreams[UPSTREAMS];
    struct weir_call calls[UPSTREAMS];
    struct weir_settled *settled; /* NULL until then; valid until the fan-out is freed */
    struct weir_fanout *fanout;
};

static void open_page(struct page *page)
{
    static const char *const targets[] = {"/users/42/profile", "/users/42/preferences",
                                          "/users/42/activity"};
    static const char *const answers[] = {"{\"id\":42}", "{\"theme\":\"dark\"}", "[1,2]"};

    memset(page, 0, sizeof(*page));
    cr_assert(weir_global_init() == WEIR_OK);
    page->base = event_base_new();
    page->loop = weir_loop_new(page->base);
    page->engine = weir_engine_new(page->base, page->loop, &(struct weir_engine_options){0});
    cr_assert(page->engine != NULL);
    for (int i = 0; i < UPSTREAMS; i++) {
        struct weir_upstream_options options = {.name = targets[i]};

        page->mocks[i] = weir_mock_start(targets[i], answers[i]);
        cr_assert(page->mocks[i] != NULL);
        options.origin = weir_mock_url(page->mocks[i]);
        cr_assert(weir_upstream_new(page->engine, &options, &page->upstreams[i]) == WEIR_OK);
        page->calls[i] = (struct weir_call){
            .upstream = page->upstreams[i], .target = targets[i], .required = i == 0};
    }
}

static void close_page(struct page *page)
{
    weir_fanout_free(page->fanout);
    for (int i = 0; i < UPSTREAMS; i++)
        weir_upstream_free(page->upstreams[i]);
    weir_engine_free(page->engine);
    weir_loop_free(page->loop);
    event_base_free(page->base);
    for (int i = 0; i < UPSTREAMS; i++)
        weir_mock_stop(page->mocks[i]);
}

static void on_settled(void *arg, struct weir_settled *settled)
{
    struct page *page = arg;

    page->settled = settled;
    event_base_loopbreak(page->base);
}

/* Asks all three under one budget and returns when they have settled; the milliseconds it took. */
static double load(struct page *page, int budget_ms)
{
    uint64_t start = weir_loop_now(page->loop);
    struct weir_ctx *ctx;

    cr_assert(weir_ctx_with_timeout(weir_ctx_background(page->loop), budget_ms * WEIR_MS, &ctx) ==
              WEIR_OK);
    cr_assert(weir_fanout_start(page->engine, ctx, page->calls, UPSTREAMS, on_settled, page,
                                &page->fanout) == WEIR_OK);
    event_base_dispatch(page->base);
    cr_assert(page->settled != NULL);
    weir_ctx_release(ctx);
    return (double)(weir_loop_now(page->loop) - start) / 1e6;
}

static bool delivered(const struct page *page, int i, const char *body)
{
    const struct weir_outcome *o = &page->settled->outcomes[i];

    return o->status == WEIR_OK && o->answer.status == 200 && o->answer.body_len == strlen(body) &&
           memcmp(o->answer.body, body, strlen(body)) == 0;
}

Test(consumer, all_three_arrive)
{
    struct page page;

    open_page(&page);
    load(&page, 5000);
    cr_expect(page.settled->status == WEIR_OK && page.settled->failed_required == -1);
    cr_expect(delivered(&page, 0, "{\"id\":42}"));
    cr_expect(delivered(&page, 1, "{\"theme\":\"dark\"}"));
    cr_expect(delivered(&page, 2, "[1,2]"));
    close_page(&page);
}

Test(consumer, a_hung_upstream_is_let_go_at_the_deadline)
{
    struct page page;
    double ms;

    open_page(&page);
    weir_mock_fault(page.mocks[2], "hang");
    ms = load(&page, 200);
    cr_expect(ms >= 200 && ms < 1000, "%.1f ms", ms);
    cr_expect(delivered(&page, 0, "{\"id\":42}"), "what came in time is kept");
    cr_expect(page.settled->outcomes[2].status == WEIR_HTTP_RESPONSE_TIMEOUT, "%s",
              weir_status_word(page.settled->outcomes[2].status));
    cr_expect(weir_mock_wait(page.mocks[2], WEIR_MOCK_CANCELLATIONS, 1, 1000),
              "the upstream must see that nobody waits for it any more");
    close_page(&page);
}

Test(consumer, a_required_failure_cancels_the_others_at_once)
{
    struct page page;
    double ms;

    open_page(&page);
    page.calls[0].required = false;
    page.calls[1].required = true;
    weir_mock_fault(page.mocks[0], "hang");
    weir_mock_fault(page.mocks[1], "delay=50ms,status=503");
    weir_mock_fault(page.mocks[2], "drip=1B/10s");
    ms = load(&page, 10000);
    cr_expect(ms < 5000, "%.1f ms", ms);
    cr_expect(page.settled->failed_required == 1, "%d", page.settled->failed_required);
    cr_expect(weir_mock_wait(page.mocks[0], WEIR_MOCK_CANCELLATIONS, 1, 1000));
    cr_expect(weir_mock_wait(page.mocks[2], WEIR_MOCK_CANCELLATIONS, 1, 1000));
    close_page(&page);
}

Test(consumer, answers_that_are_held_are_decided_by_the_test)
{
    struct page page;
    struct weir_mock_request seen;

    open_page(&page);
    weir_mock_hold(page.mocks[1]);
    load(&page, 100);
    cr_expect(page.settled->outcomes[1].status != WEIR_OK);
    weir_mock_release(page.mocks[1]);
    weir_fanout_free(page.fanout);
    page.fanout = NULL;
    page.settled = NULL;
    load(&page, 5000);
    cr_expect(delivered(&page, 1, "{\"theme\":\"dark\"}"));
    cr_assert(weir_mock_request(page.mocks[1], 0, &seen));
    cr_expect_str_eq(seen.target, "/users/42/preferences");
    cr_expect(seen.canceled_ns > seen.arrived_ns, "the first one was given up");
    close_page(&page);
}
