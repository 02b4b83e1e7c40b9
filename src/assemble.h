/*
 * Pure: what the upstreams delivered becomes one answer. Chooses the status, writes the envelope
 * around the upstreams' own bytes, or the problem (RFC 9457) when the whole request failed.
 */
#ifndef ASSEMBLE_H
#define ASSEMBLE_H

#include <weir/fanout.h>

#include "buf.h"
#include "config.h"
#include "reply.h"

/* A body this long is sent from where it lies instead of being copied into the envelope. */
#define ASSEMBLE_COPY_MAX 16384

struct assemble_input {
    const struct config_route *route;
    struct weir_settled *settled; /* bodies that are sent from where they lie are taken from it */
    const char *request_id;
    int64_t elapsed_ns, budget_ns;
};

/* Memory that is used again for every answer of one thread; zero it before first use. */
struct assemble_scratch {
    struct buf text, timing;
    struct reply_piece pieces[2 * CONFIG_MAX_UPSTREAMS + 1];
};

struct assembled {
    int status;    /* 200, or the whole-request failure's */
    bool complete; /* every upstream delivered */
    const struct reply_piece *pieces; /* in scratch, until its next use */
    size_t n_pieces;
    const char *server_timing; /* in scratch */
    const char *content_type;
};

/* Writes the answer. False when memory is out; then nothing was taken. */
bool assemble(const struct assemble_input *input, struct assemble_scratch *scratch,
              struct assembled *out);

/* Which status the whole request gets, 200 included; *culprit is the upstream that caused a failure. */
int assemble_status(const struct config_route *route, const struct weir_settled *settled,
                    size_t *culprit);

struct assemble_problem {
    int status;
    const char *detail, *request_id;
    const char *upstream, *code; /* NULL: left out */
};

/* One problem document. */
void assemble_problem(struct buf *out, const struct assemble_problem *problem);

void assemble_scratch_done(struct assemble_scratch *scratch);

#endif
