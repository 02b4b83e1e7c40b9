/*
 * Paths of clients: whatever the bytes, a match is one of the five statuses; a parameter that is
 * accepted is what decoding what was sent gives, and its encoding is pure and decodes to it again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "route.h"
#include "utf8.h"

static struct config_part parts[] = {{(char *)"/u/", 0}, {NULL, 0}};
static struct config_upstream upstream = {.parts = parts, .n_parts = 2};
static struct config_route routes[] = {
    {.path = (char *)"/u/{id}", .upstreams = &upstream, .n_upstreams = 1},
    {.path = (char *)"/u/me"},
    {.path = (char *)"/u/me/{x}/c"},
    {.path = (char *)"/{a}/{b}/{c}"},
    {.path = (char *)"/"},
};
static const struct config config = {.routes = routes, .n_routes = 5};

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* A plain decoder of what weir itself encodes. */
static void check_encoded(const struct route_param *param)
{
    size_t n = 0;

    for (const char *p = param->encoded; *p; p++, n++) {
        char digits[3] = {0};
        char c = *p;

        if (c == '%') {
            memcpy(digits, p + 1, 2);
            require(strspn(digits, "0123456789ABCDEF") == 2);
            c = (char)strtol(digits, NULL, 16);
            p += 2;
        } else {
            require(strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~",
                           c) != NULL);
        }
        require(n < param->len && param->decoded[n] == c);
    }
    require(n == param->len);
}

static void check_param(const struct route_param *param)
{
    const unsigned char *s = (const unsigned char *)param->decoded;

    require(param->len >= 1 && param->len <= 256 && strlen(param->decoded) == param->len);
    require(strcmp(param->decoded, ".") != 0 && strcmp(param->decoded, "..") != 0);
    for (size_t i = 0, n; i < param->len; i += n) {
        n = utf8_sequence(s + i, param->len - i);
        require(n > 0 && s[i] >= 0x20 && s[i] != 0x7f && s[i] != '/');
        require(s[i] != 0xc2 || s[i + 1] >= 0xa0);
    }
    check_encoded(param);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct route_table *table = route_table_new(&config);
    struct route_match match;
    char target[1024];
    char *path = malloc(size + 1); /* of that size, so that reading past it is seen */
    int status;

    require(table && path);
    memcpy(path, data, size);
    status = route_match(table, "GET", 3, path, size, false, &match);
    require(status == 0 || status == 400 || status == 404);
    require((status == 404) == (match.route == NULL) && (status == 0) == (match.why == NULL));
    for (size_t i = 0; status == 0 && i < match.n_params; i++)
        check_param(&match.params[i]);
    if (status == 0 && match.index == 0) {
        require(route_target(&upstream, &match, target, sizeof(target)));
        require(strncmp(target, "/u/", 3) == 0);
        require(strcmp(target + 3, match.params[0].encoded) == 0);
    }
    if (match.route != NULL) {
        require(route_match(table, "PUT", 3, path, size, false, &match) == 405);
        require(route_match(table, "GET", 3, path, size, true, &match) == 417);
    }
    free(path);
    route_table_free(table);
    return 0;
}
