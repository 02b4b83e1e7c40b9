/* The answer made of three bodies, against the same made with a tree, and against copying the bytes. */
#include "assemble.h"
#include "bench.h"
#include "bodies.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#define N 3

static struct config_upstream upstreams[N] = {
    {.name = (char *)"profile", .required = true},
    {.name = (char *)"preferences"},
    {.name = (char *)"activity"},
};
static struct config_route route = {
    .path = (char *)"/v1/users/{id}", .upstreams = upstreams, .n_upstreams = N};

struct answers {
    struct buf bodies[N];
    struct weir_outcome outcomes[N];
    struct weir_settled settled;
    struct assemble_scratch scratch;
    char *copy;
    size_t bytes;
};

static void copied(void *arg, unsigned long n)
{
    struct answers *a = arg;

    for (unsigned long i = 0; i < n; i++) {
        size_t at = 0;

        for (size_t u = 0; u < N; u++) {
            memcpy(a->copy + at, a->bodies[u].data, bench_any(a->bodies[u].len));
            at += a->bodies[u].len;
        }
        bench_keep(a->copy);
    }
}

static void assembled(void *arg, unsigned long n)
{
    struct answers *a = arg;

    for (unsigned long i = 0; i < n; i++) {
        struct assemble_input in = {&route, &a->settled, "5e1b6b0f8f0e4d6c9a7b3c2d1e0f9a8b",
                                    (int64_t)(12345678 + i % 1000000), 500 * WEIR_MS};
        struct assembled out;

        bench_must(assemble(&in, &a->scratch, &out) && out.status == 200,
                   "the answer is made");
        bench_keep(out.pieces);
    }
}

static void with_a_tree(void *arg, unsigned long n)
{
    struct answers *a = arg;

    for (unsigned long i = 0; i < n; i++) {
        cJSON *all = cJSON_CreateObject(), *data = cJSON_AddObjectToObject(all, "data"), *meta;
        char *text;

        for (size_t u = 0; u < N; u++)
            cJSON_AddItemToObject(data, upstreams[u].name,
                                  cJSON_ParseWithLength(a->bodies[u].data, a->bodies[u].len));
        cJSON_AddArrayToObject(all, "errors");
        meta = cJSON_AddObjectToObject(all, "meta");
        cJSON_AddTrueToObject(meta, "complete");
        cJSON_AddStringToObject(meta, "request_id", "5e1b6b0f8f0e4d6c9a7b3c2d1e0f9a8b");
        cJSON_AddNumberToObject(meta, "elapsed_ms", 12.3);
        cJSON_AddNumberToObject(meta, "budget_ms", 500);
        text = cJSON_PrintUnformatted(all);
        bench_must(text != NULL, "the answer is made");
        free(text);
        cJSON_Delete(all);
    }
}

/* The third has failed: an error entry and Server-Timing with its reason. */
static void partial(void *arg, unsigned long n)
{
    struct answers *a = arg;

    a->outcomes[2].status = WEIR_HTTP_RESPONSE_TIMEOUT;
    assembled(a, n);
    a->outcomes[2].status = WEIR_OK;
}

int main(void)
{
    static struct answers a;

    for (size_t u = 0; u < N; u++) {
        static const size_t entries[N] = {1, 4, 7};

        buf_init(&a.bodies[u], 1 << 16);
        bodies_feed(&a.bodies[u], entries[u]);
        bench_must(buf_ok(&a.bodies[u]), "memory is there");
        a.outcomes[u] = (struct weir_outcome){.status = WEIR_OK, .elapsed_ns = 1234567 * (int64_t)(u + 1)};
        a.outcomes[u].answer.status = 200;
        a.outcomes[u].answer.body = a.bodies[u].data;
        a.outcomes[u].answer.body_len = a.outcomes[u].answer.value_len = a.bodies[u].len;
        a.bytes += a.bodies[u].len;
    }
    a.settled = (struct weir_settled){WEIR_OK, -1, a.outcomes, N};
    a.copy = malloc(a.bytes);
    bench_must(a.copy != NULL, "memory is there");
    bench_group("an answer of three bodies, 220 to 1,600 bytes", (struct bench_row[]){
        {"memcpy of the bodies", copied, &a, a.bytes},
        {"assemble", assembled, &a, a.bytes},
        {"assemble, one of three has failed", partial, &a, a.bytes},
        {"cJSON: parse, hang together, print", with_a_tree, &a, a.bytes},
    }, 4);
    for (size_t u = 0; u < N; u++)
        buf_done(&a.bodies[u]);
    assemble_scratch_done(&a.scratch);
    free(a.copy);
    return 0;
}
