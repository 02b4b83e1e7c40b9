#include "log_ring.h"

#include <string.h>
#include <sys/uio.h>

/*
 * Positions only grow; a position's place is (position - base) modulo size. A producer that finds
 * the ring empty moves base up to head, so that a lightly used ring keeps to its first, warm pages.
 * This is safe because the consumer reads base only after it has seen a head beyond its tail: the
 * ring was not empty then, and cannot become so without that consumer.
 */

static size_t place_of(struct log_ring *r, size_t position)
{
    return (position - atomic_load_explicit(&r->base, memory_order_relaxed)) & (r->size - 1);
}

static size_t copy_in(struct log_ring *r, size_t position, const char *from, size_t len)
{
    size_t at = place_of(r, position);
    size_t first = len < r->size - at ? len : r->size - at;

    memcpy(r->data + at, from, first);
    memcpy(r->data, from + first, len - first);
    return position + len;
}

bool log_ring_push(struct log_ring *r, const char *line, size_t len, const char *end)
{
    size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    size_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    size_t end_len = strlen(end);
    size_t room = r->size - (head - tail);

    if (len > room || end_len > room - len)
        return false;
    if (head == tail)
        atomic_store_explicit(&r->base, head, memory_order_relaxed);
    head = copy_in(r, head, line, len);
    head = copy_in(r, head, end, end_len);
    /* Sequentially consistent: what comes next is a look at whether the consumer sleeps. */
    atomic_store(&r->head, head);
    return true;
}

size_t log_ring_used(struct log_ring *r)
{
    size_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);

    return atomic_load(&r->head) - tail;
}

int log_ring_peek(struct log_ring *r, struct iovec *piece, size_t max)
{
    size_t used = log_ring_used(r);
    size_t len = used < max ? used : max;
    size_t at, first;

    if (len == 0)
        return 0;
    at = place_of(r, atomic_load_explicit(&r->tail, memory_order_relaxed));
    first = len < r->size - at ? len : r->size - at;
    piece[0] = (struct iovec){.iov_base = r->data + at, .iov_len = first};
    piece[1] = (struct iovec){.iov_base = r->data, .iov_len = len - first};
    return first < len ? 2 : 1;
}

void log_ring_pop(struct log_ring *r, size_t n)
{
    size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

    atomic_store_explicit(&r->tail, tail + n, memory_order_release);
}
