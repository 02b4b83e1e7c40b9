/*
 * The service's life, on the main thread:
 *
 *   start → SERVING → (TERM, INT) → DELAYING → DRAINING → exit
 *
 * Happy path: bind, start the workers, serve the admin pages, wait for signals. TERM turns readiness
 * off and lets replies close their connections; after the drain delay the workers stop accepting and
 * end by themselves when the last connection has gone.
 * Failures: what cannot be bound or started ends the program with a sentence and 1; the drain
 * timeout cuts off what is left, 1; a second signal exits at once, 1.
 */
#include "app.h"

#include "admin.h"
#include "alloc.h"
#include "app_limits.h"
#include "app_memory.h"
#include "listen.h"
#include "log.h"
#include "metrics.h"
#include "notify.h"
#include "worker.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIVE_NS (2000 * WEIR_MS) /* a loop silent for longer is stuck */
#define LOOK_NS (5 * WEIR_MS)
#define STUCK_NS (2000 * WEIR_MS) /* for a loop to end that was told to cut off what it has */
#define LOG_CLOSE_MS 1000
#define EXIT_NS (STUCK_NS + 2 * LOG_CLOSE_MS * WEIR_MS) /* from the last cut to the exit, at most */
#define ADMIN_CONNECTIONS 256

enum app_state {
    APP_SERVING,
    APP_DELAYING, /* waits for the drain delay, still serving */
    APP_DRAINING, /* waits for the workers to end */
};

struct app {
    enum app_state state;
    struct config *config;
    const char *env_file;
    struct metrics *metrics;
    struct listen_shared connections, admin_connections;
    struct serve_shared requests;
    struct worker **workers;
    unsigned n_workers;
    struct event_base *base;
    struct weir_loop *loop;
    struct listen *admin_listen;
    struct admin admin;
    struct event *signals[4];
    struct notify notify;         /* what the service manager is told */
    struct weir_timer timer;      /* drain delay, then the look at the workers */
    uint64_t drain_deadline_ns;
    int status;
};

static void on_drain(evutil_socket_t sig, short what, void *arg);
static void on_reload(evutil_socket_t sig, short what, void *arg);
static void on_delay_over(void *arg);
static void on_look(void *arg);

static bool is_live(void *arg)
{
    const struct app *a = arg;

    for (unsigned i = 0; i < a->n_workers; i++)
        if (!worker_ended(a->workers[i]) && worker_silence_ns(a->workers[i]) > LIVE_NS)
            return false;
    return true;
}

static bool is_ready(void *arg)
{
    return ((const struct app *)arg)->state == APP_SERVING;
}

static void print_metrics(void *arg, struct buf *out)
{
    metrics_print(((const struct app *)arg)->metrics, out);
}

static void print_config(void *arg, struct buf *out)
{
    config_print(((const struct app *)arg)->config, out);
}

static uint64_t requests_in_flight(void *arg)
{
    return __atomic_load_n(&((const struct app *)arg)->requests.in_flight, __ATOMIC_RELAXED);
}

static uint64_t client_connections(void *arg)
{
    return __atomic_load_n(&((const struct app *)arg)->connections.connections, __ATOMIC_RELAXED);
}

static uint64_t requests_in_flight_limit(void *arg)
{
    return ((const struct app *)arg)->config->max_in_flight;
}

static uint64_t client_connections_limit(void *arg)
{
    return ((const struct app *)arg)->connections.max_connections;
}

/* A bound socket for an address, or -1 with the reason on stderr. *port becomes the real one. */
static int bind_address(const struct config_address *address, uint16_t *port, bool exclusive)
{
    int fd = listen_bind(address->host, port, exclusive);

    if (fd < 0)
        fprintf(stderr, "weir: cannot listen on %s: %s\n", address->text, strerror(errno));
    return fd;
}

static void say_listening(const char *listener, const struct config_address *address, uint16_t port)
{
    char text[128];
    bool v6 = strchr(address->host, ':') != NULL;

    snprintf(text, sizeof(text), v6 ? "[%s]:%u" : "%s:%u", *address->host ? address->host : "0.0.0.0",
             (unsigned)port);
    log_always(LOG_INFO, "listening", "listener", listener, "address", text, NULL);
}

