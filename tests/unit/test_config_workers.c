#include <criterion/criterion.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config_workers.h"

#define FILES_MAX 4

/* Makes a file and the directories above it below root. */
static void make_file(const char *root, const char *path, const char *text)
{
    char full[512];
    FILE *file;

    snprintf(full, sizeof(full), "%s%s", root, path);
    for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')) != NULL; p++) {
        *p = '\0';
        mkdir(full, 0700);
        *p = '/';
    }
    file = fopen(full, "w");
    cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0, "%s", full);
}

static void remove_tree(const char *root)
{
    char command[600];

    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    cr_assert(system(command) == 0);
}

Test(config_workers, quotas_are_rounded_up)
{
    static const struct {
        const char *text;
        unsigned cpus;
    } cases[] = {
        {"max 100000", 0},
        {"100000 100000", 1},
        {"150000 100000", 2},
        {"10000 100000", 1},
        {"400000 100000", 4},
        {"-1 100000", 0},
        {"", 0},
        {"100000", 0},
        {"100000 0", 0},
        {"9223372036854775807 1", 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        cr_expect_eq(config_workers_quota(cases[i].text), cases[i].cpus, "%s", cases[i].text);
}

Test(config_workers, the_smallest_limit_counts)
{
    static const struct {
        const char *name;
        struct {
            const char *path, *text;
        } files[FILES_MAX];
        unsigned quota; /* 0: only the affinity limits */
    } cases[] = {
        {"no control groups", {{NULL, NULL}}, 0},
        {"version 2, the group itself",
         {{"/proc/self/cgroup", "0::/a/b\n"}, {"/sys/fs/cgroup/a/b/cpu.max", "100000 100000\n"}},
         1},
        {"version 2, a group above",
         {{"/proc/self/cgroup", "0::/a/b\n"},
          {"/sys/fs/cgroup/a/b/cpu.max", "max 100000\n"},
          {"/sys/fs/cgroup/a/cpu.max", "50000 100000\n"}},
         1},
        {"version 2, the root of a container",
         {{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/cpu.max", "90000 100000\n"}},
         1},
        {"version 1",
         {{"/proc/self/cgroup", "5:memory:/x\n4:cpu,cpuacct:/x\n"},
          {"/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "70000\n"},
          {"/sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n"}},
         1},
        {"version 1, the host's path not visible",
         {{"/proc/self/cgroup", "4:cpuacct,cpu:/docker/1\n"},
          {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "70000\n"},
          {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}},
         1},
        {"version 1, another controller",
         {{"/proc/self/cgroup", "4:cpuset:/x\n"},
          {"/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "70000\n"},
          {"/sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n"}},
         0},
        {"no limit",
         {{"/proc/self/cgroup", "0::/a\n"}, {"/sys/fs/cgroup/a/cpu.max", "max 100000\n"}},
         0},
    };
    cpu_set_t set;
    unsigned all = sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char root[] = "/tmp/weir-workers-XXXXXX";

        cr_assert(mkdtemp(root) != NULL);
        for (size_t j = 0; j < FILES_MAX && cases[i].files[j].path; j++)
            make_file(root, cases[i].files[j].path, cases[i].files[j].text);
        cr_expect_eq(config_workers_auto(root), cases[i].quota ? cases[i].quota : all, "%s",
                     cases[i].name);
        remove_tree(root);
    }
}
