/*
 * One configuration made ready to serve on one worker: the compiled routes, and for each upstream
 * its place in the engine and in the metrics. Belongs to the worker's thread; counted by the requests
 * that use it, so that a reload lets the old one finish.
 */
#ifndef SITE_H
#define SITE_H

#include <weir/fanout.h>

#include "config.h"
#include "metrics.h"
#include "route.h"

struct site_upstream {
    const struct config_upstream *config;
    struct weir_upstream *upstream;
    struct metrics_upstream *metrics;
    unsigned *forward; /* indices into the route's forward, those it passes on */
    size_t n_forward;
};

/* A request header that some upstream of a route wants. */
struct site_forward {
    const char *name;
    const char *own;                 /* what weir sends when the client has none; or NULL */
    const struct gate_header *found; /* in the head of the request that is being made */
    const char *value;               /* its copy, or own */
};

struct site_route {
    const struct config_route *config;
    struct metrics_route *metrics;
    struct site_upstream *upstreams;
    size_t n_upstreams;
    struct site_forward *forward; /* each name once */
    size_t n_forward;
    size_t literal_bytes; /* of all targets together */
    size_t n_params;      /* in all targets together */
};

struct site {
    struct config *config;
    struct route_table *table;
    struct site_route *routes;
    unsigned refs;
};

/* Makes a configuration (one more reference of it is taken) ready; one reference is the caller's.
 * NULL when memory is out. */
struct site *site_new(struct config *config, struct weir_engine *engine, struct metrics *metrics);
struct site *site_ref(struct site *site);
void site_unref(struct site *site);

#endif
