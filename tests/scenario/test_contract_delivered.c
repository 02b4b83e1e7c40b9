/* Which answers of upstreams count, and up to which size. */
#include "stage.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(contract_delivered, .timeout = 60);

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

Test(contract_delivered, redirects_are_not_followed)
{
    struct stage s;
    struct response r;
    struct weir_mock_stats stats;
    char location[128];

    stage_start(&s, ROUTES(ROUTE("/x", PROFILE("/p", ",\"required\":true"))), NULL);
    answer_all(&s);
    snprintf(location, sizeof(location), "Location: %s/other\r\n", weir_mock_url(s.trio.profile));
    weir_mock_answer(s.trio.profile, "/p",
                     &(struct weir_mock_answer){.status = 307, .headers = location, .body = "{}"});
    stage_get(&s, "/x", NULL, &r);
    cr_expect(r.status == 502, "%d", r.status);
    trio_expect_text(&r, "\"code\":\"bad_status\"");
    response_done(&r);
    weir_mock_stats(s.trio.profile, &stats);
    cr_expect(stats.requests == 1, "%lu requests", stats.requests);
    stage_stop(&s);
}

/* Text of n times a, and of n times b behind it. */
static char *repeat(char a, size_t n, const char *between, char b)
{
    char *text = calloc(1, 2 * n + strlen(between) + 1);

    memset(text, a, n);
    strcpy(text + n, between);
    memset(text + n + strlen(between), b, b ? n : 0);
    return text;
}

/* Asks for one body under a document's limits; what must come of it is data, or an error's code. */
static void expect_part(struct stage *s, const struct weir_mock_answer *answer, const char *data,
                        const char *code)
{
    struct response r;
    char text[512];

    weir_mock_answer(s->trio.profile, "/p", answer);
    stage_get(s, "/x", NULL, &r);
    snprintf(text, sizeof(text), "{\"data\":{\"a\":%s,\"b\":{}},\"errors\":[%s",
             code ? "null" : data, code ? "{\"upstream\":\"a\",\"code\":\"" : "]");
    cr_expect(strncmp(r.body, text, strlen(text)) == 0, "expected %s in %s", text, r.body);
    snprintf(text, sizeof(text), "\"code\":\"%s\",\"status\":200,", code ? code : "");
    cr_expect(code == NULL || strstr(r.body, text) != NULL, "expected %s in %s", text, r.body);
    response_done(&r);
}

Test(contract_delivered, max_body_is_exact)
{
    struct stage s;

    stage_start(&s,
                ROUTES(ROUTE("/x", PROFILE("/p", ",\"max_body\":10") "," ACTIVITY(
                                       "/p", ",\"max_body\":\"1KiB\""))),
                NULL);
    answer_all(&s);
    expect_part(&s, &(struct weir_mock_answer){.body = "\"12345678\""}, "\"12345678\"", NULL);
    expect_part(&s, &(struct weir_mock_answer){.body = "\"12345678\"", .chunk = 3}, "\"12345678\"",
                NULL);
    expect_part(&s, &(struct weir_mock_answer){.body = "\"123456789\""}, NULL,
                "http_response_body_size");
    expect_part(&s, &(struct weir_mock_answer){.body = "\"123456789\"", .chunk = 3}, NULL,
                "http_response_body_size");
    stage_stop(&s);
}

Test(contract_delivered, json_may_be_64_levels_deep)
{
    char *fits = repeat('[', 64, "", ']'), *deeper = repeat('[', 65, "", ']');
    struct stage s;

    stage_start(&s, ROUTES(ROUTE("/x", PROFILE("/p", "") "," ACTIVITY("/p", ""))), NULL);
    answer_all(&s);
    expect_part(&s, &(struct weir_mock_answer){.body = fits}, fits, NULL);
    expect_part(&s, &(struct weir_mock_answer){.body = deeper}, NULL, "invalid_json");
    free(fits);
    free(deeper);
    stage_stop(&s);
}

/* An answer whose head, its empty line included, has just that size. */
static char *answer_with_head(size_t size)
{
    static const char start[] =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n";
    size_t rest = size - strlen(start) - 2;
    char *text = calloc(1, size + 16), *p = text + sprintf(text, "%s", start);

    while (rest > 0) {
        size_t line = rest > 2000 ? 1000 : rest;

        p += sprintf(p, "X: ");
        memset(p, 'a', line - 5);
        p += line - 5;
        p += sprintf(p, "\r\n");
        rest -= line;
    }
    strcpy(p, "\r\n{}");
    return text;
}

Test(contract_delivered, a_head_may_be_64_kib)
{
    char *fits = answer_with_head(65536), *more = answer_with_head(65537);
    struct stage s;

    stage_start(&s, ROUTES(ROUTE("/x", PROFILE("/p", "") "," ACTIVITY("/p", ""))), NULL);
    answer_all(&s);
    expect_part(&s, &(struct weir_mock_answer){.raw = fits}, "{}", NULL);
    expect_part(&s, &(struct weir_mock_answer){.raw = more}, NULL, "http_response_header_size");
    free(fits);
    free(more);
    stage_stop(&s);
}

Test(contract_delivered, types_that_are_expected)
{
    static const struct {
        const char *expect, *body;
        bool fits;
    } rows[] = {{"any", "null", true},     {"any", "1.10", true},  {"any", "\"s\"", true},
                {"any", "[]", true},       {"object", "{}", true}, {"object", "[]", false},
                {"object", "null", false}, {"array", "[]", true},  {"array", "{}", false},
                {"array", "\"[]\"", false}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct stage s;
        char document[512];

        snprintf(document, sizeof(document),
                 ROUTES(ROUTE("/x", PROFILE("/p", ",\"expect\":\"%s\"") "," ACTIVITY("/p", ""))),
                 rows[i].expect);
        stage_start(&s, document, NULL);
        answer_all(&s);
        expect_part(&s, &(struct weir_mock_answer){.body = rows[i].body}, rows[i].body,
                    rows[i].fits ? NULL : "unexpected_type");
        stage_stop(&s);
    }
}
