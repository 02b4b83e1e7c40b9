/*
 * The engine behind weir-standin and the mock of the tests: one event base, one lock, any number of
 * ports. Everything runs on the thread that is in mock_engine_run; other threads may change plain
 * state while they hold the lock, and wake the loop where something has to happen.
 */
#ifndef MOCK_ENGINE_H
#define MOCK_ENGINE_H

#include "mock_bytes.h"
#include "mock_units.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

struct event;
struct event_base;
struct mock_port;

struct mock_engine {
    struct event_base *base;
    pthread_mutex_t lock;   /* guards everything below, and the ports */
    pthread_cond_t changed; /* some number has changed; monotonic clock */
    unsigned waiters;       /* threads waiting for changed */
    int wake_fd;
    struct event *wake;
    bool stop; /* the loop is to end */
    TAILQ_HEAD(, mock_port) ports;
    struct mock_bytes scratch; /* the body being rendered */
    struct mock_bytes control; /* the body of a control answer */
};

/* NULL when memory or descriptors are out. */
struct mock_engine *mock_engine_new(void);
/* Closes all ports and frees; nobody may be running it. NULL is harmless. */
void mock_engine_free(struct mock_engine *engine);
/* Serves until mock_engine_stop. */
void mock_engine_run(struct mock_engine *engine);
/* From any thread, without the lock. */
void mock_engine_stop(struct mock_engine *engine);
/* Makes the loop look after its ports; from any thread. */
void mock_engine_wake(struct mock_engine *engine);

void mock_engine_lock(struct mock_engine *engine);
void mock_engine_unlock(struct mock_engine *engine);
/* Tells who waits that a number has changed. With the lock. */
void mock_engine_changed(struct mock_engine *engine);

#endif
