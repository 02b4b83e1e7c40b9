#include "buf.h"

#include <criterion/criterion.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* Lets an allocation that is too large fail under a sanitizer as it does without one. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void expect(struct buf *b, const char *want, const char *what)
{
    cr_expect(buf_ok(b), "%s", what);
    cr_expect_eq(b->len, strlen(want), "%s: length %zu", what, b->len);
    cr_expect_str_eq(buf_cstr(b), want, "%s", what);
}

Test(buf, empty_allocates_nothing)
{
    struct buf b;

    buf_init(&b, 100);
    cr_expect(buf_ok(&b));
    cr_expect_null(b.data);
    cr_expect_str_eq(buf_cstr(&b), "");
    buf_add(&b, NULL, 0);
    buf_str(&b, "");
    cr_expect_null(b.data);
    buf_done(&b);
    buf_done(&b);
}

Test(buf, appends_in_order)
{
    struct buf b;

    buf_init(&b, 1000);
    buf_str(&b, "ab");
    buf_char(&b, 'c');
    buf_add(&b, "de\0f", 2);
    buf_u64(&b, 0);
    buf_char(&b, ' ');
    buf_u64(&b, UINT64_MAX);
    buf_char(&b, ' ');
    buf_i64(&b, INT64_MIN);
    buf_char(&b, ' ');
    buf_i64(&b, INT64_MAX);
    buf_i64(&b, -7);
    buf_printf(&b, " %s=%d", "x", 5);
    expect(&b, "abcde0 18446744073709551615 -9223372036854775808 9223372036854775807-7 x=5", "all");
    buf_done(&b);
}

Test(buf, grows_up_to_its_cap_and_fails_past_it)
{
    struct buf b;

    for (size_t max = 0; max < 700; max += 7) {
        buf_init(&b, max);
        for (size_t i = 0; i < max; i++)
            buf_char(&b, 'x');
        cr_expect(buf_ok(&b), "cap %zu", max);
        cr_expect_leq(b.cap, max, "cap %zu", max);
        cr_expect_eq(strlen(buf_cstr(&b)), max, "cap %zu", max);
        buf_char(&b, 'x');
        cr_expect_not(buf_ok(&b), "cap %zu", max);
        cr_expect_eq(b.len, max, "cap %zu", max);
        buf_str(&b, "more");
        cr_expect_eq(b.len, max, "nothing is added after a failure");
        cr_expect_str_eq(buf_cstr(&b), "");
        buf_done(&b);
    }
}

Test(buf, reserve_judges_sizes_without_wrapping)
{
    struct buf b;

    buf_init(&b, SIZE_MAX);
    buf_str(&b, "abc");
    cr_expect_not(buf_reserve(&b, SIZE_MAX));
    cr_expect_not(buf_ok(&b));
    buf_done(&b);
    buf_init(&b, 1 << 20);
    cr_expect(buf_reserve(&b, 1 << 20));
    cr_expect_eq(b.len, 0);
    cr_expect_geq(b.cap, 1 << 20);
    buf_done(&b);
}

Test(buf, memory_that_is_not_there_is_a_failure)
{
    struct buf b;

    buf_init(&b, SIZE_MAX);
    cr_expect_not(buf_reserve(&b, SIZE_MAX / 4));
    cr_expect_not(buf_ok(&b));
    buf_done(&b);
}

Test(buf, fixed_memory_never_grows)
{
    char memory[8] = "#######";
    struct buf b;

    buf_init_fixed(&b, memory, 7);
    buf_str(&b, "1234567");
    cr_expect(buf_ok(&b));
    cr_expect_arr_eq(memory, "1234567", 8, "the byte behind is left alone");
    cr_expect_str_eq(buf_cstr(&b), "", "there is no room for a NUL");
    cr_expect_not(buf_ok(&b));

    buf_init_fixed(&b, memory, 7);
    buf_str(&b, "123456");
    cr_expect_str_eq(buf_cstr(&b), "123456");
    buf_str(&b, "78");
    cr_expect_not(buf_ok(&b));
    buf_done(&b);
}

