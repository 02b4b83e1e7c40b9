/* One client request while weir works on it: shared by serve.c, request.c and access.c. */
#ifndef REQUEST_H
#define REQUEST_H

#include <weir/fanout.h>

#include "gate.h"
#include "proxies.h"
#include "site.h"
#include "trace.h"

struct listen_request;
struct serve;

/*
 *   ROUTED ──→ WAITING ──→ SETTLED
 */
enum request_state {
    REQUEST_ROUTED,  /* the calls are being prepared */
    REQUEST_WAITING, /* waits for the fan-out to settle */
    REQUEST_SETTLED  /* answered or dropped; about to be freed */
};

struct request {
    enum request_state state;
    struct serve *serve;
    struct listen_request *rq;
    struct site *site;
    const struct site_route *route;
    struct weir_ctx *ctx;
    struct weir_fanout *fanout;
    bool head_only;
    uint64_t arrival_ns, deadline_ns;
    int64_t budget_ns;
    char request_id[TRACE_REQUEST_ID_MAX + 1];
    struct trace trace;
    struct gate_span method, path; /* copied: for the log */
    char client_ip[PROXIES_TEXT];  /* for the log */
    const char *forwarded_for;     /* X-Forwarded-For to send; NULL: none */
    struct weir_call *calls;
    size_t n_calls;
};

/* What the client's head says, as far as the answer and the log need it. */
struct request_ids {
    char request_id[TRACE_REQUEST_ID_MAX + 1];
    struct trace trace;
    const struct gate_header *tracestate; /* NULL: none to pass on */
    const char *peer;                     /* the address of the connection's other end */
    bool peer_trusted;                    /* it is a proxy that is believed */
    size_t forwarded_len;                 /* of the X-Forwarded-For to send; 0: none */
    char client_ip[PROXIES_TEXT];         /* the client's, as far as one may believe */
};

/* Reads or makes the ids of a request from this peer (text of PROXIES_TEXT bytes, kept by the
 * caller); head may be one that was refused. */
void request_ids_of(struct request_ids *ids, const struct config *config,
                    const struct gate_head *head, const char *peer);

/*
 * Makes the request with its calls, in one allocation: targets with the parameters filled in, headers
 * to send. The caller's deadline shortens the budget. Everything is copied from head and match. NULL
 * when memory is out. The context is derived by the caller.
 */
struct request *request_new(struct site *site, const struct route_match *match,
                            const struct gate_head *head, const struct request_ids *ids,
                            uint64_t arrival_ns);
/* Releases the fan-out, the context and the site. */
void request_free(struct request *request);

#endif
