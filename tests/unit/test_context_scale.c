/* What it costs and how exact it is with ten thousand deadlines pending, on a real base. */
#include <weir/context.h>

#include "clock.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MANY ((size_t)10000)

static struct event_base *base;
static struct weir_loop *loop;

static void set_up(void)
{
    base = event_base_new();
    loop = weir_loop_new(base);
}

/* Not a .fini: what fails there does not fail the test. */
static void close_all(void)
{
    cr_assert_eq(weir_loop_live_contexts(loop), 0u);
    weir_loop_free(loop);
    event_base_free(base);
}

TestSuite(context_scale, .init = set_up, .timeout = 120);

struct pending {
    struct weir_ctx *ctx;
    struct weir_watch watch;
    uint64_t deadline, told;
    int64_t late;
};

static size_t open_count;

/* How long, by now, this process had been ready to run while others ran: they make it late, not its
 * timers. Sampled in the callbacks, at most every 50 us. */
struct sample {
    uint64_t at;
    int64_t waited;
};

static struct sample samples[20000];
static size_t sample_count;
static int schedstat; /* -1 where there is none, and then nothing is forgiven */

static void take_sample(uint64_t now)
{
    char text[128] = "";
    long long ran, waited = 0;

    if (sample_count == sizeof(samples) / sizeof(samples[0]) ||
        (sample_count > 0 && now - samples[sample_count - 1].at < 50000))
        return;
    if (pread(schedstat, text, sizeof(text) - 1, 0) > 0)
        sscanf(text, "%lld %lld", &ran, &waited);
    samples[sample_count++] = (struct sample){now, waited};
}

/* What others took from the sample before one moment to the sample after another. */
static int64_t waited_between(uint64_t from, uint64_t to)
{
    size_t low = 0, high = sample_count - 1, i;

    while (low + 1 < high) {
        i = (low + high) / 2;
        *(samples[i].at <= from ? &low : &high) = i;
    }
    for (i = low; i + 1 < sample_count && samples[i].at < to; i++)
        continue;
    return samples[i].waited - samples[low].waited;
}

static void on_done(void *arg, enum weir_status reason)
{
    struct pending *pending = arg;

    pending->told = clock_now_ns();
    cr_assert_eq(reason, WEIR_DEADLINE_EXCEEDED);
    cr_assert_geq(pending->told, pending->deadline, "early");
    take_sample(pending->told);
    if (--open_count == 0)
        event_base_loopbreak(base);
}

static int by_lateness(const void *a, const void *b)
{
    int64_t left = ((const struct pending *)a)->late, right = ((const struct pending *)b)->late;

    return (left > right) - (left < right);
}

/* Lets MANY deadlines pass that are spread over 100 ms; the p99 of how late they were told,
 * less what others took. */
static int64_t p99_of_one_run(struct pending *all)
{
    uint64_t first = clock_now_ns() + 50 * (uint64_t)WEIR_MS;
    size_t i;

    open_count = MANY;
    sample_count = 0;
    take_sample(clock_now_ns());
    for (i = 0; i < MANY; i++) {
        all[i].deadline = first + (i * 7919 % MANY) * 10000;
        cr_assert_eq(
            weir_ctx_with_deadline(weir_ctx_background(loop), all[i].deadline, &all[i].ctx),
            WEIR_OK);
        weir_ctx_on_done(all[i].ctx, &all[i].watch, on_done, &all[i]);
    }
    event_base_dispatch(base);
    take_sample(clock_now_ns() + 50000);
    for (i = 0; i < MANY; i++) {
        all[i].late =
            (int64_t)(all[i].told - all[i].deadline) - waited_between(all[i].deadline, all[i].told);
        weir_ctx_release(all[i].ctx);
    }
    qsort(all, MANY, sizeof(*all), by_lateness);
    return all[MANY * 99 / 100].late;
}

