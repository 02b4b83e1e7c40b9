/* What the service manager is told, and when the watchdog is fed: on a loop whose clock is moved by
 * hand. */
#include "notify.h"

#include "log.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND_NS (1000 * (uint64_t)WEIR_MS)

struct scene {
    struct weir_loop *loop;
    struct notify notify;
    char dir[64], path[96];
    int fd; /* the manager's */
    bool live;
};

static bool is_live(void *arg)
{
    return ((struct scene *)arg)->live;
}

/* A manager that listens in a folder of its own; watchdog: its WATCHDOG_USEC or NULL. */
static void begin(struct scene *s, const char *watchdog)
{
    struct sockaddr_un to;
    socklen_t len;

    *s = (struct scene){.loop = weir_loop_new_manual(0), .live = true, .dir = "/tmp/notify-XXXXXX"};
    cr_assert(s->loop != NULL && mkdtemp(s->dir) != NULL);
    cr_assert(log_open(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_INFO, 0));
    snprintf(s->path, sizeof(s->path), "%s/socket", s->dir);
    s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    cr_assert(notify_address(s->path, &to, &len));
    cr_assert(bind(s->fd, (struct sockaddr *)&to, len) == 0);
    setenv("NOTIFY_SOCKET", s->path, 1);
    unsetenv("WATCHDOG_PID");
    unsetenv("WATCHDOG_USEC");
    if (watchdog != NULL)
        setenv("WATCHDOG_USEC", watchdog, 1);
    notify_open(&s->notify, &(struct notify_options){s->loop, is_live, s});
}

static void end(struct scene *s)
{
    notify_close(&s->notify);
    weir_loop_free(s->loop);
    log_close(100);
    close(s->fd);
    unlink(s->path);
    rmdir(s->dir);
}

