#include "metrics.h"
#include "metrics_histogram.h"
#include "scrape.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS ((int64_t)1000000)

static struct metrics *m;

static void set_up(void)
{
    m = metrics_new(2);
    cr_assert_not_null(m);
}

static void tear_down(void)
{
    metrics_free(m);
}

TestSuite(metrics, .init = set_up, .fini = tear_down, .timeout = 60);

static void expect_value(const char *series, double value)
{
    double found = scrape_value(m, series);

    cr_expect(found >= value && found <= value, "%s is %.9f, not %.9f", series, found, value);
}

static void expect_text(const char *part)
{
    char *text = scrape_text(m);

    cr_expect(text != NULL && strstr(text, part) != NULL, "no %s", part);
    free(text);
}

/* ---- histograms ---- */

Test(metrics, buckets_take_what_is_at_most_their_bound)
{
    static const struct {
        enum metrics_scale scale;
        uint64_t ns;
        const char *le;
    } cases[] = {
        {METRICS_DURATION, 0, "0.005"},         {METRICS_DURATION, 5000000, "0.005"},
        {METRICS_DURATION, 5000001, "0.01"},    {METRICS_DURATION, 475000000, "0.475"},
        {METRICS_DURATION, 475000001, "0.5"},   {METRICS_DURATION, 500000000, "0.5"},
        {METRICS_DURATION, 500000001, "0.525"}, {METRICS_DURATION, 600000001, "1"},
        {METRICS_DURATION, 10000000000, "10"},  {METRICS_DURATION, 10000000001, "+Inf"},
        {METRICS_DURATION, UINT64_MAX, "+Inf"}, {METRICS_DELAY, 0, "0.0005"},
        {METRICS_DELAY, 500000, "0.0005"},      {METRICS_DELAY, 500001, "0.001"},
        {METRICS_DELAY, 2500000000, "2.5"},     {METRICS_DELAY, 2500000001, "+Inf"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned at = metrics_bucket_of(cases[i].scale, cases[i].ns);

        cr_expect_str_eq(metrics_buckets(cases[i].scale)->le[at], cases[i].le, "%llu ns",
                         (unsigned long long)cases[i].ns);
    }
}

Test(metrics, every_bound_is_rising_and_labelled_with_itself)
{
    for (int scale = METRICS_DURATION; scale <= METRICS_DELAY; scale++) {
        const struct metrics_buckets *b = metrics_buckets((enum metrics_scale)scale);

        cr_assert(b->bounds > 0 && b->bounds < METRICS_BUCKETS_MAX);
        for (unsigned i = 0; i < b->bounds; i++) {
            uint64_t labelled = (uint64_t)(strtod(b->le[i], NULL) * 1e9 + 0.5);

            cr_expect_eq(labelled, b->bound_ns[i], "%s", b->le[i]);
            cr_expect(i == 0 || b->bound_ns[i] > b->bound_ns[i - 1], "%s", b->le[i]);
            cr_expect_eq(metrics_bucket_of((enum metrics_scale)scale, b->bound_ns[i]), i);
            cr_expect_eq(metrics_bucket_of((enum metrics_scale)scale, b->bound_ns[i] + 1), i + 1);
        }
        cr_expect_str_eq(b->le[b->bounds], "+Inf");
    }
}

Test(metrics, histograms_are_cumulative_and_sum_exactly)
{
    struct metrics_route *r = metrics_route(m, "/r");

    metrics_request(r, 0, 200, METRICS_COMPLETE, 5 * MS);
    metrics_request(r, 1, 200, METRICS_COMPLETE, 5 * MS + 1);
    metrics_request(r, 0, 200, METRICS_PARTIAL, 500 * MS);
    metrics_request(r, 1, 504, METRICS_FAILED, 30000 * MS);
    expect_value("weir_request_duration_seconds_bucket{route=\"/r\",le=\"0.005\"}", 1);
    expect_value("weir_request_duration_seconds_bucket{route=\"/r\",le=\"0.01\"}", 2);
    expect_value("weir_request_duration_seconds_bucket{route=\"/r\",le=\"0.475\"}", 2);
    expect_value("weir_request_duration_seconds_bucket{route=\"/r\",le=\"0.5\"}", 3);
    expect_value("weir_request_duration_seconds_bucket{route=\"/r\",le=\"10\"}", 3);
    expect_value("weir_request_duration_seconds_bucket{route=\"/r\",le=\"+Inf\"}", 4);
    expect_value("weir_request_duration_seconds_count{route=\"/r\"}", 4);
    expect_text("\nweir_request_duration_seconds_sum{route=\"/r\"} 30.510000001\n");
}

Test(metrics, delays_count_negative_as_none)
{
    metrics_overrun(m, 0, -5 * MS);
    metrics_overrun(m, 1, MS);
    metrics_loop_lag(m, 0, 3000 * MS);
    expect_value("weir_deadline_overrun_seconds_bucket{le=\"0.0005\"}", 1);
    expect_value("weir_deadline_overrun_seconds_bucket{le=\"0.001\"}", 2);
    expect_text("\nweir_deadline_overrun_seconds_sum 0.001\n");
    expect_value("weir_loop_lag_seconds_bucket{le=\"2.5\"}", 0);
    expect_value("weir_loop_lag_seconds_bucket{le=\"+Inf\"}", 1);
    expect_value("weir_loop_lag_seconds_sum", 3);
}

/* ---- series ---- */

Test(metrics, the_same_name_is_the_same_series)
{
    struct metrics_route *b = metrics_route(m, "/b"), *a = metrics_route(m, "/a");
    struct metrics_upstream *u = metrics_upstream(m, "/b", "u");

    cr_expect_neq(a, b);
    cr_expect_eq(metrics_route(m, "/b"), b);
    cr_expect_eq(metrics_route(m, "/a"), a);
    cr_expect_eq(metrics_upstream(m, "/b", "u"), u);
    cr_expect_neq(metrics_upstream(m, "/b", "t"), u);
    cr_expect_neq(metrics_upstream(m, "/a", "u"), u);
    cr_expect_eq(metrics_upstream(m, "/b", "u"), u);
}

Test(metrics, every_code_and_outcome_has_its_own_counter)
{
    static const struct {
        int code;
        const char *word;
    } cases[] = {
        {200, "200"}, {400, "400"},  {401, "401"},   {403, "403"},   {404, "404"},     {405, "405"},
        {408, "408"}, {410, "410"},  {414, "414"},   {417, "417"},   {431, "431"},     {499, "499"},
        {500, "500"}, {501, "501"},  {502, "502"},   {503, "503"},   {504, "504"},     {505, "505"},
        {0, "other"}, {-1, "other"}, {201, "other"}, {506, "other"}, {70000, "other"},
    };
    char series[128];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int o = 0; o < METRICS_OUTCOME_COUNT; o++) {
            struct metrics_route *r;

            snprintf(series, sizeof series, "/%d/%d", cases[i].code, o);
            r = metrics_route(m, series);
            metrics_request(r, 1, cases[i].code, (enum metrics_outcome)o, MS);
            snprintf(series, sizeof series,
                     "weir_requests_total{route=\"/%d/%d\",code=\"%s\",outcome=\"%s\"}",
                     cases[i].code, o, cases[i].word,
                     metrics_outcome_word((enum metrics_outcome)o));
            expect_value(series, 1);
        }
    }
}

