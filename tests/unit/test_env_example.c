#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "config_env.h"
#include "config_file.h"
#include "config_option.h"

static const char path[] = WEIR_SOURCE_DIR "/.env.example";

static char *read_example(size_t *len)
{
    struct config_why why;
    char *text = config_file_read(path, 1 << 20, len, &why);

    cr_assert(text != NULL, "%s", why.text);
    return text;
}

/* The start of the line that sets the option, commented out or not. */
static const char *find_line(const char *text, const char *prefix, const char *name)
{
    size_t prefix_len = strlen(prefix), len = strlen(name);

    for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n')
        if (strncmp(p, prefix, prefix_len) == 0 && strncmp(p + prefix_len, name, len) == 0 &&
            p[prefix_len + len] == '=')
            return p;
    return NULL;
}

Test(env_example, has_every_option_with_its_default_and_a_comment)
{
    size_t n, len;
    const struct config_option *options = config_options(&n);
    char *text = read_example(&len);

    for (size_t i = 0; i < n; i++) {
        const struct config_option *o = &options[i];
        const char *line = find_line(text, o->fallback ? "" : "#", o->name);
        const char *value = line ? strchr(line, '=') + 1 : "";
        size_t value_len = strcspn(value, "\n");

        cr_expect(line != NULL, "%s is missing", o->name);
        cr_expect(value_len == strlen(o->fallback ? o->fallback : ""), "%s", o->name);
        cr_expect(!o->fallback || strncmp(value, o->fallback, value_len) == 0, "%s", o->name);
        /* a comment above it, or above the lines of its kin */
        while (line && line > text + 1 && strncmp(line, "# ", 2) != 0 && *line != '\n')
            for (line--; line > text && line[-1] != '\n';)
                line--;
        cr_expect(line && *line == '#', "%s has no comment", o->name);
    }
    free(text);
}

Test(env_example, has_nothing_else)
{
    struct config_problems problems;
    struct config_env env = {.file = ".env.example"};
    struct buf out;
    size_t n, len, commented = 0, without = 0;
    const struct config_option *options = config_options(&n);
    char *text = read_example(&len);

    buf_init(&out, 1 << 16);
    problems = (struct config_problems){.out = &out};
    config_env_read(&env, text, len, &problems);
    cr_expect_eq(problems.n, 0, "%s", buf_cstr(&out));
    for (size_t i = 0; i < env.n_entries; i++)
        cr_expect(config_option_find(env.entries[i].name, strlen(env.entries[i].name)), "%s",
                  env.entries[i].name);
    for (const char *p = text; (p = strstr(p, "\n#WEIR_")) != NULL; p++) {
        commented++;
        cr_expect(config_option_find(p + 2, strcspn(p + 2, "=")), "%.40s", p + 2);
    }
    for (size_t i = 0; i < n; i++)
        without += options[i].fallback == NULL;
    cr_expect_eq(commented, without);
    cr_expect_eq(env.n_entries, n - without);
    config_env_close(&env);
    buf_done(&out);
    free(text);
}

Test(env_example, loads_as_the_defaults)
{
    static char *const none[] = {NULL};
    struct config *plain = NULL, *example = NULL;
    struct buf a, b, problems;

    buf_init(&problems, 1 << 16);
    buf_init(&a, 1 << 16);
    buf_init(&b, 1 << 16);
    cr_assert(config_load(none, NULL, &plain, &problems), "%s", buf_cstr(&problems));
    cr_assert(config_load(none, path, &example, &problems), "%s", buf_cstr(&problems));
    config_print(plain, &a);
    config_print(example, &b);
    cr_expect_str_eq(buf_cstr(&a), buf_cstr(&b));
    config_unref(plain);
    config_unref(example);
    buf_done(&a);
    buf_done(&b);
    buf_done(&problems);
}
