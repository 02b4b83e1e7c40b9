#include "config_value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* From the largest to the smallest, so that the first that divides is the shortest to write. */
static const struct unit duration_units[] = {
    {"h", 3600 * CONFIG_SECOND_NS},
    {"m", 60 * CONFIG_SECOND_NS},
    {"s", CONFIG_SECOND_NS},
    {"ms", 1000000},
    {"us", 1000},
};

static const struct unit size_units[] = {
    {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}};

#define N_OF(table) (sizeof(table) / sizeof((table)[0]))

static const struct unit *find_unit(const struct unit *units, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(units[i].name, name) == 0)
            return &units[i];
    return NULL;
}

struct config_duration_text config_duration_text(int64_t ns)
{
    struct config_duration_text out;

    for (size_t i = 0; i < N_OF(duration_units); i++) {
        const struct unit *u = &duration_units[i];

        /* Hours and minutes only when nobody would write seconds: 60s stays 60s. */
        if (ns % u->factor == 0 && (u->factor <= CONFIG_SECOND_NS || ns / u->factor >= 5)) {
            snprintf(out.text, sizeof(out.text), "%lld%s", (long long)(ns / u->factor),
                     ns ? u->name : "s");
            return out;
        }
    }
    snprintf(out.text, sizeof(out.text), "%lld.%03lldus", (long long)(ns / 1000),
             (long long)(ns % 1000));
    return out;
}

/* A number with a fraction, times factor, into *ns; 0 read, -1 not a number, 1 too large. */
static int scale_decimal(const char *text, size_t len, int64_t factor, int64_t *ns)
{
    int64_t whole = 0, fraction = 0, divisor = 1;
    bool point = false;
    size_t digits = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (!isdigit((unsigned char)text[i]))
            return -1;
        digits++;
        if (point) {
            if (divisor <= factor) { /* finer than a nanosecond is dropped */
                fraction = fraction * 10 + (text[i] - '0');
                divisor *= 10;
            }
        } else if (__builtin_mul_overflow(whole, 10, &whole) ||
                   __builtin_add_overflow(whole, text[i] - '0', &whole)) {
            return 1;
        }
    }
    if (digits == 0 || text[0] == '.' || text[len - 1] == '.')
        return -1;
    /* fraction < divisor <= 10 * factor <= 3.6e13: the product needs 128 bits */
    fraction = (int64_t)((__int128)fraction * factor / divisor);
    if (__builtin_mul_overflow(whole, factor, &whole) ||
        __builtin_add_overflow(whole, fraction, &whole))
        return 1;
    *ns = whole;
    return 0;
}

bool config_read_duration(const char *text, struct config_range range, int64_t *out,
                          struct config_why *why)
{
    static const char form[] = "(write \"500ms\" or \"2s\")";
    const char *number = text + (*text == '-' || *text == '+');
    size_t len = strspn(number, "0123456789.");
    const struct unit *unit = find_unit(duration_units, N_OF(duration_units), number + len);
    int64_t ns = 0;
    int scaled;

    if (*number == '\0' || len == 0)
        return config_say(why, "%s is not a duration %s", config_quote(text).text, form);
    if (number[len] == '\0')
        return config_say(why, "%s has no unit %s", config_quote(text).text, form);
    if (!unit)
        return config_say(why, "%s has no known unit; us, ms, s, m, h are known %s",
                          config_quote(text).text, form);
    scaled = scale_decimal(number, len, unit->factor, &ns);
    if (scaled < 0 || *text == '+')
        return config_say(why, "%s is not a duration %s", config_quote(text).text, form);
    if (*text == '-')
        return config_say(why, "%s is negative %s", config_quote(text).text, form);
    if (scaled > 0 || ns > range.max)
        return config_say(why, "%s is too long (at most %s)", config_quote(text).text,
                          config_duration_text(range.max).text);
    if (ns < range.min)
        return ns == 0 ? config_say(why, "%s is not positive %s", config_quote(text).text, form)
                       : config_say(why, "%s is too short (at least %s)", config_quote(text).text,
                                    config_duration_text(range.min).text);
    *out = ns;
    return true;
}

/* Digits into *out, saturated at INT64_MAX. */
static void read_digits(const char *text, size_t len, int64_t *out)
{
    int64_t v = 0;

    for (size_t i = 0; i < len; i++)
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, text[i] - '0', &v)) {
            v = INT64_MAX;
            break;
        }
    *out = v;
}

bool config_read_size(const char *text, struct config_range range, uint64_t *out,
                      struct config_why *why)
{
    static const char form[] = "(write bytes, \"64KiB\" or \"1MiB\")";
    size_t len = strspn(text, "0123456789");
    const struct unit *unit = find_unit(size_units, N_OF(size_units), text + len);
    int64_t v;

