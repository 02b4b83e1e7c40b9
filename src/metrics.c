#include "metrics.h"
#include "metrics_histogram.h"
#include "metrics_process.h"
#include "metrics_series.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const char *const outcome_words[METRICS_OUTCOME_COUNT] = {
    [METRICS_COMPLETE] = "complete", [METRICS_PARTIAL] = "partial",   [METRICS_FAILED] = "failed",
    [METRICS_CANCELED] = "canceled", [METRICS_REJECTED] = "rejected",
};

const char *metrics_outcome_word(enum metrics_outcome outcome)
{
    return outcome_words[outcome];
}

/* ---- the registry ---- */

/* Zeroed blocks, one per worker, each beginning a cache line; size is a multiple of one. */
static void *blocks_new(unsigned workers, size_t size)
{
    void *blocks = aligned_alloc(64, workers * size);

    if (blocks != NULL)
        memset(blocks, 0, workers * size);
    return blocks;
}

static void upstream_free(struct metrics_upstream *u)
{
    free(u->name);
    free(u->block);
    free(u);
}

static struct metrics_upstream *upstream_new(unsigned workers, const char *name)
{
    struct metrics_upstream *u = calloc(1, sizeof *u);

    if (u == NULL)
        return NULL;
    u->workers = workers;
    u->name = strdup(name);
    u->block = blocks_new(workers, sizeof *u->block);
    if (u->name != NULL && u->block != NULL)
        return u;
    upstream_free(u);
    return NULL;
}

static void route_free(struct metrics_route *r)
{
    while (r->upstreams != NULL) {
        struct metrics_upstream *u = r->upstreams;

        r->upstreams = u->next;
        upstream_free(u);
    }
    free(r->template);
    free(r->block);
    free(r);
}

static struct metrics_route *route_new(unsigned workers, const char *template)
{
    struct metrics_route *r = calloc(1, sizeof *r);

    if (r == NULL)
        return NULL;
    r->workers = workers;
    r->template = strdup(template);
    r->block = blocks_new(workers, sizeof *r->block);
    if (r->template != NULL && r->block != NULL)
        return r;
    route_free(r);
    return NULL;
}

/* Finds or adds, lock held. */
static struct metrics_route *route_get(struct metrics *m, const char *template)
{
    struct metrics_route **at = &m->routes, *r;

    while (*at != NULL && strcmp((*at)->template, template) < 0)
        at = &(*at)->next;
    if (*at != NULL && strcmp((*at)->template, template) == 0)
        return *at;
    r = route_new(m->workers, template);
    if (r == NULL)
        return NULL;
    r->next = *at;
    *at = r;
    return r;
}

/* Finds or adds, lock held. */
static struct metrics_upstream *upstream_get(struct metrics_route *r, const char *name)
{
    struct metrics_upstream **at = &r->upstreams, *u;

    while (*at != NULL && strcmp((*at)->name, name) < 0)
        at = &(*at)->next;
    if (*at != NULL && strcmp((*at)->name, name) == 0)
        return *at;
    u = upstream_new(r->workers, name);
    if (u == NULL)
        return NULL;
    u->next = *at;
    *at = u;
    return u;
}

struct metrics_route *metrics_route(struct metrics *m, const char *template)
{
    struct metrics_route *r;

    pthread_mutex_lock(&m->lock);
    r = route_get(m, template);
    pthread_mutex_unlock(&m->lock);
    return r;
}

struct metrics_upstream *metrics_upstream(struct metrics *m, const char *template, const char *name)
{
    struct metrics_upstream *u = NULL;
    struct metrics_route *r;

    pthread_mutex_lock(&m->lock);
    r = route_get(m, template);
    if (r != NULL)
        u = upstream_get(r, name);
    pthread_mutex_unlock(&m->lock);
    return u;
}

struct metrics *metrics_new(unsigned workers)
{
    struct metrics *m = workers == 0 ? NULL : calloc(1, sizeof *m);

    if (m == NULL)
        return NULL;
    m->workers = workers;
    m->started_ns = metrics_process_started_ns();
    pthread_mutex_init(&m->lock, NULL);
    m->block = blocks_new(workers, sizeof *m->block);
    if (m->block != NULL && metrics_route(m, METRICS_UNMATCHED) != NULL)
        return m;
    metrics_free(m);
    return NULL;
}

void metrics_free(struct metrics *m)
{
    if (m == NULL)
        return;
    while (m->routes != NULL) {
        struct metrics_route *r = m->routes;

        m->routes = r->next;
        route_free(r);
    }
    free(m->block);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

void metrics_set_gauges(struct metrics *m, const struct metrics_gauges *gauges)
{
    pthread_mutex_lock(&m->lock);
    m->gauges = *gauges;
    pthread_mutex_unlock(&m->lock);
}

/* ---- counting ---- */

static enum metrics_code code_of(int code)
{
#define AT(code) [code] = METRICS_CODE_##code,
    static const uint8_t index[] = {METRICS_CODES(AT)};
#undef AT
    return (unsigned)code < sizeof index ? (enum metrics_code)index[code] : METRICS_CODE_OTHER;
}

void metrics_request(struct metrics_route *r, unsigned worker, int code,
                     enum metrics_outcome outcome, int64_t duration_ns)
{
    struct metrics_route_block *b;

    if (worker >= r->workers)
        return;
    b = &r->block[worker];
    metrics_count(&b->requests[code_of(code)][outcome], 1);
    metrics_observe(&b->duration, METRICS_DURATION, duration_ns);
}

void metrics_call(struct metrics_upstream *u, unsigned worker, enum weir_status status,
                  bool started, int64_t duration_ns, unsigned connections_opened)
{
    struct metrics_upstream_block *b;

    if (worker >= u->workers)
        return;
    b = &u->block[worker];
    metrics_count(&b->calls[(unsigned)status < WEIR_STATUS_COUNT ? status : WEIR_INTERNAL_ERROR],
                  1);
    metrics_count(&b->connections_opened, connections_opened);
    if (started)
        metrics_observe(&b->duration, METRICS_DURATION, duration_ns);
}

void metrics_overrun(struct metrics *m, unsigned worker, int64_t overrun_ns)
{
    if (worker < m->workers)
        metrics_observe(&m->block[worker].overrun, METRICS_DELAY, overrun_ns);
}

void metrics_loop_lag(struct metrics *m, unsigned worker, int64_t lag_ns)
{
    if (worker < m->workers)
        metrics_observe(&m->block[worker].loop_lag, METRICS_DELAY, lag_ns);
}
