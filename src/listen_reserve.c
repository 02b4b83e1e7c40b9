/* See listen_reserve.h. */
#include "listen_reserve.h"

#include "alloc.h"

#include <stdlib.h>

static _Thread_local struct listen_reserve *lent;

bool listen_reserve_fill(struct listen_reserve *r)
{
    while (r->n < LISTEN_RESERVE_BLOCKS) {
        r->block[r->n] = malloc(LISTEN_RESERVE_BLOCK);
        if (r->block[r->n] == NULL)
            return false;
        r->n++;
    }
    return true;
}

void listen_reserve_lend(struct listen_reserve *r)
{
    lent = r;
}

void listen_reserve_done(struct listen_reserve *r)
{
    while (r->n > 0)
        free(r->block[--r->n]);
}

void *listen_reserve_malloc(size_t size)
{
    void *block = alloc_malloc(size);

    if (block == NULL && lent != NULL && lent->n > 0 && size <= LISTEN_RESERVE_BLOCK)
        block = lent->block[--lent->n];
    return block;
}

void *listen_reserve_realloc(void *block, size_t size)
{
    return block == NULL ? listen_reserve_malloc(size) : alloc_realloc(block, size);
}
