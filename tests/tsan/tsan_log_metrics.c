/*
 * The log and the metrics under many threads at once, for ThreadSanitizer: workers write lines on
 * lanes of their own and count, others log on the shared lane, one scrapes, registers and changes
 * the level, one reads what comes out. Totals must be exact afterwards.
 */
#include "log.h"
#include "metrics.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS = 4, EVERYBODY_ELSE = 2, ROUNDS = 20000, EVENTS = 2000, OUT_BYTES = 1 << 24 };

static unsigned passed, failed;

static void check(bool good, const char *what)
{
    if (good)
        passed++;
    else
        failed++;
    if (!good)
        printf("FAILED: %s\n", what);
}

struct worker {
    struct metrics *metrics;
    struct metrics_route *route;
    struct metrics_upstream *upstream;
    unsigned index;
};

static void *work(void *arg)
{
    const struct worker *w = arg;
    char memory[512];

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct buf line;

        metrics_request(w->route, w->index, 200, METRICS_COMPLETE, (int64_t)i * 1000);
        metrics_call(w->upstream, w->index, WEIR_OK, true, (int64_t)i * 1000, 1);
        metrics_loop_lag(w->metrics, w->index, (int64_t)i);
        buf_init_fixed(&line, memory, sizeof memory);
        log_begin(&line, LOG_INFO, "request");
        buf_str(&line, ",\"n\":");
        buf_u64(&line, i);
        log_end(&line, w->index);
    }
    return NULL;
}

static void *chatter(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < EVENTS; i++)
        log_event(LOG_ERROR, "event", "name", "value", NULL);
    return NULL;
}

struct scraper {
    struct metrics *metrics;
    _Atomic int stop;
};

static void *scrape(void *arg)
{
    struct scraper *s = arg;

    for (unsigned i = 0; !atomic_load(&s->stop); i++) {
        struct buf out;
        char name[32];

        buf_init(&out, OUT_BYTES);
        metrics_print(s->metrics, &out);
        buf_done(&out);
        snprintf(name, sizeof name, "/new/%u", i % 20);
        metrics_upstream(s->metrics, name, "u");
        log_set_level(i % 2 ? LOG_DEBUG : LOG_INFO);
        (void)log_dropped();
    }
    return NULL;
}

struct reader {
    int fd;
    uint64_t lines, notices;
};

/* Counts lines; a drop notice is one that is told apart by its level. */
static void *read_lines(void *arg)
{
    struct reader *r = arg;
    FILE *in = fdopen(r->fd, "r");
    char line[1024];

    while (in != NULL && fgets(line, sizeof line, in) != NULL) {
        bool whole = line[0] == '{' && strcmp(line + strlen(line) - 2, "}\n") == 0;

        if (whole && strstr(line, "\"level\":\"warn\"") != NULL)
            r->notices++;
        else if (whole)
            r->lines++;
    }
    if (in != NULL)
        fclose(in);
    return NULL;
}

static bool shows(struct metrics *m, const char *sample)
{
    struct buf out;
    bool found;

    buf_init(&out, OUT_BYTES);
    metrics_print(m, &out);
    found = strstr(buf_cstr(&out), sample) != NULL;
    buf_done(&out);
    return found;
}

static void run_all(struct metrics *m, int sink)
{
    struct scraper scraper = {.metrics = m};
    struct worker workers[WORKERS];
    pthread_t threads[WORKERS + EVERYBODY_ELSE], scraping;

    check(log_open(sink, LOG_INFO, WORKERS), "the log opens");
    pthread_create(&scraping, NULL, scrape, &scraper);
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){m, metrics_route(m, "/r"), metrics_upstream(m, "/r", "u"), i};
        pthread_create(&threads[i], NULL, work, &workers[i]);
    }
    for (unsigned i = 0; i < EVERYBODY_ELSE; i++)
        pthread_create(&threads[WORKERS + i], NULL, chatter, NULL);
    for (unsigned i = 0; i < WORKERS + EVERYBODY_ELSE; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&scraper.stop, 1);
    pthread_join(scraping, NULL);
    log_close(30000);
}

static void test_flowing(void)
{
    struct metrics *m = metrics_new(WORKERS);
    struct reader reader = {.lines = 0};
    uint64_t dropped = log_dropped();
    pthread_t reading;
    int ends[2];

    if (m == NULL || pipe(ends) != 0)
        abort();
    reader.fd = ends[0];
    pthread_create(&reading, NULL, read_lines, &reader);
    run_all(m, ends[1]);
    close(ends[1]);
    pthread_join(reading, NULL);
    dropped = log_dropped() - dropped;
    check(reader.lines + dropped == WORKERS * ROUNDS + EVERYBODY_ELSE * EVENTS,
          "every line is whole and read, or counted as dropped");
    check((reader.notices > 0) == (dropped > 0), "drops are told");
    check(shows(m, "{route=\"/r\",code=\"200\",outcome=\"complete\"} 80000\n"), "requests");
    check(shows(m, "{route=\"/r\",upstream=\"u\",outcome=\"ok\"} 80000\n"), "calls");
    check(shows(m, "weir_loop_lag_seconds_count 80000\n"), "loop lag");
    metrics_free(m);
}

/* Nobody reads, then the reader is gone. */
static void test_stuck(void)
{
    struct metrics *m = metrics_new(WORKERS);
    int ends[2];

    if (m == NULL || pipe(ends) != 0)
        abort();
    check(log_open(ends[1], LOG_INFO, 1), "the log opens");
    for (unsigned i = 0; i < EVENTS; i++)
        log_event(LOG_INFO, "event", "name", "value", NULL);
    log_close(100);
    log_event(LOG_INFO, "late", NULL);
    close(ends[0]);
    metrics_free(m);
}

int main(void)
{
    for (unsigned i = 0; i < 3; i++)
        test_flowing();
    test_stuck(); /* last: what a stuck writer drops later would disturb the sums */
    printf("%u passed, %u failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
