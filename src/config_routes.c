#include "config_routes.h"

#include <stdlib.h>
#include <string.h>

#include "config_value.h"

#define N_OF(table)    (sizeof(table) / sizeof((table)[0]))
#define SEGMENT_MAX    255 /* bytes of a literal segment */
#define PATH_MAX_BYTES 2048

static const char *key_name(const void *keys, size_t i)
{
    return ((const struct config_key *)keys)[i].name;
}

static bool is_key(const struct config_key *keys, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(keys[i].name, name) == 0)
            return true;
    return false;
}

bool config_read_keys(struct config_reader *reader, const struct config_at *at,
                      const struct config_node *node, const struct config_key *keys, size_t n_keys,
                      void *into)
{
    struct config_node member;

    if (!config_json_is(&reader->doc, at, node, JSON_OBJECT))
        return false;
    for (member = config_json_first(node); member.json; member = config_json_next(&member)) {
        struct config_at place = {at, config_json_key(&member), 0};
        const char *near = config_nearest(place.key, key_name, keys, n_keys);

        if (is_key(keys, n_keys, place.key))
            continue;
        if (near)
            config_json_problem(&reader->doc, &place, "unknown key (did you mean \"%s\"?)", near);
        else
            config_json_problem(&reader->doc, &place, "unknown key");
    }
    for (size_t i = 0; i < n_keys; i++) {
        struct config_at place = {at, keys[i].name, 0};

        member = config_json_member(node, keys[i].name);
        if (member.json)
            keys[i].read(reader, &place, &member, into);
        else if (keys[i].required)
            config_json_problem(&reader->doc, at, "\"%s\" is missing", keys[i].name);
    }
    return true;
}

bool config_read_time(struct config_reader *reader, const struct config_at *at,
                      const struct config_node *node, int64_t *out)
{
    const struct config_range range = {1, CONFIG_MAX_DURATION_NS};
    struct config_why why;

    if (!config_json_is(&reader->doc, at, node, JSON_STRING))
        return false;
    if (config_read_duration(config_json_string(node), range, out, &why))
        return true;
    config_json_problem(&reader->doc, at, "%s", why.text);
    return false;
}

/* Adds the parameter {name} of a path. */
static bool add_param(struct config_route *route, const char *name, size_t len,
                      struct config_why *why)
{
    char **params;

    if (len == 0 || len > 64 || strchr("0123456789_", name[0]) ||
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") < len)
        return config_say(why,
                          "a parameter's name must be a letter, then letters, 0-9 or _, at most 64");
    for (size_t i = 0; i < route->n_params; i++)
        if (strlen(route->params[i]) == len && memcmp(route->params[i], name, len) == 0)
            return config_say(why, "{%.*s} stands in it twice", (int)len, name);
    if (route->n_params == CONFIG_MAX_PARAMS)
        return config_say(why, "more than %d parameters", CONFIG_MAX_PARAMS);
    params = realloc(route->params, (route->n_params + 1) * sizeof(*params));
    if (params) {
        route->params = params;
        params[route->n_params] = strndup(name, len);
    }
    if (!params || !params[route->n_params])
        return config_say(why, "out of memory");
    route->n_params++;
    return true;
}

/* One segment of a path: a literal or exactly {name}. */
static bool read_segment(struct config_route *route, const char *text, size_t len,
                         struct config_why *why)
{
    if (len == 0)
        return config_say(why, "a segment is empty");
    if (len > SEGMENT_MAX)
        return config_say(why, "a segment is longer than %d bytes", SEGMENT_MAX);
    if (text[0] == '{' && memchr(text, '}', len) == text + len - 1)
        return add_param(route, text + 1, len - 2, why);
    if ((len == 1 && text[0] == '.') || (len == 2 && text[0] == '.' && text[1] == '.'))
        return config_say(why, "\".\" and \"..\" cannot be segments");
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '{' || text[i] == '}')
            return config_say(why, "a parameter must be a whole segment, like {id}");
        if (text[i] == '?' || text[i] == '#')
            return config_say(why, "must not hold \"?\" or \"#\"");
        if (text[i] == '%')
            return config_say(why, "must not be percent-encoded (write the characters themselves)");
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return config_say(why, "holds a control character");
    }
    return true;
}

static bool read_template(struct config_route *route, const char *text, struct config_why *why)
{
    if (text[0] != '/')
        return config_say(why, "must begin with \"/\"");
    if (strlen(text) > PATH_MAX_BYTES)
        return config_say(why, "is longer than %d bytes", PATH_MAX_BYTES);
    if (text[1] == '\0')
        return true;
    for (const char *p = text; *p == '/';) {
        size_t len = strcspn(p + 1, "/");

        if (!read_segment(route, p + 1, len, why))
            return false;
        p += len + 1;
    }
    return true;
}

