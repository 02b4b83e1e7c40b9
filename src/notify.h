/*
 * Tells the service manager how weir is, in systemd's notify protocol: one datagram of NAME=VALUE
 * lines to $NOTIFY_SOCKET for each change, and WATCHDOG=1 at half of $WATCHDOG_USEC while weir is
 * live. Never blocks: what finds no room is sent a little later. Main thread only. Where nobody has
 * asked, all of this does nothing.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <weir/context.h>

enum notify_state {
    NOTIFY_STARTING,  /* waits for notify_ready */
    NOTIFY_SERVING,   /* waits for a reload or the end */
    NOTIFY_RELOADING, /* waits for notify_ready */
    NOTIFY_STOPPING,  /* the last: nothing else is told afterwards */
};

/* What notify_open is told; is_live says whether the watchdog may be fed. */
struct notify_options {
    struct weir_loop *loop;
    bool (*is_live)(void *arg);
    void *arg;
};

/* Embedded in its owner; zeroed is as good as closed. */
struct notify {
    struct notify_options options;
    enum notify_state state;
    bool open;
    bool silent; /* the watchdog is not being fed, and that has been said */
    int fd;
    struct sockaddr_un to;
    socklen_t to_len;
    uint64_t beat_ns; /* the watchdog is fed this often; 0: nobody waits for it */
    struct weir_timer beat;
    struct weir_timer again; /* armed while a change has found no room */
    char last[256];          /* the last change told, to be sent again */
};

/* Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID from the environment. What cannot be used is
 * said in the log; weir runs all the same. */
void notify_open(struct notify *n, const struct notify_options *options);
/* Serving: started, or reloaded. From the first call on the watchdog is fed. status is shown to
 * people. */
void notify_ready(struct notify *n, const char *status);
/* A reload begins; it ends with notify_ready. */
void notify_reloading(struct notify *n);
/* The end begins, and takes at most that long. */
void notify_stopping(struct notify *n, uint64_t at_most_ns);
/* Closes the socket; harmless when it was never opened. */
void notify_close(struct notify *n);

/* The address in a NOTIFY_SOCKET: "/path" or "@abstract". False when it is neither or too long. */
bool notify_address(const char *text, struct sockaddr_un *to, socklen_t *len);
/* How often the watchdog wants to be fed, from WATCHDOG_USEC and WATCHDOG_PID (either may be NULL),
 * for a process of that id: half the time, 0 when it does not wait for this process. False when
 * they cannot be understood. */
bool notify_interval(const char *usec, const char *pid, pid_t own, uint64_t *ns);

#endif
