/* Bytes out: one answer to one client request. */
#ifndef REPLY_H
#define REPLY_H

#include <stdbool.h>
#include <stddef.h>

struct listen_request;

struct reply_header {
    const char *name, *value; /* copied; a value with CR or LF is left out */
};

/* Part of the body. With an owner the bytes are sent from where they are and the owner is given to
 * free() when they have gone (always, on failure too); without one they are copied at once. */
struct reply_piece {
    const char *data;
    size_t len;
    void *owner;
};

#define REPLY_MAX_HEADERS 10

struct reply {
    int status;
    bool head_only; /* a HEAD request: the head tells the length, no body is sent */
    bool close;     /* close the connection after it */
    struct reply_header headers[REPLY_MAX_HEADERS];
    size_t n_headers;
    const struct reply_piece *pieces;
    size_t n_pieces;
};

/* Hands the answer over and ends the request: rq is gone when this returns. Returns the bytes of
 * body it says. Whatever cannot be sent (client gone, no memory) closes the connection. */
size_t reply_send(struct listen_request *rq, const struct reply *reply);

/* Ends the request without an answer and closes its connection. */
void reply_drop(struct listen_request *rq);

/* The standard reason phrase of a status, "Unknown" when there is none. */
const char *reply_reason(int status);

#endif
