#include "metrics_process.h"
#include "metrics_text.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Fields of /proc/self/stat by the numbers of proc(5). */
enum { STAT_THREADS = 20, STAT_START_TICKS = 22, STAT_VSIZE = 23, STAT_RSS_PAGES = 24 };

enum { STAT_BYTES = 1024 };

/* Reads the beginning of a small file as text; false when there is none. */
static bool read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t got = 1;

    if (fd < 0)
        return false;
    while (got > 0 && len < size - 1) {
        got = read(fd, text + len, size - 1 - len);
        len += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    text[len] = '\0';
    return len > 0;
}

/* One number of /proc/self/stat; the program's name, which may hold anything, ends at the last ')'.
 */
static uint64_t stat_field(const char *stat, int number)
{
    const char *at = strrchr(stat, ')');

    for (int field = 2; at != NULL && field < number; field++)
        at = strchr(at + 1, ' ');
    return at == NULL ? 0 : strtoull(at + 1, NULL, 10);
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec ts;

    if (clock_gettime(clock, &ts) != 0)
        return 0;
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t metrics_process_started_ns(void)
{
    uint64_t ticks_per_second = (uint64_t)sysconf(_SC_CLK_TCK);
    char stat[STAT_BYTES];
    uint64_t after_boot_ns;

    if (!read_text("/proc/self/stat", stat, sizeof stat))
        return 0;
    after_boot_ns = stat_field(stat, STAT_START_TICKS) * (1000000000u / ticks_per_second);
    return clock_ns(CLOCK_REALTIME) - (clock_ns(CLOCK_BOOTTIME) - after_boot_ns);
}

static void print_u64(struct buf *out, const char *name, const char *help, uint64_t value)
{
    metrics_text_family(out, name, "gauge", help);
    metrics_text_u64(out, name, "", value);
}

static void print_seconds(struct buf *out, const char *name, const char *type, const char *help,
                          uint64_t ns)
{
    if (ns == 0)
        return;
    metrics_text_family(out, name, type, help);
    metrics_text_seconds(out, name, "", ns);
}

static void print_descriptors(struct buf *out)
{
    DIR *dir = opendir("/proc/self/fd");
    struct rlimit limit;
    uint64_t count = 0;

    if (dir != NULL) {
        for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
            count += entry->d_name[0] != '.';
        closedir(dir);
        /* one of them was the directory's own */
        print_u64(out, "process_open_fds", "Number of open file descriptors.", count - 1);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        print_u64(out, "process_max_fds", "Maximum number of open file descriptors.",
                  (uint64_t)limit.rlim_cur);
}

void metrics_process_print(struct buf *out, uint64_t started_ns)
{
    char stat[STAT_BYTES];

    print_seconds(out, "process_cpu_seconds_total", "counter",
                  "Total user and system CPU time spent in seconds.",
                  clock_ns(CLOCK_PROCESS_CPUTIME_ID));
    print_seconds(out, "process_start_time_seconds", "gauge",
                  "Start time of the process since unix epoch in seconds.", started_ns);
    print_descriptors(out);
    if (!read_text("/proc/self/stat", stat, sizeof stat))
        return;
    print_u64(out, "process_resident_memory_bytes", "Resident memory size in bytes.",
              stat_field(stat, STAT_RSS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE));
    print_u64(out, "process_virtual_memory_bytes", "Virtual memory size in bytes.",
              stat_field(stat, STAT_VSIZE));
    print_u64(out, "process_threads", "Number of OS threads in the process.",
              stat_field(stat, STAT_THREADS));
}
