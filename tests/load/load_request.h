/* The requests under way and their connections; when each is due is the engine's business. */
#ifndef LOAD_REQUEST_H
#define LOAD_REQUEST_H

#include "load_conn.h"
#include "load_engine.h"

#include <netdb.h>

struct load_crowd {
    const struct load_options *options;
    struct load_counts *counts;
    struct addrinfo *address;
    int epoll;
    uint64_t measure_from, measure_until;
    uint64_t max_open;      /* connections */
    struct load_conns idle; /* the one used last comes first */
    struct load_conns dead;
    struct load_conns pending, departing; /* oldest first */
};

/* Sends a request, or opens a connection for it. */
void load_request_ask(struct load_crowd *crowd, const struct load_request *request);

/* Takes an event of epoll on one of the connections. */
void load_request_event(struct load_crowd *crowd, struct load_conn *c, uint32_t events);

/* Lets clients leave whose time has come, and gives up answers that are too late. */
void load_request_expire(struct load_crowd *crowd, uint64_t now);

/* When load_request_expire has something to do next; UINT64_MAX when nothing is under way. */
uint64_t load_request_next(const struct load_crowd *crowd);

/* Frees the connections of a list. */
void load_request_free(struct load_conns *list);

#endif
