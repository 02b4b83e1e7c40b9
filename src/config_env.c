#include "config_env.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_file.h"
#include "config_option.h"

#define FILE_MAX_BYTES ((size_t)256 << 10)
#define PREFIX         "WEIR_"
#define N_OF(table)    (sizeof(table) / sizeof((table)[0]))

static size_t name_length(const char *text)
{
    size_t len = 0;

    while (isalnum((unsigned char)text[len]) || text[len] == '_')
        len++;
    return isdigit((unsigned char)*text) ? 0 : len;
}

static char *skip_blank(char *p)
{
    return p + strspn(p, " \t");
}

/* What may follow a value: nothing, or a comment. */
static bool is_end(const char *p)
{
    p += strspn(p, " \t");
    return *p == '\0' || *p == '#';
}

/* A value in quotes, unescaped in place: in double ones \" \\ and \$ stand for the second byte. */
static const char *read_quoted(char **value)
{
    char quote = **value;
    char *from = *value + 1, *to = from;

    for (; *from && *from != quote; from++) {
        if (quote == '"' && *from == '\\' && from[1] && strchr("\"\\$", from[1]))
            from++;
        *to++ = *from;
    }
    if (*from != quote)
        return "a quote without its end";
    if (!is_end(from + 1))
        return "nothing may follow the closing quote";
    *to = '\0';
    ++*value;
    return NULL;
}

/* A value without quotes: up to a comment (" #"), without blanks around. */
static void read_plain(char *value)
{
    size_t len = 0;
    bool blank = true; /* the byte before, or the start */

    for (size_t i = 0; value[i] && !(value[i] == '#' && blank); i++) {
        blank = value[i] == ' ' || value[i] == '\t';
        len = blank ? len : i + 1;
    }
    value[len] = '\0';
}

/* Takes one line apart in place; NULL or what is wrong with it. *name is NULL on an empty line. */
static const char *read_line(char *line, char **name, char **value)
{
    size_t len;

    *name = NULL;
    line = skip_blank(line);
    if (*line == '\0' || *line == '#')
        return NULL;
    if (strncmp(line, "export", 6) == 0 && isblank((unsigned char)line[6]))
        line = skip_blank(line + 6);
    len = name_length(line);
    if (len == 0 || line[len] != '=')
        return "not of the form NAME=VALUE";
    line[len] = '\0';
    *name = line;
    *value = skip_blank(line + len + 1);
    if (**value == '"' || **value == '\'')
        return read_quoted(value);
    read_plain(*value);
    return NULL;
}

static const struct config_env_entry *find_entry(const struct config_env *env, const char *name,
                                                 size_t len)
{
    for (size_t i = 0; i < env->n_entries; i++)
        if (strlen(env->entries[i].name) == len && memcmp(env->entries[i].name, name, len) == 0)
            return &env->entries[i];
    return NULL;
}

static bool add_entry(struct config_env *env, const char *name, const char *value, size_t line)
{
    struct config_env_entry *entries =
        realloc(env->entries, (env->n_entries + 1) * sizeof(*entries));
    struct config_env_entry *e;

    if (!entries)
        return false;
    env->entries = entries;
    e = &entries[env->n_entries];
    *e = (struct config_env_entry){strdup(name), strdup(value), line};
    if (!e->name || !e->value) {
        free(e->name);
        free(e->value);
        return false;
    }
    env->n_entries++;
    return true;
}

/* Reads one line, which may be changed. Its value may be a secret and is never told. */
static void take_line(struct config_env *env, char *line, size_t number,
                      struct config_problems *problems)
{
    char *name, *value;
    const char *why = read_line(line, &name, &value);
    const struct config_env_entry *before =
        !why && name ? find_entry(env, name, strlen(name)) : NULL;

    if (why)
        config_problem(problems, "%s:%zu: %s", env->file, number, why);
    else if (before)
        config_problem(problems, "%s:%zu: %s is set in line %zu already", env->file, number, name,
                       before->line);
    else if (name && !add_entry(env, name, value, number))
        config_problem_no_memory(problems);
}

void config_env_read(struct config_env *env, const char *text, size_t len,
                     struct config_problems *problems)
{
    size_t number = 1;

    for (const char *p = text, *end = text + len; p < end; number++) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        size_t line_len = (size_t)((stop ? stop : end) - p);
        size_t kept = line_len > 0 && p[line_len - 1] == '\r' ? line_len - 1 : line_len;
        char *line = memchr(p, '\0', kept) ? NULL : strndup(p, kept);

        if (line)
            take_line(env, line, number, problems);
        else if (memchr(p, '\0', kept))
            config_problem(problems, "%s:%zu: a NUL byte", env->file, number);
        else
            config_problem_no_memory(problems);
        free(line);
        p += line_len + 1;
    }
}

void config_env_open(struct config_env *env, char *const *environ, const char *file,
                     struct config_problems *problems)
{
    struct config_why why;
    size_t len;
    char *text;

