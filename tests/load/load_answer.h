/* Reads the head of an HTTP/1.1 answer: only what a load test has to know of it. */
#ifndef LOAD_ANSWER_H
#define LOAD_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

enum load_answer_state {
    LOAD_ANSWER_MORE, /* the head is not complete yet */
    LOAD_ANSWER_HEAD, /* it is, and *out holds what it says */
    LOAD_ANSWER_BAD   /* this is no answer, or its length is not told */
};

struct load_answer {
    size_t head_len; /* with the empty line */
    size_t body_len; /* from Content-Length */
    int status;
    bool partial; /* Weir-Complete: false */
    bool closes;  /* Connection: close, or HTTP/1.0 */
};

/* Looks at the bytes that have come so far. */
enum load_answer_state load_answer_read(const char *bytes, size_t len, struct load_answer *out);

#endif
