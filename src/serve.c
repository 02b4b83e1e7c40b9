/*
 * The way of a request, top to bottom as time passes:
 *
 *   serve_on_request   head judged → route → context → fan-out; what fails is answered at once
 *   on_settled         every upstream has ended, or was ended → assemble → reply → log, count, free
 *
 * The context decides everything in between. Its deadline and the client's leaving end the fan-out
 * at once, and both come back as on_settled.
 */
#include "serve.h"

#include "access.h"
#include "assemble.h"
#include "listen.h"
#include "reply.h"
#include "request.h"

#include <stdlib.h>
#include <string.h>

struct serve {
    struct serve_options options;
    struct site *site;
    struct metrics_route *unmatched;
    unsigned in_flight;
    struct route_match match; /* of the request being routed */
    struct assemble_scratch scratch;
    struct buf problem, line;
};

static void on_settled(void *arg, struct weir_settled *settled);

/* A request that ends without a fan-out. */
struct refused {
    int status;
    const char *why;
    const struct site_route *route; /* NULL: none fitted */
};

static void refuse(struct serve *s, struct listen_request *rq, const struct gate_head *head,
                   const struct request_ids *ids, const struct refused *refused);

/* Counts the request in; false when weir has as many as it may have. */
static bool admit(struct serve *s)
{
    uint64_t now = __atomic_add_fetch(&s->options.shared->in_flight, 1, __ATOMIC_RELAXED);

    s->in_flight++;
    return now <= s->site->config->max_in_flight;
}

static void leave(struct serve *s)
{
    __atomic_sub_fetch(&s->options.shared->in_flight, 1, __ATOMIC_RELAXED);
    s->in_flight--;
}

/* Empties a buffer for its next use, also after one for which memory was out. */
static void empty(struct buf *b)
{
    b->len = 0;
    b->failed = false;
}

static void set_state(struct request *q, enum request_state to)
{
    q->state = to;
}

static bool is_method(const struct gate_head *head, const char *name)
{
    return head->method.len == strlen(name) && memcmp(head->method.at, name, strlen(name)) == 0;
}

/* What the head and the path ask for, or why they are refused: head, 404, 405, 417, parameter. A
 * refusal knows its route too where the path could be read. */
static struct refused judge(struct serve *s, const struct gate_head *head,
                            const struct gate_refusal *refusal)
{
    struct route_match *m = &s->match;
    struct refused r = {0, NULL, NULL};

    r.status = route_match(s->site->table, head->method.at, head->method.len, head->path.at,
                           head->path.len, head->expects_unknown, m);
    r.why = m->why;
    if (m->route != NULL)
        r.route = &s->site->routes[m->index];
    if (refusal != NULL)
        return (struct refused){refusal->status, refusal->why, r.route};
    if (head->has_body && (is_method(head, "GET") || is_method(head, "HEAD")))
        return (struct refused){400, "a GET or HEAD request must not have a body", r.route};
    return r;
}

/* Derives the context and starts every upstream under it. */
static bool start(struct serve *s, struct request *q)
{
    if (weir_ctx_with_deadline(listen_request_ctx(q->rq), q->deadline_ns, &q->ctx) != WEIR_OK)
        return false;
    return weir_fanout_start(s->options.engine, q->ctx, q->calls, q->n_calls, on_settled, q,
                             &q->fanout) == WEIR_OK;
}

void serve_on_request(void *arg, struct listen_request *rq, const struct gate_head *head,
                      const struct gate_refusal *refusal)
{
    struct serve *s = arg;
    struct refused refused = judge(s, head, refusal);
    struct request_ids ids;
    struct request *q = NULL;

    request_ids_of(&ids, s->site->config, head, listen_request_client_ip(rq));
    if (refused.status != 0) {
        refuse(s, rq, head, &ids, &refused);
        return;
    }
    refused = (struct refused){503, "as many requests are being served as weir may serve at once",
                               refused.route};
    if (admit(s))
        q = request_new(s->site, &s->match, head, &ids, listen_request_arrival(rq));
    if (q != NULL) {
        q->serve = s;
        q->rq = rq;
        set_state(q, REQUEST_WAITING);
        if (start(s, q))
            return;
        request_free(q);
        refused.why = "weir is out of memory";
    }
    leave(s);
    refuse(s, rq, head, &ids, &refused);
}

static enum metrics_outcome outcome_of(const struct assembled *a)
{
    if (a->status != 200)
        return METRICS_FAILED;
    return a->complete ? METRICS_COMPLETE : METRICS_PARTIAL;
}

static void add_header(struct reply *r, const char *name, const char *value)
{
    if (value != NULL)
        r->headers[r->n_headers++] = (struct reply_header){name, value};
}

/* Answers a request whose upstreams have settled; returns the bytes of body. */
static size_t answer(struct request *q, const struct assembled *a)
{
    struct reply r = {.status = a->status,
                      .head_only = q->head_only,
                      .pieces = a->pieces,
                      .n_pieces = a->n_pieces};

    add_header(&r, "Content-Type", a->content_type);
    add_header(&r, "Cache-Control", "no-store");
    add_header(&r, "X-Request-Id", q->request_id);
    if (a->status == 200)
        add_header(&r, "Weir-Complete", a->complete ? "true" : "false");
    if (q->site->config->server_timing)
        add_header(&r, "Server-Timing", a->server_timing);
    return reply_send(q->rq, &r);
}

