/* A request's calls, laid out in one block of memory: struct, calls, headers, text. */
#include "request.h"

#include <stdlib.h>
#include <string.h>

#define MAX_LOGGED 1024      /* bytes of method and path that are kept for the log */
#define OWN_HEADERS 6        /* request id, traceparent, tracestate, deadline, forwarded, end */
#define DEADLINE_DIGITS 21
#define SHORTENS_MS (INT64_MAX / WEIR_MS / 10) /* whatever is longer shortens no budget */

/* A place in the block's text, moving forward as text is added. */
struct text {
    char *at, *end;
};

static char *text_add(struct text *t, const char *bytes, size_t len)
{
    char *start = t->at;

    if ((size_t)(t->end - t->at) <= len)
        len = t->end > t->at ? (size_t)(t->end - t->at) - 1 : 0;
    memcpy(start, bytes, len);
    start[len] = '\0';
    t->at += len + 1;
    return start;
}

/* Who has asked: the peer, or whom a trusted peer names. */
static void find_client(struct request_ids *ids, const struct config *config,
                        const struct gate_head *head, const char *peer)
{
    const struct proxies *proxies = &config->trusted_proxies;

    ids->peer = peer;
    ids->forwarded_len = 0;
    memcpy(ids->client_ip, peer, sizeof(ids->client_ip));
    if (proxies->n == 0 || peer[0] == '\0')
        return;
    ids->peer_trusted = proxies_trust(proxies, peer);
    if (ids->peer_trusted)
        proxies_client(proxies, head, peer, ids->client_ip);
    ids->forwarded_len = proxies_forwarded(head, ids->peer_trusted, peer, NULL, 0);
}

void request_ids_of(struct request_ids *ids, const struct config *config,
                    const struct gate_head *head, const char *peer)
{
    const struct gate_header *id = gate_find(head, "x-request-id");
    const struct gate_header *parent = gate_find(head, "traceparent");

    find_client(ids, config, head, peer);
    trace_request_id(ids->request_id, id ? id->value.at : NULL, id ? id->value.len : 0);
    ids->tracestate = NULL;
    if (!trace_from(&ids->trace, parent ? parent->value.at : NULL, parent ? parent->value.len : 0))
        return;
    ids->tracestate = gate_find(head, "tracestate");
    if (ids->tracestate != NULL &&
        !trace_state_ok(ids->tracestate->value.at, ids->tracestate->value.len))
        ids->tracestate = NULL;
}

/* The list of addresses for the upstreams, in the block's text; NULL when none is to be sent. */
static const char *forwarded_for(struct text *t, const struct gate_head *head,
                                 const struct request_ids *ids)
{
    size_t room = (size_t)(t->end - t->at);
    char *start = t->at;

    if (ids->forwarded_len == 0 || ids->forwarded_len >= room)
        return NULL;
    proxies_forwarded(head, ids->peer_trusted, ids->peer, start, room);
    t->at += ids->forwarded_len + 1;
    return start;
}

/* The caller's remaining milliseconds when it says so properly, else 0. */
static int64_t callers_budget_ns(const struct config *config, const struct gate_head *head)
{
    const struct gate_header *h;
    int64_t ms = 0;

    if (config->deadline_header == NULL)
        return 0;
    h = gate_find(head, config->deadline_header);
    for (size_t i = 0; h != NULL && i < h->value.len; i++) {
        char c = h->value.at[i];

        if (c < '0' || c > '9')
            return 0;
        if (ms < SHORTENS_MS)
            ms = ms * 10 + (c - '0');
    }
    return ms * WEIR_MS;
}

static size_t block_size(const struct site_route *r, const struct route_match *match,
                         const struct gate_head *head, const struct request_ids *ids)
{
    size_t text = 2 * (MAX_LOGGED + 1) < head->method.len + head->path.len + 2
                      ? 2 * (MAX_LOGGED + 1)
                      : head->method.len + head->path.len + 2;
    size_t longest = 0;

    for (size_t i = 0; i < match->n_params; i++) {
        size_t len = strlen(match->params[i].encoded);

        longest = len > longest ? len : longest;
    }
    text += r->literal_bytes + r->n_params * longest + r->n_upstreams * (DEADLINE_DIGITS + 1);
    for (size_t i = 0; i < r->n_forward; i++)
        text += r->forward[i].found ? r->forward[i].found->value.len + 1 : 0;
    text += ids->tracestate ? ids->tracestate->value.len + 1 : 0;
    text += ids->forwarded_len ? ids->forwarded_len + 1 : 0;
    return sizeof(struct request) + r->n_upstreams * sizeof(struct weir_call) +
           r->n_upstreams * (r->n_forward + OWN_HEADERS) * sizeof(struct weir_header) + text + 8;
}

