/*
 * Descriptors: one for each client connection, one for each upstream call in flight, some for each
 * worker (loop, timer, wake-up, listener, two for each group of transfers) and for the process.
 */
#include "app_limits.h"

#include "log.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#define PER_WORKER 32
#define PER_PROCESS 64

static uint64_t most_upstreams(const struct config *c)
{
    uint64_t most = 1;

    for (size_t i = 0; i < c->n_routes; i++)
        if (c->routes[i].n_upstreams > most)
            most = c->routes[i].n_upstreams;
    return most;
}

static uint64_t in_flight(const struct config *c)
{
    return c->max_in_flight < c->max_connections ? c->max_in_flight : c->max_connections;
}

static uint64_t own(const struct config *c)
{
    return PER_PROCESS + (uint64_t)c->workers * PER_WORKER;
}

uint64_t app_limits_needed(const struct config *c)
{
    return c->max_connections + in_flight(c) * most_upstreams(c) + own(c);
}

uint64_t app_limits_cap(const struct config *c, uint64_t limit)
{
    uint64_t cap;

    if (app_limits_needed(c) <= limit)
        return c->max_connections;
    cap = limit > own(c) ? (limit - own(c)) / (1 + most_upstreams(c)) : 0;
    return cap > 0 ? cap : 1;
}

/* Makes the kernel's table of this process's descriptors as large as it will ever be. It doubles when
 * it is full, and with more than one thread waits for an RCU grace period then, some 20 ms in which
 * the thread that needs a descriptor stands still (expand_fdtable in the kernel's fs/file.c). */
static void widen_table(uint64_t n)
{
    int any = eventfd(0, EFD_CLOEXEC);
    int last = any < 0 ? -1 : fcntl(any, F_DUPFD_CLOEXEC, (int)(n - 1));

    if (last >= 0)
        close(last);
    if (any >= 0)
        close(any);
}

void app_limits_raise(const struct config *c)
{
    struct rlimit r;
    uint64_t needed = app_limits_needed(c);

    if (getrlimit(RLIMIT_NOFILE, &r) != 0)
        return;
    if (r.rlim_cur < r.rlim_max) {
        rlim_t soft = r.rlim_cur;

        r.rlim_cur = r.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &r) != 0)
            r.rlim_cur = soft;
    }
    widen_table(needed < r.rlim_cur ? needed : r.rlim_cur);
}

uint64_t app_limits_connections(const struct config *c)
{
    struct rlimit r;
    uint64_t cap;
    char text[256];

    if (getrlimit(RLIMIT_NOFILE, &r) != 0)
        return c->max_connections;
    cap = app_limits_cap(c, r.rlim_cur);
    if (cap == c->max_connections)
        return cap;
    snprintf(text, sizeof(text),
             "%llu connections + %llu in flight x %llu upstreams + %llu of weir's own = %llu "
             "descriptors, the hard limit is %llu: connections are capped at %llu",
             (unsigned long long)c->max_connections, (unsigned long long)in_flight(c),
             (unsigned long long)most_upstreams(c), (unsigned long long)own(c),
             (unsigned long long)app_limits_needed(c), (unsigned long long)r.rlim_cur,
             (unsigned long long)cap);
    log_event(LOG_WARN, "too few descriptors", "arithmetic", text, NULL);
    return cap;
}
