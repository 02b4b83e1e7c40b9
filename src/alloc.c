/*
 * malloc keeps seven freed blocks of a size at hand for each thread; with tens of requests in flight that
 * is not enough, and most calls take the long way. This keeps more. A block is cached by what malloc
 * says it can hold, so a size asked for again finds exactly such blocks. With a sanitizer everything
 * goes straight to malloc, so that it sees each use after free.
 */
#include "alloc.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define STEP         16 /* malloc's own granularity */
#define MAX_SIZE     ((size_t)4096)
#define CLASSES      (MAX_SIZE / STEP + 1)
#define CLASS_BYTES  ((size_t)16 * 1024)  /* cached at most in one class… */
#define CLASS_LEAST  16                   /* …but so many blocks at any rate */
#define WIDEN_SIZE   ((size_t)120 * 1024) /* below what malloc maps by itself (mallopt(3)) */
#define WIDEN_BLOCKS 256                  /* 30 MiB: some 1,500 requests in flight */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CACHED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CACHED 0
#endif
#endif
#ifndef CACHED
#define CACHED 1
#endif

struct block {
    struct block *next;
};

struct class {
    struct block *first;
    unsigned count;
};

static _Thread_local struct class classes[CLASSES];

/* The class whose blocks hold at least size; malloc's blocks hold 8 bytes more than a multiple of 16. */
static size_t class_for(size_t size)
{
    return size <= STEP + 8 ? 1 : (size + STEP - 8 - 1) / STEP;
}

static bool is_full(const struct class *c, size_t class)
{
    return c->count >= CLASS_LEAST && c->count * class * STEP >= CLASS_BYTES;
}

void *alloc_malloc(size_t size)
{
    struct class *c;
    struct block *b;

    if (!CACHED || size > MAX_SIZE)
        return malloc(size);
    c = &classes[class_for(size)];
    b = c->first;
    if (b == NULL)
        return malloc(size);
    c->first = b->next;
    c->count--;
    return b;
}

void alloc_free(void *block)
{
    struct block *b = block;
    struct class *c;
    size_t class;

    if (b == NULL)
        return;
    class = CACHED ? (malloc_usable_size(b) - 8) / STEP : CLASSES;
    c = class > 0 && class < CLASSES ? &classes[class] : NULL;
    if (c == NULL || is_full(c, class)) {
        free(b);
        return;
    }
    b->next = c->first;
    c->first = b;
    c->count++;
}

void *alloc_calloc(size_t n, size_t size)
{
    size_t all;
    void *block;

    if (!CACHED || __builtin_mul_overflow(n, size, &all) || all > MAX_SIZE)
        return calloc(n, size);
    block = alloc_malloc(all);
    if (block != NULL)
        memset(block, 0, all);
    return block;
}

void *alloc_realloc(void *block, size_t size)
{
    return block == NULL ? alloc_malloc(size) : realloc(block, size);
}

char *alloc_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = alloc_malloc(size);

    return copy == NULL ? NULL : memcpy(copy, text, size);
}

/* glibc grows the heap of every thread but the first page by page, with a system call for each
 * (mprotect); what has been part of it once comes back without. Freed from the first to the last,
 * the blocks go back to the kernel in one piece. */
void alloc_widen(void)
{
    void *blocks[WIDEN_BLOCKS];

    if (!CACHED)
        return;
    for (size_t i = 0; i < WIDEN_BLOCKS; i++)
        blocks[i] = malloc(WIDEN_SIZE);
    for (size_t i = 0; i < WIDEN_BLOCKS; i++)
        free(blocks[i]);
}

void alloc_flush(void)
{
    for (size_t i = 0; i < CLASSES; i++) {
        struct block *b;

        while ((b = classes[i].first) != NULL) {
            classes[i].first = b->next;
            free(b);
        }
        classes[i].count = 0;
    }
}
