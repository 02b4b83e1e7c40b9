#include "bench.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUND_NS 10e6
#define ROUNDS   21
#define ROWS_MAX 16

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double time_of(const struct bench_row *row, unsigned long n)
{
    double start = now_ns();

    row->run(row->arg, n);
    return now_ns() - start;
}

/* How many operations fill a round; warms up caches and the branch predictor on the way. */
static unsigned long calibrate(const struct bench_row *row)
{
    unsigned long n = 1;
    double took;

    while ((took = time_of(row, n)) < ROUND_NS / 4)
        n *= 2;
    n = (unsigned long)((double)n * ROUND_NS / took);
    return n > 0 ? n : 1;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof(*values), compare);
    return values[ROUNDS / 2];
}

static void print_row(const struct bench_row *row, double *ns, const double *base_ns)
{
    double ratio[ROUNDS], middle;

    for (int i = 0; i < ROUNDS; i++)
        ratio[i] = ns[i] / base_ns[i];
    middle = median(ns);
    printf("  %-44s %11.1f  (%.1f … %.1f)", row->name, middle, ns[0], ns[ROUNDS - 1]);
    if (row->bytes > 0)
        printf("  %5.0f MB/s", (double)row->bytes / middle * 1e3);
    printf("  %.3g\n", median(ratio));
}

void bench_group(const char *title, const struct bench_row *rows, size_t n_rows)
{
    static double ns[ROWS_MAX][ROUNDS];
    double base[ROUNDS];
    unsigned long n[ROWS_MAX];

    bench_must(n_rows > 0 && n_rows <= ROWS_MAX, "a group has 1 to 16 rows");
    for (size_t r = 0; r < n_rows; r++)
        n[r] = calibrate(&rows[r]);
    for (int i = 0; i < ROUNDS; i++)
        for (size_t r = 0; r < n_rows; r++)
            ns[r][i] = time_of(&rows[r], n[r]) / (double)n[r];
    memcpy(base, ns[0], sizeof(base));
    printf("%s: ns per operation, median (least … most), ratio to the first\n", title);
    for (size_t r = 0; r < n_rows; r++)
        print_row(&rows[r], ns[r], base);
    fflush(stdout);
}

void bench_must(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "bench: this does not hold: %s\n", what);
    exit(1);
}
