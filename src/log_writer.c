/*
 * A line's way
 * - a producer copies it into its lane's ring: no system call while the writer is awake or
 * gathering;
 * - the writer takes whole rings to the descriptor in large writes, then gathers for a while: under
 *   load there is one wake-up per batch, and a lone line still leaves at once;
 * - with nothing left to write it sleeps, and the next line wakes it.
 * When it goes wrong
 * - the sink blocks: only the writer waits; the rings fill, further lines are dropped and counted;
 * - the sink fails for now (disk full): the rings keep their lines, the writer tries again later
 * and goes on at the very byte where it stopped, so that no line is torn;
 * - the sink is gone (nobody reads any more): what is queued is discarded and counted;
 * - once lines flow again, one line tells how many are missing.
 */
#include "log_writer.h"
#include "buf.h"
#include "clock.h"
#include "log_ring.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    LANE_BYTES = 1024 * 1024,
    LANES_MAX = 1024,
    GATHER_MS = 50,
    RETRY_MS = 100,
    WRITE_BYTES = 64 * 1024, /* per system call, so that room comes back step by step */
    NOTICE_BYTES = 512,
};

static const char line_end[] = "}\n";

/*
 *   AWAKE ──→ GATHERING ──→ AWAKE     the time is over, a ring is half full, or stop
 *     ├─────→ RETRYING  ──→ AWAKE     the time is over, or stop
 *     └─────→ ASLEEP    ──→ AWAKE     a line came, or stop
 * Only the writer leaves AWAKE; whoever brings it back by exchange also wakes it.
 */
enum { WRITER_AWAKE, WRITER_GATHERING, WRITER_RETRYING, WRITER_ASLEEP };

enum { STAGE_OPEN, STAGE_CLOSING, STAGE_ABANDONED };

enum drained { DRAINED_NOTHING, DRAINED_WRITTEN, DRAINED_DISCARDED, DRAINED_FAILED };

struct log_writer {
    int fd;
    unsigned lanes;  /* one producer each; ring[lanes] is the shared one */
    unsigned resume; /* the lane to go on with: its first line may be half written */
    uint64_t told;   /* of the dropped lines, those a notice has told */
    log_writer_notice_fn *notice;
    pthread_t thread;
    char *memory; /* of all rings */
    pthread_mutex_t shared_lock;
    _Alignas(64) _Atomic uint32_t state; /* WRITER_…, a futex */
    _Atomic uint32_t stage;              /* STAGE_… */
    _Atomic uint32_t ended;              /* a futex: 1 when the thread is through */
    _Atomic uint64_t dropped;
    struct log_writer *stuck_before;
    struct log_ring ring[];
};

/* ---- waiting and waking ---- */

static void futex_wait(_Atomic uint32_t *word, uint32_t expected, const struct timespec *timeout)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, timeout, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static struct timespec timespec_of(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u),
                             .tv_nsec = (long)(ns % 1000000000u)};
}

static void wake_from(struct log_writer *w, uint32_t state)
{
    if (atomic_compare_exchange_strong(&w->state, &state, WRITER_AWAKE))
        futex_wake(&w->state);
}

static bool any_ring_holds(struct log_writer *w, size_t bytes)
{
    for (unsigned i = 0; i <= w->lanes; i++)
        if (log_ring_used(&w->ring[i]) >= bytes)
            return true;
    return false;
}

/* Waits in a state until somebody wakes us or, with a limit, the time is over. The state is shown
 * before the last look at what would wake us, so that no wake-up is lost. */
static void writer_rest(struct log_writer *w, uint32_t state, unsigned limit_ms)
{
    struct timespec limit = timespec_of((uint64_t)limit_ms * 1000000u);
    bool wanted;

    atomic_store(&w->state, state);
    wanted = atomic_load(&w->stage) != STAGE_OPEN ||
             (state == WRITER_GATHERING && any_ring_holds(w, LANE_BYTES / 2)) ||
             (state == WRITER_ASLEEP && any_ring_holds(w, 1));
    while (!wanted && atomic_load(&w->state) == state) {
        futex_wait(&w->state, state, limit_ms > 0 ? &limit : NULL);
        wanted = limit_ms > 0; /* early or late does not matter here */
    }
    atomic_store(&w->state, WRITER_AWAKE);
}

