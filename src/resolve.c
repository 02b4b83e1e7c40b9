/*
 * The life of a lookup:
 * - resolve_ask finds that an answer is missing or old and starts a detached thread with a job;
 * - the thread looks the host up, puts the job into the mailbox and rings its eventfd;
 * - the loop takes the job out, keeps the addresses and wakes whoever waits for the name.
 *
 * When it goes wrong: a failed lookup leaves the last good addresses standing, or, without any,
 * makes the name FAILED for a second; no thread to be had counts as a failed lookup; a lookup that
 * hangs leaves its name PENDING (or on its last addresses) and its waiters to their contexts. The
 * mailbox is shared by count with the threads, so that a resolver can go away under a running
 * lookup: the late thread finds the box closed, frees its job and, if it is the last, the box.
 */
#include "resolve.h"

#include "resolve_system.h"

#include <weir/context.h>

#include <arpa/inet.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define RETRY_NS   (1000 * WEIR_MS)     /* after a failure the next lookup waits this long */
#define STACK_SIZE ((size_t)256 * 1024) /* name service modules like large buffers */

struct job {
    struct job *next;
    struct mailbox *box;
    struct resolve_name *name; /* the loop's; not for the thread */
    resolve_lookup_fn *lookup;
    int error;
    char host[RESOLVE_HOST_MAX + 1];
    char text[RESOLVE_TEXT_MAX];
};

struct mailbox {
    pthread_mutex_t lock;
    unsigned refs;    /* the resolver and every running thread */
    int fd;           /* rings the loop; -1 when the resolver has gone */
    struct job *done; /* what the threads have put in */
};

struct resolve_name {
    struct resolve *resolve;
    struct resolve_name *next;
    struct resolve_wait *waiting;
    bool running;        /* a thread looks it up */
    uint64_t due_ns;     /* from then on a use starts a lookup */
    unsigned generation; /* 0: no addresses yet */
    char text[RESOLVE_TEXT_MAX];
    char host[RESOLVE_HOST_MAX + 1];
};

struct resolve {
    struct weir_loop *loop;
    struct event *event; /* the mailbox's eventfd */
    struct mailbox *box;
    struct resolve_name *names;
    resolve_lookup_fn *lookup;
    int64_t ttl_ns;
};

static void on_mail(evutil_socket_t fd, short what, void *arg);
static void *look_up(void *arg);

/* Drops one count; called with the lock held, which it gives back. */
static void mailbox_unref(struct mailbox *box)
{
    bool last = --box->refs == 0;

    pthread_mutex_unlock(&box->lock);
    if (last) {
        pthread_mutex_destroy(&box->lock);
        free(box);
    }
}

static struct mailbox *mailbox_new(void)
{
    struct mailbox *box = calloc(1, sizeof(*box));

    if (!box)
        return NULL;
    box->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (box->fd < 0) {
        free(box);
        return NULL;
    }
    pthread_mutex_init(&box->lock, NULL);
    box->refs = 1;
    return box;
}

static void free_jobs(struct job *job)
{
    while (job) {
        struct job *next = job->next;

        free(job);
        job = next;
    }
}

/* Closes the box: threads that still run find nobody at home. */
static void mailbox_close(struct mailbox *box)
{
    pthread_mutex_lock(&box->lock);
    close(box->fd);
    box->fd = -1;
    free_jobs(box->done);
    box->done = NULL;
    mailbox_unref(box);
}

struct resolve *resolve_new(struct event_base *base, struct weir_loop *loop, int64_t ttl_ns)
{
    struct resolve *resolve = calloc(1, sizeof(*resolve));

    if (!resolve)
        return NULL;
    resolve->loop = loop;
    resolve->ttl_ns = ttl_ns;
    resolve->lookup = resolve_system_lookup;
    resolve->box = mailbox_new();
    if (!resolve->box)
        goto fail;
    resolve->event = event_new(base, resolve->box->fd, EV_READ | EV_PERSIST, on_mail, resolve);
    if (!resolve->event || event_add(resolve->event, NULL) < 0)
        goto fail;
    return resolve;
fail:
    resolve_free(resolve);
    return NULL;
}

void resolve_free(struct resolve *resolve)
{
    if (!resolve)
        return;
    if (resolve->event)
        event_free(resolve->event);
    if (resolve->box)
        mailbox_close(resolve->box);
    while (resolve->names) {
        struct resolve_name *name = resolve->names;

        resolve->names = name->next;
        free(name);
    }
    free(resolve);
}

void resolve_set_lookup(struct resolve *resolve, resolve_lookup_fn *lookup)
{
    resolve->lookup = lookup;
}

