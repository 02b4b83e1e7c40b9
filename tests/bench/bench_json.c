/* Checking JSON against parsers that build something of it; each must find the text valid. */
#include "bench.h"
#include "bodies.h"
#include "json.h"
#include "parser.h"

#include <cjson/cJSON.h>

static void with_cjson(void *arg, unsigned long n)
{
    const struct parser_text *text = arg;

    for (unsigned long i = 0; i < n; i++) {
        cJSON *tree = cJSON_ParseWithLength(text->at, bench_any(text->len));

        bench_must(tree != NULL, "cJSON finds the text valid");
        cJSON_Delete(tree);
    }
}

static void with_weir(void *arg, unsigned long n)
{
    const struct parser_text *text = arg;

    for (unsigned long i = 0; i < n; i++) {
        size_t at = 0, len = 0;

        bench_must(json_check(text->at, bench_any(text->len), 64, &at, &len) == JSON_ARRAY,
                   "weir finds the text valid");
        bench_keep(&len);
    }
}

static void compare(const char *title, void (*make)(struct buf *b, size_t entries), size_t entries)
{
    struct parser_text text;
    struct buf b;

    buf_init(&b, 1 << 24);
    make(&b, entries);
    bench_must(buf_ok(&b), "memory is there");
    text = (struct parser_text){b.data, b.len};
    {
        const struct bench_row rows[] = {
            {"cJSON, a tree", with_cjson, &text, text.len},
            {"weir, a verdict", with_weir, &text, text.len},
#ifdef HAVE_YAJL
            {"yajl, no callbacks", parser_yajl, &text, text.len},
#endif
#ifdef HAVE_JSON_C
            {"json-c, a tree", parser_json_c, &text, text.len},
#endif
#ifdef HAVE_JANSSON
            {"jansson, a tree", parser_jansson, &text, text.len},
#endif
        };

        bench_group(title, rows, sizeof(rows) / sizeof(*rows));
    }
    buf_done(&b);
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
