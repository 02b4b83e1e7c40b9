/* What a log wrote, read back from its sink; and lines to write. For the tests of the log. */
#ifndef LOG_LINES_H
#define LOG_LINES_H

#include "log.h"

enum { PATIENCE_MS = 20000, CLOSE_MS = 20000 };

/* What came out of a sink, NUL-terminated once anything was added; data is the caller's to free. */
struct text {
    char *data;
    size_t len, cap;
};

void text_add(struct text *t, const char *data, size_t len);
/* Adds what can be read until the end, or until nothing comes for quiet_ms. */
void text_read(struct text *t, int fd, int quiet_ms);
/* Closes the log and its sink, a pipe, and reads the rest. */
struct text text_at_close(const int pipe_ends[2]);

/* A thread's work: reads a descriptor to its end. */
struct reader {
    int fd;
    struct text text;
    unsigned reads;
};
void *read_to_the_end(void *reader);

unsigned count_lines(const struct text *t);

struct found {
    unsigned lines, notices; /* ordinary lines, and those about dropped ones */
    unsigned broken;         /* lines that are no JSON object, and a rest without an end */
    uint64_t told;           /* lines that the notices say were dropped */
};
struct found whole_lines(const struct text *t);

/* Queues one line with its lane (99 for the shared one), a number, and padding to about len bytes.
 */
void put_line(unsigned lane, unsigned number, size_t len);
/* Opens the log over a new pipe; false when that fails. */
bool open_over_pipe(int pipe_ends[2], enum log_level level, unsigned lanes);

#endif
