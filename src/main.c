/* The command line. */
#include "app.h"
#include "buf.h"
#include "config.h"
#include "health.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum mode {
    MODE_RUN,
    MODE_CHECK,
    MODE_PRINT,
    MODE_HEALTH,
    MODE_VERSION,
    MODE_HELP
};

struct flag {
    const char *name;
    enum mode mode;
    const char *help;
};

static const struct flag flags[] = {
    {"--check", MODE_CHECK, "validate everything, print every problem, exit"},
    {"--print-config", MODE_PRINT, "print the effective configuration as JSON, exit"},
    {"--health", MODE_HEALTH, "ask the admin listener whether a running weir is ready"},
    {"--version", MODE_VERSION, "print the version"},
    {"--help", MODE_HELP, "print this"},
};

static void usage(FILE *out)
{
    fputs("usage: weir [--env-file FILE] [--check] [--print-config] [--health] [--version] "
          "[--help]\n",
          out);
}

static int help(void)
{
    struct buf b;

    usage(stdout);
    printf("\n  %-18s %s\n", "--env-file FILE", "settings that the environment leaves unset");
    for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
        printf("  %-18s %s\n", flags[i].name, flags[i].help);
    buf_init(&b, 1024 * 1024);
    config_help(&b);
    printf("\n%s", buf_cstr(&b));
    buf_done(&b);
    return fflush(stdout) == 0 ? 0 : 1;
}

/* Reads the command line; false after saying what is wrong with it. */
static bool parse(int argc, char **argv, enum mode *mode, const char **env_file)
{
    for (int i = 1; i < argc; i++) {
        const struct flag *flag = NULL;

        for (size_t k = 0; k < sizeof(flags) / sizeof(*flags); k++)
            if (strcmp(argv[i], flags[k].name) == 0)
                flag = &flags[k];
        if (flag != NULL) {
            if (*mode == MODE_RUN || flag->mode == MODE_HELP)
                *mode = flag->mode;
        } else if (strncmp(argv[i], "--env-file=", 11) == 0) {
            *env_file = argv[i] + 11;
        } else if (strcmp(argv[i], "--env-file") == 0 && i + 1 < argc) {
            *env_file = argv[++i];
        } else {
            fprintf(stderr, "weir: %s: %s\n", argv[i],
                    strcmp(argv[i], "--env-file") == 0 ? "wants a file" : "unknown option");
            usage(stderr);
            return false;
        }
    }
    return true;
}

/* Prints problems, one line each, as the user's own shell shows them. */
static void print_problems(struct buf *problems)
{
    const char *line = buf_cstr(problems);

    while (*line != '\0') {
        size_t len = strcspn(line, "\n");

        fprintf(stderr, "weir: %.*s\n", (int)len, line);
        line += len + (line[len] == '\n');
    }
}

static int print_config(struct config *config)
{
    struct buf b;
    bool ok;

    buf_init(&b, (size_t)64 * 1024 * 1024);
    config_print(config, &b);
    ok = buf_ok(&b) && puts(buf_cstr(&b)) >= 0 && fflush(stdout) == 0;
    buf_done(&b);
    return ok ? 0 : 1;
}

static int with_config(enum mode mode, struct config *config, const char *env_file)
{
    int status = 0;

    if (mode == MODE_RUN)
        return app_run(config, env_file);
    if (mode == MODE_PRINT)
        status = print_config(config);
    else if (mode == MODE_HEALTH)
        status = health_check(config);
    config_unref(config);
    return status;
}

int main(int argc, char **argv)
{
    enum mode mode = MODE_RUN;
    const char *env_file = NULL;
    struct config *config = NULL;
    struct buf problems;

    if (!parse(argc, argv, &mode, &env_file))
        return 2;
    if (mode == MODE_HELP)
        return help();
    if (mode == MODE_VERSION) {
        puts("weir " WEIR_VERSION);
        return 0;
    }
    buf_init(&problems, 1024 * 1024);
    if (mode == MODE_HEALTH ? !config_load_admin(environ, env_file, &config, &problems)
                            : !config_load(environ, env_file, &config, &problems)) {
        print_problems(&problems);
        buf_done(&problems);
        return mode == MODE_HEALTH ? 1 : 2;
    }
    buf_done(&problems);
    return with_config(mode, config, env_file);
}
