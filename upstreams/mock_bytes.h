/* Bytes that grow at the end. Running out of memory is remembered, so it is checked once, at last.
 */
#ifndef MOCK_BYTES_H
#define MOCK_BYTES_H

#include <stdbool.h>
#include <stddef.h>

/* Zero it before first use. */
struct mock_bytes {
    char *at;
    size_t len, cap;
    bool failed; /* something could not be added since the last reset */
};

/* Makes room for more bytes at the end; false when memory is out. */
bool mock_bytes_reserve(struct mock_bytes *b, size_t more);
void mock_bytes_add(struct mock_bytes *b, const void *from, size_t len);
void mock_bytes_text(struct mock_bytes *b, const char *text);
void mock_bytes_format(struct mock_bytes *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Adds a decimal number. */
void mock_bytes_number(struct mock_bytes *b, unsigned long long value);
/* Adds text as the inside of a JSON string; what is not UTF-8 becomes U+FFFD. */
void mock_bytes_json(struct mock_bytes *b, const char *text, size_t len);
/* Takes bytes off the front. */
void mock_bytes_drain(struct mock_bytes *b, size_t len);
/* Empties it; the memory stays. */
void mock_bytes_reset(struct mock_bytes *b);
/* Empties it and gives the memory back. */
void mock_bytes_done(struct mock_bytes *b);

#endif
