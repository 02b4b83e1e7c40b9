/* The cache of freed blocks against malloc: what libcurl and libevent ask for during a request. */
#include "alloc.h"
#include "bench.h"

#include <stdlib.h>

#define HELD 400 /* blocks that are alive at once when some forty requests are in flight */

static const size_t sizes[] = {24, 40, 96, 17, 64, 312, 128, 33, 1024, 56}; /* as seen in a profile */
#define SIZES (sizeof(sizes) / sizeof(*sizes))

struct allocator {
    void *(*get)(size_t size);
    void (*give)(void *block);
};

/* Each block is given back before the next is asked for. */
static void one_by_one(void *arg, unsigned long n)
{
    const struct allocator *a = arg;

    for (unsigned long i = 0; i < n; i++) {
        void *block = a->get(sizes[i % SIZES]);

        bench_keep(block);
        a->give(block);
    }
}

/* The oldest of many blocks is given back, then the next is asked for. */
static void many_held(void *arg, unsigned long n)
{
    const struct allocator *a = arg;
    void *held[HELD] = {NULL};

    for (unsigned long i = 0; i < n; i++) {
        void **block = &held[i * 7 % HELD];

        a->give(*block);
        *block = a->get(sizes[i % SIZES]);
        bench_keep(*block);
    }
    for (size_t i = 0; i < HELD; i++)
        a->give(held[i]);
}

int main(void)
{
    static struct allocator with_malloc = {malloc, free}, with_cache = {alloc_malloc, alloc_free};
    const struct bench_row alone[] = {
        {"malloc, free", one_by_one, &with_malloc, 0},
        {"alloc_malloc, alloc_free", one_by_one, &with_cache, 0},
    };
    const struct bench_row held[] = {
        {"malloc, free", many_held, &with_malloc, 0},
        {"alloc_malloc, alloc_free", many_held, &with_cache, 0},
    };

    bench_group("one block after the other", alone, 2);
    bench_group("400 blocks held", held, 2);
    alloc_flush();
    return 0;
}
