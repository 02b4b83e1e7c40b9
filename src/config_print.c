#include <string.h>

#include "config.h"
#include "config_option.h"
#include "config_value.h"

#define REDACTED "<redacted>"

/* A new line at a depth, after a comma unless it is the first there. */
static void next(struct buf *out, unsigned depth, bool first)
{
    buf_str(out, first ? "\n" : ",\n");
    for (unsigned i = 0; i < depth; i++)
        buf_str(out, "  ");
}

static void string(struct buf *out, const char *text)
{
    buf_json_string(out, text, strlen(text));
}

static void key(struct buf *out, const char *name)
{
    string(out, name);
    buf_str(out, ": ");
}

static void duration(struct buf *out, int64_t ns)
{
    string(out, config_duration_text(ns).text);
}

static void print_options(const struct config *config, struct buf *out)
{
    size_t n;
    const struct config_option *options = config_options(&n);

    buf_char(out, '{');
    for (size_t i = 0; i < n; i++) {
        next(out, 2, i == 0);
        key(out, options[i].name);
        if (config->values[i])
            string(out, config->values[i]);
        else
            buf_str(out, "null");
    }
    next(out, 1, true);
    buf_char(out, '}');
}

static void print_forward(const struct config_upstream *u, struct buf *out)
{
    buf_char(out, '[');
    for (size_t i = 0; u->forward[i]; i++) {
        if (i > 0)
            buf_str(out, ", ");
        string(out, u->forward[i]);
    }
    buf_char(out, ']');
}

static void print_headers(const struct config_upstream *u, struct buf *out)
{
    buf_char(out, '{');
    for (size_t i = 0; i < u->n_headers; i++) {
        if (i > 0)
            buf_str(out, ", ");
        key(out, u->headers[i].name);
        string(out, REDACTED);
    }
    buf_char(out, '}');
}

/* In the form of the routes document, every key that has a value. */
static void print_upstream(const struct config_upstream *u, struct buf *out)
{
    static const char *const expect[] = {
        [ACCEPT_ANY] = "any", [ACCEPT_OBJECT] = "object", [ACCEPT_ARRAY] = "array"};

    buf_char(out, '{');
    next(out, 5, true);
    key(out, "url");
    string(out, u->url);
    next(out, 5, false);
    key(out, "required");
    buf_str(out, u->required ? "true" : "false");
    next(out, 5, false);
    key(out, "expect");
    string(out, expect[u->rule.expect]);
    if (u->timeout_ns > 0) {
        next(out, 5, false);
        key(out, "timeout");
        duration(out, u->timeout_ns);
    }
    next(out, 5, false);
    key(out, "default");
    buf_str(out, u->default_json ? u->default_json : "null");
    next(out, 5, false);
    key(out, "max_body");
    buf_u64(out, u->max_body);
    next(out, 5, false);
    key(out, "forward");
    print_forward(u, out);
    next(out, 5, false);
    key(out, "headers");
    print_headers(u, out);
    next(out, 4, true);
    buf_char(out, '}');
}

static void print_route(const struct config_route *route, struct buf *out)
{
    buf_char(out, '{');
    next(out, 3, true);
    key(out, "path");
    string(out, route->path);
    next(out, 3, false);
    key(out, "budget");
    duration(out, route->budget_ns);
    next(out, 3, false);
    key(out, "upstreams");
    buf_char(out, '{');
    for (size_t i = 0; i < route->n_upstreams; i++) {
        next(out, 4, i == 0);
        key(out, route->upstreams[i].name);
        print_upstream(&route->upstreams[i], out);
    }
    next(out, 3, true);
    buf_char(out, '}');
    next(out, 2, true);
    buf_char(out, '}');
}

void config_print(const struct config *config, struct buf *out)
{
    buf_char(out, '{');
    next(out, 1, true);
    key(out, "options");
    print_options(config, out);
    next(out, 1, false);
    key(out, "workers");
    buf_u64(out, config->workers);
    next(out, 1, false);
    key(out, "routes");
    buf_char(out, '[');
    for (size_t i = 0; i < config->n_routes; i++) {
        next(out, 2, i == 0);
        print_route(&config->routes[i], out);
    }
    next(out, 1, true);
    buf_str(out, "]\n}\n");
}
