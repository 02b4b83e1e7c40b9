/*
 * The engine behind weir/fanout.h: origins with their lanes of connections, upstreams with their
 * pooled handles. For fetch and its splits only; curl is known here.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include <weir/fanout.h>

#include "curl_loop.h"
#include "resolve.h"

/* The addresses of an origin as curl takes them; shared by count with the handles that carry them. */
struct engine_addresses {
    unsigned refs;
    unsigned generation;
    struct curl_slist entry;
    char text[RESOLVE_HOST_MAX + 8 + RESOLVE_TEXT_MAX]; /* "host:port:address,…" */
};

struct engine_lane {
    struct curl_lane curl; /* first member: curl_loop knows only this */
    struct engine_origin *origin;
    size_t index;            /* in the origin's table */
    unsigned claimed;        /* connections it has or will need, as counted in the origin */
    unsigned generation;     /* of the addresses last given to it; 0 = none */
    unsigned given_turn;     /* its curl.turns then: taken in once curl has run */
    uint64_t idle_since_ns;  /* when its last transfer ended */
};

/* One scheme, host and port: all upstreams that live there share its connections. */
struct engine_origin {
    struct weir_engine *engine;
    struct engine_origin *next;
    unsigned refs;               /* upstreams; at 0 the next sweep frees it */
    char *key;                   /* "http://host:port" */
    CURLU *url;                  /* the same, parsed */
    bool tls;
    struct resolve_name *name;   /* NULL: the host is an address */
    struct engine_addresses *addresses; /* of the name, as last used; NULL = never */
    unsigned claimed;            /* sum over the lanes */
    struct engine_lane **lanes;  /* n_words * 64 places */
    uint64_t *used, *room, *idle; /* a bit for each place: lane exists, has room, has idle connections */
    size_t n_words;
};

struct weir_engine {
    struct curl_loop curl;
    struct weir_loop *loop;
    struct resolve *resolve;
    struct engine_origin *origins;
    struct weir_upstream *upstreams;
    struct weir_timer sweep; /* frees what has been idle; armed while there is something */
    unsigned max_connections;
    int64_t idle_timeout_ns;
    long max_age_s, max_lifetime_s, connect_timeout_ms;
    char *ca_file, *cert_file, *key_file;
};

/* The name of a header that every request of an upstream carries, within its fixed text. */
struct engine_fixed {
    size_t at, len;
};

struct weir_upstream {
    struct weir_engine *engine;
    struct weir_upstream *next, **pprev;
    struct engine_origin *origin;
    char *name;
    size_t max_body;
    char *fixed_text; /* "Host: …" and the others, each line ended by CR LF */
    size_t fixed_len;
    struct engine_fixed *fixed;
    size_t n_fixed;
    weir_judge_fn *judge;
    void *judge_arg;
    struct fetch *free; /* handles at rest, the last used first */
    unsigned n_free;
    unsigned low_free;  /* the fewest at rest since the last sweep: those were not needed */
};

/* A lane for one more transfer: one with an idle connection if there is any, else the first with
 * room, else a new one. INTERNAL_ERROR when the origin's connections are all taken; NO_MEMORY. */
enum weir_status engine_lane_for(struct engine_origin *origin, struct engine_lane **out);
/* To be called when the lane's number of transfers or sockets has changed. */
void engine_lane_changed(struct engine_lane *lane);
/* Frees the lanes without transfers that have been idle since before_ns; true when some are left. */
bool engine_lanes_trim(struct engine_origin *origin, uint64_t before_ns);
void engine_lanes_free(struct engine_origin *origin);

/* The origin of "http://host:port", found or made, counted once more. INVALID_ARGUMENT, NO_MEMORY. */
enum weir_status engine_origin_get(struct weir_engine *engine, const char *text,
                                   struct engine_origin **out);
void engine_origin_unref(struct engine_origin *origin);
void engine_origin_free(struct engine_origin *origin);
/* The addresses the name has now, counted once more; NULL when memory is out. */
struct engine_addresses *engine_origin_addresses(struct engine_origin *origin);
void engine_addresses_unref(struct engine_addresses *addresses);

/* Sees to it that what has been idle for long gets freed. */
void engine_want_sweep(struct weir_engine *engine);
/* Replaces the system's name lookup, for tests. */
void engine_set_lookup(struct weir_engine *engine, resolve_lookup_fn *lookup);

#endif
