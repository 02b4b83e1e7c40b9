/*
 * A JSON document as config reads it: strictly checked first, walked in order, every value with
 * its bytes as written. Places in it are named by JSON pointers (RFC 6901).
 */
#ifndef CONFIG_JSON_H
#define CONFIG_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "config_problem.h"
#include "json.h"

#define CONFIG_JSON_DEPTH 64

struct cJSON;

/* One value. json is NULL behind the last child. */
struct config_node {
    const struct cJSON *json;
    const char *raw; /* as written, without white space around */
    size_t raw_len;
};

/* A place: a member of, or an element in, the place above. NULL is the document itself. */
struct config_at {
    const struct config_at *up;
    const char *key; /* NULL: an element */
    size_t index;
};

/* What a document is called in problems, and where they go. */
struct config_doc {
    const char *name; /* "built-in routes" */
    struct config_problems *problems;
    struct cJSON *tree;
    struct config_node root;
};

/* Checks and parses the text, which must stay: syntax with line and column, duplicate keys with
 * their pointers. False when it cannot be walked. Call config_json_close in either case. */
bool config_json_open(struct config_doc *doc, const char *text, size_t len);
void config_json_close(struct config_doc *doc);

/* Adds "NAME: POINTER: message". */
__attribute__((format(printf, 3, 4))) void config_json_problem(const struct config_doc *doc,
                                                               const struct config_at *at,
                                                               const char *format, ...);
/* Whether the value has the type; adds the problem when not. */
bool config_json_is(const struct config_doc *doc, const struct config_at *at,
                    const struct config_node *node, enum json_type type);

enum json_type config_json_type(const struct config_node *node);
const char *config_json_key(const struct config_node *node);    /* a member's */
const char *config_json_string(const struct config_node *node); /* decoded */
size_t config_json_count(const struct config_node *node);
struct config_node config_json_first(const struct config_node *parent);
struct config_node config_json_next(const struct config_node *child);
/* The member of an object, or a node whose json is NULL. */
struct config_node config_json_member(const struct config_node *object, const char *key);

#endif
