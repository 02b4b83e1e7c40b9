/*
 * Put before the system's own by LD_PRELOAD, for tests:
 * - names: those that end in ".hangs" are never resolved, in ".missing" do not exist, in ".here"
 * are 127.0.0.1; all others are as ever
 * - while the file that FAKE_STUCK names exists, every thread but the first hangs when it accepts
 */
#include <dlfcn.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef int lookup_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);
typedef int accept_fn(int, struct sockaddr *, socklen_t *, int);

static bool ends_in(const char *name, const char *end)
{
    size_t len = name ? strlen(name) : 0, n = strlen(end);

    return len > n && strcmp(name + len - n, end) == 0;
}

/* The function of that name that would be called without this library. */
static void next(const char *name, void *fn)
{
    void *found = dlsym(RTLD_NEXT, name);

    memcpy(fn, &found, sizeof(found));
}

int getaddrinfo(const char *restrict node, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict found)
{
    lookup_fn *real;

    while (ends_in(node, ".hangs"))
        pause();
    if (ends_in(node, ".missing"))
        return EAI_NONAME;
    next("getaddrinfo", &real);
    return real(ends_in(node, ".here") ? "127.0.0.1" : node, service, hints, found);
}

int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    const char *stuck = getenv("FAKE_STUCK");
    accept_fn *real;

    while (stuck != NULL && gettid() != getpid() && access(stuck, F_OK) == 0)
        usleep(1000);
    next("accept4", &real);
    return real(fd, address, len, flags);
}
