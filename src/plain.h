/* Plain bytes of a JSON string: those that stand in it as they are, one byte each. */
#ifndef PLAIN_H
#define PLAIN_H

#include <stdbool.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Printable ASCII but quote and backslash. */
static inline bool plain_is(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* The first byte from p on that is not plain, or end. */
static inline const unsigned char *plain_skip(const unsigned char *p, const unsigned char *end)
{
#ifdef __SSE2__
    while (end - p >= 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i low_or_high = _mm_cmplt_epi8(v, _mm_set1_epi8(0x20)); /* signed: 0x80 and up too */
        __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
        __m128i backslash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
        __m128i either = _mm_or_si128(low_or_high, _mm_or_si128(quote, backslash));
        unsigned special = (unsigned)_mm_movemask_epi8(either);

        if (special)
            return p + __builtin_ctz(special);
        p += 16;
    }
#endif
    while (p < end && plain_is(*p))
        p++;
    return p;
}

#endif
