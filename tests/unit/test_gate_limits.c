/* How much the gate reads, how soon it refuses, and what a slow sender may cost. */
#include "gate_probe.h"

#include <stdio.h>
#include <time.h>

/* Shows a whole text once. */
static enum gate_result once(const char *text, size_t len, size_t max_head, struct verdict *v)
{
    size_t scanned = 0;

    return probe_show(text, len, max_head, &scanned, v);
}

Test(gate_limits, a_bad_byte_is_refused_when_it_is_seen)
{
    static const struct {
        const char *before;
        char bad;
    } rows[] = {
        {"", 0x16},
        {"", '\n'},
        {"", ' '},
        {"\r", 'G'},
        {"\r\n", '\r'},
        {"GE", '('},
        {"GET ", ' '},
        {"GET /a", '\0'},
        {"GET /a", '#'},
        {"GET /a", '\r'},
        {"GET /a ", 'h'},
        {"GET /a H", 't'},
        {"GET /a HTTP/1.1", '\n'},
        {"GET /a HTTP/1.1", 'x'},
        {"GET /a HTTP/1.1\r", 'H'},
        {"GET a HTTP/1.1\r", '\n'},
        {"GET /a HTTP/1.1\r\n", ' '},
        {"GET /a HTTP/1.1\r\n", '\n'},
        {"GET /a HTTP/1.1\r\n", ':'},
        {"GET /a HTTP/1.1\r\nHost", ' '},
        {"GET /a HTTP/1.1\r\nHost", '\r'},
        {"GET /a HTTP/1.1\r\nHost:", '\0'},
        {"GET /a HTTP/1.1\r\nHost: a", '\n'},
        {"GET /a HTTP/1.1\r\nHost: a\r", '\r'},
        {"GET /a HTTP/1.1\r\nHost: a\r\n\r", 'x'},
    };
    static struct verdict v;

    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t len = strlen(rows[i].before), scanned = 0;
        char text[64];

        strcpy(text, rows[i].before);
        text[len] = rows[i].bad;
        cr_expect_eq(probe_show(text, len, PROBE_MAX_HEAD, &scanned, &v), GATE_MORE, "row %zu", i);
        cr_expect_eq(probe_show(text, len + 1, PROBE_MAX_HEAD, &scanned, &v), GATE_REFUSED,
                     "row %zu", i);
        cr_expect_eq(v.refusal.status, 400, "row %zu", i);
        memset(text + len + 1, 'x', 10);
        cr_expect_eq(probe_show(text, len + 11, PROBE_MAX_HEAD, &scanned, &v), GATE_REFUSED,
                     "row %zu: still refused with more bytes", i);
    }
}

Test(gate_limits, every_byte_in_every_place)
{
    static const char good[] = "GET /abc HTTP/1.1\r\nHost: a\r\nX-Name: some value\r\n\r\n";
    static const char token[] = "!#$%&'*+-.^_`|~";
    static struct verdict v;
    size_t name = (size_t)(strstr(good, "Name") - good),
           value = (size_t)(strstr(good, "me v") - good);

    for (int c = 1; c < 256; c++) {
        char text[sizeof(good)];
        bool alnum = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z' && c < 128);
        bool is_token = alnum || strchr(token, c);

        memcpy(text, good, sizeof(text));
        text[1] = (char)c;
        once(text, sizeof(text) - 1, PROBE_MAX_HEAD, &v);
        cr_expect_eq(v.result == GATE_OK, is_token, "method, byte %02x", (unsigned)c);
        memcpy(text, good, sizeof(text));
        text[6] = (char)c;
        once(text, sizeof(text) - 1, PROBE_MAX_HEAD, &v);
        cr_expect_eq(v.result == GATE_OK, c > ' ' && c < 0x7f && c != '#', "target, byte %02x",
                     (unsigned)c);
        memcpy(text, good, sizeof(text));
        text[name] = (char)c;
        once(text, sizeof(text) - 1, PROBE_MAX_HEAD, &v);
        cr_expect_eq(v.result == GATE_OK, is_token || c == ':', "name, byte %02x", (unsigned)c);
        memcpy(text, good, sizeof(text));
        text[value] = (char)c;
        once(text, sizeof(text) - 1, PROBE_MAX_HEAD, &v);
        cr_expect_eq(v.result == GATE_OK, (c >= ' ' && c != 0x7f) || c == '\t', "value, byte %02x",
                     (unsigned)c);
    }
}

