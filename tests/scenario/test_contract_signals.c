/* Signals: drain to its last connection, exit statuses, reload of both files. */
#include "stage.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(contract_signals, .timeout = 60);

#define GET "GET /v1/users/42 HTTP/1.1\r\nHost: t\r\n\r\n"

static int admin_status(const struct weir *w, const char *path)
{
    struct response r;
    int status = client_get(w->admin_port, path, NULL, &r, 5000) ? r.status : 0;

    response_done(&r);
    return status;
}

static void start_draining(struct weir *w, int signal)
{
    process_signal(w->process, signal);
    cr_assert(process_wait_line(w->process, "\"msg\":\"draining\"", 1, 5000) != NULL);
}

Test(contract_signals, during_the_delay_every_answer_closes)
{
    struct trio t;
    struct response r;
    int kept, fresh;

    trio_start(&t, (const char *const[]){"WEIR_DRAIN_DELAY=1500ms", "WEIR_WORKERS=2", NULL});
    kept = client_connect(t.weir.port);
    cr_assert(client_say(kept, GET) && client_read(kept, &r, 5000, false));
    cr_expect_str_eq(response_header(&r, "Connection"), "");
    response_done(&r);
    start_draining(&t.weir, SIGTERM);
    cr_expect(admin_status(&t.weir, "/readyz") == 503);
    cr_expect(admin_status(&t.weir, "/healthz") == 503);
    cr_expect(admin_status(&t.weir, "/livez") == 200, "alive all the same");
    fresh = client_connect(t.weir.port);
    for (int i = 0; i < 2; i++) {
        int fd = i == 0 ? kept : fresh;

        cr_assert(client_say(fd, GET GET) && client_read(fd, &r, 5000, false), "connection %d", i);
        cr_expect(r.status == 200);
        cr_expect_str_eq(response_header(&r, "Connection"), "close", "connection %d", i);
        response_done(&r);
        cr_expect(client_sees_close(fd, 5000), "connection %d goes on", i);
        close(fd);
    }
    cr_assert(client_get(t.weir.port, "/no", NULL, &r, 5000) && r.status == 404);
    cr_expect_str_eq(response_header(&r, "Connection"), "close", "refusals close too");
    response_done(&r);
    weir_end(&t.weir);
    trio_stop_mocks(&t);
}

/* Connections on which nobody waits for an answer do not hold up the end. */
Test(contract_signals, a_connection_without_a_request_does_not_hold_up_the_drain)
{
    struct trio t;
    struct response r;
    double start;
    int silent, served;

    trio_start(&t, NULL);
    silent = client_connect(t.weir.port);
    served = client_connect(t.weir.port);
    cr_assert(client_say(served, GET) && client_read(served, &r, 5000, false));
    response_done(&r);
    cr_assert(weir_wait_metric(&t.weir, "weir_client_connections", 2, 5000));
    start = now_ms();
    start_draining(&t.weir, SIGINT);
    cr_expect(process_wait_exit(t.weir.process, 15000) == 0);
    cr_expect(now_ms() - start < 5000, "%.0f ms", now_ms() - start);
    process_free(t.weir.process);
    close(silent);
    close(served);
    trio_stop_mocks(&t);
}

Test(contract_signals, a_head_that_has_begun_is_still_served)
{
    struct trio t;
    struct response r;
    int fd;

    trio_start(&t, NULL);
    fd = client_connect(t.weir.port);
    cr_assert(client_say(fd, "GET /v1/users/42 HT"));
    cr_assert(weir_wait_metric(&t.weir, "weir_client_connections", 1, 5000));
    start_draining(&t.weir, SIGTERM);
    cr_assert(client_say(fd, "TP/1.1\r\nHost: t\r\n\r\n") && client_read(fd, &r, 5000, false));
    cr_expect(r.status == 200);
    cr_expect_str_eq(response_header(&r, "Connection"), "close");
    response_done(&r);
    close(fd);
    weir_end(&t.weir);
    trio_stop_mocks(&t);
}

/* More than the kernel takes at once, so that weir still has most of it when the signal comes. */
Test(contract_signals, an_answer_that_is_being_read_slowly_comes_whole)
{
    const size_t size = (size_t)16 << 20;
    char *big = malloc(size + 1);
    struct stage s;
    struct response r;
    int fd;

    memset(big, 'x', size);
    big[0] = big[size - 1] = '"';
    big[size] = '\0';
    stage_start(&s,
                "{\"routes\":[{\"path\":\"/x\",\"budget\":\"20s\",\"upstreams\":{\"a\":{\"url\":"
                "\"${WEIR_PROFILE_URL}/p\",\"max_body\":\"16MiB\"}}}]}",
                NULL);
    weir_mock_answer(s.trio.profile, "/p", &(struct weir_mock_answer){.body = big});
    fd = client_connect(s.trio.weir.port);
    cr_assert(client_say(fd, "GET /x HTTP/1.1\r\nHost: t\r\n\r\n"));
    cr_assert(process_wait_line(s.trio.weir.process, "\"msg\":\"request\"", 1, 15000) != NULL);
    start_draining(&s.trio.weir, SIGTERM);
    cr_expect(client_read(fd, &r, 20000, false) && r.status == 200, "%zu bytes came", r.body_len);
    cr_expect(r.body_len > size && strstr(r.body, "\"complete\":true") != NULL);
    response_done(&r);
    weir_end(&s.trio.weir);
    close(fd);
    trio_stop_mocks(&s.trio);
    scratch_remove(&s.scratch);
    free(big);
}