/* A hiccup of the machine may spoil a run, so the best of ten counts; never early holds in all. */
Test(context_scale, ten_thousand_deadlines_within_3_ms_and_never_early)
{
    struct pending *all = calloc(MANY, sizeof(*all));
    int64_t p99 = INT64_MAX, run;
    int tries;

    schedstat = open("/proc/self/schedstat", O_RDONLY | O_CLOEXEC);
    for (tries = 0; tries < 10 && p99 > 3 * WEIR_MS; tries++) {
        run = p99_of_one_run(all);
        p99 = run < p99 ? run : p99;
    }
    close(schedstat);
    cr_log_info("p99 %lld us late", (long long)p99 / 1000);
    cr_assert_leq(p99, 3 * WEIR_MS, "%lld ns late", (long long)p99);
    free(all);
    close_all();
}

static void never(void *arg)
{
    (void)arg;
    cr_assert_fail("a timer that was moved away");
}

Test(context_scale, scenario_10_a_million_rearms_allocate_nothing)
{
    struct weir_timer timer = {0};
    uint64_t now = clock_now_ns();
    size_t before, i;

    weir_timer_arm(loop, &timer, now + 3600000 * (uint64_t)WEIR_MS, never, NULL);
    before = mallinfo2().uordblks;
    for (i = 0; i < 1000000; i++)
        weir_timer_arm(loop, &timer, now + (3600000 + i) * (uint64_t)WEIR_MS, never, NULL);
    cr_assert_eq(mallinfo2().uordblks, before);
    weir_timer_stop(&timer);
    close_all();
}

Test(context_scale, scenario_10_a_million_contexts_in_a_loop_reuse_one)
{
    struct weir_ctx *ctx = NULL;
    struct weir_watch watch = {0};
    size_t before = 0, i;

    for (i = 0; i < 1000000; i++) {
        cr_assert_eq(weir_ctx_with_timeout(weir_ctx_background(loop), 3600000 * WEIR_MS, &ctx),
                     WEIR_OK);
        weir_ctx_on_done(ctx, &watch, on_done, NULL);
        cr_assert(weir_watch_stop(&watch));
        weir_ctx_release(ctx);
        if (i == 0)
            before = mallinfo2().uordblks;
    }
    cr_assert_eq(mallinfo2().uordblks, before);
    close_all();
}

static int by_value(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* The median cost of a thousand derive-and-release while `pending` deadlines wait. */
static uint64_t cost_with(struct weir_ctx **ctx, size_t pending)
{
    enum { SAMPLES = 101, BATCH = 1000 };
    uint64_t costs[SAMPLES], from;
    struct weir_ctx *root = weir_ctx_background(loop), *one = NULL;
    size_t i, k;

    for (i = 0; i < pending; i++)
        weir_ctx_with_timeout(root, 3600000 * WEIR_MS + (int64_t)(i * 7919 % MANY) * WEIR_MS,
                              &ctx[i]);
    for (i = 0; i < SAMPLES; i++) {
        from = clock_now_ns();
        for (k = 0; k < BATCH; k++) {
            weir_ctx_with_timeout(root, 3600000 * WEIR_MS + (int64_t)k * WEIR_MS, &one);
            weir_ctx_release(one);
        }
        costs[i] = clock_now_ns() - from;
    }
    for (i = 0; i < pending; i++)
        weir_ctx_release(ctx[i]);
    qsort(costs, SAMPLES, sizeof(costs[0]), by_value);
    return costs[SAMPLES / 2];
}

Test(context_scale, ten_thousand_pending_cost_no_more_than_ten)
{
    struct weir_ctx **ctx = calloc(MANY, sizeof(struct weir_ctx *));
    uint64_t few, many;
    int tries = 0;

    do {
        few = cost_with(ctx, 10);
        many = cost_with(ctx, MANY);
    } while (many >= 5 * few && ++tries < 10);
    cr_log_info("%lu ns with ten, %lu ns with ten thousand", few / 1000, many / 1000);
    cr_assert_lt(many, 5 * few);
    free(ctx);
    close_all();
}
