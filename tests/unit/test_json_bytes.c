/* The JSON check byte by byte: every prefix, every byte, every code point, every depth. */
#include "json.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* Checks a copy that ends where its memory ends, so that a sanitizer sees a byte read too far. */
static enum json_type check(const char *text, size_t len, unsigned max_depth)
{
    char *copy = malloc(len ? len : 1);
    enum json_type type;

    cr_assert_not_null(copy);
    memcpy(copy, text, len);
    type = json_check(copy, len, max_depth, NULL, NULL);
    free(copy);
    return type;
}

Test(json_bytes, every_proper_prefix_is_invalid)
{
    static const char text[] = "{\"id\":9007199254740993,\"name\":\"Zo\xc3\xab \\u00e9 \\\"x\\\"\","
                               "\"tags\":[true,false,null,[],{}],\"score\":-1.25e+10}";

    cr_expect_eq(check(text, sizeof(text) - 1, 64), JSON_OBJECT);
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        cr_expect_eq(check(text, i, 64), JSON_INVALID, "the first %zu bytes", i);
}

/* Puts middle between pad bytes of plain text in a string, so that it meets every alignment. */
static enum json_type in_string(size_t pad, const char *middle, size_t len)
{
    char text[128];
    size_t n = 0;

    text[n++] = '"';
    memset(text + n, 'x', pad);
    n += pad;
    memcpy(text + n, middle, len);
    n += len;
    memset(text + n, 'y', 20 - pad % 20);
    n += 20 - pad % 20;
    text[n++] = '"';
    return check(text, n, 0);
}

Test(json_bytes, every_byte_in_a_string_at_every_alignment)
{
    for (size_t pad = 0; pad < 40; pad++) {
        for (int c = 0; c < 256; c++) {
            bool plain = c >= 0x20 && c < 0x80 && c != '\\' && c != '"';
            char byte = (char)c;
            enum json_type type = in_string(pad, &byte, 1);

            cr_expect_eq(type, plain ? JSON_STRING : JSON_INVALID, "byte %02x after %zu", c, pad);
        }
    }
}

/* Encodes a code point in exactly n bytes, be it the right number or not. */
static void encode(char *out, unsigned code, size_t n)
{
    static const unsigned lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = n - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(lead[n] | code);
}

Test(json_bytes, every_code_point_in_every_length)
{
    static const unsigned first[] = {0, 0, 0x80, 0x800, 0x10000};
    static const unsigned limit[] = {0, 0, 0x800, 0x10000, 0x200000};

    for (size_t n = 2; n <= 4; n++) {
        for (unsigned code = 0; code < limit[n]; code++) {
            bool good = code >= first[n] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
            char text[6] = "\"";
            enum json_type type;

            encode(text + 1, code, n);
            text[n + 1] = '"';
            type = json_check(text, n + 2, 0, NULL, NULL);
            if (type != (good ? JSON_STRING : JSON_INVALID))
                cr_assert_fail("U+%X in %zu bytes", code, n);
        }
    }
}

Test(json_bytes, a_sequence_needs_all_its_continuation_bytes)
{
    static const char *const sequences[] = {"\xc3\xa9", "\xe2\x82\xac", "\xed\x95\x9c",
                                            "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"};

    for (size_t i = 0; i < COUNT(sequences); i++) {
        size_t len = strlen(sequences[i]);

        for (size_t pad = 0; pad < 40; pad++) {
            cr_expect_eq(in_string(pad, sequences[i], len), JSON_STRING, "%zu after %zu", i, pad);
            for (size_t cut = 1; cut < len; cut++) {
                cr_expect_eq(in_string(pad, sequences[i], cut), JSON_INVALID,
                             "%zu cut to %zu after %zu", i, cut, pad);
            }
            cr_expect_eq(in_string(pad, sequences[i] + 1, len - 1), JSON_INVALID,
                         "%zu without its lead after %zu", i, pad);
        }
    }
}

/* depth times the opener, then depth times the closer. */
static enum json_type nested(size_t depth, const char *opener, const char *closer, unsigned max)
{
    size_t open = strlen(opener), close = strlen(closer), n = 0;
    char *text = malloc(depth * (open + close) + 1);
    enum json_type type;

    cr_assert_not_null(text);
    for (size_t i = 0; i < depth; i++, n += open)
        memcpy(text + n, opener, open);
    if (open > 1 && close)
        text[n++] = '1';
    for (size_t i = 0; i < depth; i++, n += close)
        memcpy(text + n, closer, close);
    type = json_check(text, n, max, NULL, NULL);
    free(text);
    return type;
}

