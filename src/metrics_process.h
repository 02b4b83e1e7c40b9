/* The usual process_* families, read from the system at each scrape. */
#ifndef METRICS_PROCESS_H
#define METRICS_PROCESS_H

#include <stdint.h>

struct buf;

/* When the process started, nanoseconds since the epoch; 0 when the system does not tell. Ask once:
 * every answer is reckoned anew from the clocks and may differ by a little. */
uint64_t metrics_process_started_ns(void);
/* Leaves out what the system does not tell. */
void metrics_process_print(struct buf *out, uint64_t started_ns);

#endif
