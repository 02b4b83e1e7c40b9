/* The routes document: what is a fault of it, where it is told to be, and that no secret is told.
 */
#include "stage.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(contract_routes, .timeout = 60);

#define URL "http://127.0.0.1:1"

/* Runs "weir --check" over a document (NULL: the built-in one) and settings. */
static int check(const char *document, const char *const *settings, char **output)
{
    const char *env[16], *arguments[] = {"--check", NULL};
    char file[64], setting[128];
    struct scratch scratch;
    size_t n = 0;
    int status;

    scratch_make(&scratch);
    if (document != NULL) {
        scratch_write(&scratch, "routes.json", document, file);
        snprintf(setting, sizeof(setting), "WEIR_ROUTES_FILE=%s", file);
        env[n++] = setting;
    }
    for (; settings != NULL && *settings != NULL && n < 15; settings++)
        env[n++] = *settings;
    env[n] = NULL;
    status = program_run(WEIR_BIN, env, arguments, output);
    scratch_remove(&scratch);
    return status;
}

/* One fault each, put in place of the route's or the upstream's members. */
static const struct {
    const char *route, *upstream; /* further members */
    const char *pointer;          /* "": nothing is wrong */
} faults[] = {
    {"", "", ""},
    {",\"budget\":\"1s\"",
     ",\"timeout\":\"1s\",\"required\":true,\"expect\":\"array\",\"default\":[],\"max_body\":"
     "\"2KiB\",\"forward\":[\"cookie\"],\"headers\":{\"X-A\":\"b\"}",
     ""},
    {"", ",\"timeout\":\"500ms\"", ""},
    {"", ",\"timeout\":\"501ms\"", "/routes/0/upstreams/a/timeout"},
    {",\"budget\":\"0s\"", "", "/routes/0/budget"},
    {",\"budget\":\"-1s\"", "", "/routes/0/budget"},
    {",\"budget\":500", "", "/routes/0/budget"},
    {",\"budget\":\"500\"", "", "/routes/0/budget"},
    {",\"Budget\":\"1s\"", "", "/routes/0/Budget"},
    {",\"path\":\"/b\"", "", "/routes/0/path"},
    {"", ",\"timeout\":\"0ms\"", "/routes/0/upstreams/a/timeout"},
    {"", ",\"timeout\":null", "/routes/0/upstreams/a/timeout"},
    {"", ",\"required\":\"true\"", "/routes/0/upstreams/a/required"},
    {"", ",\"expect\":\"text\"", "/routes/0/upstreams/a/expect"},
    {"", ",\"max_body\":\"1MB\"", "/routes/0/upstreams/a/max_body"},
    {"", ",\"max_body\":0", "/routes/0/upstreams/a/max_body"},
    {"", ",\"forward\":\"cookie\"", "/routes/0/upstreams/a/forward"},
    {"", ",\"forward\":[\"a b\"]", "/routes/0/upstreams/a/forward/0"},
    {"", ",\"headers\":{\"A\":1}", "/routes/0/upstreams/a/headers/A"},
    {"", ",\"headers\":{\"A\":\"${MISSING}\"}", "/routes/0/upstreams/a/headers/A"},
    {"", ",\"url\":\"" URL "\"", "/routes/0/upstreams/a/url"},
    {"", ",\"retries\":1", "/routes/0/upstreams/a/retries"},
};

Test(contract_routes, a_fault_of_the_document_is_told_with_its_place)
{
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        char document[1024], want[256], *output;
        int status;

        snprintf(document, sizeof(document),
                 "{\"routes\":[{\"path\":\"/a\"%s,\"upstreams\":{\"a\":{\"url\":\"" URL "\"%s}}}]}",
                 faults[i].route, faults[i].upstream);
        status = check(document, NULL, &output);
        cr_expect(status == (*faults[i].pointer ? 2 : 0), "%s: exit %d: %s", document, status,
                  output);
        snprintf(want, sizeof(want), " %s: ", faults[i].pointer);
        if (*faults[i].pointer)
            cr_expect(strstr(output, want) != NULL &&
                          strchr(output, '\n') == output + strlen(output) - 1,
                      "%s: %s", document, output);
        else
            cr_expect_str_eq(output, "", "%s", output);
        free(output);
    }
}