/* Counts a request that had a fan-out, and out of those in flight. Before the answer goes out: who
 * has read it finds it counted. */
static void count(struct serve *s, struct request *q, const struct weir_settled *settled,
                  struct access *a)
{
    unsigned worker = s->options.worker;

    a->duration_ns = (int64_t)(weir_loop_now(s->options.loop) - q->arrival_ns);
    metrics_request(q->route->metrics, worker, a->status, a->outcome, a->duration_ns);
    for (size_t i = 0; i < settled->n; i++) {
        const struct weir_outcome *o = &settled->outcomes[i];

        metrics_call(q->route->upstreams[i].metrics, worker, o->status, o->started, o->elapsed_ns,
                     o->connections_opened);
    }
    leave(s);
}

/* Logs it, whatever became of it, when the answer has been handed over. */
static void account(struct serve *s, struct request *q, const struct weir_settled *settled,
                    struct access *a)
{
    uint64_t now = weir_loop_now(s->options.loop);

    a->duration_ns = (int64_t)(now - q->arrival_ns);
    a->request_id = q->request_id;
    a->trace_id = q->trace.trace_id;
    a->client_ip = q->client_ip;
    a->route = q->route->config->path;
    a->method = q->method;
    a->path = q->path;
    a->site_route = q->route;
    a->settled = settled;
    if (settled->status == WEIR_DEADLINE_EXCEEDED)
        metrics_overrun(s->options.metrics, s->options.worker, (int64_t)(now - q->deadline_ns));
    empty(&s->line);
    access_log(&s->line, s->options.worker, a);
}

static void on_settled(void *arg, struct weir_settled *settled)
{
    struct request *q = arg;
    struct serve *s = q->serve;
    struct access access = {.status = 499, .outcome = METRICS_CANCELED};
    struct assembled a = {.status = 0};

    set_state(q, REQUEST_SETTLED);
    if (settled->status != WEIR_CANCELED) {
        int64_t elapsed_ns = (int64_t)(weir_loop_now(s->options.loop) - q->arrival_ns);
        struct assemble_input in = {q->route->config, settled, q->request_id, elapsed_ns,
                                    q->budget_ns};
        bool ok = assemble(&in, &s->scratch, &a);

        access.status = ok ? a.status : 503;
        access.outcome = ok ? outcome_of(&a) : METRICS_REJECTED;
        a.status = ok ? a.status : 0;
    }
    count(s, q, settled, &access);
    if (a.status != 0)
        access.bytes = answer(q, &a);
    else
        reply_drop(q->rq); /* the client has gone, or memory is out */
    account(s, q, settled, &access);
    request_free(q);
}

/* Answers at once with a problem, counts and logs it. */
static void refuse(struct serve *s, struct listen_request *rq, const struct gate_head *head,
                   const struct request_ids *ids, const struct refused *refused)
{
    struct metrics_route *series = refused->route ? refused->route->metrics : s->unmatched;
    uint64_t arrival = listen_request_arrival(rq);
    struct access a = {.request_id = ids->request_id,
                       .trace_id = ids->trace.trace_id,
                       .client_ip = ids->client_ip,
                       .route = refused->route ? refused->route->config->path : "unmatched",
                       .method = head->method,
                       .path = head->path,
                       .status = refused->status,
                       .outcome = METRICS_REJECTED};
    struct reply_piece body;
    struct reply r = {.status = refused->status, .pieces = &body, .n_pieces = 1};
    struct buf *b = &s->problem;

    empty(b);
    assemble_problem(b, &(struct assemble_problem){.status = refused->status,
                                                   .detail = refused->why,
                                                   .request_id = ids->request_id});
    body = (struct reply_piece){b->data, b->len, NULL};
    r.head_only = is_method(head, "HEAD");
    r.close = head->has_body;
    add_header(&r, "Content-Type", "application/problem+json");
    add_header(&r, "Cache-Control", "no-store");
    add_header(&r, "X-Request-Id", ids->request_id);
    add_header(&r, "Allow", refused->status == 405 ? "GET, HEAD" : NULL);
    add_header(&r, "Retry-After", refused->status == 503 ? "1" : NULL);
    a.duration_ns = (int64_t)(weir_loop_now(s->options.loop) - arrival);
    metrics_request(series, s->options.worker, a.status, a.outcome, a.duration_ns);
    if (buf_ok(b))
        a.bytes = reply_send(rq, &r);
    else
        reply_drop(rq);
    empty(&s->line);
    access_log(&s->line, s->options.worker, &a);
}

struct serve *serve_new(const struct serve_options *options, struct site *site)
{
    struct serve *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        site_unref(site);
        return NULL;
    }
    s->options = *options;
    s->site = site;
    s->unmatched = metrics_route(options->metrics, "unmatched");
    buf_init(&s->problem, 4096);
    buf_init(&s->line, 64 * 1024);
    return s;
}

void serve_swap(struct serve *s, struct site *site)
{
    site_unref(s->site);
    s->site = site;
}

unsigned serve_in_flight(const struct serve *s)
{
    return s->in_flight;
}

void serve_free(struct serve *s)
{
    if (s == NULL)
        return;
    site_unref(s->site);
    assemble_scratch_done(&s->scratch);
    buf_done(&s->problem);
    buf_done(&s->line);
    free(s);
}
