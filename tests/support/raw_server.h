/*
 * A TCP server on a thread of the test, which answers each request head with whatever bytes the
 * test has chosen, and tells what it saw. Bound to a free port of 127.0.0.1.
 */
#ifndef RAW_SERVER_H
#define RAW_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct raw_server;

enum raw_after {
    RAW_KEEP,  /* the connection stays open */
    RAW_CLOSE, /* closed */
    RAW_RESET  /* closed with an RST */
};

struct raw_reply {
    const char *bytes; /* NULL: nothing is sent */
    size_t len;        /* 0: strlen(bytes) */
    enum raw_after after;
};

/* Chooses the reply to the nth request (from 0) of a connection; runs on the server's thread. */
typedef struct raw_reply raw_reply_fn(void *arg, unsigned nth, const char *head);

/* Starts a server; aborts the test process when that is impossible. */
struct raw_server *raw_server_new(raw_reply_fn *fn, void *arg);
void raw_server_free(struct raw_server *server);

unsigned raw_server_port(const struct raw_server *server);
/* "http://127.0.0.1:port", alive as long as the server. */
const char *raw_server_origin(const struct raw_server *server);
unsigned raw_server_accepted(const struct raw_server *server);
unsigned raw_server_requests(const struct raw_server *server);
/* Connections that the other side closed, and when the last of them was seen (CLOCK_MONOTONIC). */
unsigned raw_server_closed(const struct raw_server *server);
uint64_t raw_server_closed_ns(const struct raw_server *server);
/* The last request head, copied into out. */
void raw_server_head(struct raw_server *server, char *out, size_t size);
/* Closes all its connections now. */
void raw_server_drop(struct raw_server *server);

#endif
