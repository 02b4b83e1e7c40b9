/* The answer to the last member: what stands in it, in which order, and when. */
#include "stage.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(contract_answer, .timeout = 60);

#define NOBODY "http://127.0.0.1:1"

/* Text up to elapsed_ms, a number with one decimal there, and the rest. */
static void expect_body(const struct response *r, const char *before, const char *after)
{
    const char *p = r->body + strlen(before);
    size_t digits;

    cr_assert(strncmp(r->body, before, strlen(before)) == 0, "expected %s… in %s", before, r->body);
    digits = strspn(p, "0123456789");
    cr_expect(digits > 0 && p[digits] == '.' && strspn(p + digits + 1, "0123456789") == 1,
              "elapsed_ms: %s", p);
    cr_expect_str_eq(p + digits + 2, after);
}

Test(contract_answer, to_the_last_byte)
{
    struct trio t;
    struct response r;

    trio_start(&t, NULL);
    weir_mock_answer(t.preferences, "/users/{id}/preferences",
                     &(struct weir_mock_answer){.body = " \t\r\n{ \"a\" : 1 }\n \r\n"});
    cr_assert(client_get(t.weir.port, "/v1/users/42", "X-Request-Id: abc\r\n", &r, 5000));
    expect_body(&r,
                "{\"data\":{\"profile\":" TRIO_PROFILE ",\"preferences\":{ \"a\" : 1 },"
                "\"activity\":" TRIO_ACTIVITY "},\"errors\":[],\"meta\":{\"complete\":true,"
                "\"request_id\":\"abc\",\"elapsed_ms\":",
                ",\"budget_ms\":500}}");
    response_done(&r);
    weir_mock_fault(t.activity, "hang");
    cr_assert(client_get(t.weir.port, "/v1/users/42",
                         "X-Request-Id: abc\r\nX-Envoy-Expected-Rq-Timeout-Ms: 120\r\n", &r, 5000));
    expect_body(&r,
                "{\"data\":{\"profile\":" TRIO_PROFILE ",\"preferences\":{ \"a\" : 1 },"
                "\"activity\":null},\"errors\":[{\"upstream\":\"activity\","
                "\"code\":\"http_response_timeout\",\"message\":\"no answer within 120 ms\"}],"
                "\"meta\":{\"complete\":false,\"request_id\":\"abc\",\"elapsed_ms\":",
                ",\"budget_ms\":120}}");
    response_done(&r);
    trio_stop(&t);
}

/* Faults of an upstream, and whether it had answered with a status. */
static const struct {
    const char *spec;
    int status; /* 0: none */
} told[] = {{"hang", 0},         {"reset", 0},        {"garbage", 0},
            {"status=503", 503}, {"status=404", 404}, {"status=204", 204},
            {"cut", 200},        {"big=2MiB", 200},   {"drip=1B/1s", 200}};

Test(contract_answer, an_error_has_these_members_and_the_status_if_there_was_one)
{
    struct trio t;

    trio_start(&t, (const char *const[]){"WEIR_BUDGET=300ms", NULL});
    for (size_t i = 0; i < sizeof(told) / sizeof(*told); i++) {
        struct response r;
        cJSON *doc, *error;

        weir_mock_fault(t.activity, told[i].spec);
        trio_get(&t, &r);
        doc = response_json(&r);
        expect_members(doc, "data,errors,meta", told[i].spec);
        expect_members(cJSON_GetObjectItem(doc, "meta"), "complete,request_id,elapsed_ms,budget_ms",
                       told[i].spec);
        cr_assert(cJSON_GetArraySize(cJSON_GetObjectItem(doc, "errors")) == 1, "%s", told[i].spec);
        error = cJSON_GetArrayItem(cJSON_GetObjectItem(doc, "errors"), 0);
        expect_members(error,
                       told[i].status ? "upstream,code,status,message" : "upstream,code,message",
                       told[i].spec);
        if (told[i].status)
            cr_expect(cJSON_GetObjectItem(error, "status")->valueint == told[i].status, "%s: %s",
                      told[i].spec, r.body);
        cr_expect_str_eq(member_text(error, "upstream"), "activity");
        cr_expect(strlen(member_text(error, "message")) > 0, "%s", told[i].spec);
        cr_expect_str_eq(response_header(&r, "Weir-Complete"), "false");
        cJSON_Delete(doc);
        response_done(&r);
    }
    trio_stop(&t);
}

/* Documents whose upstreams fail in their ways; one route is asked, "/x". */
#define ROUTE(upstreams)                                                                           \
    "{\"routes\":[{\"path\":\"/x\",\"budget\":\"400ms\",\"upstreams\":{" upstreams "}}]}"
