/*
 * How a lane lives:
 * - curl_lane_add: curl asks for a timeout of 0 ms (on_timer), the lane joins the ready list and
 *   one task for all lanes is posted.
 * - on_turn: curl runs each ready lane, opens sockets and tells what to watch (on_socket).
 * - on_ready: a socket is readable or writable, curl runs its lane.
 * - After each run the transfers that have ended are delivered, one by one; what that starts makes
 *   the lane ready again.
 * - on_alarm: a timeout of curl's (connecting, the next address) has come.
 *
 * Between two transfers on a kept-alive connection curl stops watching the socket and starts again.
 * The event stays registered meanwhile: an answer was seen on that connection, so it is idle, not
 * closed. If it becomes readable while idle it must not be used again: the upstream has closed it,
 * or has sent what nobody asked for (408 before closing, or worse), which curl would take for the
 * answer to the next request. It is shut down, which curl finds out when it wants to use the
 * connection.
 *
 * Sockets are known from the moment curl first asks to watch them. curl closes a socket that was
 * still connecting without asking our close callback and only stops watching it (after closing!),
 * so a socket on which no answer was seen is forgotten when curl stops watching it.
 */
#include "curl_loop.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_READS 64 /* of what nobody asked for; after the shutdown no more is taken in */

struct curl_socket {
    struct curl_lane *lane;
    struct event event;
    int fd;
    short watched; /* EV_READ, EV_WRITE as registered; 0 = not registered */
    bool wanted;   /* curl watches it: a transfer is on it */
};

/* The call of curl that this thread is in. */
static _Thread_local struct {
    struct curl_loop *curl; /* NULL: in none */
    struct timespec began;
    int quiet; /* nothing to read on this descriptor; -1: not known of any */
} call;

static int on_timer(CURLM *multi, long timeout_ms, void *arg);
static void on_turn(void *arg);
static void on_alarm(void *arg);
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg);
static void on_ready(evutil_socket_t fd, short what, void *arg);
static int on_close(void *arg, curl_socket_t fd);

void curl_loop_init(struct curl_loop *curl, struct event_base *base, struct weir_loop *loop)
{
    memset(curl, 0, sizeof(*curl));
    curl->base = base;
    curl->loop = loop;
}

void curl_loop_free(struct curl_loop *curl)
{
    weir_loop_unpost(&curl->task);
    free(curl->sockets);
    curl->sockets = NULL;
    curl->n_sockets = 0;
}

static void call_begin(struct curl_loop *curl)
{
    clock_gettime(CLOCK_MONOTONIC, &call.began);
    call.curl = curl;
    call.quiet = -1;
}

static void call_end(void)
{
    call.curl = NULL;
}

bool curl_loop_call_began(struct timespec *at)
{
    if (!call.curl)
        return false;
    *at = call.began;
    return true;
}

bool curl_lane_init(struct curl_lane *lane, struct curl_loop *curl, long max_idle)
{
    lane->curl = curl;
    lane->multi = curl_multi_init();
    if (!lane->multi)
        return false;
    curl_multi_setopt(lane->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(lane->multi, CURLMOPT_SOCKETDATA, lane);
    curl_multi_setopt(lane->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(lane->multi, CURLMOPT_TIMERDATA, lane);
    curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, max_idle);
    curl_multi_setopt(lane->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    return true;
}

static void leave_ready(struct curl_lane *lane)
{
    if (!lane->pprev)
        return;
    *lane->pprev = lane->next;
    if (lane->next)
        lane->next->pprev = lane->pprev;
    lane->pprev = NULL;
}

static void join_ready(struct curl_lane *lane)
{
    struct curl_loop *curl = lane->curl;

    if (lane->pprev)
        return;
    lane->next = curl->ready;
    lane->pprev = &curl->ready;
    if (lane->next)
        lane->next->pprev = &lane->next;
    curl->ready = lane;
    weir_loop_post(curl->loop, &curl->task, on_turn, curl);
}

void curl_lane_free(struct curl_lane *lane)
{
    if (!lane->multi)
        return;
    curl_multi_cleanup(lane->multi);
    lane->multi = NULL;
    leave_ready(lane);
    weir_timer_stop(&lane->timer);
}

void curl_loop_preset(struct curl_loop *curl, CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, curl);
}

bool curl_lane_add(struct curl_lane *lane, CURL *easy)
{
    CURLMcode code;

    call_begin(lane->curl);
    code = curl_multi_add_handle(lane->multi, easy);
    call_end();
    if (code != CURLM_OK)
        return false;
    lane->transfers++;
    return true;
}

void curl_lane_remove(struct curl_lane *lane, CURL *easy)
{
    call_begin(lane->curl);
    if (curl_multi_remove_handle(lane->multi, easy) == CURLM_OK)
        lane->transfers--;
    call_end();
}

/* Lets curl run for one socket or its timeouts, then delivers what has ended. */
static void run(struct curl_lane *lane, curl_socket_t fd, int what)
{
    CURLMsg *message;
    int left;

    lane->turns++;
    call_begin(lane->curl);
    curl_multi_socket_action(lane->multi, fd, what, &left);
    call_end();
    while ((message = curl_multi_info_read(lane->multi, &left))) {
        CURLcode code = message->data.result;
        char *private_data = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private_data);
        lane->curl->on_done(private_data, code);
    }
}

/* curl wants to run after a while. The timer is moved only to an earlier moment: one that comes too
 * early is cheaper than one set anew for every transfer. */
