#include "process.h"

#include "client.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_LINES 65536

struct process {
    pid_t pid;
    int out; /* both outputs */
    pthread_t reader;
    int stop[2]; /* ends the reader */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char **lines;
    unsigned n_lines;
    bool reaped;
    int status;
};

static struct timespec until_of(int timeout_ms)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_sec += timeout_ms / 1000;
    ts.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (ts.tv_nsec >= 1000000000) {
        ts.tv_sec++;
        ts.tv_nsec -= 1000000000;
    }
    return ts;
}

static void add_line(struct process *p, char *line)
{
    pthread_mutex_lock(&p->lock);
    if (p->n_lines < MAX_LINES)
        p->lines[p->n_lines++] = line;
    else
        free(line);
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

static void *read_lines(void *arg)
{
    struct process *p = arg;
    char *text = NULL;
    size_t len = 0, cap = 0;
    char chunk[65536];

    for (;;) {
        struct pollfd fds[2] = {{p->out, POLLIN, 0}, {p->stop[0], POLLIN, 0}};
        ssize_t n;
        char *end;

        if (poll(fds, 2, -1) < 0 && errno == EINTR)
            continue;
        if (fds[1].revents != 0)
            break;
        n = read(p->out, chunk, sizeof(chunk));
        if (n <= 0)
            break;
        if (len + (size_t)n + 1 > cap) {
            cap = 2 * (len + (size_t)n + 1);
            text = realloc(text, cap);
        }
        memcpy(text + len, chunk, (size_t)n);
        len += (size_t)n;
        while ((end = memchr(text, '\n', len)) != NULL) {
            size_t line = (size_t)(end - text);

            add_line(p, strndup(text, line));
            len -= line + 1;
            memmove(text, end + 1, len);
        }
    }
    if (len > 0)
        add_line(p, strndup(text, len));
    free(text);
    return NULL;
}

static void run_child(const char *program, const char *const *env, const char *const *arguments,
                      int out)
{
    const char *argv[32] = {program};
    size_t n = 1;

    while (arguments != NULL && arguments[n - 1] != NULL && n < 31) {
        argv[n] = arguments[n - 1];
        n++;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execve(program, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
    _exit(127);
}

struct process *process_start(const char *program, const char *const *env,
                              const char *const *arguments)
{
    struct process *p = calloc(1, sizeof(*p));
    pthread_condattr_t attr;
    sigset_t none;
    int fds[2];

    cr_assert(p != NULL && pipe2(fds, O_CLOEXEC) == 0 && pipe2(p->stop, O_CLOEXEC) == 0);
    p->lines = calloc(MAX_LINES, sizeof(char *));
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->changed, &attr);
    pthread_mutex_init(&p->lock, NULL);
    p->pid = fork();
    if (p->pid == 0) {
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        run_child(program, env, arguments, fds[1]);
    }
    cr_assert(p->pid > 0);
    close(fds[1]);
    p->out = fds[0];
    cr_assert(pthread_create(&p->reader, NULL, read_lines, p) == 0);
    return p;
}

pid_t process_pid(const struct process *p)
{
    return p->pid;
}

void process_signal(struct process *p, int signal)
{
    if (!p->reaped)
        kill(p->pid, signal);
}

/* The n-th line that holds the text, among those so far. */
static const char *find_line(struct process *p, const char *text, unsigned n, unsigned *count)
{
    *count = 0;
    for (unsigned i = 0; i < p->n_lines; i++)
        if (strstr(p->lines[i], text) != NULL && ++*count == n)
            return p->lines[i];
    return NULL;
}

const char *process_wait_line(struct process *p, const char *text, unsigned n, int timeout_ms)
{
    struct timespec until = until_of(timeout_ms);
    const char *line;
    unsigned count;

    pthread_mutex_lock(&p->lock);
    while ((line = find_line(p, text, n, &count)) == NULL)
        if (pthread_cond_timedwait(&p->changed, &p->lock, &until) != 0)
            break;
    pthread_mutex_unlock(&p->lock);
    return line;
}

unsigned process_count_lines(struct process *p, const char *text)
{
    unsigned count;

    pthread_mutex_lock(&p->lock);
    find_line(p, text, (unsigned)-1, &count);
    pthread_mutex_unlock(&p->lock);
    return count;
}

char *process_output(struct process *p)
{
    size_t size = 1;
    char *all;

    pthread_mutex_lock(&p->lock);
    for (unsigned i = 0; i < p->n_lines; i++)
        size += strlen(p->lines[i]) + 1;
    all = calloc(1, size);
    for (unsigned i = 0, at = 0; i < p->n_lines; i++)
        at += (unsigned)sprintf(all + at, "%s\n", p->lines[i]);
    pthread_mutex_unlock(&p->lock);
    return all;
}

int process_wait_exit(struct process *p, int timeout_ms)
{
    double until = now_ms() + timeout_ms;
    int status;

    while (!p->reaped) {
        if (waitpid(p->pid, &status, WNOHANG) == p->pid) {
            p->reaped = true;
            p->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            if (p->reader != 0)
                pthread_join(p->reader, NULL); /* all that it printed is there now */
            p->reader = 0;
            break;
        }
        if (now_ms() > until)
            return -1;
        usleep(1000);
    }
    return p->status;
}

void process_stop_reading(struct process *p)
{
    ssize_t n = write(p->stop[1], "x", 1);

    (void)n;
    pthread_join(p->reader, NULL);
    p->reader = 0;
}

void process_free(struct process *p)
{
    if (p == NULL)
        return;
    if (process_wait_exit(p, 0) < 0) {
        kill(p->pid, SIGKILL);
        process_wait_exit(p, 5000);
    }
    if (p->reader != 0)
        pthread_join(p->reader, NULL); /* ends with the pipe */
    for (unsigned i = 0; i < p->n_lines; i++)
        free(p->lines[i]);
    free(p->lines);
    close(p->out);
    close(p->stop[0]);
    close(p->stop[1]);
    free(p);
}

static unsigned port_in(const char *line)
{
    const char *address = line ? strstr(line, "\"address\":\"") : NULL;
    const char *colon = address ? strrchr(address, ':') : NULL;

    return colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
}

static bool is_set(const char *const *settings, const char *name)
{
    size_t len = strlen(name);

    for (; settings != NULL && *settings != NULL; settings++)
        if (strncmp(*settings, name, len) == 0 && (*settings)[len] == '=')
            return true;
    return false;
}

void weir_start(struct weir *w, const char *const *settings)
{
    static const char *const defaults[][2] = {{"WEIR_LISTEN", "WEIR_LISTEN=127.0.0.1:0"},
                                              {"WEIR_ADMIN_LISTEN", "WEIR_ADMIN_LISTEN=127.0.0.1:0"},
                                              {"WEIR_WORKERS", "WEIR_WORKERS=1"}};
    static const char *const handed_on[] = {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"};
    const char *env[64];
    char text[3][512];
    size_t n = 0;

    for (size_t i = 0; i < 3; i++)
        if (!is_set(settings, defaults[i][0]))
            env[n++] = defaults[i][1];
    for (size_t i = 0; i < 3; i++) {
        if (getenv(handed_on[i]) == NULL)
            continue;
        snprintf(text[i], sizeof(text[i]), "%s=%s", handed_on[i], getenv(handed_on[i]));
        env[n++] = text[i];
    }
    for (; settings != NULL && *settings != NULL && n < 63; settings++)
        env[n++] = *settings;
    env[n] = NULL;
    w->process = process_start(WEIR_BIN, env, NULL);
    w->port = port_in(process_wait_line(w->process, "\"listener\":\"public\"", 1, 10000));
    w->admin_port = port_in(process_wait_line(w->process, "\"listener\":\"admin\"", 1, 10000));
    if (w->port == 0 || w->admin_port == 0) {
        char *output = process_output(w->process);

        cr_assert(false, "weir did not start: %s", output);
    }
}

void weir_stop(struct weir *w)
{
    process_signal(w->process, SIGTERM);
    weir_end(w);
}

void weir_end(struct weir *w)
{
    int status = process_wait_exit(w->process, 20000);
    char *output = process_output(w->process);

    cr_expect(status == 0, "weir exits %d: %s", status, output);
    cr_expect(strstr(output, "Sanitizer") == NULL && strstr(output, "runtime error") == NULL,
              "weir is not clean: %s", output);
    free(output);
    process_free(w->process);
}

double weir_metric(const struct weir *w, const char *series)
{
    struct response r;
    size_t len = strlen(series);
    double value = -1;

    if (client_get(w->admin_port, "/metrics", NULL, &r, 5000))
        for (const char *p = r.body; p != NULL && *p != '\0'; p = strchr(p, '\n')) {
            p += *p == '\n';
            if (strncmp(p, series, len) == 0 && p[len] == ' ') {
                value = strtod(p + len, NULL);
                break;
            }
        }
    response_done(&r);
    return value;
}

bool weir_wait_metric(const struct weir *w, const char *series, double value, int timeout_ms)
{
    double until = now_ms() + timeout_ms;

    while (weir_metric(w, series) != value) {
        if (now_ms() > until)
            return false;
        usleep(2000);
    }
    return true;
}

unsigned process_descriptors(const struct process *p)
{
    char path[64];
    unsigned n = 0;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)p->pid);
    dir = opendir(path);
    while (dir != NULL && readdir(dir) != NULL)
        n++;
    if (dir != NULL)
        closedir(dir);
    return n > 2 ? n - 2 : 0;
}

long process_resident_kib(const struct process *p)
{
    char path[64], line[256];
    long kib = -1;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)p->pid);
    f = fopen(path, "re");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        if (sscanf(line, "VmRSS: %ld", &kib) == 1)
            break;
    if (f != NULL)
        fclose(f);
    return kib;
}
