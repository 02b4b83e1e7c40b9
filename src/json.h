/*
 * Proves that bytes are one valid JSON text (RFC 8259) in valid UTF-8, in one pass, without
 * allocating: depth limited, no trailing bytes, no byte order mark. Lone surrogate escapes
 * (\ud800) are valid by the grammar and accepted.
 */
#ifndef JSON_H
#define JSON_H

#include <stddef.h>

enum json_type {
    JSON_INVALID,
    JSON_OBJECT,
    JSON_ARRAY,
    JSON_STRING,
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL
};

#define JSON_MAX_DEPTH 1024 /* the most that max_depth may be */

/* The type of the one value in text, or JSON_INVALID. *at and *value_len, when not NULL, are set
 * (valid text only) to where the value lies without the white space around it. */
enum json_type json_check(const char *text, size_t len, unsigned max_depth, size_t *at,
                          size_t *value_len);

#endif
