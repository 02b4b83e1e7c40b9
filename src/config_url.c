#include "config_url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config_value.h"

#define HOST_MAX 253

struct scheme {
    const char *prefix;
    unsigned port;
};

static const struct scheme schemes[] = {{"http://", 80}, {"https://", 443}};

/* The scheme of a URL, or NULL with the reason. */
static const struct scheme *read_scheme(const char *text, struct config_why *why)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

    for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
        if (strncasecmp(text, schemes[i].prefix, strlen(schemes[i].prefix)) == 0)
            return &schemes[i];
    if (strchr(text, '@') == NULL && len > 0 && len < 16 && strncmp(text + len, "://", 3) == 0)
        config_say(why, "the scheme \"%.*s\" is not http or https", (int)len, text);
    else
        config_say(why, "is not an absolute URL (write \"http://host:port/path\")");
    return NULL;
}

/* Whether a name's last label is a number, which makes it an IPv4 address (WHATWG URL). */
static bool ends_in_number(const char *host)
{
    const char *dot = strrchr(host, '.');
    const char *label = dot ? dot + 1 : host;

    return *label && label[strspn(label, "0123456789")] == '\0';
}

static bool host_is_valid(const char *host)
{
    unsigned char bytes[4];
    size_t len = strlen(host);

    if (len == 0 || host[0] == '.' || host[0] == '-' || strstr(host, ".."))
        return false;
    if (strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != len)
        return false;
    return !ends_in_number(host) || inet_pton(AF_INET, host, bytes) == 1;
}

/* The port behind the host ("" or ":8080") into *port. */
static bool read_port(const char *text, size_t len, unsigned *port, struct config_why *why)
{
    unsigned v = 0;

    if (len == 0)
        return true;
    for (size_t i = 1; i < len && v <= 65535; i++) {
        if (!isdigit((unsigned char)text[i]))
            return config_say(why, "the port is not a number");
        v = v * 10 + (unsigned)(text[i] - '0');
    }
    if (text[0] != ':' || v < 1 || v > 65535)
        return config_say(why, "the port is not a number from 1 to 65535");
    *port = v;
    return true;
}

/* "host:port" or "[v6]:port" into the origin. */
static bool read_authority(const char *text, size_t len, const struct scheme *scheme,
                           struct config_url *out, struct config_why *why)
{
    char host[HOST_MAX + 3];
    unsigned char bytes[16];
    unsigned port = scheme->port;
    const char *bracket = len && *text == '[' ? memchr(text, ']', len) : NULL;
    const char *colon = memchr(text, ':', len);
    size_t host_len = bracket ? (size_t)(bracket + 1 - text) : colon ? (size_t)(colon - text) : len;

    if (memchr(text, '@', len))
        return config_say(why, "a URL must not hold a user or password");
    if (memchr(text, '{', len))
        return config_say(why, "a parameter must not stand in the host or port");
    if (host_len == 0)
        return config_say(why, "there is no host");
    if (host_len > HOST_MAX)
        return config_say(why, "the host is too long");
    for (size_t i = 0; i < host_len; i++)
        host[i] = (char)tolower((unsigned char)text[i]);
    host[host_len] = '\0';
    if (bracket) {
        host[host_len - 1] = '\0';
        if (inet_pton(AF_INET6, host + 1, bytes) != 1)
            return config_say(why, "the host is not a valid IPv6 address");
        host[host_len - 1] = ']';
    } else if (!host_is_valid(host)) {
        return config_say(why, "the host is not a valid name or address");
    }
    if (!read_port(text + host_len, len - host_len, &port, why))
        return false;
    if (asprintf(&out->origin, "%s%s:%u", scheme->prefix, host, port) < 0) {
        out->origin = NULL;
        return config_say(why, "out of memory");
    }
    return true;
}

static bool add_part(struct config_url *out, char *literal, unsigned param, struct config_why *why)
{
    struct config_part *parts = realloc(out->parts, (out->n_parts + 1) * sizeof(*parts));

    if (parts)
        out->parts = parts;
    if (!parts || (!literal && param == (unsigned)-1)) {
        free(literal);
        return config_say(why, "out of memory");
    }
    out->parts[out->n_parts++] = (struct config_part){literal, literal ? 0 : param};
    return true;
}

