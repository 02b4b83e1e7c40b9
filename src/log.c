#include "log.h"
#include "clock.h"
#include "log_writer.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum { EVENT_BYTES = 64 * 1024, SECOND_LEN = 19 /* 2026-11-21T02:35:12 */ };

/* The process's log. A closed writer stays in place until the next one is opened, so that a late
 * line meets memory that is still there. */
static struct {
    _Atomic(struct log_writer *) writer;
    bool open;                       /* the main thread's: the writer was not stopped yet */
    _Atomic uint64_t dropped_before; /* by earlier writers */
    _Atomic int level;
} state = {.level = LOG_INFO};

static const char *const level_words[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};

/* ---- lines ---- */

/* The thread's last second in words: calendar arithmetic once per second, not once per line. */
struct second_text {
    uint64_t second;
    char text[SECOND_LEN];
};

static void put_digits(char *to, unsigned count, uint64_t value)
{
    while (count-- > 0) {
        to[count] = (char)('0' + value % 10);
        value /= 10;
    }
}

static void second_write(struct second_text *t, uint64_t second)
{
    time_t seconds = (time_t)second;
    struct tm tm;

    gmtime_r(&seconds, &tm);
    memcpy(t->text, "0000-00-00T00:00:00", SECOND_LEN);
    put_digits(t->text, 4, (uint64_t)tm.tm_year + 1900);
    put_digits(t->text + 5, 2, (uint64_t)tm.tm_mon + 1);
    put_digits(t->text + 8, 2, (uint64_t)tm.tm_mday);
    put_digits(t->text + 11, 2, (uint64_t)tm.tm_hour);
    put_digits(t->text + 14, 2, (uint64_t)tm.tm_min);
    put_digits(t->text + 17, 2, (uint64_t)tm.tm_sec);
    t->second = second;
}

static void add_stamp(struct buf *line, uint64_t wall_us)
{
    static _Thread_local struct second_text cached;
    char stamp[SECOND_LEN + 8];

    if (cached.second != wall_us / 1000000u)
        second_write(&cached, wall_us / 1000000u);
    memcpy(stamp, cached.text, SECOND_LEN);
    stamp[SECOND_LEN] = '.';
    put_digits(stamp + SECOND_LEN + 1, 6, wall_us % 1000000u);
    stamp[SECOND_LEN + 7] = 'Z';
    buf_add(line, stamp, sizeof stamp);
}

void log_begin(struct buf *line, enum log_level level, const char *msg)
{
    buf_str(line, "{\"ts\":\"");
    add_stamp(line, clock_wall_us());
    buf_str(line, "\",\"level\":\"");
    buf_str(line, level_words[level]);
    buf_str(line, "\",\"msg\":");
    buf_json_string(line, msg, strlen(msg));
}

void log_end(struct buf *line, unsigned lane)
{
    struct log_writer *w = atomic_load_explicit(&state.writer, memory_order_acquire);

    if (w == NULL)
        return;
    if (buf_ok(line))
        log_writer_put(w, lane, line->data, line->len);
    else
        log_writer_drop(w);
}

static void write_event(enum log_level level, const char *msg, va_list pairs)
{
    const char *name, *value;
    struct buf line;

    buf_init(&line, EVENT_BYTES);
    log_begin(&line, level, msg);
    while ((name = va_arg(pairs, const char *)) != NULL) {
        value = va_arg(pairs, const char *);
        buf_char(&line, ',');
        buf_json_string(&line, name, strlen(name));
        buf_char(&line, ':');
        if (value != NULL)
            buf_json_string(&line, value, strlen(value));
        else
            buf_str(&line, "null");
    }
    log_end(&line, LOG_LANE_SHARED);
    buf_done(&line);
}

void log_event(enum log_level level, const char *msg, ...)
{
    va_list pairs;

    if (!log_enabled(level))
        return;
    va_start(pairs, msg);
    write_event(level, msg, pairs);
    va_end(pairs);
}

void log_always(enum log_level level, const char *msg, ...)
{
    va_list pairs;

    va_start(pairs, msg);
    write_event(level, msg, pairs);
    va_end(pairs);
}

static void write_notice(struct buf *line, uint64_t lines)
{
    log_begin(line, LOG_WARN, "log lines dropped");
    buf_str(line, ",\"lines\":");
    buf_u64(line, lines);
}

/* ---- open, close, settings ---- */

bool log_open(int fd, enum log_level level, unsigned lanes)
{
    struct log_writer *before = atomic_load(&state.writer), *w;

    if (state.open)
        log_close(0);
    w = log_writer_start(fd, lanes, write_notice);
    if (w == NULL)
        return false;
    log_set_level(level);
    state.open = true;
    atomic_store_explicit(&state.writer, w, memory_order_release);
    if (before != NULL) {
        atomic_fetch_add(&state.dropped_before, log_writer_dropped(before));
        log_writer_free(before);
    }
    return true;
}

void log_close(unsigned timeout_ms)
{
    if (!state.open)
        return;
    state.open = false;
    log_writer_stop(atomic_load(&state.writer), timeout_ms);
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&state.level, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&state.level, memory_order_relaxed);
}

uint64_t log_dropped(void)
{
    struct log_writer *w = atomic_load_explicit(&state.writer, memory_order_acquire);

    return atomic_load(&state.dropped_before) + (w != NULL ? log_writer_dropped(w) : 0);
}
