#include "log.h"
#include "metrics.h"
#include "metrics_process.h"
#include "metrics_series.h"
#include "metrics_text.h"

#include <string.h>

#ifndef WEIR_VERSION
#define WEIR_VERSION "0.0.0-dev"
#endif

enum { LABELS_BYTES = 64 * 1024 };

/* One scrape: where to, what of, and room for the labels of one series. */
struct scrape {
    struct buf *out;
    struct metrics *m;
    struct buf labels;
};

static const char *const code_words[METRICS_CODE_COUNT] = {
#define WORD(code) [METRICS_CODE_##code] = #code,
    [METRICS_CODE_OTHER] = "other", METRICS_CODES(WORD)
#undef WORD
};

/* Empties the labels and begins them anew with the route's. */
static void label_route(struct scrape *s, const struct metrics_route *r)
{
    s->labels.len = 0;
    metrics_text_label(&s->labels, "route", r->template);
}

static void label_upstream(struct scrape *s, const struct metrics_route *r,
                           const struct metrics_upstream *u)
{
    label_route(s, r);
    metrics_text_label(&s->labels, "upstream", u->name);
}

/* ---- routes ---- */

/* The combination that is shown before it was ever counted, so that a rate can be taken from its
 * first count on. */
static bool shown_at_zero(const struct metrics_route *r, unsigned code, unsigned outcome)
{
    if (strcmp(r->template, METRICS_UNMATCHED) == 0)
        return code == METRICS_CODE_404 && outcome == METRICS_REJECTED;
    return code == METRICS_CODE_200 && outcome == METRICS_COMPLETE;
}

static uint64_t requests_of(const struct metrics_route *r, unsigned code, unsigned outcome)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < r->workers; i++)
        sum += metrics_value(&r->block[i].requests[code][outcome]);
    return sum;
}

static void print_route_requests(struct scrape *s, const char *name, const struct metrics_route *r)
{
    for (unsigned i = 0; i < METRICS_CODE_COUNT * METRICS_OUTCOME_COUNT; i++) {
        unsigned code = i / METRICS_OUTCOME_COUNT, outcome = i % METRICS_OUTCOME_COUNT;
        uint64_t value = requests_of(r, code, outcome);

        if (value == 0 && !shown_at_zero(r, code, outcome))
            continue;
        label_route(s, r);
        metrics_text_label(&s->labels, "code", code_words[code]);
        metrics_text_label(&s->labels, "outcome", metrics_outcome_word(outcome));
        metrics_text_u64(s->out, name, buf_cstr(&s->labels), value);
    }
}

static void print_route_duration(struct scrape *s, const char *name, const struct metrics_route *r)
{
    struct metrics_histogram_sum sum = {.sum_ns = 0};

    for (unsigned i = 0; i < r->workers; i++)
        metrics_histogram_add(&sum, &r->block[i].duration);
    label_route(s, r);
    metrics_text_histogram(s->out, name, buf_cstr(&s->labels), METRICS_DURATION, &sum);
}

/* ---- upstreams ---- */

static uint64_t calls_of(const struct metrics_upstream *u, unsigned status)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < u->workers; i++)
        sum += metrics_value(&u->block[i].calls[status]);
    return sum;
}

static void print_upstream_requests(struct scrape *s, const char *name,
                                    const struct metrics_route *r, const struct metrics_upstream *u)
{
    for (unsigned status = 0; status < WEIR_STATUS_COUNT; status++) {
        uint64_t value = calls_of(u, status);

        if (value == 0 && status != WEIR_OK)
            continue;
        label_upstream(s, r, u);
        metrics_text_label(&s->labels, "outcome", weir_status_word(status));
        metrics_text_u64(s->out, name, buf_cstr(&s->labels), value);
    }
}

static void print_upstream_duration(struct scrape *s, const char *name,
                                    const struct metrics_route *r, const struct metrics_upstream *u)
{
    struct metrics_histogram_sum sum = {.sum_ns = 0};

    for (unsigned i = 0; i < u->workers; i++)
        metrics_histogram_add(&sum, &u->block[i].duration);
    label_upstream(s, r, u);
    metrics_text_histogram(s->out, name, buf_cstr(&s->labels), METRICS_DURATION, &sum);
}

static void print_upstream_opened(struct scrape *s, const char *name, const struct metrics_route *r,
                                  const struct metrics_upstream *u)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < u->workers; i++)
        sum += metrics_value(&u->block[i].connections_opened);
    label_upstream(s, r, u);
    metrics_text_u64(s->out, name, buf_cstr(&s->labels), sum);
}

