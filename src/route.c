/*
 * A trie of path segments: each node has its literal children in order, for a binary search, and
 * at most one parameter child. Matching goes down by literals first and comes back for the
 * parameter where that led nowhere; it looks at nodes the path leads to, not at all routes.
 */
#include "route.h"

#include <stdlib.h>
#include <string.h>

#include "utf8.h"

#define PARAM_MAX_BYTES 256

struct node;

struct edge {
    const char *text; /* of a literal segment; points into the route's path */
    size_t len;
    struct node *to;
};

struct node {
    struct edge *edges; /* sorted */
    size_t n_edges;
    struct node *param;
    bool is_end;
    size_t route; /* where is_end */
};

struct route_table {
    const struct config *config;
    struct node *root;
};

struct segment {
    const char *text;
    size_t len;
};

/* A path on its way through the trie. */
struct walk {
    const char *end;
    struct segment *params; /* CONFIG_MAX_PARAMS of them, as sent */
    size_t n_params;
};

static void node_free(struct node *node)
{
    if (!node)
        return;
    for (size_t i = 0; i < node->n_edges; i++)
        node_free(node->edges[i].to);
    node_free(node->param);
    free(node->edges);
    free(node);
}

static int compare(const struct edge *edge, const char *text, size_t len)
{
    int order = memcmp(edge->text, text, edge->len < len ? edge->len : len);

    return order ? order : edge->len < len ? -1 : edge->len > len;
}

