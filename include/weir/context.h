/*
 * A tree of contexts: deadlines and cancellation that flow down to the work and end it, as Go's
 * context.Context has them, for programs on a libevent loop.
 *
 * A context ends once, CANCELED or DEADLINE_EXCEEDED, and the first reason stays. What ends a
 * context ends all below it, never what is above or beside it. Everything here belongs to the
 * thread of the loop it was made on; nothing here may be called from another thread.
 * Times are nanoseconds of CLOCK_MONOTONIC; durations are nanoseconds.
 */
#ifndef WEIR_CONTEXT_H
#define WEIR_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <weir/status.h>

#define WEIR_MS ((int64_t)1000000) /* nanoseconds in a millisecond */

struct event_base;
struct weir_loop; /* the timers of one thread, and the work that waits for its next turn */
struct weir_ctx;  /* one node of the tree */

/* Timers on an event base, which must outlive the loop; as long as the loop is there the base has an
 * event and does not run dry. NULL when memory or descriptors are out. */
struct weir_loop *weir_loop_new(struct event_base *base);

/* A loop without an event base, whose clock stands at now_ns until weir_loop_advance moves it. */
struct weir_loop *weir_loop_new_manual(uint64_t now_ns);

/* Moves the clock of a manual loop and runs what became due: posted tasks, then deadlines in order. */
void weir_loop_advance(struct weir_loop *loop, uint64_t now_ns);

/* Frees the loop and its root. Every other context must have been released. NULL is harmless. */
void weir_loop_free(struct weir_loop *loop);

/* The present moment on the loop's clock, read afresh. */
uint64_t weir_loop_now(const struct weir_loop *loop);

/* Contexts made on this loop and not released, the root not counted. */
unsigned weir_loop_live_contexts(const struct weir_loop *loop);

/* A function to run on the loop's next turn. Embedded in its owner; zero it before first use. */
struct weir_task {
    void (*fn)(void *arg);
    void *arg;
    struct weir_task *next, **pprev; /* NULL pprev: not posted */
};

/* Runs fn(arg) once, later, from the loop itself. Posting a posted task again changes nothing. */
void weir_loop_post(struct weir_loop *loop, struct weir_task *task, void (*fn)(void *), void *arg);
/* Takes a posted task back; true when it will not run, false when it was not posted. */
bool weir_loop_unpost(struct weir_task *task);

/* A plain timer on the loop's clock: any number, each O(1) to arm, move and stop, no allocation.
 * Embedded in its owner; zero it before first use. Never fires early; fires once. */
struct weir_timer {
    void (*fn)(void *arg);
    void *arg;
    uint64_t at_ns;
    struct weir_loop *loop;            /* NULL until first armed */
    struct weir_timer *next, **pprev;  /* NULL pprev: not armed */
};

/* Arms the timer for a moment, moving it when it was armed. A moment in the past fires next turn. */
void weir_timer_arm(struct weir_loop *loop, struct weir_timer *timer, uint64_t at_ns,
                    void (*fn)(void *), void *arg);
/* Stops the timer; harmless when it is not armed. After it returns fn will not run. */
void weir_timer_stop(struct weir_timer *timer);

/* The root of a loop's tree: never ends, has no deadline, is owned by the loop. */
struct weir_ctx *weir_ctx_background(struct weir_loop *loop);

/*
 * Each derives a child of parent into *out, to be given back by weir_ctx_release, and returns
 * WEIR_OK. Anything else leaves *out untouched: NO_MEMORY, or INVALID_ARGUMENT (a timeout that is
 * zero or negative, a NULL parent or out). The child of an ended parent is born ended, with the
 * parent's reason. A child's deadline is never later than its parent's. A deadline that has passed
 * gives a context that has ended already. One allocation at most.
 */
enum weir_status weir_ctx_with_cancel(struct weir_ctx *parent, struct weir_ctx **out);
enum weir_status weir_ctx_with_timeout(struct weir_ctx *parent, int64_t timeout_ns,
                                       struct weir_ctx **out);
enum weir_status weir_ctx_with_deadline(struct weir_ctx *parent, uint64_t deadline_ns,
                                        struct weir_ctx **out);

/* Values are found by the address of their key: request-scoped facts, never configuration. */
struct weir_ctx_key {
    const char *name; /* for people who debug */
};
/* The value is borrowed: it must live until the child is released. */
enum weir_status weir_ctx_with_value(struct weir_ctx *parent, const struct weir_ctx_key *key,
                                     void *value, struct weir_ctx **out);
/* The nearest value under key, from this context upwards; NULL when there is none. */
void *weir_ctx_value(const struct weir_ctx *ctx, const struct weir_ctx_key *key);

/* Ends the context and all below it with CANCELED, at once; every callback has run when it
 * returns. The cause (NULL allowed, borrowed, usually a literal) says why. Harmless when ended. */
void weir_ctx_cancel(struct weir_ctx *ctx, const char *cause);

/* Gives the context back: cancels what is still alive below it, stops its timer, leaves its
 * parent. NULL is harmless. Must be called exactly once for each derived context. */
void weir_ctx_release(struct weir_ctx *ctx);

/* WEIR_OK while the context lives, then CANCELED or DEADLINE_EXCEEDED. Compares the deadline with
 * a fresh clock: a context whose moment has passed has ended, whatever the loop was doing. */
enum weir_status weir_ctx_err(struct weir_ctx *ctx);
/* The cause given to the cancel that ended it, or NULL. */
const char *weir_ctx_cause(const struct weir_ctx *ctx);

/* Whether there is a deadline; *deadline_ns is set only then. */
bool weir_ctx_deadline(const struct weir_ctx *ctx, uint64_t *deadline_ns);
/* Nanoseconds left, 0 when ended or past, INT64_MAX without a deadline. */
int64_t weir_ctx_remaining(struct weir_ctx *ctx);
struct weir_loop *weir_ctx_loop(const struct weir_ctx *ctx);

/* A callback for the end of a context. Embedded in its owner; zero it before first use. */
struct weir_watch {
    void (*fn)(void *arg, enum weir_status reason);
    void *arg;
    enum weir_status reason;
    struct weir_loop *loop;
    struct weir_watch *next, **pprev; /* NULL pprev: not registered */
    struct weir_task task;            /* carries the call when the context had ended already */
};

/* Registers fn to run once when the context ends: from weir_ctx_cancel, from the loop at the
 * deadline, or on the loop's next turn when it has ended already; never before this returns.
 * Callbacks of one context run in the order of registration, a parent's before its children's. */
void weir_ctx_on_done(struct weir_ctx *ctx, struct weir_watch *watch,
                      void (*fn)(void *arg, enum weir_status reason), void *arg);
/* Exact: true means it was registered and never runs; false means it has run, runs now, or never was. */
bool weir_watch_stop(struct weir_watch *watch);

#endif
