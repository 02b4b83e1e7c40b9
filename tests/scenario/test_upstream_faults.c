/* Broken upstreams, as tables: whatever they do, one answer, valid, in time, with the right word. */
#include "trio.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(upstream_faults, .timeout = 120);

#define JSON_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

struct fault {
    const char *name;
    const char *spec; /* of the mock; or */
    struct weir_mock_answer answer;
    const char *code; /* expected; NULL: delivered */
    int status;       /* the member status of the error, 0: absent */
    bool late;        /* only known at the deadline */
};

static const struct fault faults[] = {
    {.name = "hangs", .spec = "hang", .code = "http_response_timeout", .late = true},
    {.name = "resets", .spec = "reset", .code = "connection_terminated"},
    {.name = "half a body", .spec = "cut", .code = "http_response_incomplete", .status = 200},
    {.name = "not HTTP", .spec = "garbage", .code = "http_protocol_error"},
    {.name = "drips", .spec = "drip=1B/100ms", .code = "http_response_timeout", .status = 200, .late = true},
    {.name = "503", .spec = "status=503", .code = "bad_status", .status = 503},
    {.name = "404", .spec = "status=404", .code = "bad_status", .status = 404},
    {.name = "204", .answer = {.status = 204}, .code = "bad_status", .status = 204},
    {.name = "205", .answer = {.status = 205, .body = "[]"}, .code = "bad_status", .status = 205},
    {.name = "302", .answer = {.status = 302, .headers = "Location: /x\r\n", .body = "[]"}, .code = "bad_status", .status = 302},
    {.name = "201 counts", .answer = {.status = 201, .body = "[]"}},
    {.name = "empty body", .answer = {.body = ""}, .code = "invalid_json", .status = 200},
    {.name = "text/html", .answer = {.content_type = "text/html", .body = "[]"}, .code = "bad_content_type", .status = 200},
    {.name = "no type", .answer = {.content_type = "", .body = "[]"}, .code = "bad_content_type", .status = 200},
    {.name = "vendor type counts", .answer = {.content_type = "Application/VND.x+JSON; a=b", .body = "[]"}},
    {.name = "cut JSON", .answer = {.body = "[1,"}, .code = "invalid_json", .status = 200},
    {.name = "trailing bytes", .answer = {.body = "[] x"}, .code = "invalid_json", .status = 200},
    {.name = "bad UTF-8", .answer = {.body = "[\"\xff\"]"}, .code = "invalid_json", .status = 200},
    {.name = "byte order mark", .answer = {.body = "\xef\xbb\xbf[]"}, .code = "invalid_json", .status = 200},
    {.name = "object for array", .answer = {.body = "{}"}, .code = "unexpected_type", .status = 200},
    {.name = "white space around", .answer = {.body = " \r\n[ 1 ]\t"}},
    {.name = "big numbers", .answer = {.body = "[9007199254740993,1e400,-0,1.10,\"\\u0000\"]"}},
    {.name = "chunked", .answer = {.body = "[1,2,3,4,5]", .chunk = 3}},
    {.name = "103 first", .answer = {.interim = 103, .body = "[1]"}},
    {.name = "coding not asked for", .answer = {.headers = "Content-Encoding: gzip\r\n", .body = "[]"}, .code = "http_response_content_coding", .status = 200},
    {.name = "over the size", .spec = "big=2MiB", .code = "http_response_body_size", .status = 200},
    {.name = "closes at once", .answer = {.raw = "", .after = WEIR_MOCK_DROP}, .code = "connection_terminated"},
    {.name = "two lengths", .answer = {.raw = JSON_HEAD "Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]"}, .code = "http_protocol_error"},
    {.name = "bad length", .answer = {.raw = JSON_HEAD "Content-Length: x\r\n\r\n[]"}, .code = "http_protocol_error"},
    {.name = "bad chunk", .answer = {.raw = JSON_HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\n[]\r\n0\r\n\r\n"}, .code = "http_protocol_error", .status = 200},
    {.name = "last chunk missing", .answer = {.raw = JSON_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n", .after = WEIR_MOCK_DROP}, .code = "http_response_incomplete", .status = 200},
    {.name = "head cut", .answer = {.raw = "HTTP/1.1 200 OK\r\nContent-Ty", .after = WEIR_MOCK_DROP}, .code = "http_response_incomplete"},
    {.name = "no length, ends by close", .answer = {.raw = JSON_HEAD "\r\n[7]", .after = WEIR_MOCK_DROP}},
    {.name = "empty line", .answer = {.raw = "\r\n", .after = WEIR_MOCK_DROP}, .code = "http_protocol_error"},
};

/* What the activity part of an answer must be for one fault. */
static void expect_outcome(const struct fault *f, struct response *r)
{
    cJSON *doc = cJSON_ParseWithOpts(r->body, NULL, 1);
    cJSON *error = cJSON_GetArrayItem(cJSON_GetObjectItem(doc, "errors"), 0);
    cJSON *data = cJSON_GetObjectItem(doc, "data");
    cJSON *status = cJSON_GetObjectItem(error, "status");

    cr_expect(r->status == 200, "%s: %d", f->name, r->status);
    cr_expect(doc != NULL, "%s: not JSON: %s", f->name, r->body);
    if (f->code == NULL) {
        cr_expect(error == NULL && cJSON_IsArray(cJSON_GetObjectItem(data, "activity")), "%s: %s",
                  f->name, r->body);
    } else {
        const char *code = cJSON_GetStringValue(cJSON_GetObjectItem(error, "code"));

        cr_expect(code != NULL && strcmp(code, f->code) == 0, "%s: code %s", f->name,
                  code ? code : "absent");
        cr_expect(cJSON_IsNull(cJSON_GetObjectItem(data, "activity")), "%s: %s", f->name, r->body);
        if (f->status == 0)
            cr_expect(status == NULL || f->code[0] == 'h', "%s: %s", f->name, r->body);
        else
            cr_expect(status != NULL && status->valueint == f->status, "%s: %s", f->name, r->body);
    }
    cr_expect(cJSON_GetObjectItem(data, "profile") != NULL, "%s", f->name);
    cr_expect(f->late ? r->ms >= 290 : r->ms < 290, "%s: %.1f ms", f->name, r->ms);
    cr_expect(r->ms < 500, "%s: %.1f ms", f->name, r->ms);
    cJSON_Delete(doc);
}

Test(upstream_faults, each_gives_its_word_in_time)
{
    struct trio t;

    trio_start(&t, (const char *const[]){"WEIR_BUDGET=300ms", NULL});
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        const struct fault *f = &faults[i];
        struct response r;

        weir_mock_fault(t.activity, f->spec);
        weir_mock_answer(t.activity, "/users/{id}/activity",
                         f->spec ? &(struct weir_mock_answer){.body = TRIO_ACTIVITY} : &f->answer);
        trio_get(&t, &r);
        expect_outcome(f, &r);
        response_done(&r);
    }
    trio_expect_quiet(&t);
    trio_stop(&t);
}

Test(upstream_faults, values_pass_byte_for_byte)
{
    static const char value[] = "[9007199254740993,1e400,-0,1.10,\"\\u0000\\ud800\",{\"b\":1,\"a\":1,\"a\":2}]";
    struct trio t;
    struct response r;
    char expected[256];

    trio_start(&t, NULL);
    weir_mock_answer(t.activity, "/users/{id}/activity", &(struct weir_mock_answer){.body = value});
    trio_get(&t, &r);
    snprintf(expected, sizeof(expected), "\"activity\":%s}", value);
    trio_expect_text(&r, expected);
    response_done(&r);
    trio_stop(&t);
}

Test(upstream_faults, nobody_listens)
{
    struct trio t;
    struct response r;

    trio_start(&t, NULL);
    weir_mock_stop(t.activity);
    t.activity = weir_mock_new();
    trio_get(&t, &r);
    cr_expect(r.status == 200);
    cr_expect(r.ms < 300, "refused is known at once, not after %.1f ms", r.ms);
    trio_expect_text(&r, "\"code\":\"connection_refused\"");
    response_done(&r);
    trio_stop(&t);
}

Test(upstream_faults, statuses_of_the_required_upstream)
{
    static const struct {
        const char *spec;
        int status;
        const char *code;
    } rows[] = {{"status=401", 401, "bad_status"}, {"status=403", 403, "bad_status"},
                {"status=404", 404, "bad_status"}, {"status=410", 410, "bad_status"},
                {"status=400", 502, "bad_status"}, {"status=503", 502, "bad_status"},
                {"garbage", 502, "http_protocol_error"}, {"reset", 502, "connection_terminated"},
                {"hang", 504, "http_response_timeout"}};
    struct trio t;

    trio_start(&t, (const char *const[]){"WEIR_BUDGET=300ms", NULL});
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct response r;
        char text[64];

        weir_mock_fault(t.profile, rows[i].spec);
        trio_get(&t, &r);
        cr_expect(r.status == rows[i].status, "%s gives %d", rows[i].spec, r.status);
        snprintf(text, sizeof(text), "\"upstream\":\"profile\",\"code\":\"%s\"", rows[i].code);
        trio_expect_text(&r, text);
        snprintf(text, sizeof(text), "\"status\":%d,", rows[i].status);
        trio_expect_text(&r, text);
        cr_expect_str_eq(response_header(&r, "Content-Type"), "application/problem+json");
        response_done(&r);
    }
    trio_stop(&t);
}

Test(upstream_faults, a_keepalive_closed_in_the_race_is_retried)
{
    struct trio t;
    struct response r;

    trio_start(&t, NULL);
    weir_mock_answer(t.activity, "/users/{id}/activity",
                     &(struct weir_mock_answer){.body = TRIO_ACTIVITY,
                                                .after = WEIR_MOCK_DROP_REUSED});
    for (int i = 0; i < 5; i++) {
        trio_get(&t, &r);
        trio_expect_text(&r, "\"complete\":true");
        response_done(&r);
    }
    trio_stop(&t);
}

Test(upstream_faults, a_restart_of_an_upstream_costs_nothing)
{
    struct trio t;
    struct response r;

    trio_start(&t, NULL);
    for (int i = 0; i < 3; i++) {
        trio_get(&t, &r);
        trio_expect_text(&r, "\"complete\":true");
        response_done(&r);
        weir_mock_drop_connections(t.activity);
        weir_mock_drop_connections(t.profile);
    }
    trio_stop(&t);
}

Test(upstream_faults, proxies_of_the_environment_are_ignored)
{
    struct trio t;
    struct response r;

    trio_start(&t, (const char *const[]){"http_proxy=http://127.0.0.1:1", "HTTP_PROXY=http://127.0.0.1:1",
                                         "all_proxy=http://127.0.0.1:1", NULL});
    trio_get(&t, &r);
    trio_expect_text(&r, "\"complete\":true");
    response_done(&r);
    trio_stop(&t);
}

/* A completion at the very deadline may fall to either side; there is one answer and it is whole. */
Test(upstream_faults, completions_at_the_deadline)
{
    struct trio t;

    trio_start(&t, (const char *const[]){"WEIR_BUDGET=50ms", NULL});
    for (unsigned i = 0; i < 60; i++) {
        struct weir_mock_answer late = {.body = TRIO_ACTIVITY, .head_after_ms = 48 + i % 5};
        struct response r;
        int fd = client_connect(t.weir.port);

        weir_mock_answer(t.activity, "/users/{id}/activity", &late);
        cr_assert(client_say(fd, "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"));
        cr_assert(client_read(fd, &r, 2000, false));
        cr_expect(r.status == 200);
        cr_expect(client_sees_close(fd, 1000), "one answer and no more");
        response_done(&r);
        close(fd);
    }
    trio_expect_quiet(&t);
    trio_stop(&t);
}
