/*
 * One upstream: a listening socket, its routes and fault, and what it has seen. Apart from opening
 * and closing, everything here is called with the engine's lock.
 */
#ifndef MOCK_PORT_H
#define MOCK_PORT_H

#include "mock_engine.h"
#include "mock_fault.h"
#include "mock_route.h"

#include <event2/event.h>
#include <event2/event_struct.h>

#define MOCK_PORT_CANCELS 1000 /* cancellations listed */

struct mock_conn;

/* One cancellation: the peer left before its answer was complete. */
struct mock_cancel {
    unsigned long request; /* 1 = the first this port has seen */
    uint64_t wall_us;      /* when it was seen, since the epoch */
    uint64_t after_ns;     /* since the request arrived */
    char target[96];       /* as far as it fits */
};

/* A request remembered; text and view.fields are owned and stay until the port is closed. */
struct mock_record {
    struct weir_mock_request view;
    char text[];
};

struct mock_port_options {
    const char *name;
    const char *host; /* NULL = 127.0.0.1 */
    uint16_t number;  /* 0 = any free one */
    bool control;     /* serves /_fault and /_stats, and lists cancellations */
    uint64_t seed;
    size_t remember; /* so many requests are kept for weir_mock_request */
};

struct mock_port {
    TAILQ_ENTRY(mock_port) link;
    struct mock_engine *engine;
    struct mock_port_options options; /* its strings are owned */
    char address[80];                 /* "127.0.0.1:9101" */
    uint16_t number;
    int fd;
    struct event accept, rest; /* rest: accepting again after descriptors ran out */
    TAILQ_HEAD(mock_conns, mock_conn) conns;
    TAILQ_HEAD(, mock_conn) held; /* in the order in which they became ready */
    bool holding, drop;           /* drop: close every connection on the next wake */
    unsigned long let_out;        /* so many held ones are to go */
    struct mock_routes routes;
    struct mock_fault fault;
    char *spec;                  /* what fault was made from, NULL = none */
    struct mock_fault *sequence; /* of the next requests */
    size_t sequence_len, sequence_at;
    uint64_t seed;
    struct weir_mock_stats stats;
    struct mock_cancel *cancels; /* a ring */
    struct mock_record **records;
    size_t records_len, records_cap;
};

/* Listens. NULL with a sentence in why. The port belongs to the engine. */
struct mock_port *mock_port_open(struct mock_engine *engine,
                                 const struct mock_port_options *options, struct mock_why why);
void mock_port_close(struct mock_port *port);
/* On the loop's thread: lets out and drops what other threads have asked for. */
void mock_port_look_after(struct mock_port *port);

void mock_port_set_seed(struct mock_port *port, uint64_t seed);
/* Sets the fault from a SPEC, or refuses it and keeps the old one. */
bool mock_port_set_fault(struct mock_port *port, struct mock_text spec, struct mock_why why);
void mock_port_clear_fault(struct mock_port *port);
/* Takes over faults for the next requests; the array is the port's from here on. */
void mock_port_set_sequence(struct mock_port *port, struct mock_fault *faults, size_t n);

/* What happens to the request that arrives now; before it is counted. */
struct mock_hit mock_port_draw(struct mock_port *port);
/* Counts a request. The record is NULL when it is not remembered. */
struct mock_record *mock_port_arrived(struct mock_port *port, const struct mock_head *head,
                                      unsigned long connection, uint64_t now_ns);
void mock_port_answered(struct mock_port *port, struct mock_record *record, uint64_t now_ns);
/* seen: the request's number, target and arrival. */
void mock_port_canceled(struct mock_port *port, struct mock_record *record,
                        const struct mock_cancel *seen, uint64_t now_ns);

#endif
