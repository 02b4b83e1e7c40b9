/* What a client has sent and nobody has taken yet. */
#include "listen_conn.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

bool conn_keep(struct conn *c, const char *bytes, size_t len)
{
    size_t cap = c->in_cap ? c->in_cap : 512;
    char *grown;

    while (cap < c->in_len + len)
        cap *= 2;
    if (cap != c->in_cap) {
        grown = realloc(c->in, cap);
        if (grown == NULL)
            return false;
        c->in = grown;
        c->in_cap = cap;
    }
    memcpy(c->in + c->in_len, bytes, len);
    c->in_len += len;
    return true;
}

void conn_drop_kept(struct conn *c, size_t used)
{
    c->in_len -= used;
    if (c->in_len > 0) {
        memmove(c->in, c->in + used, c->in_len);
        return;
    }
    free(c->in);
    c->in = NULL;
    c->in_cap = 0;
}

bool conn_has_input(const struct conn *c)
{
    char byte;

    return c->in_len > 0 || recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}
