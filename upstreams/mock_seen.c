/* What a port has seen: its numbers, the requests remembered, the cancellations listed. */
#include "mock_port.h"

#include <clock.h>
#include <stdlib.h>
#include <string.h>

struct mock_hit mock_port_draw(struct mock_port *port)
{
    const struct mock_fault *fault = &port->fault;

    if (port->sequence_at < port->sequence_len)
        fault = &port->sequence[port->sequence_at++];
    return mock_fault_draw(fault, port->seed, port->stats.requests);
}

static char *add_text(char *to, struct mock_text text)
{
    memcpy(to, text.at, text.len);
    to[text.len] = '\0';
    return to + text.len + 1;
}

/* One block: method, target, head, then name and value of each field, each ended by NUL. */
static struct mock_record *record_new(const struct mock_head *head)
{
    struct mock_text rest = head->fields, name, value;
    struct mock_text whole = {head->method.at, head->len};
    struct mock_record *r = calloc(1, sizeof(*r) + head->len * 4 + 8);
    char *at;

    if (r == NULL)
        return NULL;
    at = r->text;
    r->view.method = at;
    at = add_text(at, head->method);
    r->view.target = at;
    at = add_text(at, head->target);
    r->view.head = at;
    at = add_text(at, whole);
    r->view.fields = at;
    while (mock_http_field(&rest, &name, &value)) {
        if (name.len == 0)
            continue;
        at = add_text(at, name);
        at = add_text(at, value);
    }
    *at = '\0';
    return r;
}

static struct mock_record *remember(struct mock_port *port, const struct mock_head *head)
{
    struct mock_record *r;

    if (port->records_len >= port->options.remember)
        return NULL;
    if (port->records_len == port->records_cap) {
        size_t cap = port->records_cap > 0 ? port->records_cap * 2 : 64;
        struct mock_record **grown = realloc(port->records, cap * sizeof(*grown));

        if (grown == NULL)
            return NULL;
        port->records = grown;
        port->records_cap = cap;
    }
    r = record_new(head);
    if (r != NULL)
        port->records[port->records_len++] = r;
    return r;
}

struct mock_record *mock_port_arrived(struct mock_port *port, const struct mock_head *head,
                                      unsigned long connection, uint64_t now_ns)
{
    struct weir_mock_stats *s = &port->stats;
    struct mock_record *r = remember(port, head);

    if (r != NULL) {
        r->view.connection = connection;
        r->view.arrived_ns = now_ns;
    }
    s->requests++;
    s->in_flight++;
    if (s->in_flight > s->max_in_flight)
        s->max_in_flight = s->in_flight;
    mock_engine_changed(port->engine);
    return r;
}

void mock_port_answered(struct mock_port *port, struct mock_record *record, uint64_t now_ns)
{
    if (record != NULL)
        record->view.answered_ns = now_ns;
    port->stats.in_flight--;
    port->stats.answered++;
    mock_engine_changed(port->engine);
}

void mock_port_canceled(struct mock_port *port, struct mock_record *record,
                        const struct mock_cancel *seen, uint64_t now_ns)
{
    if (record != NULL)
        record->view.canceled_ns = now_ns;
    if (port->cancels != NULL)
        port->cancels[port->stats.cancellations % MOCK_PORT_CANCELS] = *seen;
    port->stats.in_flight--;
    port->stats.cancellations++;
    mock_engine_changed(port->engine);
}
