/* The routes document: what it says becomes routes of a configuration. */
#ifndef CONFIG_ROUTES_H
#define CONFIG_ROUTES_H

#include "config.h"
#include "config_env.h"
#include "config_json.h"

/* What reading a document needs beside its text. */
struct config_reader {
    struct config *config; /* routes are added here; the options in it have been read */
    const struct config_env *env;
    const bool *bad_options; /* by index of the option table: its fault has been told already */
    struct config_doc doc;
};

/* Reads the text into reader->config->routes; every fault is added to reader->doc.problems. What
 * was read so far belongs to the configuration either way. */
void config_routes_read(struct config_reader *reader, const char *text, size_t len);
void config_routes_free(struct config *config);

/* One key of an object: whether it must be there, and who reads it. */
struct config_key {
    const char *name;
    bool required;
    void (*read)(struct config_reader *reader, const struct config_at *at,
                 const struct config_node *node, void *into);
};

/* Reads an object's keys in the table's order, not the document's; keys that are unknown or missing
 * are problems. False when it is no object. */
bool config_read_keys(struct config_reader *reader, const struct config_at *at,
                      const struct config_node *node, const struct config_key *keys, size_t n_keys,
                      void *into);

/* A string with every ${NAME} replaced, into *out, to be freed; *shown (NULL allowed) is the same
 * for people: what came into a query that way is redacted. False when a problem was added, or when
 * an option that it needs is at fault. url: "BASE/" + "/PATH" gives one slash. */
bool config_expand(struct config_reader *reader, const struct config_at *at, const char *text,
                   bool url, char **out, char **shown);

/* What config_read_upstreams fills: a route whose path and budget have been read. */
struct config_route_draft {
    struct config_route *route;
    bool path_known, budget_known;
};

/* The member "upstreams" of a route; into is a struct config_route_draft. */
void config_read_upstreams(struct config_reader *reader, const struct config_at *at,
                           const struct config_node *node, void *into);
/* A budget or timeout: a positive duration. */
bool config_read_time(struct config_reader *reader, const struct config_at *at,
                      const struct config_node *node, int64_t *out);
void config_upstream_done(struct config_upstream *upstream);

#endif
