#include "json.h"
#include "plain.h"
#include "utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef const unsigned char *cursor;

/* The containers that are open: one bit each, set for an object, so that depth costs no memory. */
struct nesting {
    uint64_t objects[JSON_MAX_DEPTH / 64];
    unsigned depth, max;
    unsigned char closer; /* of the innermost one */
};

static const unsigned char type_of[256] = {
    ['{'] = JSON_OBJECT, ['['] = JSON_ARRAY,  ['"'] = JSON_STRING, ['-'] = JSON_NUMBER,
    ['0'] = JSON_NUMBER, ['1'] = JSON_NUMBER, ['2'] = JSON_NUMBER, ['3'] = JSON_NUMBER,
    ['4'] = JSON_NUMBER, ['5'] = JSON_NUMBER, ['6'] = JSON_NUMBER, ['7'] = JSON_NUMBER,
    ['8'] = JSON_NUMBER, ['9'] = JSON_NUMBER, ['t'] = JSON_TRUE,   ['f'] = JSON_FALSE,
    ['n'] = JSON_NULL};

static inline bool is_digit(unsigned char c)
{
    return (unsigned)(c - '0') < 10;
}

static inline bool is_hex(unsigned char c)
{
    return is_digit(c) || (unsigned)((c | 0x20) - 'a') < 6;
}