Test(buf, printf_fits_exactly_or_fails)
{
    char memory[4];
    struct buf b;

    buf_init(&b, 5);
    buf_printf(&b, "%s", "12345");
    expect(&b, "12345", "exact");
    buf_printf(&b, "%d", 6);
    cr_expect_not(buf_ok(&b));
    buf_done(&b);
    buf_init(&b, 10000);
    buf_printf(&b, "%0600d", 1);
    buf_printf(&b, "%0600d", 2);
    cr_expect_eq(b.len, 1200);
    cr_expect_eq(b.data[1199], '2');
    buf_done(&b);
    buf_init(&b, 10000);
    cr_expect(buf_reserve(&b, 256));
    buf_printf(&b, "%0*d", (int)b.cap, 7);
    cr_expect_eq(b.data[b.len - 1], '7', "as long as the memory that was there");
    buf_done(&b);
    buf_init_fixed(&b, memory, sizeof(memory));
    buf_printf(&b, "abc");
    cr_expect(buf_ok(&b));
    buf_printf(&b, "%s", "d");
    cr_expect_not(buf_ok(&b));
    cr_expect_eq(b.len, 3);
}

Test(buf, nanoseconds_as_milliseconds)
{
    static const struct {
        int64_t ns;
        unsigned decimals;
        const char *want;
    } rows[] = {
        {0, 0, "0"},
        {0, 1, "0.0"},
        {0, 6, "0.000000"},
        {500412345, 1, "500.4"},
        {500450000, 1, "500.5"},
        {500449999, 1, "500.4"},
        {500000000, 0, "500"},
        {499500000, 0, "500"},
        {499499999, 0, "499"},
        {999950000, 1, "1000.0"},
        {1, 6, "0.000001"},
        {1234567, 6, "1.234567"},
        {1234567, 3, "1.235"},
        {1002003, 3, "1.002"},
        {60000, 1, "0.1"},
        {49999, 1, "0.0"},
        {-500412345, 1, "-500.4"},
        {-1, 1, "0.0"},
        {-1, 6, "-0.000001"},
        {1234567, 9, "1.234567"},
        {INT64_MAX, 0, "9223372036855"},
        {INT64_MAX, 6, "9223372036854.775807"},
        {INT64_MIN, 6, "-9223372036854.775808"},
    };
    struct buf b;

    for (size_t i = 0; i < COUNT(rows); i++) {
        buf_init(&b, 100);
        buf_ms(&b, rows[i].ns, rows[i].decimals);
        expect(&b, rows[i].want, rows[i].want);
        buf_done(&b);
    }
}

Test(buf, json_strings)
{
    static const struct {
        const char *name, *text;
        size_t len;
        const char *want;
    } rows[] = {
        {"empty", "", 0, "\"\""},
        {"plain", "abc DEF /'", 10, "\"abc DEF /'\""},
        {"quotes", "a\"b\\c", 5, "\"a\\\"b\\\\c\""},
        {"short forms", "\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\""},
        {"controls", "\x01\x1f\0\x0b", 4, "\"\\u0001\\u001f\\u0000\\u000b\""},
        {"delete", "\x7f", 1, "\"\x7f\""},
        {"two bytes", "\xc3\xa9", 2, "\"\xc3\xa9\""},
        {"three bytes", "\xe2\x82\xac!", 4, "\"\xe2\x82\xac!\""},
        {"four bytes", "\xf0\x9f\x98\x80", 4, "\"\xf0\x9f\x98\x80\""},
        {"stray continuation", "a\x80z", 3, "\"a\xef\xbf\xbdz\""},
        {"never valid", "\xff\xfe", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"overlong slash", "\xc0\xaf", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"surrogate", "\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"cut", "a\xe2\x82", 3, "\"a\xef\xbf\xbd\xef\xbf\xbd\""},
        {"cut by ASCII", "\xc3(", 2, "\"\xef\xbf\xbd(\""},
        {"too high", "\xf4\x90\x80\x80", 4, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    struct buf b;

    for (size_t i = 0; i < COUNT(rows); i++) {
        buf_init(&b, 1000);
        buf_json_string(&b, rows[i].text, rows[i].len);
        cr_expect(b.len == strlen(rows[i].want) && !memcmp(b.data, rows[i].want, b.len), "%s",
                  rows[i].name);
        buf_done(&b);
    }
}

Test(buf, a_json_string_past_the_cap_fails)
{
    char memory[10];
    struct buf b;

    for (size_t size = 0; size < sizeof(memory); size++) {
        buf_init_fixed(&b, memory, size);
        buf_json_string(&b, "a\n\xffz", 4);
        cr_expect_eq(buf_ok(&b), size >= 9, "%zu", size);
    }
}
