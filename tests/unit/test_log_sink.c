/* A sink that blocks, fails or is gone: serving goes on, and no line is torn. */
#include "clock.h"
#include "log.h"
#include "log_lines.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

TestSuite(log_sink, .timeout = 60);

Test(log_sink, blocked_sink_never_blocks_and_is_told_about_later)
{
    enum { LINES = 100000 };
    uint64_t began, took;
    struct text t = {.data = NULL};
    struct found found;
    int ends[2];

    /* nobody reads yet: the pipe takes 64 KiB, each ring 1 MiB */
    cr_assert(open_over_pipe(ends, LOG_INFO, 1));
    began = clock_now_ns();
    for (unsigned i = 0; i < LINES; i++)
        put_line(i % 2 ? 0 : LOG_LANE_SHARED, i, 400);
    took = clock_now_ns() - began;
    cr_expect(took < 20000000000u, "%d lines took %llu ns", LINES, (unsigned long long)took);
    cr_expect(log_dropped() > LINES / 2, "only %llu dropped", (unsigned long long)log_dropped());
    while (t.data == NULL || strstr(t.data, "\"log lines dropped\"") == NULL) {
        size_t before = t.len;

        text_read(&t, ends[0], 1000);
        cr_assert(t.len > before, "no notice came");
    }
    put_line(0, LINES, 400); /* lines flow again */
    log_close(CLOSE_MS);
    close(ends[1]);
    text_read(&t, ends[0], PATIENCE_MS);
    found = whole_lines(&t);
    cr_expect_eq(found.broken, 0);
    cr_expect_eq(found.lines + log_dropped(), LINES + 1);
    cr_expect_eq(found.told, log_dropped());
    cr_expect(strstr(t.data, "\"n\":100000,") != NULL, "the line after the flood is missing");
    free(t.data);
}

/* The writer is in the middle of a blocked write when the end is near. */
Test(log_sink, close_still_writes_and_tells_when_the_reader_comes_back)
{
    enum { LINES = 20000 };
    struct reader reader = {.reads = 0};
    struct found found;
    pthread_t reading;
    int ends[2];

    cr_assert(open_over_pipe(ends, LOG_INFO, 1));
    for (unsigned i = 0; i < LINES; i++)
        put_line(i % 2 ? 0 : LOG_LANE_SHARED, i, 400);
    reader.fd = ends[0];
    cr_assert_eq(pthread_create(&reading, NULL, read_to_the_end, &reader), 0);
    log_close(CLOSE_MS);
    close(ends[1]);
    pthread_join(reading, NULL);
    found = whole_lines(&reader.text);
    cr_expect_eq(found.broken, 0);
    cr_expect(log_dropped() > 0);
    cr_expect_eq(found.lines + log_dropped(), LINES);
    cr_expect_eq(found.told, log_dropped());
    free(reader.text.data);
}

