#include "log_lines.h"

#include <cjson/cJSON.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 1024 };

void text_add(struct text *t, const char *data, size_t len)
{
    if (t->cap < t->len + len + 1) {
        t->cap = (t->len + len + 1) * 2;
        t->data = realloc(t->data, t->cap);
        if (t->data == NULL)
            abort();
    }
    memcpy(t->data + t->len, data, len);
    t->len += len;
    t->data[t->len] = '\0';
}

void text_read(struct text *t, int fd, int quiet_ms)
{
    struct pollfd source = {.fd = fd, .events = POLLIN};
    char piece[65536];
    ssize_t got = 1;

    while (got > 0 && poll(&source, 1, quiet_ms) > 0) {
        got = read(fd, piece, sizeof piece);
        if (got > 0)
            text_add(t, piece, (size_t)got);
    }
}

struct text text_at_close(const int pipe_ends[2])
{
    struct text t = {.data = NULL};

    log_close(CLOSE_MS);
    close(pipe_ends[1]);
    text_add(&t, "", 0);
    text_read(&t, pipe_ends[0], PATIENCE_MS);
    close(pipe_ends[0]);
    return t;
}

void *read_to_the_end(void *arg)
{
    struct reader *r = arg;
    char piece[128 * 1024];
    ssize_t got;

    while ((got = read(r->fd, piece, sizeof piece)) > 0) {
        text_add(&r->text, piece, (size_t)got);
        r->reads++;
    }
    return NULL;
}

unsigned count_lines(const struct text *t)
{
    unsigned lines = 0;

    for (size_t i = 0; i < t->len; i++)
        lines += t->data[i] == '\n';
    return lines;
}

struct found whole_lines(const struct text *t)
{
    struct found found = {.lines = 0};
    char *at = t->data, *end;

    for (; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        cJSON *line;
        const char *msg;

        *end = '\0';
        line = cJSON_Parse(at);
        msg = cJSON_GetStringValue(cJSON_GetObjectItem(line, "msg"));
        if (!cJSON_IsObject(line) || msg == NULL) {
            found.broken++;
        } else if (strcmp(msg, "log lines dropped") == 0) {
            found.notices++;
            found.told += (uint64_t)cJSON_GetNumberValue(cJSON_GetObjectItem(line, "lines"));
        } else {
            found.lines++;
        }
        cJSON_Delete(line);
        *end = '\n';
    }
    found.broken += *at != '\0';
    return found;
}

void put_line(unsigned lane, unsigned number, size_t len)
{
    char memory[LINE_BYTES];
    struct buf line;

    buf_init_fixed(&line, memory, sizeof memory);
    log_begin(&line, LOG_INFO, "request");
    buf_str(&line, ",\"lane\":");
    buf_u64(&line, lane == LOG_LANE_SHARED ? 99 : lane);
    buf_str(&line, ",\"n\":");
    buf_u64(&line, number);
    buf_str(&line, ",\"pad\":\"");
    while (line.len + 1 < len)
        buf_char(&line, 'x');
    buf_char(&line, '"');
    log_end(&line, lane);
}

bool open_over_pipe(int pipe_ends[2], enum log_level level, unsigned lanes)
{
    return pipe2(pipe_ends, O_CLOEXEC) == 0 && log_open(pipe_ends[1], level, lanes);
}
