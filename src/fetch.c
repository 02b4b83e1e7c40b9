/*
 * The life of a fetch:
 * - fetch_start: a handle from the upstream's pool gets target and headers.
 * - The name, unless the host is an address, is asked of resolve: known already, or the fetch waits
 *   and on_name puts it on its way. libcurl itself never looks a name up: each lane is given the
 *   addresses with the first transfer that goes there, and again when they have changed.
 * - The transfer joins a lane of its origin and begins on the loop's next turn.
 * - fetch_ended: curl has returned and the transfer is over. Its answer is judged, its handle goes
 *   back to the pool, and the callback is called last.
 *
 * The other ends:
 * - fetch_start refuses: context over, bad target, no connection to be had, a name that failed a
 *   moment ago. Nothing was begun and nobody is called.
 * - on_name: the name has failed, or nothing is to be had once it is known; delivered as the
 *   outcome.
 * - fetch_cancel: off the lane at once, which closes the connection unless it had ended.
 */
#include "fetch.h"

#include "fetch_error.h"
#include "fetch_slot.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void on_name(void *arg, enum resolve_state state);

static void set_state(struct fetch *fetch, enum fetch_state to)
{
    static const bool permitted[FETCH_STATES][FETCH_STATES] = {
        [FETCH_FREE] = {[FETCH_RESOLVING] = true, [FETCH_RUNNING] = true},
        [FETCH_RESOLVING] = {[FETCH_FREE] = true, [FETCH_RUNNING] = true},
        [FETCH_RUNNING] = {[FETCH_FREE] = true},
    };

    assert(permitted[fetch->state][to]);
    fetch->state = to;
}

/* Lets the transfer carry the name's addresses to a lane that does not have them yet; those it
 * was given count from the moment curl has run. */
static bool carry_addresses(struct fetch *fetch, struct engine_lane *lane)
{
    struct engine_origin *origin = fetch->upstream->origin;
    unsigned generation;

    if (!origin->name)
        return true;
    generation = resolve_generation(origin->name);
    if (lane->generation == generation && lane->given_turn != lane->curl.turns)
        return true;
    fetch->addresses = engine_origin_addresses(origin);
    if (!fetch->addresses)
        return false;
    curl_easy_setopt(fetch->easy, CURLOPT_RESOLVE, &fetch->addresses->entry);
    lane->generation = generation;
    lane->given_turn = lane->curl.turns;
    return true;
}

/* Puts the transfer on a lane. */
static enum weir_status begin(struct fetch *fetch)
{
    struct engine_lane *lane;
    enum weir_status status = engine_lane_for(fetch->upstream->origin, &lane);

    if (status != WEIR_OK)
        return status;
    if (!carry_addresses(fetch, lane))
        return WEIR_NO_MEMORY;
    if (!curl_lane_add(&lane->curl, fetch->easy)) {
        lane->generation = 0;
        return WEIR_INTERNAL_ERROR;
    }
    fetch->lane = lane;
    fetch->turn = lane->curl.turns;
    engine_lane_changed(lane);
    set_state(fetch, FETCH_RUNNING);
    return WEIR_OK;
}

/* Begins at once, or when the name is known. */
static enum weir_status launch(struct fetch *fetch)
{
    struct resolve_name *name = fetch->upstream->origin->name;
    enum resolve_state state = name ? resolve_ask(name) : RESOLVE_READY;

    if (state == RESOLVE_FAILED)
        return WEIR_DNS_ERROR;
    if (state == RESOLVE_READY)
        return begin(fetch);
    resolve_wait(name, &fetch->wait, on_name, fetch);
    set_state(fetch, FETCH_RESOLVING);
    return WEIR_OK;
}

enum weir_status fetch_start(struct weir_upstream *upstream, struct weir_ctx *ctx,
                             const char *target, const struct weir_header *headers,
                             fetch_done_fn *fn, void *arg, struct fetch **out)
{
    enum weir_status status = weir_ctx_err(ctx);
    struct fetch *fetch;

    if (status != WEIR_OK)
        return status;
    fetch = fetch_slot_take(upstream);
    if (!fetch)
        return WEIR_NO_MEMORY;
    fetch->fn = fn;
    fetch->arg = arg;
    status = fetch_slot_dress(fetch, target, headers);
    if (status == WEIR_OK)
        status = launch(fetch);
    if (status != WEIR_OK) {
        fetch_slot_give(fetch, false);
        return status;
    }
    *out = fetch;
    return WEIR_OK;
}

/* Whether curl has seen the transfer; before that its handle tells of the one before. */
static bool has_run(const struct fetch *fetch)
{
    return fetch->state == FETCH_RUNNING && fetch->turn != fetch->lane->curl.turns;
}

