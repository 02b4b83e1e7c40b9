/* Other JSON parsers, one file each, since their headers do not get along with each other or with ours.
 * Each parses the text n times and must find it valid; only those that are installed are linked. */
#ifndef PARSER_H
#define PARSER_H

#include <stddef.h>

struct parser_text {
    const char *at;
    size_t len;
};

void parser_yajl(void *text, unsigned long n);
void parser_json_c(void *text, unsigned long n);
void parser_jansson(void *text, unsigned long n);

#endif
