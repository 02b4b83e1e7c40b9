/*
 * A cache of small freed blocks in front of malloc, for the libraries that allocate a hundred times for
 * each request: libcurl and libevent take it through their hooks. Blocks are malloc's own, so either side
 * may free them. One cache per thread, bounded; nothing is shared or locked.
 */
#ifndef ALLOC_H
#define ALLOC_H

#include <stddef.h>

void *alloc_malloc(size_t size);
void *alloc_calloc(size_t n, size_t size);
void *alloc_realloc(void *block, size_t size);
char *alloc_strdup(const char *text);
void alloc_free(void *block);

/* Prepares this thread's heap for many requests at once. Costs address space, but no memory; takes
 * a millisecond. */
void alloc_widen(void);
/* Gives this thread's cached blocks back to malloc; call it at the thread's end. */
void alloc_flush(void);

#endif
