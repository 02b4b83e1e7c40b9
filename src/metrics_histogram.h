/*
 * Counters with one writer each, and histograms of durations made of them. Any thread may read at
 * any time; nothing is locked.
 */
#ifndef METRICS_HISTOGRAM_H
#define METRICS_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

struct buf;

typedef _Atomic uint64_t metrics_counter;

/* Only the counter's one writer may call this: it is no locked operation. */
static inline void metrics_count(metrics_counter *c, uint64_t n)
{
    uint64_t before = atomic_load_explicit(c, memory_order_relaxed);

    atomic_store_explicit(c, before + n, memory_order_relaxed);
}

static inline uint64_t metrics_value(const metrics_counter *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

enum { METRICS_BUCKETS_MAX = 22 };

/* Durations of requests and calls, dense around the default budget; delays, which should be next to
 * nothing: lag, and time past a deadline. */
enum metrics_scale { METRICS_DURATION, METRICS_DELAY };

/* The upper bounds of a scale's buckets, rising; one more bucket without a bound follows. */
struct metrics_buckets {
    unsigned bounds;
    uint64_t bound_ns[METRICS_BUCKETS_MAX - 1];
    const char *le[METRICS_BUCKETS_MAX];
};
const struct metrics_buckets *metrics_buckets(enum metrics_scale scale);

struct metrics_histogram {
    metrics_counter bucket[METRICS_BUCKETS_MAX];
    metrics_counter sum_ns;
};

/* The sums of one histogram over all its writers. */
struct metrics_histogram_sum {
    uint64_t bucket[METRICS_BUCKETS_MAX];
    uint64_t sum_ns;
};

/* The number of the bucket that takes a duration: the first whose bound is not below it. */
unsigned metrics_bucket_of(enum metrics_scale scale, uint64_t ns);
/* Observes a duration, always on the same scale; a negative one counts as 0. */
void metrics_observe(struct metrics_histogram *h, enum metrics_scale scale, int64_t ns);
void metrics_histogram_add(struct metrics_histogram_sum *sum, const struct metrics_histogram *h);

#endif
