/*
 * Trusted proxies: the first line of the input is a setting, each other one an X-Forwarded-For
 * list. What comes out is an address that is read again as itself.
 */
#include "config_problem.h"
#include "proxies.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define PEER "10.0.0.9"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct gate_head head;

static void require(bool good)
{
    if (!good)
        abort();
}

static void check_client(const struct proxies *p)
{
    char found[PROXIES_TEXT], again[PROXIES_TEXT];
    uint8_t bytes[16];
    struct gate_head one = {.n_headers = 1};

    proxies_client(p, &head, PEER, found);
    require(memchr(found, '\0', sizeof(found)) != NULL);
    require(inet_pton(strchr(found, ':') ? AF_INET6 : AF_INET, found, bytes) == 1);
    /* what it writes it reads, and would find again */
    one.headers[0] = (struct gate_header){{"x-forwarded-for", 15}, {found, strlen(found)}};
    proxies_client(p, &one, PEER, again);
    require(strcmp(found, again) == 0);
}

static void check_forwarded(bool believed)
{
    size_t len = proxies_forwarded(&head, believed, PEER, NULL, 0);
    char *out = malloc(len + 1);

    require(out != NULL && len >= strlen(PEER));
    require(proxies_forwarded(&head, believed, PEER, out, len + 1) == len && out[len] == '\0');
    require(strcmp(out + len - strlen(PEER), PEER) == 0);
    free(out);
}

/* The lines as headers. */
static void fill(const char *at, const char *end)
{
    head.n_headers = 0;
    while (at < end && head.n_headers < GATE_MAX_HEADERS) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));

        stop = stop ? stop : end;
        head.headers[head.n_headers++] =
            (struct gate_header){{"X-Forwarded-For", 15}, {at, (size_t)(stop - at)}};
        at = stop < end ? stop + 1 : end;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxies p = {NULL, 0};
    struct config_why why;
    char *text = malloc(size + 1);
    size_t first;

    require(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    first = strcspn(text, "\n");
    fill(text + (first < size ? first + 1 : size), text + size);
    text[first] = '\0';
    if (!proxies_read(text, &p, &why))
        require(p.ranges == NULL && why.text[0] != '\0');
    check_client(&p);
    check_forwarded(true);
    check_forwarded(false);
    proxies_done(&p);
    free(text);
    return 0;
}
