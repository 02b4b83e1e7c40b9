/*
 * Easy handles and their pool. Three things a libcurl 7.88 handle remembers from one transfer to the
 * next: it counts its retries after dead connections for life and fails the sixth; it never forgets the
 * system error of a broken connection; and addresses given to it stay until they are taken in. Such
 * handles are renewed, and untaken addresses taken back, before the next use.
 */
#include "fetch_slot.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define BUFFER_SIZE 3072L     /* received at once: most answers, and memory of all that hang */
#define KEEP_FREE 8           /* handles kept for good, for each upstream */
#define KEEP_HEAD ((size_t)4096) /* memory for headers kept with a handle */

/*
 * The head goes to curl as part of the request target. curl copies the target in one piece, but formats
 * each other byte of a head on its own: with the headers that every call carries that was a third of
 * all instructions of a request. What curl itself writes is "GET " before, and behind it " HTTP/1.1",
 * which therefore becomes the value of a last header.
 */
#define VERSION_END " HTTP/1.1\r\n"
#define LAST_NAME   "Weir-Protocol:"
#define FRAME_MAX   sizeof("GET  HTTP/1.1\r\n\r\n")

/* Headers that curl would add by itself. */
static struct curl_slist no_accept = {(char *)(uintptr_t)"Accept:", NULL};
static struct curl_slist no_host = {(char *)(uintptr_t)"Host:", &no_accept};

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address);
static size_t on_line(char *data, size_t size, size_t n, void *arg);
static size_t on_piece(char *data, size_t size, size_t n, void *arg);

/* All that is the same for each request of the upstream. */
static bool preset(struct fetch *fetch, CURL *easy)
{
    const struct weir_engine *engine = fetch->upstream->engine;
    bool ok = true;

    curl_loop_preset(&fetch->upstream->engine->curl, easy);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, fetch);
    curl_easy_setopt(easy, CURLOPT_CURLU, fetch->upstream->origin->url);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, fetch);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_line);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, fetch);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_piece);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, BUFFER_SIZE);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, engine->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, engine->max_age_s);
    curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, engine->max_lifetime_s);
    curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, -1L); /* resolve.c decides, see fetch.c */
    ok &= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, &no_host) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_NOPROXY, "*") == CURLE_OK; /* looks at no environment */
    ok &= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
    if (!fetch->upstream->origin->tls)
        return ok;
    /* With a directory, Debian's default next to the bundle, curl parses the trusted certificates for
     * each handshake, some 30 ms, and not once for a lane. */
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    if (engine->ca_file)
        ok &= curl_easy_setopt(easy, CURLOPT_CAINFO, engine->ca_file) == CURLE_OK;
    if (engine->cert_file)
        ok &= curl_easy_setopt(easy, CURLOPT_SSLCERT, engine->cert_file) == CURLE_OK;
    if (engine->key_file)
        ok &= curl_easy_setopt(easy, CURLOPT_SSLKEY, engine->key_file) == CURLE_OK;
    return ok;
}

static bool make_handle(struct fetch *fetch)
{
    CURL *easy = curl_easy_init();

    if (!easy)
        return false;
    if (!preset(fetch, easy)) {
        curl_easy_cleanup(easy);
        return false;
    }
    fetch->easy = easy;
    return true;
}

static void slot_free(struct fetch *fetch)
{
    if (fetch->easy)
        curl_easy_cleanup(fetch->easy);
    free(fetch->head);
    free(fetch);
}

struct fetch *fetch_slot_take(struct weir_upstream *upstream)
{
    struct fetch *fetch = upstream->free;

    if (fetch) {
        upstream->free = fetch->next;
        if (--upstream->n_free < upstream->low_free)
            upstream->low_free = upstream->n_free;
    } else {
        fetch = calloc(1, sizeof(*fetch));
        if (!fetch)
            return NULL;
        fetch->upstream = upstream;
    }
    if (!fetch->easy && !make_handle(fetch)) {
        slot_free(fetch);
        return NULL;
    }
    fetch_answer_init(&fetch->answer, upstream->max_body);
    fetch->socket_errno = 0;
    return fetch;
}

void fetch_slot_give(struct fetch *fetch, bool renew)
{
    struct weir_upstream *upstream = fetch->upstream;

    if (fetch->addresses) {
        curl_easy_setopt(fetch->easy, CURLOPT_RESOLVE, NULL);
        engine_addresses_unref(fetch->addresses);
        fetch->addresses = NULL;
    }
    if (renew) {
        curl_easy_cleanup(fetch->easy);
        fetch->easy = NULL;
    }
    if (fetch->head_size > KEEP_HEAD) {
        free(fetch->head);
        fetch->head = NULL;
        fetch->head_size = 0;
    }
    fetch->next = upstream->free;
    upstream->free = fetch;
    upstream->n_free++;
}

