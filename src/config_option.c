#include "config_option.h"

#include <stdlib.h>
#include <string.h>

#include "config_file.h"
#include "config_url.h"
#include "config_value.h"
#include "config_workers.h"

static struct config_range range_of(const struct config_option *option)
{
    return (struct config_range){option->min, option->max};
}

static bool read_duration(const struct config_option *option, const char *text, void *field,
                          struct config_why *why)
{
    return config_read_duration(text, range_of(option), field, why);
}

static bool read_size(const struct config_option *option, const char *text, void *field,
                      struct config_why *why)
{
    return config_read_size(text, range_of(option), field, why);
}

static bool read_count(const struct config_option *option, const char *text, void *field,
                       struct config_why *why)
{
    return config_read_integer(text, range_of(option), field, why);
}

static bool read_unsigned(const struct config_option *option, const char *text, void *field,
                          struct config_why *why)
{
    uint64_t v;

    if (!config_read_integer(text, range_of(option), &v, why))
        return false;
    *(unsigned *)field = (unsigned)v;
    return true;
}

static bool read_workers(const struct config_option *option, const char *text, void *field,
                         struct config_why *why)
{
    if (strcmp(text, "auto") == 0) {
        unsigned n = config_workers_auto("");

        *(unsigned *)field = n < (unsigned)option->max ? n : (unsigned)option->max;
        return true;
    }
    if (read_unsigned(option, text, field, why))
        return true;
    return config_say(why, "%s is not \"auto\" or a whole number from %lld to %lld",
                      config_quote(text).text, (long long)option->min, (long long)option->max);
}

static bool read_listen(const struct config_option *option, const char *text, void *field,
                        struct config_why *why)
{
    (void)option;
    return config_read_address(text, false, field, why);
}

static bool read_admin_listen(const struct config_option *option, const char *text, void *field,
                              struct config_why *why)
{
    (void)option;
    return config_read_address(text, true, field, why);
}

static bool read_log_level(const struct config_option *option, const char *text, void *field,
                           struct config_why *why)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};

    (void)option;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strcmp(text, names[i]) == 0) {
            *(enum config_log_level *)field = (enum config_log_level)i;
            return true;
        }
    return config_say(why, "%s is not one of debug, info, warn, error", config_quote(text).text);
}

static bool read_switch(const struct config_option *option, const char *text, void *field,
                        struct config_why *why)
{
    bool on = strcmp(text, "on") == 0;

    (void)option;
    if (!on && strcmp(text, "off") != 0)
        return config_say(why, "%s is not \"on\" or \"off\"", config_quote(text).text);
    *(bool *)field = on;
    return true;
}

/* A copy of the text into the field. */
static bool keep(char *copy, void *field, struct config_why *why)
{
    if (!copy)
        return config_say(why, "out of memory");
    *(char **)field = copy;
    return true;
}

static bool read_header(const struct config_option *option, const char *text, void *field,
                        struct config_why *why)
{
    const char *refused = config_refused_header(text, NULL);

    (void)option;
    if (strcmp(text, "off") == 0)
        return true;
    if (!config_is_token(text))
        return config_say(why, "%s is not a header name, nor \"off\"", config_quote(text).text);
    if (refused)
        return config_say(why, "%s cannot be used: this header %s", config_quote(text).text,
                          refused);
    return keep(config_lower(text), field, why);
}

static bool read_file(const struct config_option *option, const char *text, void *field,
                      struct config_why *why)
{
    (void)option;
    return config_file_is_readable(text, why) && keep(strdup(text), field, why);
}

static bool read_proxies(const struct config_option *option, const char *text, void *field,
                         struct config_why *why)
{
    (void)option;
    return proxies_read(text, field, why);
}

/* The routes document is read, and its faults are told, when the options are known. */
static bool read_routes_file(const struct config_option *option, const char *text, void *field,
                             struct config_why *why)
{
    (void)option;
    return keep(strdup(text), field, why);
}

/* Has no field: the routes document refers to it by name. */
static bool read_url(const struct config_option *option, const char *text, void *field,
                     struct config_why *why)
{
    (void)option;
    (void)field;
    return config_url_is_base(text, why);
}

#define FIELD(member)    .offset = offsetof(struct config, member)
#define POSITIVE_TIME    .min = 1, .max = CONFIG_MAX_DURATION_NS
#define ZERO_TIME        .min = 0, .max = CONFIG_MAX_DURATION_NS
#define RANGE(low, high) .min = (low), .max = (high)

