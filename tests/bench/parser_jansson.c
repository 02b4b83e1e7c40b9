#include "bench.h"
#include "parser.h"

#include <jansson.h>

void parser_jansson(void *arg, unsigned long n)
{
    const struct parser_text *text = arg;

    for (unsigned long i = 0; i < n; i++) {
        json_t *tree = json_loadb(text->at, bench_any(text->len), 0, NULL);

        bench_must(tree != NULL, "jansson finds the text valid");
        json_decref(tree);
    }
}
