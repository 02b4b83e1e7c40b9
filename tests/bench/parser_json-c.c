#include "bench.h"
#include "parser.h"

#include <json-c/json.h>

void parser_json_c(void *arg, unsigned long n)
{
    const struct parser_text *text = arg;
    struct json_tokener *parser = json_tokener_new();

    for (unsigned long i = 0; i < n; i++) {
        struct json_object *tree;

        json_tokener_reset(parser);
        tree = json_tokener_parse_ex(parser, text->at, (int)bench_any(text->len));
        bench_must(tree != NULL, "json-c finds the text valid");
        json_object_put(tree);
    }
    json_tokener_free(parser);
}
