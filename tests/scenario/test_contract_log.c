/* The log: which lines there are, what stands in them, at which level. */
#include "stage.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(contract_log, .timeout = 60);

#define MEMBERS                                                                                    \
    "ts,level,msg,request_id,trace_id,method,path,route,status,outcome,duration_ms,bytes,client_"  \
    "ip,upstreams"

/* The n-th access line, which must be there and have every member. */
static cJSON *access_line(struct weir *w, unsigned n)
{
    const char *text = process_wait_line(w->process, "\"msg\":\"request\"", n, 5000);
    cJSON *line = text ? cJSON_ParseWithOpts(text, NULL, 1) : NULL;

    cr_assert(line != NULL, "line %u: %s", n, text ? text : "none");
    expect_members(line, MEMBERS, text);
    return line;
}

static void expect_number(const cJSON *object, const char *name, double least, double most)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(object, name);

    cr_expect(cJSON_IsNumber(n) && n->valuedouble >= least && n->valuedouble <= most, "%s: %g",
              name, n ? n->valuedouble : -1);
}

static void expect_upstream(const cJSON *line, int i, const char *name, const char *outcome)
{
    const cJSON *u = cJSON_GetArrayItem(cJSON_GetObjectItem(line, "upstreams"), i);

    expect_members(u, "name,outcome,status,ms,bytes,reused", name);
    cr_expect_str_eq(member_text(u, "name"), name);
    cr_expect_str_eq(member_text(u, "outcome"), outcome, "%s: %s", name, member_text(u, "outcome"));
    cr_expect(cJSON_IsBool(cJSON_GetObjectItem(u, "reused")));
}

Test(contract_log, an_access_line)
{
    struct trio t;
    struct response r;
    cJSON *line, *u;
    const char *ts;
    int year, month, day, end = 0;

    trio_start(&t, (const char *const[]){"WEIR_BUDGET=200ms", NULL});
    trio_get(&t, &r);
    response_done(&r);
    weir_mock_fault(t.activity, "hang");
    cr_assert(
        client_get(t.weir.port, "/v1/users/a%20b?secret=1", "X-Request-Id: abc\r\n", &r, 5000));
    line = access_line(&t.weir, 2);
    ts = member_text(line, "ts");
    cr_expect(sscanf(ts, "%4d-%2d-%2dT%*2d:%*2d:%*f%n", &year, &month, &day, &end) == 3 &&
                  strcmp(ts + end, "Z") == 0,
              "%s", ts);
    cr_expect_str_eq(member_text(line, "level"), "info");
    cr_expect_str_eq(member_text(line, "msg"), "request");
    cr_expect_str_eq(member_text(line, "request_id"), "abc");
    cr_expect(strspn(member_text(line, "trace_id"), "0123456789abcdef") == 32 &&
              strlen(member_text(line, "trace_id")) == 32);
    cr_expect_str_eq(member_text(line, "method"), "GET");
    cr_expect_str_eq(member_text(line, "path"), "/v1/users/a%20b");
    cr_expect_str_eq(member_text(line, "route"), "/v1/users/{id}");
    cr_expect_str_eq(member_text(line, "outcome"), "partial");
    cr_expect_str_eq(member_text(line, "client_ip"), "127.0.0.1");
    expect_number(line, "status", 200, 200);
    expect_number(line, "duration_ms", 199, 600);
    expect_number(line, "bytes", (double)r.body_len, (double)r.body_len);
    expect_upstream(line, 0, "profile", "ok");
    expect_upstream(line, 1, "preferences", "ok");
    expect_upstream(line, 2, "activity", "http_response_timeout");
    u = cJSON_GetArrayItem(cJSON_GetObjectItem(line, "upstreams"), 0);
    expect_number(u, "status", 200, 200);
    expect_number(u, "bytes", (double)strlen(TRIO_PROFILE), (double)strlen(TRIO_PROFILE));
    expect_number(u, "ms", 0, 200);
    cr_expect(cJSON_IsTrue(cJSON_GetObjectItem(u, "reused")),
              "the second request on that connection");
    cJSON_Delete(line);
    response_done(&r);
    trio_stop(&t);
}

