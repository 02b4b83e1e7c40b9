/* What the gate refuses, with which status, and how soon. */
#include "gate_probe.h"

#define HOST "Host: a\r\n"
#define LINE "GET / HTTP/1.1\r\n"
#define ROW(s, t)                                                                                  \
    {                                                                                              \
        s, t, sizeof(t) - 1, #t                                                                    \
    }

struct row {
    int status;
    const char *text;
    size_t len;
    const char *name;
};

static void run(const struct row *rows, size_t n)
{
    static struct verdict v;

    for (size_t i = 0; i < n; i++) {
        const struct row *r = &rows[i];

        probe(r->name, r->text, r->len, &v);
        cr_expect_eq(v.result, GATE_REFUSED, "%s: %d", r->name, (int)v.result);
        if (v.result == GATE_REFUSED) {
            cr_expect_eq(v.refusal.status, r->status, "%s: %d", r->name, v.refusal.status);
            cr_expect_gt(strlen(v.refusal.why), 10, "%s", r->name);
        }
    }
}

Test(gate_refusals, request_lines)
{
    static const struct row rows[] = {
        ROW(400, " GET / HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "\tGET / HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET  / HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET /  HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET / HTTP/1.1 \r\n" HOST "\r\n"),
        ROW(400, "GET\t/\tHTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET /a b HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET /\r\n\r\n"),
        ROW(400, "GET\r\n\r\n"),
        ROW(400, "GET HTTP/1.1\r\n\r\n"),
        ROW(400, "/ HTTP/1.1\r\n\r\n"),
        ROW(400, "GET / HTTP/1.1\n" HOST "\r\n"),
        ROW(400, "GET / HTTP/1.1\r" HOST "\r\n"),
        ROW(400, "GET / HTTP/1.1\r\r\n" HOST "\r\n"),
        ROW(400, "\nGET / HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "\rGET / HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "G@T / HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET: / HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "G\xc3\x89T / HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "G\0T / HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456 / HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET a HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET ?a HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET * HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "options * HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "OPTIONS ** HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "OPTIONS *?a HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET a:80 HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET http:/a HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET http:// HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET http:///a HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET http://?a HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET http://:80/ HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET http://u@a/ HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET http://u:p@a/ HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET http://a:x/ HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET http://a\\b/ HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET /a#b HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET /a\x7f HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET /a\0b HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET /a\x01 HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET /\x80 HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET /a\rb HTTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET / http/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET / Http/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET / HTTP/1.1x\r\n" HOST "\r\n"),
        ROW(400, "GET / HTTP/1.10\r\n" HOST "\r\n"),
        ROW(400, "GET / HTTP/11.1\r\n" HOST "\r\n"),
        ROW(400, "GET / HTTP/1,1\r\n" HOST "\r\n"),
        ROW(400, "GET / HTTP/1\r\n" HOST "\r\n"),
        ROW(400, "GET / HTTP/1.\r\n" HOST "\r\n"),
        ROW(400, "GET / HTTP/.1\r\n" HOST "\r\n"),
        ROW(400, "GET / HTTP/a.b\r\n" HOST "\r\n"),
        ROW(400, "GET / HTTP 1.1\r\n" HOST "\r\n"),
        ROW(400, "GET / HTTPS/1.1\r\n" HOST "\r\n"),
        ROW(400, "GET / HTTP/+1.1\r\n" HOST "\r\n"),
        ROW(400, "GET / \xef\xbc\xa8TTP/1.1\r\n" HOST "\r\n"),
        ROW(400, "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"),
        ROW(400, "\x80\x2e\x01\x03\x01"),
        ROW(400, "{\"a\":1}"),
        ROW(400, "\0"),
        ROW(400, "\xff"),
        ROW(505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ROW(505, "GET / HTTP/2.0\r\n" HOST "\r\n"),
        ROW(505, "GET / HTTP/1.2\r\n" HOST "\r\n"),
        ROW(505, "GET / HTTP/1.9\r\n" HOST "\r\n"),
        ROW(505, "GET / HTTP/0.9\r\n" HOST "\r\n"),
        ROW(505, "GET / HTTP/3.1\r\n\r\n"),
        ROW(505, "GET nonsense HTTP/9.9\r\n\r\n"),
    };

    run(rows, COUNT(rows));
}

Test(gate_refusals, hosts)
{
    static const struct row rows[] = {
        ROW(400, LINE "\r\n"),
        ROW(400, LINE "X-Host: a\r\n\r\n"),
        ROW(400, LINE HOST HOST "\r\n"),
        ROW(400, LINE HOST "host: b\r\n\r\n"),
        ROW(400, "GET / HTTP/1.0\r\n" HOST HOST "\r\n"),
        ROW(400, "GET http://a/ HTTP/1.1\r\n\r\n"),
        ROW(400, LINE "Host:\r\n\r\n"),
        ROW(400, LINE "Host: \t\r\n\r\n"),
        ROW(400, "GET / HTTP/1.0\r\nHost:\r\n\r\n"),
        ROW(400, LINE "Host: a b\r\n\r\n"),
        ROW(400, LINE "Host: a, b\r\n\r\n"),
        ROW(400, LINE "Host: a/b\r\n\r\n"),
        ROW(400, LINE "Host: a?b\r\n\r\n"),
        ROW(400, LINE "Host: a#b\r\n\r\n"),
        ROW(400, LINE "Host: u@a\r\n\r\n"),
        ROW(400, LINE "Host: http://a\r\n\r\n"),
        ROW(400, LINE "Host: a\\b\r\n\r\n"),
        ROW(400, LINE "Host: <a>\r\n\r\n"),
        ROW(400, LINE "Host: \"a\"\r\n\r\n"),
        ROW(400, LINE "Host: a\xc3\xa9\r\n\r\n"),
        ROW(400, LINE "Host: a\tb\r\n\r\n"),
        ROW(400, LINE "Host: %\r\n\r\n"),
        ROW(400, LINE "Host: a%4\r\n\r\n"),
        ROW(400, LINE "Host: %zz\r\n\r\n"),
        ROW(400, LINE "Host: :80\r\n\r\n"),
        ROW(400, LINE "Host: a:b\r\n\r\n"),
        ROW(400, LINE "Host: a:80:80\r\n\r\n"),
        ROW(400, LINE "Host: a:-1\r\n\r\n"),
        ROW(400, LINE "Host: a:65536\r\n\r\n"),
        ROW(400, LINE "Host: a:99999999999999999999\r\n\r\n"),
        ROW(400, LINE "Host: ::1\r\n\r\n"),
        ROW(400, LINE "Host: [\r\n\r\n"),
        ROW(400, LINE "Host: []\r\n\r\n"),
        ROW(400, LINE "Host: [::1\r\n\r\n"),
        ROW(400, LINE "Host: [::1]x\r\n\r\n"),
        ROW(400, LINE "Host: [::1]:x\r\n\r\n"),
        ROW(400, LINE "Host: [a b]\r\n\r\n"),
        ROW(400, LINE "Host: [::1]]\r\n\r\n"),
    };

    run(rows, COUNT(rows));
}

Test(gate_refusals, fields)
{
    static const struct row rows[] = {
        ROW(400, LINE " Host: a\r\n\r\n"),
        ROW(400, LINE HOST " folded\r\n\r\n"),
        ROW(400, LINE HOST "\tfolded\r\n\r\n"),
        ROW(400, LINE HOST "A: b\r\n c\r\n\r\n"),
        ROW(400, LINE HOST "A: b\r\n \r\n\r\n"),
        ROW(400, LINE HOST "A : b\r\n\r\n"),
        ROW(400, LINE HOST "A\t: b\r\n\r\n"),
        ROW(400, LINE HOST "Content-Length : 3\r\n\r\n"),
        ROW(400, LINE HOST "Transfer-Encoding : chunked\r\n\r\n"),
        ROW(400, LINE HOST ": b\r\n\r\n"),
        ROW(400, LINE HOST ":\r\n\r\n"),
        ROW(400, LINE HOST "A\r\n\r\n"),
        ROW(400, LINE HOST "A b: c\r\n\r\n"),
        ROW(400, LINE HOST "A(b): c\r\n\r\n"),
        ROW(400, LINE HOST "A,b: c\r\n\r\n"),
        ROW(400, LINE HOST "A\"b: c\r\n\r\n"),
        ROW(400, LINE HOST "{a}: c\r\n\r\n"),
        ROW(400, LINE HOST "A\0: c\r\n\r\n"),
        ROW(400, LINE HOST "A\x7f: c\r\n\r\n"),
        ROW(400, LINE HOST "\xc3\xa9: c\r\n\r\n"),
        ROW(400, LINE HOST "\x0b"
                           "A: c\r\n\r\n"),
        ROW(400, LINE HOST "A: b\0c\r\n\r\n"),
        ROW(400, LINE HOST "A: \0\r\n\r\n"),
        ROW(400, LINE HOST "A: b\x01\r\n\r\n"),
        ROW(400, LINE HOST "A: b\x0b\r\n\r\n"),
        ROW(400, LINE HOST "A: b\x1b[0m\r\n\r\n"),
        ROW(400, LINE HOST "A: b\x7f\r\n\r\n"),
        ROW(400, LINE HOST "A: b\n\r\n"),
        ROW(400, LINE HOST "A: b\nC: d\r\n\r\n"),
        ROW(400, LINE HOST "A: b\rC: d\r\n\r\n"),
        ROW(400, LINE HOST "A: b\r\r\n\r\n"),
        ROW(400, LINE HOST "A: b\r\n\n"),
        ROW(400, LINE HOST "A: b\r\n\r\r\n"),
        ROW(400, LINE HOST "\n"),
        ROW(400, LINE HOST "\rA: b\r\n\r\n"),
        ROW(400, LINE "\n" HOST "\r\n"),
    };

    run(rows, COUNT(rows));
}

Test(gate_refusals, framing)
{
    static const struct row rows[] = {
        ROW(400, LINE HOST "Transfer-Encoding: chunked\r\n\r\n"),
        ROW(400, LINE HOST "transfer-encoding: identity\r\n\r\n"),
        ROW(400, LINE HOST "Transfer-Encoding: xchunked\r\n\r\n"),
        ROW(400, LINE HOST "Transfer-Encoding: gzip, chunked\r\n\r\n"),
        ROW(400, LINE HOST "Transfer-Encoding:\r\n\r\n"),
        ROW(400, LINE HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ROW(400, LINE HOST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"),
        ROW(400, "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ROW(400, LINE HOST "Content-Length: 0\r\nContent-Length: 0\r\n\r\n"),
        ROW(400, LINE HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\n"),
        ROW(400, LINE HOST "Content-Length: 3\r\ncontent-length: 0\r\n\r\n"),
        ROW(400, LINE HOST "Content-Length: 3, 3\r\n\r\n"),
        ROW(400, LINE HOST "Content-Length: 3,\r\n\r\n"),
        ROW(400, LINE HOST "Content-Length:\r\n\r\n"),
        ROW(400, LINE HOST "Content-Length: \r\n\r\n"),
        ROW(400, LINE HOST "Content-Length: +3\r\n\r\n"),
        ROW(400, LINE HOST "Content-Length: -0\r\n\r\n"),
        ROW(400, LINE HOST "Content-Length: -1\r\n\r\n"),
        ROW(400, LINE HOST "Content-Length: 0x3\r\n\r\n"),
        ROW(400, LINE HOST "Content-Length: 3 4\r\n\r\n"),
        ROW(400, LINE HOST "Content-Length: 3.0\r\n\r\n"),
        ROW(400, LINE HOST "Content-Length: 3e1\r\n\r\n"),
        ROW(400, LINE HOST "Content-Length: 3;\r\n\r\n"),
        ROW(400, LINE HOST "Content-Length: \"3\"\r\n\r\n"),
        ROW(400, LINE HOST "Content-Length: chunked\r\n\r\n"),
        ROW(400, LINE HOST "Content-Length: \xd9\xa3\r\n\r\n"),
        ROW(400, LINE HOST "Content-Length: 9223372036854775808\r\n\r\n"),
        ROW(400, LINE HOST "Content-Length: 18446744073709551616\r\n\r\n"),
        ROW(400, LINE HOST "Content-Length: 18446744073709551617\r\n\r\n"),
        ROW(400, LINE HOST "Content-Length: 99999999999999999999999999\r\n\r\n"),
    };

    run(rows, COUNT(rows));
}
