#include "trace.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define ID       "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN     "00f067aa0ba902b7"
#define ZERO     "0000000000000000"

static bool is_hex(const char *s, size_t len)
{
    return strspn(s, "0123456789abcdef") >= len;
}

static void expect_form(const struct trace *t, const char *flags, const char *what)
{
    cr_expect_eq(strlen(t->parent), TRACE_PARENT_LEN, "%s: %s", what, t->parent);
    cr_expect_eq(strlen(t->trace_id), 32, "%s: %s", what, t->trace_id);
    cr_expect(is_hex(t->trace_id, 32), "%s: %s", what, t->trace_id);
    cr_expect(!strncmp(t->parent, "00-", 3), "%s: %s", what, t->parent);
    cr_expect(!strncmp(t->parent + 3, t->trace_id, 32), "%s: %s", what, t->parent);
    cr_expect_eq(t->parent[35], '-', "%s: %s", what, t->parent);
    cr_expect(is_hex(t->parent + 36, 16), "%s: %s", what, t->parent);
    cr_expect_str_eq(t->parent + 52, flags, "%s: %s", what, t->parent);
    cr_expect(strncmp(t->parent + 36, ZERO, 16), "%s: a span id is never zero", what);
    cr_expect(strncmp(t->parent + 36, SPAN, 16), "%s: the span id is ours", what);
}

Test(trace, a_good_parent_is_continued)
{
    static const struct {
        const char *parent, *flags;
    } rows[] = {
        {"00-" ID "-" SPAN "-01", "-01"},
        {"00-" ID "-" SPAN "-00", "-00"},
        {"00-" ID "-" SPAN "-ff", "-01"},
        {"00-" ID "-" SPAN "-fe", "-00"},
        {"00-" ID "-" SPAN "-0b", "-01"},
        {"01-" ID "-" SPAN "-01", "-01"},
        {"cc-" ID "-" SPAN "-01-what-the-future-brings", "-01"},
        {"fe-" ID "-" SPAN "-00-", "-00"},
    };
    struct trace t;

    for (size_t i = 0; i < COUNT(rows); i++) {
        cr_expect(trace_from(&t, rows[i].parent, strlen(rows[i].parent)), "%s", rows[i].parent);
        cr_expect_str_eq(t.trace_id, ID, "%s", rows[i].parent);
        expect_form(&t, rows[i].flags, rows[i].parent);
    }
}

Test(trace, a_bad_parent_begins_a_new_trace)
{
    static const char *const rows[] = {
        "",
        "00",
        "00-" ID "-" SPAN,
        "00-" ID "-" SPAN "-0",
        "00-" ID "-" SPAN "-01-",
        "00-" ID "-" SPAN "-01 ",
        "00-" ID "-" SPAN "-011",
        "01-" ID "-" SPAN "-01.x",
        "01-" ID "-" SPAN "-012",
        "ff-" ID "-" SPAN "-01",
        "0-" ID "-" SPAN "-01-",
        "FE-" ID "-" SPAN "-01",
        "0g-" ID "-" SPAN "-01",
        "00_" ID "-" SPAN "-01",
        "00-" ID "_" SPAN "-01",
        "00-" ID "-" SPAN "_01",
        "00-" ZERO ZERO "-" SPAN "-01",
        "00-" ID "-" ZERO "-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01",
        "00-" ID "-00F067AA0BA902B7-01",
        "00-" ID "-" SPAN "-0G",
        "00-" ID "-" SPAN "-0A",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b70-01",
        " 00-" ID "-" SPAN "-01",
    };
    struct trace t;

    for (size_t i = 0; i < COUNT(rows); i++) {
        cr_expect_not(trace_from(&t, rows[i], strlen(rows[i])), "%s", rows[i]);
        cr_expect(strcmp(t.trace_id, ID), "%s", rows[i]);
        expect_form(&t, "-00", rows[i]);
    }
    cr_expect_not(trace_from(&t, NULL, 0));
    expect_form(&t, "-00", "none");
}