/* What is known of the transfer, the body aside. */
static void fill(const struct fetch *fetch, struct fetch_result *result)
{
    long connections = 0;

    memset(result, 0, sizeof(*result));
    result->answer.content_type = "";
    if (!has_run(fetch))
        return;
    curl_easy_getinfo(fetch->easy, CURLINFO_NUM_CONNECTS, &connections);
    result->answer.status = fetch_answer_status(&fetch->answer);
    result->bytes = fetch->answer.bytes;
    result->connections_opened = (unsigned)connections;
    result->reused = connections == 0 && result->answer.status != 0;
}

/* The one way back to rest, for a fetch that waits or runs. */
static void put_to_rest(struct fetch *fetch, bool renew)
{
    struct engine_lane *lane = fetch->lane;

    if (fetch->state == FETCH_RESOLVING) {
        resolve_unwait(&fetch->wait);
    } else {
        if (fetch->addresses && !has_run(fetch))
            lane->generation = 0; /* it did not get there */
        curl_lane_remove(&lane->curl, fetch->easy);
        engine_lane_changed(lane);
        fetch->lane = NULL;
    }
    free(fetch->answer.body);
    fetch->answer.body = NULL;
    set_state(fetch, FETCH_FREE);
    fetch_slot_give(fetch, renew);
}

static void on_name(void *arg, enum resolve_state state)
{
    struct fetch *fetch = arg;
    enum weir_status status = state == RESOLVE_READY ? begin(fetch) : WEIR_DNS_ERROR;
    fetch_done_fn *fn = fetch->fn;
    void *fn_arg = fetch->arg;
    struct fetch_result result;

    if (status == WEIR_OK)
        return;
    fill(fetch, &result);
    result.status = status == WEIR_NO_MEMORY ? WEIR_INTERNAL_ERROR : status;
    put_to_rest(fetch, false);
    fn(fn_arg, &result);
}

/* How the transfer ended, before anybody has judged the answer. *renew: the handle is spent. */
static enum weir_status status_of(const struct fetch *fetch, CURLcode code, bool *renew)
{
    struct fetch_error_facts facts = {
        .code = (int)code,
        .tls = fetch->upstream->origin->tls,
        .state = fetch->answer.state,
        .head_began = fetch_answer_status(&fetch->answer) != 0,
    };
    curl_off_t first_byte_us = 0;

    *renew = fetch_slot_retried(fetch);
    if (code == CURLE_OK)
        return fetch_error_status(&facts);
    if (fetch->answer.verdict != WEIR_OK)
        return fetch->answer.verdict;
    curl_easy_getinfo(fetch->easy, CURLINFO_OS_ERRNO, &facts.os_errno);
    curl_easy_getinfo(fetch->easy, CURLINFO_STARTTRANSFER_TIME_T, &first_byte_us);
    if (facts.os_errno != 0 && (code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR))
        *renew = true;
    if (fetch->socket_errno)
        facts.os_errno = fetch->socket_errno;
    facts.received = first_byte_us > 0;
    return fetch_error_status(&facts);
}

/* A whole answer counts if the judge says so; without one, when it is a success. */
static enum weir_status judge(const struct weir_upstream *upstream, struct weir_answer *answer)
{
    if (upstream->judge)
        return upstream->judge(upstream->judge_arg, answer);
    return answer->status >= 200 && answer->status <= 299 ? WEIR_OK : WEIR_BAD_STATUS;
}

void fetch_ended(void *arg, CURLcode code)
{
    struct fetch *fetch = arg;
    fetch_done_fn *fn = fetch->fn;
    void *fn_arg = fetch->arg;
    struct fetch_result result;
    bool renew;

    fill(fetch, &result);
    result.status = status_of(fetch, code, &renew);
    if (result.status == WEIR_OK) {
        result.answer.content_type = fetch->answer.content_type;
        result.answer.body = fetch->answer.body;
        result.answer.body_len = fetch->answer.body_len;
        fetch->answer.body = NULL;
        result.status = judge(fetch->upstream, &result.answer);
        result.answer.content_type = "";
    }
    put_to_rest(fetch, renew);
    fn(fn_arg, &result);
}

/* The timeout that fits how far the transfer has come. */
static enum weir_status timeout_of(const struct fetch *fetch)
{
    curl_off_t sent_us = 0;

    if (fetch->state == FETCH_RESOLVING)
        return WEIR_DNS_TIMEOUT;
    if (has_run(fetch))
        curl_easy_getinfo(fetch->easy, CURLINFO_PRETRANSFER_TIME_T, &sent_us);
    return sent_us > 0 ? WEIR_HTTP_RESPONSE_TIMEOUT : WEIR_CONNECTION_TIMEOUT;
}

void fetch_cancel(struct fetch *fetch, struct fetch_result *result)
{
    bool renew = has_run(fetch) && fetch_slot_retried(fetch);

    fill(fetch, result);
    result->status = timeout_of(fetch);
    put_to_rest(fetch, renew);
}
