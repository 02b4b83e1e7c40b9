/* Contexts and timers on a real loop, against libevent's own timers. */
#include <weir/context.h>

#include "bench.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>

#define BUDGET_NS (500 * WEIR_MS)

static struct event_base *base;
static struct weir_loop *loop;

static void never(void *arg)
{
    (void)arg;
    bench_must(0, "nothing fires during a benchmark");
}

static void never_event(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    never(arg);
}

static void never_ended(void *arg, enum weir_status reason)
{
    (void)arg;
    (void)reason;
}

/* What a program would do without contexts: an object of its own and a timer. */
static void event_per_operation(void *arg, unsigned long n)
{
    static const struct timeval budget = {0, 500000};

    (void)arg;
    for (unsigned long i = 0; i < n; i++) {
        struct event *timer = evtimer_new(base, never_event, NULL);

        bench_must(timer != NULL && evtimer_add(timer, &budget) == 0, "a timer can be had");
        bench_keep(timer);
        event_free(timer);
    }
}

static void derive(void *arg, unsigned long n)
{
    struct weir_ctx *parent = arg;

    for (unsigned long i = 0; i < n; i++) {
        struct weir_ctx *ctx = NULL;

        bench_must(weir_ctx_with_timeout(parent, BUDGET_NS, &ctx) == WEIR_OK, "a context can be had");
        bench_keep(ctx);
        weir_ctx_release(ctx);
    }
}

/* As a request does: a connection's context, the request's with its deadline, a watch on that. */
static void derive_watched(void *arg, unsigned long n)
{
    struct weir_ctx *parent = arg;

    for (unsigned long i = 0; i < n; i++) {
        struct weir_ctx *outer = NULL, *inner = NULL;
        struct weir_watch watch = {.fn = NULL};

        weir_ctx_with_cancel(parent, &outer);
        weir_ctx_with_timeout(outer, BUDGET_NS, &inner);
        weir_ctx_on_done(inner, &watch, never_ended, NULL);
        bench_keep(&watch);
        bench_must(weir_watch_stop(&watch), "the watch was registered");
        weir_ctx_release(inner);
        weir_ctx_release(outer);
    }
}

/* Moments as requests have them: behind the first, which stays the loop's next alarm. */
static uint64_t moment(uint64_t first, unsigned long i)
{
    return first + (1 + i * 7919 % 500) * (uint64_t)WEIR_MS;
}

struct crowd {
    struct weir_timer *pending;
    struct event *events;
    size_t n;
    uint64_t first;
    struct weir_loop *loop;
    struct event_base *base;
};

static void arm_and_stop(void *arg, unsigned long n)
{
    struct crowd *c = arg;
    struct weir_timer timer = {.fn = NULL};

    for (unsigned long i = 0; i < n; i++) {
        weir_timer_arm(c->loop, &timer, moment(c->first, i), never, NULL);
        bench_keep(&timer);
        weir_timer_stop(&timer);
    }
}

static void event_add_and_del(void *arg, unsigned long n)
{
    struct crowd *c = arg;
    struct event timer;

    evtimer_assign(&timer, c->base, never_event, NULL);
    for (unsigned long i = 0; i < n; i++) {
        uint64_t after_ns = moment(1000 * (uint64_t)WEIR_MS, i);
        struct timeval after = {(time_t)(after_ns / 1000000000), (long)(after_ns % 1000000000 / 1000)};

        event_add(&timer, &after);
        bench_keep(&timer);
        event_del(&timer);
    }
}

/* A loop and a base of their own, each with so many timers armed. */
static struct crowd gather(size_t n)
{
    struct crowd c = {.n = n, .base = event_base_new()};

    c.loop = weir_loop_new(c.base);
    c.pending = calloc(n, sizeof(*c.pending));
    c.events = calloc(n, sizeof(*c.events));
    bench_must(c.loop && c.pending && c.events, "memory is there");
    c.first = weir_loop_now(c.loop) + 1000 * (uint64_t)WEIR_MS;
    for (size_t i = 0; i < n; i++) {
        uint64_t after_ns = moment(1000 * (uint64_t)WEIR_MS, i * 31);
        struct timeval after = {(time_t)(after_ns / 1000000000), (long)(after_ns % 1000000000 / 1000)};

        weir_timer_arm(c.loop, &c.pending[i], i ? moment(c.first, i * 31) : c.first, never, NULL);
        evtimer_assign(&c.events[i], c.base, never_event, NULL);
        event_add(&c.events[i], &after);
    }
    return c;
}

static void disperse(struct crowd *c)
{
    for (size_t i = 0; i < c->n; i++) {
        weir_timer_stop(&c->pending[i]);
        event_del(&c->events[i]);
    }
    weir_loop_free(c->loop);
    event_base_free(c->base);
    free(c->pending);
    free(c->events);
}

int main(void)
{
    struct crowd few = gather(10), many = gather(10000);
    const struct bench_row timers[] = {
        {"event_add, event_del among 10", event_add_and_del, &few, 0},
        {"event_add, event_del among 10,000", event_add_and_del, &many, 0},
        {"weir_timer_arm, _stop among 10", arm_and_stop, &few, 0},
        {"weir_timer_arm, _stop among 10,000", arm_and_stop, &many, 0},
    };

    base = event_base_new();
    loop = weir_loop_new(base);
    bench_must(loop != NULL, "a loop can be had");
    bench_group("a context", (struct bench_row[]){
        {"evtimer_new, evtimer_add, event_free", event_per_operation, NULL, 0},
        {"derive with a timeout, release", derive, weir_ctx_background(loop), 0},
        {"two levels, a deadline and a watch", derive_watched, weir_ctx_background(loop), 0},
    }, 3);
    bench_must(weir_loop_live_contexts(loop) == 0, "every context was released");
    bench_group("a timer", timers, 4);
    disperse(&few);
    disperse(&many);
    weir_loop_free(loop);
    event_base_free(base);
    return 0;
}
