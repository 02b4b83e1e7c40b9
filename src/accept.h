/*
 * Whether an upstream's whole answer counts: 2xx but 204 and 205, a JSON content type, valid JSON of
 * the expected type. Pure; used as the judge of weir_upstream_options.
 */
#ifndef ACCEPT_H
#define ACCEPT_H

#include <weir/fanout.h>

enum accept_type {
    ACCEPT_ANY,
    ACCEPT_OBJECT,
    ACCEPT_ARRAY
};

struct accept_rule {
    enum accept_type expect;
    unsigned max_depth;
};

/* A weir_judge_fn; arg is a struct accept_rule. Sets answer->value_at and value_len when it counts. */
enum weir_status accept_judge(void *arg, struct weir_answer *answer);

/* application/json or application/…+json, parameters allowed, without case. */
bool accept_content_type_is_json(const char *content_type);

#endif
