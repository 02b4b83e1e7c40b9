#include "mock_port.h"

#include "mock_conn.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG          4096
#define ACCEPTS_PER_TURN 64
#define REST_MS          20

static void on_accept(evutil_socket_t fd, short what, void *arg);
static void on_rest(evutil_socket_t fd, short what, void *arg);

static int try_listen(const struct addrinfo *ai)
{
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1, saved;

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
        bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* Notes where the socket has ended up. */
static bool name_address(struct mock_port *port)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    char host[64], service[8];

    if (getsockname(port->fd, (struct sockaddr *)&ss, &len) != 0 ||
        getnameinfo((struct sockaddr *)&ss, len, host, sizeof(host), service, sizeof(service),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return false;
    port->number = (uint16_t)strtoul(service, NULL, 10);
    snprintf(port->address, sizeof(port->address), ss.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s",
             host, service);
    return true;
}

static bool start_listening(struct mock_port *port, struct mock_why why)
{
    const struct mock_port_options *o = &port->options;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    char service[8];
    int rc;

    snprintf(service, sizeof(service), "%u", o->number);
    rc = getaddrinfo(o->host, service, &hints, &list);
    if (rc != 0)
        return mock_why_set(why, "%s: \"%s\" is not a host to listen on: %s", o->name, o->host,
                            gai_strerror(rc));
    port->fd = try_listen(list);
    rc = errno;
    freeaddrinfo(list);
    if (port->fd < 0 || !name_address(port))
        return mock_why_set(why, "%s: cannot listen on %s:%u: %s", o->name, o->host, o->number,
                            strerror(rc));
    return true;
}

static bool start_events(struct mock_port *port)
{
    struct event_base *base = port->engine->base;

    return event_assign(&port->accept, base, port->fd, EV_READ | EV_PERSIST, on_accept, port) ==
               0 &&
           event_assign(&port->rest, base, -1, 0, on_rest, port) == 0 &&
           event_add(&port->accept, NULL) == 0;
}

static struct mock_port *port_new(struct mock_engine *engine,
                                  const struct mock_port_options *options)
{
    struct mock_port *port = calloc(1, sizeof(*port));

    if (port == NULL)
        return NULL;
    port->engine = engine;
    port->fd = -1;
    port->options = *options;
    TAILQ_INIT(&port->conns);
    TAILQ_INIT(&port->held);
    TAILQ_INIT(&port->routes);
    TAILQ_INSERT_TAIL(&engine->ports, port, link);
    port->options.name = strdup(options->name);
    port->options.host = strdup(options->host ? options->host : "127.0.0.1");
    if (options->control)
        port->cancels = calloc(MOCK_PORT_CANCELS, sizeof(*port->cancels));
    if (port->options.name == NULL || port->options.host == NULL ||
        (options->control && port->cancels == NULL)) {
        mock_port_close(port);
        return NULL;
    }
    mock_port_set_seed(port, options->seed);
    return port;
}

struct mock_port *mock_port_open(struct mock_engine *engine,
                                 const struct mock_port_options *options, struct mock_why why)
{
    struct mock_port *port = port_new(engine, options);

    if (port == NULL) {
        mock_why_set(why, "%s: out of memory", options->name);
        return NULL;
    }
    if (!start_listening(port, why)) {
        mock_port_close(port);
        return NULL;
    }
    if (!start_events(port)) {
        mock_why_set(why, "%s: the event loop does not take the listener", options->name);
        mock_port_close(port);
        return NULL;
    }
    return port;
}

void mock_port_close(struct mock_port *port)
{
    mock_conn_close_all(port);
    if (event_initialized(&port->rest)) {
        event_del(&port->accept);
        event_del(&port->rest);
    }
    if (port->fd >= 0)
        close(port->fd);
    mock_route_free_all(&port->routes);
    mock_port_clear_fault(port);
    mock_port_set_sequence(port, NULL, 0);
    for (size_t i = 0; i < port->records_len; i++)
        free(port->records[i]);
    free(port->records);
    free(port->cancels);
    free((char *)port->options.name);
    free((char *)port->options.host);
    TAILQ_REMOVE(&port->engine->ports, port, link);
    free(port);
}

void mock_port_look_after(struct mock_port *port)
{
    if (port->drop)
        mock_conn_close_all(port);
    port->drop = false;
    if (!port->holding)
        mock_conn_let_out(port, port->stats.held);
    else
        mock_conn_let_out(port, port->let_out);
    port->let_out = 0;
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
    struct mock_port *port = arg;
    struct timeval rest = {0, REST_MS * 1000};

    (void)what;
    mock_engine_lock(port->engine);
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (peer >= 0) {
            mock_conn_start(port, peer);
            continue;
        }
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
            event_del(&port->accept);
            event_add(&port->rest, &rest);
        }
        break;
    }
    mock_engine_unlock(port->engine);
}

static void on_rest(evutil_socket_t fd, short what, void *arg)
{
    struct mock_port *port = arg;

    (void)fd;
    (void)what;
    event_add(&port->accept, NULL);
}

void mock_port_set_seed(struct mock_port *port, uint64_t seed)
{
    port->options.seed = seed;
    port->seed = mock_fault_seed(seed, port->options.name);
}

void mock_port_clear_fault(struct mock_port *port)
{
    free(port->spec);
    port->spec = NULL;
    port->fault.given = 0;
}

bool mock_port_set_fault(struct mock_port *port, struct mock_text spec, struct mock_why why)
{
    struct mock_fault fault;
    char *copy;

    spec = mock_text_trim(spec);
    if (!mock_fault_parse(spec, &fault, why))
        return false;
    copy = strndup(spec.at, spec.len);
    if (copy == NULL)
        return mock_why_set(why, "out of memory");
    mock_port_clear_fault(port);
    port->fault = fault;
    port->spec = copy;
    return true;
}

void mock_port_set_sequence(struct mock_port *port, struct mock_fault *faults, size_t n)
{
    free(port->sequence);
    port->sequence = faults;
    port->sequence_len = n;
    port->sequence_at = 0;
}