static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct curl_lane *lane = arg;

    (void)multi;
    if (timeout_ms == 0)
        join_ready(lane);
    if (timeout_ms <= 0) {
        lane->due_ns = 0;
        return 0;
    }
    lane->due_ns = weir_loop_now(lane->curl->loop) + (uint64_t)timeout_ms * (uint64_t)WEIR_MS;
    if (!lane->timer.pprev || lane->timer.at_ns > lane->due_ns)
        weir_timer_arm(lane->curl->loop, &lane->timer, lane->due_ns, on_alarm, lane);
    return 0;
}

/* Runs the lanes that are ready now; those that become ready meanwhile wait for the next turn. */
static void on_turn(void *arg)
{
    struct curl_loop *curl = arg;
    struct curl_lane *ready = curl->ready;

    curl->ready = NULL;
    if (ready)
        ready->pprev = &ready;
    while (ready) {
        struct curl_lane *lane = ready;

        leave_ready(lane);
        run(lane, CURL_SOCKET_TIMEOUT, 0);
    }
}

static void on_alarm(void *arg)
{
    struct curl_lane *lane = arg;

    if (lane->due_ns == 0)
        return;
    if (weir_loop_now(lane->curl->loop) < lane->due_ns) {
        weir_timer_arm(lane->curl->loop, &lane->timer, lane->due_ns, on_alarm, lane);
        return;
    }
    lane->due_ns = 0;
    run(lane, CURL_SOCKET_TIMEOUT, 0);
}

static struct curl_socket *find(const struct curl_loop *curl, int fd)
{
    return (size_t)fd < curl->n_sockets ? curl->sockets[fd] : NULL;
}

void curl_loop_note_quiet(int fd)
{
    call.quiet = fd;
}

bool curl_loop_is_quiet(int fd)
{
    const struct curl_socket *record;

    if (!call.curl || fd < 0 || call.quiet != fd)
        return false;
    record = find(call.curl, fd);
    return record && record->watched == EV_READ;
}

bool curl_loop_is_idle(int fd)
{
    const struct curl_socket *record = call.curl && fd >= 0 ? find(call.curl, fd) : NULL;

    return record && !record->wanted;
}

static void forget(struct curl_loop *curl, struct curl_socket *record)
{
    if (record->watched)
        event_del(&record->event);
    curl->sockets[record->fd] = NULL;
    record->lane->sockets--;
    curl->on_sockets(record->lane);
    free(record);
}

/* Makes room in the table for a descriptor. */
static bool reserve(struct curl_loop *curl, int fd)
{
    size_t size = curl->n_sockets ? curl->n_sockets : 64;
    struct curl_socket **grown;

    if ((size_t)fd < curl->n_sockets)
        return true;
    while (size <= (size_t)fd)
        size *= 2;
    grown = realloc(curl->sockets, size * sizeof(struct curl_socket *));
    if (!grown)
        return false;
    memset(grown + curl->n_sockets, 0, (size - curl->n_sockets) * sizeof(struct curl_socket *));
    curl->sockets = grown;
    curl->n_sockets = size;
    return true;
}

static struct curl_socket *learn(struct curl_lane *lane, int fd)
{
    struct curl_loop *curl = lane->curl;
    struct curl_socket *record;

    if (!reserve(curl, fd))
        return NULL;
    record = calloc(1, sizeof(*record));
    if (!record)
        return NULL;
    record->lane = lane;
    record->fd = fd;
    curl->sockets[fd] = record;
    lane->sockets++;
    curl->on_sockets(lane);
    return record;
}

/* Registers what to watch. */
static void watch(struct curl_socket *record, short events)
{
    if (record->watched == events)
        return;
    if (record->watched)
        event_del(&record->event);
    record->watched = 0;
    if (event_assign(&record->event, record->lane->curl->base, record->fd,
                     (short)(events | EV_PERSIST), on_ready, record) == 0 &&
        event_add(&record->event, NULL) == 0)
        record->watched = events;
}

/* What curl wants to hear of a socket from now on. One that cannot be watched is left alone: its
 * transfer ends with its context. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct curl_lane *lane = arg;
    struct curl_socket *record = find(lane->curl, fd);
    char *private_data = NULL;
    short events = 0;

    (void)socket_arg;
    if (what == CURL_POLL_REMOVE) {
        if (!record)
            return 0;
        record->wanted = false;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private_data);
        if (!private_data || !lane->curl->on_unwatch(private_data))
            forget(lane->curl, record);
        return 0;
    }
    if (!record)
        record = learn(lane, fd);
    if (what & CURL_POLL_IN)
        events |= EV_READ;
    if (what & CURL_POLL_OUT)
        events |= EV_WRITE;
    if (!record)
        return 0;
    record->wanted = true;
    watch(record, events);
    return 0;
}

/* Makes curl find an idle connection closed: it takes one with bytes to read for alive, and one
 * that is at its end for dead. */
static void spoil(struct curl_socket *record)
{
    char bytes[4096];
    unsigned reads = 0;

    event_del(&record->event);
    record->watched = 0;
    shutdown(record->fd, SHUT_RDWR);
    while (recv(record->fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0 && ++reads < MAX_READS)
        ;
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct curl_socket *record = arg;
    int bits = 0;

    if (!record->wanted) {
        spoil(record);
        return;
    }
    if (what & EV_READ)
        bits |= CURL_CSELECT_IN;
    if (what & EV_WRITE)
        bits |= CURL_CSELECT_OUT;
    run(record->lane, fd, bits);
}

static int on_close(void *arg, curl_socket_t fd)
{
    struct curl_loop *curl = arg;
    struct curl_socket *record = find(curl, fd);

    if (record)
        forget(curl, record);
    return close(fd);
}
