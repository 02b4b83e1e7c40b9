/* See admin.h. */
#include "admin.h"

#include "assemble.h"
#include "reply.h"

#include <string.h>

#define MAX_PAGE ((size_t)64 * 1024 * 1024)

/* A page writes its body and returns its status. */
struct page {
    const char *path;
    const char *content_type;
    int (*write)(const struct admin *admin, struct buf *out);
};

static int livez(const struct admin *a, struct buf *out)
{
    bool live = a->is_live(a->arg);

    buf_str(out, live ? "ok\n" : "a worker's loop does not turn\n");
    return live ? 200 : 503;
}

static int readyz(const struct admin *a, struct buf *out)
{
    bool ready = a->is_ready(a->arg);

    buf_str(out, ready ? "ok\n" : "draining\n");
    return ready ? 200 : 503;
}

static int metrics(const struct admin *a, struct buf *out)
{
    a->print_metrics(a->arg, out);
    return 200;
}

static int config(const struct admin *a, struct buf *out)
{
    a->print_config(a->arg, out);
    return 200;
}

static const struct page pages[] = {
    {"/livez", "text/plain; charset=utf-8", livez},
    {"/readyz", "text/plain; charset=utf-8", readyz},
    {"/healthz", "text/plain; charset=utf-8", readyz},
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", metrics},
    {"/config", "application/json", config},
};

static bool span_is(const struct gate_span *span, const char *text)
{
    return span->len == strlen(text) && memcmp(span->at, text, span->len) == 0;
}

static const struct page *page_of(const struct gate_span *path)
{
    for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++)
        if (span_is(path, pages[i].path))
            return &pages[i];
    return NULL;
}

/* Writes the body for what was asked; returns the status. */
static int respond(const struct admin *a, const struct gate_head *head,
                   const struct gate_refusal *refusal, const struct page **page, struct buf *out)
{
    struct assemble_problem p = {.status = 404, .detail = "no such page"};

    *page = refusal == NULL ? page_of(&head->path) : NULL;
    if (refusal != NULL)
        p = (struct assemble_problem){.status = refusal->status, .detail = refusal->why};
    else if (*page != NULL && !span_is(&head->method, "GET") && !span_is(&head->method, "HEAD"))
        p = (struct assemble_problem){.status = 405, .detail = "only GET and HEAD are served"};
    else if (*page != NULL && head->has_body)
        p = (struct assemble_problem){.status = 400, .detail = "no body is wanted here"};
    else if (*page != NULL)
        return (*page)->write(a, out);
    *page = NULL;
    assemble_problem(out, &p);
    return p.status;
}

void admin_on_request(void *arg, struct listen_request *rq, const struct gate_head *head,
                      const struct gate_refusal *refusal)
{
    const struct page *page;
    struct reply_piece body;
    struct reply r = {.pieces = &body, .n_pieces = 1};
    struct buf out;

    buf_init(&out, MAX_PAGE);
    r.status = respond(arg, head, refusal, &page, &out);
    r.head_only = span_is(&head->method, "HEAD");
    r.close = head->has_body;
    r.headers[r.n_headers++] = (struct reply_header){
        "Content-Type", page ? page->content_type : "application/problem+json"};
    r.headers[r.n_headers++] = (struct reply_header){"Cache-Control", "no-store"};
    if (r.status == 405)
        r.headers[r.n_headers++] = (struct reply_header){"Allow", "GET, HEAD"};
    if (!buf_ok(&out)) { /* half a page would be taken for the whole */
        r.status = 503;
        out.len = 0;
    }
    body = (struct reply_piece){out.data, out.len, NULL};
    reply_send(rq, &r);
    buf_done(&out);
}
