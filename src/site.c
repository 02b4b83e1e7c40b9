/* See site.h. */
#include "site.h"

#include <stdlib.h>
#include <strings.h>

#ifndef WEIR_VERSION
#define WEIR_VERSION "0.0.0-dev"
#endif

/* Headers that weir sends on its own account; a fixed one or the client's may stand in for them. */
static const struct weir_header own[] = {{"Accept", "application/json"},
                                         {"User-Agent", "weir/" WEIR_VERSION}};

static bool is_fixed(const struct config_upstream *u, const char *name)
{
    for (size_t i = 0; i < u->n_headers; i++)
        if (strcasecmp(u->headers[i].name, name) == 0)
            return true;
    return false;
}

static bool is_forwarded(const struct config_upstream *u, const char *name)
{
    for (char **f = u->forward; f != NULL && *f != NULL; f++)
        if (strcasecmp(*f, name) == 0)
            return true;
    return false;
}

/* The headers of every request to an upstream: weir's own, unless others replace them. */
static struct weir_header *constant_headers(const struct config_upstream *u)
{
    struct weir_header *all = calloc(u->n_headers + 3, sizeof(*all));
    size_t n = 0;

    if (all == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
        if (!is_fixed(u, own[i].name) && !is_forwarded(u, own[i].name))
            all[n++] = own[i];
    for (size_t i = 0; i < u->n_headers; i++)
        all[n++] = (struct weir_header){u->headers[i].name, u->headers[i].value};
    return all;
}

/* The index of a name among the route's forwarded headers, added when it is new. */
static unsigned forward_index(struct site_route *r, const char *name)
{
    struct site_forward *f = &r->forward[r->n_forward];

    for (size_t i = 0; i < r->n_forward; i++)
        if (strcasecmp(r->forward[i].name, name) == 0)
            return (unsigned)i;
    *f = (struct site_forward){.name = name};
    for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
        if (strcasecmp(own[i].name, name) == 0)
            f->own = own[i].value;
    return (unsigned)r->n_forward++;
}

static bool upstream_init(struct site_upstream *su, struct site_route *r,
                          const struct config_upstream *u, struct weir_engine *engine)
{
    struct weir_header *headers = constant_headers(u);
    struct weir_upstream_options options = {.name = u->name,
                                            .origin = u->origin,
                                            .max_body = u->max_body,
                                            .headers = headers,
                                            .judge = accept_judge,
                                            .judge_arg = (void *)&u->rule};
    size_t n = 0;
    bool ok;

    while (u->forward != NULL && u->forward[n] != NULL)
        n++;
    su->config = u;
    su->forward = calloc(n + 1, sizeof(*su->forward));
    ok = headers != NULL && su->forward != NULL &&
         weir_upstream_new(engine, &options, &su->upstream) == WEIR_OK;
    free(headers);
    for (size_t i = 0; ok && i < n; i++)
        if (!is_fixed(u, u->forward[i]))
            su->forward[su->n_forward++] = forward_index(r, u->forward[i]);
    return ok;
}

/* How much text the targets of one request need at the most. */
static void measure_targets(struct site_route *r, const struct config_upstream *u)
{
    for (size_t i = 0; i < u->n_parts; i++) {
        if (u->parts[i].literal == NULL)
            r->n_params++;
        else
            for (const char *p = u->parts[i].literal; *p; p++)
                r->literal_bytes++;
    }
    r->literal_bytes++;
}

static bool route_init(struct site_route *r, const struct config_route *c,
                       struct weir_engine *engine, struct metrics *metrics)
{
    size_t max_forward = 0;

    for (size_t i = 0; i < c->n_upstreams; i++)
        for (char **f = c->upstreams[i].forward; f != NULL && *f != NULL; f++)
            max_forward++;
    r->config = c;
    r->metrics = metrics_route(metrics, c->path);
    r->upstreams = calloc(c->n_upstreams, sizeof(*r->upstreams));
    r->forward = calloc(max_forward + 1, sizeof(*r->forward));
    if (r->metrics == NULL || r->upstreams == NULL || r->forward == NULL)
        return false;
    for (size_t i = 0; i < c->n_upstreams; i++) {
        r->n_upstreams = i + 1;
        if (!upstream_init(&r->upstreams[i], r, &c->upstreams[i], engine))
            return false;
        r->upstreams[i].metrics = metrics_upstream(metrics, c->path, c->upstreams[i].name);
        if (r->upstreams[i].metrics == NULL)
            return false;
        measure_targets(r, &c->upstreams[i]);
    }
    return true;
}

struct site *site_new(struct config *config, struct weir_engine *engine, struct metrics *metrics)
{
    struct site *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return NULL;
    s->refs = 1;
    s->config = config_ref(config);
    s->table = route_table_new(config);
    s->routes = calloc(config->n_routes, sizeof(*s->routes));
    if (s->table == NULL || s->routes == NULL) {
        site_unref(s);
        return NULL;
    }
    for (size_t i = 0; i < config->n_routes; i++) {
        if (!route_init(&s->routes[i], &config->routes[i], engine, metrics)) {
            site_unref(s);
            return NULL;
        }
    }
    return s;
}

struct site *site_ref(struct site *s)
{
    s->refs++;
    return s;
}

static void route_done(struct site_route *r)
{
    for (size_t i = 0; i < r->n_upstreams; i++) {
        weir_upstream_free(r->upstreams[i].upstream);
        free(r->upstreams[i].forward);
    }
    free(r->upstreams);
    free(r->forward);
}

void site_unref(struct site *s)
{
    if (s == NULL || --s->refs > 0)
        return;
    for (size_t i = 0; s->routes != NULL && i < s->config->n_routes; i++)
        route_done(&s->routes[i]);
    free(s->routes);
    route_table_free(s->table);
    config_unref(s->config);
    free(s);
}
