/* A plain HTTP client for tests: raw bytes out, whole answers in, everything with a time limit. */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stddef.h>

struct response {
    int status;    /* 0: none came */
    char *head;    /* status line and headers, NUL-terminated */
    char *body;    /* NUL-terminated beyond body_len */
    size_t body_len;
    double ms;     /* from the call until the last byte */
    char value[512]; /* of response_header */
};

/* A connection to a port of 127.0.0.1; -1 on failure. */
int client_connect(unsigned port);
/* Sends all bytes; false when the connection broke. */
bool client_send(int fd, const char *bytes, size_t len);
bool client_say(int fd, const char *text);
/* Reads one answer by its Content-Length. After a HEAD request ask with head_only. False when none
 * came whole in time; what came is in *r. response_done frees it. */
bool client_read(int fd, struct response *r, int timeout_ms, bool head_only);
/* Whether the peer closes (or resets) within the time, with no further byte. */
bool client_sees_close(int fd, int timeout_ms);
/* Closes with RST instead of FIN. */
void client_reset(int fd);

/* One GET on a connection of its own; extra header lines (each with CR LF) or NULL. */
bool client_get(unsigned port, const char *path, const char *headers, struct response *r,
                int timeout_ms);
/* The value of a header, "" when absent. */
const char *response_header(struct response *r, const char *name);
void response_done(struct response *r);

/* Milliseconds of the monotonic clock. */
double now_ms(void);

#endif