/* A bad byte at every place of a long value, so at every alignment. */
Test(gate_limits, long_values_hide_nothing)
{
    static const char bad[] = {0, 1, 8, 10, 11, 13, 31, 127};
    static const char head[] = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    static struct verdict v;

    for (size_t pad = 0; pad < 70; pad++) {
        for (size_t i = 0; i < sizeof(bad); i++) {
            char text[200];
            size_t n = sizeof(head) - 1;

            memcpy(text, head, n);
            memset(text + n, '\t', 70);
            text[n + 70] = '\xff';
            memcpy(text + n + 71, "\r\n\r\n", 4);
            cr_expect_eq(once(text, n + 75, PROBE_MAX_HEAD, &v), GATE_OK);
            text[n + pad] = bad[i];
            cr_expect_eq(once(text, n + 75, PROBE_MAX_HEAD, &v), GATE_REFUSED, "%02x after %zu",
                         (unsigned)bad[i], pad);
            memset(text + n, 'v', 70);
            text[n + pad] = bad[i];
            cr_expect_eq(once(text, n + 75, PROBE_MAX_HEAD, &v), GATE_REFUSED, "%02x after %zu",
                         (unsigned)bad[i], pad);
        }
    }
}

Test(gate_limits, what_is_too_big)
{
    static const struct {
        const char *start; /* then 'x' without end */
        size_t max_head;
        int status;
    } rows[] = {
        {"GET /", 16384, 414},
        {"GET /", 4096, 414},
        {"GET /", 9, 414},
        {"GET", 3, 414},
        {"GET / HTTP/1.1", 14, 414},
        {"GET / HTTP/1.1\r", 15, 414},
        {"GET / HTTP/1.1\r\n", 16, 431},
        {"GET / HTTP/1.1\r\nHost: a\r\nX", 16384, 431},
        {"GET / HTTP/1.1\r\nHost: a\r\nX:", 16384, 431},
        {"GET / HTTP/1.1\r\nHost: a\r\n\r", 26, 431},
        {"GETGET", 16384, 400},
    };
    static struct verdict v;
    char *text = malloc(40000);

    cr_assert_not_null(text);
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t n = strlen(rows[i].start), scanned = 0;

        memcpy(text, rows[i].start, n);
        memset(text + n, 'x', 40000 - n);
        for (size_t len = 1; len < 20000; len += 61) {
            if (probe_show(text, len, rows[i].max_head, &scanned, &v) != GATE_MORE)
                break;
        }
        cr_expect_eq(v.result, GATE_REFUSED, "row %zu", i);
        cr_expect_eq(v.refusal.status, rows[i].status, "row %zu: %d", i, v.refusal.status);
        cr_expect_eq(once(text, 40000, rows[i].max_head, &v), GATE_REFUSED, "row %zu", i);
        cr_expect_eq(v.refusal.status, rows[i].status, "row %zu: %d", i, v.refusal.status);
        if (n == rows[i].max_head) {
            cr_expect_eq(once(text, n - 1, rows[i].max_head, &v), GATE_MORE, "row %zu", i);
            cr_expect_eq(once(text, n, rows[i].max_head, &v), GATE_REFUSED, "row %zu", i);
        }
    }
    free(text);
}

Test(gate_limits, a_target_has_at_most_8_kib)
{
    static struct verdict v;
    char text[9000];

    for (size_t size = 8191; size <= 8194; size++) {
        static const char rest[] = " HTTP/1.1\r\nHost: a\r\n\r\n";
        enum gate_result want = size <= 8192 ? GATE_OK : GATE_REFUSED;

        memcpy(text, "GET /", 5);
        memset(text + 5, 'a', size - 1);
        memcpy(text + 4 + size, rest, sizeof(rest));
        cr_expect_eq(once(text, 4 + size + sizeof(rest) - 1, PROBE_MAX_HEAD, &v), want, "%zu",
                     size);
        if (want == GATE_REFUSED) {
            cr_expect_eq(v.refusal.status, 414, "%zu", size);
            cr_expect_str_eq(v.method, "GET");
            cr_expect_str_eq(v.path, "");
            cr_expect_eq(once(text, 4 + 8193, PROBE_MAX_HEAD, &v), GATE_REFUSED,
                         "refused as soon as it is certain");
        }
    }
}