static bool start_workers(struct app *a)
{
    uint16_t port = a->config->listen.port;

    a->workers = calloc(a->config->workers, sizeof(struct worker *));
    for (unsigned i = 0; a->workers != NULL && i < a->config->workers; i++) {
        struct worker_options options = {.index = i,
                                         .config = a->config,
                                         .metrics = a->metrics,
                                         .connections = &a->connections,
                                         .requests = &a->requests};

        options.fd = bind_address(&a->config->listen, &port, i == 0);
        if (options.fd < 0)
            return false;
        a->workers[i] = worker_start(&options);
        if (a->workers[i] == NULL) {
            fprintf(stderr, "weir: cannot start worker %u of %u: %s\n", i + 1, a->config->workers,
                    strerror(errno));
            return false;
        }
        a->n_workers = i + 1;
    }
    if (a->workers == NULL)
        return false;
    say_listening("public", &a->config->listen, port);
    return true;
}

static bool start_admin(struct app *a)
{
    const struct config *c = a->config;
    uint16_t port = c->admin_listen.port;
    struct listen_options options = {.header_timeout_ns = c->header_timeout_ns,
                                     .idle_timeout_ns = c->idle_timeout_ns,
                                     .write_timeout_ns = c->write_timeout_ns,
                                     .max_header_bytes = c->max_header_bytes,
                                     .shared = &a->admin_connections,
                                     .on_request = admin_on_request,
                                     .arg = &a->admin};

    if (c->admin_listen.off)
        return true;
    options.fd = bind_address(&c->admin_listen, &port, true);
    if (options.fd < 0)
        return false;
    a->admin = (struct admin){is_live, is_ready, print_metrics, print_config, a};
    a->admin_connections.max_connections = ADMIN_CONNECTIONS;
    a->admin_listen = listen_new(a->base, a->loop, &options);
    if (a->admin_listen == NULL) {
        fprintf(stderr, "weir: cannot listen on %s: %s\n", c->admin_listen.text, strerror(errno));
        return false;
    }
    say_listening("admin", &c->admin_listen, port);
    return true;
}

static bool watch_signals(struct app *a)
{
    static const struct {
        int number;
        void (*fn)(evutil_socket_t, short, void *);
    } rows[] = {{SIGTERM, on_drain}, {SIGINT, on_drain}, {SIGHUP, on_reload}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        a->signals[i] = evsignal_new(a->base, rows[i].number, rows[i].fn, a);
        if (a->signals[i] == NULL || evsignal_add(a->signals[i], NULL) != 0)
            return false;
    }
    return true;
}

static bool start(struct app *a)
{
    struct metrics_gauges gauges = {requests_in_flight, client_connections,
                                    requests_in_flight_limit, client_connections_limit, a};

    signal(SIGPIPE, SIG_IGN);
    a->connections.max_connections = app_limits_connections(a->config);
    a->metrics = metrics_new(a->config->workers);
    a->base = app_memory_use() ? event_base_new() : NULL;
    a->loop = a->base ? weir_loop_new(a->base) : NULL;
    if (a->metrics == NULL || a->loop == NULL || weir_global_init() != WEIR_OK ||
        !watch_signals(a)) {
        fprintf(stderr, "weir: cannot start: %s\n", strerror(errno ? errno : ENOMEM));
        return false;
    }
    metrics_set_gauges(a->metrics, &gauges);
    notify_open(&a->notify, &(struct notify_options){a->loop, is_live, a});
    return start_workers(a) && start_admin(a);
}

static void order_all(struct app *a, enum worker_order order)
{
    for (unsigned i = 0; i < a->n_workers; i++)
        worker_order(a->workers[i], order);
}

static void on_drain(evutil_socket_t sig, short what, void *arg)
{
    struct app *a = arg;

    (void)what;
    if (a->state != APP_SERVING) {
        log_event(LOG_WARN, "second signal, exiting now", "signal", strsignal((int)sig), NULL);
        log_close(LOG_CLOSE_MS);
        _exit(1);
    }
    a->state = APP_DELAYING;
    notify_stopping(&a->notify, (uint64_t)(a->config->drain_delay_ns + a->config->drain_timeout_ns +
                                           EXIT_NS));
    log_event(LOG_INFO, "draining", "signal", strsignal((int)sig), NULL);
    order_all(a, WORKER_LAST_REPLIES);
    weir_timer_arm(a->loop, &a->timer,
                   weir_loop_now(a->loop) + (uint64_t)a->config->drain_delay_ns, on_delay_over, a);
}

static void on_delay_over(void *arg)
{
    struct app *a = arg;

    a->state = APP_DRAINING;
    a->drain_deadline_ns = weir_loop_now(a->loop) + (uint64_t)a->config->drain_timeout_ns;
    for (unsigned i = 0; i < a->n_workers; i++)
        worker_refuse_new(a->workers[i]);
    order_all(a, WORKER_DRAIN);
    on_look(a);
}

