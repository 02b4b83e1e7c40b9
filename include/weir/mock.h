/*
 * An upstream for tests: an HTTP/1.1 server on a free port of 127.0.0.1 and a thread of its own,
 * which answers as scripted, misbehaves on demand and remembers what it has seen.
 *
 *     struct weir_mock *m = weir_mock_start("/users/42/profile", "{\"id\":42}");
 *     weir_mock_fault(m, "hang");
 *     ... let the code under test ask weir_mock_url(m) ...
 *     cr_assert(weir_mock_wait(m, WEIR_MOCK_CANCELLATIONS, 1, 1000));
 *     weir_mock_stop(m);
 *
 * Every call but weir_mock_stop may come from any thread; only weir_mock_wait, weir_mock_wait_down
 * and weir_mock_stop block. Times are nanoseconds of CLOCK_MONOTONIC. Strings given are copied.
 */
#ifndef WEIR_MOCK_H
#define WEIR_MOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/status.h>

struct weir_mock;

/* A server without routes, on which everything is 404. NULL when memory or sockets are out. */
struct weir_mock *weir_mock_new(void);
/* A server with one route that answers this JSON. */
struct weir_mock *weir_mock_start(const char *path, const char *json);
/* Closes what is open, ends the thread and frees all. NULL is harmless. */
void weir_mock_stop(struct weir_mock *m);
/* "http://127.0.0.1:PORT", valid until stop. */
const char *weir_mock_url(const struct weir_mock *m);
unsigned weir_mock_port(const struct weir_mock *m);

/* What becomes of the connection after an answer. */
enum weir_mock_after {
    WEIR_MOCK_KEEP,        /* stays open, if the request wants that */
    WEIR_MOCK_CLOSE,       /* says "Connection: close" and closes */
    WEIR_MOCK_DROP,        /* says nothing and closes at once */
    WEIR_MOCK_DROP_REUSED, /* says nothing and closes when the next request comes, unanswered */
};

/* One answer; what is left out is zero: .status 200, application/json, no body, no delay. */
struct weir_mock_answer {
    int status;               /* 0 = 200 */
    const char *content_type; /* NULL = application/json, "" = no such header */
    const char *headers;      /* further header lines, each ended by CR LF */
    const char *body;         /* "{id}" is filled in when the path has that parameter */
    size_t body_len;          /* 0 = strlen(body) */
    size_t chunk;             /* bytes in a chunk; 0 = one piece with Content-Length */
    const char *raw;          /* these very bytes in place of head and body */
    size_t raw_len;           /* 0 = strlen(raw) */
    int interim;              /* a 1xx status to send first, at arrival */
    unsigned head_after_ms;   /* counted from the request's arrival */
    unsigned body_after_ms;   /* counted from the request's arrival */
    enum weir_mock_after after;
};

/* Sets the answer of a path, in place of what it had. In a path "{name}" stands for one segment and
 * a last "*" for all the rest; where several fit, the one with the fewest of these wins. */
enum weir_status weir_mock_answer(struct weir_mock *m, const char *path,
                                  const struct weir_mock_answer *answer);
/* Adds one more answer to a path: its n-th request gets the n-th, later ones the last. */
enum weir_status weir_mock_then(struct weir_mock *m, const char *path,
                                const struct weir_mock_answer *answer);

/* Sets the fault of requests to come, in the words of weir-standin: "delay=40ms",
 * "delay=lognormal(20ms,p99=180ms)", "hang", "status=503", "reset", "cut", "drip=1B/100ms",
 * "garbage", "big=10MiB", "rate=5%", as a comma list. NULL or "" ends it. */
enum weir_status weir_mock_fault(struct weir_mock *m, const char *spec);
/* The next n requests get these in turn (NULL or "" = none); then weir_mock_fault's holds again. */
enum weir_status weir_mock_sequence(struct weir_mock *m, const char *const *specs, size_t n);
/* Decides which requests a rate hits and how long a drawn delay is. */
void weir_mock_seed(struct weir_mock *m, uint64_t seed);
/* Why the last fault or sequence was refused, one sentence; valid until the next refusal. */
const char *weir_mock_error(const struct weir_mock *m);

/* From now on answers that are ready wait, until release lets all of them out and ends the holding,
 * or release_one lets out the one that has waited longest. */
void weir_mock_hold(struct weir_mock *m);
void weir_mock_release(struct weir_mock *m);
void weir_mock_release_one(struct weir_mock *m);
/* Closes every connection, as a restart would. Requests in flight on them are not cancellations. */
void weir_mock_drop_connections(struct weir_mock *m);

struct weir_mock_stats {
    unsigned long requests;      /* complete ones, with a path of no route too */
    unsigned long in_flight;     /* arrived and not yet answered whole */
    unsigned long max_in_flight; /* the most at one moment */
    unsigned long held;          /* waiting for release */
    unsigned long answered;      /* to the end of what was scripted */
    unsigned long cancellations; /* the peer closed before its answer was complete */
    unsigned long connections;   /* accepted so far */
    unsigned long open;          /* of these, open now */
};
void weir_mock_stats(struct weir_mock *m, struct weir_mock_stats *out);

enum weir_mock_what {
    WEIR_MOCK_REQUESTS,
    WEIR_MOCK_IN_FLIGHT,
    WEIR_MOCK_MAX_IN_FLIGHT,
    WEIR_MOCK_HELD,
    WEIR_MOCK_ANSWERED,
    WEIR_MOCK_CANCELLATIONS,
    WEIR_MOCK_CONNECTIONS,
    WEIR_MOCK_OPEN,
};
/* Waits until that number is at least n; false when timeout_ms have passed. */
bool weir_mock_wait(struct weir_mock *m, enum weir_mock_what what, unsigned long n, int timeout_ms);
/* Waits until that number has come down to n or less; false when timeout_ms have passed. */
bool weir_mock_wait_down(struct weir_mock *m, enum weir_mock_what what, unsigned long n,
                         int timeout_ms);

/* One request as it came; its strings are valid until stop. */
struct weir_mock_request {
    const char *method, *target;
    const char *head;                              /* request line and headers as received */
    const char *fields;                            /* for weir_mock_header */
    unsigned long connection;                      /* 1 = the first accepted */
    uint64_t arrived_ns, answered_ns, canceled_ns; /* 0 = it has not come to that */
};
/* The i-th request, from 0; false when it has not come. The first 65,536 are remembered. */
bool weir_mock_request(struct weir_mock *m, unsigned long i, struct weir_mock_request *out);
/* The value of its first header of that name, whatever the case; NULL when there is none. */
const char *weir_mock_header(const struct weir_mock_request *request, const char *name);

#endif
