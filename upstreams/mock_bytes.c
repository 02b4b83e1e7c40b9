#include "mock_bytes.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 1024

bool mock_bytes_reserve(struct mock_bytes *b, size_t more)
{
    size_t cap = b->cap > 0 ? b->cap : FIRST_CAP;
    char *at;

    if (more <= b->cap - b->len)
        return true;
    while (cap - b->len < more && cap <= SIZE_MAX / 2)
        cap *= 2;
    at = cap - b->len < more ? NULL : realloc(b->at, cap);
    if (at == NULL) {
        b->failed = true;
        return false;
    }
    b->at = at;
    b->cap = cap;
    return true;
}

void mock_bytes_add(struct mock_bytes *b, const void *from, size_t len)
{
    if (len == 0 || !mock_bytes_reserve(b, len))
        return;
    memcpy(b->at + b->len, from, len);
    b->len += len;
}

void mock_bytes_text(struct mock_bytes *b, const char *text)
{
    mock_bytes_add(b, text, strlen(text));
}

void mock_bytes_format(struct mock_bytes *b, const char *format, ...)
{
    va_list args, again;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    if (len >= 0 && mock_bytes_reserve(b, (size_t)len + 1)) {
        vsnprintf(b->at + b->len, (size_t)len + 1, format, again);
        b->len += (size_t)len;
    }
    va_end(again);
    va_end(args);
}

void mock_bytes_number(struct mock_bytes *b, unsigned long long value)
{
    char digits[24];
    size_t i = sizeof(digits);

    do {
        digits[--i] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    mock_bytes_add(b, digits + i, sizeof(digits) - i);
}

/* The length of the well-formed UTF-8 sequence at the start, or 0. */
static size_t utf8_len(const unsigned char *p, size_t len)
{
    static const struct {
        unsigned char first, last, low, high; /* of the first byte, of the second */
        size_t len;
    } forms[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (p[0] < forms[i].first || p[0] > forms[i].last)
            continue;
        if (forms[i].len > len ||
            (forms[i].len > 1 && (p[1] < forms[i].low || p[1] > forms[i].high)))
            return 0;
        for (size_t k = 2; k < forms[i].len; k++)
            if (p[k] < 0x80 || p[k] > 0xbf)
                return 0;
        return forms[i].len;
    }
    return 0;
}

void mock_bytes_json(struct mock_bytes *b, const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;

    for (size_t i = 0; i < len;) {
        size_t step = utf8_len(p + i, len - i);

        if (step == 0)
            mock_bytes_text(b, "\xef\xbf\xbd");
        else if (p[i] == '"' || p[i] == '\\')
            mock_bytes_format(b, "\\%c", p[i]);
        else if (p[i] < 0x20 || p[i] == 0x7f)
            mock_bytes_format(b, "\\u%04x", p[i]);
        else
            mock_bytes_add(b, p + i, step);
        i += step > 0 ? step : 1;
    }
}

void mock_bytes_drain(struct mock_bytes *b, size_t len)
{
    if (len < b->len)
        memmove(b->at, b->at + len, b->len - len);
    b->len -= len < b->len ? len : b->len;
}

void mock_bytes_reset(struct mock_bytes *b)
{
    b->len = 0;
    b->failed = false;
}

void mock_bytes_done(struct mock_bytes *b)
{
    free(b->at);
    *b = (struct mock_bytes){NULL, 0, 0, false};
}
