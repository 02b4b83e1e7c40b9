/*
 * Bytes in: client connections of one worker, on evhttp behind the strict gate. Every request, and
 * every head that is refused, is handed to the handler exactly once, from the loop, never while
 * evhttp is running; the handler ends it by exactly one reply_send or reply_drop.
 *
 * A client that leaves (half-close included) cancels the connection's context, and with it
 * everything derived from it; the handler then ends the request by reply_drop from there.
 */
#ifndef LISTEN_H
#define LISTEN_H

#include <weir/context.h>

#include "gate.h"

struct listen;
struct listen_request;
struct event_base;

/* Counts shared by all listeners of one kind; the caps hold for all workers together. */
struct listen_shared {
    uint64_t max_connections;
    uint64_t connections; /* atomic */
};

struct listen_options {
    int fd; /* bound, non-blocking, not yet listening; owned by the listener from then on */
    int64_t header_timeout_ns, idle_timeout_ns, write_timeout_ns;
    size_t max_header_bytes;
    struct listen_shared *shared;
    /* The handler. head is valid during the call only; refusal is NULL for a good head. */
    void (*on_request)(void *arg, struct listen_request *rq, const struct gate_head *head,
                       const struct gate_refusal *refusal);
    void *arg;
};

/* NULL when memory is out or the socket cannot listen (errno tells). */
struct listen *listen_new(struct event_base *base, struct weir_loop *loop,
                          const struct listen_options *options);

/* From now on a new connection is refused; those that the kernel has queued or begun still come. A
 * closed socket would reset them. Where the kernel cannot do it nothing changes. Any thread. */
void listen_refuse_new(struct listen *l);
/* Accepts what has been begun, then closes the listening socket. Connections live on. */
void listen_stop_accepting(struct listen *l);
/* Whether the listening socket is still open. */
bool listen_is_accepting(const struct listen *l);
/* From now on every reply says Connection: close. */
void listen_close_after_reply(struct listen *l);
/* Closes connections that have no request; the others close after their reply. One that has not
 * yet asked anything gets a second more. */
void listen_close_idle(struct listen *l);
/* Connections still open here. */
unsigned listen_connections(const struct listen *l);
/* Cuts off what is open: contexts are canceled, handlers drop their requests now or next turn. */
void listen_cut(struct listen *l);
/* Cuts off what is open and frees the listener; no handler may drop a request after. NULL is
 * harmless. */
void listen_free(struct listen *l);

/* The request's moment of arrival: when its head was complete, or the reply before it handed over. */
uint64_t listen_request_arrival(const struct listen_request *rq);
/* The connection's context: derive the request's from it. */
struct weir_ctx *listen_request_ctx(const struct listen_request *rq);
/* The client's address without port, e.g. "127.0.0.1"; lives as long as the request. */
const char *listen_request_client_ip(const struct listen_request *rq);
/* A TCP socket bound to host and port, ready for listen_options.fd; *port becomes the real one. -1
 * and errno on failure. With exclusive an address that anybody listens on is EADDRINUSE, although
 * SO_REUSEPORT would allow it. */
int listen_bind(const char *host, uint16_t *port, bool exclusive);

#endif
