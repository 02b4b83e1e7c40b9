/* The program weir-standin: its settings, its answers, its control endpoint, its exit statuses. */
#include "client.h"
#include "process.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

TestSuite(standin, .timeout = 120);

#define PATIENCE  10000 /* ms */
#define ANY_PORTS "--profile", "0", "--preferences", "0", "--activity", "0"

static const char *const upstreams[] = {"profile", "preferences", "activity"};

struct standin {
    struct process *process;
    unsigned ports[3];
};

static unsigned listening_port(struct process *p, const char *upstream)
{
    char text[64];
    const char *line;

    snprintf(text, sizeof(text), "listening %s ", upstream);
    line = process_wait_line(p, text, 1, PATIENCE);
    cr_assert_not_null(line, "%s does not listen", upstream);
    return (unsigned)strtoul(strrchr(line, ':') + 1, NULL, 10);
}

static void start(struct standin *s, const char *const *env, const char *const *arguments)
{
    static const char *const no_env[] = {NULL};

    s->process = process_start(WEIR_STANDIN_BIN, env ? env : no_env, arguments);
    for (int i = 0; i < 3; i++)
        s->ports[i] = listening_port(s->process, upstreams[i]);
}

static void stop(struct standin *s)
{
    process_signal(s->process, SIGTERM);
    cr_expect(process_wait_exit(s->process, PATIENCE) == 0, "it does not end with 0");
    process_free(s->process);
}

/* Any request with a body; the whole answer is in *r. */
static void ask(unsigned port, const char *method, const char *path, const char *body,
                struct response *r)
{
    char text[1024];
    int fd = client_connect(port);

    snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: t\r\nContent-Length: %zu\r\n\r\n%s",
             method, path, strlen(body), body);
    cr_assert(fd >= 0 && client_say(fd, text));
    cr_assert(client_read(fd, r, PATIENCE, false), "%s %s: no answer", method, path);
    close(fd);
}

static void put_fault(unsigned port, const char *spec)
{
    struct response r;

    ask(port, "PUT", "/_fault", spec, &r);
    cr_assert(r.status == 200, "%s: %d %s", spec, r.status, r.body);
    response_done(&r);
}

/* A number of the statistics; -1 when it is not there. */
static double stat_number(unsigned port, const char *name)
{
    struct response r;
    char key[64];
    const char *at;
    double value = -1;

    ask(port, "GET", "/_stats", "", &r);
    snprintf(key, sizeof(key), "\"%s\":", name);
    at = strstr(r.body, key);
    if (at != NULL)
        value = strtod(at + strlen(key), NULL);
    response_done(&r);
    return value;
}

/* Asks for the number again and again until it is there, with a limit. */
static bool wait_stat(unsigned port, const char *name, double value)
{
    double until = now_ms() + PATIENCE;

    while (now_ms() < until)
        if (stat_number(port, name) >= value)
            return true;
    return false;
}

Test(standin, serves_the_three_examples_with_the_id_filled_in)
{
    static const char *const must_hold[][4] = {
        {"\"id\": \"42\"", "9007199254740993", "\"credit\": 1.10", "\xc3\x85ngstr\xc3\xb6m"},
        {"\"user_id\": \"42\"", "18014398509481985", "1.10", "\xe6\x97\xa5\xe6\x9c\xac"},
        {"\"user\": \"42\"", "9223372036854775807", "1.10", "Caf\xc3\xa9"},
    };
    struct standin s;

    start(&s, NULL, (const char *const[]){ANY_PORTS, NULL});
    for (int i = 0; i < 3; i++) {
        struct response r;
        char path[64];

        snprintf(path, sizeof(path), "/users/42/%s", upstreams[i]);
        cr_assert(client_get(s.ports[i], path, NULL, &r, PATIENCE), "%s", path);
        cr_expect(r.status == 200, "%s: %d", path, r.status);
        cr_expect_str_eq(response_header(&r, "Content-Type"), "application/json");
        cr_expect(strstr(r.body, "{id}") == NULL, "%s", r.body);
        for (int k = 0; k < 4; k++)
            cr_expect(strstr(r.body, must_hold[i][k]) != NULL, "%s: no %s", path, must_hold[i][k]);
        response_done(&r);
        cr_assert(client_get(s.ports[i], "/users/42/other", NULL, &r, PATIENCE));
        cr_expect(r.status == 404, "%d", r.status);
        response_done(&r);
    }
    stop(&s);
}