static char *deadline_ms(struct text *t, const struct site_upstream *su, int64_t budget_ns)
{
    char digits[DEADLINE_DIGITS];
    char *p = digits + sizeof(digits);
    int64_t own = su->config->timeout_ns;
    uint64_t ms = (uint64_t)((own > 0 && own < budget_ns ? own : budget_ns) / WEIR_MS);

    if (ms == 0)
        ms = 1; /* 0 would mean no deadline at all to some */
    do
        *--p = (char)('0' + ms % 10);
    while ((ms /= 10) > 0);
    return text_add(t, p, (size_t)(digits + sizeof(digits) - p));
}

static size_t call_headers(struct weir_header *h, const struct request *q,
                           const struct site_upstream *su, const char *tracestate, struct text *t)
{
    const struct config *config = q->site->config;
    size_t n = 0;

    h[n++] = (struct weir_header){"X-Request-Id", q->request_id};
    h[n++] = (struct weir_header){"traceparent", q->trace.parent};
    if (tracestate != NULL)
        h[n++] = (struct weir_header){"tracestate", tracestate};
    if (config->deadline_header != NULL)
        h[n++] = (struct weir_header){config->deadline_header, deadline_ms(t, su, q->budget_ns)};
    if (q->forwarded_for != NULL)
        h[n++] = (struct weir_header){"X-Forwarded-For", q->forwarded_for};
    for (size_t i = 0; i < su->n_forward; i++) {
        const struct site_forward *f = &q->route->forward[su->forward[i]];

        if (f->value != NULL)
            h[n++] = (struct weir_header){f->name, f->value};
    }
    h[n++] = (struct weir_header){NULL, NULL};
    return n;
}

static bool lay_out_calls(struct request *q, const struct route_match *match,
                          const char *tracestate, struct weir_header *headers, struct text *t)
{
    for (size_t i = 0; i < q->route->n_upstreams; i++) {
        const struct site_upstream *su = &q->route->upstreams[i];

        if (!route_target(su->config, match, t->at, (size_t)(t->end - t->at)))
            return false;
        q->calls[i] = (struct weir_call){.upstream = su->upstream,
                                         .target = t->at,
                                         .headers = headers,
                                         .required = su->config->required,
                                         .timeout_ns = su->config->timeout_ns};
        t->at += strlen(t->at) + 1;
        headers += call_headers(headers, q, su, tracestate, t);
    }
    return true;
}

static void set_budget(struct request *q, const struct gate_head *head)
{
    int64_t callers = callers_budget_ns(q->site->config, head);

    q->budget_ns = q->route->config->budget_ns;
    if (callers > 0 && callers < q->budget_ns)
        q->budget_ns = callers;
    q->deadline_ns = q->arrival_ns + (uint64_t)q->budget_ns;
}

struct request *request_new(struct site *site, const struct route_match *match,
                            const struct gate_head *head, const struct request_ids *ids,
                            uint64_t arrival_ns)
{
    const struct site_route *r = &site->routes[match->index];
    const char *tracestate = NULL;
    struct weir_header *headers;
    struct request *q;
    struct text t;
    size_t size;

    for (size_t i = 0; i < r->n_forward; i++)
        r->forward[i].found = gate_find(head, r->forward[i].name);
    size = block_size(r, match, head, ids);
    q = malloc(size);
    if (q == NULL)
        return NULL;
    memset(q, 0, sizeof(*q));
    q->site = site_ref(site);
    q->route = r;
    q->arrival_ns = arrival_ns;
    q->head_only = head->method.len == 4;
    q->trace = ids->trace;
    memcpy(q->request_id, ids->request_id, sizeof(q->request_id));
    memcpy(q->client_ip, ids->client_ip, sizeof(q->client_ip));
    set_budget(q, head);
    q->calls = (struct weir_call *)(q + 1);
    q->n_calls = r->n_upstreams;
    headers = (struct weir_header *)(q->calls + q->n_calls);
    t.at = (char *)(headers + q->n_calls * (r->n_forward + OWN_HEADERS));
    t.end = (char *)q + size;
    q->method.len = head->method.len < MAX_LOGGED ? head->method.len : MAX_LOGGED;
    q->method.at = text_add(&t, head->method.at, q->method.len);
    q->path.len = head->path.len < MAX_LOGGED ? head->path.len : MAX_LOGGED;
    q->path.at = text_add(&t, head->path.at, q->path.len);
    for (size_t i = 0; i < r->n_forward; i++) {
        struct site_forward *f = &r->forward[i];

        f->value = f->found ? text_add(&t, f->found->value.at, f->found->value.len) : f->own;
    }
    if (ids->tracestate != NULL)
        tracestate = text_add(&t, ids->tracestate->value.at, ids->tracestate->value.len);
    q->forwarded_for = forwarded_for(&t, head, ids);
    if (!lay_out_calls(q, match, tracestate, headers, &t)) {
        request_free(q);
        return NULL;
    }
    return q;
}

void request_free(struct request *q)
{
    weir_fanout_free(q->fanout);
    weir_ctx_release(q->ctx);
    site_unref(q->site);
    free(q);
}
