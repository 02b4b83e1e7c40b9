/*
 * Timers and posted tasks of one thread.
 *
 * The happy path:
 * - weir_timer_arm puts the timer into the wheel. The one timerfd is set only when the timer is
 *   earlier than what it is set to already; stopping never touches it.
 * - on_alarm: the timerfd has expired. What is due by a fresh clock runs, then the timerfd is set
 * to the next moment of the wheel. It may have nothing to run, when its timer was stopped.
 * - weir_loop_post puts the task on a list and activates on_turn, which runs the list as it found
 *   it; what is posted meanwhile waits until the base has polled, so I/O is never starved.
 *
 * A timer armed for a moment that has passed takes the way of the tasks. A manual loop has the
 * same lists and no events: weir_loop_advance plays the part of the base.
 */
#include "loop.h"

#include "chain.h"
#include "clock.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define TICK_SHIFT 17 /* 0.13 ms */

static void on_alarm(evutil_socket_t fd, short what, void *arg);
static void on_turn(evutil_socket_t fd, short what, void *arg);

static struct weir_loop *loop_alloc(uint64_t now_ns, unsigned shift)
{
    struct weir_loop *loop = calloc(1, sizeof(*loop));

    if (!loop)
        return NULL;
    loop->alarm_fd = -1;
    loop->alarm_ns = TIMER_WHEEL_NEVER;
    loop->now_ns = now_ns;
    timer_wheel_init(&loop->wheel, shift, now_ns);
    if (context_open(loop))
        return loop;
    free(loop);
    return NULL;
}

struct weir_loop *weir_loop_new(struct event_base *base)
{
    struct weir_loop *loop = base ? loop_alloc(clock_now_ns(), TICK_SHIFT) : NULL;

    if (!loop)
        return NULL;
    loop->base = base;
    loop->alarm_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (loop->alarm_fd < 0)
        goto fail;
    loop->alarm = event_new(base, loop->alarm_fd, EV_READ | EV_PERSIST, on_alarm, loop);
    loop->turn = event_new(base, -1, 0, on_turn, loop);
    if (!loop->alarm || !loop->turn || event_add(loop->alarm, NULL) != 0)
        goto fail;
    return loop;
fail:
    weir_loop_free(loop);
    return NULL;
}

struct weir_loop *weir_loop_new_manual(uint64_t now_ns)
{
    return loop_alloc(now_ns, 0);
}

void weir_loop_free(struct weir_loop *loop)
{
    struct weir_task *task;

    if (!loop)
        return;
    while ((task = loop->tasks) != NULL)
        CHAIN_UNLINK(task);
    timer_wheel_clear(&loop->wheel);
    if (loop->alarm)
        event_free(loop->alarm);
    if (loop->turn)
        event_free(loop->turn);
    if (loop->alarm_fd >= 0)
        close(loop->alarm_fd);
    context_close(loop);
    free(loop);
}

uint64_t weir_loop_now(const struct weir_loop *loop)
{
    return loop->base ? clock_now_ns() : loop->now_ns;
}

unsigned weir_loop_live_contexts(const struct weir_loop *loop)
{
    return loop->live;
}

/* Sees to it that on_turn runs: in this pass of the base, or after its next poll when it is
 * running already. Neither is a system call. */
static void request_turn(struct weir_loop *loop)
{
    static const struct timeval at_once = {0, 0};

    if (!loop->base)
        return;
    if (loop->phase == LOOP_WAITING || event_add(loop->turn, &at_once) != 0)
        event_active(loop->turn, EV_TIMEOUT, 0);
}

static void set_alarm(struct weir_loop *loop, uint64_t at_ns)
{
    struct itimerspec spec;
    uint64_t value = at_ns == TIMER_WHEEL_NEVER ? 0 : at_ns ? at_ns : 1; /* 0 would disarm */

    memset(&spec, 0, sizeof(spec));
    spec.it_value.tv_sec = (time_t)(value / 1000000000u);
    spec.it_value.tv_nsec = (long)(value % 1000000000u);
    loop->alarm_ns = at_ns;
    timerfd_settime(loop->alarm_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

void weir_loop_post(struct weir_loop *loop, struct weir_task *task, void (*fn)(void *), void *arg)
{
    bool first = loop->tasks == NULL;

    if (task->pprev)
        return;
    task->fn = fn;
    task->arg = arg;
    CHAIN_PUSH(&loop->tasks, task);
    if (first)
        request_turn(loop);
}

bool weir_loop_unpost(struct weir_task *task)
{
    if (!task->pprev)
        return false;
    CHAIN_UNLINK(task);
    return true;
}

void weir_timer_arm(struct weir_loop *loop, struct weir_timer *timer, uint64_t at_ns,
                    void (*fn)(void *), void *arg)
{
    uint64_t moment;

    weir_timer_stop(timer);
    timer->fn = fn;
    timer->arg = arg;
    timer->at_ns = at_ns;
    timer->loop = loop;
    moment = timer_wheel_add(&loop->wheel, timer);
    if (moment == 0)
        request_turn(loop);
    else if (loop->base && moment < loop->alarm_ns)
        set_alarm(loop, moment);
}

void weir_timer_stop(struct weir_timer *timer)
{
    if (timer->pprev)
        timer_wheel_remove(&timer->loop->wheel, timer);
}

/* Runs the tasks that are posted at this moment, first come first served. */
static void run_tasks(struct weir_loop *loop)
{
    struct weir_task *list = NULL, **tail = &list, *task;

    CHAIN_APPEND_REVERSED(&tail, &loop->tasks);
    while ((task = list) != NULL) {
        CHAIN_UNLINK(task);
        task->fn(task->arg);
    }
}

/* Runs the timers that are due at this moment. */
static void run_timers(struct weir_loop *loop)
{
    struct weir_timer *list = NULL, *timer;

    timer_wheel_take(&loop->wheel, weir_loop_now(loop), &list);
    while ((timer = list) != NULL) {
        CHAIN_UNLINK(timer);
        timer->fn(timer->arg);
    }
}

static void on_alarm(evutil_socket_t fd, short what, void *arg)
{
    struct weir_loop *loop = arg;

    (void)fd;
    (void)what;
    loop->alarm_ns = 0;
    run_timers(loop);
    set_alarm(loop, timer_wheel_next(&loop->wheel)); /* this takes the place of read(): it resets */
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct weir_loop *loop = arg;

    (void)fd;
    (void)what;
    loop->phase = LOOP_TURNING;
    run_tasks(loop);
    if (loop->wheel.due)
        run_timers(loop);
    loop->phase = LOOP_WAITING;
}

void weir_loop_advance(struct weir_loop *loop, uint64_t now_ns)
{
    uint64_t next;

    assert(!loop->base && loop->phase == LOOP_WAITING);
    loop->phase = LOOP_TURNING;
    for (;;) {
        if (loop->tasks) {
            run_tasks(loop);
            continue;
        }
        next = timer_wheel_next(&loop->wheel);
        if (next == TIMER_WHEEL_NEVER || (next > loop->now_ns && next > now_ns))
            break;
        if (next > loop->now_ns)
            loop->now_ns = next;
        run_timers(loop);
    }
    if (now_ns > loop->now_ns)
        loop->now_ns = now_ns;
    loop->phase = LOOP_WAITING;
}
