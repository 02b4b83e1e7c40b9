/*
 * The life of a client connection.
 *
 * evhttp accepts and frames replies, but never touches the socket: right after the accept its
 * bufferevent is detached from the descriptor, and this file reads and writes instead. So the gate
 * judges the raw bytes first, the client's leaving is seen at any moment without a system call per
 * request, and every timeout is absolute.
 *
 * Happy path:
 * - conn_adopt: the socket's read event is ours; idle timeout runs
 * - on_readable: bytes come; a whole head that passes the gate is handed to evhttp in canonical
 *   form ("GET / HTTP/1.1"), which makes its request object, and then to the handler
 * - reply.c has evhttp write the reply into its buffer; conn_flush sends it
 * - all sent: evhttp is told so, frees its request and waits for the next; so do we
 * Failures:
 * - a refused head, or one too slow: handed to the handler with the refusal, then closed
 * - the client leaves while the handler works: the connection's context is canceled, the handler
 *   drops the request from there, evhttp lets go, the descriptor is closed
 * - timeouts, write errors: closed
 */
#include "listen_conn.h"

#include "reply.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINGER_NS (2000 * WEIR_MS)
#define NEWCOMER_NS (1000 * WEIR_MS) /* for a client that has connected but not yet asked */
#define LINGER_MAX_BYTES ((size_t)256 * 1024)

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);
static void on_timeout(void *arg);
static void on_advance(void *arg);

static const bool allowed[CONN_DEAD + 1][CONN_DEAD + 1] = {
    [CONN_FRESH] = {[CONN_IDLE] = true, [CONN_DEAD] = true},
    [CONN_IDLE] = {[CONN_HEAD] = true, [CONN_BUSY] = true, [CONN_DEAD] = true},
    [CONN_HEAD] = {[CONN_BUSY] = true, [CONN_DEAD] = true},
    [CONN_BUSY] = {[CONN_WRITING] = true, [CONN_DEAD] = true},
    [CONN_WRITING] = {[CONN_IDLE] = true, [CONN_LINGER] = true, [CONN_DEAD] = true},
    [CONN_LINGER] = {[CONN_DEAD] = true},
};

/* Moves the connection on and arms the one timeout that belongs to the new state. */
static void set_state(struct conn *c, enum conn_state to)
{
    const struct listen_options *o = &c->listen->options;
    const int64_t limit[CONN_DEAD + 1] = {[CONN_IDLE] = o->idle_timeout_ns,
                                          [CONN_HEAD] = o->header_timeout_ns,
                                          [CONN_WRITING] = o->write_timeout_ns,
                                          [CONN_LINGER] = LINGER_NS};

    assert(allowed[c->state][to]);
    c->state = to;
    if (limit[to] > 0)
        weir_timer_arm(c->listen->loop, &c->timer,
                       weir_loop_now(c->listen->loop) + (uint64_t)limit[to], on_timeout, c);
    else
        weir_timer_stop(&c->timer);
}

void conn_adopt(struct conn *c)
{
    struct listen *l = c->listen;

    c->fd = bufferevent_getfd(c->bev);
    bufferevent_setfd(c->bev, -1);
    conn_find_client(c);
    event_assign(&c->read_ev, l->base, c->fd, EV_READ | EV_PERSIST, on_readable, c);
    event_assign(&c->write_ev, l->base, c->fd, EV_WRITE | EV_PERSIST, on_writable, c);
    if (weir_ctx_with_cancel(weir_ctx_background(l->loop), &c->ctx) != WEIR_OK ||
        event_add(&c->read_ev, NULL) != 0) {
        conn_close(c);
        return;
    }
    set_state(c, CONN_IDLE);
}

/* Has evhttp make its request object for a head that the gate has judged. */
static bool feed_evhttp(struct conn *c, bool keep_alive, unsigned minor)
{
    static const char *const canonical[2][2] = {
        {"GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"},
        {"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"}};
    const char *head = canonical[minor][keep_alive];

    if (evbuffer_add(bufferevent_get_input(c->bev), head, strlen(head)) != 0)
        return false;
    c->listen->feeding = c;
    bufferevent_trigger(c->bev, EV_READ, BEV_TRIG_IGNORE_WATERMARKS);
    c->listen->feeding = NULL;
    return c->rq.evhttp != NULL;
}

