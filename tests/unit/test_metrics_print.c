/* The exposition as others read it: Prometheus, its tools, dashboards. */
#include "log.h"
#include "metrics.h"
#include "scrape.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS ((int64_t)1000000)

static struct metrics *m;

static void set_up(void)
{
    m = metrics_new(2);
    cr_assert_not_null(m);
}

static void tear_down(void)
{
    metrics_free(m);
}

TestSuite(metrics_print, .init = set_up, .fini = tear_down, .timeout = 60);

static void expect_value(const char *series, double value)
{
    double found = scrape_value(m, series);

    cr_expect(found >= value && found <= value, "%s is %.9f, not %.9f", series, found, value);
}

static void expect_text(const char *part)
{
    char *text = scrape_text(m);

    cr_expect(text != NULL && strstr(text, part) != NULL, "no %s", part);
    free(text);
}

/* A full one: every kind of series, some of it counted. */
static void count_everything(void)
{
    static const char *const routes[] = {"/v1/users/{id}", "/v1/a\"b", "unmatched"};

    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        struct metrics_route *r = metrics_route(m, routes[i]);
        struct metrics_upstream *u = metrics_upstream(m, routes[i], "profile");

        metrics_upstream(m, routes[i], "activity");
        for (int o = 0; o < METRICS_OUTCOME_COUNT; o++)
            metrics_request(r, (unsigned)o % 2, 200 + 100 * o, (enum metrics_outcome)o, o * MS);
        for (int s = 0; s < WEIR_STATUS_COUNT; s++)
            metrics_call(u, (unsigned)s % 2, (enum weir_status)s, true, s * MS, 1);
    }
    metrics_overrun(m, 0, MS);
    metrics_loop_lag(m, 1, MS);
}

static uint64_t forty_two(void *arg)
{
    return 42 + *(uint64_t *)arg;
}

static uint64_t seven(void *arg)
{
    return 7 + *(uint64_t *)arg;
}

/* The family of a sample, given the family whose TYPE line came last. */
static bool belongs_to(const char *sample, const char *family, const char *type)
{
    static const char *const suffixes[] = {"_bucket{", "_sum", "_count"};
    size_t len = strlen(family);

    if (strncmp(sample, family, len) != 0)
        return false;
    if (strcmp(type, "histogram") != 0)
        return sample[len] == '{' || sample[len] == ' ';
    for (size_t i = 0; i < 3; i++)
        if (strncmp(sample + len, suffixes[i], strlen(suffixes[i])) == 0)
            return true;
    return false;
}

Test(metrics_print, families_are_contiguous_and_described_once)
{
    char seen[64][64], family[64] = "", type[16] = "", *line, *rest, *text;
    size_t families = 0, samples = 0;

    count_everything();
    text = scrape_text(m);
    cr_assert_eq(text[strlen(text) - 1], '\n');
    for (line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "# HELP ", 7) == 0) {
            cr_assert_eq(sscanf(line, "# HELP %63s", family), 1);
            for (size_t i = 0; i < families; i++)
                cr_expect_str_neq(seen[i], family, "twice");
            strcpy(seen[families++], family);
            line = strtok_r(NULL, "\n", &rest);
            cr_assert_eq(sscanf(line, "# TYPE %*s %15s", type), 1);
            cr_expect_eq(strncmp(line + 7, family, strlen(family)), 0, "%s", line);
        } else {
            cr_expect(belongs_to(line, family, type), "in %s: %s", family, line);
            samples++;
        }
    }
    cr_expect(families >= 15 && samples > 200, "%zu families, %zu samples", families, samples);
    free(text);
}

Test(metrics_print, gauges_are_asked_at_the_scrape)
{
    uint64_t more = 0;
    struct metrics_gauges gauges = {forty_two, seven, forty_two, seven, &more};

    expect_value("weir_requests_in_flight", -1);
    metrics_set_gauges(m, &gauges);
    expect_value("weir_requests_in_flight", 42);
    more = 1;
    expect_value("weir_requests_in_flight", 43);
    expect_value("weir_client_connections", 8);
    expect_value("weir_requests_in_flight_limit", 43);
    expect_value("weir_client_connections_limit", 8);
}

