#include "accept.h"

#include <criterion/criterion.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

Test(accept, content_types)
{
    static const struct {
        const char *type;
        bool json;
    } rows[] = {
        {"application/json", true},
        {"Application/JSON", true},
        {"application/json; charset=utf-8", true},
        {"application/json;charset=UTF-8", true},
        {"application/json ; charset=\"utf-8\"", true},
        {"application/json;", true},
        {" application/json ", true},
        {"application/json\t", true},
        {"application/problem+json", true},
        {"application/vnd.example.v2+JSON; q=1", true},
        {"application/a+json+json", true},
        {"text/json", false},
        {"text/html", false},
        {"application/jsonx", false},
        {"application/jso", false},
        {"application/xjson", false},
        {"application/+json", false},
        {"application/a+jsonx", false},
        {"application/a+json x", false},
        {"application/json x", false},
        {"application/json, text/html", false},
        {"application/json/", false},
        {"application/ json", false},
        {"application /json", false},
        {"application/", false},
        {"application", false},
        {"application/x-ndjson", false},
        {"application/json-seq", false},
        {"application/a b+json", false},
        {"application/\xc3\xa9+json", false},
        {"xapplication/json", false},
        {"json", false},
        {"*/*", false},
        {";", false},
        {"", false},
        {NULL, false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        cr_expect_eq(accept_content_type_is_json(rows[i].type), rows[i].json, "%s",
                     rows[i].type ? rows[i].type : "none");
    }
}

struct row {
    int status;
    const char *type, *body;
    enum accept_type expect;
    enum weir_status want;
};

#define JSON "application/json"

static const struct row judged[] = {
    {200, JSON, "{}", ACCEPT_ANY, WEIR_OK},
    {200, JSON, "{}", ACCEPT_OBJECT, WEIR_OK},
    {200, JSON, "[]", ACCEPT_ARRAY, WEIR_OK},
    {200, JSON, "null", ACCEPT_ANY, WEIR_OK},
    {200, JSON, "7", ACCEPT_ANY, WEIR_OK},
    {201, JSON, "{}", ACCEPT_ANY, WEIR_OK},
    {206, JSON, "{}", ACCEPT_ANY, WEIR_OK},
    {299, JSON, "{}", ACCEPT_ANY, WEIR_OK},
    {200, "application/hal+json", " {\"a\":1}\n", ACCEPT_OBJECT, WEIR_OK},
    {204, JSON, "{}", ACCEPT_ANY, WEIR_BAD_STATUS},
    {205, JSON, "{}", ACCEPT_ANY, WEIR_BAD_STATUS},
    {199, JSON, "{}", ACCEPT_ANY, WEIR_BAD_STATUS},
    {300, JSON, "{}", ACCEPT_ANY, WEIR_BAD_STATUS},
    {302, JSON, "{}", ACCEPT_ANY, WEIR_BAD_STATUS},
    {404, JSON, "{}", ACCEPT_ANY, WEIR_BAD_STATUS},
    {503, "", NULL, ACCEPT_ANY, WEIR_BAD_STATUS},
    {0, "", NULL, ACCEPT_ANY, WEIR_BAD_STATUS},
    {200, "text/html", "{}", ACCEPT_ANY, WEIR_BAD_CONTENT_TYPE},
    {200, "", "{}", ACCEPT_ANY, WEIR_BAD_CONTENT_TYPE},
    {200, "text/html", "<", ACCEPT_ANY, WEIR_BAD_CONTENT_TYPE},
    {200, JSON, NULL, ACCEPT_ANY, WEIR_INVALID_JSON},
    {200, JSON, "", ACCEPT_ANY, WEIR_INVALID_JSON},
    {200, JSON, "  ", ACCEPT_ANY, WEIR_INVALID_JSON},
    {200, JSON, "{", ACCEPT_ANY, WEIR_INVALID_JSON},
    {200, JSON, "{} x", ACCEPT_OBJECT, WEIR_INVALID_JSON},
    {200, JSON, "[[[1]]]", ACCEPT_ARRAY, WEIR_OK},
    {200, JSON, "[[[[1]]]]", ACCEPT_ARRAY, WEIR_INVALID_JSON},
    {200, JSON, "{}", ACCEPT_ARRAY, WEIR_UNEXPECTED_TYPE},
    {200, JSON, "[]", ACCEPT_OBJECT, WEIR_UNEXPECTED_TYPE},
    {200, JSON, "null", ACCEPT_OBJECT, WEIR_UNEXPECTED_TYPE},
    {200, JSON, "\"x\"", ACCEPT_ARRAY, WEIR_UNEXPECTED_TYPE},
};

Test(accept, answers)
{
    for (size_t i = 0; i < COUNT(judged); i++) {
        const struct row *r = &judged[i];
        struct accept_rule rule = {.expect = r->expect, .max_depth = 3};
        char body[64] = "";
        struct weir_answer answer = {.status = r->status, .content_type = r->type};
        enum weir_status status;

        if (r->body) {
            strcpy(body, r->body);
            answer.body = body;
            answer.body_len = strlen(body);
        }
        status = accept_judge(&rule, &answer);
        cr_expect_eq(status, r->want, "row %zu (%d, %s): %s", i, r->status, r->type,
                     weir_status_word(status));
    }
}

Test(accept, tells_where_the_value_lies)
{
    struct accept_rule rule = {.expect = ACCEPT_OBJECT, .max_depth = 64};
    char body[] = "\r\n  {\"a\": [1] }\n";
    struct weir_answer answer = {
        .status = 200, .content_type = JSON, .body = body, .body_len = sizeof(body) - 1};

    cr_expect_eq(accept_judge(&rule, &answer), WEIR_OK);
    cr_expect_eq(answer.value_at, 4);
    cr_expect_eq(answer.value_len, 11);
}
