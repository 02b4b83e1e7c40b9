#include "mock_route.h"

#include <stdlib.h>
#include <string.h>

#define MAX_ANSWERS 100000

struct mock_route {
    TAILQ_ENTRY(mock_route) link;
    char *pattern;
    struct weir_mock_answer *answers; /* their strings are owned */
    size_t n, next;                   /* next: which one the next request gets */
};

static void answer_done(struct weir_mock_answer *a)
{
    free((char *)a->content_type);
    free((char *)a->headers);
    free((char *)a->body);
    free((char *)a->raw);
}

/* Copies len bytes, or the string when len is 0; NULL stays NULL. */
static bool copy_bytes(const char **out, const char *from, size_t *len)
{
    char *copy;

    *out = NULL;
    if (from == NULL)
        return true;
    if (*len == 0)
        *len = strlen(from);
    copy = malloc(*len + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, from, *len);
    copy[*len] = '\0';
    *out = copy;
    return true;
}

static bool answer_copy(struct weir_mock_answer *out, const struct weir_mock_answer *a)
{
    size_t type_len = 0, headers_len = 0;
    bool ok = true;

    *out = *a;
    if (out->status == 0)
        out->status = 200;
    ok &= copy_bytes(&out->content_type, a->content_type ? a->content_type : "application/json",
                     &type_len);
    ok &= copy_bytes(&out->headers, a->headers ? a->headers : "", &headers_len);
    ok &= copy_bytes(&out->body, a->body, &out->body_len);
    ok &= copy_bytes(&out->raw, a->raw, &out->raw_len);
    if (!ok)
        answer_done(out);
    return ok;
}

static bool answer_valid(const struct weir_mock_answer *a)
{
    bool status = a->status == 0 || (a->status >= 200 && a->status <= 999);
    bool interim = a->interim == 0 || (a->interim >= 100 && a->interim <= 199);

    return status && interim && (a->body != NULL || a->body_len == 0) &&
           (a->raw != NULL || a->raw_len == 0);
}

static void route_clear(struct mock_route *r)
{
    for (size_t i = 0; i < r->n; i++)
        answer_done(&r->answers[i]);
    free(r->answers);
    r->answers = NULL;
    r->n = r->next = 0;
}

static struct mock_route *route_find(struct mock_routes *routes, const char *pattern)
{
    struct mock_route *r;

    TAILQ_FOREACH (r, routes, link)
        if (strcmp(r->pattern, pattern) == 0)
            return r;
    return NULL;
}

static struct mock_route *route_new(struct mock_routes *routes, const char *pattern)
{
    struct mock_route *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return NULL;
    r->pattern = strdup(pattern);
    if (r->pattern == NULL) {
        free(r);
        return NULL;
    }
    TAILQ_INSERT_TAIL(routes, r, link);
    return r;
}

static enum weir_status add(struct mock_routes *routes, const char *pattern,
                            const struct weir_mock_answer *answer, bool replace)
{
    struct mock_route *r;
    struct weir_mock_answer copy, *grown;

    if (pattern == NULL || answer == NULL || !answer_valid(answer) ||
        (pattern[0] != '/' && strcmp(pattern, "*") != 0))
        return WEIR_INVALID_ARGUMENT;
    r = route_find(routes, pattern);
    if (r != NULL && !replace && r->n >= MAX_ANSWERS)
        return WEIR_INVALID_ARGUMENT;
    if (!answer_copy(&copy, answer))
        return WEIR_NO_MEMORY;
    grown = calloc((r && !replace ? r->n : 0) + 1, sizeof(*grown));
    if (grown != NULL && r == NULL)
        r = route_new(routes, pattern);
    if (grown == NULL || r == NULL) {
        free(grown);
        answer_done(&copy);
        return WEIR_NO_MEMORY;
    }
    if (replace)
        route_clear(r);
    if (r->n > 0)
        memcpy(grown, r->answers, r->n * sizeof(*grown));
    free(r->answers);
    r->answers = grown;
    r->answers[r->n++] = copy;
    return WEIR_OK;
}

enum weir_status mock_route_set(struct mock_routes *routes, const char *pattern,
                                const struct weir_mock_answer *answer)
{
    return add(routes, pattern, answer, true);
}

enum weir_status mock_route_then(struct mock_routes *routes, const char *pattern,
                                 const struct weir_mock_answer *answer)
{
    return add(routes, pattern, answer, false);
}

/* How little a pattern says about the path it fits: its parameters, and most of all a last "*". */
static size_t looseness(const struct mock_route *r, const struct mock_params *params)
{
    size_t len = strlen(r->pattern);

    return params->n + (len > 0 && r->pattern[len - 1] == '*' ? MOCK_HTTP_PARAMS + 1 : 0);
}

const struct weir_mock_answer *mock_route_take(struct mock_routes *routes, struct mock_text path,
                                               struct mock_params *params)
{
    static const struct weir_mock_answer not_found = {
        .status = 404,
        .content_type = "application/json",
        .headers = "",
        .body = "{\"error\":\"no such path\"}",
        .body_len = 24,
    };
    struct mock_route *best = NULL, *r;
    struct mock_params found;
    size_t least = 0;

    params->n = 0;
    TAILQ_FOREACH (r, routes, link) {
        if (!mock_http_match(r->pattern, path, &found))
            continue;
        if (best == NULL || looseness(r, &found) < least) {
            best = r;
            least = looseness(r, &found);
            *params = found;
        }
    }
    if (best == NULL)
        return &not_found;
    return &best->answers[best->next + 1 < best->n ? best->next++ : best->n - 1];
}

void mock_route_free_all(struct mock_routes *routes)
{
    struct mock_route *r;

    while ((r = TAILQ_FIRST(routes)) != NULL) {
        TAILQ_REMOVE(routes, r, link);
        route_clear(r);
        free(r->pattern);
        free(r);
    }
}