/* What becomes of a request, and how the log calls it. */
static const struct {
    const char *bytes;
    const char *fault; /* of profile */
    const char *method, *path, *route;
    int status;
    const char *outcome;
} lines[] = {
    {"HEAD /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n", NULL, "HEAD", "/v1/users/1", "/v1/users/{id}",
     200, "complete"},
    {"GET /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n", "status=500", "GET", "/v1/users/1",
     "/v1/users/{id}", 502, "failed"},
    {"GET /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n", "status=404", "GET", "/v1/users/1",
     "/v1/users/{id}", 404, "failed"},
    {"GET /no?secret=1 HTTP/1.1\r\nHost: t\r\n\r\n", NULL, "GET", "/no", "unmatched", 404,
     "rejected"},
    {"FROB /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n", NULL, "FROB", "/v1/users/1", "/v1/users/{id}",
     405, "rejected"},
    {"GET /v1/users/%00 HTTP/1.1\r\nHost: t\r\n\r\n", NULL, "GET", "/v1/users/%00",
     "/v1/users/{id}", 400, "rejected"},
    {"GET /v1/users/1 HTTP/1.1\r\nHost: t\r\nA : b\r\n\r\n", NULL, "GET", "/v1/users/1",
     "/v1/users/{id}", 400, "rejected"},
    {"GET /v1/users/1 HTTP/1.1\r\nHost: t\r\nExpect: x\r\n\r\n", NULL, "GET", "/v1/users/1",
     "/v1/users/{id}", 417, "rejected"},
    {"GET /v1/users/1 HTTP/1.7\r\nHost: t\r\n\r\n", NULL, "GET", "/v1/users/1", "/v1/users/{id}",
     505, "rejected"},
    {"G\x01T /\"\\ HTTP/1.1\r\n\r\n", NULL, "", "", "unmatched", 400, "rejected"},
};

Test(contract_log, one_line_each_refused_heads_too)
{
    struct trio t;

    trio_start(&t, NULL);
    for (unsigned i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        struct response r;
        cJSON *line;

        weir_mock_fault(t.profile, lines[i].fault);
        stage_say(&t.weir, lines[i].bytes, &r);
        line = access_line(&t.weir, i + 1);
        cr_expect_str_eq(member_text(line, "level"), "info");
        cr_expect_str_eq(member_text(line, "method"), lines[i].method, "row %u", i);
        cr_expect_str_eq(member_text(line, "path"), lines[i].path, "row %u", i);
        cr_expect_str_eq(member_text(line, "route"), lines[i].route, "row %u", i);
        cr_expect_str_eq(member_text(line, "outcome"), lines[i].outcome, "row %u", i);
        cr_expect_str_eq(member_text(line, "request_id"), response_header(&r, "X-Request-Id"),
                         "row %u", i);
        expect_number(line, "status", lines[i].status, lines[i].status);
        expect_number(line, "bytes", 1, 100000);
        cJSON_Delete(line);
        response_done(&r);
    }
    cr_expect(process_count_lines(t.weir.process, "\"msg\":\"request\"") ==
              sizeof(lines) / sizeof(*lines));
    trio_stop(&t);
}

Test(contract_log, a_client_that_has_gone)
{
    struct trio t;
    cJSON *line;
    int fd;

    trio_start(&t, (const char *const[]){"WEIR_BUDGET=30s", NULL});
    weir_mock_fault(t.activity, "hang");
    fd = client_connect(t.weir.port);
    cr_assert(client_say(fd, "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n"));
    cr_assert(weir_mock_wait(t.activity, WEIR_MOCK_IN_FLIGHT, 1, 5000));
    client_reset(fd);
    line = access_line(&t.weir, 1);
    expect_number(line, "status", 499, 499);
    expect_number(line, "bytes", 0, 0);
    cr_expect_str_eq(member_text(line, "outcome"), "canceled");
    cr_expect_str_eq(member_text(line, "level"), "info");
    cr_expect_str_eq(member_text(line, "client_ip"), "127.0.0.1");
    expect_upstream(line, 2, "activity", "canceled");
    cJSON_Delete(line);
    trio_stop(&t);
}

