/* What weir-standin is told by its environment and its command line, which wins. */
#ifndef STANDIN_OPTIONS_H
#define STANDIN_OPTIONS_H

#include "mock_units.h"
#include "standin_fixtures.h"

struct standin_upstream {
    char host[64];
    uint16_t port;
    struct mock_text spec; /* of its fault, at = NULL for none; into argv or the environment */
};

struct standin_options {
    struct standin_upstream upstreams[STANDIN_UPSTREAMS];
    uint64_t seed;
};

enum standin_task { STANDIN_SERVE, STANDIN_HELP, STANDIN_VERSION, STANDIN_USAGE };

/* Reads both; STANDIN_USAGE with one sentence in why when something is wrong. */
enum standin_task standin_options_read(int argc, char **argv, struct standin_options *out,
                                       struct mock_why why);
/* The text of --help. */
const char *standin_options_help(void);

#endif