/* The next message, "" when there is none. Valid until the next call. */
static const char *heard(struct scene *s)
{
    static char text[512];
    ssize_t n = recv(s->fd, text, sizeof(text) - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

Test(notify, addresses)
{
    static const struct {
        const char *text;
        bool good;
        char first;
        size_t len; /* of the path */
    } cases[] = {
        {"/run/systemd/notify", true, '/', 20},
        {"@weir", true, '\0', 5},
        {"", false, 0, 0},
        {"/", false, 0, 0},
        {"@", false, 0, 0},
        {"run/notify", false, 0, 0},
        {"vsock:2:1234", false, 0, 0},
    };
    struct sockaddr_un to;
    socklen_t len = 0;
    char longest[sizeof(to.sun_path) + 1];

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        cr_expect_eq(notify_address(cases[i].text, &to, &len), cases[i].good, "%s", cases[i].text);
        if (!cases[i].good)
            continue;
        cr_expect_eq(len, offsetof(struct sockaddr_un, sun_path) + cases[i].len, "%s",
                     cases[i].text);
        cr_expect_eq(to.sun_path[0], cases[i].first, "%s", cases[i].text);
        cr_expect(memcmp(to.sun_path + 1, cases[i].text + 1, cases[i].len - 1) == 0);
    }
    memset(longest, 'x', sizeof(longest));
    longest[0] = '/';
    longest[sizeof(longest) - 2] = '\0';
    cr_expect(notify_address(longest, &to, &len) && len == sizeof(to), "the longest");
    longest[sizeof(longest) - 2] = 'x';
    longest[sizeof(longest) - 1] = '\0';
    cr_expect(!notify_address(longest, &to, &len), "one too long");
}

Test(notify, intervals)
{
    static const struct {
        const char *usec, *pid;
        bool good;
        uint64_t ns;
    } cases[] = {
        {NULL, NULL, true, 0},
        {NULL, "nonsense", true, 0},
        {"10000000", NULL, true, 5 * SECOND_NS},
        {"10000000", "77", true, 5 * SECOND_NS},
        {"10000000", "78", true, 0},
        {"1", NULL, true, (uint64_t)WEIR_MS},
        {"0", NULL, false, 0},
        {"", NULL, false, 0},
        {"-1", NULL, false, 0},
        {" 1000", NULL, false, 0},
        {"1000us", NULL, false, 0},
        {"99999999999999999999", NULL, false, 0},
        {"18446744073709551615", NULL, false, 0},
        {"1000", "", false, 0},
        {"1000", "77x", false, 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint64_t ns = 1;

        cr_expect_eq(notify_interval(cases[i].usec, cases[i].pid, 77, &ns), cases[i].good,
                     "case %zu", i);
        cr_expect_eq(ns, cases[i].ns, "case %zu: %llu", i, (unsigned long long)ns);
    }
}

Test(notify, a_life)
{
    struct scene s;
    unsigned long long usec = 0;

    begin(&s, NULL);
    cr_expect_str_eq(heard(&s), "", "nothing before it serves");
    notify_reloading(&s.notify);
    cr_expect_str_eq(heard(&s), "", "not even a reload");
    notify_ready(&s.notify, "serving");
    cr_expect_str_eq(heard(&s), "READY=1\nSTATUS=serving\n");
    weir_loop_advance(s.loop, 3600 * SECOND_NS);
    cr_expect_str_eq(heard(&s), "", "no watchdog has been asked for");
    notify_reloading(&s.notify);
    cr_expect(sscanf(heard(&s), "RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=reloading\n", &usec) ==
              1);
    cr_expect(usec > 0);
    notify_ready(&s.notify, "as before");
    cr_expect_str_eq(heard(&s), "READY=1\nSTATUS=as before\n");
    notify_stopping(&s.notify, 32 * SECOND_NS);
    cr_expect_str_eq(
        heard(&s),
        "STOPPING=1\nEXTEND_TIMEOUT_USEC=32000000\nSTATUS=finishing what is in flight\n");
    notify_reloading(&s.notify);
    notify_ready(&s.notify, "serving");
    cr_expect_str_eq(heard(&s), "", "nothing after the end has begun");
    end(&s);
}

Test(notify, the_watchdog_is_fed_at_half_time_while_live_only)
{
    struct scene s;

    begin(&s, "4000000");
    weir_loop_advance(s.loop, 1 * SECOND_NS);
    cr_expect_str_eq(heard(&s), "", "not before it serves");
    notify_ready(&s.notify, "serving");
    heard(&s);
    cr_expect_str_eq(heard(&s), "WATCHDOG=1\n");
    weir_loop_advance(s.loop, 3 * SECOND_NS - 1);
    cr_expect_str_eq(heard(&s), "", "not before half the time");
    weir_loop_advance(s.loop, 3 * SECOND_NS + 10 * (uint64_t)WEIR_MS);
    cr_expect_str_eq(heard(&s), "WATCHDOG=1\n");
    s.live = false;
    for (uint64_t i = 4; i < 40; i++)
        weir_loop_advance(s.loop, i * SECOND_NS);
    cr_expect_str_eq(heard(&s), "", "not while a worker is stuck");
    s.live = true;
    weir_loop_advance(s.loop, 39 * SECOND_NS + 600 * (uint64_t)WEIR_MS);
    cr_expect_str_eq(heard(&s), "WATCHDOG=1\n", "soon when it turns again");
    notify_reloading(&s.notify);
    notify_ready(&s.notify, "serving");
    heard(&s), heard(&s);
    weir_loop_advance(s.loop, 40 * SECOND_NS);
    cr_expect_str_eq(heard(&s), "", "a reload does not feed it twice");
    notify_stopping(&s.notify, SECOND_NS);
    heard(&s);
    weir_loop_advance(s.loop, 42 * SECOND_NS);
    cr_expect_str_eq(heard(&s), "WATCHDOG=1\n", "while it drains too");
    end(&s);
}

Test(notify, another_process_is_watched)
{
    struct scene s;

    begin(&s, "1000000");
    notify_close(&s.notify);
    setenv("WATCHDOG_PID", "1", 1);
    notify_open(&s.notify, &(struct notify_options){s.loop, is_live, &s});
    notify_ready(&s.notify, "serving");
    cr_expect_str_eq(heard(&s), "READY=1\nSTATUS=serving\n");
    weir_loop_advance(s.loop, 10 * SECOND_NS);
    cr_expect_str_eq(heard(&s), "");
    end(&s);
}

/* The newest change arrives when there is room again, and what it has overtaken does not. */
Test(notify, a_full_socket_does_not_block)
{
    struct scene s;
    struct sockaddr_un to;
    socklen_t len;
    int filler = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    begin(&s, NULL);
    cr_assert(notify_address(s.path, &to, &len));
    while (sendto(filler, "x", 1, 0, (struct sockaddr *)&to, len) == 1)
        ;
    notify_ready(&s.notify, "serving");
    notify_reloading(&s.notify);
    notify_ready(&s.notify, "newest");
    weir_loop_advance(s.loop, 1 * SECOND_NS);
    while (*heard(&s) == 'x')
        ;
    weir_loop_advance(s.loop, 2 * SECOND_NS);
    cr_expect_str_eq(heard(&s), "READY=1\nSTATUS=newest\n");
    weir_loop_advance(s.loop, 3 * SECOND_NS);
    cr_expect_str_eq(heard(&s), "", "once");
    close(filler);
    end(&s);
}

Test(notify, nobody_listens)
{
    static const char *const wheres[] = {NULL, "", "relative", "/nowhere/at/all"};

    for (size_t i = 0; i < sizeof(wheres) / sizeof(*wheres); i++) {
        struct scene s;

        begin(&s, "1000000");
        notify_close(&s.notify);
        unsetenv("NOTIFY_SOCKET");
        if (wheres[i] != NULL)
            setenv("NOTIFY_SOCKET", wheres[i], 1);
        notify_open(&s.notify, &(struct notify_options){s.loop, is_live, &s});
        notify_ready(&s.notify, "serving");
        notify_reloading(&s.notify);
        notify_ready(&s.notify, "serving");
        weir_loop_advance(s.loop, 10 * SECOND_NS);
        notify_stopping(&s.notify, SECOND_NS);
        cr_expect_str_eq(heard(&s), "", "case %zu", i);
        end(&s);
    }
}