#define HANGS "\"url\":\"${WEIR_PROFILE_URL}/hang\""
#define GOOD  "\"url\":\"${WEIR_PREFERENCES_URL}/good\""
#define GONE  "\"url\":\"${WEIR_ACTIVITY_URL}/gone\"" /* 410 */
#define DEAD  "\"url\":\"" NOBODY "/\""

static const struct whole {
    const char *name, *document;
    int status;
    const char *upstream, *code; /* to blame; or, with 200, */
    const char *data;
    double least_ms, most_ms; /* counted from a little after the request was sent */
    const char *text;         /* which stands in the answer too, or NULL */
} wholes[] = {
    {"own timeout of a required one",
     ROUTE("\"b\":{" GOOD "},\"a\":{" HANGS ",\"required\":true,\"timeout\":\"80ms\"},\"c\":{" HANGS
           "}"),
     504, "a", "http_response_timeout", NULL, 50, 350, "no answer within 80 ms"},
    {"own timeout of another", ROUTE("\"b\":{" GOOD "},\"a\":{" HANGS ",\"timeout\":\"80ms\"}"),
     200, NULL, NULL, "{\"b\":[1],\"a\":null}", 50, 350, "no answer within 80 ms"},
    {"default in place of null",
     ROUTE("\"z\":{" DEAD ",\"default\":{\"k\":[1.10,9007199254740993]}},\"b\":{" GOOD
           ",\"default\":0},\"a\":{" DEAD "}"),
     200, NULL, NULL, "{\"z\":{\"k\":[1.10,9007199254740993]},\"b\":[1],\"a\":null}", 0, 350, NULL},
    {"a default is not delivered",
     ROUTE("\"a\":{" DEAD ",\"default\":[]},\"b\":{" GONE ",\"default\":{}}"), 502, "a",
     "connection_refused", NULL, 0, 350, NULL},
    {"none delivered, none of them for time", ROUTE("\"a\":{" GONE "},\"b\":{" DEAD "}"), 502, "a",
     "bad_status", NULL, 0, 350, NULL},
    {"none delivered, one for time", ROUTE("\"a\":{" DEAD "},\"b\":{" HANGS "}"), 504, "b",
     "http_response_timeout", NULL, 300, 900, NULL},
    {"none delivered, one for its own time",
     ROUTE("\"a\":{" DEAD "},\"b\":{" HANGS ",\"timeout\":\"50ms\",\"default\":1}"), 504, "b",
     "http_response_timeout", NULL, 30, 350, NULL},
    {"the shared deadline", ROUTE("\"b\":{" GOOD "},\"a\":{" HANGS ",\"required\":true}"), 504, "a",
     "http_response_timeout", NULL, 300, 900, NULL},
    {"passed on from a required one",
     ROUTE("\"b\":{" HANGS "},\"a\":{" GONE ",\"required\":true,\"default\":1}"), 410, "a",
     "bad_status", NULL, 0, 350, NULL},
    {"not passed on from another", ROUTE("\"b\":{" GOOD "},\"a\":{" GONE "}"), 200, NULL, NULL,
     "{\"b\":[1],\"a\":null}", 0, 350, NULL},
    {"the first of two required ones",
     ROUTE("\"b\":{" HANGS ",\"required\":true},\"a\":{" GONE ",\"required\":true}"), 410, "a",
     "bad_status", NULL, 0, 350, NULL},
};

static void expect_whole(const struct whole *w, struct response *r)
{
    cJSON *doc = response_json(r);

    cr_expect(r->status == w->status, "%s: %d: %s", w->name, r->status, r->body);
    cr_expect(w->text == NULL || strstr(r->body, w->text) != NULL, "%s: %s", w->name, r->body);
    cr_expect(r->ms >= w->least_ms && r->ms < w->most_ms, "%s: %.1f ms", w->name, r->ms);
    if (w->status == 200) {
        char text[256];

        snprintf(text, sizeof(text), "{\"data\":%s,\"errors\":[{", w->data);
        cr_expect(strncmp(r->body, text, strlen(text)) == 0, "%s: %s", w->name, r->body);
        cr_expect_str_eq(response_header(r, "Weir-Complete"), "false", "%s", w->name);
    } else {
        expect_members(doc, "type,title,status,detail,request_id,upstream,code", w->name);
        cr_expect_str_eq(member_text(doc, "upstream"), w->upstream, "%s: %s", w->name, r->body);
        cr_expect_str_eq(member_text(doc, "code"), w->code, "%s: %s", w->name, r->body);
        cr_expect_str_eq(response_header(r, "Weir-Complete"), "", "%s", w->name);
    }
    cJSON_Delete(doc);
}

