/* What the gate lets through, and what it reads from it. */
#include "gate_probe.h"

#include <stdio.h>

#define HOST "Host: a\r\n"

struct row {
    const char *text, *method, *path;
    const char *flags; /* k keep-alive, b body, c expects 100-continue, u expects something else */
};

static void expect_span(const struct gate_span *span, const char *want, const char *what)
{
    cr_expect(span->len == strlen(want) && !memcmp(span->at, want, span->len), "%s: %.*s", what,
              (int)span->len, span->at);
}

static void run(const struct row *rows, size_t n)
{
    static struct verdict v;

    for (size_t i = 0; i < n; i++) {
        const struct row *r = &rows[i];
        char flags[8] = "";

        probe(r->text, r->text, strlen(r->text), &v);
        cr_assert_eq(v.result, GATE_OK, "%s: %s", r->text,
                     v.result == GATE_REFUSED ? v.refusal.why : "wants more");
        cr_expect_eq(v.used, strlen(r->text), "%s: %zu", r->text, v.used);
        cr_expect_str_eq(v.method, r->method, "%s: %s", r->text, v.method);
        cr_expect_str_eq(v.path, r->path, "%s: %s", r->text, v.path);
        strcat(flags, v.head.keep_alive ? "k" : "");
        strcat(flags, v.head.has_body ? "b" : "");
        strcat(flags, v.head.expects_continue ? "c" : "");
        strcat(flags, v.head.expects_unknown ? "u" : "");
        cr_expect_str_eq(flags, r->flags, "%s: %s", r->text, flags);
    }
}

Test(gate, request_lines)
{
    static const struct row rows[] = {
        {"GET / HTTP/1.1\r\n" HOST "\r\n", "GET", "/", "k"},
        {"HEAD /v1/users/7 HTTP/1.1\r\n" HOST "\r\n", "HEAD", "/v1/users/7", "k"},
        {"GET /a?b=c/d?e HTTP/1.1\r\n" HOST "\r\n", "GET", "/a", "k"},
        {"GET /? HTTP/1.1\r\n" HOST "\r\n", "GET", "/", "k"},
        {"GET //a//b/../c HTTP/1.1\r\n" HOST "\r\n", "GET", "//a//b/../c", "k"},
        {"GET /%zz%00%2e HTTP/1.1\r\n" HOST "\r\n", "GET", "/%zz%00%2e", "k"},
        {"GET /{a}|^`\"<>\\ HTTP/1.1\r\n" HOST "\r\n", "GET", "/{a}|^`\"<>\\", "k"},
        {"get / HTTP/1.1\r\n" HOST "\r\n", "get", "/", "k"},
        {"M-SEARCH!#$%&'*+.^_`|~09 / HTTP/1.1\r\n" HOST "\r\n", "M-SEARCH!#$%&'*+.^_`|~09", "/",
         "k"},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345 / HTTP/1.1\r\n" HOST "\r\n",
         "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", "/", "k"},
        {"\r\nGET /x HTTP/1.1\r\n" HOST "\r\n", "GET", "/x", "k"},
        {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "OPTIONS", "*", "k"},
        {"OPTIONS /a HTTP/1.1\r\n" HOST "\r\n", "OPTIONS", "/a", "k"},
        {"GET http://a/b/c?d HTTP/1.1\r\n" HOST "\r\n", "GET", "/b/c", "k"},
        {"GET http://other.example:80/b HTTP/1.1\r\n" HOST "\r\n", "GET", "/b", "k"},
        {"GET HTTPS://A.B HTTP/1.1\r\n" HOST "\r\n", "GET", "/", "k"},
        {"GET http://a?b=/c HTTP/1.1\r\n" HOST "\r\n", "GET", "/", "k"},
        {"GET http://[::1]:8080/b HTTP/1.1\r\n" HOST "\r\n", "GET", "/b", "k"},
        {"GET / HTTP/1.0\r\n\r\n", "GET", "/", ""},
        {"GET / HTTP/1.0\r\n" HOST "\r\n", "GET", "/", ""},
        {"\r\nGET / HTTP/1.0\r\n\r\n", "GET", "/", ""},
    };

    run(rows, COUNT(rows));
}

