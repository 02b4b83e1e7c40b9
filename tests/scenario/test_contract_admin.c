/* The admin listener: its pages, and what the metrics count under which labels. */
#include "stage.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(contract_admin, .timeout = 60);

#define ROUTE "/v1/users/{id}"
#define TOTAL(route, code, outcome)                                                                \
    "weir_requests_total{route=\"" route "\",code=\"" code "\",outcome=\"" outcome "\"}"
#define CALLS(upstream, outcome)                                                                   \
    "weir_upstream_requests_total{route=\"" ROUTE "\",upstream=\"" upstream                        \
    "\",outcome=\"" outcome "\"}"

static char *metrics_page(const struct weir *w)
{
    struct response r;
    char *page;

    cr_assert(client_get(w->admin_port, "/metrics", NULL, &r, 5000));
    page = strdup(r.body);
    response_done(&r);
    return page;
}

Test(contract_admin, pages_and_methods)
{
    static const struct {
        const char *request;
        int status;
    } rows[] = {{"GET /livez", 200},
                {"GET /readyz", 200},
                {"GET /healthz", 200},
                {"GET /metrics", 200},
                {"GET /config", 200},
                {"GET /livez?x=1", 200},
                {"HEAD /metrics", 200},
                {"HEAD /config", 200},
                {"POST /readyz", 405},
                {"GET /", 404},
                {"GET /livez/", 404},
                {"GET "
                 "/v1/users/1",
                 404}};
    struct trio t;
    struct response r;

    trio_start(&t, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char text[128];
        int fd = client_connect(t.weir.admin_port);

        snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n",
                 rows[i].request);
        cr_assert(client_say(fd, text) && client_read(fd, &r, 5000, text[0] == 'H'), "%s", text);
        cr_expect(r.status == rows[i].status, "%s: %d", rows[i].request, r.status);
        cr_expect_str_eq(response_header(&r, "Allow"), r.status == 405 ? "GET, HEAD" : "");
        cr_expect(client_sees_close(fd, 5000), "%s", text);
        response_done(&r);
        close(fd);
    }
    for (const char *const *path =
             (const char *const[]){"/livez", "/readyz", "/healthz", "/metrics", "/config", NULL};
         *path != NULL; path++) {
        cr_assert(client_get(t.weir.port, *path, NULL, &r, 5000));
        cr_expect(r.status == 404, "%s is on the public listener: %d", *path, r.status);
        response_done(&r);
    }
    trio_stop(&t);
}

Test(contract_admin, every_metric_is_there_with_its_type)
{
    static const char *const families[] = {"weir_requests_total counter",
                                           "weir_request_duration_seconds histogram",
                                           "weir_requests_in_flight gauge",
                                           "weir_upstream_requests_total counter",
                                           "weir_upstream_duration_seconds histogram",
                                           "weir_upstream_connections_opened_total counter",
                                           "weir_deadline_overrun_seconds histogram",
                                           "weir_loop_lag_seconds histogram",
                                           "weir_client_connections gauge",
                                           "weir_log_lines_dropped_total counter",
                                           "weir_build_info gauge",
                                           "process_cpu_seconds_total counter",
                                           "process_resident_memory_bytes gauge",
                                           "process_virtual_memory_bytes gauge",
                                           "process_open_fds gauge",
                                           "process_max_fds gauge",
                                           "process_start_time_seconds gauge"};
    struct trio t;
    struct response r;
    char *page, text[128];

    trio_start(&t, NULL);
    trio_get(&t, &r);
    response_done(&r);
    page = metrics_page(&t.weir);
    for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
        snprintf(text, sizeof(text), "\n# TYPE %s\n", families[i]);
        cr_expect(strstr(page, text) != NULL, "%s", families[i]);
    }
    cr_expect(strstr(page, "\nweir_build_info{version=\"") != NULL);
    cr_expect(page[strlen(page) - 1] == '\n' && strchr(page, '\r') == NULL);
    free(page);
    cr_expect(weir_metric(&t.weir, "weir_request_duration_seconds_count{route=\"" ROUTE "\"}") ==
              1);
    cr_expect(weir_metric(&t.weir, "weir_request_duration_seconds_bucket{route=\"" ROUTE
                                   "\",le=\"+Inf\"}") == 1);
    cr_expect(weir_metric(&t.weir, "weir_upstream_duration_seconds_count{route=\"" ROUTE
                                   "\",upstream=\"activity\"}") == 1);
    cr_expect(weir_metric(&t.weir, "weir_upstream_connections_opened_total{route=\"" ROUTE
                                   "\",upstream=\"activity\"}") == 1);
    cr_expect(weir_wait_metric(&t.weir, "weir_client_connections", 0, 5000));
    cr_expect(weir_metric(&t.weir, "weir_deadline_overrun_seconds_count") == 0);
    trio_stop(&t);
}