Test(gate_limits, at_most_100_fields)
{
    static struct verdict v;
    char text[2000];

    for (int n = 98; n <= 102; n++) {
        size_t len = (size_t)sprintf(text, "GET /p HTTP/1.1\r\nHost: a\r\n");

        for (int i = 1; i < n; i++)
            len += (size_t)sprintf(text + len, "x%d:y\r\n", i);
        len += (size_t)sprintf(text + len, "\r\n");
        probe("fields", text, len, &v);
        cr_expect_eq(v.result, n <= 100 ? GATE_OK : GATE_REFUSED, "%d", n);
        if (n <= 100)
            cr_expect_eq(v.head.n_headers, (size_t)n);
        else
            cr_expect_eq(v.refusal.status, 431, "%d", n);
    }
}

Test(gate_limits, a_refusal_tells_what_could_be_read)
{
    static const struct {
        const char *text, *method, *path;
    } rows[] = {
        {"G@T /a HTTP/1.1\r\n", "", ""},
        {"GET\n", "", ""},
        {"GET /a\x01 HTTP/1.1\r\n", "GET", ""},
        {"GET /a?b http/1.1\r\n", "GET", "/a"},
        {"GET http://h/a?b HTTP/2.0\r\n", "GET", "/a"},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "PRI", ""},
        {"GET a HTTP/1.1\r\n", "GET", ""},
        {"PUT /a/b HTTP/1.1\r\n\r\n", "PUT", "/a/b"},
        {"\r\nPUT /a/b?c HTTP/1.1\r\nHost : a\r\n", "PUT", "/a/b"},
        {"PUT /a/b HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", "PUT", "/a/b"},
    };
    static struct verdict v;

    for (size_t i = 0; i < COUNT(rows); i++) {
        probe(rows[i].text, rows[i].text, strlen(rows[i].text), &v);
        cr_expect_eq(v.result, GATE_REFUSED, "%s", rows[i].text);
        cr_expect_str_eq(v.method, rows[i].method, "%s: %s", rows[i].text, v.method);
        cr_expect_str_eq(v.path, rows[i].path, "%s: %s", rows[i].text, v.path);
    }
}

/* CPU seconds for a head of that size that comes byte by byte and never ends; best of three. */
static double one_by_one(const char *text, size_t size)
{
    static struct gate_head head;
    struct gate_refusal refusal;
    double best = 1e9;

    for (int round = 0; round < 3; round++) {
        struct timespec from, to;
        size_t scanned = 0, used;
        double seconds;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
        for (size_t len = 1; len <= size; len++)
            cr_assert_eq(gate_head(text, len, size + 1, &scanned, &head, &used, &refusal),
                         GATE_MORE);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
        seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
        best = seconds < best ? seconds : best;
    }
    return best;
}

Test(gate_limits, a_slow_sender_costs_linear_work, .timeout = 60)
{
    static const char *const starts[] = {"GET / HTTP/1.1\r\nX: ", "GET / HTTP/1.1\r\nX"};
    static const char *const fields = "GET / HTTP/1.1\r\n";
    size_t small = 16384, large = 16 * small;
    char *text = malloc(large);

    cr_assert_not_null(text);
    for (size_t i = 0; i < COUNT(starts); i++) {
        memset(text, 'x', large);
        memcpy(text, starts[i], strlen(starts[i]));
        cr_expect_lt(one_by_one(text, large), 60 * one_by_one(text, small), "row %zu", i);
    }
    for (size_t i = 0; i < large; i++)
        text[i] = "X:y\r\n"[i % 5];
    memcpy(text, fields, strlen(fields));
    memcpy(text + strlen(fields), "X:xx", 4);
    cr_expect_lt(one_by_one(text, large), 60 * one_by_one(text, small), "many fields");
    free(text);
}