/* Gives a judged head, or a refusal, to the handler. */
static void hand_over(struct conn *c, const struct gate_refusal *refusal)
{
    struct listen *l = c->listen;
    struct gate_head *head = &l->head;
    bool close = refusal != NULL || head->has_body || !head->keep_alive || l->close_after_reply;

    set_state(c, CONN_BUSY);
    c->rq.arrival_ns = weir_loop_now(l->loop);
    c->rq.held = true;
    c->rq.close = close;
    c->rq.linger = refusal != NULL || head->has_body;
    c->scanned = 0;
    c->served++;
    if (!feed_evhttp(c, !close, refusal != NULL ? 1 : head->minor)) {
        c->rq.held = false;
        conn_close(c);
        return;
    }
    l->options.on_request(l->options.arg, &c->rq, head, refusal);
}

/* Judges bytes; hands over one head at most. Returns how many bytes are used up. */
static size_t judge(struct conn *c, const char *bytes, size_t len)
{
    struct listen *l = c->listen;
    struct gate_refusal refusal;
    size_t used = 0;

    switch (gate_head(bytes, len, l->options.max_header_bytes, &c->scanned, &l->head, &used,
                      &refusal)) {
    case GATE_MORE:
        if (c->state == CONN_IDLE)
            set_state(c, CONN_HEAD);
        return 0;
    case GATE_OK:
        hand_over(c, NULL);
        return used;
    case GATE_REFUSED:
        hand_over(c, &refusal);
        return len;
    }
    return 0;
}

/* Reads on as long as little waits: a client that pipelines without end waits for its answers. What
 * lingers is not kept, so it is always read. */
static void set_reading(struct conn *c)
{
    if (c->state != CONN_LINGER && c->in_len >= 2 * c->listen->options.max_header_bytes)
        event_del(&c->read_ev);
    else if (!event_pending(&c->read_ev, EV_READ, NULL) && event_add(&c->read_ev, NULL) != 0)
        conn_close(c);
}

static void take_bytes(struct conn *c, const char *bytes, size_t len)
{
    bool waits = c->state == CONN_IDLE || c->state == CONN_HEAD;
    bool fresh = waits && c->in_len == 0;
    size_t used = fresh ? judge(c, bytes, len) : 0;

    if (c->state == CONN_DEAD || used == len)
        return;
    if (!conn_keep(c, bytes + used, len - used)) {
        conn_close(c);
        return;
    }
    if (fresh) {
        if (used > 0 && c->state == CONN_IDLE)
            weir_loop_post(c->listen->loop, &c->advance, on_advance, c);
    } else if (waits) {
        used = judge(c, c->in, c->in_len);
        if (used > 0)
            conn_drop_kept(c, used);
    }
    if (c->state != CONN_DEAD)
        set_reading(c);
}

/* Reads away what a client sends after its connection's last reply. */
static void linger_on(struct conn *c, ssize_t n)
{
    if (n > 0)
        c->lingered += (size_t)n;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || c->lingered > LINGER_MAX_BYTES)
        conn_close(c);
}

static void on_next_turn(void *arg)
{
    quota_renew(arg);
}

/* Whether this turn of the loop still reads from a connection that may begin a request. */
static bool may_begin(struct listen *l)
{
    if (!quota_take(&l->quota))
        return false;
    weir_loop_post(l->loop, &l->renew, on_next_turn, &l->quota);
    return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;
    ssize_t n;

    (void)what;
    if ((c->state == CONN_IDLE || c->state == CONN_HEAD) && !may_begin(c->listen))
        return;
    n = recv(fd, c->listen->scratch, c->listen->scratch_size, 0);
    if (c->state == CONN_LINGER) {
        linger_on(c, n);
        return;
    }
    if (n > 0) {
        take_bytes(c, c->listen->scratch, (size_t)n);
        return;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n == 0 && c->state == CONN_WRITING) {
        event_del(&c->read_ev); /* it wants no more than this reply */
        c->read_eof = true;
        return;
    }
    conn_close(c);
}

static void on_timeout(void *arg)
{
    static const struct gate_refusal slow = {408, "the request head did not arrive in time"};
    struct conn *c = arg;

    if (c->state != CONN_HEAD) {
        conn_close(c);
        return;
    }
    memset(&c->listen->head, 0, offsetof(struct gate_head, headers));
    c->listen->head.n_headers = 0;
    conn_drop_kept(c, c->in_len);
    hand_over(c, &slow);
}

