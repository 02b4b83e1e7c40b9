/* One thread, one epoll: accepts, reads heads, replies as the test says. */
#include "raw_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_FD 16384

struct conn {
    bool open;
    unsigned nth;
    size_t len;
    char in[4096];
};

struct raw_server {
    raw_reply_fn *fn;
    void *arg;
    int listener, epoll, bell;
    unsigned port;
    char origin[64];
    pthread_t thread;
    pthread_mutex_t lock; /* guards last */
    char last[4096];
    atomic_bool stop, drop;
    atomic_uint accepted, requests, closed, dropped;
    _Atomic uint64_t closed_ns;
    struct conn *conns[MAX_FD];
};

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    abort();
}

static void watch(struct raw_server *server, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    must(epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

static void conn_close(struct raw_server *server, int fd, enum raw_after how)
{
    struct linger linger = {1, 0};

    if (how == RAW_RESET)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    free(server->conns[fd]);
    server->conns[fd] = NULL;
    close(fd);
}

static void send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

        if (n <= 0)
            return;
        bytes += n;
        len -= (size_t)n;
    }
}

/* Answers the head that stands whole in the buffer; false when the connection has gone. */
static bool answer(struct raw_server *server, int fd, size_t head_len)
{
    struct conn *conn = server->conns[fd];
    struct raw_reply reply;

    pthread_mutex_lock(&server->lock);
    memcpy(server->last, conn->in, head_len);
    server->last[head_len] = '\0';
    pthread_mutex_unlock(&server->lock);
    reply = server->fn(server->arg, conn->nth++, server->last);
    server->requests++;
    conn->len -= head_len;
    memmove(conn->in, conn->in + head_len, conn->len + 1);
    if (reply.bytes)
        send_all(fd, reply.bytes, reply.len ? reply.len : strlen(reply.bytes));
    if (reply.after == RAW_KEEP)
        return true;
    conn_close(server, fd, reply.after);
    return false;
}

static void on_conn(struct raw_server *server, int fd)
{
    struct conn *conn = server->conns[fd];
    ssize_t n = recv(fd, conn->in + conn->len, sizeof(conn->in) - 1 - conn->len, 0);
    struct timespec now;
    char *end;

    if (n <= 0) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        server->closed_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
        conn_close(server, fd, RAW_CLOSE);
        server->closed++;
        return;
    }
    conn->len += (size_t)n;
    conn->in[conn->len] = '\0';
    while ((end = strstr(conn->in, "\r\n\r\n")))
        if (!answer(server, fd, (size_t)(end - conn->in) + 4))
            return;
}

static void on_accept(struct raw_server *server)
{
    int fd = accept(server->listener, NULL, NULL);

    if (fd < 0)
        return;
    must(fd < MAX_FD, "too many descriptors");
    server->conns[fd] = calloc(1, sizeof(struct conn));
    must(server->conns[fd] != NULL, "calloc");
    server->accepted++;
    watch(server, fd);
}

static void drop_all(struct raw_server *server)
{
    int fd;

    for (fd = 0; fd < MAX_FD; fd++)
        if (server->conns[fd])
            conn_close(server, fd, RAW_CLOSE);
}

static void *serve(void *arg)
{
    struct raw_server *server = arg;
    struct epoll_event events[64];
    uint64_t rings;
    int i, n;

    while (!server->stop) {
        n = epoll_wait(server->epoll, events, 64, -1);
        for (i = 0; i < n; i++) {
            int fd = events[i].data.fd;

            if (fd == server->listener)
                on_accept(server);
            else if (fd == server->bell)
                must(read(fd, &rings, sizeof(rings)) > 0, "read");
            else if (server->conns[fd])
                on_conn(server, fd);
        }
        if (server->drop) {
            drop_all(server);
            server->drop = false;
            server->dropped++;
        }
    }
    drop_all(server);
    return NULL;
}

struct raw_server *raw_server_new(raw_reply_fn *fn, void *arg)
{
    struct raw_server *server = calloc(1, sizeof(*server));
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);

    must(server != NULL, "calloc");
    server->fn = fn;
    server->arg = arg;
    pthread_mutex_init(&server->lock, NULL);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    server->bell = eventfd(0, EFD_CLOEXEC);
    must(bind(server->listener, (void *)&address, len) == 0, "bind");
    must(listen(server->listener, 4096) == 0, "listen");
    must(getsockname(server->listener, (void *)&address, &len) == 0, "getsockname");
    server->port = ntohs(address.sin_port);
    snprintf(server->origin, sizeof(server->origin), "http://127.0.0.1:%u", server->port);
    watch(server, server->listener);
    watch(server, server->bell);
    must(pthread_create(&server->thread, NULL, serve, server) == 0, "pthread_create");
    return server;
}

static void ring(struct raw_server *server)
{
    uint64_t one = 1;

    must(write(server->bell, &one, sizeof(one)) > 0, "write");
}

void raw_server_free(struct raw_server *server)
{
    if (!server)
        return;
    server->stop = true;
    ring(server);
    pthread_join(server->thread, NULL);
    close(server->listener);
    close(server->epoll);
    close(server->bell);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

void raw_server_drop(struct raw_server *server)
{
    unsigned before = server->dropped;

    server->drop = true;
    ring(server);
    while (server->dropped == before)
        usleep(200);
}

unsigned raw_server_port(const struct raw_server *server)
{
    return server->port;
}

const char *raw_server_origin(const struct raw_server *server)
{
    return server->origin;
}

unsigned raw_server_accepted(const struct raw_server *server)
{
    return server->accepted;
}

unsigned raw_server_requests(const struct raw_server *server)
{
    return server->requests;
}

unsigned raw_server_closed(const struct raw_server *server)
{
    return server->closed;
}

uint64_t raw_server_closed_ns(const struct raw_server *server)
{
    return server->closed_ns;
}

void raw_server_head(struct raw_server *server, char *out, size_t size)
{
    pthread_mutex_lock(&server->lock);
    snprintf(out, size, "%s", server->last);
    pthread_mutex_unlock(&server->lock);
}
