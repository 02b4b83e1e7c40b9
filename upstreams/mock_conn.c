/*
 * One connection of a mock upstream, all its requests one after the other.
 *
 * - on_read takes in what the peer sent; a whole request gets its play (mock_play.c) and counts as
 *   in flight
 * - advance asks the play for the next step and takes it, until there is something to wait for: a
 *   moment (on_timer), room in the socket (on_write), being let out (mock_conn_let_out)
 * - when the play is done the connection reads the next request, pipelined or yet to come, or is
 *   closed or reset, as the play ends
 *
 * Reading never stops while an answer is pending, so that the peer's leaving is seen at once: that
 * is a cancellation. What is pipelined meanwhile is kept up to MOCK_CONN_MAX_IN bytes; a peer that
 * sends more is dropped. What is not a request is answered with 4xx and the connection is closed;
 * that counts as nothing.
 */
#include "mock_conn.h"

#include "mock_serve.h"

#include <assert.h>
#include <clock.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_IN      2048
#define KEEP_OUT      (64u << 10)   /* memory kept between answers */
#define SEND_PER_TURN (1024u << 10) /* bytes, then the others have their turn */

static void on_read(evutil_socket_t fd, short what, void *arg);
static void on_timer(evutil_socket_t fd, short what, void *arg);
static void on_write(evutil_socket_t fd, short what, void *arg);
static void advance(struct mock_conn *c);
static void conn_close(struct mock_conn *c);

/* Undoes what the present state waits for. */
static void leave_state(struct mock_conn *c)
{
    switch (c->state) {
    case CONN_SENDING:
        event_del(&c->write);
        break;
    case CONN_WAITING:
        event_del(&c->timer);
        break;
    case CONN_HELD:
        TAILQ_REMOVE(&c->port->held, c, held_link);
        c->port->stats.held--;
        mock_engine_changed(c->port->engine);
        break;
    case CONN_READING:
    case CONN_PLAYING:
        break;
    }
}

static void set_state(struct mock_conn *c, enum conn_state to)
{
    assert((to == CONN_PLAYING) != (c->state == CONN_PLAYING));
    leave_state(c);
    c->state = to;
    if (to == CONN_SENDING) {
        event_add(&c->write, NULL);
    } else if (to == CONN_HELD) {
        TAILQ_INSERT_TAIL(&c->port->held, c, held_link);
        c->port->stats.held++;
        mock_engine_changed(c->port->engine);
    }
}

void mock_conn_start(struct mock_port *port, int fd)
{
    struct mock_conn *c = calloc(1, sizeof(*c));
    struct event_base *base = port->engine->base;
    int one = 1;

    if (c == NULL) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    c->port = port;
    c->fd = fd;
    c->state = CONN_READING;
    c->number = ++port->stats.connections;
    port->stats.open++;
    TAILQ_INSERT_TAIL(&port->conns, c, link);
    event_assign(&c->read, base, fd, EV_READ | EV_PERSIST, on_read, c);
    event_assign(&c->write, base, fd, EV_WRITE | EV_PERSIST, on_write, c);
    event_assign(&c->timer, base, -1, 0, on_timer, c);
    mock_engine_changed(port->engine);
    if (event_add(&c->read, NULL) != 0)
        conn_close(c);
}

