/* Origins: where upstreams live, and at which addresses. */
#include "engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The parts of an origin's text, owned. */
struct parts {
    CURLU *url;
    char *scheme, *host, *port;
};

static void parts_done(struct parts *parts)
{
    curl_url_cleanup(parts->url);
    curl_free(parts->scheme);
    curl_free(parts->host);
    curl_free(parts->port);
}

static bool absent(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    CURLUcode code = curl_url_get(url, part, &text, 0);

    curl_free(text);
    return code != CURLUE_OK && code != CURLUE_OUT_OF_MEMORY;
}

static bool is_plain_text(const char *text)
{
    for (; *text; text++)
        if (*text <= ' ' || *text >= 0x7f)
            return false;
    return true;
}

/* Takes an origin apart: http or https, a host, perhaps a port, and nothing else but one slash. */
static enum weir_status take_apart(const char *text, struct parts *parts)
{
    char *path = NULL;
    bool ok;

    if (!is_plain_text(text))
        return WEIR_INVALID_ARGUMENT;
    parts->url = curl_url();
    if (!parts->url)
        return WEIR_NO_MEMORY;
    if (curl_url_set(parts->url, CURLUPART_URL, text, 0) != CURLUE_OK ||
        curl_url_get(parts->url, CURLUPART_SCHEME, &parts->scheme, 0) != CURLUE_OK ||
        curl_url_get(parts->url, CURLUPART_HOST, &parts->host, 0) != CURLUE_OK ||
        curl_url_get(parts->url, CURLUPART_PORT, &parts->port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
        curl_url_get(parts->url, CURLUPART_PATH, &path, 0) != CURLUE_OK)
        return WEIR_INVALID_ARGUMENT;
    ok = strcmp(path, "/") == 0 && strcmp(parts->port, "0") != 0;
    curl_free(path);
    if (!ok || (strcmp(parts->scheme, "http") != 0 && strcmp(parts->scheme, "https") != 0) ||
        !absent(parts->url, CURLUPART_USER) || !absent(parts->url, CURLUPART_PASSWORD) ||
        !absent(parts->url, CURLUPART_QUERY) || !absent(parts->url, CURLUPART_FRAGMENT) ||
        !absent(parts->url, CURLUPART_ZONEID))
        return WEIR_INVALID_ARGUMENT;
    return WEIR_OK;
}

/* Gives the origin the record of its name, none when the host is an address. */
static enum weir_status find_name(struct engine_origin *origin, const char *host)
{
    if (host[0] == '[' || resolve_is_literal(host))
        return WEIR_OK;
    if (strlen(host) > RESOLVE_HOST_MAX)
        return WEIR_INVALID_ARGUMENT;
    origin->name = resolve_name(origin->engine->resolve, host);
    return origin->name ? WEIR_OK : WEIR_NO_MEMORY;
}

static enum weir_status origin_new(struct weir_engine *engine, struct parts *parts, char *key,
                                   struct engine_origin **out)
{
    struct engine_origin *origin = calloc(1, sizeof(*origin));
    enum weir_status status;

    if (!origin) {
        free(key);
        return WEIR_NO_MEMORY;
    }
    origin->engine = engine;
    origin->key = key;
    origin->url = parts->url;
    parts->url = NULL;
    origin->tls = strcmp(parts->scheme, "https") == 0;
    status = find_name(origin, parts->host);
    if (status != WEIR_OK) {
        engine_origin_free(origin);
        return status;
    }
    origin->next = engine->origins;
    engine->origins = origin;
    *out = origin;
    return WEIR_OK;
}

enum weir_status engine_origin_get(struct weir_engine *engine, const char *text,
                                   struct engine_origin **out)
{
    struct parts parts = {0};
    struct engine_origin *origin = NULL;
    enum weir_status status = take_apart(text, &parts);
    char *key = NULL;

    if (status != WEIR_OK)
        goto done;
    if (asprintf(&key, "%s://%s:%s", parts.scheme, parts.host, parts.port) < 0) {
        status = WEIR_NO_MEMORY;
        goto done;
    }
    for (origin = engine->origins; origin; origin = origin->next)
        if (strcasecmp(origin->key, key) == 0)
            break;
    if (origin)
        free(key);
    else
        status = origin_new(engine, &parts, key, &origin);
    if (status == WEIR_OK) {
        origin->refs++;
        *out = origin;
    }
done:
    parts_done(&parts);
    return status;
}

void engine_origin_unref(struct engine_origin *origin)
{
    if (--origin->refs == 0)
        engine_want_sweep(origin->engine);
}

void engine_origin_free(struct engine_origin *origin)
{
    engine_lanes_free(origin);
    engine_addresses_unref(origin->addresses);
    curl_url_cleanup(origin->url);
    free(origin->key);
    free(origin);
}

struct engine_addresses *engine_origin_addresses(struct engine_origin *origin)
{
    const char *host_port = strstr(origin->key, "://") + 3;
    unsigned generation = resolve_generation(origin->name);
    struct engine_addresses *addresses = origin->addresses;

    if (!addresses || addresses->generation != generation) {
        addresses = calloc(1, sizeof(*addresses));
        if (!addresses)
            return NULL;
        engine_addresses_unref(origin->addresses);
        origin->addresses = addresses;
        addresses->refs = 1;
        addresses->generation = generation;
        addresses->entry.data = addresses->text;
        snprintf(addresses->text, sizeof(addresses->text), "%s:%s", host_port,
                 resolve_addresses(origin->name));
    }
    addresses->refs++;
    return addresses;
}

void engine_addresses_unref(struct engine_addresses *addresses)
{
    if (addresses && --addresses->refs == 0)
        free(addresses);
}
