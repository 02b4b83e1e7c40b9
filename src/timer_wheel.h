/*
 * A hierarchical timing wheel: any number of timers, O(1) to add and to remove, no allocation.
 * It knows neither clocks nor callbacks: it is told the time and hands out what is due.
 */
#ifndef TIMER_WHEEL_H
#define TIMER_WHEEL_H

#include <stdint.h>
#include <weir/context.h>

#define TIMER_WHEEL_BITS   6
#define TIMER_WHEEL_SLOTS  (1u << TIMER_WHEEL_BITS)
#define TIMER_WHEEL_LEVELS 11 /* 66 bits: every moment has a place, whatever the tick */
#define TIMER_WHEEL_NEVER  UINT64_MAX

struct timer_wheel {
    unsigned shift;                    /* a tick is 2^shift ns; 0 = exact */
    uint64_t tick;                     /* what lies up to here has been handed out, or is in due */
    uint64_t busy[TIMER_WHEEL_LEVELS]; /* a bit for each slot that is not empty */
    struct weir_timer *slots[TIMER_WHEEL_LEVELS][TIMER_WHEEL_SLOTS];
    struct weir_timer *due; /* was late when it was added */
};

/* An empty wheel whose time is now_ns. */
void timer_wheel_init(struct timer_wheel *wheel, unsigned shift, uint64_t now_ns);
/* Adds a timer that is in no chain, by its at_ns. Returns the moment when it can be taken, the end
 * of its tick; 0 when that has passed. */
uint64_t timer_wheel_add(struct timer_wheel *wheel, struct weir_timer *timer);
/* Removes a timer that is in the wheel or in a chain taken from it. */
void timer_wheel_remove(struct timer_wheel *wheel, struct weir_timer *timer);
/* Moves time on and puts what is due into the empty chain *list, in order of ticks, and in order of
 * arrival within a tick. Never hands out a timer before its at_ns. */
void timer_wheel_take(struct timer_wheel *wheel, uint64_t now_ns, struct weir_timer **list);
/* When to take next: never later than the first timer's moment, NEVER when there is none, 0 when
 * something is late already. */
uint64_t timer_wheel_next(const struct timer_wheel *wheel);
/* Removes every timer. */
void timer_wheel_clear(struct timer_wheel *wheel);

#endif
