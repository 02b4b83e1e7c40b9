/*
 * JSON lines on a descriptor, written by a thread of their own: a sink that blocks never blocks the
 * caller; lines that find no room are dropped and counted. One per process.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Starts the writer thread: lanes for that many producers (workers), one more for everybody else.
 * False when memory or threads are out. */
bool log_open(int fd, enum log_level level, unsigned lanes);
/* Writes out what is queued, waiting at most timeout_ms for a sink that blocks, then stops. */
void log_close(unsigned timeout_ms);
/* Changes the level (reload). */
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);

/* A line begun with ts, level and msg: {"ts":"…","level":"…","msg":"…"; add ,"name":value after. */
void log_begin(struct buf *line, enum log_level level, const char *msg);
/* Closes the object, ends the line and queues it on a lane (a worker's number, or LOG_LANE_SHARED,
 * which locks). Never blocks. b is left as it is: the caller reuses or frees it. */
void log_end(struct buf *line, unsigned lane);
#define LOG_LANE_SHARED ((unsigned)-1)

/* One whole line for events off the request path: names and values in pairs, ended by NULL. */
void log_event(enum log_level level, const char *msg, ...) __attribute__((sentinel));
/* The same, whatever the level: for "listening". */
void log_always(enum log_level level, const char *msg, ...) __attribute__((sentinel));

uint64_t log_dropped(void);

#endif