Test(contract_answer, status_of_the_whole)
{
    for (size_t i = 0; i < sizeof(wholes) / sizeof(*wholes); i++) {
        struct stage s;
        struct response r;

        stage_start(&s, wholes[i].document, NULL);
        weir_mock_answer(s.trio.profile, "/hang",
                         &(struct weir_mock_answer){.head_after_ms = 30000});
        weir_mock_answer(s.trio.preferences, "/good", &(struct weir_mock_answer){.body = "[1]"});
        weir_mock_answer(s.trio.activity, "/gone", &(struct weir_mock_answer){.status = 410});
        stage_get(&s, "/x", NULL, &r);
        expect_whole(&wholes[i], &r);
        response_done(&r);
        trio_expect_quiet(&s.trio);
        stage_stop(&s);
    }
}

/* Every refusal of weir's own is a problem with the same members. */
static const struct {
    const char *bytes;
    int status;
    const char *title;
} refusals[] = {
    {"GET /v1/users/%zz HTTP/1.1\r\nHost: t\r\n\r\n", 400, "Bad Request"},
    {"GET /v1/users/1 HTTP/1.1\r\n\r\n", 400, "Bad Request"},
    {"GET /v1 HTTP/1.1\r\nHost: t\r\n\r\n", 404, "Not Found"},
    {"HEAD /v1 HTTP/1.1\r\nHost: t\r\n\r\n", 404, "Not Found"},
    {"PUT /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n", 405, "Method Not Allowed"},
    {"GET /v", 408, "Request Timeout"},
    {"GET /v1/users/1 HTTP/1.1\r\nHost: t\r\nExpect: x\r\n\r\n", 417, "Expectation Failed"},
    {"GET /v1/users/1 HTTP/1.2\r\nHost: t\r\n\r\n", 505, "HTTP Version Not Supported"},
};

static void expect_problem(struct response *r, int status, const char *title)
{
    cr_expect(r->status == status, "%d, not %d", r->status, status);
    cr_expect_str_eq(response_header(r, "Content-Type"), "application/problem+json", "%d", status);
    cr_expect_str_eq(response_header(r, "Cache-Control"), "no-store", "%d", status);
    cr_expect(strlen(response_header(r, "X-Request-Id")) > 0, "%d", status);
    if (r->body_len > 0) {
        cJSON *doc = response_json(r);

        expect_members(doc, "type,title,status,detail,request_id", title);
        cr_expect_str_eq(member_text(doc, "type"), "about:blank");
        cr_expect_str_eq(member_text(doc, "title"), title);
        cr_expect(cJSON_GetObjectItem(doc, "status")->valueint == status);
        cr_expect(strlen(member_text(doc, "detail")) > 0);
        cr_expect_str_eq(member_text(doc, "request_id"), response_header(r, "X-Request-Id"));
        cJSON_Delete(doc);
    }
}

Test(contract_answer, refusals_are_problems)
{
    struct trio t;
    struct response r;
    int fds[2];

    trio_start(&t, (const char *const[]){"WEIR_HEADER_TIMEOUT=200ms", "WEIR_MAX_IN_FLIGHT=1",
                                         "WEIR_BUDGET=30s", NULL});
    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
        stage_say(&t.weir, refusals[i].bytes, &r);
        expect_problem(&r, refusals[i].status, refusals[i].title);
        cr_expect_str_eq(response_header(&r, "Allow"), r.status == 405 ? "GET, HEAD" : "");
        cr_expect_str_eq(response_header(&r, "Retry-After"), "", "%d", r.status);
        response_done(&r);
    }
    weir_mock_hold(t.activity);
    fds[0] = client_connect(t.weir.port);
    cr_assert(client_say(fds[0], "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n"));
    cr_assert(weir_mock_wait(t.activity, WEIR_MOCK_HELD, 1, 5000));
    stage_say(&t.weir, "GET /v1/users/2 HTTP/1.1\r\nHost: t\r\n\r\n", &r);
    expect_problem(&r, 503, "Service Unavailable");
    cr_expect(strspn(response_header(&r, "Retry-After"), "0123456789") > 0);
    response_done(&r);
    weir_mock_release(t.activity);
    close(fds[0]);
    trio_stop(&t);
}

/* The names of the header lines, each with a comma behind it. */
static void header_names(const struct response *r, char *names, size_t size)
{
    names[0] = '\0';
    for (const char *p = strstr(r->head, "\r\n"); p != NULL && p[2] != '\r';
         p = strstr(p + 2, "\r\n"))
        snprintf(names + strlen(names), size - strlen(names), "%.*s,", (int)strcspn(p + 2, ":"),
                 p + 2);
}