Test(contract_signals, a_second_signal_in_the_delay_exits_1)
{
    static const int seconds[] = {SIGTERM, SIGINT};

    for (size_t i = 0; i < 2; i++) {
        struct trio t;
        double start;

        trio_start(&t, (const char *const[]){"WEIR_DRAIN_DELAY=30s", NULL});
        start_draining(&t.weir, SIGTERM);
        start = now_ms();
        process_signal(t.weir.process, seconds[i]);
        cr_expect(process_wait_exit(t.weir.process, 10000) == 1);
        cr_expect(now_ms() - start < 2000);
        process_free(t.weir.process);
        trio_stop_mocks(&t);
    }
}

Test(contract_signals, the_admin_listener_stays_while_requests_finish)
{
    struct trio t;
    struct response r;
    int fd;

    trio_start(&t, (const char *const[]){"WEIR_BUDGET=30s", NULL});
    weir_mock_hold(t.activity);
    fd = client_connect(t.weir.port);
    cr_assert(client_say(fd, GET));
    cr_assert(weir_mock_wait(t.activity, WEIR_MOCK_HELD, 1, 5000));
    start_draining(&t.weir, SIGTERM);
    for (int tries = 0; tries < 500; tries++) { /* until the public listener is closed */
        int probe = client_connect(t.weir.port);

        if (probe < 0)
            break;
        close(probe);
        usleep(10000);
    }
    cr_expect(client_connect(t.weir.port) < 0, "still accepting");
    cr_expect(admin_status(&t.weir, "/readyz") == 503);
    cr_expect(admin_status(&t.weir, "/livez") == 200);
    cr_expect(admin_status(&t.weir, "/metrics") == 200);
    cr_expect(weir_metric(&t.weir, "weir_requests_in_flight") == 1);
    weir_mock_release(t.activity);
    cr_expect(client_read(fd, &r, 5000, false) && r.status == 200);
    response_done(&r);
    close(fd);
    weir_end(&t.weir);
    trio_stop_mocks(&t);
}

Test(contract_signals, pipe_is_ignored)
{
    struct trio t;
    struct response r;

    trio_start(&t, NULL);
    process_signal(t.weir.process, SIGPIPE);
    trio_get(&t, &r);
    cr_expect(r.status == 200);
    response_done(&r);
    trio_stop(&t);
}

/* weir with an env file, without the trio's variables: what the file says counts. */
struct reloaded {
    struct scratch scratch;
    struct weir_mock *mock;
    char file[64], routes[64];
    struct weir weir;
    unsigned n; /* reloads so far, good and bad */
};

static void write_env(struct reloaded *x, const char *lines)
{
    char text[512];

    snprintf(
        text, sizeof(text),
        "WEIR_LISTEN=127.0.0.1:0\nWEIR_ADMIN_LISTEN=127.0.0.1:0\nWEIR_WORKERS=1\nUPSTREAM=%s\n%s",
        weir_mock_url(x->mock), lines);
    scratch_write(&x->scratch, "env", text, x->file);
}

static void write_routes(struct reloaded *x, const char *path)
{
    char text[512];

    snprintf(text, sizeof(text),
             "{\"routes\":[{\"path\":\"%s\",\"upstreams\":{\"a\":{\"url\":\"${UPSTREAM}/p\"}}}]}",
             path);
    scratch_write(&x->scratch, "routes.json", text, x->routes);
}

static unsigned port_of(struct process *p, const char *listener)
{
    const char *line = process_wait_line(p, listener, 1, 10000);

    cr_assert(line != NULL, "%s", listener);
    return (unsigned)strtoul(strrchr(line, ':') + 1, NULL, 10);
}

static void reloaded_start(struct reloaded *x)
{
    char setting[128];
    const char *env[] = {setting, NULL}, *arguments[] = {"--env-file", x->file, NULL};

    x->n = 0;
    x->mock = weir_mock_start("/p", "{}");
    scratch_make(&x->scratch);
    write_env(x, "WEIR_BUDGET=300ms\n");
    write_routes(x, "/one");
    snprintf(setting, sizeof(setting), "WEIR_ROUTES_FILE=%s", x->routes);
    x->weir.process = process_start(WEIR_BIN, env, arguments);
    x->weir.port = port_of(x->weir.process, "\"listener\":\"public\"");
    x->weir.admin_port = port_of(x->weir.process, "\"listener\":\"admin\"");
}

/* Reloads and waits until the log says what became of it. */
static void reload(struct reloaded *x, const char *says)
{
    unsigned before = process_count_lines(x->weir.process, says);

    process_signal(x->weir.process, SIGHUP);
    cr_assert(process_wait_line(x->weir.process, says, before + 1, 5000) != NULL, "%s", says);
}

