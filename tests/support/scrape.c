#include "scrape.h"

#include <stdlib.h>
#include <string.h>

enum { OUT_BYTES = 16 * 1024 * 1024 };

char *scrape_text(struct metrics *m)
{
    struct buf out;
    char *text = NULL;

    buf_init(&out, OUT_BYTES);
    metrics_print(m, &out);
    if (buf_ok(&out))
        text = strdup(buf_cstr(&out));
    buf_done(&out);
    return text;
}

double scrape_find(const char *text, const char *series)
{
    size_t len = strlen(series);
    const char *at = text;

    while ((at = strstr(at, series)) != NULL) {
        if ((at == text || at[-1] == '\n') && at[len] == ' ')
            return strtod(at + len + 1, NULL);
        at += len;
    }
    return -1;
}

double scrape_value(struct metrics *m, const char *series)
{
    char *text = scrape_text(m);
    double value = text != NULL ? scrape_find(text, series) : -1;

    free(text);
    return value;
}