/* URLs, names of upstreams and paths; NULL: good. */
static const struct {
    const char *path, *name, *url;
    bool good;
} names[] = {
    {"/a", "a", URL, true},
    {"/", "a", "https://[::1]:8443/x?y=1", true},
    {"/a/{id}/b/{x_1}", "a-_9", URL "/{x_1}/{id}", true},
    {"/a/{userId}/{ID}", "a", URL "/{ID}/{userId}", true},
    {"/a/{id}", "a", URL "/{ID}", false},
    {"/a", "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcd", URL, true},
    {"/a", "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcde", URL, false},
    {"/a", "", URL, false},
    {"/a", "9a", URL, false},
    {"/a", "a.b", URL, false},
    {"/a", "aB", URL, false},
    {"a", "a", URL, false},
    {"", "a", URL, false},
    {"/a//b", "a", URL, false},
    {"/{id}/{id}", "a", URL, false},
    {"/a/{id", "a", URL, false},
    {"/a", "a", "ftp://h/", false},
    {"/a", "a", "h:80/", false},
    {"/a", "a", "http://", false},
    {"/a", "a", "http://h:0/", false},
    {"/a", "a", "http://h:65536/", false},
    {"/a", "a", "http://u@h/", false},
    {"/a", "a", "http://u:passw0rd@h/", false},
    {"/a", "a", "http://${MISSING}/", false},
    {"/a", "a", URL "/{id}", false},
    {"/a", "a", URL "/a b", false},
};

Test(contract_routes, paths_names_and_urls)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char document[1024], *output;
        int status;

        snprintf(document, sizeof(document),
                 "{\"routes\":[{\"path\":\"%s\",\"upstreams\":{\"%s\":{\"url\":\"%s\"}}}]}",
                 names[i].path, names[i].name, names[i].url);
        status = check(document, NULL, &output);
        cr_expect(status == (names[i].good ? 0 : 2), "%s: exit %d: %s", document, status, output);
        cr_expect(strstr(output, "passw0rd") == NULL, "%s", output);
        free(output);
    }
}

