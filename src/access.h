/* The access line: one per request that was answered or canceled, refused heads too. */
#ifndef ACCESS_H
#define ACCESS_H

#include <weir/fanout.h>

#include "buf.h"
#include "gate.h"
#include "metrics.h"
#include "site.h"

struct access {
    const char *request_id, *trace_id, *client_ip;
    const char *route; /* the template, or "unmatched" */
    struct gate_span method, path;
    int status;
    enum metrics_outcome outcome;
    int64_t duration_ns;
    size_t bytes;
    const struct site_route *site_route;  /* with settled: names of the upstreams; else NULL */
    const struct weir_settled *settled;   /* NULL: no fan-out was started */
};

/* Queues the line on the worker's lane when the level is shown; b is used again for every line. */
void access_log(struct buf *b, unsigned lane, const struct access *a);

#endif
