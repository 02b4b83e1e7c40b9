/* Engines and upstreams: what is made once, and the sweep that frees what has been idle. */
#include "engine.h"

#include "engine_memory.h"
#include "fetch_slot.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SWEEP_NS (1000 * WEIR_MS)
#define SECOND_NS (1000 * WEIR_MS)

static const struct weir_engine_options defaults = {
    .max_connections = 16384,
    .idle_timeout_ns = 4000 * WEIR_MS,
    .max_lifetime_ns = 300000 * WEIR_MS,
    .connect_timeout_ns = 1000 * WEIR_MS,
    .resolve_ttl_ns = 30000 * WEIR_MS,
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode once_result;

static void init_once(void)
{
    once_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

bool engine_use_memory(const struct engine_memory *m)
{
    return curl_global_init_mem(CURL_GLOBAL_DEFAULT, m->malloc, m->free, m->realloc, m->strdup,
                                m->calloc) == CURLE_OK;
}

enum weir_status weir_global_init(void)
{
    pthread_once(&once, init_once);
    return once_result == CURLE_OK ? WEIR_OK : WEIR_INTERNAL_ERROR;
}

static int64_t choose(int64_t given, int64_t otherwise)
{
    return given > 0 ? given : otherwise;
}

/* Copies a setting that may be absent; false when memory is out. */
static bool copy(char **out, const char *text)
{
    *out = text ? strdup(text) : NULL;
    return *out || !text;
}

static void on_sockets(struct curl_lane *lane)
{
    engine_lane_changed((struct engine_lane *)lane);
}

/* libcurl counts whole seconds and lets go only when one more has passed. */
static void set_times(struct weir_engine *engine, const struct weir_engine_options *options)
{
    int64_t lifetime_ns = choose(options->max_lifetime_ns, defaults.max_lifetime_ns);
    int64_t connect_ns = choose(options->connect_timeout_ns, defaults.connect_timeout_ns);

    engine->idle_timeout_ns = choose(options->idle_timeout_ns, defaults.idle_timeout_ns);
    engine->max_age_s = (long)((engine->idle_timeout_ns - 1) / SECOND_NS);
    engine->max_lifetime_s = (long)(lifetime_ns > 2 * SECOND_NS ? (lifetime_ns - 1) / SECOND_NS : 1);
    engine->connect_timeout_ms = (long)((connect_ns + WEIR_MS - 1) / WEIR_MS);
}

struct weir_engine *weir_engine_new(struct event_base *base, struct weir_loop *loop,
                                    const struct weir_engine_options *options)
{
    struct weir_engine *engine;

    if (!options)
        options = &defaults;
    if (weir_global_init() != WEIR_OK)
        return NULL;
    engine = calloc(1, sizeof(*engine));
    if (!engine)
        return NULL;
    curl_loop_init(&engine->curl, base, loop);
    engine->curl.on_done = fetch_ended;
    engine->curl.on_sockets = on_sockets;
    engine->curl.on_unwatch = fetch_slot_unwatch;
    engine->loop = loop;
    engine->max_connections =
        options->max_connections ? options->max_connections : defaults.max_connections;
    set_times(engine, options);
    engine->resolve = resolve_new(base, loop, choose(options->resolve_ttl_ns,
                                                     defaults.resolve_ttl_ns));
    if (engine->resolve && copy(&engine->ca_file, options->ca_file) &&
        copy(&engine->cert_file, options->cert_file) && copy(&engine->key_file, options->key_file))
        return engine;
    weir_engine_free(engine);
    return NULL;
}

void weir_engine_free(struct weir_engine *engine)
{
    if (!engine)
        return;
    weir_timer_stop(&engine->sweep);
    while (engine->origins) {
        struct engine_origin *origin = engine->origins;

        engine->origins = origin->next;
        engine_origin_free(origin);
    }
    resolve_free(engine->resolve);
    curl_loop_free(&engine->curl);
    free(engine->ca_file);
    free(engine->cert_file);
    free(engine->key_file);
    free(engine);
}

void engine_set_lookup(struct weir_engine *engine, resolve_lookup_fn *lookup)
{
    resolve_set_lookup(engine->resolve, lookup);
}

/* Frees the origins that no upstream uses any more; true when some idle thing is left anywhere. */
static bool sweep_origins(struct weir_engine *engine, uint64_t before_ns)
{
    struct engine_origin **at = &engine->origins;
    bool left = false;

    while (*at) {
        struct engine_origin *origin = *at;

        if (origin->refs == 0) {
            *at = origin->next;
            engine_origin_free(origin);
            continue;
        }
        if (engine_lanes_trim(origin, before_ns))
            left = true;
        at = &origin->next;
    }
    return left;
}

static void on_sweep(void *arg)
{
    struct weir_engine *engine = arg;
    uint64_t now_ns = weir_loop_now(engine->loop);
    bool left = sweep_origins(engine, now_ns - (uint64_t)engine->idle_timeout_ns);
    struct weir_upstream *upstream;

    for (upstream = engine->upstreams; upstream; upstream = upstream->next)
        if (fetch_slot_trim(upstream))
            left = true;
    if (left)
        engine_want_sweep(engine);
}

void engine_want_sweep(struct weir_engine *engine)
{
    if (!engine->sweep.pprev)
        weir_timer_arm(engine->loop, &engine->sweep, weir_loop_now(engine->loop) + SWEEP_NS,
                       on_sweep, engine);
}

/* "host:port" as a Host header says it: without the port that the scheme implies. */
static char *host_of(const struct engine_origin *origin)
{
    const char *host = strstr(origin->key, "://") + strlen("://");
    const char *usual = origin->tls ? ":443" : ":80";
    size_t len = strlen(host), tail = strlen(usual);

    if (len > tail && strcmp(host + len - tail, usual) == 0)
        len -= tail;
    return strndup(host, len);
}

/* Adds one line to the fixed text, for which there is room. */
static void add_fixed(struct weir_upstream *upstream, const char *name, const char *value)
{
    struct engine_fixed *fixed = &upstream->fixed[upstream->n_fixed++];
    char *line = upstream->fixed_text + upstream->fixed_len;

    fixed->at = upstream->fixed_len;
    fixed->len = strlen(name);
    upstream->fixed_len +=
        (size_t)(stpcpy(stpcpy(stpcpy(stpcpy(line, name), ": "), value), "\r\n") - line);
}

/* Writes down the headers of every request: Host, unless it is given, and those given. */
static enum weir_status set_fixed(struct weir_upstream *upstream, const struct weir_header *headers)
{
    char *host = host_of(upstream->origin);
    size_t size = host ? strlen(host) + sizeof("Host: \r\n") : 0;
    bool has_host = false;
    size_t n = 0;

    for (; headers && headers[n].name; n++) {
        if (strpbrk(headers[n].name, "\r\n") || strpbrk(headers[n].value, "\r\n")) {
            free(host);
            return WEIR_INVALID_ARGUMENT;
        }
        has_host |= strcasecmp(headers[n].name, "Host") == 0;
        size += strlen(headers[n].name) + strlen(headers[n].value) + strlen(": \r\n");
    }
    upstream->fixed = calloc(n + 1, sizeof(*upstream->fixed));
    upstream->fixed_text = malloc(size + 1);
    if (!host || !upstream->fixed || !upstream->fixed_text) {
        free(host);
        return WEIR_NO_MEMORY;
    }
    if (!has_host)
        add_fixed(upstream, "Host", host);
    for (size_t i = 0; i < n; i++)
        add_fixed(upstream, headers[i].name, headers[i].value);
    free(host);
    return WEIR_OK;
}

enum weir_status weir_upstream_new(struct weir_engine *engine,
                                   const struct weir_upstream_options *options,
                                   struct weir_upstream **out)
{
    struct weir_upstream *upstream;
    enum weir_status status;

    if (!engine || !options || !options->origin || !out)
        return WEIR_INVALID_ARGUMENT;
    upstream = calloc(1, sizeof(*upstream));
    if (!upstream)
        return WEIR_NO_MEMORY;
    upstream->engine = engine;
    upstream->max_body = options->max_body ? options->max_body : (size_t)1 << 20;
    upstream->judge = options->judge;
    upstream->judge_arg = options->judge_arg;
    status = engine_origin_get(engine, options->origin, &upstream->origin);
    if (status == WEIR_OK && !copy(&upstream->name, options->name))
        status = WEIR_NO_MEMORY;
    if (status == WEIR_OK)
        status = set_fixed(upstream, options->headers);
    upstream->next = engine->upstreams;
    upstream->pprev = &engine->upstreams;
    if (upstream->next)
        upstream->next->pprev = &upstream->next;
    engine->upstreams = upstream;
    if (status == WEIR_OK)
        *out = upstream;
    else
        weir_upstream_free(upstream);
    return status;
}

void weir_upstream_free(struct weir_upstream *upstream)
{

    if (!upstream)
        return;
    *upstream->pprev = upstream->next;
    if (upstream->next)
        upstream->next->pprev = upstream->pprev;
    fetch_slot_free_all(upstream);
    if (upstream->origin)
        engine_origin_unref(upstream->origin);
    free(upstream->fixed_text);
    free(upstream->fixed);
    free(upstream->name);
    free(upstream);
}
