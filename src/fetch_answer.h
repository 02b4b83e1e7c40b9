/*
 * One HTTP/1.1 answer as it comes in, line by line and piece by piece: what is kept of it, and why
 * it is refused before its end. Pure: no library, no clock.
 */
#ifndef FETCH_ANSWER_H
#define FETCH_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/status.h>

#define FETCH_ANSWER_MAX_HEAD 65536 /* bytes of one head, status line and all */

/*
 *   STATUS ──(status line)──→ HEADERS ──(empty line)──→ BODY
 *     ↑────────(empty line of a 1xx)────┘
 */
enum fetch_answer_state {
    FETCH_ANSWER_STATUS,  /* nothing yet, or 1xx answers only: waits for a status line */
    FETCH_ANSWER_HEADERS, /* waits for the rest of the head */
    FETCH_ANSWER_BODY     /* head complete */
};

struct fetch_answer {
    enum fetch_answer_state state;
    int status;               /* of the last status line; 0 = none */
    enum weir_status verdict; /* why it is refused; WEIR_OK while it is not */
    bool chunked;
    size_t head_bytes;
    int64_t content_length; /* -1 = not told */
    size_t max_body;
    char *body; /* NUL-terminated beyond body_len; NULL while empty */
    size_t body_len, body_cap;
    uint64_t bytes; /* of body received, kept or not */
    char content_type[128];
};

/* Starts anew, waiting for a status line; a body is not freed. */
void fetch_answer_init(struct fetch_answer *answer, size_t max_body);
/* Takes one line of the head, or a trailer, with its line end; false: refused, see verdict. */
bool fetch_answer_line(struct fetch_answer *answer, const char *line, size_t len);
/* Takes a piece of the body; false: refused, see verdict. */
bool fetch_answer_piece(struct fetch_answer *answer, const char *data, size_t len);
/* The final status, 0 when none has come. */
int fetch_answer_status(const struct fetch_answer *answer);

#endif
