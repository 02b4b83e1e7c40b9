/* A worker's orders: none is lost, whenever it comes. */
#include "worker.h"

#include "config_fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

TestSuite(worker, .timeout = 60);

/* What the next read of a wake-up lets happen right before it; NULL: nothing. */
static struct worker *surprised;

/* Stands before the C library's: a worker's wake-up is the only read of eight bytes here that finds
 * something to do. */
ssize_t read(int fd, void *to, size_t size)
{
    struct worker *w = size == 8 ? __atomic_exchange_n(&surprised, NULL, __ATOMIC_ACQ_REL) : NULL;

    if (w != NULL)
        worker_order(w, WORKER_DRAIN);
    return syscall(SYS_read, fd, to, size);
}

struct scene {
    struct config_fixture config;
    struct metrics *metrics;
    struct listen_shared connections;
    struct serve_shared requests;
    struct worker *worker;
    uint16_t port;
};

static void begin(struct scene *s)
{
    struct worker_options options;

    *s = (struct scene){.port = 0};
    config_fixture_load(&s->config, NULL, NULL, NULL);
    cr_assert(s->config.config != NULL);
    s->metrics = metrics_new(1);
    s->connections.max_connections = 10;
    cr_assert(weir_global_init() == WEIR_OK);
    options = (struct worker_options){.config = s->config.config,
                                      .metrics = s->metrics,
                                      .connections = &s->connections,
                                      .requests = &s->requests,
                                      .fd = listen_bind("127.0.0.1", &s->port, false)};
    s->worker = worker_start(&options);
    cr_assert(s->worker != NULL);
}

static void end(struct scene *s)
{
    cr_expect(worker_join(s->worker) == 0);
    metrics_free(s->metrics);
    config_fixture_done(&s->config);
}

/* Waits for the end of the thread; false when it does not come. */
static bool ends(const struct worker *w)
{
    for (int i = 0; i < 5000 && !worker_ended(w); i++)
        poll(NULL, 0, 1);
    return worker_ended(w);
}

Test(worker, an_order_that_comes_while_another_is_taken_is_not_lost)
{
    struct scene s;

    begin(&s);
    __atomic_store_n(&surprised, s.worker, __ATOMIC_RELEASE);
    worker_order(s.worker, WORKER_LAST_REPLIES);
    if (!ends(s.worker)) {
        cr_expect(false, "the order to drain was lost");
        worker_order(s.worker, WORKER_CUT);
    }
    end(&s);
}

Test(worker, cut_ends_it)
{
    struct scene s;

    begin(&s);
    cr_expect(!worker_ended(s.worker));
    worker_order(s.worker, WORKER_CUT);
    cr_expect(ends(s.worker));
    end(&s);
}
