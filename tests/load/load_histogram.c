/* Bucket = the place of the highest bit, and the bits behind it. */
#include "load_histogram.h"

#include <math.h>

/* The bucket of a value: small ones are their own bucket. */
static unsigned bucket_of(uint64_t value)
{
    unsigned shift;

    if (value < LOAD_HISTOGRAM_STEPS)
        return (unsigned)value;
    shift = 63u - (unsigned)__builtin_clzll(value) - LOAD_HISTOGRAM_STEP_BITS;
    return (shift + 1) * LOAD_HISTOGRAM_STEPS + (unsigned)(value >> shift) - LOAD_HISTOGRAM_STEPS;
}

/* The largest value that falls into a bucket. */
static uint64_t bucket_end(unsigned bucket)
{
    unsigned shift = bucket / LOAD_HISTOGRAM_STEPS;
    uint64_t step = bucket % LOAD_HISTOGRAM_STEPS;

    if (shift == 0)
        return step;
    return ((step + LOAD_HISTOGRAM_STEPS + 1) << (shift - 1)) - 1;
}

void load_histogram_add(struct load_histogram *h, uint64_t value)
{
    h->counts[bucket_of(value)]++;
    h->total++;
    if (value > h->max)
        h->max = value;
}

uint64_t load_histogram_at(const struct load_histogram *h, double share)
{
    uint64_t wanted = (uint64_t)ceil(share * (double)h->total), seen = 0;

    if (wanted == 0)
        wanted = 1;
    for (unsigned i = 0; i < LOAD_HISTOGRAM_BUCKETS && h->total > 0; i++) {
        seen += h->counts[i];
        if (seen >= wanted)
            return bucket_end(i) < h->max ? bucket_end(i) : h->max;
    }
    return h->max;
}
