#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config_routes.h"
#include "config_url.h"
#include "config_value.h"

#define N_OF(table)      (sizeof(table) / sizeof((table)[0]))
#define DEFAULT_MAX_BODY ((size_t)1 << 20)
#define MAX_HEADERS      64 /* fixed ones, and names to forward, of one upstream */

/* An upstream while it is read. */
struct draft {
    const struct config_route_draft *route;
    struct config_upstream *u;
};

static void read_url(struct config_reader *reader, const struct config_at *at,
                     const struct config_node *node, void *into)
{
    struct draft *d = into;
    const struct config_route *route = d->route->route;
    size_t n_params = d->route->path_known ? route->n_params : CONFIG_URL_ANY_PARAM;
    char *text = NULL;
    struct config_url url;
    struct config_why why;

    if (!config_json_is(&reader->doc, at, node, JSON_STRING))
        return;
    if (config_expand(reader, at, config_json_string(node), true, &text, &d->u->url)) {
        if (config_url_parse(text, route->params, n_params, &url, &why)) {
            d->u->origin = url.origin;
            d->u->parts = url.parts;
            d->u->n_parts = url.n_parts;
        } else {
            config_json_problem(&reader->doc, at, "%s", why.text);
        }
    }
    free(text);
}

static void read_required(struct config_reader *reader, const struct config_at *at,
                          const struct config_node *node, void *into)
{
    struct draft *d = into;
    enum json_type type = config_json_type(node);

    d->u->required = type == JSON_TRUE;
    if (type != JSON_TRUE && type != JSON_FALSE)
        config_json_problem(&reader->doc, at, "must be true or false");
}

static void read_expect(struct config_reader *reader, const struct config_at *at,
                        const struct config_node *node, void *into)
{
    static const char *const names[] = {
        [ACCEPT_ANY] = "any", [ACCEPT_OBJECT] = "object", [ACCEPT_ARRAY] = "array"};
    struct draft *d = into;

    if (!config_json_is(&reader->doc, at, node, JSON_STRING))
        return;
    for (size_t i = 0; i < N_OF(names); i++)
        if (strcmp(config_json_string(node), names[i]) == 0) {
            d->u->rule.expect = (enum accept_type)i;
            return;
        }
    config_json_problem(&reader->doc, at, "%s is not one of \"any\", \"object\", \"array\"",
                        config_quote(config_json_string(node)).text);
}

static void read_timeout(struct config_reader *reader, const struct config_at *at,
                         const struct config_node *node, void *into)
{
    struct draft *d = into;
    int64_t budget = d->route->route->budget_ns;

    if (!config_read_time(reader, at, node, &d->u->timeout_ns))
        return;
    if (d->route->budget_known && d->u->timeout_ns > budget)
        config_json_problem(&reader->doc, at, "%s is longer than the route's budget (%s)",
                            config_quote(config_json_string(node)).text,
                            config_duration_text(budget).text);
}

static void read_default(struct config_reader *reader, const struct config_at *at,
                         const struct config_node *node, void *into)
{
    struct draft *d = into;

    (void)at;
    if (config_json_type(node) == JSON_NULL)
        return;
    d->u->default_json = strndup(node->raw, node->raw_len);
    if (!d->u->default_json)
        config_problem_no_memory(reader->doc.problems);
}

static void read_max_body(struct config_reader *reader, const struct config_at *at,
                          const struct config_node *node, void *into)
{
    struct draft *d = into;
    enum json_type type = config_json_type(node);
    char number[32] = "";
    const char *text = number;
    struct config_why why;
    uint64_t size;

    if (type == JSON_STRING)
        text = config_json_string(node);
    else if (type == JSON_NUMBER) /* as written: 1e6 is no number of bytes */
        strncat(number, node->raw, node->raw_len < 31 ? node->raw_len : 31);
    else
        config_json_is(&reader->doc, at, node, JSON_STRING);
    if (type != JSON_STRING && type != JSON_NUMBER)
        return;
    if (config_read_size(text, (struct config_range){1, CONFIG_MAX_BODY}, &size, &why))
        d->u->max_body = (size_t)size;
    else
        config_json_problem(&reader->doc, at, "%s", why.text);
}