Test(standin, an_id_with_anything_in_it_stays_valid_json)
{
    struct standin s;
    struct response r;

    start(&s, NULL, (const char *const[]){ANY_PORTS, NULL});
    cr_assert(client_get(s.ports[0], "/users/%22%5C%0a%C3%A5/profile", NULL, &r, PATIENCE));
    cr_expect(strstr(r.body, "\"id\": \"\\\"\\\\\\u000a\xc3\xa5\"") != NULL, "%.80s", r.body);
    response_done(&r);
    stop(&s);
}

Test(standin, faults_by_flag_the_last_for_an_upstream_counts)
{
    struct standin s;
    struct response r;

    start(&s, NULL,
          (const char *const[]){ANY_PORTS, "--fault", "profile=hang", "--fault=profile=status=503",
                                "--fault", "activity=status=404", NULL});
    cr_assert(client_get(s.ports[0], "/users/1/profile", NULL, &r, PATIENCE));
    cr_expect(r.status == 503, "%d", r.status);
    response_done(&r);
    cr_assert(client_get(s.ports[1], "/users/1/preferences", NULL, &r, PATIENCE));
    cr_expect(r.status == 200, "%d", r.status);
    response_done(&r);
    cr_assert(client_get(s.ports[2], "/users/1/activity", NULL, &r, PATIENCE));
    cr_expect(r.status == 404, "%d", r.status);
    response_done(&r);
    stop(&s);
}

Test(standin, settings_by_environment_and_flags_win)
{
    static const char *const lists[] = {
        "STANDIN_FAULT=profile=status=501;activity=delay=lognormal(1ms,p99=2ms),status=502",
        "STANDIN_FAULT=profile=status=501,activity=delay=lognormal(1ms,p99=2ms),status=502",
        "STANDIN_FAULT=profile=status=501 activity=delay=lognormal(1ms, p99=2ms), status=502",
    };

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct standin s;
        struct response r;

        start(&s,
              (const char *const[]){"STANDIN_PROFILE=0", "STANDIN_PREFERENCES=127.0.0.1:0",
                                    "STANDIN_ACTIVITY=1", "STANDIN_SEED=77", lists[i], NULL},
              (const char *const[]){"--activity", "0", "--fault", "profile=status=500", NULL});
        cr_expect(stat_number(s.ports[0], "seed") == 77, "%s", lists[i]);
        cr_assert(client_get(s.ports[0], "/users/1/profile", NULL, &r, PATIENCE));
        cr_expect(r.status == 500, "%s: %d", lists[i], r.status);
        response_done(&r);
        cr_assert(client_get(s.ports[2], "/users/1/activity", NULL, &r, PATIENCE));
        cr_expect(r.status == 502, "%s: %d", lists[i], r.status);
        response_done(&r);
        stop(&s);
    }
}

