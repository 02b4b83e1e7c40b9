#include "config_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CHUNK 4096

static bool cannot(const char *path, const char *reason, struct config_why *why)
{
    return config_say(why, "%s cannot be read: %s", config_quote(path).text, reason);
}

/* Opens what is not a directory. */
static FILE *open_file(const char *path, struct config_why *why)
{
    FILE *file = fopen(path, "re");
    struct stat st;

    if (!file) {
        cannot(path, strerror(errno), why);
        return NULL;
    }
    if (fstat(fileno(file), &st) == 0 && S_ISDIR(st.st_mode)) {
        cannot(path, strerror(EISDIR), why);
        fclose(file);
        return NULL;
    }
    return file;
}

char *config_file_read(const char *path, size_t max, size_t *len, struct config_why *why)
{
    FILE *file = open_file(path, why);
    struct buf b;
    const char *reason = NULL;
    size_t n, want;

    if (!file)
        return NULL;
    buf_init(&b, max + 2);
    do {
        /* one byte more than allowed is asked for, to see that there is one */
        want = max + 1 - b.len < CHUNK ? max + 1 - b.len : CHUNK;
        if (!buf_reserve(&b, want)) {
            reason = "out of memory";
            break;
        }
        n = fread(b.data + b.len, 1, want, file);
        b.len += n;
        if (b.len > max)
            reason = "it is too large";
        else if (ferror(file))
            reason = strerror(errno);
    } while (n > 0 && !reason);
    fclose(file);
    buf_char(&b, '\0');
    if (!reason && !buf_ok(&b))
        reason = "out of memory";
    if (reason) {
        cannot(path, reason, why);
        buf_done(&b);
        return NULL;
    }
    *len = b.len - 1;
    return b.data;
}

bool config_file_is_readable(const char *path, struct config_why *why)
{
    FILE *file = open_file(path, why);

    if (file)
        fclose(file);
    return file != NULL;
}