/* Where the literal is among the edges, or belongs. */
static size_t position(const struct node *node, const char *text, size_t len)
{
    size_t low = 0, high = node->n_edges;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare(&node->edges[middle], text, len) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct node *find_edge(const struct node *node, const char *text, size_t len)
{
    size_t i = position(node, text, len);

    return i < node->n_edges && compare(&node->edges[i], text, len) == 0 ? node->edges[i].to : NULL;
}

/* The child for a literal, made when there is none; NULL when memory is out. */
static struct node *literal_child(struct node *node, const char *text, size_t len)
{
    size_t i = position(node, text, len);
    struct edge *edges;
    struct node *to;

    if (i < node->n_edges && compare(&node->edges[i], text, len) == 0)
        return node->edges[i].to;
    if ((node->n_edges & (node->n_edges - 1)) == 0) { /* room is doubled at powers of two */
        size_t room = node->n_edges ? node->n_edges * 2 : 1;

        edges = realloc(node->edges, room * sizeof(*edges));
        if (!edges)
            return NULL;
        node->edges = edges;
    }
    to = calloc(1, sizeof(*to));
    if (!to)
        return NULL;
    memmove(&node->edges[i + 1], &node->edges[i], (node->n_edges - i) * sizeof(*node->edges));
    node->edges[i] = (struct edge){text, len, to};
    node->n_edges++;
    return to;
}

static bool insert(struct node *node, const char *path, size_t route)
{
    for (const char *p = path; *p == '/';) {
        size_t len = strcspn(p + 1, "/");

        if (p[1] == '{') {
            if (!node->param)
                node->param = calloc(1, sizeof(*node->param));
            node = node->param;
        } else {
            node = literal_child(node, p + 1, len);
        }
        if (!node)
            return false;
        p += len + 1;
    }
    if (!node->is_end) {
        node->is_end = true;
        node->route = route;
    }
    return true;
}

struct route_table *route_table_new(const struct config *config)
{
    struct route_table *table = calloc(1, sizeof(*table));
    bool ok = table != NULL;

    if (ok) {
        table->config = config;
        table->root = calloc(1, sizeof(*table->root));
        ok = table->root != NULL;
    }
    for (size_t i = 0; ok && i < config->n_routes; i++)
        ok = insert(table->root, config->routes[i].path, i);
    if (ok)
        return table;
    route_table_free(table);
    return NULL;
}

void route_table_free(struct route_table *table)
{
    if (!table)
        return;
    node_free(table->root);
    free(table);
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decodes into out of size bytes: the length, or -1 (a bad '%') or -2 (too long). */
static int decode(const char *text, size_t len, char *out, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++, n++) {
        int high, low;

        if (n == size)
            return -2;
        out[n] = text[i];
        if (text[i] != '%')
            continue;
        high = len - i > 2 ? hex(text[i + 1]) : -1;
        low = high >= 0 ? hex(text[i + 2]) : -1;
        if (low < 0)
            return -1;
        out[n] = (char)(high << 4 | low);
        i += 2;
    }
    return (int)n;
}

/* The child that a segment leads to as a literal. */
static const struct node *literal_of(const struct node *node, const char *text, size_t len)
{
    char plain[PARAM_MAX_BYTES];
    int n;

    if (node->n_edges == 0)
        return NULL;
    if (!memchr(text, '%', len))
        return find_edge(node, text, len);
    n = decode(text, len, plain, sizeof(plain));
    return n < 0 ? NULL : find_edge(node, plain, (size_t)n);
}

/* The route's node below node for the rest of a path, which begins at the '/' at p (or is at its
 * end), or NULL. As deep as the templates are. */
static const struct node *descend(const struct node *node, const char *p, struct walk *w)
{
    const struct node *child, *found;
    const char *slash;
    size_t len, mark = w->n_params;

    if (p == w->end)
        return node->is_end ? node : NULL;
    p++;
    slash = memchr(p, '/', (size_t)(w->end - p));
    len = (size_t)((slash ? slash : w->end) - p);
    child = literal_of(node, p, len);
    found = child ? descend(child, p + len, w) : NULL;
    if (found || !node->param || len == 0 || w->n_params == CONFIG_MAX_PARAMS)
        return found;
    w->n_params = mark;
    w->params[w->n_params++] = (struct segment){p, len};
    found = descend(node->param, p + len, w);
    if (!found)
        w->n_params = mark;
    return found;
}

/* Why decoded text must not be a parameter, or NULL. */
static const char *bad_param(const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;

    if ((len == 1 && s[0] == '.') || (len == 2 && s[0] == '.' && s[1] == '.'))
        return "a path parameter is \".\" or \"..\"";
    for (size_t i = 0, n; i < len; i += n) {
        n = utf8_sequence(s + i, len - i);
        if (n == 0)
            return "a path parameter is not valid UTF-8";
        if (s[i] == '/')
            return "a path parameter holds a slash";
        if (s[i] < 0x20 || s[i] == 0x7f || (n == 2 && s[i] == 0xc2 && s[i + 1] < 0xa0))
            return "a path parameter holds a control character";
    }
    return NULL;
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void encode(struct route_param *param)
{
    static const char digits[] = "0123456789ABCDEF";
    char *to = param->encoded;

    for (size_t i = 0; i < param->len; i++) {
        unsigned char c = (unsigned char)param->decoded[i];

        if (is_unreserved((char)c)) {
            *to++ = (char)c;
            continue;
        }
        *to++ = '%';
        *to++ = digits[c >> 4];
        *to++ = digits[c & 15];
    }
    *to = '\0';
}

/* Fills one parameter; NULL or why it is bad. */
static const char *read_param(struct segment segment, struct route_param *param)
{
    int n = decode(segment.text, segment.len, param->decoded, PARAM_MAX_BYTES);
    const char *why;

    if (n < 0)
        return n == -1 ? "a path parameter has a \"%\" without two hexadecimal digits"
                       : "a path parameter is longer than 256 bytes";
    param->len = (size_t)n;
    param->decoded[n] = '\0';
    why = bad_param(param->decoded, param->len);
    if (!why)
        encode(param);
    return why;
}

static bool is_method(const char *method, size_t len, const char *name)
{
    return len == strlen(name) && memcmp(method, name, len) == 0;
}

static int refuse(struct route_match *match, int status, const char *why)
{
    match->why = why;
    return status;
}

int route_match(const struct route_table *table, const char *method, size_t method_len,
                const char *path, size_t path_len, bool expectation_failed,
                struct route_match *match)
{
    struct segment params[CONFIG_MAX_PARAMS];
    struct walk w = {path + path_len, params, 0};
    const struct node *end = path_len > 0 && path[0] == '/' ? descend(table->root, path, &w) : NULL;

    match->route = NULL;
    match->index = 0;
    match->n_params = 0;
    match->why = NULL;
    if (!end)
        return refuse(match, 404, "no route has this path");
    match->index = end->route;
    match->route = &table->config->routes[end->route];
    if (!is_method(method, method_len, "GET") && !is_method(method, method_len, "HEAD"))
        return refuse(match, 405, "only GET and HEAD are served");
    if (expectation_failed)
        return refuse(match, 417, "only Expect: 100-continue can be met");
    for (size_t i = 0; i < w.n_params; i++) {
        const char *why = read_param(params[i], &match->params[i]);

        if (why)
            return refuse(match, 400, why);
    }
    match->n_params = w.n_params;
    return 0;
}

bool route_target(const struct config_upstream *upstream, const struct route_match *match,
                  char *out, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < upstream->n_parts; i++) {
        const struct config_part *part = &upstream->parts[i];
        const char *text = part->literal ? part->literal : match->params[part->param].encoded;
        size_t len = strlen(text);

        if (len >= size - n) /* n is always less than size */
            return false;
        memcpy(out + n, text, len);
        n += len;
    }
    if (size == 0)
        return false;
    out[n] = '\0';
    return true;
}
