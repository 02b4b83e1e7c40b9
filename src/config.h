/*
 * The effective configuration as plain data, never changed once built. Made by config_load from the
 * environment, an env file and the routes document; shared by reference count between threads.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accept.h"
#include "buf.h"
#include "proxies.h"

/* A part of an upstream's path: literal text, or the route's parameter of that index. */
struct config_part {
    char *literal; /* NULL: a parameter */
    unsigned param;
};

struct config_header {
    char *name, *value; /* values are secrets */
};

struct config_upstream {
    char *name;
    char *url;    /* as written, ${…} expanded, for people */
    char *origin; /* "http://host:port", lower case host, port always there */
    struct config_part *parts; /* of the target: "/users/", {id}, "/profile"; first is literal */
    size_t n_parts;
    bool required;
    struct accept_rule rule;
    int64_t timeout_ns; /* 0 = the shared deadline only */
    char *default_json; /* shown when it failed, NULL = null; printed without white space around */
    size_t max_body;
    char **forward; /* lower-case names of request headers to pass on, NULL-terminated */
    struct config_header *headers;
    size_t n_headers;
};

struct config_route {
    char *path;     /* the template, e.g. "/v1/users/{id}": the label in metrics and logs */
    char **params;  /* parameter names in order */
    size_t n_params;
    int64_t budget_ns;
    struct config_upstream *upstreams;
    size_t n_upstreams;
};

#define CONFIG_MAX_PARAMS 16
#define CONFIG_MAX_UPSTREAMS 1024 /* of one route */

struct config_address {
    char *text; /* as given */
    char *host; /* without brackets */
    uint16_t port;
    bool off;
};

enum config_log_level { CONFIG_LOG_DEBUG, CONFIG_LOG_INFO, CONFIG_LOG_WARN, CONFIG_LOG_ERROR };

struct config {
    struct config_address listen, admin_listen;
    unsigned workers; /* auto already resolved */
    int64_t budget_ns;
    char *routes_file; /* NULL = built-in */
    uint64_t max_in_flight, max_connections;
    int64_t header_timeout_ns, idle_timeout_ns, write_timeout_ns;
    uint64_t max_header_bytes;
    int64_t drain_delay_ns, drain_timeout_ns;
    enum config_log_level log_level;
    bool server_timing;
    char *deadline_header; /* lower case; NULL = off */
    struct proxies trusted_proxies;
    char *upstream_ca_file, *upstream_cert_file, *upstream_key_file;
    int64_t upstream_idle_timeout_ns, upstream_max_lifetime_ns, upstream_connect_timeout_ns;
    int64_t upstream_resolve_ttl_ns;
    uint64_t upstream_max_connections; /* of one worker to one origin */
    unsigned max_json_depth;

    struct config_route *routes;
    size_t n_routes;
    unsigned refs; /* atomic */
    char **values; /* the text of each option in effect, by index of the option table */
};

/*
 * Reads everything, validates everything. On success *out holds one reference. On failure *out is
 * untouched and problems holds every problem found, one line each, without the "weir: " prefix, in
 * the contract's form (`WEIR_BUDGET: "500" has no unit (write "500ms" or "2s")`). env_file may be
 * NULL. Secrets never stand in a problem. environ is the process environment's block.
 */
bool config_load(char *const *environ, const char *env_file, struct config **out,
                 struct buf *problems);
/* The same for admin_listen alone: where a running weir is asked, whatever else has become wrong. */
bool config_load_admin(char *const *environ, const char *env_file, struct config **out,
                       struct buf *problems);
struct config *config_ref(struct config *config);
void config_unref(struct config *config);

/* The effective configuration as one JSON document, secrets redacted. */
void config_print(const struct config *config, struct buf *out);

/* Names of the options that differ and cannot change while running (listeners, workers, …),
 * comma separated into out; for the reload's warning. */
void config_fixed_changes(const struct config *before, const struct config *after, struct buf *out);

/* The options as text for --help: name, default, meaning. */
void config_help(struct buf *out);

#endif
