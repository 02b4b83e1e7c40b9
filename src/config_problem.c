#include "config_problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES  2048
#define LAST_LINE_BYTES 64 /* kept free for config_problem_end */
#define NEAR_MAX        64 /* longer names are not compared */

void config_problem(struct config_problems *problems, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    for (char *p = line; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    problems->n++;
    if (problems->left_out > 0 ||
        problems->out->max - problems->out->len < strlen(line) + LAST_LINE_BYTES) {
        problems->left_out++;
        return;
    }
    buf_str(problems->out, line);
    buf_char(problems->out, '\n');
}

void config_problem_end(struct config_problems *problems)
{
    if (problems->left_out > 0)
        buf_printf(problems->out, "and %zu problems more\n", problems->left_out);
}

void config_problem_no_memory(struct config_problems *problems)
{
    config_problem(problems, "out of memory");
}

bool config_say(struct config_why *why, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why->text, sizeof(why->text), format, args);
    va_end(args);
    return false;
}

struct config_quoted config_quote(const char *text)
{
    struct config_quoted quoted;
    const size_t most = 120;
    size_t len = strlen(text);
    bool cut = len > most;

    if (cut)
        for (len = most; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80;)
            len--;
    snprintf(quoted.text, sizeof(quoted.text), "\"%.*s%s\"", (int)len, text, cut ? "…" : "");
    return quoted;
}

/* Insertions, deletions and changes that lead from a to b; both at most NEAR_MAX long. */
static size_t distance(const char *a, const char *b)
{
    size_t row[NEAR_MAX + 1];
    size_t lb = strlen(b);

    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[lb];
}

const char *config_nearest(const char *name, const char *(*at)(const void *names, size_t i),
                           const void *names, size_t n)
{
    const char *nearest = NULL;
    size_t least = strlen(name) / 3 + 1; /* a third of it may be wrong, at most three letters */

    if (strlen(name) > NEAR_MAX)
        return NULL;
    if (least > 4)
        least = 4;
    for (size_t i = 0; i < n; i++) {
        const char *candidate = at(names, i);
        size_t d = strlen(candidate) > NEAR_MAX ? least : distance(name, candidate);

        if (d < least) {
            least = d;
            nearest = candidate;
        }
    }
    return nearest;
}