    *env = (struct config_env){.environ = environ, .file = file};
    if (!file)
        return;
    text = config_file_read(file, FILE_MAX_BYTES, &len, &why);
    if (!text) {
        config_problem(problems, "--env-file: %s", why.text);
        return;
    }
    config_env_read(env, text, len, problems);
    free(text);
}

void config_env_close(struct config_env *env)
{
    for (size_t i = 0; i < env->n_entries; i++) {
        free(env->entries[i].name);
        free(env->entries[i].value);
    }
    free(env->entries);
    env->entries = NULL;
    env->n_entries = 0;
}

/* The value in the environment itself, empty or not, or NULL. */
static const char *environ_get(const struct config_env *env, const char *name, size_t len)
{
    for (size_t i = 0; env->environ && env->environ[i]; i++)
        if (strncmp(env->environ[i], name, len) == 0 && env->environ[i][len] == '=')
            return env->environ[i] + len + 1;
    return NULL;
}

const char *config_env_get(const struct config_env *env, const char *name, size_t len)
{
    const char *value = environ_get(env, name, len);
    const struct config_env_entry *entry;

    if (value && *value)
        return value;
    entry = find_entry(env, name, len);
    return entry && *entry->value ? entry->value : NULL;
}

/* Whether document holds ${NAME}. */
static bool refers_to(const char *document, const char *name, size_t len)
{
    for (const char *p = document; p && (p = strstr(p, "${")) != NULL; p += 2)
        if (strncmp(p + 2, name, len) == 0 && p[2 + len] == '}')
            return true;
    return false;
}

static bool ends_with(const char *name, size_t len, const char *end)
{
    size_t n = strlen(end);

    return len > n && memcmp(name + len - n, end, n) == 0;
}

/*
 * Kubernetes puts variables for every service of the namespace into each container; for one called
 * weir, or weir-something, they begin like an option's. Only their form passes, and only there.
 */
static bool is_service_link(const struct config_env *env, const char *name, size_t len,
                            const char *value)
{
    static const char *const ends[] = {"_TCP", "_UDP", "_SCTP", "_PORT", "_PROTO", "_ADDR"};
    const char *port = strstr(name, "_PORT");
    bool url = strncmp(value, "tcp://", 6) == 0 || strncmp(value, "udp://", 6) == 0 ||
               strncmp(value, "sctp://", 7) == 0;

    if (!environ_get(env, "KUBERNETES_SERVICE_HOST", strlen("KUBERNETES_SERVICE_HOST")))
        return false;
    if (ends_with(name, len, "_SERVICE_HOST"))
        return true;
    if (!port || port >= name + len)
        return false;
    if (port > name && (size_t)(port - name) >= 8 && memcmp(port - 8, "_SERVICE", 8) == 0)
        return value[strspn(value, "0123456789")] == '\0';
    if (url && port + 5 == name + len)
        return true;
    for (size_t i = 0; i < N_OF(ends); i++) /* _PORT_8080_TCP and what hangs on it */
        if (port[5] == '_' && isdigit((unsigned char)port[6]) && ends_with(name, len, ends[i]))
            return true;
    return false;
}

static const char *option_name(const void *names, size_t i)
{
    return ((const struct config_option *)names)[i].name;
}

/* Adds the problem of an unknown name; place is "" or "FILE:LINE: ". */
static void unknown(const char *place, const char *name, struct config_problems *problems)
{
    size_t n;
    const struct config_option *options = config_options(&n);
    const char *near = config_nearest(name, option_name, options, n);

    if (near)
        config_problem(problems, "%s%s: unknown option (did you mean %s?)", place, name, near);
    else
        config_problem(problems, "%s%s: unknown option", place, name);
}

static bool is_known(const char *name, size_t len, const char *document)
{
    static const char reserved[] = "WEIR_BIN"; /* scripts name the program to start by it */

    return strncmp(name, PREFIX, strlen(PREFIX)) != 0 || config_option_find(name, len) ||
           refers_to(document, name, len) ||
           (len == strlen(reserved) && memcmp(name, reserved, len) == 0);
}

void config_env_check_names(const struct config_env *env, const char *document,
                            struct config_problems *problems)
{
    char place[256], name[128];

    for (size_t i = 0; env->environ && env->environ[i]; i++) {
        const char *text = env->environ[i];
        size_t len = strcspn(text, "=");

        if (text[len] == '\0' || is_known(text, len, document) ||
            is_service_link(env, text, len, text + len + 1))
            continue;
        snprintf(name, sizeof(name), "%.*s", (int)(len < 127 ? len : 127), text);
        unknown("", name, problems);
    }
    for (size_t i = 0; i < env->n_entries; i++) {
        const struct config_env_entry *e = &env->entries[i];

        if (is_known(e->name, strlen(e->name), document))
            continue;
        snprintf(place, sizeof(place), "%s:%zu: ", env->file, e->line);
        unknown(place, e->name, problems);
    }
}