Test(contract_log, levels)
{
    static const struct {
        const char *setting;
        bool requests;
    } rows[] = {{"WEIR_LOG_LEVEL=debug", true},
                {"WEIR_LOG_LEVEL=info", true},
                {"WEIR_LOG_LEVEL=warn", false},
                {"WEIR_LOG_LEVEL=error", false}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct trio t;
        struct response r;

        trio_start(&t,
                   (const char *const[]){rows[i].setting, NULL}); /* waits for both "listening" */
        cr_expect(process_count_lines(t.weir.process, "\"msg\":\"listening\"") == 2, "%s",
                  rows[i].setting);
        trio_get(&t, &r);
        response_done(&r);
        process_signal(t.weir.process, SIGTERM);
        cr_expect(process_wait_exit(t.weir.process, 10000) == 0);
        cr_expect(process_count_lines(t.weir.process, "\"msg\":\"request\"") ==
                      (rows[i].requests ? 1 : 0),
                  "%s", rows[i].setting);
        process_free(t.weir.process);
        trio_stop_mocks(&t);
    }
}

Test(contract_log, every_line_is_json)
{
    struct trio t;
    struct response r;
    char *output, *save = NULL;

    trio_start(&t, (const char *const[]){"WEIR_LOG_LEVEL=debug", NULL});
    stage_say(&t.weir, "GET /v1/users/\xc3\x28 HTTP/1.1\r\nHost: t\r\n\r\n", &r), response_done(&r);
    stage_say(&t.weir, "GET /%22%5c'<>{}| HTTP/1.1\r\nHost: t\r\n\r\n", &r), response_done(&r);
    stage_say(&t.weir, "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\nX-Request-Id: \xff\r\n\r\n", &r),
        response_done(&r);
    process_signal(t.weir.process, SIGHUP);
    cr_assert(process_wait_line(t.weir.process, "reloaded", 1, 5000) != NULL);
    process_signal(t.weir.process, SIGTERM);
    cr_expect(process_wait_exit(t.weir.process, 10000) == 0);
    output = process_output(t.weir.process);
    for (char *text = strtok_r(output, "\n", &save); text != NULL;
         text = strtok_r(NULL, "\n", &save)) {
        cJSON *line = cJSON_ParseWithOpts(text, NULL, 1);

        cr_expect(line != NULL && strlen(member_text(line, "ts")) > 0 &&
                      strlen(member_text(line, "level")) > 0 &&
                      strlen(member_text(line, "msg")) > 0,
                  "%s", text);
        cJSON_Delete(line);
    }
    free(output);
    process_free(t.weir.process);
    trio_stop_mocks(&t);
}

Test(contract_log, what_is_dropped_is_counted)
{
    struct trio t;
    double dropped = 0, until = now_ms() + 30000;

    trio_start(&t, NULL);
    process_stop_reading(t.weir.process);
    while (dropped <= 0 && now_ms() < until) {
        struct response r;

        for (int i = 0; i < 500; i++) {
            cr_assert(client_get(t.weir.port, "/no", NULL, &r, 5000) && r.status == 404);
            response_done(&r);
        }
        dropped = weir_metric(&t.weir, "weir_log_lines_dropped_total");
    }
    cr_expect(dropped > 0);
    process_signal(t.weir.process, SIGTERM);
    cr_expect(process_wait_exit(t.weir.process, 15000) == 0);
    process_free(t.weir.process);
    trio_stop_mocks(&t);
}