/* The whole reply is with the kernel: evhttp finishes its request, and the next one may come. */
static void reply_done(struct conn *c)
{
    bool close = c->rq.close;

    event_del(&c->write_ev);
    if (!close && !listen_reserve_fill(&c->listen->reserve)) {
        conn_close(c); /* evhttp would have to make its next request object */
        return;
    }
    listen_reserve_lend(&c->listen->reserve);
    bufferevent_trigger(c->bev, EV_WRITE, BEV_TRIG_IGNORE_WATERMARKS);
    listen_reserve_lend(NULL);
    c->rq.evhttp = NULL;
    if (close)
        c->bev = NULL; /* evhttp has freed its side and shut down the sending direction */
    /* Closing on unread input would reset the connection, and the kernel drop what it has not sent. */
    if (c->read_eof || (close && !c->rq.linger && !conn_has_input(c))) {
        conn_close(c);
        return;
    }
    set_state(c, close ? CONN_LINGER : CONN_IDLE);
    if (!close && c->in_len > 0)
        weir_loop_post(c->listen->loop, &c->advance, on_advance, c);
    set_reading(c);
}

static void on_advance(void *arg)
{
    struct conn *c = arg;
    size_t used;

    if (c->state != CONN_IDLE || c->in_len == 0)
        return;
    used = judge(c, c->in, c->in_len);
    if (used > 0)
        conn_drop_kept(c, used);
    if (c->state != CONN_DEAD)
        set_reading(c);
}

void conn_flush(struct conn *c)
{
    struct evbuffer *out = bufferevent_get_output(c->bev);
    int n;

    if (c->state == CONN_BUSY)
        set_state(c, CONN_WRITING);
    n = evbuffer_write(out, c->fd);
    if (evbuffer_get_length(out) == 0) {
        reply_done(c);
        return;
    }
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        conn_close(c);
        return;
    }
    if (n > 0)
        weir_timer_arm(c->listen->loop, &c->timer,
                       weir_loop_now(c->listen->loop) +
                           (uint64_t)c->listen->options.write_timeout_ns,
                       on_timeout, c);
    if (!event_pending(&c->write_ev, EV_WRITE, NULL) && event_add(&c->write_ev, NULL) != 0)
        conn_close(c);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    conn_flush(arg);
}

void conn_close_idle(struct conn *c)
{
    uint64_t until = weir_loop_now(c->listen->loop) + NEWCOMER_NS;

    if (c->state != CONN_IDLE || conn_has_input(c))
        return;
    if (c->served > 0)
        conn_close(c);
    else if (c->timer.pprev == NULL || c->timer.at_ns > until) /* not put off when asked again */
        weir_timer_arm(c->listen->loop, &c->timer, until, on_timeout, c);
}

/* Leaves the struct to the next turn: whoever is calling may still look at it. */
static void bury(struct conn *c)
{
    struct listen *l = c->listen;

    TAILQ_REMOVE(&l->open, c, link);
    TAILQ_INSERT_TAIL(&l->dead, c, link);
    weir_loop_post(l->loop, &l->bury, l->bury.fn, l);
}

void conn_close(struct conn *c)
{
    struct listen *l = c->listen;
    struct evhttp_request *pending;
    bool busy = c->state == CONN_BUSY;

    if (c->state == CONN_DEAD)
        return;
    set_state(c, CONN_DEAD);
    event_del(&c->read_ev);
    event_del(&c->write_ev);
    weir_loop_unpost(&c->advance);
    if (c->ctx != NULL)
        weir_ctx_cancel(c->ctx, "client gone");
    pending = c->rq.evhttp;
    c->rq.evhttp = NULL;
    if (c->bev != NULL)
        bufferevent_trigger_event(c->bev, BEV_EVENT_EOF | BEV_EVENT_READING, 0);
    if (busy && pending != NULL)
        evhttp_request_free(pending); /* evhttp has left an unanswered request to us */
    c->bev = NULL;
    close(c->fd);
    c->fd = -1;
    l->n_connections--;
    __atomic_sub_fetch(&l->options.shared->connections, 1, __ATOMIC_RELAXED);
    if (!c->rq.held)
        bury(c);
}

void conn_released(struct conn *c)
{
    c->rq.held = false;
    if (c->state == CONN_DEAD && c->fd == -1)
        bury(c);
}

void conn_free(struct conn *c)
{
    weir_ctx_release(c->ctx);
    free(c->in);
    free(c);
}
