/*
 * The mock of the tests: an engine with one port, run by a thread of its own. Every call takes the
 * engine's lock; what only the loop may do is noted down and the loop is woken.
 */
#include "mock_port.h"

#include <clock.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/mock.h>

#define REMEMBERED   65536
#define MAX_SEQUENCE 1000000

struct weir_mock {
    struct mock_engine *engine;
    struct mock_port *port;
    pthread_t thread;
    char url[100];
    char error[256];
};

static void *run(void *arg);

/* Starts the thread with every signal blocked: signals are the host program's. */
static bool start_thread(struct weir_mock *m)
{
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&m->thread, NULL, run, m->engine);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0;
}

struct weir_mock *weir_mock_new(void)
{
    struct mock_port_options options = {.name = "mock", .seed = 1, .remember = REMEMBERED};
    struct weir_mock *m = calloc(1, sizeof(*m));

    if (m == NULL)
        return NULL;
    m->engine = mock_engine_new();
    if (m->engine != NULL)
        m->port =
            mock_port_open(m->engine, &options, (struct mock_why){m->error, sizeof(m->error)});
    if (m->port == NULL || !start_thread(m)) {
        mock_engine_free(m->engine);
        free(m);
        return NULL;
    }
    snprintf(m->url, sizeof(m->url), "http://%s", m->port->address);
    return m;
}

struct weir_mock *weir_mock_start(const char *path, const char *json)
{
    struct weir_mock *m = weir_mock_new();
    struct weir_mock_answer answer = {.body = json};

    if (m != NULL && weir_mock_answer(m, path, &answer) != WEIR_OK) {
        weir_mock_stop(m);
        return NULL;
    }
    return m;
}

static void *run(void *arg)
{
    struct mock_engine *engine = arg;

    mock_engine_run(engine);
    return NULL;
}

void weir_mock_stop(struct weir_mock *m)
{
    if (m == NULL)
        return;
    mock_engine_stop(m->engine);
    pthread_join(m->thread, NULL);
    mock_engine_free(m->engine);
    free(m);
}

const char *weir_mock_url(const struct weir_mock *m)
{
    return m->url;
}

unsigned weir_mock_port(const struct weir_mock *m)
{
    return m->port->number;
}

enum weir_status weir_mock_answer(struct weir_mock *m, const char *path,
                                  const struct weir_mock_answer *answer)
{
    enum weir_status status;

    mock_engine_lock(m->engine);
    status = mock_route_set(&m->port->routes, path, answer);
    mock_engine_unlock(m->engine);
    return status;
}

enum weir_status weir_mock_then(struct weir_mock *m, const char *path,
                                const struct weir_mock_answer *answer)
{
    enum weir_status status;

    mock_engine_lock(m->engine);
    status = mock_route_then(&m->port->routes, path, answer);
    mock_engine_unlock(m->engine);
    return status;
}

static bool is_none(const char *spec)
{
    return spec == NULL || spec[0] == '\0';
}

static struct mock_why why_of(struct weir_mock *m)
{
    return (struct mock_why){m->error, sizeof(m->error)};
}

enum weir_status weir_mock_fault(struct weir_mock *m, const char *spec)
{
    bool ok = true;

    mock_engine_lock(m->engine);
    if (is_none(spec))
        mock_port_clear_fault(m->port);
    else
        ok = mock_port_set_fault(m->port, (struct mock_text){spec, strlen(spec)}, why_of(m));
    mock_engine_unlock(m->engine);
    return ok ? WEIR_OK : WEIR_INVALID_ARGUMENT;
}

static bool parse_all(const char *const *specs, size_t n, struct mock_fault *faults,
                      struct mock_why why)
{
    for (size_t i = 0; i < n; i++)
        if (!is_none(specs[i]) &&
            !mock_fault_parse((struct mock_text){specs[i], strlen(specs[i])}, &faults[i], why))
            return false;
    return true;
}

enum weir_status weir_mock_sequence(struct weir_mock *m, const char *const *specs, size_t n)
{
    struct mock_fault *faults = n <= MAX_SEQUENCE ? calloc(n + 1, sizeof(*faults)) : NULL;
    bool ok;

