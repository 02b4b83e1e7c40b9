/* Addresses: listening sockets (SO_REUSEPORT, without letting a second instance hide), clients'. */
#include "listen_conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One bound socket, or -1 and errno. */
static int bind_one(const struct addrinfo *ai, bool reuse_port)
{
    int on = 1;
    int saved;
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        (!reuse_port || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0) &&
        (ai->ai_family != AF_INET6 ||
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0) &&
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
        bind(fd, ai->ai_addr, ai->ai_addrlen) == 0)
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);

    memset(&ss, 0, sizeof(ss));
    if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0)
        return 0;
    if (ss.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&ss)->sin6_port);
    return ntohs(((struct sockaddr_in *)&ss)->sin_port);
}

int listen_bind(const char *host, uint16_t *port, bool exclusive)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV | AI_ADDRCONFIG};
    struct addrinfo *ai = NULL;
    char service[8];
    int fd = -1;

    snprintf(service, sizeof(service), "%u", (unsigned)*port);
    if (getaddrinfo(*host ? host : NULL, service, &hints, &ai) != 0 || ai == NULL) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    if (exclusive && *port != 0) {
        fd = bind_one(ai, false); /* fails when anybody listens there, SO_REUSEPORT or not */
        if (fd < 0) {
            freeaddrinfo(ai);
            return -1;
        }
        close(fd);
    }
    fd = bind_one(ai, true);
    if (fd >= 0)
        *port = port_of(fd);
    freeaddrinfo(ai);
    return fd;
}

void conn_find_client(struct conn *c)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    const void *address = NULL;

    memset(&ss, 0, sizeof(ss));
    if (getpeername(c->fd, (struct sockaddr *)&ss, &len) == 0) {
        if (ss.ss_family == AF_INET)
            address = &((struct sockaddr_in *)&ss)->sin_addr;
        else if (ss.ss_family == AF_INET6)
            address = &((struct sockaddr_in6 *)&ss)->sin6_addr;
    }
    if (address == NULL ||
        inet_ntop(ss.ss_family, address, c->client_ip, sizeof(c->client_ip)) == NULL)
        c->client_ip[0] = '\0';
}
