/* libcurl and libevent allocate through our cache, libevent's listeners behind their reserve too. */
#include "app_memory.h"

#include "alloc.h"
#include "engine_memory.h"
#include "listen_reserve.h"

#include <event2/event.h>

/* No memory instead of none of it: where memory was out libcurl 7.88 asks for a table of no slots,
 * and then divides by their number. */
static void *malloc_some(size_t size)
{
    return size > 0 ? alloc_malloc(size) : NULL;
}

bool app_memory_use(void)
{
    static const struct engine_memory memory = {malloc_some, alloc_free, alloc_realloc,
                                                alloc_strdup, alloc_calloc};

    event_set_mem_functions(listen_reserve_malloc, listen_reserve_realloc, alloc_free);
    return engine_use_memory(&memory);
}