/* Why a name is weir's own business, so that a route may neither forward nor set it; or NULL. */
static const char *refused_name(const struct config *config, const char *name)
{
    if (config->trusted_proxies.n > 0 && strcasecmp(name, "x-forwarded-for") == 0)
        return "is set by weir (WEIR_TRUSTED_PROXIES)";
    return config_refused_header(name, config->deadline_header);
}

/* Whether a name may be forwarded or set. It is told only once it is known to be a name: whoever
 * writes a whole header line in its place writes a secret there. */
static bool name_is_allowed(struct config_reader *reader, const struct config_at *at,
                            const char *name)
{
    const char *refused = refused_name(reader->config, name);

    if (!config_is_token(name))
        config_json_problem(&reader->doc, at->key ? at->up : at, "holds what is no header name");
    else if (refused)
        config_json_problem(&reader->doc, at, "%s cannot be used: this header %s",
                            config_quote(name).text, refused);
    return config_is_token(name) && !refused;
}

/* Whether a list ended by NULL holds the name, without case. */
static bool holds_name(char *const *names, const char *name)
{
    while (*names && strcasecmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

/* Room for n names to forward and the NULL behind them. */
static bool forward_reserve(struct config_reader *reader, struct config_upstream *u, size_t n)
{
    u->forward = calloc(n + 1, sizeof(*u->forward));
    if (!u->forward)
        config_problem_no_memory(reader->doc.problems);
    return u->forward != NULL;
}

static void forward_add(struct config_reader *reader, struct config_upstream *u, size_t i,
                        const char *name)
{
    u->forward[i] = config_lower(name);
    if (!u->forward[i])
        config_problem_no_memory(reader->doc.problems);
}

static void read_forward(struct config_reader *reader, const struct config_at *at,
                         const struct config_node *node, void *into)
{
    struct draft *d = into;
    struct config_at place = {at, NULL, 0};
    size_t n = 0;

    if (!config_json_is(&reader->doc, at, node, JSON_ARRAY))
        return;
    if (config_json_count(node) > MAX_HEADERS) {
        config_json_problem(&reader->doc, at, "more than %d names", MAX_HEADERS);
        return;
    }
    if (!forward_reserve(reader, d->u, config_json_count(node)))
        return;
    for (struct config_node e = config_json_first(node); e.json;
         e = config_json_next(&e), place.index++) {
        if (!config_json_is(&reader->doc, &place, &e, JSON_STRING) ||
            !name_is_allowed(reader, &place, config_json_string(&e)))
            continue;
        if (holds_name(d->u->forward, config_json_string(&e))) {
            config_json_problem(&reader->doc, &place, "is named twice");
            continue;
        }
        forward_add(reader, d->u, n, config_json_string(&e));
        n += d->u->forward[n] != NULL;
    }
}

/* Why a header must not have the value, or NULL. */
static const char *bad_value(const char *value)
{
    size_t len = strlen(value);

    if (len == 0)
        return "is empty";
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)value[i] < 0x20 && value[i] != '\t') || value[i] == 0x7f)
            return "holds a control byte (a line end?)";
    if (strchr(" \t", value[0]) || strchr(" \t", value[len - 1]))
        return "begins or ends with a blank";
    return NULL;
}

/* One fixed header; nothing of its value is ever told. */
static void read_header(struct config_reader *reader, const struct config_at *at,
                        const struct config_node *node, struct config_upstream *u)
{
    struct config_header header = {NULL, NULL};
    const char *bad;

    if (!name_is_allowed(reader, at, at->key) ||
        !config_json_is(&reader->doc, at, node, JSON_STRING))
        return;
    for (size_t i = 0; i < u->n_headers; i++)
        if (strcasecmp(u->headers[i].name, at->key) == 0) {
            if (strcmp(u->headers[i].name, at->key) != 0) /* else told as a duplicate key */
                config_json_problem(&reader->doc, at, "is set twice (case does not matter)");
            return;
        }
    if (!config_expand(reader, at, config_json_string(node), false, &header.value, NULL)) {
        free(header.value);
        return;
    }
    header.name = strdup(at->key);
    bad = bad_value(header.value);
    if (!header.name)
        config_problem_no_memory(reader->doc.problems);
    else if (bad)
        config_json_problem(&reader->doc, at, "the value %s", bad);
    if (header.name && !bad) {
        u->headers[u->n_headers++] = header;
        return;
    }
    free(header.name);
    free(header.value);
}

