#include "alloc.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Blocks of every size around the classes hold what was asked for, again and again. */
Test(alloc, every_size_holds_its_bytes)
{
    void *blocks[64];

    for (size_t round = 0; round < 3; round++)
        for (size_t size = 0; size < 5000; size += size < 600 ? 1 : 37) {
            for (size_t i = 0; i < 64; i++) {
                blocks[i] = i % 2 ? alloc_malloc(size) : alloc_calloc(1, size);
                cr_assert(blocks[i] != NULL);
                cr_assert((uintptr_t)blocks[i] % 16 == 0);
                for (size_t k = 0; i % 2 == 0 && k < size; k++)
                    cr_assert(((char *)blocks[i])[k] == 0, "calloc of %zu is not clean", size);
                memset(blocks[i], (int)i + 1, size);
            }
            for (size_t i = 0; i < 64; i++) {
                for (size_t k = 0; k < size; k++)
                    cr_assert(((unsigned char *)blocks[i])[k] == i + 1, "blocks of %zu overlap", size);
                alloc_free(blocks[i]);
            }
        }
    alloc_flush();
}

Test(alloc, blocks_are_mallocs_own)
{
    char *a = alloc_malloc(100), *b = malloc(100);

    a = alloc_realloc(a, 5000);
    cr_assert(a != NULL);
    free(a);
    alloc_free(b);
    a = alloc_strdup("text");
    cr_expect_str_eq(a, "text");
    alloc_free(a);
    alloc_free(NULL);
    alloc_flush();
}
