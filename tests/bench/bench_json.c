/* Checking JSON against parsers that build something of it; each must find the text valid. */
#include "bench.h"
#include "bodies.h"
#include "json.h"

#include <cjson/cJSON.h>
#ifdef HAVE_YAJL
#include <yajl/yajl_parse.h>
#endif
#ifdef HAVE_JSONC
#include <json-c/json.h>
#endif
#ifdef HAVE_JANSSON
#include <jansson.h>
#endif

static void with_cjson(void *arg, unsigned long n)
{
    const struct buf *text = arg;

    for (unsigned long i = 0; i < n; i++) {
        cJSON *tree = cJSON_ParseWithLength(text->data, bench_any(text->len));

        bench_must(tree != NULL, "cJSON finds the text valid");
        cJSON_Delete(tree);
    }
}

static void with_weir(void *arg, unsigned long n)
{
    const struct buf *text = arg;

    for (unsigned long i = 0; i < n; i++) {
        size_t at = 0, len = 0;

        bench_must(json_check(text->data, bench_any(text->len), 64, &at, &len) == JSON_ARRAY,
                   "weir finds the text valid");
        bench_keep(&len);
    }
}

#ifdef HAVE_YAJL
static void with_yajl(void *arg, unsigned long n)
{
    const struct buf *text = arg;

    for (unsigned long i = 0; i < n; i++) {
        yajl_handle parser = yajl_alloc(NULL, NULL, NULL);

        bench_must(yajl_parse(parser, (const unsigned char *)text->data, text->len) == yajl_status_ok &&
                       yajl_complete_parse(parser) == yajl_status_ok, "yajl finds the text valid");
        yajl_free(parser);
    }
}
#endif

#ifdef HAVE_JSONC
static void with_jsonc(void *arg, unsigned long n)
{
    const struct buf *text = arg;
    struct json_tokener *parser = json_tokener_new();

    for (unsigned long i = 0; i < n; i++) {
        struct json_object *tree;

        json_tokener_reset(parser);
        tree = json_tokener_parse_ex(parser, text->data, (int)text->len);
        bench_must(tree != NULL, "json-c finds the text valid");
        json_object_put(tree);
    }
    json_tokener_free(parser);
}
#endif

#ifdef HAVE_JANSSON
static void with_jansson(void *arg, unsigned long n)
{
    const struct buf *text = arg;

    for (unsigned long i = 0; i < n; i++) {
        json_t *tree = json_loadb(text->data, text->len, 0, NULL);

        bench_must(tree != NULL, "jansson finds the text valid");
        json_decref(tree);
    }
}
#endif

static void compare(const char *title, void (*make)(struct buf *b, size_t entries), size_t entries)
{
    struct buf text;

    buf_init(&text, 1 << 24);
    make(&text, entries);
    bench_must(buf_ok(&text), "memory is there");
    {
        const struct bench_row rows[] = {
            {"cJSON, a tree", with_cjson, &text, text.len},
            {"weir, a verdict", with_weir, &text, text.len},
#ifdef HAVE_YAJL
            {"yajl, no callbacks", with_yajl, &text, text.len},
#endif
#ifdef HAVE_JSONC
            {"json-c, a tree", with_jsonc, &text, text.len},
#endif
#ifdef HAVE_JANSSON
            {"jansson, a tree", with_jansson, &text, text.len},
#endif
        };

        bench_group(title, rows, sizeof(rows) / sizeof(*rows));
    }
    buf_done(&text);
}

int main(void)
{
    compare("JSON of an API, 2 KiB", bodies_feed, 9);
    compare("the same kind indented, 2 KiB", bodies_indented, 9);
    compare("JSON of an API, 1 MiB", bodies_feed, 4700);
    compare("long strings, 300 KiB", bodies_prose, 1000);
    compare("numbers, 70 KiB", bodies_numbers, 10000);
    return 0;
}
