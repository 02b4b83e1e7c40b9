/*
 * A worker's life: set up on the starting thread, run on its own, ended by an order.
 * Orders are bits set by other threads and an eventfd that wakes the loop; nothing else is shared.
 */
#include "worker.h"

#include "alloc.h"
#include "clock.h"
#include "log.h"

#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#define BEAT_NS (100 * WEIR_MS)
#define DRAIN_LOOK_NS (5 * WEIR_MS)

struct worker {
    struct worker_options options;
    pthread_t thread;
    struct event_base *base;
    struct weir_loop *loop;
    struct weir_engine *engine;
    struct serve *serve;
    struct listen *listen;
    int wake_fd;
    struct event *wake;
    struct weir_timer beat, drain_look, widen;
    unsigned cut;         /* requests that were cut off */
    unsigned orders;      /* atomic: bits of enum worker_order */
    struct config *fresh; /* atomic: a configuration to change to, with its reference */
    uint64_t last_turn_ns; /* atomic */
    bool ended;            /* atomic */
};

static void *run(void *arg);
static void on_wake(evutil_socket_t fd, short what, void *arg);
static void on_beat(void *arg);
static void on_widen(void *arg);
static void on_drain_look(void *arg);

static struct weir_engine *engine_for(struct worker *w)
{
    const struct config *c = w->options.config;
    struct weir_engine_options options = {
        .max_connections = (unsigned)c->upstream_max_connections,
        .idle_timeout_ns = c->upstream_idle_timeout_ns,
        .max_lifetime_ns = c->upstream_max_lifetime_ns,
        .connect_timeout_ns = c->upstream_connect_timeout_ns,
        .resolve_ttl_ns = c->upstream_resolve_ttl_ns,
        .ca_file = c->upstream_ca_file,
        .cert_file = c->upstream_cert_file,
        .key_file = c->upstream_key_file,
    };

    return weir_engine_new(w->base, w->loop, &options);
}

static struct serve *serve_for(struct worker *w)
{
    struct serve_options options = {w->options.index, w->loop, w->engine, w->options.metrics,
                                    w->options.requests};
    struct site *site = site_new(w->options.config, w->engine, w->options.metrics);

    return site ? serve_new(&options, site) : NULL;
}

static struct listen *listen_for(struct worker *w)
{
    const struct config *c = w->options.config;
    struct listen_options options = {
        .fd = w->options.fd,
        .header_timeout_ns = c->header_timeout_ns,
        .idle_timeout_ns = c->idle_timeout_ns,
        .write_timeout_ns = c->write_timeout_ns,
        .max_header_bytes = c->max_header_bytes,
        .shared = w->options.connections,
        .on_request = serve_on_request,
        .arg = w->serve,
    };
    struct listen *l = listen_new(w->base, w->loop, &options);

    w->options.fd = -1; /* the listener's, on failure too */
    return l;
}

/* No locks, since a base belongs to one thread; and what a turn changes about a descriptor goes to the
 * kernel in one piece before the next poll: a new connection is watched for writing, then not, then
 * for reading. */
static struct event_base *base_new(void)
{
    static const int flags = EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST;
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (config != NULL && event_config_set_flag(config, flags) == 0)
        base = event_base_new_with_config(config);
    if (config != NULL)
        event_config_free(config);
    return base;
}

static bool set_up(struct worker *w)
{
    w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (w->wake_fd < 0 || (w->base = base_new()) == NULL ||
        (w->loop = weir_loop_new(w->base)) == NULL || (w->engine = engine_for(w)) == NULL ||
        (w->serve = serve_for(w)) == NULL || (w->listen = listen_for(w)) == NULL)
        return false;
    w->wake = event_new(w->base, w->wake_fd, EV_READ | EV_PERSIST, on_wake, w);
    return w->wake != NULL && event_add(w->wake, NULL) == 0;
}

static void tear_down(struct worker *w)
{
    if (w->listen != NULL) {
        listen_cut(w->listen);
        event_base_loop(w->base, EVLOOP_NONBLOCK); /* what settles on the next turn only */
    }
    listen_free(w->listen);
    serve_free(w->serve);
    weir_engine_free(w->engine);
    if (w->loop != NULL) {
        weir_timer_stop(&w->beat);
        weir_timer_stop(&w->widen);
        weir_timer_stop(&w->drain_look);
    }
    weir_loop_free(w->loop);
    if (w->wake != NULL)
        event_free(w->wake);
    if (w->base != NULL)
        event_base_free(w->base);
    if (w->wake_fd >= 0)
        close(w->wake_fd);
    if (w->options.fd >= 0)
        close(w->options.fd);
    config_unref(__atomic_exchange_n(&w->fresh, NULL, __ATOMIC_ACQ_REL));
}

