/*
 * One GET to one upstream under one context: the only module, with curl_loop, that knows curl.
 *
 * Start contract: an error returned means that the callback never runs. WEIR_OK means that the
 * fetch ends exactly once, by the callback or by fetch_cancel, and never before start has returned.
 * Callbacks are delivered from the loop after curl has returned, so they may start and cancel
 * other fetches freely. weir_engine_* and weir_upstream_* of weir/fanout.h are implemented here.
 */
#ifndef FETCH_H
#define FETCH_H

#include <weir/fanout.h>

struct fetch;

struct fetch_result {
    enum weir_status status;
    struct weir_answer answer; /* the receiver owns body (free) */
    uint64_t bytes;
    bool reused;
    unsigned connections_opened;
};

typedef void fetch_done_fn(void *arg, struct fetch_result *result);

/* Begins a GET of target. A context that has ended is refused with its reason, nothing is sent.
 * The fetch does not watch ctx: whoever started it cancels it when ctx ends. */
enum weir_status fetch_start(struct weir_upstream *upstream, struct weir_ctx *ctx,
                             const char *target, const struct weir_header *headers,
                             fetch_done_fn *fn, void *arg, struct fetch **out);

/* Ends the fetch without its callback and fills *result (status: the timeout that fits the phase it
 * was in: DNS_TIMEOUT, CONNECTION_TIMEOUT, HTTP_RESPONSE_TIMEOUT; the caller replaces it when
 * the reason was not time; no body). Its connection is closed at once. The fetch is gone after. */
void fetch_cancel(struct fetch *fetch, struct fetch_result *result);

#endif
