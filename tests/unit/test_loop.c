/* Posted tasks and timers, on a manual loop and on a real base. */
#include <weir/context.h>

#include "clock.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <string.h>
#include <unistd.h>

#define START ((uint64_t)1000 * WEIR_MS)

static struct weir_loop *loop;

static void set_up(void)
{
    loop = weir_loop_new_manual(START);
}

/* Not a .fini: what fails there does not fail the test. */
static void close_all(void)
{
    weir_loop_free(loop);
}

TestSuite(loop, .init = set_up, .timeout = 30);

static char story[256];

static void tell(void *arg)
{
    strcat(story, arg);
}

static void tell_and_post_b(void *arg)
{
    static struct weir_task b;

    tell(arg);
    weir_loop_post(loop, &b, tell, "b");
}

Test(loop, tasks_run_in_order_and_once)
{
    struct weir_task tasks[3] = {0};

    weir_loop_post(loop, &tasks[0], tell, "1");
    weir_loop_post(loop, &tasks[1], tell, "2");
    weir_loop_post(loop, &tasks[2], tell, "3");
    weir_loop_post(loop, &tasks[0], tell, "again");
    cr_assert_str_eq(story, "", "never before the turn");
    weir_loop_advance(loop, START);
    weir_loop_advance(loop, START);
    cr_assert_str_eq(story, "123");
    close_all();
}

Test(loop, unpost_is_exact)
{
    struct weir_task tasks[3] = {0};

    weir_loop_post(loop, &tasks[0], tell, "1");
    weir_loop_post(loop, &tasks[1], tell, "2");
    weir_loop_post(loop, &tasks[2], tell, "3");
    cr_assert(weir_loop_unpost(&tasks[1]));
    cr_assert_not(weir_loop_unpost(&tasks[1]));
    cr_assert(weir_loop_unpost(&tasks[2]));
    weir_loop_advance(loop, START);
    cr_assert_not(weir_loop_unpost(&tasks[0]));
    cr_assert_str_eq(story, "1");
    close_all();
}

static struct weir_task victim;

static void unpost_victim(void *arg)
{
    tell(arg);
    cr_assert(weir_loop_unpost(&victim));
}

Test(loop, a_task_takes_back_one_of_the_same_turn)
{
    struct weir_task first = {0};

    weir_loop_post(loop, &first, unpost_victim, "1");
    weir_loop_post(loop, &victim, tell, "2");
    weir_loop_advance(loop, START);
    cr_assert_str_eq(story, "1");
    close_all();
}

Test(loop, advance_runs_tasks_between_deadlines_in_order_of_time)
{
    struct weir_timer late = {0}, early = {0}, middle = {0};
    struct weir_task task = {0};

    weir_timer_arm(loop, &late, START + 30, tell, "d");
    weir_timer_arm(loop, &early, START + 10, tell_and_post_b, "a");
    weir_timer_arm(loop, &middle, START + 11, tell, "c");
    weir_loop_post(loop, &task, tell, "0");
    weir_loop_advance(loop, START + 29);
    cr_assert_str_eq(story, "0abc");
    cr_assert_eq(weir_loop_now(loop), START + 29);
    weir_loop_advance(loop, START + 30);
    cr_assert_str_eq(story, "0abcd");
    weir_loop_advance(loop, START);
    cr_assert_eq(weir_loop_now(loop), START + 30, "the clock never goes back");
    close_all();
}

static void check_now(void *arg)
{
    const uint64_t *at = arg;

    cr_assert_eq(weir_loop_now(loop), *at);
    tell("x");
}

Test(loop, the_clock_stands_at_the_moment_of_the_timer)
{
    struct weir_timer timer = {0};
    uint64_t at = START + 123456789;

    weir_timer_arm(loop, &timer, at, check_now, &at);
    weir_loop_advance(loop, START * 1000);
    cr_assert_str_eq(story, "x");
    close_all();
}

Test(loop, a_timer_can_be_moved_and_stopped)
{
    struct weir_timer timer = {0};

    weir_timer_stop(&timer);
    weir_timer_arm(loop, &timer, START + 10, tell, "early");
    weir_timer_arm(loop, &timer, START + 1000000, tell, "late");
    weir_loop_advance(loop, START + 999999);
    cr_assert_str_eq(story, "");
    weir_loop_advance(loop, START + 1000000);
    cr_assert_str_eq(story, "late");
    weir_timer_arm(loop, &timer, START + 2000000, tell, "never");
    weir_timer_stop(&timer);
    weir_timer_stop(&timer);
    weir_loop_advance(loop, UINT64_MAX);
    cr_assert_str_eq(story, "late");
    close_all();
}

Test(loop, the_far_future_and_the_far_past)
{
    struct weir_timer past = {0}, far = {0}, never = {0};

    weir_timer_arm(loop, &past, 0, tell, "past");
    weir_timer_arm(loop, &far, UINT64_MAX - 1, tell, "far");
    weir_timer_arm(loop, &never, UINT64_MAX, tell, "never");
    cr_assert_str_eq(story, "", "not inside the call");
    weir_loop_advance(loop, START);
    cr_assert_str_eq(story, "past");
    weir_loop_advance(loop, UINT64_MAX - 1);
    cr_assert_str_eq(story, "pastfar");
    weir_timer_stop(&never);
    close_all();
}

static struct weir_timer neighbour;

