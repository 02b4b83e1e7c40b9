/*
 * Easy handles and their pool. Three things a libcurl 7.88 handle remembers from one transfer to the
 * next: it counts its retries after dead connections for life and fails the sixth; it never forgets the
 * system error of a broken connection; and addresses given to it stay until they are taken in. Such
 * handles are renewed, and untaken addresses taken back, before the next use.
 */
#include "fetch_slot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define BUFFER_SIZE 8192L     /* received at once; most answers come in one piece */
#define KEEP_FREE 8           /* handles kept for good, for each upstream */
#define KEEP_HEAD ((size_t)4096) /* memory for headers kept with a handle */

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
    ok &= curl_easy_setopt(easy, CURLOPT_NOPROXY, "*") == CURLE_OK; /* looks at no environment */
    ok &= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
    if (!fetch->upstream->origin->tls)
        return ok;
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
    size_t i;

    for (i = 0; i < upstream->n_fixed; i++)
        if (upstream->fixed[i].name_len == len &&
            strncasecmp(upstream->fixed[i].node.data, name, len) == 0)
            return true;
    return false;
}

/* Counts the headers and the bytes of their lines; false when one would break out of its line. */
static bool measure(const struct weir_header *headers, size_t *n, size_t *bytes)
{
    for (*n = *bytes = 0; headers && headers[*n].name; ++*n) {
        const char *value = headers[*n].value;
        size_t len = strcspn(value, "\r\n");

        if (value[len])
            return false;
        *bytes += strlen(headers[*n].name) + len + sizeof(": ");
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

/* Writes the headers as curl's list, the upstream's own at its end; NULL when there are none. */
static struct curl_slist *write_head(struct fetch *fetch, const struct weir_header *headers, size_t n)
{
    const struct weir_upstream *upstream = fetch->upstream;
    struct curl_slist *nodes = (struct curl_slist *)(void *)fetch->head, *first, **at = &first;
    char *text = (char *)(nodes + n), *begin = text;
    size_t i;

    for (i = 0; i < n; i++) {
        char *line = text;

        text = stpcpy(text, headers[i].name);
        if (is_fixed(upstream, line, (size_t)(text - line))) {
            text = line;
            continue;
        }
        text = stpcpy(stpcpy(text, ": "), headers[i].value) + 1;
        nodes[i].data = line;
        *at = &nodes[i];
        at = &nodes[i].next;
    }
    fetch->request_max += (size_t)(text - begin) + n;
    *at = upstream->n_fixed ? &upstream->fixed[0].node : NULL;
    return first;
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
    size_t n, bytes;

    if (!target_valid(target) || !measure(headers, &n, &bytes))
        return WEIR_INVALID_ARGUMENT;
    if (!reserve_head(fetch, n * sizeof(struct curl_slist) + bytes))
        return WEIR_NO_MEMORY;
    if (curl_easy_setopt(fetch->easy, CURLOPT_REQUEST_TARGET, target) != CURLE_OK)
        return WEIR_NO_MEMORY;
    fetch->request_max = fetch->upstream->request_max + strlen(target);
    curl_easy_setopt(fetch->easy, CURLOPT_HTTPHEADER, write_head(fetch, headers, n));
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
