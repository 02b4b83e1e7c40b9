#include "log.h"
#include "log_lines.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

TestSuite(log, .timeout = 60);

Test(log, a_line_has_stamp_level_message_and_fields)
{
    static const char pattern[] =
        "^\\{\"ts\":\"20[0-9]{2}-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:"
        "[0-6][0-9]\\.[0-9]{6}Z\",\"level\":\"info\",\"msg\":\"request\","
        "\"lane\":0,\"n\":7,\"pad\":\"\"\\}\n$";
    char stamp[32];
    time_t before = time(NULL), after;
    regex_t regex;
    struct text t;
    int ends[2];

    cr_assert(open_over_pipe(ends, LOG_INFO, 1));
    put_line(0, 7, 0);
    t = text_at_close(ends);
    after = time(NULL);
    cr_assert_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    cr_expect_eq(regexec(&regex, t.data, 0, NULL, 0), 0, "%s", t.data);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", gmtime(&before));
    cr_expect(strncmp(t.data + 7, stamp, 19) >= 0, "not before %s: %s", stamp, t.data);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", gmtime(&after));
    cr_expect(strncmp(t.data + 7, stamp, 19) <= 0, "not after %s: %s", stamp, t.data);
    regfree(&regex);
    free(t.data);
}

Test(log, level_filters_events)
{
    static const struct {
        enum log_level set;
        unsigned lines;
    } cases[] = {{LOG_DEBUG, 5}, {LOG_INFO, 4}, {LOG_WARN, 3}, {LOG_ERROR, 2}};
    static const char *const words[] = {"debug", "info", "warn", "error"};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text t;
        int ends[2];

        cr_assert(open_over_pipe(ends, LOG_ERROR, 1));
        log_set_level(cases[i].set);
        for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
            cr_expect_eq(log_enabled((enum log_level)level), level >= (int)cases[i].set, "%s at %s",
                         words[level], words[cases[i].set]);
            log_event((enum log_level)level, words[level], NULL);
        }
        log_always(LOG_DEBUG, "always", NULL);
        t = text_at_close(ends);
        cr_expect_eq(count_lines(&t), cases[i].lines, "at %s: %s", words[cases[i].set], t.data);
        for (int level = (int)cases[i].set; level <= LOG_ERROR; level++) {
            char part[64];

            snprintf(part, sizeof part, "\"level\":\"%s\",\"msg\":\"%s\"", words[level],
                     words[level]);
            cr_expect(strstr(t.data, part) != NULL, "no %s in %s", part, t.data);
        }
        free(t.data);
    }
}

Test(log, event_values_are_escaped)
{
    static const char nasty[] = "a\"b\\c\nd\te\x01";
    struct text t;
    cJSON *line;
    int ends[2];

    cr_assert(open_over_pipe(ends, LOG_INFO, 1));
    log_event(LOG_WARN, nasty, "value", nasty, "none", NULL, "after", "here", NULL);
    t = text_at_close(ends);
    cr_assert_eq(count_lines(&t), 1, "%s", t.data);
    line = cJSON_Parse(t.data);
    cr_assert(line != NULL, "%s", t.data);
    cr_expect_str_eq(cJSON_GetStringValue(cJSON_GetObjectItem(line, "msg")), nasty);
    cr_expect_str_eq(cJSON_GetStringValue(cJSON_GetObjectItem(line, "value")), nasty);
    cr_expect(cJSON_IsNull(cJSON_GetObjectItem(line, "none")));
    cr_expect_str_eq(cJSON_GetStringValue(cJSON_GetObjectItem(line, "after")), "here");
    cJSON_Delete(line);
    free(t.data);
}

Test(log, a_lone_line_leaves_without_waiting_for_more)
{
    struct pollfd source = {.events = POLLIN};
    struct text t = {.data = NULL};
    int ends[2];

    cr_assert(open_over_pipe(ends, LOG_INFO, 1));
    source.fd = ends[0];
    for (unsigned i = 0; i < 3; i++) {
        put_line(0, i, 0);
        cr_assert_eq(poll(&source, 1, PATIENCE_MS), 1, "line %u never came", i);
        text_read(&t, ends[0], 120); /* long enough for the writer to fall asleep */
        cr_expect_eq(count_lines(&t), i + 1);
    }
    free(t.data);
    log_close(CLOSE_MS);
}