Test(metrics, calls_count_by_status_duration_and_connections)
{
    struct metrics_upstream *u = metrics_upstream(m, "/r", "u");
    char series[128];

    for (int s = 0; s < WEIR_STATUS_COUNT; s++) {
        metrics_call(u, 0, (enum weir_status)s, s % 2 == 0, MS, 2);
        snprintf(series, sizeof series,
                 "weir_upstream_requests_total{route=\"/r\",upstream=\"u\",outcome=\"%s\"}",
                 weir_status_word((enum weir_status)s));
        expect_value(series, 1);
    }
    expect_value("weir_upstream_duration_seconds_count{route=\"/r\",upstream=\"u\"}",
                 (WEIR_STATUS_COUNT + 1) / 2);
    expect_value("weir_upstream_connections_opened_total{route=\"/r\",upstream=\"u\"}",
                 2 * WEIR_STATUS_COUNT);
}

Test(metrics, only_what_can_be_expected_is_shown_at_zero)
{
    metrics_upstream(m, "/r", "u");
    expect_value("weir_requests_total{route=\"/r\",code=\"200\",outcome=\"complete\"}", 0);
    expect_value("weir_requests_total{route=\"/r\",code=\"504\",outcome=\"failed\"}", -1);
    expect_value("weir_requests_total{route=\"unmatched\",code=\"404\",outcome=\"rejected\"}", 0);
    expect_value("weir_upstream_requests_total{route=\"/r\",upstream=\"u\",outcome=\"ok\"}", 0);
    expect_value("weir_upstream_requests_total{route=\"/r\",upstream=\"u\",outcome=\"canceled\"}",
                 -1);
    expect_value("weir_upstream_connections_opened_total{route=\"/r\",upstream=\"u\"}", 0);
}

