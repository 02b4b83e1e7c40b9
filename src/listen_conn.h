/* One client connection: shared between listen*.c and reply.c only. */
#ifndef LISTEN_CONN_H
#define LISTEN_CONN_H

#include <sys/queue.h>
#include <time.h>

#include "buf.h"
#include "listen.h"
#include "listen_reserve.h"
#include "quota.h"

#include <event2/event.h>
#include <event2/event_struct.h>

struct bufferevent;
struct evhttp_request;

/*
 *   FRESH ──→ IDLE ⇄ HEAD ──→ BUSY ──→ WRITING ──→ IDLE
 *               │      │        │         ├──→ LINGER ──┐
 *               └──────┴────────┴─────────┴─────────────┴──→ DEAD
 */
enum conn_state {
    CONN_FRESH,   /* waits for the adoption in this turn of the loop */
    CONN_IDLE,    /* waits for the first byte of a head; idle timeout */
    CONN_HEAD,    /* waits for the rest of a head; header timeout */
    CONN_BUSY,    /* waits for the handler; the socket tells when the client leaves */
    CONN_WRITING, /* waits for the socket to take the reply; write timeout */
    CONN_LINGER,  /* our side is closed; reads away what the client still sends; linger timeout */
    CONN_DEAD     /* waits for the next turn to be freed */
};

struct listen_request {
    struct evhttp_request *evhttp; /* NULL: no request is with the handler */
    uint64_t arrival_ns;
    bool held;   /* the handler has it, and will end it */
    bool close;  /* the reply must say Connection: close */
    bool linger; /* bytes that must never run may still arrive */
};

struct conn {
    enum conn_state state;
    int fd; /* -1 once closed */
    struct listen *listen;
    struct bufferevent *bev; /* evhttp's side, detached from fd; NULL once evhttp has let go */
    struct weir_ctx *ctx;
    struct listen_request rq;
    struct event read_ev, write_ev;
    struct weir_timer timer;
    struct weir_task advance; /* takes the next head of a pipelining client */
    char *in; /* bytes not yet handed on */
    size_t in_len, in_cap, scanned;
    bool read_eof; /* the client has closed its side while a reply was written */
    size_t lingered;
    unsigned served; /* requests handed over so far */
    char client_ip[48];
    TAILQ_ENTRY(conn) link;
};

TAILQ_HEAD(conn_list, conn);

struct listen {
    struct event_base *base;
    struct weir_loop *loop;
    struct listen_options options;
    struct evhttp *http;
    struct evconnlistener *acceptor; /* owned by evhttp; NULL once accepting has stopped */
    struct evhttp_bound_socket *bound;
    struct conn_list fresh, open, dead;
    struct conn *feeding;     /* whose head evhttp is reading at this moment */
    struct event *adopt;      /* adopts the fresh, later in the same turn */
    struct weir_timer resume, settle; /* end of a rest; of the last wait for newcomers */
    struct listen_reserve reserve;
    struct weir_task bury, stop, renew;
    struct quota quota; /* renewed each turn */
    unsigned n_connections, stop_turns; /* turns left until the listening socket is closed */
    bool close_after_reply;
    char *scratch; /* what one read brings */
    size_t scratch_size;
    struct gate_head head; /* of the request being handed over */
    struct buf block;      /* headers of the reply being sent */
    char date[32];         /* of the second date_at */
    time_t date_at;
    LIST_ENTRY(listen) link;
};

/* Takes a connection accepted by evhttp away from evhttp's own I/O. */
void conn_adopt(struct conn *conn);
/* Bytes for later, behind those kept already (false when memory is out); the first of them are used
 * up; whether the client has sent more than has been handed on. */
bool conn_keep(struct conn *conn, const char *bytes, size_t len);
void conn_drop_kept(struct conn *conn, size_t used);
bool conn_has_input(const struct conn *conn);
/* Notes the client's address; "" when there is none. */
void conn_find_client(struct conn *conn);
/* Sends what evhttp has put out; ends or continues the connection when all is gone. */
void conn_flush(struct conn *conn);
/* Ends everything now; the struct is freed on the next turn. Harmless when dead. */
void conn_close(struct conn *conn);
/* Closes a connection on which nothing is under way; one that never asked gets a short while. */
void conn_close_idle(struct conn *conn);
/* The handler has let go of a request whose connection is dead. */
void conn_released(struct conn *conn);
void conn_free(struct conn *conn);

static inline struct conn *conn_of(const struct listen_request *rq)
{
    return (struct conn *)((uintptr_t)rq - offsetof(struct conn, rq));
}

#endif