static void read_headers(struct config_reader *reader, const struct config_at *at,
                         const struct config_node *node, void *into)
{
    struct draft *d = into;

    if (!config_json_is(&reader->doc, at, node, JSON_OBJECT))
        return;
    if (config_json_count(node) > MAX_HEADERS) {
        config_json_problem(&reader->doc, at, "more than %d headers", MAX_HEADERS);
        return;
    }
    d->u->headers = calloc(config_json_count(node) + 1, sizeof(*d->u->headers));
    if (!d->u->headers) {
        config_problem_no_memory(reader->doc.problems);
        return;
    }
    for (struct config_node m = config_json_first(node); m.json; m = config_json_next(&m))
        read_header(reader, &(struct config_at){at, config_json_key(&m), 0}, &m, d->u);
}

/* The list to forward when none is given. */
static void default_forward(struct config_reader *reader, struct config_upstream *u)
{
    static const char *const names[] = {"authorization", "accept-language"};

    if (!forward_reserve(reader, u, N_OF(names)))
        return;
    for (size_t i = 0; i < N_OF(names) && (i == 0 || u->forward[i - 1]); i++)
        forward_add(reader, u, i, names[i]);
}

/* A fixed header wins over a forwarded one: takes those out of the list. */
static void drop_overridden(struct config_upstream *u)
{
    size_t kept = 0;

    for (size_t i = 0; u->forward && u->forward[i]; i++) {
        char *name = u->forward[i];
        bool fixed = false;

        for (size_t h = 0; h < u->n_headers; h++)
            fixed = fixed || strcasecmp(u->headers[h].name, name) == 0;
        u->forward[i] = NULL;
        if (fixed)
            free(name);
        else
            u->forward[kept++] = name;
    }
}

static bool name_is_valid(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");

    return name[0] >= 'a' && name[0] <= 'z' && name[len] == '\0' && len <= 64;
}

static void read_upstream(struct config_reader *reader, const struct config_at *at,
                          const struct config_node *node, struct draft *d)
{
    static const struct config_key keys[] = {
        {"url", true, read_url},          {"required", false, read_required},
        {"expect", false, read_expect},   {"timeout", false, read_timeout},
        {"default", false, read_default}, {"max_body", false, read_max_body},
        {"forward", false, read_forward}, {"headers", false, read_headers},
    };

    d->u->name = strdup(at->key);
    if (!d->u->name)
        config_problem_no_memory(reader->doc.problems);
    if (!name_is_valid(at->key))
        config_json_problem(&reader->doc, at, "an upstream's name must be [a-z][a-z0-9_-]{0,63}");
    d->u->max_body = DEFAULT_MAX_BODY;
    d->u->rule.max_depth = reader->config->max_json_depth;
    config_read_keys(reader, at, node, keys, N_OF(keys), d);
    if (!d->u->forward)
        default_forward(reader, d->u);
    drop_overridden(d->u);
}

void config_read_upstreams(struct config_reader *reader, const struct config_at *at,
                           const struct config_node *node, void *into)
{
    const struct config_route_draft *draft = into;
    struct config_route *route = draft->route;
    size_t n;

    if (!config_json_is(&reader->doc, at, node, JSON_OBJECT))
        return;
    n = config_json_count(node);
    if (n == 0 || n > CONFIG_MAX_UPSTREAMS) {
        config_json_problem(&reader->doc, at, "must hold 1 to %d upstreams", CONFIG_MAX_UPSTREAMS);
        return;
    }
    route->upstreams = calloc(n, sizeof(*route->upstreams));
    if (!route->upstreams) {
        config_problem_no_memory(reader->doc.problems);
        return;
    }
    for (struct config_node m = config_json_first(node); m.json; m = config_json_next(&m)) {
        struct draft d = {draft, &route->upstreams[route->n_upstreams++]};

        read_upstream(reader, &(struct config_at){at, config_json_key(&m), 0}, &m, &d);
    }
}

void config_upstream_done(struct config_upstream *u)
{
    for (size_t i = 0; i < u->n_parts; i++)
        free(u->parts[i].literal);
    for (size_t i = 0; u->forward && u->forward[i]; i++)
        free(u->forward[i]);
    for (size_t i = 0; i < u->n_headers; i++) {
        free(u->headers[i].name);
        free(u->headers[i].value);
    }
    free(u->name);
    free(u->url);
    free(u->origin);
    free(u->parts);
    free(u->default_json);
    free(u->forward);
    free(u->headers);
}
