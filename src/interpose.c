/*
 * Two functions of the C library as libcurl calls them, for the program weir alone: what a program
 * defines itself comes before the shared libraries' own (ld.so(8)). libcurl asks for the time some
 * 35 times a transfer and polls each connection twice before it waits. While it is called by a
 * loop:
 * - clock_gettime tells the moment at which that call began. A call lasts microseconds; curl's own
 *   shortest step is a millisecond.
 * - poll is asked once whether there is something to read on a kept-alive connection, as curl does
 * before it uses it. When it asks again, having sent the request, the answer is the same: the loop
 *   watches that descriptor and tells what comes. An idle connection with something to read is told
 * to be over (see curl_loop.c); curl alone would use it. All other calls go to the system. Left out
 * with sanitizers, which put functions of their own here.
 */
#include "curl_loop.h"

#include <dlfcn.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef int clock_fn(clockid_t clock, struct timespec *at);

static clock_fn *system_clock;

/* Before main, so before there are threads; what other libraries ask even earlier is a system call.
 */
__attribute__((constructor)) static void find_clock(void)
{
    void *found = dlsym(RTLD_NEXT, "clock_gettime");

    memcpy(&system_clock, &found, sizeof(system_clock));
}

int clock_gettime(clockid_t clock, struct timespec *at)
{
    if (clock == CLOCK_MONOTONIC && curl_loop_call_began(at))
        return 0;
    return system_clock ? system_clock(clock, at) : (int)syscall(SYS_clock_gettime, clock, at);
}

static int answer_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
    struct timespec wait = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000};
    bool peeks = n == 1 && timeout_ms == 0 && !(fds->events & POLLOUT);
    int ready;

    if (peeks && curl_loop_is_quiet(fds->fd)) {
        fds->revents = 0;
        return 0;
    }
    ready = ppoll(fds, n, timeout_ms < 0 ? NULL : &wait, NULL);
    if (peeks && ready == 0)
        curl_loop_note_quiet(fds->fd);
    else if (peeks && curl_loop_is_idle(fds->fd))
        fds->revents |= POLLNVAL;
    return ready;
}

/* An alias, since poll as declared only writes to fds and the compiler would warn of reading them.
 */
int poll(struct pollfd *fds, nfds_t n, int timeout_ms) __attribute__((alias("answer_poll")));