struct worker *worker_start(const struct worker_options *options)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    struct worker *w = calloc(1, sizeof(*w));
    sigset_t all, before;
    int error;

    if (w == NULL) {
        close(options->fd);
        return NULL;
    }
    w->options = *options;
    w->wake_fd = -1;
    w->last_turn_ns = clock_now_ns();
    if (!set_up(w)) {
        tear_down(w);
        free(w);
        return NULL;
    }
    sigfillset(&all); /* signals are the main thread's, but for a thread's own faults */
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
        sigdelset(&all, faults[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&w->thread, NULL, run, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        tear_down(w);
        free(w);
        return NULL;
    }
    return w;
}

static void *run(void *arg)
{
    struct worker *w = arg;
    char name[16]; /* for top, ps and debuggers */

    snprintf(name, sizeof(name), "worker %u", w->options.index);
    prctl(PR_SET_NAME, name);
    on_beat(w);
    weir_timer_arm(w->loop, &w->widen, weir_loop_now(w->loop) + BEAT_NS, on_widen, w);
    event_base_loop(w->base, EVLOOP_NO_EXIT_ON_EMPTY);
    w->cut = serve_in_flight(w->serve);
    alloc_flush();
    __atomic_store_n(&w->ended, true, __ATOMIC_RELEASE);
    return NULL;
}

/* The loop turns: says so for liveness, and how late the turn was. */
static void on_beat(void *arg)
{
    struct worker *w = arg;
    uint64_t now = weir_loop_now(w->loop);

    if (w->beat.at_ns != 0)
        metrics_loop_lag(w->options.metrics, w->options.index, (int64_t)(now - w->beat.at_ns));
    __atomic_store_n(&w->last_turn_ns, now, __ATOMIC_RELAXED);
    weir_timer_arm(w->loop, &w->beat, now + BEAT_NS, on_beat, w);
}

/* A moment after the start, so that the first answers do not wait for it. */
static void on_widen(void *arg)
{
    (void)arg;
    alloc_widen();
}

static void change_config(struct worker *w, struct config *config)
{
    struct site *site = site_new(config, w->engine, w->options.metrics);

    if (site == NULL)
        log_event(LOG_ERROR, "reload failed on a worker", "error", "out of memory", NULL);
    else
        serve_swap(w->serve, site);
    config_unref(config);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct worker *w = arg;
    struct config *fresh;
    unsigned orders;
    uint64_t count;

    (void)what;
    if (read(fd, &count, sizeof(count)) < 0) /* before the look: what comes after it rings again */
        count = 0;
    fresh = __atomic_exchange_n(&w->fresh, NULL, __ATOMIC_ACQ_REL);
    orders = __atomic_exchange_n(&w->orders, 0, __ATOMIC_ACQ_REL);
    if (fresh != NULL)
        change_config(w, fresh);
    if (orders & 1u << WORKER_LAST_REPLIES)
        listen_close_after_reply(w->listen);
    if (orders & 1u << WORKER_DRAIN) {
        listen_close_after_reply(w->listen);
        listen_stop_accepting(w->listen);
        on_drain_look(w);
    }
    if (orders & 1u << WORKER_CUT)
        event_base_loopbreak(w->base);
}

/* Draining: ends the loop when the last connection has gone. */
static void on_drain_look(void *arg)
{
    struct worker *w = arg;

    if (!listen_is_accepting(w->listen)) {
        listen_close_idle(w->listen);
        if (listen_connections(w->listen) == 0) {
            event_base_loopbreak(w->base);
            return;
        }
    }
    weir_timer_arm(w->loop, &w->drain_look, weir_loop_now(w->loop) + DRAIN_LOOK_NS, on_drain_look,
                   w);
}

static void wake(struct worker *w)
{
    uint64_t one = 1;

    while (write(w->wake_fd, &one, sizeof(one)) < 0)
        ; /* only EINTR: the counter cannot overflow */
}

void worker_refuse_new(struct worker *w)
{
    listen_refuse_new(w->listen);
}

void worker_order(struct worker *w, enum worker_order order)
{
    __atomic_or_fetch(&w->orders, 1u << order, __ATOMIC_ACQ_REL);
    wake(w);
}

void worker_reload(struct worker *w, struct config *config)
{
    config_unref(__atomic_exchange_n(&w->fresh, config_ref(config), __ATOMIC_ACQ_REL));
    wake(w);
}

int64_t worker_silence_ns(const struct worker *w)
{
    return (int64_t)(clock_now_ns() - __atomic_load_n(&w->last_turn_ns, __ATOMIC_RELAXED));
}

bool worker_ended(const struct worker *w)
{
    return __atomic_load_n(&w->ended, __ATOMIC_ACQUIRE);
}

unsigned worker_join(struct worker *w)
{
    unsigned cut;

    pthread_join(w->thread, NULL);
    cut = w->cut;
    tear_down(w);
    free(w);
    return cut;
}