    if (*text == '-')
        return config_say(why, "%s is negative %s", config_quote(text).text, form);
    if (len == 0)
        return config_say(why, "%s is not a size %s", config_quote(text).text, form);
    if (!unit)
        return config_say(why, "%s is not a size in bytes, KiB, MiB or GiB %s",
                          config_quote(text).text, form);
    read_digits(text, len, &v);
    if (__builtin_mul_overflow(v, unit->factor, &v) || v > range.max)
        return config_say(why, "%s is too large (at most %lld bytes)", config_quote(text).text,
                          (long long)range.max);
    if (v < range.min)
        return config_say(why, "%s is too small (at least %lld bytes)", config_quote(text).text,
                          (long long)range.min);
    *out = (uint64_t)v;
    return true;
}

bool config_read_integer(const char *text, struct config_range range, uint64_t *out,
                         struct config_why *why)
{
    size_t len = strspn(text, "0123456789");
    int64_t v;

    if (len == 0 || text[len])
        return config_say(why, "%s is not a whole number from %lld to %lld",
                          config_quote(text).text, (long long)range.min, (long long)range.max);
    read_digits(text, len, &v);
    if (v < range.min || v > range.max)
        return config_say(why, "%s is out of range (%lld to %lld)", config_quote(text).text,
                          (long long)range.min, (long long)range.max);
    *out = (uint64_t)v;
    return true;
}

/* The host of an address as an IP literal into host, or false. */
static bool literal_host(const char *text, size_t len, bool v6, char host[64])
{
    unsigned char bytes[16];

    if (len >= 64)
        return false;
    memcpy(host, text, len);
    host[len] = '\0';
    if (v6)
        return inet_pton(AF_INET6, host, bytes) == 1;
    if (len == 0)
        strcpy(host, "0.0.0.0");
    else if (strcasecmp(host, "localhost") == 0)
        strcpy(host, "127.0.0.1");
    return inet_pton(AF_INET, host, bytes) == 1;
}

bool config_read_address(const char *text, bool may_be_off, struct config_address *out,
                         struct config_why *why)
{
    const char *form = may_be_off ? "(write \"127.0.0.1:9901\", \"[::1]:9901\" or \"off\")"
                                  : "(write \"127.0.0.1:8080\" or \"[::1]:8080\")";
    struct config_address address = {.off = may_be_off && strcmp(text, "off") == 0};
    const char *colon = strrchr(text, ':');
    bool v6 = text[0] == '[';
    char host[64] = "";
    uint64_t port = 0;

    if (!address.off) {
        if (!colon || colon[1] == '\0' || (v6 && (colon < text + 2 || colon[-1] != ']')))
            return config_say(why, "%s has no port %s", config_quote(text).text, form);
        if (!literal_host(text + v6, (size_t)(colon - text) - 2 * (size_t)v6, v6, host))
            return config_say(why, "%s: the host is not an IP address or localhost %s",
                              config_quote(text).text, form);
        if (!config_read_integer(colon + 1, (struct config_range){0, 65535}, &port, why))
            return config_say(why, "%s: the port is not a number from 0 to 65535 %s",
                              config_quote(text).text, form);
    }
    address.port = (uint16_t)port;
    address.text = strdup(text);
    address.host = strdup(host);
    if (!address.text || !address.host) {
        free(address.text);
        free(address.host);
        return config_say(why, "out of memory");
    }
    *out = address;
    return true;
}

bool config_is_token(const char *text)
{
    size_t len = strspn(text, "!#$%&'*+-.^_`|~0123456789"
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    return len > 0 && text[len] == '\0';
}

const char *config_refused_header(const char *name, const char *deadline_header)
{
    static const struct {
        const char *name, *why;
    } refused[] = {
        {"host", "comes from the url"},
        {"content-length", "is framing"},
        {"transfer-encoding", "is framing"},
        {"trailer", "is framing"},
        {"expect", "is framing"},
        {"te", "concerns one connection only"},
        {"connection", "concerns one connection only"},
        {"keep-alive", "concerns one connection only"},
        {"proxy-connection", "concerns one connection only"},
        {"proxy-authenticate", "concerns one connection only"},
        {"proxy-authorization", "concerns one connection only"},
        {"upgrade", "concerns one connection only"},
        {"http2-settings", "concerns one connection only"},
        {"traceparent", "is set by weir (trace)"},
        {"tracestate", "is set by weir (trace)"},
        {"x-request-id", "is set by weir (request id)"},
    };

    for (size_t i = 0; i < N_OF(refused); i++)
        if (strcasecmp(name, refused[i].name) == 0)
            return refused[i].why;
    if (deadline_header && strcasecmp(name, deadline_header) == 0)
        return "is set by weir (deadline)";
    return NULL;
}

char *config_lower(const char *text)
{
    char *copy = strdup(text);

    for (char *p = copy; p && *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    return copy;
}
