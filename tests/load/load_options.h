/* What the generator was asked to do. */
#ifndef LOAD_OPTIONS_H
#define LOAD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct load_options {
    double rate;          /* requests a second; 0 = closed loop */
    unsigned connections; /* closed loop: so many, each asks again when it was answered */
    uint64_t seconds_ns;  /* measured */
    uint64_t warmup_ns;   /* before that, not measured */
    uint64_t timeout_ns;  /* an answer later than this is lost */
    double leave_share;   /* share of the clients that leave ... */
    uint64_t leave_ns;    /* ... so long after they asked */
    bool json;            /* check that each body is JSON */
    bool progress;        /* one line on stderr each half second */
    const char *host, *port, *path;
};

/* Reads the command line; false after it has said on stderr what is wrong. */
bool load_options_read(int argc, char **argv, struct load_options *out);

#endif
