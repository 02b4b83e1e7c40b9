/* The admin listener's answers: liveness, readiness, metrics, configuration. Runs on the main thread. */
#ifndef ADMIN_H
#define ADMIN_H

#include <stdbool.h>

#include "buf.h"
#include "gate.h"

struct listen_request;

/* Where the answers come from. */
struct admin {
    bool (*is_live)(void *arg);
    bool (*is_ready)(void *arg);
    void (*print_metrics)(void *arg, struct buf *out);
    void (*print_config)(void *arg, struct buf *out);
    void *arg;
};

/* The listener's handler; arg is a struct admin. */
void admin_on_request(void *arg, struct listen_request *rq, const struct gate_head *head,
                      const struct gate_refusal *refusal);

#endif