Test(metrics_print, dropped_log_lines_are_shown)
{
    char memory[8];
    struct buf line;
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    cr_assert(log_open(null, LOG_INFO, 1));
    expect_value("weir_log_lines_dropped_total", 0);
    buf_init_fixed(&line, memory, sizeof memory);
    log_begin(&line, LOG_INFO, "too long");
    log_end(&line, 0);
    expect_value("weir_log_lines_dropped_total", 1);
    log_close(1000);
    close(null);
}

static double count_descriptors(void)
{
    double count = 0;

    for (int fd = 0; fd < 4096; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

Test(metrics_print, the_process_describes_itself)
{
    double started, again;

    expect_value("process_open_fds", count_descriptors());
    expect_value("process_max_fds", (double)sysconf(_SC_OPEN_MAX));
    cr_expect(scrape_value(m, "process_resident_memory_bytes") > 100000);
    cr_expect(scrape_value(m, "process_virtual_memory_bytes") >
              scrape_value(m, "process_resident_memory_bytes"));
    cr_expect(scrape_value(m, "process_cpu_seconds_total") > 0);
    cr_expect(scrape_value(m, "process_cpu_seconds_total") < 60);
    started = scrape_value(m, "process_start_time_seconds");
    again = scrape_value(m, "process_start_time_seconds");
    cr_expect(started > (double)time(NULL) - 120 && started < (double)time(NULL) + 1);
    cr_expect(started <= again && started >= again, "a start time that moves looks like a restart");
}

static void *wait_for_end(void *arg)
{
    char byte;

    return read(*(int *)arg, &byte, 1) == 0 ? NULL : arg;
}

Test(metrics_print, threads_are_counted)
{
    double threads = scrape_value(m, "process_threads");
    pthread_t thread;
    int ends[2];

    cr_expect(threads >= 1);
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    cr_assert_eq(pthread_create(&thread, NULL, wait_for_end, &ends[0]), 0);
    expect_value("process_threads", threads + 1);
    close(ends[1]);
    pthread_join(thread, NULL);
    close(ends[0]);
}

Test(metrics_print, the_locale_changes_nothing)
{
    static const char *const locales[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
    const char *set = NULL;

    for (size_t i = 0; set == NULL && i < sizeof locales / sizeof locales[0]; i++)
        set = setlocale(LC_ALL, locales[i]);
    if (set == NULL)
        cr_skip("no locale with a decimal comma here");
    metrics_overrun(m, 0, 1500 * MS);
    expect_text("\nweir_deadline_overrun_seconds_sum 1.5\n");
}

Test(metrics_print, a_cap_that_is_too_small_fails_the_whole)
{
    struct buf out;

    buf_init(&out, 1000);
    metrics_print(m, &out);
    cr_expect_not(buf_ok(&out));
    buf_done(&out);
}

Test(metrics_print, promtool_has_nothing_to_say)
{
    char path[] = "/tmp/weir-test-metrics-XXXXXX", command[128], said[4096];
    struct metrics_gauges gauges = {forty_two, seven, forty_two, seven, &(uint64_t){0}};
    size_t len;
    char *text;
    FILE *tool;
    int fd, status;

    if (system("command -v promtool >/dev/null 2>&1") != 0)
        cr_skip("no promtool here");
    count_everything();
    metrics_set_gauges(m, &gauges);
    text = scrape_text(m);
    cr_assert_not_null(text);
    fd = mkstemp(path);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    free(text);
    snprintf(command, sizeof command, "promtool check metrics <%s 2>&1", path);
    tool = popen(command, "r");
    cr_assert_not_null(tool);
    len = fread(said, 1, sizeof said - 1, tool);
    said[len] = '\0';
    status = pclose(tool);
    unlink(path);
    cr_expect_eq(status, 0, "status %d", WEXITSTATUS(status));
    cr_expect_eq(len, 0, "%s", said);
}

Test(metrics_print, labels_are_escaped)
{
    metrics_upstream(m, "/a\"b\\c\nd", "u");
    expect_value(
        "weir_requests_total{route=\"/a\\\"b\\\\c\\nd\",code=\"200\",outcome=\"complete\"}", 0);
    expect_value(
        "weir_upstream_connections_opened_total{route=\"/a\\\"b\\\\c\\nd\",upstream=\"u\"}", 0);
}
