/*
 * The inside of a weir_loop, for loop.c and context.c only: one thread's clock, timers and posted
 * tasks, and the bookkeeping of the contexts made on it.
 */
#ifndef LOOP_H
#define LOOP_H

#include "timer_wheel.h"

#include <stdbool.h>
#include <stdint.h>
#include <weir/context.h>

struct event;

enum loop_phase {
    LOOP_WAITING, /* outside its own turn: what is posted now runs in this pass of the base */
    LOOP_TURNING, /* runs tasks: what is posted now waits until the base has looked at its I/O */
};

struct weir_loop {
    struct event_base *base; /* NULL: manual, now_ns is the clock */
    struct event *alarm;     /* the timerfd has expired */
    struct event *turn;      /* tasks, and timers that were armed late */
    int alarm_fd;            /* -1: manual */
    enum loop_phase phase;
    uint64_t now_ns;         /* manual only */
    uint64_t alarm_ns;       /* the timerfd is set to this; 0: leave it alone, NEVER: not set */
    struct weir_task *tasks; /* newest first */
    struct timer_wheel wheel;
    struct weir_ctx *root; /* these four belong to context.c */
    struct weir_ctx *spare;
    unsigned spares;
    unsigned live;
};

/* Makes the root of the loop's tree; false when memory is out. Implemented by context.c. */
bool context_open(struct weir_loop *loop);
/* Frees the root and the spare contexts. Implemented by context.c. */
void context_close(struct weir_loop *loop);

#endif
