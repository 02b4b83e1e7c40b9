/*
 * Counters and histograms, Prometheus text. Each worker counts into its own block (relaxed atomics, no
 * locks, no shared cache lines on the request path); a scrape sums the blocks. Series are named by
 * templates and names of the configuration only; they outlive a reload that removes them.
 */
#ifndef METRICS_H
#define METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include <weir/status.h>

struct metrics;          /* one per process */
struct metrics_route;    /* the series of one route template */
struct metrics_upstream; /* the series of one upstream of one route */

enum metrics_outcome {
    METRICS_COMPLETE,
    METRICS_PARTIAL,
    METRICS_FAILED,
    METRICS_CANCELED,
    METRICS_REJECTED,
    METRICS_OUTCOME_COUNT
};
const char *metrics_outcome_word(enum metrics_outcome outcome);

struct metrics *metrics_new(unsigned workers);
void metrics_free(struct metrics *m);

/* The series of a template, made on first use; the same pointer for the same name. Not for the
 * request path: locks. NULL when memory is out. The route "unmatched" always exists. */
struct metrics_route *metrics_route(struct metrics *m, const char *template);
struct metrics_upstream *metrics_upstream(struct metrics *m, const char *template, const char *name);

/* One request answered or canceled (code 499). */
void metrics_request(struct metrics_route *r, unsigned worker, int code,
                     enum metrics_outcome outcome, int64_t duration_ns);
/* One upstream call ended: WEIR_OK, a code, or WEIR_CANCELED; duration counted when it was started. */
void metrics_call(struct metrics_upstream *u, unsigned worker, enum weir_status status,
                  bool started, int64_t duration_ns, unsigned connections_opened);
/* Answer handed over minus deadline, observed only for requests that had not settled before it. */
void metrics_overrun(struct metrics *m, unsigned worker, int64_t overrun_ns);
void metrics_loop_lag(struct metrics *m, unsigned worker, int64_t lag_ns);

/* Sums that somebody else keeps, read at a scrape; set once before the first scrape. */
struct metrics_gauges {
    uint64_t (*requests_in_flight)(void *arg);
    uint64_t (*client_connections)(void *arg);
    uint64_t (*requests_in_flight_limit)(void *arg);
    uint64_t (*client_connections_limit)(void *arg);
    void *arg;
};
void metrics_set_gauges(struct metrics *m, const struct metrics_gauges *gauges);

/* The whole exposition in text format 0.0.4, process_* included (from /proc/self). */
void metrics_print(struct metrics *m, struct buf *out);

#endif
