/* Replies through evhttp: it frames head and body, listen_conn.c sends what it has framed. */
#include "reply.h"

#include "listen_conn.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_BLOCK ((size_t)64 * 1024)

struct phrase {
    int status;
    const char *reason;
};

static const struct phrase phrases[] = {
    {200, "OK"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {410, "Gone"},
    {414, "URI Too Long"},
    {417, "Expectation Failed"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

const char *reply_reason(int status)
{
    for (size_t i = 0; i < sizeof(phrases) / sizeof(*phrases); i++)
        if (phrases[i].status == status)
            return phrases[i].reason;
    return "Unknown";
}

static void free_owner(const void *data, size_t len, void *owner)
{
    (void)data;
    (void)len;
    free(owner);
}

/* Moves the pieces into evhttp's buffer; every owner is taken care of, whatever happens. */
static bool add_body(struct evbuffer *out, const struct reply *r)
{
    bool ok = true;

    for (size_t i = 0; i < r->n_pieces; i++) {
        const struct reply_piece *p = &r->pieces[i];

        if (ok && !r->head_only && p->len > 0) {
            if (p->owner == NULL)
                ok = evbuffer_add(out, p->data, p->len) == 0;
            else
                ok = evbuffer_add_reference(out, p->data, p->len, free_owner, p->owner) == 0;
            if (ok)
                continue;
        }
        free(p->owner);
    }
    return ok;
}

/* The date of this second, as a header says it. */
static const char *date_now(struct listen *l)
{
    time_t now = time(NULL);
    struct tm tm;

    if (now != l->date_at && gmtime_r(&now, &tm) != NULL) {
        evutil_date_rfc1123(l->date, sizeof(l->date), &tm);
        l->date_at = now;
    }
    return l->date;
}

/*
 * The reason phrase with the headers behind it. evhttp takes three allocations and a printf for each
 * header that it is given; the phrase it copies as it is, so what weir has to say goes with it. NULL
 * when memory is out.
 */
static const char *phrase_and_headers(struct listen *l, const struct reply *r)
{
    struct buf *b = &l->block;

    if (b->cap == 0)
        buf_init(b, MAX_BLOCK);
    b->len = 0;
    b->failed = false; /* memory that was out may be there again */
    buf_str(b, reply_reason(r->status));
    for (size_t i = 0; i < r->n_headers; i++) {
        if (strpbrk(r->headers[i].value, "\r\n") != NULL)
            continue;
        buf_str(b, "\r\n");
        buf_str(b, r->headers[i].name);
        buf_str(b, ": ");
        buf_str(b, r->headers[i].value);
    }
    buf_cstr(b);
    return buf_ok(b) ? b->data : NULL;
}

/* The headers that evhttp would make dearly (Date), wrongly (the length of a HEAD) or not at all (the
 * length in answer to HTTP/1.0). */
static bool add_headers(struct conn *c, const struct reply *r, size_t length)
{
    struct evkeyvalq *out = evhttp_request_get_output_headers(c->rq.evhttp);
    char digits[24];

    if (evhttp_add_header(out, "Date", date_now(c->listen)) != 0)
        return false;
    if (!r->head_only && !c->rq.close)
        return true;
    snprintf(digits, sizeof(digits), "%zu", length);
    return evhttp_add_header(out, "Content-Length", digits) == 0;
}

/* Makes this the connection's last reply, in whatever version the client speaks. */
static bool add_close(struct evhttp_request *req)
{
    evhttp_remove_header(evhttp_request_get_input_headers(req), "Connection");
    return evhttp_add_header(evhttp_request_get_output_headers(req), "Connection", "close") == 0;
}

/* Whether evhttp has written all of the reply: where memory is out it leaves lines away. */
static bool is_whole(struct conn *c, struct evhttp_request *req, size_t body)
{
    const struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
    const char *phrase = evhttp_request_get_response_code_line(req);
    size_t wanted = strlen("HTTP/1.1 200 \r\n\r\n") + body;
    const struct evkeyval *h;

    TAILQ_FOREACH (h, headers, next)
        wanted += strlen(h->key) + strlen(h->value) + strlen(": \r\n");
    return phrase != NULL && evhttp_find_header(headers, "Content-Length") != NULL &&
           evbuffer_get_length(bufferevent_get_output(c->bev)) == wanted + strlen(phrase);
}

size_t reply_send(struct listen_request *rq, const struct reply *r)
{
    struct conn *c = conn_of(rq);
    struct evhttp_request *req = rq->evhttp;
    const char *phrase;
    size_t length = 0;

    for (size_t i = 0; i < r->n_pieces; i++)
        length += r->pieces[i].len;
    if (c->state != CONN_BUSY || c->bev == NULL) {
        for (size_t i = 0; i < r->n_pieces; i++)
            free(r->pieces[i].owner);
        reply_drop(rq);
        return 0;
    }
    rq->close = rq->close || r->close || c->listen->close_after_reply;
    phrase = phrase_and_headers(c->listen, r);
    if (!add_body(evhttp_request_get_output_buffer(req), r) || phrase == NULL ||
        !add_headers(c, r, length) || (rq->close && !add_close(req))) {
        reply_drop(rq);
        return 0;
    }
    rq->held = false;
    evhttp_send_reply(req, r->status, phrase, NULL);
    if (!is_whole(c, req, r->head_only ? 0 : length)) {
        rq->evhttp = NULL; /* evhttp's to free since the reply */
        conn_close(c);
        return 0;
    }
    conn_flush(c);
    return length;
}

void reply_drop(struct listen_request *rq)
{
    struct conn *c = conn_of(rq);

    rq->held = false;
    if (c->state == CONN_DEAD)
        conn_released(c);
    else
        conn_close(c);
}
