/* What upstreams are sent. */
#include "stage.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(contract_upstream, .timeout = 60);

#define DEADLINE               "x-envoy-expected-rq-timeout-ms"
#define ROUTES(routes)         "{\"routes\":[" routes "]}"
#define ROUTE(path, upstreams) "{\"path\":\"" path "\",\"upstreams\":{" upstreams "}}"
#define PROFILE(target, more)  "\"a\":{\"url\":\"${WEIR_PROFILE_URL}" target "\"" more "}"
#define ACTIVITY(target, more) "\"b\":{\"url\":\"${WEIR_ACTIVITY_URL}" target "\"" more "}"

/* Whatever is asked is answered with {}. */
static void answer_all(struct stage *s)
{
    const struct weir_mock_answer answer = {.body = "{}"};

    cr_assert(weir_mock_answer(s->trio.profile, "/*", &answer) == WEIR_OK);
    cr_assert(weir_mock_answer(s->trio.activity, "/*", &answer) == WEIR_OK);
}

/* Asks a path and returns what the profile mock was sent for it. */
static struct weir_mock_request ask(struct stage *s, const char *path, const char *headers)
{
    struct response r;

    stage_get(s, path, headers, &r);
    cr_expect(r.status == 200, "%s: %d: %s", path, r.status, r.body);
    response_done(&r);
    return stage_last(s->trio.profile);
}

/* A request must have exactly one line of this name with this value; NULL: none. */
static void expect_header(const struct weir_mock_request *q, const char *name, const char *value)
{
    const char *found = weir_mock_header(q, name);

    cr_expect(stage_count_header(q, name) == (value ? 1 : 0), "%s: %u lines in:\n%s", name,
              stage_count_header(q, name), q->head);
    if (value != NULL)
        cr_expect(found != NULL && strcmp(found, value) == 0, "%s: %s, not %s", name,
                  found ? found : "none", value);
}

Test(contract_upstream, every_upstream_starts_at_once)
{
    struct trio t;
    struct weir_mock *m[3];
    struct response r;
    int fd;

    trio_start(&t, (const char *const[]){"WEIR_BUDGET=30s", NULL});
    m[0] = t.profile, m[1] = t.preferences, m[2] = t.activity;
    for (int i = 0; i < 3; i++)
        weir_mock_hold(m[i]);
    fd = client_connect(t.weir.port);
    cr_assert(client_say(fd, "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n"));
    for (int i = 0; i < 3; i++)
        cr_expect(weir_mock_wait(m[i], WEIR_MOCK_HELD, 1, 5000), "%d waits for another", i);
    for (int i = 0; i < 3; i++)
        weir_mock_release(m[i]);
    cr_expect(client_read(fd, &r, 5000, false) && r.status == 200);
    response_done(&r);
    close(fd);
    trio_stop(&t);
}

Test(contract_upstream, weirs_own_headers_come_once_each)
{
    struct stage s;
    struct weir_mock_request q;
    char host[64];

    stage_start(&s, ROUTES(ROUTE("/x", PROFILE("/p", ""))), NULL);
    answer_all(&s);
    q = ask(
        &s, "/x",
        "Accept: text/html\r\nUser-Agent: browser\r\nCookie: c=1\r\nX-Forwarded-For: 1.2.3.4\r\n"
        "Accept-Encoding: gzip\r\nAuthorization: Bearer a.b\r\nAccept-Language: de\r\n");
    snprintf(host, sizeof(host), "127.0.0.1:%u", weir_mock_port(s.trio.profile));
    cr_expect(strncmp(q.head, "GET /p HTTP/1.1\r\n", 17) == 0, "%s", q.head);
    expect_header(&q, "Host", host);
    expect_header(&q, "Accept", "application/json");
    expect_header(&q, "Authorization", "Bearer a.b");
    expect_header(&q, "Accept-Language", "de");
    for (const char *const *name =
             (const char *const[]){"Cookie", "X-Forwarded-For", "Accept-Encoding", "tracestate",
                                   "Content-Length", NULL};
         *name != NULL; name++)
        expect_header(&q, *name, NULL);
    cr_expect(strncmp(weir_mock_header(&q, "User-Agent"), "weir/", 5) == 0);
    for (const char *const *name =
             (const char *const[]){"User-Agent", "X-Request-Id", "traceparent", DEADLINE, NULL};
         *name != NULL; name++)
        cr_expect(stage_count_header(&q, *name) == 1, "%s in:\n%s", *name, q.head);
    stage_stop(&s);
}

