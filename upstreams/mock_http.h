/* Pure helpers about requests: reading a head, fitting a path to a pattern. */
#ifndef MOCK_HTTP_H
#define MOCK_HTTP_H

#include "mock_bytes.h"
#include "mock_units.h"

#define MOCK_HTTP_PARAMS 4

/* A request head, pointing into the bytes it was read from. */
struct mock_head {
    struct mock_text method, target, path; /* path: the target without authority and query */
    struct mock_text fields;               /* the header lines with their CR LF */
    size_t len;                            /* of the whole head with its empty line */
    size_t body_len;
    bool keep_alive;
    bool old; /* HTTP/1.0, which has to be told that the connection stays */
};

enum mock_head_result {
    MOCK_HEAD_OK,
    MOCK_HEAD_MORE,   /* not there yet */
    MOCK_HEAD_BAD,    /* not a request */
    MOCK_HEAD_LENGTH, /* a body without Content-Length */
};

/* Reads the head at the start of bytes; scanned (0 at first) remembers what was looked at. */
enum mock_head_result mock_http_head(struct mock_text bytes, size_t *scanned,
                                     struct mock_head *out);

/* The next header line of fields, which it shortens; false at their end. */
bool mock_http_field(struct mock_text *fields, struct mock_text *name, struct mock_text *value);

/* Whether two texts are the same, letters in either case. */
bool mock_http_same(struct mock_text text, const char *word);

/* What the parameters of a pattern stand for, still percent-encoded. */
struct mock_params {
    struct {
        struct mock_text name, value;
    } item[MOCK_HTTP_PARAMS];
    size_t n;
};

/* Whether a path fits a pattern: "{name}" is one segment that is not empty, a last "*" any rest. */
bool mock_http_match(const char *pattern, struct mock_text path, struct mock_params *params);

/* Adds a text with its percent-encoding undone; a broken escape stays as it is. */
void mock_http_decode(struct mock_bytes *to, struct mock_text encoded);

/* The standard's phrase for a status; "Status" for one it has none for. */
const char *mock_http_reason(int status);

#endif
