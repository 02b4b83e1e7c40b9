/*
 * The listener of one worker: evhttp accepts, every connection is adopted later in the same turn of
 * the loop (listen_conn.c). When descriptors or memory run out accepting rests for a moment instead
 * of spinning; when the cap is reached a connection is answered 503 and closed.
 */
#include "listen.h"

#include "listen_conn.h"
#include "log.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096
#define REST_NS (50 * WEIR_MS)
#define SETTLE_NS (20 * WEIR_MS) /* for handshakes that have begun: many RTTs of a balancer */

static struct bufferevent *on_accept(struct event_base *base, void *arg);
static void on_adopt(evutil_socket_t fd, short what, void *arg);
static void on_request(struct evhttp_request *req, void *arg);
static void on_accept_error(struct evconnlistener *acceptor, void *arg);
static void on_resume(void *arg);
static void on_bury(void *arg);

/* Every listener of the process: evconnlistener tells its error callback only evhttp's argument. */
static LIST_HEAD(, listen) listeners = LIST_HEAD_INITIALIZER(listeners);
static pthread_mutex_t listeners_lock = PTHREAD_MUTEX_INITIALIZER;

static bool start_http(struct listen *l)
{
    l->acceptor = evconnlistener_new(l->base, NULL, NULL,
                                     LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC |
                                         LEV_OPT_DISABLED,
                                     BACKLOG, l->options.fd);
    if (l->acceptor == NULL)
        return false;
    l->http = evhttp_new(l->base);
    l->bound = l->http ? evhttp_bind_listener(l->http, l->acceptor) : NULL;
    if (l->bound == NULL)
        return false;
    evhttp_set_bevcb(l->http, on_accept, l);
    evhttp_set_gencb(l->http, on_request, l);
    evhttp_set_default_content_type(l->http, NULL);
    evconnlistener_set_error_cb(l->acceptor, on_accept_error);
    return evconnlistener_enable(l->acceptor) == 0;
}

struct listen *listen_new(struct event_base *base, struct weir_loop *loop,
                          const struct listen_options *options)
{
    struct listen *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return NULL;
    l->base = base;
    l->loop = loop;
    l->options = *options;
    pthread_mutex_lock(&listeners_lock);
    LIST_INSERT_HEAD(&listeners, l, link);
    pthread_mutex_unlock(&listeners_lock);
    TAILQ_INIT(&l->fresh);
    TAILQ_INIT(&l->open);
    TAILQ_INIT(&l->dead);
    l->bury.fn = on_bury;
    l->scratch_size = options->max_header_bytes + 1024;
    l->scratch = malloc(l->scratch_size);
    l->adopt = event_new(base, -1, 0, on_adopt, l);
    if (l->scratch == NULL || l->adopt == NULL || !listen_reserve_fill(&l->reserve) ||
        !start_http(l)) {
        int saved = errno;

        listen_free(l);
        errno = saved;
        return NULL;
    }
    return l;
}

/* Accepts nothing for a moment. */
static void rest(struct listen *l)
{
    evconnlistener_disable(l->acceptor);
    weir_timer_arm(l->loop, &l->resume, weir_loop_now(l->loop) + REST_NS, on_resume, l);
}

/* evhttp asks for the bufferevent of a connection it has just accepted. The reserve is lent until the
 * adoption; where it is not full this connection is the last one for now. */
static struct bufferevent *on_accept(struct event_base *base, void *arg)
{
    struct listen *l = arg;
    struct bufferevent *bev;
    struct conn *c;

    _Static_assert(sizeof(*c) <= LISTEN_RESERVE_BLOCK, "a connection fits into a block");
    if (!listen_reserve_fill(&l->reserve))
        rest(l);
    listen_reserve_lend(&l->reserve);
    c = listen_reserve_malloc(sizeof(*c));
    bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (c == NULL || bev == NULL) {
        free(c);
        if (bev != NULL)
            bufferevent_free(bev);
        return NULL; /* evhttp makes its own, and serves nothing on it: see on_request */
    }
    memset(c, 0, sizeof(*c));
    bufferevent_incref(bev); /* until the adoption: evhttp may fail and free its own reference */
    c->state = CONN_FRESH;
    c->fd = -1;
    c->listen = l;
    c->bev = bev;
    TAILQ_INSERT_TAIL(&l->fresh, c, link);
    event_active(l->adopt, EV_TIMEOUT, 1);
    return bev;
}