/* Brings about one request of each outcome; returns nothing but what is counted. */
Test(contract_admin, each_outcome_is_counted_under_its_name)
{
    static const struct {
        const char *fault, *bytes, *series; /* fault: of profile, or of activity with "a:" before */
    } rows[] = {
        {NULL, "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n", TOTAL(ROUTE, "200", "complete")},
        {"a:status=500", "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n",
         TOTAL(ROUTE, "200", "partial")},
        {"reset", "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n", TOTAL(ROUTE, "502", "failed")},
        {"hang", "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n", TOTAL(ROUTE, "504", "failed")},
        {"status=401", "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n",
         TOTAL(ROUTE, "401", "failed")},
        {"status=403", "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n",
         TOTAL(ROUTE, "403", "failed")},
        {"status=404", "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n",
         TOTAL(ROUTE, "404", "failed")},
        {"status=410", "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n",
         TOTAL(ROUTE, "410", "failed")},
        {NULL, "GET /v1/users/%ff HTTP/1.1\r\nHost: t\r\n\r\n", TOTAL(ROUTE, "400", "rejected")},
        {NULL, "PUT /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n", TOTAL(ROUTE, "405", "rejected")},
        {NULL, "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\nExpect: x\r\n\r\n",
         TOTAL(ROUTE, "417", "rejected")},
        {NULL, "GET /v1/users/1 HTTP/1.4\r\nHost: t\r\n\r\n", TOTAL(ROUTE, "505", "rejected")},
        {NULL, "GET /no HTTP/1.1\r\nHost: t\r\n\r\n", TOTAL("unmatched", "404", "rejected")},
        {NULL, "GET /no HTTP/1.1\r\n\r\n", TOTAL("unmatched", "400", "rejected")},
        {NULL, "GET /v1/us", TOTAL("unmatched", "408", "rejected")},
    };
    struct trio t;

    trio_start(&t, (const char *const[]){"WEIR_BUDGET=250ms", "WEIR_HEADER_TIMEOUT=100ms", NULL});
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *fault = rows[i].fault;
        bool activity = fault != NULL && strncmp(fault, "a:", 2) == 0;
        struct response r;
        double before = weir_metric(&t.weir, rows[i].series);

        cr_expect(before <= 0, "%s", rows[i].series);
        weir_mock_fault(t.profile, activity ? NULL : fault);
        weir_mock_fault(t.activity, activity ? fault + 2 : NULL);
        stage_say(&t.weir, rows[i].bytes, &r);
        response_done(&r);
        cr_expect(weir_wait_metric(&t.weir, rows[i].series, 1, 5000), "%s is %g", rows[i].series,
                  weir_metric(&t.weir, rows[i].series));
    }
    cr_expect(weir_metric(&t.weir, CALLS("profile", "connection_terminated")) == 1);
    cr_expect(weir_metric(&t.weir, CALLS("profile", "http_response_timeout")) == 1);
    cr_expect(weir_metric(&t.weir, CALLS("profile", "bad_status")) == 4);
    cr_expect(weir_metric(&t.weir, CALLS("profile", "ok")) == 2);
    cr_expect(weir_metric(&t.weir, "weir_deadline_overrun_seconds_count") == 1, "the 504 only");
    trio_stop(&t);
}

Test(contract_admin, canceled_and_shed_are_counted_too)
{
    struct trio t;
    struct response r;
    int fd;

    trio_start(&t, (const char *const[]){"WEIR_BUDGET=30s", "WEIR_MAX_IN_FLIGHT=1", NULL});
    weir_mock_hold(t.activity);
    fd = client_connect(t.weir.port);
    cr_assert(client_say(fd, "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n"));
    cr_assert(weir_mock_wait(t.activity, WEIR_MOCK_HELD, 1, 5000));
    cr_expect(weir_metric(&t.weir, "weir_requests_in_flight") == 1);
    cr_expect(weir_metric(&t.weir, "weir_client_connections") == 1,
              "admin connections do not count");
    trio_get(&t, &r);
    cr_expect(r.status == 503);
    response_done(&r);
    close(fd);
    cr_expect(weir_wait_metric(&t.weir, "weir_requests_in_flight", 0, 5000));
    cr_expect(weir_metric(&t.weir, TOTAL(ROUTE, "503", "rejected")) == 1);
    cr_expect(weir_metric(&t.weir, TOTAL(ROUTE, "499", "canceled")) == 1);
    cr_expect(weir_metric(&t.weir, CALLS("activity", "canceled")) == 1);
    weir_mock_release(t.activity);
    trio_stop(&t);
}