/* Draining: ends when every worker has, or cuts off what is left. */
static void on_look(void *arg)
{
    struct app *a = arg;
    unsigned running = 0;

    for (unsigned i = 0; i < a->n_workers; i++)
        running += !worker_ended(a->workers[i]);
    if (running == 0) {
        event_base_loopbreak(a->base);
        return;
    }
    if (weir_loop_now(a->loop) >= a->drain_deadline_ns) {
        a->status = 1;
        log_event(LOG_WARN, "drain timeout, cutting off what is left", NULL);
        order_all(a, WORKER_CUT);
        event_base_loopbreak(a->base);
        return;
    }
    weir_timer_arm(a->loop, &a->timer, weir_loop_now(a->loop) + LOOK_NS, on_look, a);
}

static void take_config(struct app *a, struct config *fresh)
{
    struct buf fixed;

    buf_init(&fixed, 4096);
    config_fixed_changes(a->config, fresh, &fixed);
    if (fixed.len > 0)
        log_event(LOG_WARN, "reloaded, but some settings change only at a restart", "settings",
                  buf_cstr(&fixed), NULL);
    buf_done(&fixed);
    log_set_level((enum log_level)fresh->log_level);
    for (unsigned i = 0; i < a->n_workers; i++)
        worker_reload(a->workers[i], fresh);
    config_unref(a->config);
    a->config = fresh;
    log_event(LOG_INFO, "reloaded", NULL);
}

static void on_reload(evutil_socket_t sig, short what, void *arg)
{
    struct app *a = arg;
    struct config *fresh = NULL;
    struct buf problems;

    (void)sig;
    (void)what;
    notify_reloading(&a->notify);
    buf_init(&problems, 1024 * 1024);
    if (config_load(environ, a->env_file, &fresh, &problems))
        take_config(a, fresh);
    else
        log_event(LOG_ERROR, "reload refused, the old configuration stays", "problems",
                  buf_cstr(&problems), NULL);
    notify_ready(&a->notify, fresh ? "serving" : "serving as before: reload refused, see the log");
    buf_done(&problems);
}

/* After a cut a worker whose loop is stuck is not waited for: the process ends with it. */
static void abandon_stuck(struct app *a)
{
    uint64_t until = weir_loop_now(a->loop) + (uint64_t)STUCK_NS;

    for (unsigned i = 0; i < a->n_workers; i++)
        while (!worker_ended(a->workers[i])) {
            if (weir_loop_now(a->loop) > until) {
                log_event(LOG_ERROR, "a worker's loop is stuck, exiting without it", NULL);
                log_close(LOG_CLOSE_MS);
                _exit(1);
            }
            usleep(1000);
        }
}

static void stop(struct app *a)
{
    if (a->status != 0 && a->n_workers > 0)
        abandon_stuck(a);
    for (unsigned i = 0; i < a->n_workers; i++)
        worker_join(a->workers[i]);
    free(a->workers);
    listen_free(a->admin_listen);
    notify_close(&a->notify);
    for (size_t i = 0; i < sizeof(a->signals) / sizeof(*a->signals); i++)
        if (a->signals[i] != NULL)
            event_free(a->signals[i]);
    if (a->loop != NULL)
        weir_timer_stop(&a->timer);
    weir_loop_free(a->loop);
    if (a->base != NULL)
        event_base_free(a->base);
    metrics_free(a->metrics);
    config_unref(a->config);
    libevent_global_shutdown();
    alloc_flush();
}

int app_run(struct config *config, const char *env_file)
{
    struct app a = {.config = config, .env_file = env_file};

    app_limits_raise(config);
    if (!log_open(STDOUT_FILENO, (enum log_level)config->log_level, config->workers)) {
        fprintf(stderr, "weir: cannot start the log: %s\n", strerror(errno));
        config_unref(config);
        return 1;
    }
    if (start(&a)) {
        notify_ready(&a.notify, "serving");
        event_base_loop(a.base, EVLOOP_NO_EXIT_ON_EMPTY);
        log_event(LOG_INFO, a.status ? "stopped, requests were cut off" : "stopped", NULL);
    } else {
        a.status = 1;
        order_all(&a, WORKER_CUT);
    }
    stop(&a);
    log_close(LOG_CLOSE_MS);
    return a.status;
}