Test(contract_upstream, forward_replaces_the_list)
{
    struct stage s;
    struct weir_mock_request q;

    stage_start(
        &s,
        ROUTES(ROUTE("/some", PROFILE("/p", ",\"forward\":[\"Cookie\",\"x-tenant\"]")) "," ROUTE(
            "/none",
            PROFILE("/p", ",\"forward\":[]")) "," ROUTE("/own",
                                                        PROFILE("/p",
                                                                ",\"forward\":[\"User-Agent\","
                                                                "\"accept\"]") "," ACTIVITY("/p",
                                                                                            ""))),
        NULL);
    answer_all(&s);
    q = ask(&s, "/some", "Authorization: secret\r\nCookie: c=1\r\nX-TENANT: \t a b \t\r\n");
    expect_header(&q, "Authorization", NULL);
    expect_header(&q, "Cookie", "c=1");
    expect_header(&q, "X-Tenant", "a b");
    q = ask(&s, "/some", NULL);
    expect_header(&q, "Cookie", NULL);
    q = ask(&s, "/none", "Authorization: secret\r\nAccept-Language: de\r\n");
    expect_header(&q, "Authorization", NULL);
    expect_header(&q, "Accept-Language", NULL);
    q = ask(&s, "/own", "User-Agent: browser\r\nAccept: application/hal+json\r\n");
    expect_header(&q, "User-Agent", "browser");
    expect_header(&q, "Accept", "application/hal+json");
    q = stage_last(s.trio.activity); /* which forwards neither */
    expect_header(&q, "Accept", "application/json");
    q = ask(&s, "/own", NULL); /* the client has none: weir's own stay */
    expect_header(&q, "Accept", "application/json");
    cr_expect(stage_count_header(&q, "User-Agent") == 1);
    stage_stop(&s);
}

/* Two upstreams with forty names each: more than one of them may have. */
Test(contract_upstream, many_names_are_forwarded)
{
    char document[4096], lists[2][1024] = {"", ""}, headers[4096] = "", name[16];
    struct stage s;
    struct weir_mock_request q;

    for (int i = 0; i < 80; i++) {
        snprintf(name, sizeof(name), "%s\"h%d\"", i % 40 ? "," : "", i);
        strcat(lists[i / 40], name);
        sprintf(headers + strlen(headers), "H%d: v%d\r\n", i, i);
    }
    snprintf(document, sizeof(document),
             ROUTES(ROUTE(
                 "/x", PROFILE("/p", ",\"forward\":[%s]") "," ACTIVITY("/p", ",\"forward\":[%s]"))),
             lists[0], lists[1]);
    stage_start(&s, document, NULL);
    answer_all(&s);
    q = ask(&s, "/x", headers);
    expect_header(&q, "h0", "v0");
    expect_header(&q, "h39", "v39");
    expect_header(&q, "h40", NULL);
    q = stage_last(s.trio.activity);
    expect_header(&q, "h40", "v40");
    expect_header(&q, "h79", "v79");
    expect_header(&q, "h39", NULL);
    stage_stop(&s);
}

Test(contract_upstream, a_fixed_header_wins)
{
    struct stage s;
    struct weir_mock_request q;

    stage_start(
        &s,
        ROUTES(ROUTE(
            "/x",
            PROFILE(
                "/p",
                ",\"headers\":{\"AUTHORIZATION\":\"Basic ${KEY}\",\"accept\":"
                "\"application/vnd.x+json\",\"User-Agent\":\"mine/1\",\"X-Empty-Not\":\"v\"}"))),
        (const char *const[]){"KEY=azk6", NULL});
    answer_all(&s);
    q = ask(&s, "/x", "Authorization: Bearer client\r\nUser-Agent: browser\r\nX-Empty-Not: w\r\n");
    expect_header(&q, "Authorization", "Basic azk6");
    expect_header(&q, "Accept", "application/vnd.x+json");
    expect_header(&q, "User-Agent", "mine/1");
    expect_header(&q, "X-Empty-Not", "v");
    cr_expect(weir_mock_header(&q, "X-Request-Id") != NULL);
    stage_stop(&s);
}

