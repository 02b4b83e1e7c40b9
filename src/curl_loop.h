/*
 * libcurl's multi handles on a libevent loop. A lane is one multi: libcurl walks a host's
 * connections one by one, so its user puts a bounded number of transfers on a lane and takes as
 * many lanes as it needs. Everything belongs to the thread of the loop. curl is never called from
 * curl's own callbacks, and transfers that have ended are told one by one after curl has returned.
 */
#ifndef CURL_LOOP_H
#define CURL_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <weir/context.h>

#include <curl/curl.h>

struct timespec;

struct curl_socket; /* one descriptor that curl has shown us */
struct curl_lane;

/* A transfer has ended and is still on its lane; the receiver takes it off. private_data is the
 * handle's CURLOPT_PRIVATE. Called from the loop, outside of curl; lanes must not be freed in it.
 */
typedef void curl_loop_done_fn(void *private_data, CURLcode code);
/* The number of sockets of the lane has changed. Called from within curl: only count. */
typedef void curl_loop_sockets_fn(struct curl_lane *lane);
/* curl stops watching a socket of the transfer; true when an answer came over it. Called from
 * within curl: only note it. */
typedef bool curl_loop_unwatch_fn(void *private_data);

/* What the lanes of one thread share. */
struct curl_loop {
    struct event_base *base;
    struct weir_loop *loop;
    curl_loop_done_fn *on_done;
    curl_loop_sockets_fn *on_sockets;
    curl_loop_unwatch_fn *on_unwatch;
    struct curl_socket **sockets; /* by descriptor */
    size_t n_sockets;
    struct curl_lane *ready; /* lanes that curl wants to run at once */
    struct weir_task task;   /* runs them */
};

/* One multi handle; embedded in its owner, zero it before curl_lane_init. */
struct curl_lane {
    struct curl_loop *curl;
    CURLM *multi;
    unsigned transfers; /* handles on it */
    unsigned sockets; /* descriptors curl has shown and not closed, those of idle connections too */
    unsigned turns;   /* how often curl has run it */
    uint64_t due_ns;  /* when curl wants to run; 0 = never */
    struct weir_timer timer;
    struct curl_lane *next, **pprev; /* in the list of ready lanes; NULL pprev: not ready */
};

/* A loop with nothing on it; the caller sets the three functions. */
void curl_loop_init(struct curl_loop *curl, struct event_base *base, struct weir_loop *loop);
/* All lanes must have been freed. */
void curl_loop_free(struct curl_loop *curl);

/* A lane whose pool keeps up to max_idle connections; false when memory or descriptors are out. */
bool curl_lane_init(struct curl_lane *lane, struct curl_loop *curl, long max_idle);
/* Closes its connections. No transfer may be on it. Harmless on a zeroed lane. */
void curl_lane_free(struct curl_lane *lane);

/* Gives the handle the options that the loop needs; its CURLOPT_PRIVATE is its owner's. */
void curl_loop_preset(struct curl_loop *curl, CURL *easy);
/* Puts a transfer on the lane; it begins on the loop's next turn. */
bool curl_lane_add(struct curl_lane *lane, CURL *easy);
/* Takes a transfer off; one that has not ended has its connection closed at once. */
void curl_lane_remove(struct curl_lane *lane, CURL *easy);

/* For interpose.c, of the call of curl that this thread is in; false outside of one. */
bool curl_loop_call_began(struct timespec *at); /* when, by the monotonic clock */
void curl_loop_note_quiet(int fd);              /* poll has found nothing to read on fd */
bool curl_loop_is_quiet(int fd); /* that was noted last, and the loop watches fd for what comes */
bool curl_loop_is_idle(int fd);  /* fd is a kept-alive connection without a transfer */

#endif