static const struct config_option options[] = {
    {"WEIR_LISTEN", "127.0.0.1:8080", read_listen, FIELD(listen), .fixed = true,
     .help = "public listener, host:port or [v6]:port; port 0 = any free port"},
    {"WEIR_ADMIN_LISTEN", "127.0.0.1:9901", read_admin_listen, FIELD(admin_listen), .fixed = true,
     .help = "admin listener, separate from the public one; off disables it"},
    {"WEIR_WORKERS", "auto", read_workers, RANGE(1, 1024), FIELD(workers), .fixed = true,
     .help = "worker threads; auto = CPUs this process may use"},
    {"WEIR_BUDGET", "500ms", read_duration, POSITIVE_TIME, FIELD(budget_ns),
     .help = "default deadline of a request, overridden per route"},
    {"WEIR_ROUTES_FILE", NULL, read_routes_file, FIELD(routes_file),
     .help = "routes document; none = the built-in one"},
    {"WEIR_PROFILE_URL", "http://127.0.0.1:9101", read_url,
     .help = "base URL of the profile service, for the built-in routes document"},
    {"WEIR_PREFERENCES_URL", "http://127.0.0.1:9102", read_url,
     .help = "base URL of the preferences service, for the built-in routes document"},
    {"WEIR_ACTIVITY_URL", "http://127.0.0.1:9103", read_url,
     .help = "base URL of the activity service, for the built-in routes document"},
    {"WEIR_MAX_IN_FLIGHT", "10000", read_count, RANGE(1, 10000000), FIELD(max_in_flight),
     .help = "requests being served at once, all workers together; more get 503 at once"},
    {"WEIR_MAX_CONNECTIONS", "20000", read_count, RANGE(1, 10000000), FIELD(max_connections),
     .fixed = true, .help = "client connections, all workers together"},
    {"WEIR_HEADER_TIMEOUT", "5s", read_duration, POSITIVE_TIME, FIELD(header_timeout_ns),
     .fixed = true, .help = "absolute time to receive one whole request head"},
    {"WEIR_IDLE_TIMEOUT", "60s", read_duration, POSITIVE_TIME, FIELD(idle_timeout_ns),
     .fixed = true, .help = "life of a keep-alive connection with no request"},
    {"WEIR_WRITE_TIMEOUT", "30s", read_duration, POSITIVE_TIME, FIELD(write_timeout_ns),
     .fixed = true, .help = "time in which a client that reads nothing is given up"},
    {"WEIR_MAX_HEADER_BYTES", "16KiB", read_size, RANGE(256, 1 << 20), FIELD(max_header_bytes),
     .fixed = true, .help = "request line and headers together"},
    {"WEIR_DRAIN_DELAY", "0s", read_duration, ZERO_TIME, FIELD(drain_delay_ns),
     .help = "after SIGTERM, go on accepting for so long"},
    {"WEIR_DRAIN_TIMEOUT", "30s", read_duration, POSITIVE_TIME, FIELD(drain_timeout_ns),
     .help = "after the delay, time to finish what is in flight"},
    {"WEIR_LOG_LEVEL", "info", read_log_level, FIELD(log_level),
     .help = "debug, info, warn or error"},
    {"WEIR_SERVER_TIMING", "on", read_switch, FIELD(server_timing),
     .help = "on or off: the Server-Timing header of answers"},
    {"WEIR_DEADLINE_HEADER", "x-envoy-expected-rq-timeout-ms", read_header, FIELD(deadline_header),
     .help = "header with the remaining budget in ms, read and sent; off disables both"},
    {"WEIR_TRUSTED_PROXIES", NULL, read_proxies, FIELD(trusted_proxies),
     .help = "comma list of addresses and networks whose X-Forwarded-For is believed; none = none"},
    {"WEIR_UPSTREAM_CA_FILE", NULL, read_file, FIELD(upstream_ca_file), .fixed = true,
     .help = "certificates to trust for https upstreams; none = the system's"},
    {"WEIR_UPSTREAM_CERT_FILE", NULL, read_file, FIELD(upstream_cert_file), .fixed = true,
     .help = "client certificate for https upstreams; goes with the key"},
    {"WEIR_UPSTREAM_KEY_FILE", NULL, read_file, FIELD(upstream_key_file), .fixed = true,
     .help = "private key of the client certificate"},
    {"WEIR_UPSTREAM_IDLE_TIMEOUT", "4s", read_duration, POSITIVE_TIME,
     FIELD(upstream_idle_timeout_ns), .fixed = true,
     .help = "an idle upstream connection is not used again after this"},
    {"WEIR_UPSTREAM_MAX_LIFETIME", "5m", read_duration, POSITIVE_TIME,
     FIELD(upstream_max_lifetime_ns), .fixed = true, .help = "nor one that is older than this"},
    {"WEIR_UPSTREAM_CONNECT_TIMEOUT", "1s", read_duration, POSITIVE_TIME,
     FIELD(upstream_connect_timeout_ns), .fixed = true,
     .help = "time for TCP and TLS to an upstream"},
    {"WEIR_UPSTREAM_RESOLVE_TTL", "30s", read_duration, POSITIVE_TIME,
     FIELD(upstream_resolve_ttl_ns), .fixed = true,
     .help = "an upstream's name is looked up again after this"},
    {"WEIR_UPSTREAM_MAX_CONNECTIONS", "16384", read_count, RANGE(1, 1000000),
     FIELD(upstream_max_connections), .fixed = true,
     .help = "connections of one worker to one upstream address"},
    {"WEIR_MAX_JSON_DEPTH", "64", read_unsigned, RANGE(1, 1024), FIELD(max_json_depth),
     .help = "levels that an upstream's JSON may be nested"},
};

const struct config_option *config_options(size_t *n)
{
    *n = sizeof(options) / sizeof(*options);
    return options;
}

const struct config_option *config_option_find(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
        if (strlen(options[i].name) == len && memcmp(options[i].name, name, len) == 0)
            return &options[i];
    return NULL;
}

bool config_option_set(const struct config_option *option, const char *text, struct config *config,
                       struct config_why *why)
{
    return option->read(option, text, (char *)config + option->offset, why);
}

void config_help(struct buf *out)
{
    for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
        const struct config_option *o = &options[i];

        buf_printf(out, "  %s%s%s\n      %s\n", o->name, o->fallback ? "=" : "",
                   o->fallback ? o->fallback : "", o->help);
    }
}
