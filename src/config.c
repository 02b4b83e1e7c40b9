#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "config_builtin.h"
#include "config_env.h"
#include "config_file.h"
#include "config_option.h"
#include "config_routes.h"

#define ROUTES_MAX_BYTES ((size_t)16 << 20)
#define BUILTIN_NAME     "built-in routes"

static const struct config_option *find(const char *name)
{
    return config_option_find(name, strlen(name));
}

/* Reads one option's text in effect into its field; whether it is in order. */
static bool load_option(struct config *config, const struct config_env *env,
                        const struct config_option *option, struct config_problems *problems)
{
    size_t n;
    size_t i = (size_t)(option - config_options(&n));
    const char *text = config_env_get(env, option->name, strlen(option->name));
    struct config_why why;

    if (!text)
        text = option->fallback;
    if (!text)
        return true;
    config->values[i] = strdup(text);
    if (!config->values[i]) {
        config_problem_no_memory(problems);
        return false;
    }
    if (config_option_set(option, text, config, &why))
        return true;
    config_problem(problems, "%s: %s", option->name, why.text);
    return false;
}

/* What one option asks of another. */
static void check_together(const struct config *config, const bool *bad,
                           struct config_problems *problems)
{
    size_t n;
    const struct config_option *options = config_options(&n);
    const struct config_address *l = &config->listen, *a = &config->admin_listen;
    bool cert = config->values[find("WEIR_UPSTREAM_CERT_FILE") - options] != NULL;
    bool key = config->values[find("WEIR_UPSTREAM_KEY_FILE") - options] != NULL;

    if (cert && !key)
        config_problem(problems, "WEIR_UPSTREAM_CERT_FILE: needs WEIR_UPSTREAM_KEY_FILE beside it");
    if (key && !cert)
        config_problem(problems, "WEIR_UPSTREAM_KEY_FILE: needs WEIR_UPSTREAM_CERT_FILE beside it");
    if (!bad[find("WEIR_LISTEN") - options] && !bad[find("WEIR_ADMIN_LISTEN") - options] &&
        !a->off && l->port != 0 && l->port == a->port && strcmp(l->host, a->host) == 0)
        config_problem(problems, "WEIR_ADMIN_LISTEN: \"%s\" is the address of WEIR_LISTEN too",
                       a->text);
}

/* The text of the routes document, file's or built in; the copy is to be freed. */
static char *read_document(const struct config *config, size_t *len, struct config_why *why)
{
    const char *text;
    char *copy;

    if (config->routes_file)
        return config_file_read(config->routes_file, ROUTES_MAX_BYTES, len, why);
    text = config_builtin_routes(len);
    copy = strndup(text, *len);
    if (!copy)
        config_say(why, "out of memory");
    return copy;
}

/* The routes document and the names of the variables: only it tells which of those are known. */
static void load_routes(struct config *config, const struct config_env *env, const bool *bad,
                        struct config_problems *problems)
{
    struct config_reader reader = {.config = config, .env = env, .bad_options = bad};
    struct config_why why;
    size_t len = 0;
    char *text = read_document(config, &len, &why);

    reader.doc.name = config->routes_file ? "WEIR_ROUTES_FILE" : BUILTIN_NAME;
    reader.doc.problems = problems;
    config_env_check_names(env, text, problems);
    if (text)
        config_routes_read(&reader, text, len);
    else
        config_problem(problems, "%s: %s", reader.doc.name, why.text);
    free(text);
}

/* Fills a configuration that is all zero. */
static void load_all(struct config *config, const struct config_env *env,
                     struct config_problems *problems)
{
    size_t n;
    const struct config_option *options = config_options(&n);
    bool *bad = calloc(n, sizeof(*bad));

    config->values = calloc(n, sizeof(*config->values));
    if (!bad || !config->values) {
        config_problem_no_memory(problems);
        free(bad);
        return;
    }
    for (size_t i = 0; i < n; i++)
        bad[i] = !load_option(config, env, &options[i], problems);
    check_together(config, bad, problems);
    load_routes(config, env, bad, problems);
    free(bad);
}

/* Fills only where the admin listener is. */
static void load_admin(struct config *config, const struct config_env *env,
                       struct config_problems *problems)
{
    size_t n;

    config_options(&n);
    config->values = calloc(n, sizeof(*config->values));
    if (config->values)
        load_option(config, env, find("WEIR_ADMIN_LISTEN"), problems);
    else
        config_problem_no_memory(problems);
}

/* A configuration that fill makes from environment and env file. */
static bool load(char *const *environ, const char *env_file,
                 void (*fill)(struct config *, const struct config_env *, struct config_problems *),
                 struct config **out, struct buf *problems_out)
{
    struct config_problems problems = {.out = problems_out};
    struct config *config = calloc(1, sizeof(*config));
    struct config_env env;

    if (!config) {
        config_problem_no_memory(&problems);
        return false;
    }
    config->refs = 1;
    config_env_open(&env, environ, env_file, &problems);
    fill(config, &env, &problems);
    config_env_close(&env);
    config_problem_end(&problems);
    if (problems.n > 0) {
        config_unref(config);
        return false;
    }
    *out = config;
    return true;
}

bool config_load(char *const *environ, const char *env_file, struct config **out,
                 struct buf *problems)
{
    return load(environ, env_file, load_all, out, problems);
}

bool config_load_admin(char *const *environ, const char *env_file, struct config **out,
                       struct buf *problems)
{
    return load(environ, env_file, load_admin, out, problems);
}

struct config *config_ref(struct config *config)
{
    __atomic_add_fetch(&config->refs, 1, __ATOMIC_RELAXED);
    return config;
}

static void address_done(struct config_address *address)
{
    free(address->text);
    free(address->host);
}

void config_unref(struct config *config)
{
    size_t n;

    if (!config || __atomic_sub_fetch(&config->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    config_options(&n);
    for (size_t i = 0; config->values && i < n; i++)
        free(config->values[i]);
    free(config->values);
    config_routes_free(config);
    address_done(&config->listen);
    address_done(&config->admin_listen);
    free(config->routes_file);
    free(config->deadline_header);
    proxies_done(&config->trusted_proxies);
    free(config->upstream_ca_file);
    free(config->upstream_cert_file);
    free(config->upstream_key_file);
    free(config);
}

/* Whether an option has the same text in both; NULL is none. */
static bool same(const struct config *a, const struct config *b, size_t i)
{
    const char *x = a->values[i], *y = b->values[i];

    return x && y ? strcmp(x, y) == 0 : x == y;
}

void config_fixed_changes(const struct config *before, const struct config *after, struct buf *out)
{
    size_t n;
    const struct config_option *options = config_options(&n);

    for (size_t i = 0; i < n; i++) {
        if (!options[i].fixed || same(before, after, i))
            continue;
        if (out->len > 0)
            buf_str(out, ", ");
        buf_str(out, options[i].name);
    }
}
