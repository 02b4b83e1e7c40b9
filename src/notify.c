/*
 * A change becomes a text in `last` and is sent at once; where the manager's socket is full it is
 * sent again after AGAIN_NS. A newer change takes the place of one that has not gone out yet. The
 * watchdog's beats are not repeated: the next one comes soon enough.
 */
#include "notify.h"

#include "clock.h"
#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AGAIN_NS    (50 * (uint64_t)WEIR_MS)
#define LEAST_NS    (uint64_t) WEIR_MS
#define SILENT_PART 4 /* while weir is not live it is looked at so many times as often */

static void tell(void *arg);
static void on_beat(void *arg);

/* Moves on; false when the change is not allowed from where it is, or nobody listens. */
static bool set_state(struct notify *n, enum notify_state to)
{
    static const unsigned may[] = {
        [NOTIFY_STARTING] = 1u << NOTIFY_SERVING | 1u << NOTIFY_STOPPING,
        [NOTIFY_SERVING] = 1u << NOTIFY_RELOADING | 1u << NOTIFY_STOPPING,
        [NOTIFY_RELOADING] = 1u << NOTIFY_SERVING | 1u << NOTIFY_STOPPING,
        [NOTIFY_STOPPING] = 0,
    };

    if (!n->open || !(may[n->state] & 1u << to))
        return false;
    n->state = to;
    return true;
}

bool notify_address(const char *text, struct sockaddr_un *to, socklen_t *len)
{
    size_t n = strlen(text);

    if ((*text != '/' && *text != '@') || n < 2 || n >= sizeof(to->sun_path))
        return false;
    *to = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(to->sun_path, text, n);
    if (*text == '@')
        to->sun_path[0] = '\0'; /* its name ends with the address, not with a NUL */
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (*text == '/'));
    return true;
}

/* A positive whole number and nothing else. */
static bool read_number(const char *text, uint64_t *value)
{
    char *end;

    errno = 0;
    *value = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && *value > 0;
}

bool notify_interval(const char *usec, const char *pid, pid_t own, uint64_t *ns)
{
    uint64_t id, time;

    *ns = 0;
    if (usec == NULL)
        return true;
    if (pid != NULL && !read_number(pid, &id))
        return false;
    if (!read_number(usec, &time) || time > INT64_MAX / 1000)
        return false;
    if (pid == NULL || id == (uint64_t)own)
        *ns = time * 1000 / 2 > LEAST_NS ? time * 1000 / 2 : LEAST_NS;
    return true;
}

/* Reads the watchdog's wishes; what cannot be understood is said. */
static void read_watchdog(struct notify *n)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

    if (!notify_interval(usec, pid, getpid(), &n->beat_ns))
        log_event(LOG_WARN, "the watchdog is not fed: it wants positive whole numbers",
                  "WATCHDOG_USEC", usec, "WATCHDOG_PID", pid ? pid : "", NULL);
}

void notify_open(struct notify *n, const struct notify_options *options)
{
    const char *where = getenv("NOTIFY_SOCKET");

    *n = (struct notify){.options = *options, .fd = -1};
    if (where == NULL || *where == '\0')
        return;
    if (!notify_address(where, &n->to, &n->to_len)) {
        log_event(LOG_WARN, "the service manager is not told: it wants an absolute path or @name",
                  "NOTIFY_SOCKET", where, NULL);
        return;
    }
    n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    n->open = n->fd >= 0;
    if (n->open)
        read_watchdog(n);
    else
        log_event(LOG_WARN, "the service manager cannot be told", "error", strerror(errno), NULL);
}

/* Sends one text; false when it should be tried again. */
static bool send_text(struct notify *n, const char *text)
{
    const struct sockaddr *to = (const struct sockaddr *)&n->to;

    if (sendto(n->fd, text, strlen(text), MSG_NOSIGNAL, to, n->to_len) >= 0)
        return true;
    if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)
        return false;
    log_event(LOG_WARN, "the service manager cannot be told", "NOTIFY_SOCKET",
              getenv("NOTIFY_SOCKET"), "error", strerror(errno), NULL);
    return true;
}

/* Sends the last change, now or when there is room. */
static void tell(void *arg)
{
    struct notify *n = arg;

    if (send_text(n, n->last))
        weir_timer_stop(&n->again);
    else
        weir_timer_arm(n->options.loop, &n->again, weir_loop_now(n->options.loop) + AGAIN_NS, tell,
                       n);
}

/* Feeds the watchdog while weir is live; looks more often while it is not, to be in time again. */
static void on_beat(void *arg)
{
    struct notify *n = arg;
    bool live = n->options.is_live(n->options.arg);

    if (live)
        send_text(n, "WATCHDOG=1\n");
    else if (!n->silent)
        log_event(LOG_ERROR, "a worker's loop does not turn, the watchdog is not fed", NULL);
    n->silent = !live;
    weir_timer_arm(n->options.loop, &n->beat,
                   weir_loop_now(n->options.loop) + (live ? n->beat_ns : n->beat_ns / SILENT_PART),
                   on_beat, n);
}

void notify_ready(struct notify *n, const char *status)
{
    bool first = n->state == NOTIFY_STARTING;

    if (!set_state(n, NOTIFY_SERVING))
        return;
    snprintf(n->last, sizeof(n->last), "READY=1\nSTATUS=%s\n", status);
    tell(n);
    if (first && n->beat_ns > 0)
        on_beat(n);
}

void notify_reloading(struct notify *n)
{
    if (!set_state(n, NOTIFY_RELOADING))
        return;
    snprintf(n->last, sizeof(n->last),
             "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=reloading\n", clock_now_ns() / 1000);
    tell(n);
}

void notify_stopping(struct notify *n, uint64_t at_most_ns)
{
    if (!set_state(n, NOTIFY_STOPPING))
        return;
    snprintf(n->last, sizeof(n->last),
             "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRIu64 "\nSTATUS=finishing what is in flight\n",
             at_most_ns / 1000);
    tell(n);
}

void notify_close(struct notify *n)
{
    if (!n->open)
        return;
    weir_timer_stop(&n->beat);
    weir_timer_stop(&n->again);
    close(n->fd);
    n->open = false;
    n->fd = -1;
}