/* ---- the writer ---- */

/* Whether an error means that nobody will ever read what is queued; any other may pass. */
static bool sink_is_gone(int error)
{
    static const int gone[] = {EPIPE, EBADF, EINVAL, ECONNRESET, ENOTCONN, EDESTADDRREQ};

    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
        if (gone[i] == error)
            return true;
    return false;
}

static void discard(struct log_writer *w, struct log_ring *ring, size_t left)
{
    struct iovec piece[2];
    int pieces = log_ring_peek(ring, piece, left);
    uint64_t lines = 0;

    for (int i = 0; i < pieces; i++)
        for (size_t at = 0; at < piece[i].iov_len; at++)
            lines += ((const char *)piece[i].iov_base)[at] == '\n';
    atomic_fetch_add(&w->dropped, lines);
    log_ring_pop(ring, left);
}

/* Waits until a non-blocking sink has room; false when nobody waits for that any more. */
static bool wait_for_room(struct log_writer *w)
{
    struct pollfd sink = {.fd = w->fd, .events = POLLOUT};

    poll(&sink, 1, RETRY_MS);
    return atomic_load(&w->stage) != STAGE_ABANDONED;
}

/* Writes the lines that are queued now; later ones wait for their turn. */
static enum drained drain_lane(struct log_writer *w, struct log_ring *ring)
{
    size_t left = log_ring_used(ring);

    if (left == 0)
        return DRAINED_NOTHING;
    while (left > 0) {
        struct iovec piece[2];
        int pieces = log_ring_peek(ring, piece, left < WRITE_BYTES ? left : WRITE_BYTES);
        ssize_t written = writev(w->fd, piece, pieces);

        if (written > 0) {
            log_ring_pop(ring, (size_t)written);
            left -= (size_t)written;
        } else if (written < 0 && sink_is_gone(errno)) {
            discard(w, ring, left);
            return DRAINED_DISCARDED;
        } else if (written < 0 && errno == EAGAIN) {
            if (!wait_for_room(w))
                return DRAINED_FAILED;
        } else if (written == 0 || errno != EINTR) {
            return DRAINED_FAILED;
        }
    }
    return DRAINED_WRITTEN;
}

/* One pass over all lanes, beginning where the last one stopped. The worst outcome is the result.
 */
static enum drained drain(struct log_writer *w)
{
    enum drained worst = DRAINED_NOTHING;
    unsigned begin = w->resume;

    for (unsigned i = 0; i <= w->lanes; i++) {
        unsigned lane = (begin + i) % (w->lanes + 1);
        enum drained one = drain_lane(w, &w->ring[lane]);

        worst = one > worst ? one : worst;
        w->resume = lane;
        if (one == DRAINED_FAILED)
            break;
    }
    return worst;
}

static bool put_shared(struct log_writer *w, const char *line, size_t len)
{
    bool room;

    pthread_mutex_lock(&w->shared_lock);
    room = log_ring_push(&w->ring[w->lanes], line, len, line_end);
    pthread_mutex_unlock(&w->shared_lock);
    return room;
}

/* Queues a line about the lines that were dropped since the last one of its kind. */
static void tell_dropped(struct log_writer *w)
{
    uint64_t lost = atomic_load(&w->dropped);
    char text[NOTICE_BYTES];
    struct buf line;

    if (lost == w->told)
        return;
    buf_init_fixed(&line, text, sizeof text);
    w->notice(&line, lost - w->told);
    if (buf_ok(&line) && put_shared(w, line.data, line.len))
        w->told = lost;
}

static void *writer_main(void *arg)
{
    struct log_writer *w = arg;

    for (;;) {
        enum drained done = drain(w);
        bool closing = atomic_load(&w->stage) != STAGE_OPEN;

        if (closing && (done == DRAINED_NOTHING || done == DRAINED_FAILED))
            break;
        if (done == DRAINED_WRITTEN)
            tell_dropped(w);
        if (done == DRAINED_FAILED)
            writer_rest(w, WRITER_RETRYING, RETRY_MS);
        else if (done == DRAINED_NOTHING)
            writer_rest(w, WRITER_ASLEEP, 0);
        else
            writer_rest(w, WRITER_GATHERING, GATHER_MS);
    }
    atomic_store(&w->ended, 1);
    futex_wake(&w->ended);
    return NULL;
}

