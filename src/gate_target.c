#include "gate_parts.h"

#include <string.h>

static inline char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool gate_same(const char *bytes, const char *word, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != word[i] && lower(bytes[i]) != lower(word[i]))
            return false;
    }
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f');
}

/* How many bytes of a host, or of the address within [ ], stand at s. */
static size_t host_length(const char *s, size_t len, bool bracketed)
{
    size_t i = 0;

    while (i < len) {
        if (gate_is(s[i], GATE_HOST_CHAR) || (bracketed && s[i] == ':'))
            i++;
        else if (s[i] == '%' && len - i > 2 && is_hex(s[i + 1]) && is_hex(s[i + 2]))
            i += 3;
        else
            break;
    }
    return i;
}

/* Whether s is nothing, or a colon and at most 65535 in digits. */
static bool port_ok(const char *s, size_t len)
{
    unsigned port = 0;

    if (len && *s != ':')
        return false;
    for (size_t i = 1; i < len; i++) {
        if (!is_digit(s[i]))
            return false;
        port = port * 10 + (unsigned)(s[i] - '0');
        if (port > 65535)
            return false;
    }
    return true;
}

bool gate_authority_ok(const char *s, size_t len)
{
    size_t n;

    if (len && *s == '[') {
        n = host_length(s + 1, len - 1, true);
        return n && n + 1 < len && s[n + 1] == ']' && port_ok(s + n + 2, len - n - 2);
    }
    n = host_length(s, len, false);
    return n && port_ok(s + n, len - n);
}

/* Where the authority of an absolute http or https target begins, or 0. */
static size_t scheme_length(const struct gate_span *target)
{
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
        size_t len = strlen(schemes[i]);
        struct gate_span start = {target->at, len};

        if (target->len >= len && gate_span_is(&start, schemes[i], len))
            return len;
    }
    return 0;
}

/* The bytes before the query. */
static struct gate_span without_query(const char *at, size_t len)
{
    const char *query = memchr(at, '?', len);

    return (struct gate_span){at, query ? (size_t)(query - at) : len};
}

/* The path of an absolute target whose authority starts at byte from. */
static const char *absolute_path(const struct gate_span *target, size_t from,
                                 struct gate_span *path)
{
    struct gate_span rest = without_query(target->at + from, target->len - from);
    const char *slash = memchr(rest.at, '/', rest.len);
    size_t authority = slash ? (size_t)(slash - rest.at) : rest.len;

    if (!gate_authority_ok(rest.at, authority))
        return "The authority of the request target is not valid.";
    if (slash)
        *path = (struct gate_span){slash, rest.len - authority};
    else
        *path = (struct gate_span){rest.at - 1, 1}; /* the scheme's last slash serves as "/" */
    return NULL;
}

const char *gate_path_of(const struct gate_span *method, const struct gate_span *target,
                         struct gate_span *path)
{
    size_t scheme;

    *path = (struct gate_span){target->at, 0};
    if (target->len && target->at[0] == '/') {
        *path = without_query(target->at, target->len);
        return NULL;
    }
    if (target->len == 1 && target->at[0] == '*') {
        if (method->len != 7 || memcmp(method->at, "OPTIONS", 7))
            return "The request target * is for OPTIONS only.";
        *path = *target;
        return NULL;
    }
    scheme = scheme_length(target);
    if (!scheme)
        return "The request target is neither a path nor an http or https URL.";
    return absolute_path(target, scheme, path);
}
