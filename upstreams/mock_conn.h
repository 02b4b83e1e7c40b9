/* The connections of a port. Called on the loop's thread with the engine's lock. */
#ifndef MOCK_CONN_H
#define MOCK_CONN_H

#include "mock_play.h"
#include "mock_port.h"

#define MOCK_CONN_MAX_IN (1u << 20) /* bytes a peer may be ahead */

/*
 * READING ──request──→ PLAYING ──→ SENDING, WAITING, HELD ──→ PLAYING ──done──→ READING
 * Closing may happen in each.
 */
enum conn_state {
    CONN_READING, /* waits for a request: the peer */
    CONN_PLAYING, /* takes steps: nobody */
    CONN_SENDING, /* waits for room: the socket */
    CONN_WAITING, /* waits for a moment: the timer, which a hang does not set */
    CONN_HELD,    /* waits to be let out: the test */
};

struct mock_conn {
    TAILQ_ENTRY(mock_conn) link, held_link;
    struct mock_port *port;
    struct event read, write, timer;
    int fd;
    enum conn_state state;
    unsigned long number; /* 1 = the first of its port */
    struct mock_bytes in; /* the current request and what follows it */
    size_t scanned;       /* of in, in search of a head's end */
    size_t request_len;   /* of the current request */
    struct mock_play play;
    bool counts;                /* the current request is in the port's numbers */
    bool free_to_go;            /* its answer is not held any more */
    bool drop_reused;           /* one more byte and the connection is closed */
    struct mock_record *record; /* of the current request, or NULL */
    struct mock_cancel seen;    /* the current request, should it be canceled */
    uint64_t arrived_ns;
};

/* Serves an accepted socket, which it closes in the end, or at once when memory is out. */
void mock_conn_start(struct mock_port *port, int fd);
/* Lets out the n answers that were held longest. */
void mock_conn_let_out(struct mock_port *port, unsigned long n);
void mock_conn_close_all(struct mock_port *port);

#endif