Test(contract_upstream, targets)
{
    static const struct {
        const char *path, *target;
    } rows[] = {
        {"/e/42", "/e/42/x?id=42"},
        {"/e/42?id=7&x=%zz", "/e/42/x?id=42"},
        {"/e/a%20b", "/e/a%20b/x?id=a%20b"},
        {"/e/%c3%a9", "/e/%C3%A9/x?id=%C3%A9"},
        {"/e/a+b", "/e/a%2Bb/x?id=a%2Bb"},
        {"/e/%41%7e-._", "/e/A~-._/x?id=A~-._"},
        {"/e/%3f%23%25&=;", "/e/%3F%23%25%26%3D%3B/x?id=%3F%23%25%26%3D%3B"},
        {"/e/:@!$'()*,", "/e/%3A%40%21%24%27%28%29%2A%2C/x?id=%3A%40%21%24%27%28%29%2A%2C"},
        {"/e/...", "/e/.../x?id=..."},
        {"/e/literal", "/lit?fixed=1"},
        {"/e/literal?fixed=2", "/lit?fixed=1"},
        {"/e/li%74eral", "/lit?fixed=1"},
    };
    struct stage s;

    stage_start(&s,
                ROUTES(ROUTE("/e/{id}", PROFILE("/e/{id}/x?id={id}", "")) "," ROUTE(
                    "/e/literal", PROFILE("/lit?fixed=1", ""))),
                NULL);
    answer_all(&s);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        cr_expect_str_eq(ask(&s, rows[i].path, NULL).target, rows[i].target, "%s", rows[i].path);
    stage_stop(&s);
}

/* What the caller says of its deadline, and what is left then of two seconds. */
static const struct {
    const char *said;
    long left;
} deadlines[] = {
    {NULL, 2000},
    {"100", 100},
    {"1999", 1999},
    {"2001", 2000},
    {"0", 2000},
    {"-5", 2000},
    {"1.5", 2000},
    {"abc", 2000},
    {"", 2000},
    {"+50", 2000},
    {"50ms", 2000},
    {"0x10", 2000},
    {"5 0", 2000},
    {"100, 50", 2000},
    {"000000000000000000120", 120},
    {" \t150 ", 150},
    {"18446744073709551666", 2000},
    {"9999999999999999999999999", 2000},
};

Test(contract_upstream, the_callers_deadline_shortens_or_is_ignored)
{
    struct stage s;

    stage_start(&s,
                "{\"routes\":[{\"path\":\"/x\",\"budget\":\"2s\",\"upstreams\":{" PROFILE(
                    "/p", "") "," ACTIVITY("/p", ",\"timeout\":\"130ms\"") "}}]}",
                NULL);
    answer_all(&s);
    for (size_t i = 0; i < sizeof(deadlines) / sizeof(*deadlines); i++) {
        char line[128] = "", left[64];
        struct response r;
        struct weir_mock_request q;
        long told, own;

        if (deadlines[i].said != NULL)
            snprintf(line, sizeof(line), "X-Envoy-Expected-RQ-Timeout-Ms: %s\r\n",
                     deadlines[i].said);
        stage_get(&s, "/x", line, &r);
        snprintf(left, sizeof(left), "\"budget_ms\":%ld}}", deadlines[i].left);
        cr_expect(strstr(r.body, left) != NULL, "\"%s\": %s", line, r.body);
        response_done(&r);
        q = stage_last(s.trio.profile);
        told = strtol(weir_mock_header(&q, DEADLINE), NULL, 10);
        cr_expect(told <= deadlines[i].left && told > deadlines[i].left - 60, "\"%s\": told %ld",
                  line, told);
        q = stage_last(s.trio.activity); /* its own 130 ms, when that is less */
        own = strtol(weir_mock_header(&q, DEADLINE), NULL, 10);
        cr_expect(own <= 130 && own <= told && own > (told < 130 ? told : 130) - 60,
                  "\"%s\": told %ld", line, own);
    }
    stage_stop(&s);
}

Test(contract_upstream, less_than_a_millisecond_is_not_told_as_none)
{
    struct stage s;
    struct response r;
    struct weir_mock_request q;

    stage_start(&s,
                ROUTES(ROUTE("/x", PROFILE("/p", "") "," ACTIVITY("/p", ",\"timeout\":\"900us\""))),
                NULL);
    answer_all(&s);
    stage_get(&s, "/x", NULL, &r);
    response_done(&r);
    cr_assert(weir_mock_wait(s.trio.activity, WEIR_MOCK_CONNECTIONS, 1, 5000));
    if (weir_mock_wait(s.trio.activity, WEIR_MOCK_REQUESTS, 1, 1000)) { /* unless it was too late */
        q = stage_last(s.trio.activity);
        expect_header(&q, DEADLINE, "1");
    }
    stage_stop(&s);
}

