/* The timing wheel against a plain array, for coarse and exact ticks. */
#include "timer_wheel.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TIMERS 200

static uint64_t seed;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* A span whose magnitude is random too, so that all levels are met. */
static uint64_t random_span(void)
{
    return next_random() >> (next_random() % 64);
}

struct wheel_run {
    struct timer_wheel wheel;
    struct weir_timer timers[TIMERS];
    uint64_t now;
    unsigned taken;
};

static void change_one(struct wheel_run *run)
{
    struct weir_timer *timer = &run->timers[next_random() % TIMERS];
    uint64_t span = random_span();

    if (timer->pprev)
        timer_wheel_remove(&run->wheel, timer);
    if (next_random() % 4 == 0)
        return;
    timer->at_ns = run->now > UINT64_MAX - span ? UINT64_MAX - 1 : run->now + span;
    if (next_random() % 8 == 0)
        timer->at_ns = run->now / 2;
    timer_wheel_add(&run->wheel, timer);
}

/* Takes what is due and checks that it is exactly what should be. */
static void take_and_check(struct wheel_run *run)
{
    uint64_t tick = (uint64_t)1 << run->wheel.shift, last = 0, rounded;
    struct weir_timer *list = NULL, *timer;
    size_t i;

    timer_wheel_take(&run->wheel, run->now, &list);
    while ((timer = list) != NULL) {
        timer_wheel_remove(&run->wheel, timer);
        run->taken++;
        cr_assert_leq(timer->at_ns, run->now, "early");
        rounded = (timer->at_ns + tick - 1) / tick;
        if (timer->at_ns > run->now / 2)
            cr_assert_geq(rounded, last, "out of order");
        last = timer->at_ns > run->now / 2 ? rounded : last;
    }
    for (i = 0; i < TIMERS; i++)
        cr_assert(!run->timers[i].pprev || run->timers[i].at_ns > run->now - run->now % tick,
                  "left behind: %" PRIu64 " at %" PRIu64, run->timers[i].at_ns, run->now);
}

/* The wheel never asks to be woken after its first timer's tick. */
static void check_next(const struct wheel_run *run)
{
    uint64_t first = UINT64_MAX, next = timer_wheel_next(&run->wheel);
    uint64_t tick = (uint64_t)1 << run->wheel.shift;
    size_t i;

    for (i = 0; i < TIMERS; i++) {
        if (run->timers[i].pprev && run->timers[i].at_ns < first)
            first = run->timers[i].at_ns;
    }
    if (first == UINT64_MAX)
        cr_assert_eq(next, TIMER_WHEEL_NEVER);
    else
        cr_assert(next <= first || next - first < tick, "%" PRIu64 " after %" PRIu64, next, first);
}

Test(timer_wheel, random_against_array, .timeout = 60)
{
    static const unsigned shifts[] = {0, 4, 17};
    size_t s, step;

    for (s = 0; s < sizeof(shifts) / sizeof(shifts[0]); s++) {
        struct wheel_run *run = calloc(1, sizeof(*run));

        seed = 0x9e3779b97f4a7c15u + s;
        run->now = random_span() >> 24;
        timer_wheel_init(&run->wheel, shifts[s], run->now);
        for (step = 0; step < 30000; step++) {
            change_one(run);
            check_next(run);
            if (next_random() % 4 == 0 && run->now < UINT64_MAX / 4) {
                run->now += random_span() >> (8 + next_random() % 40);
                take_and_check(run);
            }
        }
        cr_assert_gt(run->taken, 1000u, "shift %u took %u", shifts[s], run->taken);
        timer_wheel_clear(&run->wheel);
        cr_assert_eq(timer_wheel_next(&run->wheel), TIMER_WHEEL_NEVER);
        free(run);
    }
}

Test(timer_wheel, same_moment_keeps_the_order_of_arrival)
{
    static struct timer_wheel wheel;
    static struct weir_timer timers[300];
    struct weir_timer *list = NULL, *timer;
    uint64_t at = 5000000;
    size_t i, seen = 0;

    timer_wheel_init(&wheel, 0, 1);
    for (i = 0; i < 300; i++) {
        if (i % 30 == 0) { /* come closer, so that levels are mixed */
            timer_wheel_take(&wheel, at - 300 + i, &list);
            cr_assert_null(list);
        }
        timers[i].at_ns = at;
        timer_wheel_add(&wheel, &timers[i]);
    }
    timer_wheel_take(&wheel, at, &list);
    while ((timer = list) != NULL) {
        cr_assert_eq(timer, &timers[seen], "place %zu", seen);
        timer_wheel_remove(&wheel, timer);
        seen++;
    }
    cr_assert_eq(seen, 300u);
}

Test(timer_wheel, exact_to_the_nanosecond_without_a_tick)
{
    static struct timer_wheel wheel;
    struct weir_timer timer = {.at_ns = 500000000}, *list = NULL;

    timer_wheel_init(&wheel, 0, 0);
    timer_wheel_add(&wheel, &timer);
    timer_wheel_take(&wheel, 499999999, &list);
    cr_assert_null(list);
    cr_assert_eq(timer_wheel_next(&wheel), 500000000u);
    timer_wheel_take(&wheel, 500000000, &list);
    cr_assert_eq(list, &timer);
}

Test(timer_wheel, empty_again_asks_for_nothing)
{
    static struct timer_wheel wheel;
    static const uint64_t moments[] = {11, 75, 5000, 1000000, (uint64_t)1 << 62};
    struct weir_timer timers[2] = {0};
    size_t i;

    timer_wheel_init(&wheel, 0, 10);
    for (i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        timers[0].at_ns = timers[1].at_ns = moments[i];
        timer_wheel_add(&wheel, &timers[0]);
        timer_wheel_add(&wheel, &timers[1]);
        timer_wheel_remove(&wheel, &timers[1]);
        cr_assert_leq(timer_wheel_next(&wheel), moments[i]);
        timer_wheel_remove(&wheel, &timers[0]);
        cr_assert_eq(timer_wheel_next(&wheel), TIMER_WHEEL_NEVER, "moment %zu", i);
    }
}

Test(timer_wheel, time_moves_on_without_timers)
{
    static struct timer_wheel wheel;
    struct weir_timer timer = {.at_ns = 500}, *list = NULL;

    timer_wheel_init(&wheel, 0, 10);
    timer_wheel_take(&wheel, 1000, &list);
    cr_assert_eq(timer_wheel_add(&wheel, &timer), 0u, "late already");
    cr_assert_eq(timer_wheel_next(&wheel), 0u);
    timer_wheel_take(&wheel, 1000, &list);
    cr_assert_eq(list, &timer);
}