Test(contract_answer, head_is_get_without_the_body)
{
    static const char *const paths[] = {"/v1/users/1", "/v1/users/hang", "/v1/users/%ff", "/no"};
    struct trio t;

    trio_start(&t, (const char *const[]){"WEIR_BUDGET=150ms", NULL});
    weir_mock_answer(t.profile, "/users/hang/profile",
                     &(struct weir_mock_answer){.head_after_ms = 30000});
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        struct response get, head;
        char text[128], names[2][512];
        int fd;

        cr_assert(client_get(t.weir.port, paths[i], "X-Request-Id: abc\r\n", &get, 5000));
        snprintf(text, sizeof(text),
                 "HEAD %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"
                 "X-Request-Id: abc\r\n\r\n",
                 paths[i]);
        fd = client_connect(t.weir.port);
        cr_assert(client_say(fd, text) && client_read(fd, &head, 5000, true), "%s", paths[i]);
        cr_expect(client_sees_close(fd, 5000), "%s: a body came", paths[i]);
        close(fd);
        cr_expect(head.status == get.status, "%s: %d and %d", paths[i], head.status, get.status);
        header_names(&get, names[0], sizeof(names[0]));
        header_names(&head, names[1], sizeof(names[1]));
        cr_expect_str_eq(names[1], names[0], "%s", paths[i]);
        /* elapsed_ms may have a digit more or less */
        cr_expect(labs(strtol(response_header(&head, "Content-Length"), NULL, 10) -
                       (long)get.body_len) <= 3,
                  "%s: Content-Length", paths[i]);
        response_done(&get);
        response_done(&head);
    }
    trio_stop(&t);
}

Test(contract_answer, server_timing_names_every_upstream_and_what_became_of_it)
{
    struct trio t;
    struct response r;
    double ms[3];
    int end = 0;

    trio_start(&t, (const char *const[]){"WEIR_BUDGET=150ms", NULL});
    weir_mock_fault(t.activity, "hang");
    trio_get(&t, &r);
    cr_expect(sscanf(response_header(&r, "Server-Timing"),
                     "profile;dur=%lf, preferences;dur=%lf, activity;dur=%lf;"
                     "desc=\"http_response_timeout\"%n",
                     &ms[0], &ms[1], &ms[2], &end) == 3,
              "%s", response_header(&r, "Server-Timing"));
    cr_expect(end > 0 && r.value[end] == '\0', "%s", r.value);
    cr_expect(ms[0] > 0 && ms[0] < 150 && ms[1] > 0 && ms[2] >= 149 && ms[2] < 400, "%s", r.value);
    response_done(&r);
    weir_mock_fault(t.profile, "status=404");
    trio_get(&t, &r);
    cr_expect(r.status == 404);
    cr_expect(strstr(response_header(&r, "Server-Timing"), "desc=\"bad_status\"") != NULL, "%s",
              r.value);
    cr_expect(strstr(r.value, ";desc=\"canceled\"") != NULL, "%s", r.value);
    response_done(&r);
    trio_stop(&t);
}

Test(contract_answer, server_timing_can_be_hidden)
{
    struct trio t;
    struct response r;

    trio_start(&t, (const char *const[]){"WEIR_SERVER_TIMING=off", NULL});
    trio_get(&t, &r);
    cr_expect(r.status == 200);
    cr_expect_str_eq(response_header(&r, "Server-Timing"), "");
    cr_expect_str_eq(response_header(&r, "Weir-Complete"), "true");
    response_done(&r);
    weir_mock_fault(t.profile, "status=500");
    trio_get(&t, &r);
    cr_expect(r.status == 502);
    cr_expect_str_eq(response_header(&r, "Server-Timing"), "");
    response_done(&r);
    trio_stop(&t);
}

/* Every one of a pipeline has a budget of its own, from when the answer before it was handed over.
 */
Test(contract_answer, the_budget_of_a_pipelined_request_begins_when_its_turn_comes)
{
    struct trio t;
    struct response r;
    double start;
    int fd;

    trio_start(&t, (const char *const[]){"WEIR_BUDGET=200ms", NULL});
    weir_mock_fault(t.activity, "hang");
    fd = client_connect(t.weir.port);
    start = now_ms();
    cr_assert(client_say(fd, "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n"
                             "GET /v1/users/2 HTTP/1.1\r\nHost: t\r\n\r\n"));
    for (int i = 0; i < 2; i++) {
        double elapsed;

        cr_assert(client_read(fd, &r, 5000, false), "answer %d", i);
        cr_expect(sscanf(strstr(r.body, "\"elapsed_ms\":"), "\"elapsed_ms\":%lf", &elapsed) == 1);
        cr_expect(elapsed >= 199 && elapsed < 390, "answer %d: elapsed_ms %.1f", i, elapsed);
        trio_expect_text(&r, "\"budget_ms\":200}");
        response_done(&r);
    }
    cr_expect(now_ms() - start >= 399, "both had their time: %.1f ms", now_ms() - start);
    close(fd);
    trio_stop(&t);
}
