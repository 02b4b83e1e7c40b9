/* WEIR_TRUSTED_PROXIES over real sockets: whose address is logged, and what upstreams are told. */
#include "stage.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUTES                                                                                     \
    "{\"routes\":[{\"path\":\"/x\",\"upstreams\":{\"profile\":{\"url\":\"${WEIR_PROFILE_URL}/p\""  \
    ",\"required\":true}}}]}"
#define FORWARDING                                                                                 \
    "{\"routes\":[{\"path\":\"/x\",\"upstreams\":{\"profile\":{\"url\":\"${WEIR_PROFILE_URL}/p\""  \
    ",\"forward\":[\"X-Forwarded-For\"]}}}]}"

/* The access line that must come next, and the client's address in it. */
static void expect_client(struct stage *s, unsigned number, const char *address, const char *what)
{
    const char *line = process_wait_line(s->trio.weir.process, "\"msg\":\"request\"", number, 5000);
    char member[96];

    cr_assert(line != NULL, "%s: no access line", what);
    snprintf(member, sizeof(member), "\"client_ip\":\"%s\"", address);
    cr_expect(strstr(line, member) != NULL, "%s: %s", what, line);
}

/* What the upstream gets; NULL: no such header. */
static void expect_told(struct stage *s, const char *value, const char *what)
{
    struct weir_mock_request q = stage_last(s->trio.profile);
    const char *found = weir_mock_header(&q, "X-Forwarded-For");

    cr_expect_eq(stage_count_header(&q, "X-Forwarded-For"), value ? 1u : 0u, "%s:\n%s", what,
                 q.head);
    if (value != NULL && found != NULL)
        cr_expect_str_eq(found, value, "%s", what);
}

Test(trusted_proxies, the_client_is_whom_a_trusted_peer_names, .timeout = 60)
{
    static const struct {
        const char *setting, *headers, *client, *told;
    } rows[] = {
        {NULL, "X-Forwarded-For: 203.0.113.7\r\n", "127.0.0.1", NULL},
        {NULL, "", "127.0.0.1", NULL},
        {"WEIR_TRUSTED_PROXIES=10.0.0.0/8", "X-Forwarded-For: 203.0.113.7\r\n", "127.0.0.1",
         "127.0.0.1"},
        {"WEIR_TRUSTED_PROXIES=127.0.0.0/8", "", "127.0.0.1", "127.0.0.1"},
        {"WEIR_TRUSTED_PROXIES=127.0.0.0/8", "X-Forwarded-For: 203.0.113.7\r\n", "203.0.113.7",
         "203.0.113.7, 127.0.0.1"},
        {"WEIR_TRUSTED_PROXIES=127.0.0.1,10.0.0.0/8",
         "x-forwarded-for: 1.1.1.1, [2001:db8::7]:80\r\nX-Other: 1\r\n"
         "X-FORWARDED-FOR: 10.0.0.3\r\n",
         "2001:db8::7", "1.1.1.1, [2001:db8::7]:80, 10.0.0.3, 127.0.0.1"},
        {"WEIR_TRUSTED_PROXIES=127.0.0.1,10.0.0.0/8", "X-Forwarded-For: nobody\r\n", "127.0.0.1",
         "nobody, 127.0.0.1"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct stage s;
        struct response r;
        char request[512];

        stage_start(&s, ROUTES, (const char *const[]){rows[i].setting, NULL});
        stage_get(&s, "/x", rows[i].headers, &r);
        response_done(&r);
        expect_told(&s, rows[i].told, rows[i].headers);
        expect_client(&s, 1, rows[i].client, rows[i].headers);
        /* a request that is answered without a fan-out */
        snprintf(request, sizeof(request),
                 "GET /none HTTP/1.1\r\nHost: t\r\nConnection: close\r\n%s\r\n", rows[i].headers);
        stage_say(&s.trio.weir, request, &r);
        cr_expect_eq(r.status, 404);
        response_done(&r);
        expect_client(&s, 2, rows[i].client, rows[i].headers);
        stage_stop(&s);
    }
}

Test(trusted_proxies, a_long_list_is_sent_on_whole, .timeout = 60)
{
    static char headers[8192], told[8192];
    struct stage s;
    struct response r;
    size_t len = 0;

    for (unsigned i = 0; i < 600; i++)
        len += (size_t)snprintf(told + len, sizeof(told) - len, "10.0.0.%u, ", i % 250);
    strcpy(told + len, "127.0.0.1");
    snprintf(headers, sizeof(headers), "X-Forwarded-For: %.*s\r\n", (int)len - 2, told);
    stage_start(&s, ROUTES,
                (const char *const[]){"WEIR_TRUSTED_PROXIES=127.0.0.1,10.0.0.0/8", NULL});
    stage_get(&s, "/x", headers, &r);
    response_done(&r);
    expect_told(&s, told, "600 entries");
    stage_stop(&s);
}

Test(trusted_proxies, a_route_must_not_forward_what_weir_writes, .timeout = 60)
{
    static const struct {
        const char *setting;
        int status;
    } rows[] = {{NULL, 0}, {"WEIR_TRUSTED_PROXIES=127.0.0.1", 2}};
    struct scratch scratch;
    char path[64], file[128], *output = NULL;

    scratch_make(&scratch);
    scratch_write(&scratch, "routes.json", FORWARDING, path);
    snprintf(file, sizeof(file), "WEIR_ROUTES_FILE=%s", path);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *const env[] = {file, rows[i].setting, NULL};

        cr_expect_eq(program_run(WEIR_BIN, env, (const char *const[]){"--check", NULL}, &output),
                     rows[i].status, "%s", output);
        cr_expect(rows[i].status == 0 || strstr(output, "is set by weir (WEIR_TRUSTED_PROXIES)"),
                  "%s", output);
        free(output);
    }
    scratch_remove(&scratch);
}
