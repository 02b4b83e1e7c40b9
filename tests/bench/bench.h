/*
 * Micro benchmarks: groups of rows that are measured in turn, round by round, so that whatever else the
 * machine does meets all of them. Times are of this thread's CPU. The first row of a group is what the
 * others are compared with; each round gives a ratio, and the median of those is printed.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>

struct bench_row {
    const char *name;
    void (*run)(void *arg, unsigned long n); /* does the thing n times */
    void *arg;
    size_t bytes; /* that one operation goes through; 0: MB/s mean nothing */
};

/* Measures and prints a group; n_rows is at most 16. */
void bench_group(const char *title, const struct bench_row *rows, size_t n_rows);

/* Ends the program with a message when something that must hold does not: a benchmark that does
 * not do its work is worth nothing. */
void bench_must(int holds, const char *what);

/* Makes the compiler believe that somebody reads a result, and all memory. */
static inline void bench_keep(const void *result)
{
    __asm__ volatile("" : : "r"(result) : "memory");
}

/* Makes the compiler forget what it knows of a value. */
static inline size_t bench_any(size_t value)
{
    __asm__ volatile("" : "+r"(value));
    return value;
}

#endif