/* A literal part; an empty one only stands first. */
static bool add_literal(struct config_url *out, const char *text, size_t len,
                        struct config_why *why)
{
    if (out->n_parts == 0 && (len == 0 || *text != '/')) {
        char *literal = NULL;

        if (asprintf(&literal, "/%.*s", (int)len, text) < 0)
            literal = NULL;
        return add_part(out, literal, (unsigned)-1, why);
    }
    return len == 0 || add_part(out, strndup(text, len), (unsigned)-1, why);
}

/* {name} at text; *used is its length. */
static bool add_param(struct config_url *out, const char *text, char *const *params,
                      size_t n_params, size_t *used, struct config_why *why)
{
    const char *end = strchr(text, '}');
    size_t len = end ? (size_t)(end - text) - 1 : 0;

    if (!end)
        return config_say(why, "\"{\" without \"}\"");
    *used = len + 2;
    if (n_params == CONFIG_URL_ANY_PARAM)
        return add_part(out, NULL, 0, why);
    for (size_t i = 0; i < n_params; i++)
        if (strlen(params[i]) == len && memcmp(params[i], text + 1, len) == 0)
            return add_part(out, NULL, (unsigned)i, why);
    /* behind a misplaced '/' this could be the rest of a password */
    if (len > 64 || strchr(text, '@'))
        return config_say(why, "a {…} is not a parameter of the route's path");
    return config_say(why, "{%.*s} is not a parameter of the route's path", (int)len, text + 1);
}

/* Why a byte must not stand literally in a target, or NULL. */
static const char *bad_byte(const char *p)
{
    unsigned char c = (unsigned char)*p;

    if (c == '#')
        return "a URL must not hold a fragment (\"#\")";
    if (c <= ' ' || c >= 0x7f || strchr("\"<>\\^`|}", c))
        return "a byte in the path or query must be percent-encoded";
    if (c == '%' && (!isxdigit((unsigned char)p[1]) || !isxdigit((unsigned char)p[2])))
        return "\"%\" without two hexadecimal digits";
    return NULL;
}

/* Path and query: literals and parameters in turn. */
static bool read_target(const char *text, char *const *params, size_t n_params,
                        struct config_url *out, struct config_why *why)
{
    const char *start = text;
    bool query = false, value = false;
    size_t used = 0;

    for (const char *p = text; *p; p++) {
        const char *bad = bad_byte(p);

        if (bad)
            return config_say(why, "%s", bad);
        if (query)
            value = *p == '=' ? true : *p == '&' ? false : value;
        query = query || *p == '?';
        if (*p != '{')
            continue;
        if (query && !value)
            return config_say(why, "a parameter must not stand in the name of a query field");
        if (!add_literal(out, start, (size_t)(p - start), why) ||
            !add_param(out, p, params, n_params, &used, why))
            return false;
        p += used - 1;
        start = p + 1;
    }
    return add_literal(out, start, strlen(start), why);
}

bool config_url_parse(const char *text, char *const *params, size_t n_params,
                      struct config_url *out, struct config_why *why)
{
    const struct scheme *scheme = read_scheme(text, why);
    struct config_url url = {0};
    size_t len;

    if (!scheme)
        return false;
    text += strlen(scheme->prefix);
    len = strcspn(text, "/?#");
    if (!read_authority(text, len, scheme, &url, why) ||
        !read_target(text + len, params, n_params, &url, why)) {
        config_url_done(&url);
        return false;
    }
    *out = url;
    return true;
}

bool config_url_is_base(const char *text, struct config_why *why)
{
    struct config_url url;

    if (!config_url_parse(text, NULL, 0, &url, why))
        return false;
    config_url_done(&url);
    return !strchr(text, '?') || config_say(why, "a base URL must not hold a query");
}

void config_url_done(struct config_url *url)
{
    for (size_t i = 0; i < url->n_parts; i++)
        free(url->parts[i].literal);
    free(url->parts);
    free(url->origin);
    *url = (struct config_url){0};
}
