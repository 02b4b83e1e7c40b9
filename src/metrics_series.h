/*
 * The registry behind metrics.h as the printer sees it: routes sorted by template, in each its
 * upstreams sorted by name, in each one block per worker.
 */
#ifndef METRICS_SERIES_H
#define METRICS_SERIES_H

#include "metrics.h"
#include "metrics_histogram.h"

#include <pthread.h>

/* The HTTP codes that weir can answer with; any other is counted as "other". */
#define METRICS_CODES(X)                                                                           \
    X(200)                                                                                         \
    X(400) X(401) X(403) X(404) X(405) X(408) X(410) X(414) X(417) X(431) X(499) X(500) X(501)     \
        X(502) X(503) X(504) X(505)

enum metrics_code {
    METRICS_CODE_OTHER,
#define METRICS_CODE_ENUM(code) METRICS_CODE_##code,
    METRICS_CODES(METRICS_CODE_ENUM)
#undef METRICS_CODE_ENUM
        METRICS_CODE_COUNT
};

/* What one worker counts; each block has its cache lines to itself. */
struct metrics_route_block {
    _Alignas(64) metrics_counter requests[METRICS_CODE_COUNT][METRICS_OUTCOME_COUNT];
    struct metrics_histogram duration;
};

struct metrics_upstream_block {
    _Alignas(64) metrics_counter calls[WEIR_STATUS_COUNT];
    metrics_counter connections_opened;
    struct metrics_histogram duration;
};

struct metrics_worker_block {
    _Alignas(64) struct metrics_histogram overrun;
    struct metrics_histogram loop_lag;
};

struct metrics_upstream {
    char *name;
    unsigned workers;
    struct metrics_upstream_block *block;
    struct metrics_upstream *next;
};

struct metrics_route {
    char *template;
    unsigned workers;
    struct metrics_route_block *block;
    struct metrics_upstream *upstreams;
    struct metrics_route *next;
};

struct metrics {
    unsigned workers;
    uint64_t started_ns; /* the process, since the epoch */
    struct metrics_worker_block *block;
    pthread_mutex_t lock; /* the lists and the gauges; counting takes no lock */
    struct metrics_route *routes;
    struct metrics_gauges gauges;
};

/* The template under which requests count that no route fits. */
#define METRICS_UNMATCHED "unmatched"

#endif