bool resolve_is_literal(const char *host)
{
    struct in6_addr address;

    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

struct resolve_name *resolve_name(struct resolve *resolve, const char *host)
{
    struct resolve_name *name;

    if (strlen(host) > RESOLVE_HOST_MAX)
        return NULL;
    for (name = resolve->names; name; name = name->next)
        if (strcasecmp(name->host, host) == 0)
            return name;
    name = calloc(1, sizeof(*name));
    if (!name)
        return NULL;
    name->resolve = resolve;
    strcpy(name->host, host);
    name->next = resolve->names;
    resolve->names = name;
    return name;
}

const char *resolve_addresses(const struct resolve_name *name)
{
    return name->text;
}

unsigned resolve_generation(const struct resolve_name *name)
{
    return name->generation;
}

static enum resolve_state state_of(const struct resolve_name *name)
{
    if (name->generation)
        return RESOLVE_READY;
    return name->running ? RESOLVE_PENDING : RESOLVE_FAILED;
}

/* Notes a lookup that brought nothing; what is known stays known. */
static void note_failure(struct resolve_name *name)
{
    name->due_ns = weir_loop_now(name->resolve->loop) + RETRY_NS;
}

/* Starts a detached thread that takes no signals. */
static bool start_thread(struct job *job)
{
    pthread_t thread;
    pthread_attr_t attr;
    sigset_t all, before;
    bool ok = false;

    if (pthread_attr_init(&attr) != 0)
        return false;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0 &&
        pthread_attr_setstacksize(&attr, STACK_SIZE) == 0)
        ok = pthread_create(&thread, &attr, look_up, job) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return ok;
}

static void start_lookup(struct resolve_name *name)
{
    struct mailbox *box = name->resolve->box;
    struct job *job = calloc(1, sizeof(*job));

    if (!job) {
        note_failure(name);
        return;
    }
    job->box = box;
    job->name = name;
    job->lookup = name->resolve->lookup;
    strcpy(job->host, name->host);
    pthread_mutex_lock(&box->lock);
    box->refs++;
    pthread_mutex_unlock(&box->lock);
    if (start_thread(job)) {
        name->running = true;
        return;
    }
    pthread_mutex_lock(&box->lock);
    mailbox_unref(box);
    free(job);
    note_failure(name);
}

enum resolve_state resolve_ask(struct resolve_name *name)
{
    if (!name->running && weir_loop_now(name->resolve->loop) >= name->due_ns)
        start_lookup(name);
    return state_of(name);
}

void resolve_wait(struct resolve_name *name, struct resolve_wait *wait,
                  void (*fn)(void *arg, enum resolve_state state), void *arg)
{
    wait->fn = fn;
    wait->arg = arg;
    wait->next = name->waiting;
    wait->pprev = &name->waiting;
    if (wait->next)
        wait->next->pprev = &wait->next;
    name->waiting = wait;
}

void resolve_unwait(struct resolve_wait *wait)
{
    if (!wait->pprev)
        return;
    *wait->pprev = wait->next;
    if (wait->next)
        wait->next->pprev = wait->pprev;
    wait->pprev = NULL;
}

/* The thread of one lookup. */
static void *look_up(void *arg)
{
    struct job *job = arg;
    struct mailbox *box = job->box;
    uint64_t one = 1;

    job->error = job->lookup(job->host, job->text, sizeof(job->text));
    pthread_mutex_lock(&box->lock);
    if (box->fd >= 0) {
        job->next = box->done;
        box->done = job;
        if (write(box->fd, &one, sizeof(one)) < 0) {
            /* only a full counter can do that, and then the bell rings already */
        }
    } else {
        free(job);
    }
    mailbox_unref(box);
    return NULL;
}

/* Wakes everybody who waits for the name; each may stop the others or wait anew. */
static void wake(struct resolve_name *name)
{
    struct resolve_wait *waiting = name->waiting;

    name->waiting = NULL;
    if (waiting)
        waiting->pprev = &waiting;
    while (waiting) {
        struct resolve_wait *wait = waiting;

        resolve_unwait(wait);
        wait->fn(wait->arg, state_of(name));
    }
}

/* Keeps what a lookup has brought. */
static void take(struct job *job)
{
    struct resolve_name *name = job->name;

    name->running = false;
    job->text[sizeof(job->text) - 1] = '\0';
    if (job->error != 0 || !job->text[0]) {
        note_failure(name);
    } else {
        name->due_ns = weir_loop_now(name->resolve->loop) + (uint64_t)name->resolve->ttl_ns;
        if (strcmp(name->text, job->text) != 0) {
            strcpy(name->text, job->text);
            if (++name->generation == 0)
                name->generation = 1;
        }
    }
    wake(name);
}

static void on_mail(evutil_socket_t fd, short what, void *arg)
{
    struct resolve *resolve = arg;
    struct mailbox *box = resolve->box;
    struct job *jobs;
    uint64_t rings;

    (void)what;
    if (read((int)fd, &rings, sizeof(rings)) < 0)
        return;
    pthread_mutex_lock(&box->lock);
    jobs = box->done;
    box->done = NULL;
    pthread_mutex_unlock(&box->lock);
    while (jobs) {
        struct job *job = jobs;

        jobs = job->next;
        take(job);
        free(job);
    }
}
