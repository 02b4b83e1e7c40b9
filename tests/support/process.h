/* A program under test: started with an environment of its own, its lines kept, its end awaited. */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct process;

/* Starts a program with exactly these "NAME=value" settings (ended by NULL) and arguments (ended by
 * NULL, the program itself left out). Both its outputs are collected. It dies with the test. */
struct process *process_start(const char *program, const char *const *env,
                              const char *const *arguments);
pid_t process_pid(const struct process *p);
/* Sends a signal. */
void process_signal(struct process *p, int signal);
/* Waits until n lines (of either output) hold the text; the n-th, or NULL when the time is over.
 * Valid until process_free. */
const char *process_wait_line(struct process *p, const char *text, unsigned n, int timeout_ms);
/* How many lines so far hold the text. */
unsigned process_count_lines(struct process *p, const char *text);
/* Everything printed so far on stderr and stdout, NUL-terminated; free() it. */
char *process_output(struct process *p);
/* The exit status (128 + signal when it was killed), or -1 when it has not ended in time. */
int process_wait_exit(struct process *p, int timeout_ms);
/* Stops reading its output from now on, so that its pipes fill. */
void process_stop_reading(struct process *p);
/* Kills what still runs and frees. */
void process_free(struct process *p);

/* weir on free ports of loopback, with three mocks' URLs and further settings; waits until it
 * listens and fails the test when it does not. Sanitizer options of the test are handed on. */
struct weir {
    struct process *process;
    unsigned port, admin_port;
};
void weir_start(struct weir *w, const char *const *settings);
/* Sends TERM and asserts that it exits cleanly (0), without a sanitizer's complaint. */
void weir_stop(struct weir *w);
/* The same for one that has been told to stop already. */
void weir_end(struct weir *w);

/* The number behind a metric (exact line start, labels included) on the admin page; -1 = absent. */
double weir_metric(const struct weir *w, const char *series);
/* Waits until that metric has the value; false when the time is over. */
bool weir_wait_metric(const struct weir *w, const char *series, double value, int timeout_ms);
/* Open descriptors and resident KiB of the process. */
unsigned process_descriptors(const struct process *p);
long process_resident_kib(const struct process *p);

#endif