bool fetch_slot_trim(struct weir_upstream *upstream)
{
    unsigned spare = upstream->low_free;

    for (; spare > 0 && upstream->n_free > KEEP_FREE; spare--) {
        struct fetch *fetch = upstream->free;

        upstream->free = fetch->next;
        upstream->n_free--;
        slot_free(fetch);
    }
    upstream->low_free = upstream->n_free;
    return upstream->n_free > KEEP_FREE;
}

void fetch_slot_free_all(struct weir_upstream *upstream)
{
    while (upstream->free) {
        struct fetch *fetch = upstream->free;

        upstream->free = fetch->next;
        slot_free(fetch);
    }
    upstream->n_free = 0;
}

/* Whether one of the upstream's own headers has this name. */
static bool is_fixed(const struct weir_upstream *upstream, const char *name, size_t len)
{
    for (size_t i = 0; i < upstream->n_fixed; i++)
        if (upstream->fixed[i].len == len &&
            strncasecmp(upstream->fixed_text + upstream->fixed[i].at, name, len) == 0)
            return true;
    return false;
}

/* Counts the bytes of the header lines; false when one would break out of its line. */
static bool measure(const struct weir_header *headers, size_t *bytes)
{
    for (*bytes = 0; headers && headers->name; headers++) {
        size_t len = strcspn(headers->value, "\r\n");

        if (headers->value[len])
            return false;
        *bytes += strlen(headers->name) + len + strlen(": \r\n");
    }
    return true;
}

static bool reserve_head(struct fetch *fetch, size_t size)
{
    if (size <= fetch->head_size)
        return true;
    free(fetch->head);
    fetch->head = malloc(size);
    fetch->head_size = fetch->head ? size : 0;
    return fetch->head != NULL;
}

/* Writes target and headers, the upstream's own before the request's; returns the end. */
static char *write_head(struct fetch *fetch, const char *target, const struct weir_header *headers)
{
    const struct weir_upstream *upstream = fetch->upstream;
    char *text = stpcpy(stpcpy(fetch->head, target), VERSION_END);

    text = mempcpy(text, upstream->fixed_text, upstream->fixed_len);
    for (; headers && headers->name; headers++) {
        size_t len = strlen(headers->name);

        if (is_fixed(upstream, headers->name, len))
            continue;
        text = stpcpy(mempcpy(text, headers->name, len), ": ");
        text = stpcpy(stpcpy(text, headers->value), "\r\n");
    }
    return stpcpy(text, LAST_NAME);
}

/* A path that stays one word on the request line. */
static bool target_valid(const char *target)
{
    const unsigned char *c = (const unsigned char *)target;

    if (*c != '/')
        return false;
    while (*c > ' ' && *c < 0x7f)
        c++;
    return *c == '\0';
}

enum weir_status fetch_slot_dress(struct fetch *fetch, const char *target,
                                  const struct weir_header *headers)
{
    size_t bytes;

    if (!target_valid(target) || !measure(headers, &bytes))
        return WEIR_INVALID_ARGUMENT;
    bytes += strlen(target) + sizeof(VERSION_END LAST_NAME) + fetch->upstream->fixed_len;
    if (!reserve_head(fetch, bytes))
        return WEIR_NO_MEMORY;
    fetch->request_max = (size_t)(write_head(fetch, target, headers) - fetch->head) + FRAME_MAX;
    if (curl_easy_setopt(fetch->easy, CURLOPT_REQUEST_TARGET, fetch->head) != CURLE_OK)
        return WEIR_NO_MEMORY;
    return WEIR_OK;
}

/* A new socket; why there is none is kept, since curl does not keep it. */
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct fetch *fetch = arg;
    int fd = socket(address->family, address->socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
                    address->protocol);

    (void)purpose;
    fetch->socket_errno = fd < 0 ? errno : 0;
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

bool fetch_slot_unwatch(void *arg)
{
    const struct fetch *fetch = arg;

    return fetch->answer.status != 0;
}

bool fetch_slot_retried(const struct fetch *fetch)
{
    long sent = 0;

    curl_easy_getinfo(fetch->easy, CURLINFO_REQUEST_SIZE, &sent);
    return (size_t)sent > fetch->request_max;
}

static size_t on_line(char *data, size_t size, size_t n, void *arg)
{
    struct fetch *fetch = arg;

    return fetch_answer_line(&fetch->answer, data, size * n) ? size * n : 0;
}

static size_t on_piece(char *data, size_t size, size_t n, void *arg)
{
    struct fetch *fetch = arg;

    return fetch_answer_piece(&fetch->answer, data, size * n) ? size * n : 0;
}
