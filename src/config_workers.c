#include "config_workers.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 4096

static unsigned affinity(void)
{
    unsigned n = 1;

    for (size_t cpus = 1024; cpus <= 1 << 16; cpus *= 4) {
        cpu_set_t *set = CPU_ALLOC(cpus);
        size_t size = CPU_ALLOC_SIZE(cpus);
        bool known = set && sched_getaffinity(0, size, set) == 0;

        if (known)
            n = (unsigned)CPU_COUNT_S(size, set);
        CPU_FREE(set);
        if (known)
            break;
    }
    return n > 0 ? n : 1;
}

unsigned config_workers_quota(const char *text)
{
    char *end;
    long long quota = strtoll(text, &end, 10);
    long long period = end != text ? strtoll(end, NULL, 10) : 0;

    if (quota <= 0 || period <= 0 || quota / period >= INT_MAX)
        return 0;
    return (unsigned)(quota / period + (quota % period != 0));
}

/* The first line of a file, without its end, or "". */
static void first_line(const char *path, char *line, int size)
{
    FILE *file = fopen(path, "re");

    if (!file || !fgets(line, size, file))
        line[0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    if (file)
        fclose(file);
}

/* The quota of one group's directory: version 2's one file, or version 1's two. */
static unsigned group_quota(const char *dir, bool v2)
{
    char path[PATH_BYTES + 32], quota[64], period[32];

    snprintf(path, sizeof(path), "%s/%s", dir, v2 ? "cpu.max" : "cpu.cfs_quota_us");
    first_line(path, quota, 32);
    if (!v2) {
        snprintf(path, sizeof(path), "%s/cpu.cfs_period_us", dir);
        first_line(path, period, sizeof(period));
        strcat(quota, " ");
        strcat(quota, period);
    }
    return config_workers_quota(quota);
}

/* The least quota from a group up to the root of its hierarchy, or least. */
static unsigned tree_quota(const char *base, const char *group, bool v2, unsigned least)
{
    char dir[PATH_BYTES];
    size_t base_len = strlen(base);

    if ((size_t)snprintf(dir, sizeof(dir), "%s%s", base, group) >= sizeof(dir))
        return least;
    for (;;) {
        unsigned quota = group_quota(dir, v2);
        char *slash = strrchr(dir, '/');

        if (quota > 0 && quota < least)
            least = quota;
        if (!slash || slash < dir + base_len)
            return least;
        *slash = '\0';
    }
}

/* Whether a comma-separated list of controllers names cpu. */
static bool names_cpu(const char *list, size_t len)
{
    while (len > 0) {
        const char *comma = memchr(list, ',', len);
        size_t one = comma ? (size_t)(comma - list) : len;

        if (one == 3 && memcmp(list, "cpu", 3) == 0)
            return true;
        list += comma ? one + 1 : one;
        len -= comma ? one + 1 : one;
    }
    return false;
}

unsigned config_workers_auto(const char *root)
{
    unsigned n = affinity();
    char line[PATH_BYTES], path[PATH_BYTES];
    FILE *file;

    snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
    file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file)) { /* "0::/group" or "4:cpu,cpuacct:/group" */
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        bool v2 = group == controllers + 1;

        if (!group)
            continue;
        line[strcspn(line, "\n")] = '\0';
        if (!v2 && !names_cpu(controllers + 1, (size_t)(group - controllers) - 1))
            continue;
        snprintf(path, sizeof(path), "%.1024s/sys/fs/cgroup%s", root, v2 ? "" : "/cpu");
        n = tree_quota(path, group + 1, v2, n);
    }
    if (file)
        fclose(file);
    return n;
}
