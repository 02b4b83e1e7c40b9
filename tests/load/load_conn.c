#include "load_conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define FIRST_ROOM ((size_t)8 * 1024)

/* Makes room for what is to come. */
static bool grow(struct load_conn *c)
{
    size_t room = c->room == 0 ? FIRST_ROOM : c->room * 2;
    char *bytes = realloc(c->bytes, room);

    if (bytes == NULL)
        return false;
    c->bytes = bytes;
    c->room = room;
    return true;
}

struct load_conn *load_conn_open(const struct sockaddr *address, socklen_t len, int epoll)
{
    struct load_conn *c = calloc(1, sizeof(*c));
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
    int on = 1;

    if (c == NULL)
        return NULL;
    c->state = LOAD_CONN_CONNECTING;
    event.data.ptr = c;
    c->fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd >= 0 && setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
        (connect(c->fd, address, len) == 0 || errno == EINPROGRESS) &&
        epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) == 0)
        return c;
    load_conn_close(c);
    load_conn_free(c);
    return NULL;
}

enum load_conn_news load_conn_connected(const struct load_conn *c)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0)
        return LOAD_CONN_BROKEN;
    return LOAD_CONN_NOTHING;
}

enum load_conn_news load_conn_send(struct load_conn *c, const char *request, size_t len)
{
    c->len = 0;
    c->head_read = false;
    c->state = LOAD_CONN_WAITING;
    return send(c->fd, request, len, MSG_NOSIGNAL) == (ssize_t)len ? LOAD_CONN_NOTHING
                                                                   : LOAD_CONN_BROKEN;
}

/* What the bytes so far amount to. */
static enum load_conn_news judge(struct load_conn *c)
{
    size_t whole;

    if (!c->head_read) {
        enum load_answer_state state = load_answer_read(c->bytes, c->len, &c->answer);

        if (state != LOAD_ANSWER_HEAD)
            return state == LOAD_ANSWER_BAD ? LOAD_CONN_GARBLED : LOAD_CONN_NOTHING;
        c->head_read = true;
    }
    whole = c->answer.head_len + c->answer.body_len;
    if (c->len < whole)
        return LOAD_CONN_NOTHING;
    return c->len == whole ? LOAD_CONN_ANSWER : LOAD_CONN_GARBLED;
}

enum load_conn_news load_conn_receive(struct load_conn *c)
{
    for (;;) {
        enum load_conn_news news;
        size_t room;
        ssize_t n;

        if (c->len == c->room && !grow(c))
            return LOAD_CONN_BROKEN;
        room = c->room - c->len;
        n = recv(c->fd, c->bytes + c->len, room, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return LOAD_CONN_NOTHING;
        if (n <= 0)
            return LOAD_CONN_BROKEN;
        c->len += (size_t)n;
        news = judge(c);
        if (news != LOAD_CONN_NOTHING)
            return news;
    }
}

const char *load_conn_body(const struct load_conn *c)
{
    return c->bytes + c->answer.head_len;
}

void load_conn_close(struct load_conn *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->state = LOAD_CONN_DEAD;
}

void load_conn_free(struct load_conn *c)
{
    free(c->bytes);
    free(c);
}