/* ---- producers ---- */

void log_writer_drop(struct log_writer *w)
{
    atomic_fetch_add_explicit(&w->dropped, 1, memory_order_relaxed);
}

void log_writer_put(struct log_writer *w, unsigned lane, const char *line, size_t len)
{
    struct log_ring *ring = &w->ring[lane < w->lanes ? lane : w->lanes];
    uint32_t state;
    bool room =
        lane < w->lanes ? log_ring_push(ring, line, len, line_end) : put_shared(w, line, len);

    if (!room)
        log_writer_drop(w);
    state = atomic_load(&w->state);
    if (state == WRITER_ASLEEP)
        wake_from(w, state);
    else if (state == WRITER_GATHERING && log_ring_used(ring) >= LANE_BYTES / 2)
        wake_from(w, state);
}

uint64_t log_writer_dropped(const struct log_writer *w)
{
    return atomic_load(&w->dropped);
}

/* ---- start and stop ---- */

static bool map_rings(struct log_writer *w)
{
    size_t size = (size_t)(w->lanes + 1) * LANE_BYTES;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        return false;
    madvise(memory, size, MADV_NOHUGEPAGE); /* only what is used shall become resident */
    w->memory = memory;
    for (unsigned i = 0; i <= w->lanes; i++) {
        w->ring[i].data = w->memory + (size_t)i * LANE_BYTES;
        w->ring[i].size = LANE_BYTES;
    }
    return true;
}

/* Starts the thread with every signal blocked: they are the main thread's business. */
static bool start_thread(struct log_writer *w)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&w->thread, NULL, writer_main, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        pthread_setname_np(w->thread, "weir-log");
    return error == 0;
}

struct log_writer *log_writer_start(int fd, unsigned lanes, log_writer_notice_fn *notice)
{
    size_t size = sizeof(struct log_writer) + ((size_t)lanes + 1) * sizeof(struct log_ring);
    struct log_writer *w = lanes > LANES_MAX ? NULL : aligned_alloc(64, (size + 63) / 64 * 64);

    if (w == NULL)
        return NULL;
    *w = (struct log_writer){.fd = fd, .lanes = lanes, .notice = notice};
    for (unsigned i = 0; i <= lanes; i++)
        w->ring[i] = (struct log_ring){.size = 0};
    pthread_mutex_init(&w->shared_lock, NULL);
    if (map_rings(w) && start_thread(w))
        return w;
    log_writer_free(w);
    return NULL;
}

/* Waits for the end of the thread until the time is over; true when it came. */
static bool await_end(struct log_writer *w, unsigned timeout_ms)
{
    uint64_t until = clock_now_ns() + (uint64_t)timeout_ms * 1000000u;

    while (atomic_load(&w->ended) == 0) {
        uint64_t now = clock_now_ns();
        struct timespec left;

        if (now >= until)
            return false;
        left = timespec_of(until - now);
        futex_wait(&w->ended, 0, &left);
    }
    return true;
}

bool log_writer_stop(struct log_writer *w, unsigned timeout_ms)
{
    atomic_store(&w->stage, STAGE_CLOSING);
    for (uint32_t state = WRITER_GATHERING; state <= WRITER_ASLEEP; state++)
        wake_from(w, state);
    if (await_end(w, timeout_ms))
        return pthread_join(w->thread, NULL) == 0;
    atomic_store(&w->stage, STAGE_ABANDONED);
    pthread_detach(w->thread);
    return false;
}

void log_writer_free(struct log_writer *w)
{
    static struct log_writer *stuck; /* those that their sink never let go, kept for good */

    if (atomic_load(&w->stage) == STAGE_ABANDONED) {
        w->stuck_before = stuck;
        stuck = w;
        return;
    }
    if (w->memory != NULL)
        munmap(w->memory, (size_t)(w->lanes + 1) * LANE_BYTES);
    pthread_mutex_destroy(&w->shared_lock);
    free(w);
}