static void read_path(struct config_reader *reader, const struct config_at *at,
                      const struct config_node *node, void *into)
{
    struct config_route_draft *draft = into;
    struct config_why why;

    if (!config_json_is(&reader->doc, at, node, JSON_STRING))
        return;
    if (!read_template(draft->route, config_json_string(node), &why)) {
        config_json_problem(&reader->doc, at, "%s: %s", config_quote(config_json_string(node)).text,
                            why.text);
        return;
    }
    draft->route->path = strdup(config_json_string(node));
    draft->path_known = draft->route->path != NULL;
    if (!draft->path_known)
        config_problem_no_memory(reader->doc.problems);
}

static void read_budget(struct config_reader *reader, const struct config_at *at,
                        const struct config_node *node, void *into)
{
    struct config_route_draft *draft = into;

    draft->budget_known = config_read_time(reader, at, node, &draft->route->budget_ns);
}

static void read_routes(struct config_reader *reader, const struct config_at *at,
                        const struct config_node *node, void *into)
{
    static const struct config_key keys[] = {
        {"path", true, read_path},
        {"budget", false, read_budget},
        {"upstreams", true, config_read_upstreams},
    };
    struct config *config = into;
    struct config_at place = {at, NULL, 0};

    if (!config_json_is(&reader->doc, at, node, JSON_ARRAY))
        return;
    if (config_json_count(node) == 0) {
        config_json_problem(&reader->doc, at, "must hold at least one route");
        return;
    }
    config->routes = calloc(config_json_count(node), sizeof(*config->routes));
    if (!config->routes) {
        config_problem_no_memory(reader->doc.problems);
        return;
    }
    for (struct config_node n = config_json_first(node); n.json; n = config_json_next(&n)) {
        struct config_route *route = &config->routes[config->n_routes++];
        struct config_route_draft draft = {route, false, config->budget_ns > 0};

        route->budget_ns = config->budget_ns;
        config_read_keys(reader, &place, &n, keys, N_OF(keys), &draft);
        place.index++;
    }
}

/* A path as the matcher sees it: names of parameters do not matter. */
struct shape {
    char *text;
    size_t index;
};

static char *shape_of(const char *path)
{
    char *shape = strdup(path), *to = shape;

    for (const char *p = path; shape && *p; p++) {
        *to++ = *p;
        if (*p == '{')
            p += strcspn(p, "}") - 1;
    }
    if (shape)
        *to = '\0';
    return shape;
}

static int compare_shapes(const void *a, const void *b)
{
    const struct shape *x = a, *y = b;
    int order = strcmp(x->text, y->text);

    return order ? order : x->index < y->index ? -1 : 1;
}

/* Names every route that matches the same paths as an earlier one. */
static void check_paths(struct config_reader *reader)
{
    const struct config *config = reader->config;
    struct shape *shapes = calloc(config->n_routes + 1, sizeof(*shapes));
    size_t n = 0, first = 0;
    bool complete = shapes != NULL;
    struct config_at routes = {NULL, "routes", 0}, route = {&routes, NULL, 0};
    struct config_at path = {&route, "path", 0};

    for (size_t i = 0; complete && i < config->n_routes; i++) {
        if (!config->routes[i].path)
            continue;
        shapes[n] = (struct shape){shape_of(config->routes[i].path), i};
        complete = shapes[n].text != NULL;
        n += complete;
    }
    if (!complete)
        config_problem_no_memory(reader->doc.problems);
    if (n > 1)
        qsort(shapes, n, sizeof(*shapes), compare_shapes);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(shapes[first].text, shapes[i].text) != 0) {
            first = i;
            continue;
        }
        route.index = shapes[i].index;
        config_json_problem(&reader->doc, &path, "matches the same paths as /routes/%zu/path",
                            shapes[first].index);
    }
    for (size_t i = 0; i < n; i++)
        free(shapes[i].text);
    free(shapes);
}

void config_routes_read(struct config_reader *reader, const char *text, size_t len)
{
    static const struct config_key keys[] = {{"routes", true, read_routes}};

    if (config_json_open(&reader->doc, text, len) &&
        config_read_keys(reader, NULL, &reader->doc.root, keys, N_OF(keys), reader->config))
        check_paths(reader);
    config_json_close(&reader->doc);
}

void config_routes_free(struct config *config)
{
    for (size_t i = 0; i < config->n_routes; i++) {
        struct config_route *route = &config->routes[i];

        for (size_t u = 0; u < route->n_upstreams; u++)
            config_upstream_done(&route->upstreams[u]);
        for (size_t p = 0; p < route->n_params; p++)
            free(route->params[p]);
        free(route->upstreams);
        free(route->params);
        free(route->path);
    }
    free(config->routes);
    config->routes = NULL;
    config->n_routes = 0;
}