Test(trace, every_single_changed_byte_is_noticed_or_harmless)
{
    static const char good[] = "00-" ID "-" SPAN "-01";
    struct trace t;

    for (size_t i = 0; i < TRACE_PARENT_LEN; i++) {
        for (int c = 0; c < 256; c++) {
            char text[TRACE_PARENT_LEN];
            bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
            bool dash = i == 2 || i == 35 || i == 52;

            memcpy(text, good, sizeof(text));
            text[i] = (char)c;
            cr_expect_eq(trace_from(&t, text, sizeof(text)), dash ? c == '-' : hex,
                         "byte %zu is %02x", i, (unsigned)c);
        }
    }
}

Test(trace, span_ids_differ)
{
    static const char good[] = "00-" ID "-" SPAN "-01";
    struct trace a, b;

    trace_from(&a, good, sizeof(good) - 1);
    trace_from(&b, good, sizeof(good) - 1);
    cr_expect(strcmp(a.parent, b.parent));
    trace_from(&a, NULL, 0);
    trace_from(&b, NULL, 0);
    cr_expect(strcmp(a.trace_id, b.trace_id));
}

Test(trace, request_ids)
{
    char longest[TRACE_REQUEST_ID_MAX + 1], out[TRACE_REQUEST_ID_MAX + 1], again[33];
    static const char *const good[] = {"a", "0", "f47ac10b-58cc-4372-a567-0e02b2c3d479",
                                       "AZaz09._~:+/=@-"};
    static const char *const bad[] = {"",     " ",    "a b", "a\"", "a\\",         "a\n",
                                      "a,b",  "a;b",  "<a>", "{a}", "caf\xc3\xa9", "a%20",
                                      "\x7f", "a\tb", "a|b", "(a)", "a&b",         "!"};

    for (size_t i = 0; i < COUNT(good); i++) {
        trace_request_id(out, good[i], strlen(good[i]));
        cr_expect_str_eq(out, good[i]);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        trace_request_id(out, bad[i], strlen(bad[i]));
        cr_expect(strlen(out) == 32 && is_hex(out, 32), "row %zu: %s", i, out);
    }
    memset(longest, 'x', sizeof(longest));
    trace_request_id(out, longest, TRACE_REQUEST_ID_MAX);
    cr_expect_eq(strlen(out), TRACE_REQUEST_ID_MAX);
    trace_request_id(out, longest, TRACE_REQUEST_ID_MAX + 1);
    cr_expect(strlen(out) == 32 && is_hex(out, 32), "%s", out);
    trace_request_id(out, "a\0b", 3);
    cr_expect(strlen(out) == 32, "a NUL is not an id character");
    trace_request_id(out, NULL, 0);
    trace_request_id(again, NULL, 0);
    cr_expect(strcmp(out, again), "two that were made differ");
}

Test(trace, states)
{
    char longest[513];

    memset(longest, 'a', sizeof(longest));
    cr_expect(trace_state_ok("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", 39));
    cr_expect(trace_state_ok("a=1, b=2", 8));
    cr_expect(trace_state_ok(longest, 512));
    cr_expect_not(trace_state_ok(longest, 513));
    cr_expect_not(trace_state_ok(NULL, 0));
    cr_expect_not(trace_state_ok("", 0));
    cr_expect_not(trace_state_ok("a=\t1", 4));
    cr_expect_not(trace_state_ok("a=\r\n", 4));
    cr_expect_not(trace_state_ok("a=\0", 3));
    cr_expect_not(trace_state_ok("a=\x7f", 3));
    cr_expect_not(trace_state_ok("a=\xc3\xa9", 4));
}

static void *first_of_thread(void *arg)
{
    *(uint64_t *)arg = trace_random();
    return NULL;
}

Test(trace, threads_have_their_own_numbers)
{
    uint64_t first[8], any = 0, all = UINT64_MAX;

    for (size_t i = 0; i < COUNT(first); i++) {
        pthread_t thread;

        cr_assert_eq(pthread_create(&thread, NULL, first_of_thread, &first[i]), 0);
        pthread_join(thread, NULL);
        for (size_t k = 0; k < i; k++)
            cr_expect_neq(first[i], first[k], "threads %zu and %zu", i, k);
    }
    for (int i = 0; i < 200; i++) {
        uint64_t v = trace_random();

        any |= v;
        all &= v;
    }
    cr_expect_eq(any, UINT64_MAX, "every bit is set sometimes");
    cr_expect_eq(all, 0, "every bit is clear sometimes");
}
