/* Pure routing: a method and a path become a route and its parameters, or the status to refuse with. */
#ifndef ROUTE_H
#define ROUTE_H

#include "config.h"

struct route_table;

struct route_param {
    char decoded[257]; /* at most 256 bytes of valid UTF-8 */
    size_t len;
    char encoded[769]; /* percent-encoded again, all but unreserved; NUL-terminated */
};

struct route_match {
    const struct config_route *route; /* NULL when no template fitted; set also on 405 and 400 */
    size_t index;                     /* of the route in the configuration */
    struct route_param params[CONFIG_MAX_PARAMS];
    size_t n_params;
    const char *why; /* one sentence when status is not 0 */
};

/* Compiles the routes, borrowed from config, which must outlive the table. NULL when memory is out. */
struct route_table *route_table_new(const struct config *config);
void route_table_free(struct route_table *table);

/*
 * 0 and *match set, or 404 (nothing fits, or a parameter segment is empty), 405 (only GET and HEAD
 * are served), 400 (a bad parameter). Judged in that order; expectation_failed puts 417 between 405
 * and 400. In each segment a literal wins over a parameter; the path is compared as sent, each
 * literal segment percent-decoded. No scan over all routes.
 */
int route_match(const struct route_table *table, const char *method, size_t method_len,
                const char *path, size_t path_len, bool expectation_failed,
                struct route_match *match);

/* The target of an upstream with the match's parameters filled in, NUL-terminated, into out. False
 * when it does not fit. */
bool route_target(const struct config_upstream *upstream, const struct route_match *match,
                  char *out, size_t size);

#endif
