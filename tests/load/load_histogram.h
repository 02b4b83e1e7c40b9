/*
 * A histogram of times, logarithmic in steps that are linear inside: a value is kept to within 0.8
 * % from a nanosecond to centuries, in 58 KiB, and adding one costs the same whatever its size.
 */
#ifndef LOAD_HISTOGRAM_H
#define LOAD_HISTOGRAM_H

#include <stdint.h>

#define LOAD_HISTOGRAM_STEP_BITS 7
#define LOAD_HISTOGRAM_STEPS                                                                       \
    (1 << LOAD_HISTOGRAM_STEP_BITS) /* linear steps for each power of two */
#define LOAD_HISTOGRAM_BUCKETS ((64 - LOAD_HISTOGRAM_STEP_BITS + 1) * LOAD_HISTOGRAM_STEPS)

struct load_histogram {
    uint64_t counts[LOAD_HISTOGRAM_BUCKETS];
    uint64_t total;
    uint64_t max;
};

/* Counts one value. */
void load_histogram_add(struct load_histogram *h, uint64_t value);

/* The value that a share (0 to 1) of all do not exceed: never less than the true one, never more
 * than the largest that was added; 0 when there is none. */
uint64_t load_histogram_at(const struct load_histogram *h, double share);

#endif
