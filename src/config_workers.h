/* How many CPUs this process may use: its affinity, further limited by its control group. */
#ifndef CONFIG_WORKERS_H
#define CONFIG_WORKERS_H

/* At least 1. root is put before /proc and /sys, "" but in tests. */
unsigned config_workers_auto(const char *root);
/* Whole CPUs of a quota of cpu.max's form ("150000 100000" is 2), 0 when there is no limit. */
unsigned config_workers_quota(const char *text);

#endif