Test(json_bytes, depth_is_limited)
{
    static const unsigned limits[] = {1, 2, 63, 64, 65, 127, 128, 1000, JSON_MAX_DEPTH};

    for (size_t i = 0; i < COUNT(limits); i++) {
        unsigned max = limits[i];

        cr_expect_eq(nested(max, "[", "]", max), JSON_ARRAY, "arrays, %u", max);
        cr_expect_eq(nested(max + 1, "[", "]", max), JSON_INVALID, "arrays, one over %u", max);
        cr_expect_eq(nested(max, "{\"a\":", "}", max), JSON_OBJECT, "objects, %u", max);
        cr_expect_eq(nested(max + 1, "{\"a\":", "}", max), JSON_INVALID, "objects, one over %u",
                     max);
    }
    cr_expect_eq(check("[]", 2, 0), JSON_INVALID);
    cr_expect_eq(check("7", 1, 0), JSON_NUMBER);
    cr_expect_eq(check("[[1]]", 5, 2), JSON_ARRAY);
    cr_expect_eq(check("[[1]]", 5, 1), JSON_INVALID);
    cr_expect_eq(check("[[1],[2],{\"a\":3}]", 17, 2), JSON_ARRAY);
    cr_expect_eq(nested(JSON_MAX_DEPTH, "[", "]", 1000000), JSON_ARRAY);
    cr_expect_eq(nested(JSON_MAX_DEPTH + 1, "[", "]", 1000000), JSON_INVALID);
    cr_expect_eq(nested(10000, "[", "]", JSON_MAX_DEPTH), JSON_INVALID);
    cr_expect_eq(nested(10000, "[", "", JSON_MAX_DEPTH), JSON_INVALID);
    cr_expect_eq(nested(10000, "[{\"\":", "}]", JSON_MAX_DEPTH), JSON_INVALID);
    cr_expect_eq(nested(100000, "[{\"\":", "", 64), JSON_INVALID);
}

/* Writes depth containers, the i-th an object where pattern has that bit, and returns the length.
 */
static size_t mixed(char *text, unsigned depth, uint64_t pattern, size_t *first_closer)
{
    size_t n = 0;

    for (unsigned i = 0; i < depth; i++) {
        bool object = pattern >> i % 61 & 1;

        memcpy(text + n, object ? "{\"k\":" : "[", object ? 5 : 1);
        n += object ? 5 : 1;
    }
    text[n++] = '0';
    *first_closer = n;
    for (unsigned i = depth; i-- > 0;)
        text[n++] = pattern >> i % 61 & 1 ? '}' : ']';
    return n;
}

Test(json_bytes, every_container_is_closed_by_its_own_kind)
{
    static const uint64_t patterns[] = {0x123456789abcdef1, 0x0aaaaaaaaaaaaaaa, 0x1fffffff00000000};
    static char text[2000];

    for (size_t i = 0; i < COUNT(patterns); i++) {
        size_t closer, n = mixed(text, 200, patterns[i], &closer);

        cr_expect_neq(check(text, n, 200), JSON_INVALID, "pattern %zu", i);
        for (; closer < n; closer++) {
            text[closer] = text[closer] == '}' ? ']' : '}';
            cr_expect_eq(check(text, n, 200), JSON_INVALID, "pattern %zu, byte %zu", i, closer);
            text[closer] = text[closer] == '}' ? ']' : '}';
        }
    }
}

Test(json_bytes, tells_where_the_value_lies)
{
    static const struct {
        const char *text;
        size_t at, len;
    } rows[] = {
        {"{}", 0, 2},
        {" \n{\"a\": 1 }\r\n ", 2, 9},
        {"\t7", 1, 1},
        {"12.5e3 ", 0, 6},
        {"                                  \"x\"                                  ", 34, 3},
        {"[ ]", 0, 3},
        {" null\t", 1, 4},
    };
    size_t at = 77, len = 88;

    for (size_t i = 0; i < COUNT(rows); i++) {
        json_check(rows[i].text, strlen(rows[i].text), 64, &at, &len);
        cr_expect_eq(at, rows[i].at, "row %zu: at %zu", i, at);
        cr_expect_eq(len, rows[i].len, "row %zu: length %zu", i, len);
    }
    at = 77;
    len = 88;
    cr_expect_eq(json_check(" [1] x", 6, 64, &at, &len), JSON_INVALID);
    cr_expect_eq(at, 77, "untouched when invalid");
    cr_expect_eq(len, 88, "untouched when invalid");
}

Test(json_bytes, white_space_of_every_length)
{
    static const char kinds[] = " \n\r\t";
    char text[160];

    for (size_t pad = 0; pad < 50; pad++) {
        for (size_t k = 0; k < 4; k++) {
            size_t n = 0;

            text[n++] = '[';
            memset(text + n, ' ', pad);
            n += pad;
            text[n++] = kinds[k];
            memset(text + n, ' ', pad / 2);
            n += pad / 2;
            text[n++] = ']';
            cr_expect_eq(check(text, n, 1), JSON_ARRAY, "%zu blanks, kind %zu", pad, k);
            text[1 + pad] = '\f';
            cr_expect_eq(check(text, n, 1), JSON_INVALID, "form feed after %zu", pad);
            text[1 + pad] = '\0';
            cr_expect_eq(check(text, n, 1), JSON_INVALID, "NUL after %zu", pad);
        }
    }
}