/* What a path is answered with now: "404", or "200" and its budget. New requests take a new
 * configuration a moment after the log has said so. */
static void expect_now(struct reloaded *x, const char *path, int status, const char *text)
{
    double until = now_ms() + 5000;
    struct response r;
    bool as_wanted;

    do {
        cr_assert(client_get(x->weir.port, path, NULL, &r, 5000));
        as_wanted = r.status == status && strstr(r.body, text) != NULL;
        if (!as_wanted && now_ms() > until)
            cr_assert(false, "%s: %d, %s", path, r.status, r.body);
        response_done(&r);
    } while (!as_wanted);
}

Test(contract_signals, hup_reads_env_file_and_document_again)
{
    struct reloaded x;

    reloaded_start(&x);
    expect_now(&x, "/one", 200, "\"budget_ms\":300}");
    write_env(&x, "WEIR_BUDGET=400ms\n");
    write_routes(&x, "/two");
    reload(&x, "\"msg\":\"reloaded\"");
    expect_now(&x, "/two", 200, "\"budget_ms\":400}");
    expect_now(&x, "/one", 404, "");

    write_env(&x, "WEIR_BUDGET=400\n"); /* bad ones change nothing */
    write_routes(&x, "/three");
    reload(&x, "WEIR_BUDGET: \\\"400\\\" has no unit");
    write_env(&x, "WEIR_BUDGET=700ms\nWEIR_NO_SUCH=1\n");
    reload(&x, "WEIR_NO_SUCH");
    write_env(&x, "WEIR_BUDGET=700ms\n");
    write_routes(&x, "four");
    reload(&x, "/routes/0/path");
    unlink(x.file);
    write_routes(&x, "/five");
    reload(&x, "cannot be read");
    expect_now(&x, "/two", 200, "\"budget_ms\":400}");
    expect_now(&x, "/five", 404, "");
    cr_expect(process_count_lines(x.weir.process, "\"msg\":\"reloaded\"") == 1);
    cr_expect(admin_status(&x.weir, "/readyz") == 200);

    write_env(&x, "WEIR_BUDGET=800ms\n"); /* and the next good one is taken */
    reload(&x, "\"msg\":\"reloaded\"");
    expect_now(&x, "/five", 200, "\"budget_ms\":800}");
    weir_stop(&x.weir);
    weir_mock_stop(x.mock);
    scratch_remove(&x.scratch);
}

Test(contract_signals, what_is_in_flight_keeps_the_old_configuration)
{
    struct reloaded x;
    struct response r;
    int fd;

    reloaded_start(&x);
    write_env(&x, "WEIR_BUDGET=20s\n");
    reload(&x, "\"msg\":\"reloaded\"");
    expect_now(&x, "/one", 200, "\"budget_ms\":20000}");
    weir_mock_hold(x.mock);
    fd = client_connect(x.weir.port);
    cr_assert(client_say(fd, "GET /one HTTP/1.1\r\nHost: t\r\n\r\n"));
    cr_assert(weir_mock_wait(x.mock, WEIR_MOCK_HELD, 1, 5000));
    write_env(&x, "WEIR_BUDGET=1s\nWEIR_SERVER_TIMING=off\n");
    write_routes(&x, "/two");
    reload(&x, "\"msg\":\"reloaded\"");
    expect_now(&x, "/one", 404, "");
    weir_mock_release(x.mock);
    cr_expect(client_read(fd, &r, 5000, false) && r.status == 200);
    trio_expect_text(&r, "\"budget_ms\":20000}");
    cr_expect(strlen(response_header(&r, "Server-Timing")) > 0);
    response_done(&r);
    cr_assert(client_say(fd, "GET /two HTTP/1.1\r\nHost: t\r\n\r\n") &&
              client_read(fd, &r, 5000, false));
    trio_expect_text(&r, "\"budget_ms\":1000}"); /* the same connection, a new request */
    cr_expect_str_eq(response_header(&r, "Server-Timing"), "");
    response_done(&r);
    close(fd);
    weir_stop(&x.weir);
    weir_mock_stop(x.mock);
    scratch_remove(&x.scratch);
}

Test(contract_signals, health_tells_a_draining_weir)
{
    struct trio t;
    char admin[64], *output;
    const char *env[] = {admin, NULL}, *arguments[] = {"--health", NULL};

    trio_start(&t, (const char *const[]){"WEIR_DRAIN_DELAY=30s", NULL});
    snprintf(admin, sizeof(admin), "WEIR_ADMIN_LISTEN=127.0.0.1:%u", t.weir.admin_port);
    cr_expect(program_run(WEIR_BIN, env, arguments, &output) == 0, "%s", output);
    free(output);
    start_draining(&t.weir, SIGTERM);
    cr_expect(program_run(WEIR_BIN, env, arguments, &output) == 1, "%s", output);
    cr_expect(strlen(output) > 0, "and says why");
    free(output);
    process_signal(t.weir.process, SIGTERM);
    cr_expect(process_wait_exit(t.weir.process, 5000) == 1);
    process_free(t.weir.process);
    trio_stop_mocks(&t);
}
