#include "metrics_histogram.h"

#define DURATION_BUCKETS(X)                                                                        \
    X(5000000, "0.005")                                                                            \
    X(10000000, "0.01")                                                                            \
    X(25000000, "0.025")                                                                           \
    X(50000000, "0.05")                                                                            \
    X(100000000, "0.1")                                                                            \
    X(150000000, "0.15")                                                                           \
    X(200000000, "0.2")                                                                            \
    X(250000000, "0.25")                                                                           \
    X(300000000, "0.3")                                                                            \
    X(350000000, "0.35")                                                                           \
    X(400000000, "0.4")                                                                            \
    X(450000000, "0.45")                                                                           \
    X(475000000, "0.475")                                                                          \
    X(500000000, "0.5")                                                                            \
    X(525000000, "0.525")                                                                          \
    X(550000000, "0.55")                                                                           \
    X(600000000, "0.6")                                                                            \
    X(1000000000, "1")                                                                             \
    X(2500000000, "2.5")                                                                           \
    X(5000000000, "5")                                                                             \
    X(10000000000, "10")

#define DELAY_BUCKETS(X)                                                                           \
    X(500000, "0.0005")                                                                            \
    X(1000000, "0.001")                                                                            \
    X(2500000, "0.0025")                                                                           \
    X(5000000, "0.005")                                                                            \
    X(10000000, "0.01")                                                                            \
    X(20000000, "0.02")                                                                            \
    X(50000000, "0.05")                                                                            \
    X(100000000, "0.1")                                                                            \
    X(250000000, "0.25")                                                                           \
    X(500000000, "0.5")                                                                            \
    X(1000000000, "1")                                                                             \
    X(2500000000, "2.5")

#define ONE(ns, le)   +1
#define BOUND(ns, le) ns,
#define LABEL(ns, le) le,
#define BUCKETS(LIST)                                                                              \
    {                                                                                              \
        .bounds = 0 LIST(ONE), .bound_ns = {LIST(BOUND)}, .le = { LIST(LABEL) "+Inf" }             \
    }

static const struct metrics_buckets scales[] = {
    [METRICS_DURATION] = BUCKETS(DURATION_BUCKETS),
    [METRICS_DELAY] = BUCKETS(DELAY_BUCKETS),
};

const struct metrics_buckets *metrics_buckets(enum metrics_scale scale)
{
    return &scales[scale];
}

unsigned metrics_bucket_of(enum metrics_scale scale, uint64_t ns)
{
    const struct metrics_buckets *buckets = &scales[scale];
    unsigned low = 0, count = buckets->bounds;

    while (count > 0) {
        unsigned half = count / 2;

        if (buckets->bound_ns[low + half] < ns) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return low;
}

void metrics_observe(struct metrics_histogram *h, enum metrics_scale scale, int64_t ns)
{
    uint64_t value = ns > 0 ? (uint64_t)ns : 0;

    metrics_count(&h->bucket[metrics_bucket_of(scale, value)], 1);
    metrics_count(&h->sum_ns, value);
}

void metrics_histogram_add(struct metrics_histogram_sum *sum, const struct metrics_histogram *h)
{
    for (unsigned i = 0; i < METRICS_BUCKETS_MAX; i++)
        sum->bucket[i] += metrics_value(&h->bucket[i]);
    sum->sum_ns += metrics_value(&h->sum_ns);
}
