/*
 * A growable byte buffer for text that weir makes itself: JSON, log lines, metrics. An append that
 * finds no memory, or would pass the cap, marks the buffer as failed and later appends do nothing;
 * ask buf_ok once at the end.
 */
#ifndef BUF_H
#define BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
    char *data; /* not NUL-terminated unless buf_cstr was asked */
    size_t len, cap, max;
    bool failed, fixed; /* fixed: data is the caller's and never grows */
};

/* Starts an empty buffer that may grow to max bytes. Nothing is allocated yet. */
void buf_init(struct buf *b, size_t max);
/* Starts an empty buffer over the caller's memory; passing its size marks it failed. */
void buf_init_fixed(struct buf *b, char *data, size_t size);
void buf_done(struct buf *b);
bool buf_ok(const struct buf *b);
/* Makes room for n more bytes; false when failed. */
bool buf_reserve(struct buf *b, size_t n);

/* Where n more bytes go, or NULL when they find no room; inline, as are its callers, so that what
 * is known of a length when compiled is used. */
static inline char *buf_room(struct buf *b, size_t n)
{
    if ((b->failed || n > b->cap - b->len || n > b->max - b->len) && !buf_reserve(b, n))
        return NULL;
    return b->data + b->len;
}
static inline void buf_add(struct buf *b, const void *data, size_t len)
{
    char *room = len ? buf_room(b, len) : NULL;

    if (!room)
        return;
    memcpy(room, data, len);
    b->len += len;
}
static inline void buf_str(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}
static inline void buf_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}
void buf_u64(struct buf *b, uint64_t v);
void buf_i64(struct buf *b, int64_t v);
/* Nanoseconds as milliseconds with a given number of decimals (0 to 6), point always '.'. */
void buf_ms(struct buf *b, int64_t ns, unsigned decimals);
/* Slow path only; never use it on the request path. */
__attribute__((format(printf, 2, 3))) void buf_printf(struct buf *b, const char *format, ...);
/* A JSON string with its quotes; bytes that are not valid UTF-8 become U+FFFD. */
void buf_json_string(struct buf *b, const char *s, size_t len);
/* NUL-terminates (not counted in len) and returns data, "" when failed or empty. */
const char *buf_cstr(struct buf *b);

#endif
