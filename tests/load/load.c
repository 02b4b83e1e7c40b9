/* The load generator's command: runs one load and prints one JSON object about it. */
#include "load_engine.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MS(ns)     ((double)(ns) / 1e6)
#define CURVE_STEP 0.1 /* of a power of ten towards the 100th percentile */

static const struct {
    const char *name;
    double share;
} percentiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99_9", 0.999}, {"max", 1},
};
#define PERCENTILES (sizeof(percentiles) / sizeof(percentiles[0]))

/* The five usual figures of a histogram, in milliseconds. */
static void print_percentiles(const char *name, const struct load_histogram *h)
{
    printf("\"%s\":{", name);
    for (size_t i = 0; i < PERCENTILES; i++)
        printf("%s\"%s\":%.4f", i > 0 ? "," : "", percentiles[i].name,
               MS(load_histogram_at(h, percentiles[i].share)));
    printf("},");
}

/* The whole curve, as pairs of share and milliseconds, as far as there are values to bear it. */
static void print_curve(const struct load_histogram *h)
{
    double rest = 1;

    printf("\"curve\":[");
    for (int i = 0; rest * (double)h->total >= 1; rest = pow(10, -CURVE_STEP * ++i))
        printf("[%.7f,%.4f],", 1 - rest, MS(load_histogram_at(h, 1 - rest)));
    printf("[1,%.4f]],", MS(h->max));
}

static void print_statuses(const struct load_counts *n)
{
    const char *comma = "";

    printf("\"statuses\":{");
    for (int i = 0; i < LOAD_STATUSES; i++)
        if (n->statuses[i] > 0) {
            printf("%s\"%d\":%" PRIu64, comma, i, n->statuses[i]);
            comma = ",";
        }
    printf("},");
}

static void print_counts(const struct load_counts *n)
{
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"sent", n->sent},         {"answered", n->answered},   {"complete", n->complete},
        {"partial", n->partial},   {"left", n->left},           {"lost", n->lost},
        {"broken", n->broken},     {"garbled", n->garbled},     {"unsent", n->unsent},
        {"not_json", n->not_json}, {"retried", n->retried},     {"all_sent", n->all_sent},
        {"opened", n->opened},     {"open_peak", n->open_peak}, {"failed_early", n->failed_early},
        {"stray", n->stray},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        printf("\"%s\":%" PRIu64 ",", rows[i].name, rows[i].value);
}

int main(int argc, char **argv)
{
    struct load_options options;
    struct load_counts *n;

    if (!load_options_read(argc, argv, &options))
        return 2;
    n = load_engine_run(&options);
    if (n == NULL)
        return 1;
    printf("{");
    print_counts(n);
    print_statuses(n);
    print_percentiles("latency_ms", &n->latency);
    print_percentiles("lag_ms", &n->lag);
    print_curve(&n->latency);
    printf("\"answered_per_s\":%.2f}\n", (double)n->in_window / ((double)options.seconds_ns / 1e9));
    free(n);
    return fflush(stdout) == 0 ? 0 : 1;
}