    if (faults == NULL)
        return WEIR_NO_MEMORY;
    mock_engine_lock(m->engine);
    ok = parse_all(specs, n, faults, why_of(m));
    if (ok)
        mock_port_set_sequence(m->port, faults, n);
    mock_engine_unlock(m->engine);
    if (!ok)
        free(faults);
    return ok ? WEIR_OK : WEIR_INVALID_ARGUMENT;
}

void weir_mock_seed(struct weir_mock *m, uint64_t seed)
{
    mock_engine_lock(m->engine);
    mock_port_set_seed(m->port, seed);
    mock_engine_unlock(m->engine);
}

const char *weir_mock_error(const struct weir_mock *m)
{
    return m->error;
}

void weir_mock_hold(struct weir_mock *m)
{
    mock_engine_lock(m->engine);
    m->port->holding = true;
    mock_engine_unlock(m->engine);
}

void weir_mock_release(struct weir_mock *m)
{
    mock_engine_lock(m->engine);
    m->port->holding = false;
    m->port->let_out = m->port->stats.held;
    mock_engine_unlock(m->engine);
    mock_engine_wake(m->engine);
}

void weir_mock_release_one(struct weir_mock *m)
{
    mock_engine_lock(m->engine);
    if (m->port->let_out < m->port->stats.held)
        m->port->let_out++;
    mock_engine_unlock(m->engine);
    mock_engine_wake(m->engine);
}

void weir_mock_drop_connections(struct weir_mock *m)
{
    mock_engine_lock(m->engine);
    m->port->drop = true;
    mock_engine_unlock(m->engine);
    mock_engine_wake(m->engine);
}

void weir_mock_stats(struct weir_mock *m, struct weir_mock_stats *out)
{
    mock_engine_lock(m->engine);
    *out = m->port->stats;
    mock_engine_unlock(m->engine);
}

static unsigned long number_of(const struct weir_mock *m, enum weir_mock_what what)
{
    const struct weir_mock_stats *s = &m->port->stats;
    const unsigned long *const numbers[] = {
        [WEIR_MOCK_REQUESTS] = &s->requests,
        [WEIR_MOCK_IN_FLIGHT] = &s->in_flight,
        [WEIR_MOCK_MAX_IN_FLIGHT] = &s->max_in_flight,
        [WEIR_MOCK_HELD] = &s->held,
        [WEIR_MOCK_ANSWERED] = &s->answered,
        [WEIR_MOCK_CANCELLATIONS] = &s->cancellations,
        [WEIR_MOCK_CONNECTIONS] = &s->connections,
        [WEIR_MOCK_OPEN] = &s->open,
    };

    return *numbers[what];
}

static bool within(unsigned long value, unsigned long low, unsigned long high)
{
    return value >= low && value <= high;
}

static bool wait_within(struct weir_mock *m, enum weir_mock_what what, unsigned long low,
                        unsigned long high, int timeout_ms)
{
    uint64_t end = clock_now_ns() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000000u;
    struct timespec ts = {(time_t)(end / 1000000000u), (long)(end % 1000000000u)};
    bool ok;
    int rc = 0;

    mock_engine_lock(m->engine);
    m->engine->waiters++;
    while (!(ok = within(number_of(m, what), low, high)) && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&m->engine->changed, &m->engine->lock, &ts);
    m->engine->waiters--;
    mock_engine_unlock(m->engine);
    return ok;
}

bool weir_mock_wait(struct weir_mock *m, enum weir_mock_what what, unsigned long n, int timeout_ms)
{
    return wait_within(m, what, n, ~0ul, timeout_ms);
}

bool weir_mock_wait_down(struct weir_mock *m, enum weir_mock_what what, unsigned long n,
                         int timeout_ms)
{
    return wait_within(m, what, 0, n, timeout_ms);
}

bool weir_mock_request(struct weir_mock *m, unsigned long i, struct weir_mock_request *out)
{
    bool found;

    mock_engine_lock(m->engine);
    found = i < m->port->records_len;
    if (found)
        *out = m->port->records[i]->view;
    mock_engine_unlock(m->engine);
    return found;
}

const char *weir_mock_header(const struct weir_mock_request *request, const char *name)
{
    const char *at = request->fields;

    while (*at != '\0') {
        const char *value = at + strlen(at) + 1;

        if (strcasecmp(at, name) == 0)
            return value;
        at = value + strlen(value) + 1;
    }
    return NULL;
}