Test(standin, wrong_usage_is_one_clear_sentence_and_exit_2)
{
    static const struct {
        const char *env, *argument, *value, *says;
    } rows[] = {
        {NULL, "--bogus", NULL, "--bogus is not an option"},
        {NULL, "--seed", NULL, "--seed wants a value"},
        {NULL, "more", NULL, "\"more\" is one argument too many"},
        {NULL, "--profile", "http", "--profile: \"http\" is not a port"},
        {NULL, "--activity", "65536", "--activity: \"65536\" is not a port"},
        {NULL, "--activity", ":80", "--activity: \":80\" is not a port"},
        {NULL, "--seed", "-1", "--seed: \"-1\" is not a number"},
        {NULL, "--fault", "profile", "is not UPSTREAM=SPEC"},
        {NULL, "--fault", "nobody=hang", "\"nobody\" is not an upstream"},
        {NULL, "--fault", "profile=", "--fault: profile: the SPEC is empty"},
        {NULL, "--fault", "profile=delay=40", "--fault: profile: \"40\" is not a duration"},
        {"STANDIN_PROFILE=x", NULL, NULL, "STANDIN_PROFILE: \"x\" is not a port"},
        {"STANDIN_SEED=x", NULL, NULL, "STANDIN_SEED: \"x\" is not a number"},
        {"STANDIN_FAULT=profile=hang;foo=cut", NULL, NULL, "\"foo\" is not an upstream"},
        {"STANDIN_FAULT=hang", NULL, NULL, "STANDIN_FAULT: \"hang\" is not UPSTREAM=SPEC"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct process *p =
            process_start(WEIR_STANDIN_BIN, (const char *const[]){rows[i].env, NULL},
                          (const char *const[]){rows[i].argument, rows[i].value, NULL});
        bool said = process_wait_line(p, rows[i].says, 1, PATIENCE) != NULL;
        int status = process_wait_exit(p, PATIENCE);
        char *output = process_output(p);

        cr_expect(status == 2, "row %zu: %d", i, status);
        cr_expect(strncmp(output, "weir-standin: ", 14) == 0, "row %zu: %s", i, output);
        cr_expect(said, "row %zu: %s", i, output);
        cr_expect(strchr(output, '\n') == output + strlen(output) - 1, "row %zu: %s", i, output);
        free(output);
        process_free(p);
    }
}

Test(standin, help_and_version_end_with_0)
{
    static const struct {
        const char *argument, *says;
    } rows[] = {{"--help", "usage: weir-standin"}, {"--version", "weir-standin "}};

    for (size_t i = 0; i < 2; i++) {
        struct process *p = process_start(WEIR_STANDIN_BIN, (const char *const[]){NULL},
                                          (const char *const[]){rows[i].argument, NULL});
        const char *line = process_wait_line(p, rows[i].says, 1, PATIENCE);

        cr_expect(line != NULL && strncmp(line, rows[i].says, strlen(rows[i].says)) == 0, "%s",
                  rows[i].argument);
        cr_expect(process_wait_exit(p, PATIENCE) == 0, "%s", rows[i].argument);
        process_free(p);
    }
}

Test(standin, a_port_in_use_is_exit_1)
{
    struct standin s;
    struct process *second;
    char port[16], says[64];

    start(&s, NULL, (const char *const[]){ANY_PORTS, NULL});
    snprintf(port, sizeof(port), "%u", s.ports[0]);
    snprintf(says, sizeof(says), "cannot listen on 127.0.0.1:%u: ", s.ports[0]);
    second = process_start(WEIR_STANDIN_BIN, (const char *const[]){NULL},
                           (const char *const[]){ANY_PORTS, "--profile", port, NULL});
    cr_expect(process_wait_line(second, says, 1, PATIENCE) != NULL);
    cr_expect(process_wait_exit(second, PATIENCE) == 1);
    process_free(second);
    stop(&s);
}

Test(standin, sigint_ends_it_too)
{
    struct standin s;

    start(&s, NULL, (const char *const[]){ANY_PORTS, NULL});
    process_signal(s.process, SIGINT);
    cr_expect(process_wait_exit(s.process, PATIENCE) == 0);
    process_free(s.process);
}

Test(standin, faults_are_set_shown_and_ended_while_it_runs)
{
    struct standin s;
    struct response r;

    start(&s, NULL, (const char *const[]){ANY_PORTS, NULL});
    ask(s.ports[0], "PUT", "/_fault", " status=503,rate=100%\n", &r);
    cr_expect(r.status == 200, "%d", r.status);
    cr_expect_str_eq(r.body, "{\"fault\":\"status=503,rate=100%\"}\n");
    response_done(&r);
    cr_assert(client_get(s.ports[0], "/users/1/profile", NULL, &r, PATIENCE));
    cr_expect(r.status == 503, "%d", r.status);
    response_done(&r);
    ask(s.ports[0], "PUT", "/_fault", "bogus", &r);
    cr_expect(r.status == 400, "%d", r.status);
    cr_expect_str_eq(response_header(&r, "Content-Type"), "application/problem+json");
    cr_expect(strstr(r.body, "\\\"bogus\\\" is not a fault") != NULL, "%s", r.body);
    response_done(&r);
    ask(s.ports[0], "GET", "/_stats", "", &r);
    cr_expect(strstr(r.body, "\"fault\":\"status=503,rate=100%\"") != NULL, "%s", r.body);
    response_done(&r);
    ask(s.ports[0], "DELETE", "/_fault", "", &r);
    cr_expect_str_eq(r.body, "{\"fault\":null}\n");
    response_done(&r);
    cr_assert(client_get(s.ports[0], "/users/1/profile", NULL, &r, PATIENCE));
    cr_expect(r.status == 200, "%d", r.status);
    response_done(&r);
    ask(s.ports[0], "POST", "/_stats", "", &r);
    cr_expect(r.status == 405, "%d", r.status);
    cr_expect_str_eq(response_header(&r, "Allow"), "GET");
    response_done(&r);
    cr_expect(stat_number(s.ports[0], "requests") == 2, "control requests do not count");
    cr_expect(stat_number(s.ports[1], "requests") == 0, "each port counts for itself");
    stop(&s);
}

Test(standin, tells_when_the_peer_let_go)
{
    struct standin s;
    struct response r;
    struct timespec ts;
    double before, at, after;
    int fd;

    start(&s, NULL, (const char *const[]){ANY_PORTS, NULL});
    put_fault(s.ports[2], "hang");
    fd = client_connect(s.ports[2]);
    cr_assert(client_say(fd, "GET /users/7/activity HTTP/1.1\r\nHost: t\r\n\r\n"));
    cr_assert(wait_stat(s.ports[2], "in_flight", 1));
    cr_expect(stat_number(s.ports[2], "cancelled") == 0);
    clock_gettime(CLOCK_REALTIME, &ts);
    before = (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
    close(fd);
    cr_assert(wait_stat(s.ports[2], "cancelled", 1));
    clock_gettime(CLOCK_REALTIME, &ts);
    at = stat_number(s.ports[2], "at_unix_ms");
    after = (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
    cr_expect(at >= before - 1 && at <= after + 1, "%.3f is not within %.3f and %.3f", at, before,
              after);
    cr_expect(stat_number(s.ports[2], "after_ms") > 0);
    cr_expect(stat_number(s.ports[2], "in_flight") == 0);
    cr_expect(stat_number(s.ports[2], "max_in_flight") == 1);
    ask(s.ports[2], "GET", "/_stats", "", &r);
    cr_expect(strstr(r.body, "\"target\":\"/users/7/activity\"") != NULL, "%s", r.body);
    response_done(&r);
    stop(&s);
}

Test(standin, lists_the_last_thousand_cancellations)
{
    struct standin s;
    struct response r;
    unsigned listed = 0;

    start(&s, NULL, (const char *const[]){ANY_PORTS, NULL});
    put_fault(s.ports[0], "hang");
    for (int i = 0; i < 1005; i++) {
        int fd = client_connect(s.ports[0]);

        cr_assert(client_say(fd, "GET /users/7/profile HTTP/1.1\r\nHost: t\r\n\r\n"), "%d", i);
        close(fd);
    }
    cr_assert(wait_stat(s.ports[0], "cancelled", 1005));
    ask(s.ports[0], "GET", "/_stats", "", &r);
    for (const char *p = r.body; (p = strstr(p, "\"at_unix_ms\"")) != NULL; p++)
        listed++;
    cr_expect(listed == 1000, "%u", listed);
    cr_expect(strstr(r.body, "[{\"request\":6,") != NULL, "the oldest are dropped: %.400s", r.body);
    response_done(&r);
    stop(&s);
}

Test(standin, holds_two_thousand_hung_requests)
{
    enum { N = 2000 };
    static int fds[N];
    struct standin s;

    start(&s, NULL, (const char *const[]){ANY_PORTS, "--fault", "profile=hang", NULL});
    for (int i = 0; i < N; i++) {
        fds[i] = client_connect(s.ports[0]);
        cr_assert(fds[i] >= 0 &&
                      client_say(fds[i], "GET /users/7/profile HTTP/1.1\r\nHost: t\r\n\r\n"),
                  "%d", i);
    }
    cr_expect(wait_stat(s.ports[0], "in_flight", N));
    for (int i = 0; i < N; i++)
        close(fds[i]);
    cr_expect(wait_stat(s.ports[0], "cancelled", N));
    cr_expect(stat_number(s.ports[0], "in_flight") == 0);
    stop(&s);
}

Test(standin, the_same_seed_hits_the_same_requests)
{
    enum { N = 40 };
    int statuses[3][N], differing = 0;

    for (int run = 0; run < 3; run++) {
        struct standin s;

        start(&s, NULL,
              (const char *const[]){ANY_PORTS, "--seed", run < 2 ? "5" : "6", "--fault",
                                    "profile=status=500,rate=50%", NULL});
        for (int i = 0; i < N; i++) {
            struct response r;

            cr_assert(client_get(s.ports[0], "/users/1/profile", NULL, &r, PATIENCE));
            statuses[run][i] = r.status;
            response_done(&r);
        }
        stop(&s);
    }
    for (int i = 0; i < N; i++) {
        cr_expect(statuses[0][i] == statuses[1][i], "request %d", i);
        differing += statuses[0][i] != statuses[2][i];
    }
    cr_expect(differing > 5, "another seed is nearly the same: %d differ", differing);
}
