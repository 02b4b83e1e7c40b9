/*
 * The thread that takes queued lines to the descriptor, and the rings it takes them from. Only this
 * thread ever waits for the sink.
 */
#ifndef LOG_WRITER_H
#define LOG_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct log_writer;

/* Writes the line (without its end) that tells how many lines were dropped. */
typedef void log_writer_notice_fn(struct buf *line, uint64_t lines);

/* Starts the thread with that many lanes of one producer each and one more for everybody else. The
 * descriptor stays the caller's. NULL when memory or threads are out. */
struct log_writer *log_writer_start(int fd, unsigned lanes, log_writer_notice_fn *notice);
/* Queues one line on a lane (any number without a lane means the shared one), or drops and counts
 * it. Never waits for the sink. */
void log_writer_put(struct log_writer *w, unsigned lane, const char *line, size_t len);
/* Counts a line that could not even be built. */
void log_writer_drop(struct log_writer *w);
/* Lets the thread write out what is queued, waiting at most timeout_ms. True when it has ended;
 * false when the sink holds it: then w stays in use for the rest of the process. */
bool log_writer_stop(struct log_writer *w, unsigned timeout_ms);
/* Frees a writer that was stopped and that no producer knows any more; nothing happens to one that
 * its sink still holds: it is its thread's. */
void log_writer_free(struct log_writer *w);

/* Lines dropped so far, for want of room or of a sink. */
uint64_t log_writer_dropped(const struct log_writer *w);

#endif