/* Answers a connection over the cap without reading from it. */
static void refuse(struct conn *c)
{
    static const char busy[] =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n"
        "Retry-After: 1\r\nConnection: close\r\nContent-Length: 106\r\n\r\n"
        "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,"
        "\"detail\":\"too many connections are open\"}";

    if (send(c->fd, busy, sizeof(busy) - 1, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
        shutdown(c->fd, SHUT_WR);
    conn_close(c);
}

/* Whether evhttp still has the bufferevent it was given. */
static bool evhttp_kept(struct bufferevent *bev)
{
    bufferevent_data_cb read_cb = NULL;

    bufferevent_getcb(bev, &read_cb, NULL, NULL, NULL);
    return read_cb != NULL && bufferevent_getfd(bev) >= 0;
}

/* evhttp could not take the connection: gives back what it has left to us. */
static void give_up(struct conn *c)
{
    if (bufferevent_getfd(c->bev) < 0)
        bufferevent_free(c->bev); /* it was forgotten */
    else
        bufferevent_setfd(c->bev, -1); /* so early evhttp closes the descriptor itself */
    bufferevent_decref(c->bev);
    free(c);
}

static void on_adopt(evutil_socket_t fd, short what, void *arg)
{
    struct listen *l = arg;
    struct conn *c;

    (void)fd;
    (void)what;
    listen_reserve_lend(NULL);
    while ((c = TAILQ_FIRST(&l->fresh)) != NULL) {
        bool kept = evhttp_kept(c->bev);

        TAILQ_REMOVE(&l->fresh, c, link);
        if (!kept) {
            give_up(c);
            continue;
        }
        bufferevent_decref(c->bev);
        TAILQ_INSERT_TAIL(&l->open, c, link);
        l->n_connections++;
        conn_adopt(c);
        if (__atomic_add_fetch(&l->options.shared->connections, 1, __ATOMIC_RELAXED) >
            l->options.shared->max_connections)
            refuse(c);
    }
    if (l->acceptor != NULL && !listen_reserve_fill(&l->reserve))
        rest(l);
}

static void on_request(struct evhttp_request *req, void *arg)
{
    struct listen *l = arg;

    if (l->feeding == NULL) { /* a connection that memory was too short to adopt */
        evhttp_send_error(req, 503, NULL);
        return;
    }
    l->feeding->rq.evhttp = req;
}

static struct listen *listener_of(struct evconnlistener *acceptor)
{
    struct listen *l;

    pthread_mutex_lock(&listeners_lock);
    LIST_FOREACH (l, &listeners, link) /* of other threads' listeners the base alone may be read */
        if (l->base == evconnlistener_get_base(acceptor) && l->acceptor == acceptor)
            break;
    pthread_mutex_unlock(&listeners_lock);
    return l;
}

static void on_accept_error(struct evconnlistener *acceptor, void *arg)
{
    int error = errno;
    struct listen *l = listener_of(acceptor);

    (void)arg;
    log_event(LOG_WARN, "cannot accept connections", "error", strerror(error), NULL);
    if (l != NULL)
        rest(l);
}

static void on_resume(void *arg)
{
    struct listen *l = arg;

    if (l->acceptor != NULL &&
        (!listen_reserve_fill(&l->reserve) || evconnlistener_enable(l->acceptor) != 0))
        rest(l);
}

static void on_bury(void *arg)
{
    struct listen *l = arg;
    struct conn *c;

    while ((c = TAILQ_FIRST(&l->dead)) != NULL) {
        TAILQ_REMOVE(&l->dead, c, link);
        conn_free(c);
    }
}

static void close_acceptor(struct listen *l)
{
    if (l->bound != NULL)
        evhttp_del_accept_socket(l->http, l->bound);
    l->bound = NULL;
    l->acceptor = NULL;
}

/* Each turn of the loop accepts until the queue is empty; after two of them nothing old waits. */
static void on_stop_turn(void *arg)
{
    struct listen *l = arg;

    if (--l->stop_turns > 0)
        weir_loop_post(l->loop, &l->stop, on_stop_turn, l);
    else
        close_acceptor(l);
}

static void on_settled(void *arg)
{
    struct listen *l = arg;

    weir_loop_post(l->loop, &l->stop, on_stop_turn, l);
}

/* Bound to an interface that no machine has, a listening socket gets no SYN (socket(7),
 * SO_BINDTODEVICE; by index since Linux 5.0, without privilege since 5.7), but what its queue holds
 * and the handshakes begun go on. */
void listen_refuse_new(struct listen *l)
{
    int nowhere = INT_MAX;

    (void)!setsockopt(l->options.fd, SOL_SOCKET, SO_BINDTOIFINDEX, &nowhere, sizeof(nowhere));
}

void listen_stop_accepting(struct listen *l)
{
    if (l->acceptor == NULL || l->stop_turns > 0)
        return;
    l->stop_turns = 3;
    weir_timer_arm(l->loop, &l->settle, weir_loop_now(l->loop) + SETTLE_NS, on_settled, l);
}

bool listen_is_accepting(const struct listen *l)
{
    return l->acceptor != NULL;
}

void listen_close_after_reply(struct listen *l)
{
    l->close_after_reply = true;
}

void listen_close_idle(struct listen *l)
{
    struct conn *c, *next;

    l->close_after_reply = true;
    for (c = TAILQ_FIRST(&l->open); c != NULL; c = next) {
        next = TAILQ_NEXT(c, link);
        conn_close_idle(c);
    }
}

unsigned listen_connections(const struct listen *l)
{
    return l->n_connections;
}

void listen_cut(struct listen *l)
{
    struct conn *c, *next;

    on_adopt(-1, 0, l);
    for (c = TAILQ_FIRST(&l->open); c != NULL; c = next) {
        next = TAILQ_NEXT(c, link);
        conn_close(c);
    }
}

void listen_free(struct listen *l)
{
    if (l == NULL)
        return;
    if (l->http != NULL) {
        listen_cut(l);
        close_acceptor(l);
        evhttp_free(l->http);
    } else if (l->acceptor != NULL) {
        evconnlistener_free(l->acceptor);
    }
    TAILQ_CONCAT(&l->dead, &l->open, link);
    on_bury(l);
    weir_timer_stop(&l->resume);
    weir_timer_stop(&l->settle);
    weir_loop_unpost(&l->bury);
    weir_loop_unpost(&l->stop);
    weir_loop_unpost(&l->renew);
    if (l->adopt != NULL)
        event_free(l->adopt);
    pthread_mutex_lock(&listeners_lock);
    LIST_REMOVE(l, link);
    pthread_mutex_unlock(&listeners_lock);
    buf_done(&l->block);
    listen_reserve_done(&l->reserve);
    free(l->scratch);
    free(l);
}

uint64_t listen_request_arrival(const struct listen_request *rq)
{
    return rq->arrival_ns;
}

struct weir_ctx *listen_request_ctx(const struct listen_request *rq)
{
    return conn_of(rq)->ctx;
}

const char *listen_request_client_ip(const struct listen_request *rq)
{
    return conn_of(rq)->client_ip;
}