/* Takes in what is there; false when the peer has left. */
static bool fill(struct mock_conn *c)
{
    size_t room;
    ssize_t n;

    if (c->in.len == c->in.cap && !mock_bytes_reserve(&c->in, c->in.cap ? c->in.cap : FIRST_IN))
        return false;
    room = c->in.cap - c->in.len;
    n = recv(c->fd, c->in.at + c->in.len, room, 0);
    if (n > 0)
        c->in.len += (size_t)n;
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* The peer has left: if its answer was not complete, that is a cancellation. */
static void lose(struct mock_conn *c)
{
    uint64_t now = clock_now_ns();

    if (c->counts) {
        c->counts = false;
        c->seen.wall_us = clock_wall_us();
        c->seen.after_ns = now - c->arrived_ns;
        mock_port_canceled(c->port, c->record, &c->seen, now);
    }
    conn_close(c);
}

static void on_read(evutil_socket_t fd, short what, void *arg)
{
    struct mock_conn *c = arg;
    struct mock_engine *engine = c->port->engine;

    (void)fd;
    (void)what;
    mock_engine_lock(engine);
    if (!fill(c))
        lose(c);
    else if (c->in.len > MOCK_CONN_MAX_IN || (c->drop_reused && c->in.len > 0))
        conn_close(c);
    else if (c->state == CONN_READING)
        advance(c);
    mock_engine_unlock(engine);
}

enum send_result { SEND_OK, SEND_BLOCKED, SEND_LOST };

static enum send_result send_some(struct mock_conn *c, size_t *budget)
{
    struct mock_text bytes = mock_play_bytes(&c->play);
    ssize_t n;

    if (*budget == 0)
        return SEND_BLOCKED;
    n = send(c->fd, bytes.at, bytes.len, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR)
        return SEND_OK;
    if (n < 0)
        return errno == EAGAIN ? SEND_BLOCKED : SEND_LOST;
    mock_play_sent(&c->play, (size_t)n);
    *budget -= (size_t)n < *budget ? (size_t)n : *budget;
    return SEND_OK;
}

static void wait_until(struct mock_conn *c, uint64_t now_ns, uint64_t until_ns)
{
    uint64_t us = (until_ns - now_ns + 999) / 1000;
    struct timeval left = {(time_t)(us / 1000000), (suseconds_t)(us % 1000000)};

    set_state(c, CONN_WAITING);
    event_add(&c->timer, &left);
}

/* The answer is out; true when the connection goes on to its next request. */
static bool finish(struct mock_conn *c)
{
    enum mock_end end = c->play.end;
    struct linger reset = {.l_onoff = 1, .l_linger = 0};

    if (c->counts)
        mock_port_answered(c->port, c->record, clock_now_ns());
    c->counts = false;
    mock_bytes_drain(&c->in, c->request_len);
    if (end == MOCK_END_RESET)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    if (end == MOCK_END_RESET || end == MOCK_END_CLOSE) {
        conn_close(c);
        return false;
    }
    c->drop_reused = end == MOCK_END_DROP_REUSED;
    if (c->drop_reused && c->in.len > 0) {
        conn_close(c);
        return false;
    }
    if (c->play.out.cap > KEEP_OUT)
        mock_play_done(&c->play);
    set_state(c, CONN_READING);
    return true;
}

/* Takes steps, of one request after the other, until there is something to wait for. c may be gone
 * when it returns. */
static void advance(struct mock_conn *c)
{
    size_t budget = SEND_PER_TURN;
    bool ok = true;

    for (;;) {
        uint64_t now, until;
        enum send_result sent = SEND_OK;

        if (c->state == CONN_READING) {
            if (!mock_serve_next(c, &ok))
                return;
            set_state(c, CONN_PLAYING);
        }
        if (!ok) {
            conn_close(c);
            return;
        }
        now = clock_now_ns();
        switch (mock_play_step(&c->play, now, c->port->holding && !c->free_to_go, &until)) {
        case MOCK_STEP_SEND:
            sent = send_some(c, &budget);
            break;
        case MOCK_STEP_WAIT:
            wait_until(c, now, until);
            return;
        case MOCK_STEP_HANG:
            set_state(c, CONN_WAITING);
            return;
        case MOCK_STEP_HOLD:
            set_state(c, CONN_HELD);
            return;
        case MOCK_STEP_DONE:
            if (!finish(c))
                return;
            break;
        }
        if (sent == SEND_BLOCKED) {
            set_state(c, CONN_SENDING);
            return;
        }
        if (sent == SEND_LOST)
            break;
    }
    lose(c);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct mock_conn *c = arg;
    struct mock_engine *engine = c->port->engine;

    (void)fd;
    (void)what;
    mock_engine_lock(engine);
    set_state(c, CONN_PLAYING);
    advance(c);
    mock_engine_unlock(engine);
}

static void on_write(evutil_socket_t fd, short what, void *arg)
{
    struct mock_conn *c = arg;
    struct mock_engine *engine = c->port->engine;

    (void)fd;
    (void)what;
    mock_engine_lock(engine);
    set_state(c, CONN_PLAYING);
    advance(c);
    mock_engine_unlock(engine);
}

void mock_conn_let_out(struct mock_port *port, unsigned long n)
{
    struct mock_conn *c;

    for (; n > 0 && (c = TAILQ_FIRST(&port->held)) != NULL; n--) {
        set_state(c, CONN_PLAYING);
        c->free_to_go = true;
        advance(c);
    }
}

void mock_conn_close_all(struct mock_port *port)
{
    struct mock_conn *c;

    while ((c = TAILQ_FIRST(&port->conns)) != NULL)
        conn_close(c);
}

/* Reads away what the peer has sent since, so that closing does not reset what it has yet to read.
 */
static void discard_input(int fd)
{
    char sink[4096];

    for (int i = 0; i < 16; i++)
        if (recv(fd, sink, sizeof(sink), MSG_DONTWAIT) <= 0)
            return;
}

static void conn_close(struct mock_conn *c)
{
    struct mock_port *port = c->port;

    leave_state(c);
    event_del(&c->read);
    if (c->counts)
        port->stats.in_flight--;
    discard_input(c->fd);
    close(c->fd);
    port->stats.open--;
    TAILQ_REMOVE(&port->conns, c, link);
    mock_bytes_done(&c->in);
    mock_play_done(&c->play);
    free(c);
    mock_engine_changed(port->engine);
}
