/* One scrape of the metrics, and values found in it. For the tests of the metrics. */
#ifndef SCRAPE_H
#define SCRAPE_H

#include "metrics.h"

/* The whole exposition; NULL when it failed. The caller frees it. */
char *scrape_text(struct metrics *m);
/* The value of a series, written exactly so, in an exposition, or -1. */
double scrape_find(const char *text, const char *series);
/* The value of a series now, or -1. */
double scrape_value(struct metrics *m, const char *series);

#endif
