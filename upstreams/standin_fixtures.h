/* The three upstream services and what they answer, compiled in. */
#ifndef STANDIN_FIXTURES_H
#define STANDIN_FIXTURES_H

#include <stddef.h>
#include <stdint.h>

#define STANDIN_UPSTREAMS 3

struct standin_fixture {
    const char *name; /* "profile" */
    const char *path; /* "/users/{id}/profile" */
    const char *env;  /* where its port may stand */
    uint16_t port;    /* where it listens when nothing is said */
    const char *body; /* JSON with {id} in it */
    size_t body_len;
};

/* One of the upstreams, from 0. */
struct standin_fixture standin_fixtures_get(unsigned i);

#endif
