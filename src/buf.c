#include "buf.h"
#include "plain.h"
#include "utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP  256
#define U64_DIGITS 20

static const uint64_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000};

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_init_fixed(struct buf *b, char *data, size_t size)
{
    *b = (struct buf){.data = data, .cap = size, .max = size, .fixed = true};
}

void buf_done(struct buf *b)
{
    if (!b->fixed)
        free(b->data);
    *b = (struct buf){.max = b->max};
}

bool buf_ok(const struct buf *b)
{
    return !b->failed;
}

/* Makes the memory hold want bytes; only buf_cstr and buf_printf ask for one, a NUL, past max. */
static bool grow(struct buf *b, size_t want)
{
    size_t cap = b->cap ? b->cap : FIRST_CAP;
    char *data;

    if (want <= b->cap)
        return true;
    while (cap < want)
        cap = cap > SIZE_MAX / 2 ? want : cap * 2;
    if (cap > b->max)
        cap = want > b->max ? want : b->max;
    data = b->fixed ? NULL : realloc(b->data, cap);
    if (!data) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

bool buf_reserve(struct buf *b, size_t n)
{
    if (b->failed)
        return false;
    if (n > b->max - b->len) {
        b->failed = true;
        return false;
    }
    return grow(b, b->len + n);
}

/* Writes v so that it ends before end, with at least width digits; returns where it starts. */
static char *digits(char *end, uint64_t v, unsigned width)
{
    char *p = end;

    do {
        *--p = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    while (end - p < (ptrdiff_t)width)
        *--p = '0';
    return p;
}

void buf_u64(struct buf *b, uint64_t v)
{
    char text[U64_DIGITS], *end = text + sizeof(text), *p = digits(end, v, 1);

    buf_add(b, p, (size_t)(end - p));
}

/* The absolute value, right for INT64_MIN too. */
static uint64_t magnitude(int64_t v)
{
    return v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
}

void buf_i64(struct buf *b, int64_t v)
{
    char text[U64_DIGITS + 1], *end = text + sizeof(text), *p = digits(end, magnitude(v), 1);

    if (v < 0)
        *--p = '-';
    buf_add(b, p, (size_t)(end - p));
}

void buf_ms(struct buf *b, int64_t ns, unsigned decimals)
{
    char text[U64_DIGITS + 10], *end = text + sizeof(text), *p = end;
    uint64_t v, unit;

    if (decimals > 6)
        decimals = 6;
    unit = powers[6 - decimals];
    v = magnitude(ns) / unit;
    if (magnitude(ns) % unit * 2 >= unit)
        v++;
    if (decimals) {
        p = digits(end, v % powers[decimals], decimals);
        *--p = '.';
    }
    p = digits(p, v / powers[decimals], 1);
    if (ns < 0 && v)
        *--p = '-';
    buf_add(b, p, (size_t)(end - p));
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args, again;
    size_t room;
    int n;

    if (b->failed)
        return;
    room = b->cap - b->len;
    va_start(args, format);
    va_copy(again, args);
    n = vsnprintf(room ? b->data + b->len : NULL, room, format, args);
    if (n < 0)
        b->failed = true;
    else if (buf_reserve(b, (size_t)n) && grow(b, b->len + (size_t)n + 1)) {
        if ((size_t)n >= room)
            vsnprintf(b->data + b->len, (size_t)n + 1, format, again);
        b->len += (size_t)n;
    }
    va_end(again);
    va_end(args);
}

/* Adds one byte below 0x20, a quote or a backslash as its escape. */
static void add_escape(struct buf *b, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char short_forms[128] = {['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
                                          ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't'};
    char text[6] = {'\\', short_forms[c], '0', '0', hex[c >> 4], hex[c & 15]};

    if (!text[1])
        text[1] = 'u';
    buf_add(b, text, text[1] == 'u' ? 6 : 2);
}

/* How many bytes from the start go into a JSON string unchanged. */
static size_t clean_run(const unsigned char *s, size_t len)
{
    const unsigned char *p = s, *end = s + len;
    size_t n;

    do {
        p = plain_skip(p, end);
        n = p < end && *p >= 0x80 ? utf8_sequence(p, (size_t)(end - p)) : 0;
        p += n;
    } while (n);
    return (size_t)(p - s);
}

void buf_json_string(struct buf *b, const char *s, size_t len)
{
    const unsigned char *p = (const unsigned char *)s;

    buf_char(b, '"');
    while (len && !b->failed) {
        size_t n = clean_run(p, len);

        buf_add(b, p, n);
        p += n;
        len -= n;
        if (!len)
            break;
        if (*p < 0x80)
            add_escape(b, *p);
        else
            buf_add(b, "\xef\xbf\xbd", 3);
        p++;
        len--;
    }
    buf_char(b, '"');
}

const char *buf_cstr(struct buf *b)
{
    if (b->failed || !b->len || !grow(b, b->len + 1))
        return "";
    b->data[b->len] = '\0';
    return b->data;
}
