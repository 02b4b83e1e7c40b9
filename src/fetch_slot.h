/*
 * A fetch and its easy handle, pooled for each upstream: all that never changes is set once, and a
 * request costs only its target and its headers. For fetch.c and engine.c only.
 */
#ifndef FETCH_SLOT_H
#define FETCH_SLOT_H

#include "engine.h"
#include "fetch.h"
#include "fetch_answer.h"

/*
 *   FREE ──(fetch_start)──→ RUNNING ──(ended, canceled)──→ FREE
 *     └──(fetch_start)──→ RESOLVING ──(name known)──→ RUNNING
 *                             └──(name failed, canceled)──→ FREE
 */
enum fetch_state {
    FETCH_FREE,      /* at rest in its upstream's pool */
    FETCH_RESOLVING, /* waits for the name: resolve wakes it */
    FETCH_RUNNING,   /* on a lane: curl_loop tells its end */
    FETCH_STATES
};

struct fetch {
    enum fetch_state state;
    struct weir_upstream *upstream;
    struct fetch *next; /* in the pool */
    CURL *easy;         /* NULL: to be made at the next use */
    struct engine_lane *lane;
    unsigned turn; /* of the lane when put there; curl has not seen it while they are equal */
    struct engine_addresses *addresses; /* carried to the lane; NULL = none */
    struct resolve_wait wait;
    fetch_done_fn *fn;
    void *arg;
    struct fetch_answer answer;
    int socket_errno; /* why there was no socket */
    size_t request_max; /* one request has at most so many bytes, two have more */
    char *head;         /* target and headers of the request */
    size_t head_size;
};

/* A fetch at rest, ready to be dressed; NULL when memory is out. */
struct fetch *fetch_slot_take(struct weir_upstream *upstream);
/* Gives it the target and the headers; the upstream's own win. INVALID_ARGUMENT, NO_MEMORY. */
enum weir_status fetch_slot_dress(struct fetch *fetch, const char *target,
                                  const struct weir_header *headers);
/* Puts it back to rest; renew: what its handle remembers would mislead the next use. */
void fetch_slot_give(struct fetch *fetch, bool renew);
/* Frees handles that have not been needed lately; true when more remain than are kept for good. */
bool fetch_slot_trim(struct weir_upstream *upstream);
void fetch_slot_free_all(struct weir_upstream *upstream);

/* Whether libcurl has sent the request again after a connection that had died. */
bool fetch_slot_retried(const struct fetch *fetch);
/* A curl_loop_unwatch_fn. */
bool fetch_slot_unwatch(void *fetch);
/* A curl_loop_done_fn, in fetch.c. */
void fetch_ended(void *fetch, CURLcode code);

#endif