/* What clients and upstreams say stands in no label. */
Test(contract_admin, labels_come_from_the_configuration)
{
    static const char *const requests[] = {
        "GET /v1/users/marker HTTP/1.1\r\nHost: marker\r\nUser-Agent: marker\r\nX-Request-Id: "
        "marker\r\n\r\n",
        "GET /marker HTTP/1.1\r\nHost: t\r\n\r\n",
        "MARKER /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n",
        "marker /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n",
        "GET /v1/users/marker%zz HTTP/1.1\r\nHost: t\r\n\r\n",
        "GET /v1/users/1 HTTP/1.1\r\nHost: t\r\nmarker marker: x\r\n\r\n"};
    struct trio t;
    struct response r;
    char *page;

    trio_start(&t, NULL);
    for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
        stage_say(&t.weir, requests[i], &r);
        response_done(&r);
    }
    weir_mock_answer(t.profile, "/users/{id}/profile",
                     &(struct weir_mock_answer){.status = 599, .content_type = "marker/marker"});
    trio_get(&t, &r);
    cr_expect(r.status == 502);
    response_done(&r);
    page = metrics_page(&t.weir);
    cr_expect(strstr(page, "marker") == NULL && strstr(page, "MARKER") == NULL &&
                  strstr(page, "599") == NULL,
              "%s", page);
    cr_expect(strstr(page, TOTAL("unmatched", "404", "rejected") " 1\n") != NULL);
    free(page);
    trio_stop(&t);
}

/* The buckets around the default budget are close enough to tell 480 ms from 520 ms. */
Test(contract_admin, buckets_are_dense_around_the_budget)
{
    struct trio t;
    struct response r;
    char *page, *p;
    double bound, last = 0;
    unsigned near = 0;

    trio_start(&t, NULL);
    trio_get(&t, &r);
    response_done(&r);
    page = metrics_page(&t.weir);
    p = page;
    while ((p = strstr(p, "weir_request_duration_seconds_bucket{route=\"" ROUTE "\",le=\"")) !=
           NULL) {
        p = strstr(p, "le=\"") + 4;
        bound = strncmp(p, "+Inf", 4) == 0 ? 1e9 : strtod(p, NULL);
        cr_expect(bound > last, "%g after %g", bound, last);
        near += bound >= 0.4 && bound <= 0.6;
        last = bound;
    }
    cr_expect(last == 1e9 && near >= 4, "%u buckets from 0.4 to 0.6", near);
    free(page);
    trio_stop(&t);
}

Test(contract_admin, config_is_what_print_config_shows)
{
    struct stage s;
    struct response r;
    cJSON *doc, *upstream;

    stage_start(&s,
                "{\"routes\":[{\"path\":\"/"
                "x\",\"budget\":\"250ms\",\"upstreams\":{\"a\":{\"url\":\"${WEIR_PROFILE_URL}/"
                "p?key=${KEY}\","
                "\"headers\":{\"X-Key\":\"${KEY}\"},\"timeout\":\"100ms\",\"default\":[1.10]}}}]}",
                (const char *const[]){"KEY=tops3cret", "WEIR_BUDGET=750ms", NULL});
    cr_assert(client_get(s.trio.weir.admin_port, "/config", NULL, &r, 5000));
    cr_expect_str_eq(response_header(&r, "Content-Type"), "application/json");
    cr_expect(strstr(r.body, "tops3cret") == NULL, "%s", r.body);
    cr_expect(strstr(r.body, "1.10") != NULL, "%s", r.body);
    doc = response_json(&r);
    cr_expect_str_eq(member_text(cJSON_GetObjectItem(doc, "options"), "WEIR_BUDGET"), "750ms");
    upstream = cJSON_GetArrayItem(cJSON_GetObjectItem(doc, "routes"), 0);
    cr_expect_str_eq(member_text(upstream, "path"), "/x");
    cr_expect_str_eq(member_text(upstream, "budget"), "250ms");
    upstream = cJSON_GetObjectItem(cJSON_GetObjectItem(upstream, "upstreams"), "a");
    cr_expect_str_eq(member_text(upstream, "timeout"), "100ms");
    cr_expect(strlen(member_text(cJSON_GetObjectItem(upstream, "headers"), "X-Key")) > 0,
              "shown as redacted");
    cJSON_Delete(doc);
    response_done(&r);
    stage_stop(&s);
}

Test(contract_admin, off_serves_without_it)
{
    struct process *p;
    struct response r;
    const char *line;
    const char *env[] = {"WEIR_LISTEN=127.0.0.1:0", "WEIR_ADMIN_LISTEN=off", "WEIR_WORKERS=1",
                         NULL};

    p = process_start(WEIR_BIN, env, NULL);
    line = process_wait_line(p, "\"listener\":\"public\"", 1, 10000);
    cr_assert(line != NULL);
    cr_expect(
        client_get((unsigned)strtoul(strrchr(line, ':') + 1, NULL, 10), "/no", NULL, &r, 5000) &&
        r.status == 404);
    response_done(&r);
    process_signal(p, 15);
    cr_expect(process_wait_exit(p, 10000) == 0);
    cr_expect(process_count_lines(p, "\"listener\":\"admin\"") == 0);
    process_free(p);
}
