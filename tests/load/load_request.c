/*
 * A request, from when it is due to its end:
 *   - it takes an idle connection, or opens one (load_request_ask, start)
 *   - its answer comes, and the connection becomes idle again (finish)
 * or else
 *   - its client leaves, or its answer is too late and given up (load_request_expire)
 *   - the connection breaks, or what comes is no answer (on_broken, drop). When the server closed
 * an idle connection just before we used it, the request is sent again, once, on a new one.
 * Connections that died are freed at the end of the loop's turn: an event later in it may name
 * them.
 */
#include "load_request.h"
#include "clock.h"
#include "json.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#define JSON_DEPTH   1024
#define REQUEST_ROOM 1024

static void start(struct load_crowd *crowd, struct load_conn *c);

/* Takes the request off its connection. */
static void detach(struct load_crowd *crowd, struct load_conn *c)
{
    TAILQ_REMOVE(&crowd->pending, c, pending);
    if (c->request.leaves)
        TAILQ_REMOVE(&crowd->departing, c, departing);
    crowd->counts->in_flight--;
}

/* Closes a connection that carries no request. */
static void bury(struct load_crowd *crowd, struct load_conn *c)
{
    load_conn_close(c);
    crowd->counts->open--;
    TAILQ_INSERT_TAIL(&crowd->dead, c, link);
}

/* Ends a request without an answer, and its connection; adds it to one of the counts. */
static void drop(struct load_crowd *crowd, struct load_conn *c, uint64_t *count)
{
    if (c->request.measured)
        (*count)++;
    else
        crowd->counts->failed_early += count != &crowd->counts->left;
    detach(crowd, c);
    bury(crowd, c);
}

/* Counts the answer to a request, and keeps its connection for the next one. */
static void finish(struct load_crowd *crowd, struct load_conn *c, uint64_t now)
{
    struct load_counts *n = crowd->counts;
    const struct load_answer *a = &c->answer;

    if (now >= crowd->measure_from && now < crowd->measure_until)
        n->in_window++;
    if (c->request.measured) {
        n->answered++;
        n->statuses[a->status]++;
        n->complete += a->status == 200 && !a->partial;
        n->partial += a->status == 200 && a->partial;
        load_histogram_add(&n->latency, now - c->request.due_ns);
        if (crowd->options->json &&
            json_check(load_conn_body(c), a->body_len, JSON_DEPTH, NULL, NULL) != JSON_OBJECT)
            n->not_json++;
    }
    detach(crowd, c);
    c->used = true;
    if (a->closes) {
        bury(crowd, c);
        return;
    }
    c->state = LOAD_CONN_IDLE;
    TAILQ_INSERT_HEAD(&crowd->idle, c, link);
}

/* A new connection for a request; NULL when there can be none. */
static struct load_conn *open_one(struct load_crowd *crowd)
{
    struct load_conn *c = NULL;

    if (crowd->counts->open < crowd->max_open)
        c = load_conn_open(crowd->address->ai_addr, crowd->address->ai_addrlen, crowd->epoll);
    if (c == NULL)
        return NULL;
    crowd->counts->opened++;
    if (++crowd->counts->open > crowd->counts->open_peak)
        crowd->counts->open_peak = crowd->counts->open;
    return c;
}

/* Puts a request on a connection: an idle one if there is one and it may be, else a new one. */
static void ask(struct load_crowd *crowd, const struct load_request *request, bool fresh)
{
    struct load_conn *c = fresh ? NULL : TAILQ_FIRST(&crowd->idle);

    if (c != NULL)
        TAILQ_REMOVE(&crowd->idle, c, link);
    else
        c = open_one(crowd);
    if (c == NULL) {
        crowd->counts->unsent += request->measured;
        return;
    }
    c->request = *request;
    c->sent_ns = clock_now_ns();
    TAILQ_INSERT_TAIL(&crowd->pending, c, pending);
    if (c->request.leaves)
        TAILQ_INSERT_TAIL(&crowd->departing, c, departing);
    crowd->counts->in_flight++;
    if (c->state == LOAD_CONN_IDLE)
        start(crowd, c);
}

