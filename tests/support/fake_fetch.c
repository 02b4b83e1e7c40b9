/*
 * - fake_fetch_start arms a timer for the scripted moment.
 * - on_fake_timer: the fetch is over, its callback is called last.
 * - fake_fetch_cancel: the timer is stopped, nobody is called.
 */
#include "fake_fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fetch {
    struct weir_upstream *upstream;
    struct weir_timer timer;
    fetch_done_fn *fn;
    void *arg;
};

static unsigned live;

static void on_fake_timer(void *arg);

unsigned fake_fetch_live(void)
{
    return live;
}

enum weir_status fake_fetch_start(struct weir_upstream *upstream, struct weir_ctx *ctx,
                                  fetch_done_fn *fn, void *arg, struct fetch **out)
{
    struct weir_loop *loop = weir_ctx_loop(ctx);
    enum weir_status status = weir_ctx_err(ctx);
    struct fetch *fetch;

    upstream->asked++;
    if (status == WEIR_OK)
        status = upstream->refuse;
    if (status != WEIR_OK)
        return status;
    fetch = calloc(1, sizeof(*fetch));
    if (!fetch)
        return WEIR_NO_MEMORY;
    fetch->upstream = upstream;
    fetch->fn = fn;
    fetch->arg = arg;
    upstream->started++;
    live++;
    if (upstream->delay_ns != FAKE_FETCH_HANGS)
        weir_timer_arm(loop, &fetch->timer, weir_loop_now(loop) + (uint64_t)upstream->delay_ns,
                       on_fake_timer, fetch);
    *out = fetch;
    return WEIR_OK;
}

static void on_fake_timer(void *arg)
{
    struct fetch *fetch = arg;
    struct weir_upstream *upstream = fetch->upstream;
    struct fetch_result result = {.status = upstream->status};
    char type[] = "application/json"; /* gone after the callback, as a real one */
    fetch_done_fn *fn = fetch->fn;
    void *fn_arg = fetch->arg;

    result.answer.status = 200;
    result.answer.content_type = type;
    if (upstream->body && (result.answer.body = strdup(upstream->body)) != NULL)
        result.answer.body_len = result.bytes = strlen(upstream->body);
    result.connections_opened = 1;
    upstream->finished++;
    live--;
    free(fetch);
    fn(fn_arg, &result);
}

void fake_fetch_cancel(struct fetch *fetch, struct fetch_result *result)
{
    struct weir_upstream *upstream = fetch->upstream;

    memset(result, 0, sizeof(*result));
    result->status = upstream->cancel_status;
    if (result->status == WEIR_OK)
        result->status = WEIR_HTTP_RESPONSE_TIMEOUT;
    result->answer.content_type = "";
    upstream->canceled++;
    live--;
    weir_timer_stop(&fetch->timer);
    free(fetch);
}