Test(gate, hosts)
{
    static const char *const hosts[] = {
        "a",
        "A.example",
        "a.example.",
        "localhost:8080",
        "a:",
        "a:0",
        "a:65535",
        "a:0080",
        "127.0.0.1",
        "[::1]",
        "[::1]:80",
        "[2001:db8::7]:",
        "[v1.a:b]",
        "[fe80::1%25eth0]",
        "a_b",
        "a-b.c~d",
        "%41",
        "a!$&'()*+,;=b",
        "xn--nxasmq6b",
    };
    static struct verdict v;
    char text[128];

    for (size_t i = 0; i < COUNT(hosts); i++) {
        int n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", hosts[i]);

        probe(hosts[i], text, (size_t)n, &v);
        cr_expect_eq(v.result, GATE_OK, "%s", hosts[i]);
        n = snprintf(text, sizeof(text), "GET http://%s HTTP/1.1\r\nHost: a\r\n\r\n", hosts[i]);
        probe(hosts[i], text, (size_t)n, &v);
        cr_expect_eq(v.result, GATE_OK, "in the target: %s", hosts[i]);
        cr_expect_str_eq(v.path, "/", "in the target: %s", hosts[i]);
    }
}

#define ONE_1(fields) "GET / HTTP/1.1\r\n" HOST fields "\r\n"
#define ONE_0(fields) "GET / HTTP/1.0\r\n" fields "\r\n"

Test(gate, what_the_fields_ask_for)
{
    static const struct row rows[] = {
        {ONE_1("Connection: close\r\n"), "GET", "/", ""},
        {ONE_1("connection:CLOSE\r\n"), "GET", "/", ""},
        {ONE_1("Connection: foo, Close ,bar\r\n"), "GET", "/", ""},
        {ONE_1("Connection: ,,\t, close\r\n"), "GET", "/", ""},
        {ONE_1("Connection: keep-alive\r\nConnection: close\r\n"), "GET", "/", ""},
        {ONE_1("Connection: close\r\nConnection: keep-alive\r\n"), "GET", "/", ""},
        {ONE_1("Connection: closed\r\n"), "GET", "/", "k"},
        {ONE_1("Connection: not close\r\n"), "GET", "/", "k"},
        {ONE_1("Connection:\r\n"), "GET", "/", "k"},
        {ONE_1("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"), "GET", "/", "k"},
        {ONE_1("Proxy-Connection: close\r\n"), "GET", "/", "k"},
        {ONE_0("Connection: keep-alive\r\n"), "GET", "/", "k"},
        {ONE_0("Connection: a, Keep-Alive\r\n"), "GET", "/", "k"},
        {ONE_0("Connection: keep-alive, close\r\n"), "GET", "/", ""},
        {ONE_0("Connection: keep-alives\r\n"), "GET", "/", ""},
        {ONE_0("Keep-Alive: 300\r\n"), "GET", "/", ""},
        {ONE_1("Content-Length: 0\r\n"), "GET", "/", "k"},
        {ONE_1("Content-Length: 0000\r\n"), "GET", "/", "k"},
        {ONE_1("Content-Length: 1\r\n"), "GET", "/", "kb"},
        {ONE_1("CONTENT-LENGTH:   05\t\r\n"), "GET", "/", "kb"},
        {ONE_1("Content-Length: 9223372036854775807\r\n"), "GET", "/", "kb"},
        {ONE_1("Expect: 100-continue\r\n"), "GET", "/", "kc"},
        {ONE_1("expect: 100-CONTINUE\r\nContent-Length: 3\r\n"), "GET", "/", "kbc"},
        {ONE_1("Expect: 100-continue, 100-continue\r\n"), "GET", "/", "kc"},
        {ONE_1("Expect: 100-continue;q=1\r\n"), "GET", "/", "ku"},
        {ONE_1("Expect: 100-continue, tea\r\n"), "GET", "/", "ku"},
        {ONE_1("Expect: tea\r\nExpect: 100-continue\r\n"), "GET", "/", "ku"},
        {ONE_1("Expect: tea\r\n"), "GET", "/", "ku"},
        {ONE_1("Expect: 100\r\n"), "GET", "/", "ku"},
        {ONE_1("Expect:\r\n"), "GET", "/", "k"},
        {ONE_0("Expect: 100-continue\r\n"), "GET", "/", ""},
        {ONE_0("Expect: tea\r\n"), "GET", "/", "u"},
    };

    run(rows, COUNT(rows));
}

