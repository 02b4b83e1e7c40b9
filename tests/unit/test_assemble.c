/* Assembly is pure: outcomes in, status and bytes out. */
#include "assemble.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define MS ((int64_t)1000000)

static struct config_upstream upstreams[3] = {
    {.name = (char *)"profile", .required = true},
    {.name = (char *)"preferences", .default_json = (char *)"{\"theme\":\"light\"}"},
    {.name = (char *)"activity", .timeout_ns = 120 * MS},
};
static struct config_route route = {.path = (char *)"/u/{id}", .upstreams = upstreams, .n_upstreams = 3};

static struct weir_outcome ok(const char *body)
{
    struct weir_outcome o = {.status = WEIR_OK, .elapsed_ns = 12345678};

    o.answer.status = 200;
    o.answer.body = strdup(body);
    o.answer.body_len = strlen(body);
    o.answer.value_len = strlen(body);
    return o;
}

static struct weir_outcome failed(enum weir_status status, int http)
{
    struct weir_outcome o = {.status = status, .elapsed_ns = 500 * MS};

    o.answer.status = http;
    return o;
}

/* The whole body of the answer to these outcomes, as one string to be freed. */
static char *answer(struct weir_outcome outcomes[3], int failed_required, struct assembled *out)
{
    static struct assemble_scratch scratch;
    struct weir_settled settled = {WEIR_OK, failed_required, outcomes, 3};
    struct assemble_input input = {&route, &settled, "rid", 500400000, 500 * MS};
    char *text;
    size_t len = 0;

    cr_assert(assemble(&input, &scratch, out));
    for (size_t i = 0; i < out->n_pieces; i++)
        len += out->pieces[i].len;
    text = calloc(1, len + 1);
    len = 0;
    for (size_t i = 0; i < out->n_pieces; i++) {
        memcpy(text + len, out->pieces[i].data, out->pieces[i].len);
        len += out->pieces[i].len;
        free(out->pieces[i].owner);
    }
    for (size_t i = 0; i < 3; i++)
        free(outcomes[i].answer.body);
    cr_expect(out->server_timing[0] != '\0');
    return text;
}

Test(assemble, complete)
{
    struct weir_outcome o[3] = {ok("{\"a\":1.10}"), ok("{}"), ok("[1]")};
    struct assembled out;
    char *text = answer(o, -1, &out);

    cr_expect(out.status == 200 && out.complete);
    cr_expect_str_eq(text, "{\"data\":{\"profile\":{\"a\":1.10},\"preferences\":{},\"activity\":[1]},"
                           "\"errors\":[],\"meta\":{\"complete\":true,\"request_id\":\"rid\","
                           "\"elapsed_ms\":500.4,\"budget_ms\":500}}");
    cr_expect_str_eq(out.server_timing, "profile;dur=12.3, preferences;dur=12.3, activity;dur=12.3");
    free(text);
}

Test(assemble, partial_shows_default_null_and_why)
{
    struct weir_outcome o[3] = {ok("{}"), failed(WEIR_BAD_STATUS, 503),
                                failed(WEIR_HTTP_RESPONSE_TIMEOUT, 0)};
    struct assembled out;
    char *text = answer(o, -1, &out);

    cr_expect(out.status == 200 && !out.complete);
    cr_expect(strstr(text, "\"preferences\":{\"theme\":\"light\"},\"activity\":null}") != NULL, "%s", text);
    cr_expect(strstr(text, "\"errors\":[{\"upstream\":\"preferences\",\"code\":\"bad_status\","
                           "\"status\":503,\"message\":\"status 503 is not usable\"},"
                           "{\"upstream\":\"activity\",\"code\":\"http_response_timeout\","
                           "\"message\":\"no answer within 120 ms\"}]") != NULL, "%s", text);
    cr_expect(strstr(out.server_timing, "activity;dur=500.0;desc=\"http_response_timeout\"") != NULL);
    free(text);
}

struct decision {
    const char *name;
    enum weir_status status[3];
    int http; /* of the failed ones */
    int failed_required, expected;
};

