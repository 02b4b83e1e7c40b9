#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

double now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

int client_connect(unsigned port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&sin, sizeof(sin)) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

bool client_send(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

bool client_say(int fd, const char *text)
{
    return client_send(fd, text, strlen(text));
}

/* Bytes that have come, or 0 at the end, or -1 when the time is over or the connection broke. */
static ssize_t receive(int fd, char *to, size_t room, double until)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    double left = until - now_ms();

    if (left < 0)
        left = 0;
    if (poll(&p, 1, (int)left + 1) <= 0)
        return -1;
    return recv(fd, to, room, 0);
}

/* Reads byte by byte: what follows the head, and the answer, stays in the socket. */
static bool read_head(int fd, struct response *r, double until)
{
    size_t len = 0, cap = 65536;

    r->head = calloc(1, cap + 1);
    while (len < cap && receive(fd, r->head + len, 1, until) == 1) {
        len++;
        if (len >= 4 && memcmp(r->head + len - 4, "\r\n\r\n", 4) == 0)
            return sscanf(r->head, "HTTP/1.%*d %d ", &r->status) == 1;
    }
    return false;
}

bool client_read(int fd, struct response *r, int timeout_ms, bool head_only)
{
    double start = now_ms(), until = start + timeout_ms;
    size_t want;

    memset(r, 0, sizeof(*r));
    if (!read_head(fd, r, until))
        return false;
    want = strtoull(response_header(r, "Content-Length"), NULL, 10);
    r->body = calloc(1, want + 1);
    while (!head_only && r->body_len < want) {
        ssize_t n = receive(fd, r->body + r->body_len, want - r->body_len, until);

        if (n <= 0)
            return false;
        r->body_len += (size_t)n;
    }
    r->ms = now_ms() - start;
    return true;
}

bool client_sees_close(int fd, int timeout_ms)
{
    char byte;
    double until = now_ms() + timeout_ms;
    ssize_t n = receive(fd, &byte, 1, until);

    return n == 0 || (n < 0 && (errno == ECONNRESET || errno == EPIPE));
}

void client_reset(int fd)
{
    const struct linger hard = {1, 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(fd);
}

bool client_get(unsigned port, const char *path, const char *headers, struct response *r,
                int timeout_ms)
{
    size_t size = strlen(path) + (headers ? strlen(headers) : 0) + 128;
    char *text = malloc(size);
    int fd = client_connect(port);
    bool ok = false;

    memset(r, 0, sizeof(*r));
    if (fd >= 0 && text != NULL) {
        snprintf(text, size, "GET %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n%s\r\n", path,
                 headers ? headers : "");
        ok = client_say(fd, text) && client_read(fd, r, timeout_ms, false);
    }
    free(text);
    if (fd >= 0)
        close(fd);
    return ok;
}

const char *response_header(struct response *r, const char *name)
{
    size_t len = strlen(name);

    r->value[0] = '\0';
    for (const char *p = r->head; p != NULL && *p != '\0'; p = strstr(p, "\r\n")) {
        p += p == r->head ? 0 : 2;
        if (strncasecmp(p, name, len) != 0 || p[len] != ':')
            continue;
        p += len + 1;
        p += strspn(p, " ");
        snprintf(r->value, sizeof(r->value), "%.*s", (int)strcspn(p, "\r"), p);
        break;
    }
    return r->value;
}

void response_done(struct response *r)
{
    free(r->head);
    free(r->body);
    r->head = NULL;
    r->body = NULL;
}
