/* Memory functions for the transfer library, for programs that bring their own. */
#ifndef ENGINE_MEMORY_H
#define ENGINE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

struct engine_memory {
    void *(*malloc)(size_t size);
    void (*free)(void *block);
    void *(*realloc)(void *block, size_t size);
    char *(*strdup)(const char *text);
    void *(*calloc)(size_t n, size_t size);
};

/* Before weir_global_init and any other use of the engine. False when the library cannot start. */
bool engine_use_memory(const struct engine_memory *memory);

#endif
