#include "mock_engine.h"

#include "mock_port.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void on_wake(evutil_socket_t fd, short what, void *arg);

/* A base for one thread whose timers are precise. */
static struct event_base *base_new(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (config == NULL)
        return NULL;
    if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_PRECISE_TIMER |
                                          EVENT_BASE_FLAG_NO_CACHE_TIME) == 0)
        base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

static bool init_lock(struct mock_engine *engine)
{
    pthread_condattr_t attr;

    if (pthread_condattr_init(&attr) != 0)
        return false;
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&engine->changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&engine->lock, NULL);
    return true;
}

struct mock_engine *mock_engine_new(void)
{
    struct mock_engine *engine = calloc(1, sizeof(*engine));

    if (engine == NULL)
        return NULL;
    TAILQ_INIT(&engine->ports);
    if (!init_lock(engine)) {
        free(engine);
        return NULL;
    }
    engine->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    engine->base = base_new();
    if (engine->wake_fd >= 0 && engine->base != NULL)
        engine->wake =
            event_new(engine->base, engine->wake_fd, EV_READ | EV_PERSIST, on_wake, engine);
    if (engine->wake == NULL || event_add(engine->wake, NULL) != 0) {
        mock_engine_free(engine);
        return NULL;
    }
    return engine;
}

void mock_engine_free(struct mock_engine *engine)
{
    struct mock_port *port;

    if (engine == NULL)
        return;
    while ((port = TAILQ_FIRST(&engine->ports)) != NULL)
        mock_port_close(port);
    if (engine->wake != NULL)
        event_free(engine->wake);
    if (engine->base != NULL)
        event_base_free(engine->base);
    if (engine->wake_fd >= 0)
        close(engine->wake_fd);
    pthread_cond_destroy(&engine->changed);
    pthread_mutex_destroy(&engine->lock);
    mock_bytes_done(&engine->scratch);
    mock_bytes_done(&engine->control);
    free(engine);
}

void mock_engine_run(struct mock_engine *engine)
{
    event_base_loop(engine->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void mock_engine_stop(struct mock_engine *engine)
{
    mock_engine_lock(engine);
    engine->stop = true;
    mock_engine_unlock(engine);
    mock_engine_wake(engine);
}

void mock_engine_wake(struct mock_engine *engine)
{
    uint64_t one = 1;

    while (write(engine->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        continue;
}

void mock_engine_lock(struct mock_engine *engine)
{
    pthread_mutex_lock(&engine->lock);
}

void mock_engine_unlock(struct mock_engine *engine)
{
    pthread_mutex_unlock(&engine->lock);
}

void mock_engine_changed(struct mock_engine *engine)
{
    if (engine->waiters > 0)
        pthread_cond_broadcast(&engine->changed);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct mock_engine *engine = arg;
    struct mock_port *port;
    uint64_t count;

    (void)what;
    if (read(fd, &count, sizeof(count)) < 0)
        return;
    mock_engine_lock(engine);
    if (engine->stop)
        event_base_loopbreak(engine->base);
    TAILQ_FOREACH (port, &engine->ports, link)
        mock_port_look_after(port);
    mock_engine_unlock(engine);
}