Test(contract_upstream, the_deadline_header_can_be_renamed_or_off)
{
    static const struct {
        const char *setting, *said, *sent;
        long left;
    } rows[] = {
        {"WEIR_DEADLINE_HEADER=off", DEADLINE ": 100\r\noff: 100\r\n", NULL, 2000},
        {"WEIR_DEADLINE_HEADER=X-Left", DEADLINE ": 100\r\n", "x-left", 2000},
        {"WEIR_DEADLINE_HEADER=X-Left", "X-LEFT: 100\r\n", "x-left", 100},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct trio t;
        struct response r;
        struct weir_mock_request q;
        char left[64];

        trio_start(&t, (const char *const[]){rows[i].setting, "WEIR_BUDGET=2s", NULL});
        cr_assert(client_get(t.weir.port, "/v1/users/1", rows[i].said, &r, 5000));
        snprintf(left, sizeof(left), "\"budget_ms\":%ld}}", rows[i].left);
        trio_expect_text(&r, left);
        response_done(&r);
        q = stage_last(t.profile);
        expect_header(&q, DEADLINE, NULL);
        expect_header(&q, "off", NULL);
        if (rows[i].sent != NULL)
            cr_expect(labs(strtol(weir_mock_header(&q, rows[i].sent), NULL, 10) - rows[i].left) <
                      60);
        trio_stop(&t);
    }
}

Test(contract_upstream, a_malformed_traceparent_begins_a_new_trace)
{
    static const char *const bad[] = {"",
                                      "garbage",
                                      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
                                      "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                                      "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                                      "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                                      "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                                      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x"};
    struct trio t;

    trio_start(&t, NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        char line[256];
        struct response r;
        struct weir_mock_request q;
        const char *parent;

        snprintf(line, sizeof(line), "traceparent: %s\r\ntracestate: vendor=1\r\n", bad[i]);
        cr_assert(client_get(t.weir.port, "/v1/users/1", line, &r, 5000) && r.status == 200);
        response_done(&r);
        q = stage_last(t.profile);
        parent = weir_mock_header(&q, "traceparent");
        cr_assert(parent != NULL && strlen(parent) == 55, "%s", bad[i]);
        cr_expect(strncmp(parent, "00-", 3) == 0 && strspn(parent, "0123456789abcdef-") == 55, "%s",
                  parent);
        cr_expect(strstr(parent, "4bf92f3577b34da6a3ce929d0e0e4736") == NULL, "%s is continued",
                  bad[i]);
        cr_expect(strstr(parent, "-00000000000000000000000000000000-") == NULL);
        expect_header(&q, "tracestate", NULL);
    }
    trio_stop(&t);
}

Test(contract_upstream, request_ids_are_kept_or_replaced)
{
    static const struct {
        const char *given;
        bool kept;
    } rows[] = {{"a", true},    {"A-z.0_9~:+/=@", true}, {"", false},
                {"a b", false}, {"a\"b", false},         {"\xc3\xa9", false}};
    struct trio t;

    trio_start(&t, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char line[256], member[256];
        struct response r;
        struct weir_mock_request q;
        const char *id;

        snprintf(line, sizeof(line), "X-Request-Id: %s\r\n", rows[i].given);
        cr_assert(client_get(t.weir.port, "/v1/users/1", line, &r, 5000) && r.status == 200);
        id = response_header(&r, "X-Request-Id");
        cr_expect((strcmp(id, rows[i].given) == 0) == rows[i].kept && *id != '\0', "%s: %s",
                  rows[i].given, id);
        snprintf(member, sizeof(member), "\"request_id\":\"%s\"", id);
        trio_expect_text(&r, member);
        q = stage_last(t.activity);
        expect_header(&q, "X-Request-Id", id);
        cr_expect(process_wait_line(t.weir.process, member, 1, 5000) != NULL,
                  "%s is not in the log", id);
        response_done(&r);
    }
    trio_stop(&t);
}
