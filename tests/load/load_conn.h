/*
 * One client connection: at most one request at a time, never blocking. It reports by what its
 * functions return; what a report means for the test is the engine's business.
 */
#ifndef LOAD_CONN_H
#define LOAD_CONN_H

#include "load_answer.h"

#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

enum load_conn_state {
    LOAD_CONN_CONNECTING, /* a request waits for the connection; epoll tells */
    LOAD_CONN_WAITING,    /* a request was sent; the answer, or the end, comes by epoll */
    LOAD_CONN_IDLE,       /* no request; the next one takes it */
    LOAD_CONN_DEAD        /* closed, freed at the end of the loop's turn */
};

enum load_conn_news {
    LOAD_CONN_NOTHING, /* not complete yet */
    LOAD_CONN_ANSWER,  /* the whole answer is there */
    LOAD_CONN_BROKEN,  /* refused, reset, or closed before the answer was complete */
    LOAD_CONN_GARBLED  /* what came is not an answer, or more than one */
};

struct load_request {
    uint64_t due_ns; /* its time is counted from here */
    unsigned long id;
    bool measured, leaves;
};

struct load_conn {
    enum load_conn_state state;
    int fd;
    bool used;                   /* has carried an answer before */
    bool head_read;              /* answer is filled in */
    struct load_request request; /* the one on it */
    uint64_t sent_ns;            /* when that was put on it */
    struct load_answer answer;
    char *bytes; /* what has come of the answer */
    size_t len, room;
    TAILQ_ENTRY(load_conn) link;      /* idle ones, or dead ones */
    TAILQ_ENTRY(load_conn) pending;   /* those with a request, oldest first */
    TAILQ_ENTRY(load_conn) departing; /* those whose client will leave, oldest first */
};
TAILQ_HEAD(load_conns, load_conn);

/* Starts to connect and registers with epoll; NULL when descriptors, ports or memory are out. */
struct load_conn *load_conn_open(const struct sockaddr *address, socklen_t len, int epoll);

/* What became of connecting: NOTHING (go on and send) or BROKEN. */
enum load_conn_news load_conn_connected(const struct load_conn *c);

/* Sends a whole request: NOTHING (now wait) or BROKEN. */
enum load_conn_news load_conn_send(struct load_conn *c, const char *request, size_t len);

/* Reads what there is. */
enum load_conn_news load_conn_receive(struct load_conn *c);

/* The body of a complete answer. */
const char *load_conn_body(const struct load_conn *c);

/* Closes the connection; the object stays until load_conn_free. */
void load_conn_close(struct load_conn *c);

void load_conn_free(struct load_conn *c);

#endif