Test(gate, field_values_lose_the_blanks_around_them_only)
{
    static const char text[] = "GET /x HTTP/1.1\r\n"
                               "Host:a\r\n"
                               "Plain: b c\r\n"
                               "X-Blanks: \t  d\te  f \t \r\n"
                               "x-empty:\r\n"
                               "x-blank:  \t \r\n"
                               "X-Colons: g:h: i\r\n"
                               "x-obs: caf\xc3\xa9 \x80\xff\r\n"
                               "!#$%&'*+-.^_`|~09azAZ: 1\r\n"
                               "x-long: 0123456789abcdef\t0123456789abcdef\t!\r\n"
                               "Plain: second\r\n"
                               "\r\n";
    static const char *const want[][2] = {
        {"Host", "a"},
        {"Plain", "b c"},
        {"X-Blanks", "d\te  f"},
        {"x-empty", ""},
        {"x-blank", ""},
        {"X-Colons", "g:h: i"},
        {"x-obs", "caf\xc3\xa9 \x80\xff"},
        {"!#$%&'*+-.^_`|~09azAZ", "1"},
        {"x-long", "0123456789abcdef\t0123456789abcdef\t!"},
        {"Plain", "second"},
    };
    static struct gate_head head;
    struct gate_refusal refusal;

    for (size_t cut = 0; cut < sizeof(text); cut++) {
        size_t scanned = 0, used;

        gate_head(text, cut, PROBE_MAX_HEAD, &scanned, &head, &used, &refusal);
        cr_assert_eq(gate_head(text, sizeof(text) - 1, PROBE_MAX_HEAD,
                               cut < sizeof(text) - 1 ? &scanned : &(size_t){0}, &head, &used,
                               &refusal),
                     GATE_OK);
        cr_assert_eq(head.n_headers, COUNT(want));
        expect_span(&head.target, "/x", "target");
        for (size_t i = 0; i < COUNT(want); i++) {
            expect_span(&head.headers[i].name, want[i][0], want[i][0]);
            expect_span(&head.headers[i].value, want[i][1], want[i][0]);
        }
    }
    expect_span(&gate_find(&head, "plain")->value, "b c", "the first of two");
    expect_span(&gate_find(&head, "X-BLANKS")->value, "d\te  f", "without case");
    cr_expect_null(gate_find(&head, "plai"));
    cr_expect_null(gate_find(&head, "plainer"));
    cr_expect_null(gate_find(&head, ""));
    cr_expect_null(gate_find(&head, "!#$%&'*+-.^_@|~09azaz"), "no token differs by its case bit");
}

Test(gate, what_follows_the_head_is_not_touched)
{
    static const char text[] = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\x16\0\xff garbage \r \n";
    static struct verdict v;
    size_t scanned = 0;

    cr_expect_eq(probe_show(text, sizeof(text) - 1, PROBE_MAX_HEAD, &scanned, &v), GATE_OK);
    cr_expect_eq(v.used, strlen("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"));
}

Test(gate, a_head_of_the_very_size_passes)
{
    static const char text[] = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nmore";
    static struct verdict v;
    size_t size = sizeof(text) - 1 - strlen("more");

    for (size_t len = size; len < sizeof(text); len++) {
        size_t scanned = 0;

        cr_expect_eq(probe_show(text, len, size, &scanned, &v), GATE_OK, "%zu bytes", len);
        cr_expect_eq(v.used, size);
    }
}

Test(gate, nothing_yet_is_more)
{
    static struct gate_head head;
    struct gate_refusal refusal;
    size_t scanned = 0, used;

    cr_expect_eq(gate_head("", 0, PROBE_MAX_HEAD, &scanned, &head, &used, &refusal), GATE_MORE);
    cr_expect_eq(gate_head(NULL, 0, PROBE_MAX_HEAD, &scanned, &head, &used, &refusal), GATE_MORE);
    cr_expect_eq(scanned, 0);
}