/* ---- the families with labels ---- */

/* One row per family; it shows either every route or every upstream. */
struct family {
    const char *name, *type, *help;
    void (*route)(struct scrape *s, const char *name, const struct metrics_route *r);
    void (*upstream)(struct scrape *s, const char *name, const struct metrics_route *r,
                     const struct metrics_upstream *u);
};

static const struct family families[] = {
    {"weir_requests_total", "counter", "Requests answered or canceled.", print_route_requests,
     NULL},
    {"weir_request_duration_seconds", "histogram",
     "Time from arrival to the answer or the cancellation.", print_route_duration, NULL},
    {"weir_upstream_requests_total", "counter", "Upstream calls by what became of them.", NULL,
     print_upstream_requests},
    {"weir_upstream_duration_seconds", "histogram", "Time of upstream calls that were started.",
     NULL, print_upstream_duration},
    {"weir_upstream_connections_opened_total", "counter", "Connections opened to upstreams.", NULL,
     print_upstream_opened},
};

static void print_family(struct scrape *s, const struct family *f)
{
    bool opened = false;

    for (const struct metrics_route *r = s->m->routes; r != NULL; r = r->next) {
        const struct metrics_upstream *u = f->upstream != NULL ? r->upstreams : NULL;

        if (!opened && (f->route != NULL || u != NULL)) {
            metrics_text_family(s->out, f->name, f->type, f->help);
            opened = true;
        }
        if (f->route != NULL)
            f->route(s, f->name, r);
        for (; u != NULL; u = u->next)
            f->upstream(s, f->name, r, u);
    }
}

/* ---- the families without ---- */

static void print_delays(struct scrape *s)
{
    struct metrics_histogram_sum overrun = {.sum_ns = 0}, lag = {.sum_ns = 0};

    for (unsigned i = 0; i < s->m->workers; i++) {
        metrics_histogram_add(&overrun, &s->m->block[i].overrun);
        metrics_histogram_add(&lag, &s->m->block[i].loop_lag);
    }
    metrics_text_family(s->out, "weir_deadline_overrun_seconds", "histogram",
                        "Time past the deadline at which answers were handed over.");
    metrics_text_histogram(s->out, "weir_deadline_overrun_seconds", "", METRICS_DELAY, &overrun);
    metrics_text_family(s->out, "weir_loop_lag_seconds", "histogram",
                        "Delay of timers on the workers' event loops.");
    metrics_text_histogram(s->out, "weir_loop_lag_seconds", "", METRICS_DELAY, &lag);
}

static void print_number(struct buf *out, const char *name, const char *type, const char *help,
                         uint64_t value)
{
    metrics_text_family(out, name, type, help);
    metrics_text_u64(out, name, "", value);
}

static void print_gauges(struct buf *out, const struct metrics_gauges *g)
{
    const struct {
        const char *name, *help;
        uint64_t (*value)(void *arg);
    } rows[] = {
        {"weir_requests_in_flight", "Requests being served.", g->requests_in_flight},
        {"weir_requests_in_flight_limit", "Requests that may be served at once.",
         g->requests_in_flight_limit},
        {"weir_client_connections", "Client connections of the public listener.",
         g->client_connections},
        {"weir_client_connections_limit", "Client connections that there may be at once.",
         g->client_connections_limit},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].value != NULL)
            print_number(out, rows[i].name, "gauge", rows[i].help, rows[i].value(g->arg));
}

static void print_build_info(struct scrape *s)
{
    s->labels.len = 0;
    metrics_text_label(&s->labels, "version", WEIR_VERSION);
    metrics_text_family(s->out, "weir_build_info", "gauge",
                        "Always 1; the label tells the version.");
    metrics_text_u64(s->out, "weir_build_info", buf_cstr(&s->labels), 1);
}

void metrics_print(struct metrics *m, struct buf *out)
{
    struct scrape s = {.out = out, .m = m};

    buf_init(&s.labels, LABELS_BYTES);
    pthread_mutex_lock(&m->lock);
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        print_family(&s, &families[i]);
    print_delays(&s);
    print_gauges(out, &m->gauges);
    print_number(out, "weir_log_lines_dropped_total", "counter",
                 "Log lines dropped because the sink did not take them in time.", log_dropped());
    print_build_info(&s);
    pthread_mutex_unlock(&m->lock);
    metrics_process_print(out, m->started_ns);
    if (!buf_ok(&s.labels))
        out->failed = true; /* an exposition is whole or none */
    buf_done(&s.labels);
}
