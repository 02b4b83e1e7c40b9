/* What the files of the gate share: the byte classes, and the judges of targets and of headers. */
#ifndef GATE_PARTS_H
#define GATE_PARTS_H

#include "gate.h"

enum gate_class {
    GATE_TOKEN = 1,     /* method and header name (RFC 9110 5.6.2) */
    GATE_TARGET = 2,    /* visible ASCII but '#' */
    GATE_VALUE = 4,     /* of a header value: visible, blank, tab, obs-text */
    GATE_HOST_CHAR = 8, /* unreserved and sub-delims (RFC 3986); '%' and ':' are not among them */
};

/* For each byte the sum of its classes, 16 to a row. */
/* clang-format off */
static const unsigned char gate_classes[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    4, 15, 6, 5, 15, 7, 15, 15, 14, 14, 15, 15, 14, 15, 15, 6,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6, 14, 6, 14, 6, 6,
    6, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6, 6, 6, 7, 15,
    7, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6, 7, 6, 15, 0,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
};
/* clang-format on */

/* Whether a byte is of one of the classes. */
static inline bool gate_is(char c, unsigned classes)
{
    return gate_classes[(unsigned char)c] & classes;
}

/* Whether len bytes are those of a word, compared without case. */
bool gate_same(const char *bytes, const char *word, size_t len);

/* Whether a span is that word, compared without case. */
static inline bool gate_span_is(const struct gate_span *span, const char *word, size_t len)
{
    return span->len == len && gate_same(span->at, word, len);
}

/* Whether bytes are a host with an optional port, as in Host and in an absolute-form target. */
bool gate_authority_ok(const char *s, size_t len);

/* Finds the path of a target: NULL, or why the target is refused (and path is empty). */
const char *gate_path_of(const struct gate_span *method, const struct gate_span *target,
                         struct gate_span *path);

/* Judges the fields that frame and route a request and sets what they ask for: NULL, or why they
 * are refused. */
const char *gate_judge_headers(struct gate_head *head);

#endif
