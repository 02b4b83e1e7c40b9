/* URLs of upstreams: taken apart once, so that a request only joins the parts of its target. */
#ifndef CONFIG_URL_H
#define CONFIG_URL_H

#include "config.h"
#include "config_problem.h"

struct config_url {
    char *origin; /* "http://host:port" */
    struct config_part *parts;
    size_t n_parts;
};

#define CONFIG_URL_ANY_PARAM ((size_t)-1) /* params are not known; the parts are of no use */

/*
 * An absolute http or https URL; {name} is allowed in the path and in the values of the query, and
 * must be one of params, or may be any when n_params is CONFIG_URL_ANY_PARAM. The reason never
 * quotes what may hold a password.
 */
bool config_url_parse(const char *text, char *const *params, size_t n_params,
                      struct config_url *out, struct config_why *why);
/* A URL that others are built on: no query, no parameters. */
bool config_url_is_base(const char *text, struct config_why *why);
void config_url_done(struct config_url *url);

#endif
