/* One worker: a thread with its own loop, listener, engine and counters. Orders reach it as messages. */
#ifndef WORKER_H
#define WORKER_H

#include "config.h"
#include "listen.h"
#include "metrics.h"
#include "serve.h"

struct worker;

struct worker_options {
    unsigned index;
    int fd; /* bound socket of the public listener; owned by the worker from then on */
    struct config *config;
    struct metrics *metrics;
    struct listen_shared *connections;
    struct serve_shared *requests;
};

enum worker_order {
    WORKER_LAST_REPLIES, /* from now on every reply closes its connection */
    WORKER_DRAIN,        /* stop accepting, finish what is in flight, then end */
    WORKER_CUT,          /* end now, whatever is in flight */
    WORKER_ORDER_COUNT
};

/* Starts the thread; it accepts from then on. NULL when something is out; fd is closed then. */
struct worker *worker_start(const struct worker_options *options);
/* New connections are refused from now on, at once; before WORKER_DRAIN, for all workers before the
 * first of them closes its listener: they share the port. */
void worker_refuse_new(struct worker *worker);
/* Any thread; does not wait. */
void worker_order(struct worker *worker, enum worker_order order);
/* New requests are served by this configuration, of which a reference is taken. Does not wait. */
void worker_reload(struct worker *worker, struct config *config);
/* Nanoseconds since the worker's loop last turned. */
int64_t worker_silence_ns(const struct worker *worker);
/* Whether the thread has ended. */
bool worker_ended(const struct worker *worker);
/* Waits for the thread and frees it. Returns the number of requests that were cut off. */
unsigned worker_join(struct worker *worker);

#endif
