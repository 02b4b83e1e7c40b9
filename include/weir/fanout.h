/*
 * N parallel GETs under one context, settled exactly once: when all have ended, when a required
 * one has failed, when the context has reached its deadline, or when it was canceled. What is still
 * running then is removed at once; its connection is closed, so the upstream sees it.
 *
 * An engine and all it gives belong to the thread of its loop. Call weir_global_init once in main,
 * before the first thread.
 */
#ifndef WEIR_FANOUT_H
#define WEIR_FANOUT_H

#include <stddef.h>
#include <weir/context.h>

struct weir_engine;   /* transfers of one thread: connections, pooled handles, name lookups */
struct weir_upstream; /* one service as one route calls it */
struct weir_fanout;   /* one fan-out in flight */

enum weir_status weir_global_init(void);

struct weir_engine_options {
    unsigned max_connections;     /* per origin, 0 = 16384; one more is WEIR_INTERNAL_ERROR at once */
    int64_t idle_timeout_ns;      /* an idle connection is not used again after this; 0 = 4 s */
    int64_t max_lifetime_ns;      /* nor one older than this; 0 = 5 min */
    int64_t connect_timeout_ns;   /* TCP and TLS; 0 = 1 s */
    int64_t resolve_ttl_ns;       /* a name is looked up again after this; 0 = 30 s */
    const char *ca_file;          /* NULL = the system's */
    const char *cert_file, *key_file; /* client certificate, NULL = none */
};

/* An engine on the loop and its event base; both must outlive it. NULL when something is out. */
struct weir_engine *weir_engine_new(struct event_base *base, struct weir_loop *loop,
                                    const struct weir_engine_options *options);
/* Frees the engine. Fan-outs must have settled and been freed, upstreams freed. NULL is harmless.
 * Never waits for a name lookup. */
void weir_engine_free(struct weir_engine *engine);

struct weir_header {
    const char *name, *value;
};

/* What came back from one upstream, as the judge and the caller see it. */
struct weir_answer {
    int status;               /* 0 when no head came */
    const char *content_type; /* "" when there was none; valid during the judge's call only */
    char *body;               /* NULL when empty; NUL-terminated beyond body_len */
    size_t body_len;
    size_t value_at, value_len; /* set by a judge: where the wanted part of the body lies */
};

/* Decides, when a whole answer has come, whether it counts: WEIR_OK or the failure's status. */
typedef enum weir_status weir_judge_fn(void *arg, struct weir_answer *answer);

struct weir_upstream_options {
    const char *name;                  /* for the log */
    const char *origin;                /* "http://host:port" or "https://…", no path */
    size_t max_body;                   /* bytes, 0 = 1 MiB */
    const struct weir_header *headers; /* sent with every request, ended by a NULL name */
    weir_judge_fn *judge;              /* NULL: any 2xx counts */
    void *judge_arg;
};

/* All strings are copied. *out is untouched on failure: INVALID_ARGUMENT (origin), NO_MEMORY. */
enum weir_status weir_upstream_new(struct weir_engine *engine,
                                   const struct weir_upstream_options *options,
                                   struct weir_upstream **out);
/* No call on it may be in flight. NULL is harmless. */
void weir_upstream_free(struct weir_upstream *upstream);

/* One GET. Everything it points to must stay until the fan-out has settled. */
struct weir_call {
    struct weir_upstream *upstream;
    const char *target;                /* "/users/42/profile": path and query, already encoded */
    const struct weir_header *headers; /* of this request, ended by a NULL name; NULL = none */
    bool required;                     /* its failure ends the whole fan-out at once */
    int64_t timeout_ns;                /* a shorter deadline of its own; 0 = the shared one */
};

/* How one call ended. */
struct weir_outcome {
    enum weir_status status;
    struct weir_answer answer; /* body is owned by the fan-out unless taken: set body to NULL */
    int64_t elapsed_ns;        /* from the fan-out's start */
    uint64_t bytes;            /* of body received, kept or not */
    bool started;              /* a transfer was begun for it */
    bool reused;               /* on a connection that had served before */
    unsigned connections_opened;
};

struct weir_settled {
    enum weir_status status; /* OK: all ended or a required one failed; else why the context ended */
    int failed_required;     /* index of the first required call that failed, -1 = none */
    struct weir_outcome *outcomes;
    size_t n;
};

/* Runs once, from the loop, or inside the weir_ctx_cancel (or release) that ends its context; never
 * before weir_fanout_start has returned, never from within curl. */
typedef void weir_settled_fn(void *arg, struct weir_settled *settled);

/*
 * Starts the calls under ctx, which must outlive the fan-out. WEIR_OK: on_settled will be called
 * once, unless weir_fanout_free comes first. Anything else: it is never called. When ctx has ended
 * already nothing is sent, and the fan-out settles on the next turn.
 */
enum weir_status weir_fanout_start(struct weir_engine *engine, struct weir_ctx *ctx,
                                   const struct weir_call *calls, size_t n,
                                   weir_settled_fn *on_settled, void *arg,
                                   struct weir_fanout **out);

/* Cancels what is still running, without calling back, and frees all with the bodies not taken.
 * May be called from on_settled. NULL is harmless. */
void weir_fanout_free(struct weir_fanout *fanout);

#endif
