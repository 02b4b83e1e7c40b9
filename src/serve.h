/* The way of a request through weir, for one worker: route, context, fan-out, assembly, reply. */
#ifndef SERVE_H
#define SERVE_H

#include <weir/fanout.h>

#include "gate.h"
#include "metrics.h"
#include "site.h"

struct serve;
struct listen_request;

/* Requests being served, all workers together. */
struct serve_shared {
    uint64_t in_flight; /* atomic */
};

struct serve_options {
    unsigned worker;
    struct weir_loop *loop;
    struct weir_engine *engine;
    struct metrics *metrics;
    struct serve_shared *shared;
};

/* Takes over one reference of site. NULL when memory is out (the reference is then given back). */
struct serve *serve_new(const struct serve_options *options, struct site *site);
/* New requests use the new site, of which one reference is taken over; those in flight keep theirs. */
void serve_swap(struct serve *serve, struct site *site);
/* Requests of this worker that are not yet answered. */
unsigned serve_in_flight(const struct serve *serve);
/* Every request must have ended. NULL is harmless. */
void serve_free(struct serve *serve);

/* The listener's handler; arg is the struct serve. */
void serve_on_request(void *arg, struct listen_request *rq, const struct gate_head *head,
                      const struct gate_refusal *refusal);

#endif
