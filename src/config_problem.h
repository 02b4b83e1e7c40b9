/*
 * Collecting what is wrong with a configuration: one line each, all of them, made printable. A
 * reader of a single value says what is wrong into a struct config_why; whoever knows the place
 * makes the line of it.
 */
#ifndef CONFIG_PROBLEM_H
#define CONFIG_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

struct config_problems {
    struct buf *out; /* borrowed */
    size_t n;
    size_t left_out; /* of them, for want of room */
};

/* Why one value is not accepted, without the place: "\"500\" has no unit (…)". */
struct config_why {
    char text[400];
};

/* A value in quotes, shortened when it is long. */
struct config_quoted {
    char text[160];
};

/* Adds one line; control bytes in it become '?'. */
__attribute__((format(printf, 2, 3))) void config_problem(struct config_problems *problems,
                                                          const char *format, ...);
/* Ends the list: says how many found no room. */
void config_problem_end(struct config_problems *problems);
void config_problem_no_memory(struct config_problems *problems);

/* Says why and returns false, so that a reader can end with it. */
__attribute__((format(printf, 2, 3))) bool config_say(struct config_why *why, const char *format,
                                                      ...);

struct config_quoted config_quote(const char *text);

/* The name among n (each read by at(names, i)) that a mistyped one was probably meant to be, or
 * NULL when none is near. */
const char *config_nearest(const char *name, const char *(*at)(const void *names, size_t i),
                           const void *names, size_t n);

#endif