/* The connection broke under its request: tried again when it was an idle one that had died. */
static void on_broken(struct load_crowd *crowd, struct load_conn *c)
{
    struct load_request request = c->request;

    if (!c->used || c->len > 0) {
        drop(crowd, c, &crowd->counts->broken);
        return;
    }
    detach(crowd, c);
    bury(crowd, c);
    crowd->counts->retried++;
    ask(crowd, &request, true);
}

/* Sends the request that waits on a connection. */
static void start(struct load_crowd *crowd, struct load_conn *c)
{
    const char *path = crowd->options->path, *mark = strstr(path, "{id}");
    char text[REQUEST_ROOM];
    int len;

    if (mark != NULL)
        len = snprintf(text, sizeof(text), "GET %.*s%lu%s HTTP/1.1\r\nHost: %s:%s\r\n\r\n",
                       (int)(mark - path), path, c->request.id, mark + 4, crowd->options->host,
                       crowd->options->port);
    else
        len = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: %s:%s\r\n\r\n", path,
                       crowd->options->host, crowd->options->port);
    if (load_conn_send(c, text, (size_t)len) == LOAD_CONN_BROKEN)
        on_broken(crowd, c);
}

void load_request_ask(struct load_crowd *crowd, const struct load_request *request)
{
    ask(crowd, request, false);
}

void load_request_expire(struct load_crowd *crowd, uint64_t now)
{
    struct load_conn *c;

    while ((c = TAILQ_FIRST(&crowd->departing)) != NULL &&
           c->sent_ns + crowd->options->leave_ns <= now)
        drop(crowd, c, &crowd->counts->left);
    while ((c = TAILQ_FIRST(&crowd->pending)) != NULL &&
           c->request.due_ns + crowd->options->timeout_ns <= now) {
        if (c->request.measured)
            load_histogram_add(&crowd->counts->latency, now - c->request.due_ns);
        drop(crowd, c, &crowd->counts->lost);
    }
}

uint64_t load_request_next(const struct load_crowd *crowd)
{
    const struct load_conn *late = TAILQ_FIRST(&crowd->pending);
    const struct load_conn *leaver = TAILQ_FIRST(&crowd->departing);
    uint64_t next = UINT64_MAX;

    if (late != NULL)
        next = late->request.due_ns + crowd->options->timeout_ns;
    if (leaver != NULL && leaver->sent_ns + crowd->options->leave_ns < next)
        next = leaver->sent_ns + crowd->options->leave_ns;
    return next;
}

/* An idle connection was closed by the server, or it sends what nobody asked for. */
static void on_idle_event(struct load_crowd *crowd, struct load_conn *c)
{
    c->len = 0;
    load_conn_receive(c);
    crowd->counts->stray += c->len > 0;
    TAILQ_REMOVE(&crowd->idle, c, link);
    bury(crowd, c);
}

void load_request_event(struct load_crowd *crowd, struct load_conn *c, uint32_t events)
{
    enum load_conn_news news = LOAD_CONN_NOTHING;

    switch (c->state) {
    case LOAD_CONN_DEAD:
        return;
    case LOAD_CONN_CONNECTING:
        if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0)
            return;
        news = load_conn_connected(c);
        if (news == LOAD_CONN_NOTHING) {
            start(crowd, c);
            return;
        }
        break;
    case LOAD_CONN_WAITING:
        news = load_conn_receive(c);
        break;
    case LOAD_CONN_IDLE:
        if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0)
            on_idle_event(crowd, c);
        return;
    }
    if (news == LOAD_CONN_ANSWER)
        finish(crowd, c, clock_now_ns());
    else if (news == LOAD_CONN_GARBLED)
        drop(crowd, c, &crowd->counts->garbled);
    else if (news == LOAD_CONN_BROKEN)
        on_broken(crowd, c);
}

void load_request_free(struct load_conns *list)
{
    struct load_conn *c;

    while ((c = TAILQ_FIRST(list)) != NULL) {
        TAILQ_REMOVE(list, c, link);
        load_conn_close(c);
        load_conn_free(c);
    }
}
