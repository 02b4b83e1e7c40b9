/*
 * The strict gate: judges the raw bytes of one request head (RFC 9112) before anything acts on
 * them. Pure: no I/O, no allocation. All views point into the caller's bytes.
 */
#ifndef GATE_H
#define GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GATE_MAX_HEADERS 100

struct gate_span {
    const char *at;
    size_t len;
};

struct gate_header {
    struct gate_span name, value; /* value without the white space around it */
};

struct gate_head {
    struct gate_span method;
    struct gate_span target; /* as sent */
    struct gate_span path;   /* of the target, without query; of absolute-form too; still encoded */
    unsigned minor;          /* HTTP/1.minor, 0 or 1 */
    bool keep_alive;         /* what Connection and the version ask for */
    bool has_body;           /* a body cleanly framed by Content-Length */
    bool expects_continue;
    bool expects_unknown; /* an Expect other than 100-continue: 417 */
    struct gate_header headers[GATE_MAX_HEADERS];
    size_t n_headers;
};

enum gate_result {
    GATE_MORE,   /* not yet a whole head */
    GATE_OK,     /* *head is set, *used bytes belong to it */
    GATE_REFUSED /* *refusal is set; what follows on the connection must never run */
};

/* Why a head is refused: an HTTP status (400, 414, 431, 505) and one sentence for people. */
struct gate_refusal {
    int status;
    const char *why;
};

/*
 * Judges the bytes so far. *scanned remembers how far an incomplete head was looked at, so that a
 * slow sender costs linear work: start with 0, the value is the gate's own. max_head limits request
 * line plus headers. One empty line (CRLF) before the request line is skipped, as RFC 9112 2.2 asks;
 * *used counts it.
 * After a refusal head->method and head->path are set when they could be read, else empty.
 */
enum gate_result gate_head(const char *bytes, size_t len, size_t max_head, size_t *scanned,
                           struct gate_head *head, size_t *used, struct gate_refusal *refusal);

/* The first header of that name (compared without case), or NULL. */
const struct gate_header *gate_find(const struct gate_head *head, const char *name);

#endif
