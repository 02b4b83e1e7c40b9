/*
 * Easy handles and their pool. Three things a libcurl 7.88 handle remembers from one transfer to
 * the next: it counts its retries after dead connections for life and fails the sixth; it never
 * forgets the system error of a broken connection; and addresses given to it stay until they are
 * taken in. Such handles are renewed, and untaken addresses taken back, before the next use.
 */
#include "fetch_slot.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define BUFFER_SIZE 3072L /* received at once: most answers, and memory of all that hang */
#define KEEP_FREE   8     /* handles kept for good, for each upstream */
#define FIRST_HEAD  ((size_t)512)
#define KEEP_HEAD   ((size_t)4096) /* memory for headers kept with a handle */

/*
 * The head goes to curl as part of the request target. curl copies the target in one piece, but
 * formats each other byte of a head on its own: with the headers that every call carries that was a
 * third of all instructions of a request. What curl itself writes is "GET " before, and behind it "
 * HTTP/1.1", which therefore becomes the value of a last header.
 */
#define VERSION_END " HTTP/1.1\r\n"
#define LAST_NAME   "Weir-Protocol:"
#define FRAME_MAX   sizeof("GET  HTTP/1.1\r\n\r\n")

/* Headers that curl would add by itself. */
static struct curl_slist no_accept = {(char *)(uintptr_t) "Accept:", NULL};
static struct curl_slist no_host = {(char *)(uintptr_t) "Host:", &no_accept};

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
    /* With a directory, Debian's default next to the bundle, curl parses the trusted certificates
     * for each handshake, some 30 ms, and not once for a lane. */
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

/* Makes room for n bytes of the head behind the first used ones. */
static bool reserve_head(struct fetch *fetch, size_t used, size_t n)
{
    size_t size = fetch->head_size ? fetch->head_size : FIRST_HEAD;
    char *grown;

    if (n <= fetch->head_size - used)
        return true;
    while (size - used < n)
        size *= 2;
    grown = realloc(fetch->head, size);
    if (!grown)
        return false;
    fetch->head = grown;
    fetch->head_size = size;
    return true;
}

static bool breaks_line(const char *value, size_t len)
{
    return memchr(value, '\n', len) || memchr(value, '\r', len);
}

/* Adds a header line to the head, unless the upstream has its own of that name. */
static enum weir_status add_header(struct fetch *fetch, const struct weir_header *header,
                                   size_t *used)
{
    size_t name_len = strlen(header->name), len = strlen(header->value);
    char *at;

    if (breaks_line(header->value, len))
        return WEIR_INVALID_ARGUMENT;
    if (is_fixed(fetch->upstream, header->name, name_len))
        return WEIR_OK;
    if (!reserve_head(fetch, *used, name_len + len + strlen(": \r\n")))
        return WEIR_NO_MEMORY;
    at = mempcpy(mempcpy(fetch->head + *used, header->name, name_len), ": ", 2);
    at = mempcpy(mempcpy(at, header->value, len), "\r\n", 2);
    *used = (size_t)(at - fetch->head);
    return WEIR_OK;
}

/* The length of a path that stays one word on the request line; 0: it does not. */
static size_t target_length(const char *target)
{
    const unsigned char *c = (const unsigned char *)target;

    if (*c != '/')
        return 0;
    while (*c > ' ' && *c < 0x7f)
        c++;
    return *c == '\0' ? (size_t)(c - (const unsigned char *)target) : 0;
}

/* Begins the head: the target and the upstream's own headers. */
static bool begin_head(struct fetch *fetch, const char *target, size_t len, size_t *used)
{
    const struct weir_upstream *upstream = fetch->upstream;
    char *at;

    if (!reserve_head(fetch, 0, len + strlen(VERSION_END) + upstream->fixed_len))
        return false;
    at = mempcpy(mempcpy(fetch->head, target, len), VERSION_END, strlen(VERSION_END));
    at = mempcpy(at, upstream->fixed_text, upstream->fixed_len);
    *used = (size_t)(at - fetch->head);
    return true;
}

enum weir_status fetch_slot_dress(struct fetch *fetch, const char *target,
                                  const struct weir_header *headers)
{
    size_t target_len = target_length(target), used;
    enum weir_status status = WEIR_OK;

    if (!target_len)
        return WEIR_INVALID_ARGUMENT;
    if (!begin_head(fetch, target, target_len, &used))
        return WEIR_NO_MEMORY;
    for (; headers && headers->name && status == WEIR_OK; headers++)
        status = add_header(fetch, headers, &used);
    if (status != WEIR_OK)
        return status;
    if (!reserve_head(fetch, used, sizeof(LAST_NAME)))
        return WEIR_NO_MEMORY;
    memcpy(fetch->head + used, LAST_NAME, sizeof(LAST_NAME));
    fetch->request_max = used + strlen(LAST_NAME) + FRAME_MAX;
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
