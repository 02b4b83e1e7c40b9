/*
 * A bounded queue of whole lines between one producer thread and one consumer thread, no locks.
 * Bytes are published line by line, so what the consumer sees always ends with a line's end.
 */
#ifndef LOG_RING_H
#define LOG_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct iovec;

/* Zeroed, then data and size set by the owner, who frees data too. */
struct log_ring {
    char *data;
    size_t size;                      /* a power of two */
    _Alignas(64) _Atomic size_t head; /* bytes ever pushed; the producer's */
    _Atomic size_t base;              /* the position that stands at data[0]; the producer's */
    _Alignas(64) _Atomic size_t tail; /* bytes ever popped; the consumer's */
};

/* Producer: queues line and end as one whole, or nothing: false when there is no room. */
bool log_ring_push(struct log_ring *r, const char *line, size_t len, const char *end);
/* Either side: bytes queued, always whole lines for the producer. */
size_t log_ring_used(struct log_ring *r);
/* Consumer: the first bytes (at most max, at most what is queued) as one or two pieces; their
 * number. */
int log_ring_peek(struct log_ring *r, struct iovec *piece, size_t max);
/* Consumer: gives the room of the first n bytes back. */
void log_ring_pop(struct log_ring *r, size_t n);

#endif
