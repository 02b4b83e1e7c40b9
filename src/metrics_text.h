/* Pieces of the Prometheus text format 0.0.4, whatever the locale. */
#ifndef METRICS_TEXT_H
#define METRICS_TEXT_H

#include <stdint.h>

#include "metrics_histogram.h"

struct buf;

/* Opens a family: its HELP and TYPE lines. */
void metrics_text_family(struct buf *out, const char *name, const char *type, const char *help);
/* Labels are text that the caller made of metrics_text_label, "" for none. */
void metrics_text_u64(struct buf *out, const char *name, const char *labels, uint64_t value);
/* Nanoseconds, shown in seconds. */
void metrics_text_seconds(struct buf *out, const char *name, const char *labels, uint64_t ns);
void metrics_text_histogram(struct buf *out, const char *name, const char *labels,
                            enum metrics_scale scale, const struct metrics_histogram_sum *sum);
/* Adds name="value" with the value escaped, after a comma unless it is the first. */
void metrics_text_label(struct buf *labels, const char *name, const char *value);

#endif
