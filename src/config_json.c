#include "config_json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "config_locate.h"

/* The text is known to be valid JSON wherever these walk. */
static const char *past_space(const char *p)
{
    return p + strspn(p, " \t\r\n");
}

static const char *past_string(const char *p)
{
    for (p++; *p != '"'; p++)
        if (*p == '\\')
            p++;
    return p + 1;
}

static const char *past_value(const char *p)
{
    size_t depth = 0;

    if (*p != '{' && *p != '[' && *p != '"')
        return p + strcspn(p, ",]} \t\r\n");
    do {
        if (*p == '"') {
            p = past_string(p);
            continue;
        }
        depth += *p == '{' || *p == '[';
        depth -= *p == '}' || *p == ']';
        p++;
    } while (depth > 0);
    return p;
}

/* The child whose text begins at p, behind white space and, in an object, its key. */
static struct config_node child_at(const cJSON *json, const char *p)
{
    struct config_node node = {json, NULL, 0};

    if (!json)
        return node;
    p = past_space(p);
    if (json->string) {
        p = past_space(past_string(p));
        p = past_space(p + 1); /* the colon */
    }
    node.raw = p;
    node.raw_len = (size_t)(past_value(p) - p);
    return node;
}

struct config_node config_json_first(const struct config_node *parent)
{
    return child_at(parent->json->child, parent->raw + 1);
}

struct config_node config_json_next(const struct config_node *child)
{
    return child_at(child->json->next, past_space(child->raw + child->raw_len) + 1);
}

struct config_node config_json_member(const struct config_node *object, const char *key)
{
    struct config_node node = config_json_first(object);

    while (node.json && strcmp(node.json->string, key) != 0)
        node = config_json_next(&node);
    return node;
}

enum json_type config_json_type(const struct config_node *node)
{
    switch (node->raw[0]) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
        return JSON_TRUE;
    case 'f':
        return JSON_FALSE;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

const char *config_json_key(const struct config_node *node)
{
    return node->json->string;
}

const char *config_json_string(const struct config_node *node)
{
    return node->json->valuestring;
}

size_t config_json_count(const struct config_node *node)
{
    return (size_t)cJSON_GetArraySize(node->json);
}

/* The pointer of a place, shortened at the front when it is very long. */
static void print_at(const struct config_at *at, struct buf *out)
{
    if (!at)
        return;
    print_at(at->up, out);
    buf_char(out, '/');
    if (!at->key) {
        buf_u64(out, at->index);
        return;
    }
    for (const char *p = at->key; *p; p++) {
        if (*p == '~')
            buf_str(out, "~0");
        else if (*p == '/')
            buf_str(out, "~1");
        else
            buf_char(out, *p);
    }
}

void config_json_problem(const struct config_doc *doc, const struct config_at *at,
                         const char *format, ...)
{
    char message[600];
    struct buf pointer;
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    buf_init(&pointer, 1 << 20);
    print_at(at, &pointer);
    config_problem(doc->problems, "%s: %.1024s%s%s", doc->name, buf_cstr(&pointer), at ? ": " : "",
                   message);
    buf_done(&pointer);
}

static const char *type_name(enum json_type type)
{
    static const char *const names[] = {
        [JSON_INVALID] = "nothing", [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array",
        [JSON_STRING] = "a string", [JSON_NUMBER] = "a number",  [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",     [JSON_NULL] = "null",
    };

    return names[type];
}

bool config_json_is(const struct config_doc *doc, const struct config_at *at,
                    const struct config_node *node, enum json_type type)
{
    enum json_type found = config_json_type(node);

    if (found == type)
        return true;
    config_json_problem(doc, at, "must be %s, not %s", type_name(type), type_name(found));
    return false;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names every key that an object holds more than once. */
static void check_keys(struct config_doc *doc, const struct config_at *at, const cJSON *object)
{
    size_t n = (size_t)cJSON_GetArraySize(object), i = 0;
    const char **keys = n < 2 ? NULL : calloc(n, sizeof(*keys));

    if (n < 2)
        return;
    if (!keys) {
        config_problem_no_memory(doc->problems);
        return;
    }
    for (const cJSON *c = object->child; c; c = c->next)
        keys[i++] = c->string;
    qsort(keys, n, sizeof(*keys), compare_keys);
    for (i = 1; i < n; i++)
        if (strcmp(keys[i - 1], keys[i]) == 0 && (i == 1 || strcmp(keys[i - 2], keys[i]) != 0))
            config_json_problem(doc, &(struct config_at){at, keys[i], 0}, "duplicate key");
    free(keys);
}

/* Duplicate keys anywhere below, defaults included. As deep as the document: CONFIG_JSON_DEPTH. */
static void check_all_keys(struct config_doc *doc, const struct config_at *at, const cJSON *json)
{
    size_t i = 0;

    if (cJSON_IsObject(json))
        check_keys(doc, at, json);
    for (const cJSON *c = json->child; c; c = c->next)
        check_all_keys(doc, &(struct config_at){at, c->string, i++}, c);
}

static void syntax_problem(struct config_doc *doc, const struct config_fault *fault)
{
    config_problem(doc->problems, "%s: line %zu, column %zu: not valid JSON: %s", doc->name,
                   fault->line, fault->column, fault->why);
}

/* cJSON ends strings at a NUL, so one that is escaped must not come near it. */
static bool has_nul_escape(struct config_doc *doc, const char *text, size_t len)
{
    struct config_fault fault = {.why = "\\u0000 in a string"};

    for (const char *p = text; p < text + len; p++) {
        if (*p != '\\')
            continue;
        if (strncmp(p, "\\u0000", 6) == 0) {
            config_locate(text, (size_t)(p - text), &fault);
            syntax_problem(doc, &fault);
            return true;
        }
        p++;
    }
    return false;
}

bool config_json_open(struct config_doc *doc, const char *text, size_t len)
{
    struct config_fault fault = {.line = 1, .column = 1, .why = "it cannot be read"};
    const char *stop = text;
    size_t at = 0, value_len = 0;

    doc->tree = NULL;
    if (json_check(text, len, CONFIG_JSON_DEPTH, &at, &value_len) == JSON_INVALID) {
        config_locate_fault(text, len, CONFIG_JSON_DEPTH, &fault);
        syntax_problem(doc, &fault);
        return false;
    }
    if (has_nul_escape(doc, text, len))
        return false;
    doc->tree = cJSON_ParseWithLengthOpts(text, len, &stop, false);
    if (!doc->tree) {
        config_locate(text, (size_t)(stop - text), &fault);
        fault.why = "an escape that is no character (or memory is out)";
        syntax_problem(doc, &fault);
        return false;
    }
    doc->root = (struct config_node){doc->tree, text + at, value_len};
    check_all_keys(doc, NULL, doc->tree);
    return true;
}

void config_json_close(struct config_doc *doc)
{
    cJSON_Delete(doc->tree);
    doc->tree = NULL;
}
