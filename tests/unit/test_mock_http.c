/* Reading request heads, fitting paths to patterns, filling text into JSON. */
#include "mock_http.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(mock_http, .timeout = 30);

static struct mock_text text(const char *s)
{
    return (struct mock_text){s, strlen(s)};
}

static const struct {
    const char *name, *bytes;
    enum mock_head_result result;
    const char *path;
    size_t body_len;
    bool keep_alive;
} heads[] = {
    {"plain", "GET /a HTTP/1.1\r\nHost: x\r\n\r\n", MOCK_HEAD_OK, "/a", 0, true},
    {"no headers", "GET /a HTTP/1.1\r\n\r\n", MOCK_HEAD_OK, "/a", 0, true},
    {"query", "GET /a?b=/c HTTP/1.1\r\n\r\n", MOCK_HEAD_OK, "/a", 0, true},
    {"absolute", "GET http://h:1/a?b HTTP/1.1\r\n\r\n", MOCK_HEAD_OK, "/a", 0, true},
    {"absolute, no path", "GET http://h HTTP/1.1\r\n\r\n", MOCK_HEAD_OK, "/", 0, true},
    {"old", "GET /a HTTP/1.0\r\n\r\n", MOCK_HEAD_OK, "/a", 0, false},
    {"old, kept", "GET /a HTTP/1.0\r\nconnection: Keep-Alive\r\n\r\n", MOCK_HEAD_OK, "/a", 0, true},
    {"closing", "GET /a HTTP/1.1\r\nConnection:close\r\n\r\n", MOCK_HEAD_OK, "/a", 0, false},
    {"body", "PUT /a HTTP/1.1\r\nCONTENT-LENGTH: 12\r\n\r\n", MOCK_HEAD_OK, "/a", 12, true},
    {"more", "GET /a HTTP/1.1\r\nHost: x\r\n\r", MOCK_HEAD_MORE, NULL, 0, false},
    {"nothing", "", MOCK_HEAD_MORE, NULL, 0, false},
    {"chunked", "PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", MOCK_HEAD_LENGTH, NULL, 0,
     false},
    {"no version", "GET /a\r\n\r\n", MOCK_HEAD_BAD, NULL, 0, false},
    {"version 2", "GET /a HTTP/2.0\r\n\r\n", MOCK_HEAD_BAD, NULL, 0, false},
    {"empty line", "\r\n\r\n", MOCK_HEAD_BAD, NULL, 0, false},
    {"no method", " /a HTTP/1.1\r\n\r\n", MOCK_HEAD_BAD, NULL, 0, false},
    {"bad length", "PUT /a HTTP/1.1\r\nContent-Length: +1\r\n\r\n", MOCK_HEAD_BAD, NULL, 0, false},
    {"huge length", "PUT /a HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
     MOCK_HEAD_BAD, NULL, 0, false},
};

Test(mock_http, reads_heads)
{
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct mock_head head;
        size_t scanned = 0;
        enum mock_head_result result = mock_http_head(text(heads[i].bytes), &scanned, &head);

        cr_expect(result == heads[i].result, "%s: %d", heads[i].name, result);
        if (result != MOCK_HEAD_OK || heads[i].path == NULL)
            continue;
        cr_expect(mock_text_is(head.path, heads[i].path), "%s: %.*s", heads[i].name,
                  (int)head.path.len, head.path.at);
        cr_expect(head.len == strlen(heads[i].bytes), "%s: %zu", heads[i].name, head.len);
        cr_expect(head.body_len == heads[i].body_len, "%s: %zu", heads[i].name, head.body_len);
        cr_expect(head.keep_alive == heads[i].keep_alive, "%s", heads[i].name);
    }
}

Test(mock_http, finds_the_end_however_the_bytes_arrive)
{
    static const char bytes[] = "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\n\r\n";
    size_t end = strlen("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");

    for (size_t step = 1; step < 8; step++) {
        struct mock_head head;
        size_t scanned = 0, at = 0;

        while (at + step < end) {
            at += step;
            cr_assert(mock_http_head((struct mock_text){bytes, at}, &scanned, &head) ==
                          MOCK_HEAD_MORE,
                      "steps of %zu, at %zu", step, at);
        }
        cr_assert(mock_http_head(text(bytes), &scanned, &head) == MOCK_HEAD_OK, "%zu", step);
        cr_expect(head.len == end, "steps of %zu: %zu", step, head.len);
    }
}

static const struct {
    const char *pattern, *path;
    bool fits;
    const char *value; /* of the first parameter */
} matches[] = {
    {"/a/b", "/a/b", true, NULL},
    {"/a/b", "/a", false, NULL},
    {"/a/b", "/a/b/", false, NULL},
    {"/a", "/a/b", false, NULL},
    {"/", "/", true, NULL},
    {"/", "/a", false, NULL},
    {"/users/{id}/profile", "/users/42/profile", true, "42"},
    {"/users/{id}/profile", "/users/%20/profile", true, "%20"},
    {"/users/{id}/profile", "/users//profile", false, NULL},
    {"/users/{id}/profile", "/users/42", false, NULL},
    {"/users/{id}/profile", "/users/42/activity", false, NULL},
    {"/users/{id}", "/users/42", true, "42"},
    {"/{a}/{b}", "/1/2", true, "1"},
    {"*", "/any/thing", true, NULL},
    {"/a/*", "/a/b/c", true, NULL},
    {"/a/*", "/b/c", false, NULL},
};

Test(mock_http, fits_paths_to_patterns)
{
    for (size_t i = 0; i < sizeof(matches) / sizeof(matches[0]); i++) {
        struct mock_params params;
        bool fits = mock_http_match(matches[i].pattern, text(matches[i].path), &params);

        cr_expect(fits == matches[i].fits, "%s on %s", matches[i].pattern, matches[i].path);
        if (fits && matches[i].value != NULL) {
            cr_assert(params.n >= 1, "%s", matches[i].pattern);
            cr_expect(mock_text_is(params.item[0].value, matches[i].value), "%s", matches[i].path);
        }
    }
}

Test(mock_http, undoes_percent_encoding)
{
    static const struct {
        const char *encoded, *want;
    } rows[] = {
        {"abc", "abc"}, {"a%20b", "a b"}, {"%C3%a5", "\xc3\xa5"}, {"%", "%"},
        {"%2", "%2"},   {"%zz", "%zz"},   {"%2G", "%2G"},         {"a%41", "aA"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mock_bytes out = {NULL, 0, 0, false};

        mock_http_decode(&out, text(rows[i].encoded));
        cr_expect(mock_text_is((struct mock_text){out.at, out.len}, rows[i].want), "%s: %.*s",
                  rows[i].encoded, (int)out.len, out.at);
        mock_bytes_done(&out);
    }
}

Test(mock_http, puts_any_bytes_into_a_json_string)
{
    static const struct {
        const char *raw, *want;
    } rows[] = {
        {"abc", "abc"},
        {"\"\\", "\\\"\\\\"},
        {"\n\x01", "\\u000a\\u0001"},
        {"\xc3\xa5\xf0\x9f\x99\x82", "\xc3\xa5\xf0\x9f\x99\x82"},
        {"\xff", "\xef\xbf\xbd"},
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80x", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx"},
        {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mock_bytes out = {NULL, 0, 0, false};

        mock_bytes_json(&out, rows[i].raw, strlen(rows[i].raw));
        cr_expect(mock_text_is((struct mock_text){out.at, out.len}, rows[i].want), "row %zu", i);
        mock_bytes_done(&out);
    }
}
