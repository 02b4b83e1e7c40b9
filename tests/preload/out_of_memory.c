/*
 * Preloaded into weir by tests/system/oom: makes memory run out on demand. The file that OOM_CONTROL
 * names is shared with the test: allocations of threads other than the first are counted in seen; those
 * from the number first on, as many as length says, fail, and failed counts them.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct control {
    _Atomic int64_t seen, first, length, failed;
    _Atomic int64_t where; /* 0: all threads but the first, 1: the first too */
};

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void (*real_free)(void *);
static struct control *control;
static char early[16384]; /* for dlsym, before it has found malloc */
static size_t early_used;

static void *early_alloc(size_t size)
{
    void *block = early + early_used;

    early_used += (size + 15) / 16 * 16;
    if (early_used > sizeof(early))
        abort();
    return block;
}

static int is_early(const void *block)
{
    return (uintptr_t)block - (uintptr_t)early < sizeof(early);
}

static void find(void)
{
    static _Atomic int finding;

    if (real_realloc != NULL || atomic_exchange(&finding, 1))
        return;
    real_malloc = (void *(*)(size_t))(uintptr_t)dlsym(RTLD_NEXT, "malloc");
    real_calloc = (void *(*)(size_t, size_t))(uintptr_t)dlsym(RTLD_NEXT, "calloc");
    real_realloc = (void *(*)(void *, size_t))(uintptr_t)dlsym(RTLD_NEXT, "realloc");
    real_free = (void (*)(void *))(uintptr_t)dlsym(RTLD_NEXT, "free");
}

__attribute__((constructor)) static void open_control(void)
{
    const char *path = getenv("OOM_CONTROL");
    int fd = path ? open(path, O_RDWR) : -1;
    void *page;

    find();
    if (fd < 0)
        return;
    page = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (page != MAP_FAILED)
        control = page;
}

/* Whether this allocation is one of those that fail. */
static int fails(void)
{
    int64_t at;

    if (control == NULL || atomic_load(&control->length) == 0 ||
        (!atomic_load(&control->where) && syscall(SYS_gettid) == getpid()))
        return 0;
    at = atomic_fetch_add(&control->seen, 1) - atomic_load(&control->first);
    if (at < 0 || at >= atomic_load(&control->length))
        return 0;
    atomic_fetch_add(&control->failed, 1);
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    find();
    if (real_malloc == NULL)
        return early_alloc(size);
    return fails() ? NULL : real_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    find();
    if (real_calloc == NULL)
        return early_alloc(n * size);
    return fails() ? NULL : real_calloc(n, size);
}

void *realloc(void *block, size_t size)
{
    void *fresh;

    find();
    if (is_early(block)) {
        fresh = malloc(size);
        return fresh ? memcpy(fresh, block, size) : NULL;
    }
    return fails() ? NULL : real_realloc(block, size);
}

void free(void *block)
{
    if (block != NULL && real_free != NULL && !is_early(block))
        real_free(block);
}

/* weir's cache of freed blocks keeps nothing that holds nothing: each allocation comes here. */
size_t malloc_usable_size(void *block)
{
    (void)block;
    return 0;
}