static const struct decision decisions[] = {
    {"all well", {WEIR_OK, WEIR_OK, WEIR_OK}, 0, -1, 200},
    {"optional fails", {WEIR_OK, WEIR_INVALID_JSON, WEIR_OK}, 200, -1, 200},
    {"required fails", {WEIR_CONNECTION_REFUSED, WEIR_CANCELED, WEIR_OK}, 0, 0, 502},
    {"required late", {WEIR_HTTP_RESPONSE_TIMEOUT, WEIR_OK, WEIR_OK}, 0, -1, 504},
    {"required DNS late", {WEIR_DNS_TIMEOUT, WEIR_OK, WEIR_OK}, 0, -1, 504},
    {"required 401", {WEIR_BAD_STATUS, WEIR_CANCELED, WEIR_CANCELED}, 401, 0, 401},
    {"required 403", {WEIR_BAD_STATUS, WEIR_CANCELED, WEIR_CANCELED}, 403, 0, 403},
    {"required 404", {WEIR_BAD_STATUS, WEIR_CANCELED, WEIR_CANCELED}, 404, 0, 404},
    {"required 410", {WEIR_BAD_STATUS, WEIR_CANCELED, WEIR_CANCELED}, 410, 0, 410},
    {"required 400", {WEIR_BAD_STATUS, WEIR_CANCELED, WEIR_CANCELED}, 400, 0, 502},
    {"404 with bad JSON type", {WEIR_UNEXPECTED_TYPE, WEIR_OK, WEIR_OK}, 404, 0, 502},
};

Test(assemble, status_of_the_whole)
{
    for (size_t i = 0; i < sizeof(decisions) / sizeof(*decisions); i++) {
        const struct decision *d = &decisions[i];
        struct weir_outcome o[3];
        struct weir_settled settled = {WEIR_OK, d->failed_required, o, 3};
        size_t culprit;

        for (size_t k = 0; k < 3; k++)
            o[k] = failed(d->status[k], d->http);
        cr_expect(assemble_status(&route, &settled, &culprit) == d->expected, "%s", d->name);
    }
}

Test(assemble, none_required_and_none_delivered)
{
    struct config_upstream optional[2] = {{.name = (char *)"a"}, {.name = (char *)"b"}};
    struct config_route r = {.path = (char *)"/", .upstreams = optional, .n_upstreams = 2};
    struct weir_outcome o[2] = {failed(WEIR_CONNECTION_REFUSED, 0), failed(WEIR_INVALID_JSON, 200)};
    struct weir_settled settled = {WEIR_OK, -1, o, 2};
    size_t culprit;

    cr_expect(assemble_status(&r, &settled, &culprit) == 502);
    o[1] = failed(WEIR_HTTP_RESPONSE_TIMEOUT, 0);
    cr_expect(assemble_status(&r, &settled, &culprit) == 504);
    cr_expect(culprit == 1);
}

Test(assemble, long_bodies_are_sent_from_where_they_lie)
{
    size_t len = ASSEMBLE_COPY_MAX + 100;
    char *big = malloc(len + 1);
    struct assembled out;
    char *text;

    memset(big, ' ', len);
    memcpy(big, "[0", 2);
    memcpy(big + len - 2, "1]", 2);
    big[2] = ',';
    big[len] = '\0';
    struct weir_outcome o[3] = {ok(big), ok("{}"), ok(big)};
    text = answer(o, -1, &out);
    cr_expect(out.n_pieces == 5, "%zu", out.n_pieces);
    cJSON *doc = cJSON_Parse(text);
    cr_expect(doc != NULL && cJSON_GetArraySize(cJSON_GetObjectItem(
                                 cJSON_GetObjectItem(doc, "data"), "activity")) == 2);
    cJSON_Delete(doc);
    free(text);
    free(big);
}

Test(assemble, problem_document)
{
    struct buf b;

    buf_init(&b, 4096);
    assemble_problem(&b, &(struct assemble_problem){.status = 404, .detail = "a \"quoted\"\n thing",
                                                    .request_id = "r"});
    cr_expect_str_eq(buf_cstr(&b), "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
                                   "\"detail\":\"a \\\"quoted\\\"\\n thing\",\"request_id\":\"r\"}");
    buf_done(&b);
}
