#include <stdlib.h>
#include <string.h>

#include "config_option.h"
#include "config_routes.h"

#define TEXT_MAX_BYTES ((size_t)64 << 10)

struct expansion {
    struct buf text, shown;
    bool missing; /* a problem was told, here or for the option */
};

/* The value that ${name} takes, or NULL when the problem has been told. */
static const char *look_up(struct config_reader *reader, const struct config_at *at,
                           const char *name, size_t len)
{
    size_t n;
    const struct config_option *options = config_options(&n);
    const struct config_option *option = config_option_find(name, len);
    const char *value = config_env_get(reader->env, name, len);

    if (option && reader->bad_options && reader->bad_options[option - options])
        return NULL;
    if (!value && option)
        value = option->fallback;
    if (!value)
        config_json_problem(&reader->doc, at, "${%.*s} is not set", (int)(len < 128 ? len : 128),
                            name);
    return value;
}

static size_t name_length(const char *text)
{
    size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");

    return len > 0 && text[len] == '}' && (*text < '0' || *text > '9') ? len : 0;
}

/* Appends what ${NAME} at p stands for; the bytes used, 0 when that is no reference. */
static size_t expand_one(struct config_reader *reader, const struct config_at *at, const char *p,
                         bool url, struct expansion *e)
{
    size_t len = name_length(p + 2);
    const char *value, *rest = p + len + 3;
    size_t value_len;

    if (len == 0)
        return 0;
    value = look_up(reader, at, p + 2, len);
    if (!value) {
        e->missing = true;
        return len + 3;
    }
    value_len = strlen(value);
    if (url && value_len > 0 && value[value_len - 1] == '/' && *rest == '/')
        value_len--;
    if (url && e->text.len > 0 && memchr(e->text.data, '?', e->text.len))
        buf_str(&e->shown, "<redacted>");
    else
        buf_add(&e->shown, value, value_len);
    buf_add(&e->text, value, value_len);
    return len + 3;
}

bool config_expand(struct config_reader *reader, const struct config_at *at, const char *text,
                   bool url, char **out, char **shown)
{
    struct expansion e = {.missing = false};
    size_t used;

    buf_init(&e.text, TEXT_MAX_BYTES);
    buf_init(&e.shown, TEXT_MAX_BYTES);
    for (const char *p = text; *p; p += used) {
        used = 1;
        if (p[0] != '$' || p[1] != '{') {
            buf_char(&e.text, *p);
            buf_char(&e.shown, *p);
            continue;
        }
        used = expand_one(reader, at, p, url, &e);
        if (used == 0) {
            config_json_problem(&reader->doc, at, "\"${\" must be followed by a name and \"}\"");
            e.missing = true;
            break;
        }
    }
    if (!e.missing) {
        *out = strdup(buf_cstr(&e.text));
        if (shown)
            *shown = strdup(buf_cstr(&e.shown));
        if (!buf_ok(&e.text) || !buf_ok(&e.shown)) {
            config_json_problem(&reader->doc, at, "is too long, or memory is out");
            e.missing = true;
        } else if (!*out || (shown && !*shown)) {
            config_problem_no_memory(reader->doc.problems);
            e.missing = true;
        }
    }
    buf_done(&e.text);
    buf_done(&e.shown);
    return !e.missing;
}
