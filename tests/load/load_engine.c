/*
 * The loop. Each turn:
 *   - every request that is due is sent (start_due)
 *   - the timer is set to whatever is next, and epoll waits for it and for the connections
 *   - what came on the connections is counted (load_request_event)
 *   - clients whose time has come leave; answers that are too late are given up
 * A request that cannot be sent in time is sent late, and its time is still counted from when it
 * was due; how late we were is kept apart (lag).
 */
#include "load_engine.h"
#include "clock.h"
#include "load_request.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define BATCH       64 /* requests sent in one turn, so that reading never waits for long */
#define EVENTS      256
#define PROGRESS_NS 500000000u
#define SPARE_FILES 16

struct engine {
    struct load_crowd crowd;
    const struct load_options *options;
    struct load_counts *counts;
    int timer;
    uint64_t start, next_progress;
    uint64_t asked, to_ask;
    double leave_sum; /* a client leaves whenever this passes a whole number */
};

/* Asks one more, due at a time. */
static void ask_next(struct engine *e, uint64_t due, uint64_t now)
{
    struct load_request request = {
        .due_ns = due, .id = ++e->asked, .measured = due >= e->crowd.measure_from};
    double before = e->leave_sum;

    e->leave_sum += e->options->leave_share;
    request.leaves = (uint64_t)e->leave_sum != (uint64_t)before;
    e->counts->all_sent++;
    if (request.measured) {
        e->counts->sent++;
        load_histogram_add(&e->counts->lag, now - due);
    }
    load_request_ask(&e->crowd, &request);
}

/* When the next request is due (open loop). */
static uint64_t next_due(const struct engine *e)
{
    return e->start + (uint64_t)((double)e->asked * 1e9 / e->options->rate);
}

/* Sends what is due. */
static void start_due(struct engine *e)
{
    uint64_t now = clock_now_ns();

    if (e->options->rate > 0) {
        for (int i = 0; i < BATCH && e->asked < e->to_ask && next_due(e) <= now; i++) {
            ask_next(e, next_due(e), now);
            now = clock_now_ns();
        }
        return;
    }
    for (unsigned i = 0; i < e->options->connections && now < e->crowd.measure_until; i++)
        if (e->counts->in_flight < e->options->connections)
            ask_next(e, now, now);
}

/* Writes one line for whoever watches. */
static void show_progress(struct engine *e, uint64_t now)
{
    if (!e->options->progress || now < e->next_progress)
        return;
    e->next_progress = now + PROGRESS_NS;
    fprintf(stderr, "%.1f %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", (double)(now - e->start) / 1e9,
            e->counts->sent, e->counts->answered, e->counts->in_flight);
}

static void sooner(uint64_t *when, uint64_t other)
{
    if (other < *when)
        *when = other;
}

/* Sets the timer to whatever comes next. */
static void arm(struct engine *e)
{
    uint64_t when = clock_now_ns() + PROGRESS_NS;
    struct itimerspec spec = {{0, 0}, {0, 0}};

    if (e->options->rate > 0 && e->asked < e->to_ask)
        sooner(&when, next_due(e));
    sooner(&when, load_request_next(&e->crowd));
    spec.it_value.tv_sec = (time_t)(when / 1000000000u);
    spec.it_value.tv_nsec = (long)(when % 1000000000u);
    timerfd_settime(e->timer, TFD_TIMER_ABSTIME, &spec, NULL);
}

/* Waits once, and handles what came. */
static void turn(struct engine *e)
{
    struct epoll_event events[EVENTS];
    uint64_t expirations;
    int n;

    arm(e);
    n = epoll_wait(e->crowd.epoll, events, EVENTS, -1);
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr != NULL)
            load_request_event(&e->crowd, events[i].data.ptr, events[i].events);
        else if (read(e->timer, &expirations, sizeof(expirations)) < 0)
            continue; /* set anew meanwhile */
    }
    load_request_expire(&e->crowd, clock_now_ns());
    load_request_free(&e->crowd.dead);
}

static void run(struct engine *e)
{
    const struct load_options *o = e->options;

    e->start = clock_now_ns();
    e->crowd.measure_from = e->start + o->warmup_ns;
    e->crowd.measure_until = e->crowd.measure_from + o->seconds_ns;
    e->to_ask = (uint64_t)((double)(o->warmup_ns + o->seconds_ns) / 1e9 * o->rate);
    do {
        start_due(e);
        show_progress(e, clock_now_ns());
        turn(e);
    } while (e->counts->in_flight > 0 ||
             (o->rate > 0 ? e->asked < e->to_ask : clock_now_ns() < e->crowd.measure_until));
    load_request_free(&e->crowd.idle);
}

/* As many connections as descriptors allow. */
static uint64_t most_connections(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 256;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_max > SPARE_FILES ? limit.rlim_max - SPARE_FILES : 1;
}

static bool prepare(struct engine *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct epoll_event event = {.events = EPOLLIN};
    int error = getaddrinfo(e->options->host, e->options->port, &hints, &e->crowd.address);

    if (error != 0) {
        fprintf(stderr, "load: %s:%s: %s\n", e->options->host, e->options->port,
                gai_strerror(error));
        return false;
    }
    e->crowd.max_open = most_connections();
    e->counts = calloc(1, sizeof(*e->counts));
    e->crowd.counts = e->counts;
    e->crowd.epoll = epoll_create1(EPOLL_CLOEXEC);
    e->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (e->counts != NULL && e->crowd.epoll >= 0 && e->timer >= 0 &&
        epoll_ctl(e->crowd.epoll, EPOLL_CTL_ADD, e->timer, &event) == 0)
        return true;
    perror("load");
    free(e->counts);
    e->counts = NULL;
    return false;
}

struct load_counts *load_engine_run(const struct load_options *options)
{
    struct engine e = {.crowd = {.options = options, .epoll = -1}, .options = options, .timer = -1};

    TAILQ_INIT(&e.crowd.idle);
    TAILQ_INIT(&e.crowd.dead);
    TAILQ_INIT(&e.crowd.pending);
    TAILQ_INIT(&e.crowd.departing);
    if (prepare(&e))
        run(&e);
    if (e.timer >= 0)
        close(e.timer);
    if (e.crowd.epoll >= 0)
        close(e.crowd.epoll);
    if (e.crowd.address != NULL)
        freeaddrinfo(e.crowd.address);
    return e.counts;
}