static inline bool is_space(unsigned char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The first byte behind the line end or blank at p that is not white space. */
static cursor skip_indent(cursor p, cursor end)
{
    p++;
#ifdef __SSE2__
    while (end - p >= 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i blank = _mm_cmpeq_epi8(v, _mm_set1_epi8(' '));
        unsigned other = ~(unsigned)_mm_movemask_epi8(blank) & 0xffff;

        p += other ? __builtin_ctz(other) : 16;
        if (other && !is_space(*p))
            return p;
        if (other)
            p++;
    }
#endif
    while (p < end && is_space(*p))
        p++;
    return p;
}

/* The first byte from p on that is not white space; mostly there is none, or one blank. */
static inline cursor skip_space(cursor p, cursor end)
{
    if (p == end || *p > ' ')
        return p;
    if (end - p > 1 && *p == ' ' && p[1] > ' ')
        return p + 1;
    return is_space(*p) ? skip_indent(p, end) : p;
}

/* Past the escape whose backslash stands at p, or NULL. */
static inline cursor escape(cursor p, cursor end)
{
    static const bool known[256] = {
        ['"'] = 1, ['\\'] = 1, ['/'] = 1, ['b'] = 1, ['f'] = 1, ['n'] = 1, ['r'] = 1, ['t'] = 1};

    if (end - p < 2)
        return NULL;
    if (known[p[1]])
        return p + 2;
    if (p[1] != 'u' || end - p < 6)
        return NULL;
    return is_hex(p[2]) && is_hex(p[3]) && is_hex(p[4]) && is_hex(p[5]) ? p + 6 : NULL;
}

/* Past the bytes from p on that are not ASCII, or NULL when they are not UTF-8. */
static inline cursor skip_utf8(cursor p, cursor end)
{
    while (p < end && *p >= 0x80) {
        size_t n = utf8_sequence(p, (size_t)(end - p));

        if (!n)
            return NULL;
        p += n;
    }
    return p;
}

/* Past the rest of a string, from a byte on that is not plain, or NULL. */
static cursor string_rest(cursor p, cursor end)
{
    while (p && p < end && *p >= 0x20) {
        if (*p == '"')
            return p + 1;
        p = *p == '\\' ? escape(p, end) : skip_utf8(p, end);
        if (p)
            p = plain_skip(p, end);
    }
    return NULL;
}

/* Past the string whose opening quote stands at p, or NULL. */
static inline cursor string(cursor p, cursor end)
{
    p = plain_skip(p + 1, end);
    return p < end && *p == '"' ? p + 1 : string_rest(p, end);
}

/* Past one or more digits, or NULL when there is none. */
static inline cursor digits(cursor p, cursor end)
{
    cursor start = p;

    while (p < end && is_digit(*p))
        p++;
    return p > start ? p : NULL;
}

static inline cursor number(cursor p, cursor end)
{
    if (*p == '-')
        p++;
    if (p < end && *p == '0')
        p++;
    else
        p = digits(p, end);
    if (p && p < end && *p == '.')
        p = digits(p + 1, end);
    if (p && p < end && (*p | 0x20) == 'e') {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        p = digits(p, end);
    }
    return p;
}

static inline cursor word(cursor p, cursor end, const char *text, size_t len)
{
    return (size_t)(end - p) >= len && !memcmp(p, text, len) ? p + len : NULL;
}

/* Past the string, number or word at p, or NULL. */
static inline cursor scalar(cursor p, cursor end)
{
    switch (type_of[*p]) {
    case JSON_STRING:
        return string(p, end);
    case JSON_NUMBER:
        return number(p, end);
    case JSON_TRUE:
        return word(p, end, "true", 4);
    case JSON_FALSE:
        return word(p, end, "false", 5);
    case JSON_NULL:
        return word(p, end, "null", 4);
    default:
        return NULL;
    }
}

/* From the key at p to the value after its colon, or NULL. */
static inline cursor key(cursor p, cursor end)
{
    if (p == end || *p != '"')
        return NULL;
    p = string(p, end);
    if (!p)
        return NULL;
    p = skip_space(p, end);
    if (p == end || *p != ':')
        return NULL;
    return skip_space(p + 1, end);
}

static inline bool push(struct nesting *n, bool object)
{
    uint64_t bit = (uint64_t)1 << n->depth % 64;

    if (n->depth >= n->max)
        return false;
    if (object)
        n->objects[n->depth / 64] |= bit;
    else
        n->objects[n->depth / 64] &= ~bit;
    n->depth++;
    n->closer = object ? '}' : ']';
    return true;
}

static inline void pop(struct nesting *n)
{
    unsigned outer = --n->depth - 1;

    if (n->depth)
        n->closer = n->objects[outer / 64] >> outer % 64 & 1 ? '}' : ']';
}

/* From the end of a value to the next one, past all that close here; depth 0: it was the last. */
static inline cursor leave(struct nesting *n, cursor p, cursor end)
{
    while (n->depth) {
        p = skip_space(p, end);
        if (p == end)
            return NULL;
        if (*p == ',') {
            p = skip_space(p + 1, end);
            return n->closer == '}' ? key(p, end) : p;
        }
        if (*p != n->closer)
            return NULL;
        pop(n);
        p++;
    }
    return p;
}

/* From the opener at p to the first value within, or past all that close when it is empty. */
static inline cursor enter(struct nesting *n, cursor p, cursor end)
{
    if (!push(n, *p == '{'))
        return NULL;
    p = skip_space(p + 1, end);
    if (p == end)
        return NULL;
    if (*p == n->closer)
        return leave(n, p, end);
    return n->closer == '}' ? key(p, end) : p;
}

/* Past the one value at p with all within, or NULL. */
static cursor value(cursor p, cursor end, unsigned max_depth)
{
    struct nesting n;

    n.depth = 0;
    n.max = max_depth < JSON_MAX_DEPTH ? max_depth : JSON_MAX_DEPTH;
    n.closer = 0;
    do {
        if (p == end)
            return NULL;
        if (*p == '{' || *p == '[') {
            p = enter(&n, p, end);
        } else {
            p = scalar(p, end);
            if (p)
                p = leave(&n, p, end);
        }
    } while (p && n.depth);
    return p;
}

enum json_type json_check(const char *text, size_t len, unsigned max_depth, size_t *at,
                          size_t *value_len)
{
    cursor base = (cursor)text, end, p, start;

    if (!len)
        return JSON_INVALID;
    end = base + len;
    start = skip_space(base, end);
    if (start == end)
        return JSON_INVALID;
    p = value(start, end, max_depth);
    if (!p || skip_space(p, end) != end)
        return JSON_INVALID;
    if (at)
        *at = (size_t)(start - base);
    if (value_len)
        *value_len = (size_t)(p - start);
    return (enum json_type)type_of[*start];
}
