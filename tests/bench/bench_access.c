/* An access line, against snprintf of the same words. */
#include "access.h"
#include "bench.h"
#include "log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define N 3

static struct config_upstream upstreams[N] = {
    {.name = (char *)"profile"}, {.name = (char *)"preferences"}, {.name = (char *)"activity"}};
static struct config_route route = {
    .path = (char *)"/v1/users/{id}", .upstreams = upstreams, .n_upstreams = N};
static struct weir_outcome outcomes[N];
static struct weir_settled settled = {WEIR_OK, -1, outcomes, N};
static struct site_route site_route = {.config = &route};

static const struct access line = {
    .request_id = "5e1b6b0f8f0e4d6c9a7b3c2d1e0f9a8b",
    .trace_id = "4bf92f3577b34da6a3ce929d0e0e4736",
    .client_ip = "127.0.0.1",
    .route = "/v1/users/{id}",
    .method = {"GET", 3},
    .path = {"/v1/users/4711", 14},
    .status = 200,
    .outcome = METRICS_COMPLETE,
    .duration_ns = 12345678,
    .bytes = 2345,
    .site_route = &site_route,
    .settled = &settled,
};

static size_t print_upstreams(char *text, size_t size)
{
    size_t at = 0;

    for (size_t i = 0; i < N; i++)
        at += (size_t)snprintf(text + at, size - at,
                               "%s{\"name\":\"%s\",\"outcome\":\"%s\",\"status\":%d,\"ms\":%.3f,\"bytes\":%llu,"
                               "\"reused\":%s}", i ? "," : "", upstreams[i].name,
                               weir_status_word(outcomes[i].status), outcomes[i].answer.status,
                               (double)outcomes[i].elapsed_ns / 1e6, (unsigned long long)outcomes[i].bytes,
                               outcomes[i].reused ? "true" : "false");
    return at;
}

static void with_snprintf(void *arg, unsigned long n)
{
    static char text[2048];

    (void)arg;
    for (unsigned long i = 0; i < n; i++) {
        struct timespec now;
        struct tm tm;
        size_t at;

        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &tm);
        at = strftime(text, sizeof(text), "{\"ts\":\"%Y-%m-%dT%H:%M:%S", &tm);
        at += (size_t)snprintf(text + at, sizeof(text) - at,
                               ".%06ldZ\",\"level\":\"info\",\"msg\":\"request\",\"request_id\":\"%s\","
                               "\"trace_id\":\"%s\",\"method\":\"%.*s\",\"path\":\"%.*s\",\"route\":\"%s\","
                               "\"status\":%d,\"outcome\":\"%s\",\"duration_ms\":%.3f,\"bytes\":%zu,"
                               "\"client_ip\":\"%s\",\"upstreams\":[", now.tv_nsec / 1000, line.request_id,
                               line.trace_id, (int)line.method.len, line.method.at, (int)line.path.len,
                               line.path.at, line.route, line.status, metrics_outcome_word(line.outcome),
                               (double)line.duration_ns / 1e6, line.bytes, line.client_ip);
        at += print_upstreams(text + at, sizeof(text) - at);
        at += (size_t)snprintf(text + at, sizeof(text) - at, "]}\n");
        bench_keep(text + at);
    }
}

/* Without a writer: the line is formatted and goes nowhere. */
static void formatted(void *arg, unsigned long n)
{
    struct buf *b = arg;

    for (unsigned long i = 0; i < n; i++) {
        access_log(b, 0, &line);
        bench_keep(b->data);
    }
    bench_must(buf_ok(b) && b->len > 400, "a line is made");
}

/* Queued too, for a writer whose sink takes everything. What is dropped is cheaper than what is not,
 * so the number of lines in a row is bounded by what the ring holds. */
static void queued(void *arg, unsigned long n)
{
    while (n > 0) {
        unsigned long some = n < 800 ? n : 800;
        int sink = open("/dev/null", O_WRONLY | O_CLOEXEC);

        bench_must(sink >= 0 && log_open(sink, LOG_INFO, 1), "the log opens");
        formatted(arg, some);
        log_close(10000);
        close(sink);
        n -= some;
    }
    bench_must(log_dropped() == 0, "no line is dropped");
}

int main(void)
{
    struct buf b;

    for (size_t i = 0; i < N; i++) {
        outcomes[i] = (struct weir_outcome){.status = WEIR_OK, .elapsed_ns = 3456789 * (int64_t)(i + 1),
                                            .bytes = 700 * (i + 1), .started = true, .reused = true};
        outcomes[i].answer.status = 200;
    }
    buf_init(&b, 1 << 16);
    log_set_level(LOG_INFO);
    bench_group("an access line", (struct bench_row[]){
        {"snprintf", with_snprintf, NULL, 0},
        {"access_log, no log is open", formatted, &b, 0},
    }, 2);
    bench_group("an access line, queued for the writer", (struct bench_row[]){
        {"snprintf, not queued", with_snprintf, NULL, 0},
        {"access_log, a log opened for each 800", queued, &b, 0},
    }, 2);
    buf_done(&b);
    return 0;
}
