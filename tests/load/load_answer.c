#include "load_answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_HEAD ((size_t)64 * 1024)
#define MAX_BODY ((unsigned long long)64 * 1024 * 1024)

/* Whether a line is this header; its value goes to *value. */
static bool is_header(const char *line, const char *name, const char **value)
{
    size_t len = strlen(name);

    if (strncasecmp(line, name, len) != 0 || line[len] != ':')
        return false;
    *value = line + len + 1 + strspn(line + len + 1, " \t");
    return true;
}

/* Takes one header line, which ends in CRLF; false when its length cannot be right. */
static bool read_line(const char *line, struct load_answer *out, bool *has_length)
{
    const char *value;

    if (is_header(line, "content-length", &value)) {
        char *end;
        unsigned long long len = strtoull(value, &end, 10);

        *has_length = true;
        out->body_len = (size_t)len;
        return end != value && *end == '\r' && len <= MAX_BODY;
    }
    if (is_header(line, "weir-complete", &value))
        out->partial = strncasecmp(value, "false\r", 6) == 0;
    else if (is_header(line, "connection", &value))
        out->closes = strncasecmp(value, "close\r", 6) == 0;
    return true;
}

enum load_answer_state load_answer_read(const char *bytes, size_t len, struct load_answer *out)
{
    const char *end = memmem(bytes, len, "\r\n\r\n", 4);
    bool has_length = false;

    if (end == NULL)
        return len > MAX_HEAD ? LOAD_ANSWER_BAD : LOAD_ANSWER_MORE;
    *out = (struct load_answer){.head_len = (size_t)(end - bytes) + 4};
    if (out->head_len < 16 || memcmp(bytes, "HTTP/1.", 7) != 0 || bytes[8] != ' ')
        return LOAD_ANSWER_BAD;
    out->closes = bytes[7] == '0';
    out->status = atoi(bytes + 9);
    if (out->status < 200 || out->status > 599)
        return LOAD_ANSWER_BAD;
    for (const char *at = bytes; at < end;) {
        at = (const char *)memmem(at, (size_t)(end + 2 - at), "\r\n", 2) + 2;
        if (at < end && !read_line(at, out, &has_length))
            return LOAD_ANSWER_BAD;
    }
    return has_length ? LOAD_ANSWER_HEAD : LOAD_ANSWER_BAD;
}
