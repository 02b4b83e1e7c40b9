/*
 * Host names become addresses without the loop ever waiting: a thread lives for as long as one
 * lookup runs, one lookup for a name at a time, so a name that hangs delays nobody else. The last
 * good addresses stay when a later lookup fails; an answer older than the time to live is renewed
 * in the background on its next use. A resolver belongs to the thread of its loop.
 */
#ifndef RESOLVE_H
#define RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct weir_loop;
struct resolve;      /* all names of one loop */
struct resolve_name; /* one name, with what is known of it */

enum resolve_state {
    RESOLVE_PENDING, /* nothing known yet, a lookup runs: its thread wakes the waiters */
    RESOLVE_READY,   /* addresses known, fresh or the last good ones */
    RESOLVE_FAILED   /* nothing known and the last lookup failed a moment ago */
};

#define RESOLVE_HOST_MAX 255
#define RESOLVE_TEXT_MAX 1024

/*
 * Looks one host up, may block, runs on a thread of its own: writes the addresses, separated by
 * commas, IPv6 in brackets, into text and returns 0, or anything else when there are none.
 */
typedef int resolve_lookup_fn(const char *host, char *text, size_t size);

/* A resolver on the loop; answers older than ttl_ns are renewed. NULL when something is out. */
struct resolve *resolve_new(struct event_base *base, struct weir_loop *loop, int64_t ttl_ns);
/* Frees it with its names; never waits for a lookup that runs. Nobody may wait for a name. */
void resolve_free(struct resolve *resolve);
/* Replaces the system's lookup, for tests. */
void resolve_set_lookup(struct resolve *resolve, resolve_lookup_fn *lookup);

/* Whether host is an address already (IPv6 without brackets) and needs no lookup. */
bool resolve_is_literal(const char *host);

/* The record of a host, the same for the same name, alive until the resolver is freed. NULL when
 * memory is out or the name is too long. */
struct resolve_name *resolve_name(struct resolve *resolve, const char *host);
/* What is known of the name right now; starts a lookup where one is due. */
enum resolve_state resolve_ask(struct resolve_name *name);
/* The addresses as CURLOPT_RESOLVE takes them; "" before the first answer. */
const char *resolve_addresses(const struct resolve_name *name);
/* Changes with every change of the addresses; 0 before the first answer. */
unsigned resolve_generation(const struct resolve_name *name);

/* Waiting for a lookup that runs. Embedded in its owner; zero it before first use. */
struct resolve_wait {
    void (*fn)(void *arg, enum resolve_state state);
    void *arg;
    struct resolve_wait *next, **pprev; /* NULL pprev: not waiting */
};

/* Runs fn once, from the loop, when the lookup that runs has ended: READY or FAILED. */
void resolve_wait(struct resolve_name *name, struct resolve_wait *wait,
                  void (*fn)(void *arg, enum resolve_state state), void *arg);
/* Stops waiting: fn will not run. Harmless when it has run. */
void resolve_unwait(struct resolve_wait *wait);

#endif
