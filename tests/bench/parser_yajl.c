#include "bench.h"
#include "parser.h"

#include <yajl/yajl_parse.h>

void parser_yajl(void *arg, unsigned long n)
{
    const struct parser_text *text = arg;
    const unsigned char *bytes = (const unsigned char *)text->at;

    for (unsigned long i = 0; i < n; i++) {
        yajl_handle parser = yajl_alloc(NULL, NULL, NULL);

        bench_must(yajl_parse(parser, bytes, bench_any(text->len)) == yajl_status_ok &&
                       yajl_complete_parse(parser) == yajl_status_ok, "yajl finds the text valid");
        yajl_free(parser);
    }
}