Test(log, close_writes_out_what_is_queued)
{
    struct text t;
    struct found found;
    int ends[2];

    cr_assert(open_over_pipe(ends, LOG_INFO, 3));
    for (unsigned i = 0; i < 600; i++)
        put_line(i % 4 == 3 ? LOG_LANE_SHARED : i % 4, i, 100);
    t = text_at_close(ends);
    found = whole_lines(&t);
    cr_expect_eq(found.broken, 0);
    cr_expect_eq(found.lines, 600);
    free(t.data);
}

Test(log, a_line_that_cannot_be_is_dropped_whole)
{
    static char huge[4 * 1024 * 1024];
    struct buf line;
    struct text t;
    int ends[2];

    cr_assert(open_over_pipe(ends, LOG_INFO, 1));
    buf_init_fixed(&line, huge, 16);
    log_begin(&line, LOG_INFO, "does not fit its buffer");
    log_end(&line, 0);
    cr_expect_eq(log_dropped(), 1);
    buf_init_fixed(&line, huge, sizeof huge);
    log_begin(&line, LOG_INFO, "does not fit the ring");
    while (line.len < sizeof huge - 16)
        buf_str(&line, "          ");
    cr_assert(buf_ok(&line));
    log_end(&line, 0);
    cr_expect_eq(log_dropped(), 2);
    put_line(0, 1, 0);
    t = text_at_close(ends);
    cr_expect_eq(whole_lines(&t).lines, 1);
    cr_expect_eq(whole_lines(&t).notices, 1);
    free(t.data);
}

/* ---- with threads ---- */

struct producer {
    unsigned lane, lines;
};

static void *produce(void *arg)
{
    const struct producer *p = arg;

    for (unsigned i = 0; i < p->lines; i++) {
        put_line(p->lane, i, 60 + i % 300);
        if (i % 100 == 99)
            poll(NULL, 0, 1); /* let the reader keep up: this test wants every line */
    }
    return NULL;
}

Test(log, lanes_keep_their_order_and_their_lines)
{
    enum { LANES = 4, LINES = 5000 };
    unsigned next[100] = {0};
    struct producer producers[LANES + 1];
    struct reader reader = {.text.data = NULL};
    pthread_t threads[LANES + 1], reading;
    char *at, *end;
    int ends[2];

    cr_assert(open_over_pipe(ends, LOG_INFO, LANES));
    reader.fd = ends[0];
    pthread_create(&reading, NULL, read_to_the_end, &reader);
    for (unsigned i = 0; i <= LANES; i++) {
        producers[i] = (struct producer){i < LANES ? i : LOG_LANE_SHARED, LINES};
        pthread_create(&threads[i], NULL, produce, &producers[i]);
    }
    for (unsigned i = 0; i <= LANES; i++)
        pthread_join(threads[i], NULL);
    log_close(CLOSE_MS);
    close(ends[1]);
    pthread_join(reading, NULL);
    cr_expect_eq(log_dropped(), 0);
    cr_expect_eq(whole_lines(&reader.text).broken, 0);
    cr_expect_eq(whole_lines(&reader.text).lines, (LANES + 1) * LINES);
    for (at = reader.text.data; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        unsigned lane = 0, n = 0;
        char *fields;

        *end = '\0';
        fields = strstr(at, "\"lane\":");
        cr_assert_eq(sscanf(fields, "\"lane\":%u,\"n\":%u", &lane, &n), 2);
        cr_assert_eq(n, next[lane], "lane %u", lane);
        next[lane]++;
    }
    free(reader.text.data);
    close(ends[0]);
}

/* A socket that keeps the borders of its messages shows how many writes there were. */
Test(log, lines_travel_in_batches)
{
    enum { LINES = 20000 };
    struct producer producer = {.lane = 0, .lines = LINES};
    struct reader reader = {.text.data = NULL};
    pthread_t reading;
    int ends[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    cr_assert(log_open(ends[1], LOG_INFO, 1));
    reader.fd = ends[0];
    pthread_create(&reading, NULL, read_to_the_end, &reader);
    produce(&producer);
    log_close(CLOSE_MS);
    close(ends[1]);
    pthread_join(reading, NULL);
    cr_expect_eq(whole_lines(&reader.text).broken, 0);
    cr_expect_eq(whole_lines(&reader.text).lines, LINES);
    cr_expect(reader.reads < LINES / 50, "%u writes for %u lines", reader.reads, LINES);
    free(reader.text.data);
    close(ends[0]);
}
