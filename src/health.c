/* See health.h. Plain blocking sockets: nothing else of weir runs in this process. */
#include "health.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define TIMEOUT_S 2

/* Where a listener on all addresses is reached from here. */
static const char *reachable(const char *host)
{
    if (*host == '\0' || strcmp(host, "0.0.0.0") == 0)
        return "127.0.0.1";
    return strcmp(host, "::") == 0 ? "::1" : host;
}

static int connect_to(const struct config_address *address)
{
    const struct timeval limit = {TIMEOUT_S, 0};
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *ai = NULL;
    char port[8];
    int fd;

    snprintf(port, sizeof(port), "%u", (unsigned)address->port);
    if (getaddrinfo(reachable(address->host), port, &hints, &ai) != 0)
        return -1;
    fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
        if (connect(fd, ai->ai_addr, ai->ai_addrlen) != 0) {
            int saved = errno;

            close(fd);
            errno = saved;
            fd = -1;
        }
    }
    freeaddrinfo(ai);
    return fd;
}

int health_check(const struct config *config)
{
    static const char ask[] = "GET /readyz HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n\r\n";
    static const char ready[] = "HTTP/1.1 200 ";
    char head[sizeof(ready) - 1];
    ssize_t n = -1;
    int fd;

    if (config->admin_listen.off) {
        fprintf(stderr, "weir: WEIR_ADMIN_LISTEN is off, so there is nobody to ask\n");
        return 1;
    }
    fd = connect_to(&config->admin_listen);
    if (fd < 0) {
        fprintf(stderr, "weir: %s: %s\n", config->admin_listen.text, strerror(errno));
        return 1;
    }
    if (send(fd, ask, sizeof(ask) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(ask) - 1)
        n = recv(fd, head, sizeof(head), MSG_WAITALL);
    close(fd);
    if (n == (ssize_t)sizeof(head) && memcmp(head, ready, sizeof(head)) == 0)
        return 0;
    fprintf(stderr, "weir: %s: not ready\n", config->admin_listen.text);
    return 1;
}