Test(log_sink, close_waits_for_room_in_a_non_blocking_sink)
{
    struct reader reader = {.reads = 0};
    pthread_t reading;
    int ends[2];

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    cr_assert_eq(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    cr_assert(log_open(ends[1], LOG_INFO, 1));
    for (unsigned i = 0; i < 1000; i++)
        put_line(0, i, 400);
    reader.fd = ends[0];
    cr_assert_eq(pthread_create(&reading, NULL, read_to_the_end, &reader), 0);
    log_close(CLOSE_MS);
    close(ends[1]);
    pthread_join(reading, NULL);
    cr_expect_eq(whole_lines(&reader.text).lines, 1000);
    free(reader.text.data);
}

Test(log_sink, non_blocking_sink_loses_nothing_that_was_queued)
{
    struct text t = {.data = NULL};
    struct found found;
    int ends[2];

    cr_assert_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    cr_assert(log_open(ends[1], LOG_INFO, 1));
    for (unsigned i = 0; i < 1000; i++)
        put_line(0, i, 400); /* six pipes full */
    while (t.data == NULL || count_lines(&t) < 1000) {
        size_t before = t.len;

        text_read(&t, ends[0], 1000);
        cr_assert(t.len > before, "lines stopped at %u", count_lines(&t));
    }
    log_close(CLOSE_MS);
    found = whole_lines(&t);
    cr_expect_eq(found.broken, 0);
    cr_expect_eq(found.lines, 1000);
    cr_expect_eq(log_dropped(), 0);
    free(t.data);
}

Test(log_sink, close_gives_up_on_a_blocked_sink_in_time)
{
    uint64_t began, took;
    int ends[2];

    cr_assert(open_over_pipe(ends, LOG_INFO, 1));
    for (unsigned i = 0; i < 1000; i++)
        put_line(0, i, 400);
    began = clock_now_ns();
    log_close(200);
    took = clock_now_ns() - began;
    cr_expect(took >= 150000000u, "gave up after %llu ns", (unsigned long long)took);
    cr_expect(took < 5000000000u, "waited %llu ns", (unsigned long long)took);
    put_line(0, 1, 400); /* a straggler meets no freed memory */
    log_event(LOG_ERROR, "straggler", NULL);
    close(ends[0]);
    cr_assert(open_over_pipe(ends, LOG_INFO, 1)); /* nor does a new log disturb the stuck one */
    put_line(0, 2, 400);
    log_close(CLOSE_MS);
}

Test(log_sink, closed_reader_drops_counts_and_lives)
{
    uint64_t until = clock_now_ns() + PATIENCE_MS * 1000000ull, began;
    int ends[2];

    cr_assert(open_over_pipe(ends, LOG_INFO, 1));
    close(ends[0]); /* SIGPIPE has its deadly default here */
    for (unsigned i = 0; i < 100; i++)
        put_line(0, i, 400);
    while (log_dropped() < 100 && clock_now_ns() < until)
        poll(NULL, 0, 1);
    cr_expect_eq(log_dropped(), 100);
    put_line(0, 100, 400);
    began = clock_now_ns();
    log_close(CLOSE_MS);
    cr_expect(clock_now_ns() - began < 10000000000u);
    cr_expect_eq(log_dropped(), 101);
}

/* A file that takes no more in the middle of a line, then does again: like a disk that was full. */
Test(log_sink, full_disk_tears_no_line)
{
    char path[] = "/tmp/weir-test-log-XXXXXX", piece[4096];
    struct rlimit limit, small;
    struct text t = {.data = NULL};
    struct found found;
    int fd = mkstemp(path);
    off_t size = 0;
    ssize_t got;
    uint64_t until = clock_now_ns() + PATIENCE_MS * 1000000ull;

    cr_assert(fd >= 0);
    unlink(path);
    getrlimit(RLIMIT_FSIZE, &limit);
    small = (struct rlimit){.rlim_cur = 1010, .rlim_max = limit.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    cr_assert(log_open(fd, LOG_INFO, 2));
    for (unsigned i = 0; i < 10; i++)
        put_line(1, i, 400);
    while (size < 1010 && clock_now_ns() < until) {
        poll(NULL, 0, 1);
        size = lseek(fd, 0, SEEK_END);
    }
    cr_assert_eq((long)size, 1010); /* lane 1 stopped within a line, lane 0 must not go first */
    for (unsigned i = 10; i < 20000; i++)
        put_line(i % 2, i, 400); /* more than the rings hold */
    cr_expect(log_dropped() > 0);
    setrlimit(RLIMIT_FSIZE, &limit);
    while (size < 2 * 1024 * 1024 - 65536 && clock_now_ns() < until) {
        poll(NULL, 0, 1);
        size = lseek(fd, 0, SEEK_END);
    }
    put_line(0, 20000, 400);
    log_close(CLOSE_MS);
    lseek(fd, 0, SEEK_SET);
    while ((got = read(fd, piece, sizeof piece)) > 0)
        text_add(&t, piece, (size_t)got);
    close(fd);
    found = whole_lines(&t);
    cr_expect_eq(found.broken, 0);
    cr_expect_eq(found.lines + log_dropped(), 20001);
    cr_expect_eq(found.told, log_dropped());
    free(t.data);
}

Test(log_sink, close_does_not_wait_for_a_full_disk)
{
    uint64_t began;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        cr_skip("no /dev/full here");
    cr_assert(log_open(fd, LOG_INFO, 1));
    put_line(0, 0, 400);
    began = clock_now_ns();
    log_close(PATIENCE_MS);
    cr_expect(clock_now_ns() - began < 10000000000u);
    close(fd);
}