Test(contract_routes, documents_as_a_whole)
{
    static const struct {
        const char *document;
        bool good;
    } rows[] = {
        {"{\"routes\":[{\"path\":\"/r/{id}\",\"upstreams\":{\"a\":{\"url\":\"" URL
         "\"}}},{\"path\":\"/r/x\",\"upstreams\":{\"a\":{\"url\":\"" URL "\"}}}]}",
         true},
        {"{\"routes\":[{\"path\":\"/r/{id}\",\"upstreams\":{\"a\":{\"url\":\"" URL
         "\"}}},{\"path\":\"/r/{user}\",\"upstreams\":{\"a\":{\"url\":\"" URL "\"}}}]}",
         false},
        {"{\"routes\":[{\"path\":\"/r\",\"upstreams\":{\"a\":{\"url\":\"" URL
         "\"}}},{\"path\":\"/r\",\"upstreams\":{\"a\":{\"url\":\"" URL "\"}}}]}",
         false},
        {"{\"routes\":[{\"path\":\"/r\",\"upstreams\":{\"a\":{\"url\":\"" URL
         "\"},\"a\":{\"url\":\"" URL "\"}}}]}",
         false},
        {"{\"routes\":[{\"path\":\"/r\"}]}", false},
        {"{\"routes\":[{\"path\":\"/r\",\"upstreams\":{}}]}", false},
        {"{\"routes\":[{\"upstreams\":{\"a\":{\"url\":\"" URL "\"}}}]}", false},
        {"{\"routes\":[{\"path\":\"/r\",\"upstreams\":{\"a\":{}}}]}", false},
        {"{\"routes\":[]}", false},
        {"{}", false},
        {"[]", false},
        {"", false},
        {"{\"routes\":[", false},
        {"{\"routes\":{}}", false},
        {"{\"routes\":[1]}", false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char *output;
        int status = check(rows[i].document, NULL, &output);

        cr_expect(status == (rows[i].good ? 0 : 2), "%s: exit %d: %s", rows[i].document, status,
                  output);
        cr_expect((*output == '\0') == rows[i].good, "%s: %s", rows[i].document, output);
        free(output);
    }
}

Test(contract_routes, headers_that_are_weirs_own_are_refused)
{
    static const char *const refused[] = {"Host",
                                          "content-length",
                                          "Transfer-Encoding",
                                          "TE",
                                          "Trailer",
                                          "Connection",
                                          "Keep-Alive",
                                          "Proxy-Connection",
                                          "Upgrade",
                                          "traceparent",
                                          "tracestate",
                                          "X-Request-Id",
                                          "X-Envoy-Expected-Rq-Timeout-Ms"};
    char document[512], *output;

    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        snprintf(document, sizeof(document),
                 "{\"routes\":[{\"path\":\"/a\",\"upstreams\":{\"a\":{\"url\":\"" URL
                 "\",\"headers\":{\"%s\":\"s3cret\"}}}}]}",
                 refused[i]);
        cr_expect(check(document, NULL, &output) == 2, "%s: %s", refused[i], output);
        cr_expect(strstr(output, "s3cret") == NULL && strstr(output, refused[i]) != NULL, "%s",
                  output);
        free(output);
    }
    /* the last one only as long as it is the deadline header */
    cr_expect(
        check(document, (const char *const[]){"WEIR_DEADLINE_HEADER=x-left", NULL}, &output) == 0,
        "%s", output);
    free(output);
}

Test(contract_routes, secrets_are_not_in_what_is_told)
{
    static const struct {
        const char *document, *settings[3];
    } rows[] = {
        {"{\"routes\":[{\"path\":\"/a\",\"upstreams\":{\"a\":{\"url\":\"" URL
         "\",\"headers\":{\"A\":\"s3cret\\n\",\"B c\":\"s3cret\"}}}}]}",
         {NULL}},
        {"{\"routes\":[{\"path\":\"/a\",\"upstreams\":{\"a\":{\"url\":\"" URL
         "\",\"headers\":{\"A\":[\"s3cret\"],\"B: s3cret\":\"b\"}}}}]}",
         {NULL}},
        {"{\"routes\":[{\"path\":\"/a\",\"upstreams\":{\"a\":{\"url\":\"http://user:s3cret@h/"
         "\"}}}]}",
         {NULL}},
        {"{\"routes\":[{\"path\":\"/a\",\"upstreams\":{\"a\":{\"url\":\"${BASE}\"}}}]}",
         {"BASE=http://user:s3cret@h/", NULL}},
        {NULL, {"WEIR_PROFILE_URL=http://user:s3cret@h/", NULL}},
        {NULL, {"WEIR_PROFILE_URL=ftp://user:s3cret@h/", NULL}},
        {NULL, {"WEIR_PROFILE_URL=user:s3cret@h", NULL}},
        {"{\"routes\":[{\"path\":\"/a\",\"upstreams\":{\"a\":{\"url\":\"" URL
         "\",\"headers\":{\"A\":\"${KEY}\"}}}}],\"x\":1}",
         {"KEY=s3cret", NULL}},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char *output;

        cr_expect(check(rows[i].document, rows[i].settings, &output) == 2, "row %zu: %s", i,
                  output);
        cr_expect(strstr(output, "s3cret") == NULL, "row %zu: %s", i, output);
        cr_expect(strncmp(output, "weir: ", 6) == 0, "row %zu: %s", i, output);
        free(output);
    }
}
