/*
 * Memory that evhttp can count on. libevent 2.1.12 goes through a NULL pointer when memory runs out
 * while evhttp makes a request object, so a listener keeps some blocks aside: lent to libevent for the
 * moments in which evhttp makes one, they stand in for a malloc that fails.
 */
#ifndef LISTEN_RESERVE_H
#define LISTEN_RESERVE_H

#include <stdbool.h>
#include <stddef.h>

#define LISTEN_RESERVE_BLOCK  1024
#define LISTEN_RESERVE_BLOCKS 48 /* a connection with its first request takes a third of them */

struct listen_reserve {
    void *block[LISTEN_RESERVE_BLOCKS];
    unsigned n;
};

/* Fills the reserve up; false when memory is out, and then nothing that needs it should be begun. */
bool listen_reserve_fill(struct listen_reserve *reserve);
/* From now on this thread's libevent falls back on the reserve; NULL ends that. */
void listen_reserve_lend(struct listen_reserve *reserve);
void listen_reserve_done(struct listen_reserve *reserve);

/* libevent's memory functions, with alloc_free as the third. */
void *listen_reserve_malloc(size_t size);
void *listen_reserve_realloc(void *block, size_t size);

#endif
