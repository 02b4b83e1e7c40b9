/* Runs one load: what to do is in load_options.h, what came of it is here. */
#ifndef LOAD_ENGINE_H
#define LOAD_ENGINE_H

#include "load_histogram.h"
#include "load_options.h"

#define LOAD_STATUSES 600

/* Of the measured requests, but where it says otherwise. Each request ends as exactly one of
 * answered, left, lost, broken, garbled and unsent. */
struct load_counts {
    uint64_t sent;
    uint64_t answered, left, lost, broken, garbled, unsent;
    uint64_t complete, partial; /* of the 200s, by Weir-Complete */
    uint64_t not_json;          /* answered with something that is no JSON object */
    uint64_t statuses[LOAD_STATUSES];
    uint64_t failed_early; /* in the warm-up: lost, broken or garbled */
    uint64_t stray;        /* idle connections on which something came that nobody asked for */
    uint64_t in_window;    /* answers that came while it was measured */
    uint64_t all_sent;     /* with the warm-up */
    uint64_t retried;      /* the server had closed an idle connection meanwhile */
    uint64_t opened, open, open_peak; /* connections, with the warm-up */
    uint64_t in_flight;
    struct load_histogram latency; /* from when it was due to its answer, or to being given up */
    struct load_histogram lag;     /* from when it was due to when it was sent: our own lateness */
};

/* Runs it to the end; NULL after it has said on stderr why it cannot. The caller frees it. */
struct load_counts *load_engine_run(const struct load_options *options);

#endif