Test(metrics, a_worker_that_does_not_exist_counts_nowhere)
{
    metrics_request(metrics_route(m, "/r"), 2, 200, METRICS_COMPLETE, MS);
    metrics_call(metrics_upstream(m, "/r", "u"), 2, WEIR_OK, true, MS, 1);
    metrics_overrun(m, 2, MS);
    metrics_loop_lag(m, 2, MS);
    expect_value("weir_requests_total{route=\"/r\",code=\"200\",outcome=\"complete\"}", 0);
    expect_value("weir_upstream_connections_opened_total{route=\"/r\",upstream=\"u\"}", 0);
    expect_value("weir_loop_lag_seconds_count", 0);
    cr_expect_null(metrics_new(0));
    metrics_free(NULL);
}

/* ---- threads ---- */

enum { WORKERS = 4, ROUNDS = 200000 };

struct counting {
    struct metrics_route *route;
    struct metrics_upstream *upstream;
    struct metrics *metrics;
    unsigned worker;
};

static void *count_rounds(void *arg)
{
    const struct counting *c = arg;

    for (int i = 0; i < ROUNDS; i++) {
        metrics_request(c->route, c->worker, i % 2 ? 200 : 504,
                        i % 2 ? METRICS_COMPLETE : METRICS_FAILED, i % 1000 * MS);
        metrics_call(c->upstream, c->worker, WEIR_OK, true, MS, 1);
        metrics_overrun(c->metrics, c->worker, MS);
    }
    return NULL;
}

Test(metrics, totals_only_grow_while_counting_and_are_exact_afterwards)
{
    static const char complete[] =
        "weir_requests_total{route=\"/r\",code=\"200\",outcome=\"complete\"}";
    struct counting counting[WORKERS];
    pthread_t threads[WORKERS];
    double before = 0;
    char name[32];

    metrics_free(m);
    m = metrics_new(WORKERS);
    for (unsigned i = 0; i < WORKERS; i++) {
        counting[i] =
            (struct counting){metrics_route(m, "/r"), metrics_upstream(m, "/r", "u"), m, i};
        cr_assert_eq(pthread_create(&threads[i], NULL, count_rounds, &counting[i]), 0);
    }
    for (unsigned i = 0; i < 50; i++) {
        char *text = scrape_text(m);
        double now = scrape_find(text, complete);
        double inf =
            scrape_find(text, "weir_request_duration_seconds_bucket{route=\"/r\",le=\"+Inf\"}");
        double count = scrape_find(text, "weir_request_duration_seconds_count{route=\"/r\"}");

        free(text);
        cr_expect(now >= before);
        cr_expect(inf >= count && inf <= count, "%.0f in buckets, count %.0f", inf, count);
        before = now;
        snprintf(name, sizeof name, "/new/%u", i);
        cr_expect_not_null(metrics_route(m, name));
    }
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    expect_value(complete, WORKERS * ROUNDS / 2);
    expect_value("weir_requests_total{route=\"/r\",code=\"504\",outcome=\"failed\"}",
                 WORKERS * ROUNDS / 2);
    expect_value("weir_request_duration_seconds_count{route=\"/r\"}", WORKERS * ROUNDS);
    expect_value("weir_upstream_requests_total{route=\"/r\",upstream=\"u\",outcome=\"ok\"}",
                 WORKERS * ROUNDS);
    expect_value("weir_upstream_connections_opened_total{route=\"/r\",upstream=\"u\"}",
                 WORKERS * ROUNDS);
    expect_value("weir_deadline_overrun_seconds_count", WORKERS * ROUNDS);
}
