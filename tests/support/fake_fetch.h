/*
 * Fetches that go nowhere: each ends as its upstream's script says, by timers of the context's
 * loop. To put them under the fan-out a test writes FAKE_FETCH_LINK once, at file level: that
 * defines fetch_start and fetch_cancel, so the real ones are not linked.
 */
#ifndef FAKE_FETCH_H
#define FAKE_FETCH_H

#include "fetch.h"

#include <stdbool.h>
#include <stdint.h>

#define FAKE_FETCH_HANGS INT64_MAX

/* One upstream: what it will do, and what has been done to it. */
struct weir_upstream {
    int64_t delay_ns;               /* from start to the callback; FAKE_FETCH_HANGS: never */
    enum weir_status refuse;        /* what fetch_start returns; OK: it starts */
    enum weir_status status;        /* of the result */
    enum weir_status cancel_status; /* what fetch_cancel tells; OK stands for a response timeout */
    const char *body;               /* NULL: none */
    unsigned asked;                 /* calls of fetch_start */
    unsigned started, finished, canceled;
};

/* Fetches started and not yet ended, in the whole process. */
unsigned fake_fetch_live(void);

enum weir_status fake_fetch_start(struct weir_upstream *upstream, struct weir_ctx *ctx,
                                  fetch_done_fn *fn, void *arg, struct fetch **out);
void fake_fetch_cancel(struct fetch *fetch, struct fetch_result *result);

#define FAKE_FETCH_LINK                                                                            \
    enum weir_status fetch_start(struct weir_upstream *upstream, struct weir_ctx *ctx,             \
                                 const char *target, const struct weir_header *headers,            \
                                 fetch_done_fn *fn, void *arg, struct fetch **out)                 \
    {                                                                                              \
        (void)target;                                                                              \
        (void)headers;                                                                             \
        return fake_fetch_start(upstream, ctx, fn, arg, out);                                      \
    }                                                                                              \
    void fetch_cancel(struct fetch *fetch, struct fetch_result *result)                            \
    {                                                                                              \
        fake_fetch_cancel(fetch, result);                                                          \
    }

#endif
