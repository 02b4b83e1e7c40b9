#include "config_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VARIABLES_MAX 64

/* Writes a file into the fixture's directory; dies when that fails, as no test can go on. */
static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    if (!file || fputs(text, file) < 0 || fclose(file) != 0)
        abort();
}

void config_fixture_load(struct config_fixture *f, const char *const *variables, const char *routes,
                         const char *env_file)
{
    char *environment[VARIABLES_MAX] = {NULL};
    char routes_path[128], env_path[128], setting[192];
    size_t n = 0;

    *f = (struct config_fixture){.config = NULL};
    strcpy(f->dir, "/tmp/weir-config-XXXXXX");
    if (!mkdtemp(f->dir))
        abort();
    snprintf(routes_path, sizeof(routes_path), "%s/routes.json", f->dir);
    snprintf(env_path, sizeof(env_path), "%s/weir.env", f->dir);
    snprintf(setting, sizeof(setting), "WEIR_ROUTES_FILE=%s", routes_path);
    while (variables && variables[n] && n < VARIABLES_MAX - 2) {
        environment[n] = (char *)variables[n];
        n++;
    }
    if (routes) {
        write_file(routes_path, routes);
        environment[n++] = setting;
    }
    if (env_file)
        write_file(env_path, env_file);
    buf_init(&f->problems, 1 << 20);
    config_load(environment, env_file ? env_path : NULL, &f->config, &f->problems);
}

void config_fixture_done(struct config_fixture *f)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/routes.json", f->dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/weir.env", f->dir);
    unlink(path);
    rmdir(f->dir);
    config_unref(f->config);
    buf_done(&f->problems);
}

const char *config_fixture_problems(struct config_fixture *f)
{
    return buf_cstr(&f->problems);
}