static void stop_neighbour(void *arg)
{
    tell(arg);
    weir_timer_stop(&neighbour);
}

Test(loop, a_timer_stops_one_that_is_due_with_it)
{
    struct weir_timer first = {0};

    weir_timer_arm(loop, &first, START + 5, stop_neighbour, "1");
    weir_timer_arm(loop, &neighbour, START + 5, tell, "2");
    weir_loop_advance(loop, START + 50);
    cr_assert_str_eq(story, "1");
    close_all();
}

Test(loop, freeing_lets_go_of_what_waits)
{
    struct weir_loop *other = weir_loop_new_manual(START);
    struct weir_timer timer = {0};
    struct weir_task task = {0};

    weir_timer_arm(other, &timer, START + 5, tell, "timer");
    weir_loop_post(other, &task, tell, "task");
    weir_loop_free(other);
    weir_timer_stop(&timer);
    cr_assert_not(weir_loop_unpost(&task));
    weir_loop_free(NULL);
    close_all();
}

/* On a real base. */

struct real {
    struct event_base *base;
    struct weir_loop *loop;
    struct weir_task task;
    struct weir_timer timer;
    unsigned turns;
    uint64_t expected;
    int ends[2]; /* of a pipe */
    struct event *readable;
};

static void on_pipe(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    event_base_loopbreak(arg);
}

/* A base that stops when the pipe becomes readable. */
static struct real real_new(void)
{
    struct real real = {.base = event_base_new()};

    real.loop = weir_loop_new(real.base);
    cr_assert_not_null(real.loop);
    cr_assert_eq(pipe(real.ends), 0);
    real.readable = event_new(real.base, real.ends[0], EV_READ, on_pipe, real.base);
    cr_assert_eq(event_add(real.readable, NULL), 0);
    return real;
}

static void real_free(struct real *real)
{
    event_free(real->readable);
    weir_loop_free(real->loop);
    event_base_free(real->base);
    close(real->ends[0]);
    close(real->ends[1]);
}

/* From the third turn on there is something to read, which only a poll can find out. */
static void count_turn(struct real *real)
{
    if (++real->turns == 3)
        cr_assert_eq(write(real->ends[1], "x", 1), 1);
    cr_assert_lt(real->turns, 100u, "I/O is starved");
}

static void post_again(void *arg)
{
    struct real *real = arg;

    count_turn(real);
    weir_loop_post(real->loop, &real->task, post_again, real);
}

Test(loop_real, a_task_that_posts_itself_does_not_starve_io, .timeout = 30)
{
    struct real real = real_new();

    weir_loop_post(real.loop, &real.task, post_again, &real);
    event_base_dispatch(real.base);
    cr_assert_geq(real.turns, 3u);
    cr_assert(weir_loop_unpost(&real.task));
    real_free(&real);
}

static void rearm_past(void *arg)
{
    struct real *real = arg;

    count_turn(real);
    weir_timer_arm(real->loop, &real->timer, 1, rearm_past, real);
}

Test(loop_real, a_timer_that_is_always_late_does_not_starve_io, .timeout = 30)
{
    struct real real = real_new();

    weir_timer_arm(real.loop, &real.timer, 1, rearm_past, &real);
    event_base_dispatch(real.base);
    cr_assert_geq(real.turns, 3u);
    weir_timer_stop(&real.timer);
    real_free(&real);
}

static void on_expected(void *arg)
{
    struct real *real = arg;
    uint64_t now = clock_now_ns();

    cr_assert_geq(now, real->expected, "early");
    if (++real->turns < 20) {
        real->expected = now + real->turns * 333333;
        weir_timer_arm(real->loop, &real->timer, real->expected, on_expected, real);
        return;
    }
    event_base_loopbreak(real->base);
}

Test(loop_real, never_early_whatever_the_base_thinks_the_time_is, .timeout = 30)
{
    struct real real = real_new();

    real.expected = clock_now_ns() + 2 * (uint64_t)WEIR_MS;
    weir_timer_arm(real.loop, &real.timer, real.expected, on_expected, &real);
    event_base_dispatch(real.base);
    cr_assert_eq(real.turns, 20u);
    real_free(&real);
}

static void stop_base(void *arg)
{
    event_base_loopbreak(arg);
}

Test(loop_real, an_earlier_timer_after_a_later_one_and_after_a_stopped_one, .timeout = 30)
{
    struct real real = real_new();
    struct weir_timer hour = {0}, first = {0}, second = {0};
    uint64_t now = clock_now_ns();
    unsigned rounds = 0;

    weir_timer_arm(real.loop, &hour, now + 3600u * (uint64_t)1000 * WEIR_MS, stop_base, real.base);
    weir_timer_arm(real.loop, &first, now + 2 * (uint64_t)WEIR_MS, stop_base, real.base);
    weir_timer_arm(real.loop, &second, now + 20 * (uint64_t)WEIR_MS, stop_base, real.base);
    weir_timer_stop(&first); /* its alarm comes all the same, and must set the next one */
    while (second.pprev) {
        event_base_loop(real.base, EVLOOP_ONCE);
        cr_assert_lt(++rounds, 20u, "turns without anything to do");
    }
    cr_assert_not_null(hour.pprev);
    cr_assert_geq(clock_now_ns(), now + 20 * (uint64_t)WEIR_MS);
    real_free(&real);
}
