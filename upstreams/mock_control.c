#include "mock_control.h"

#include <string.h>

typedef void do_fn(struct mock_port *port, struct mock_text body, struct weir_mock_answer *answer);

static do_fn put_fault, get_fault, delete_fault, get_stats;

static const struct {
    const char *path, *method, *allow;
    do_fn *fn;
} actions[] = {
    {"/_fault", "PUT", "Allow: DELETE, GET, PUT\r\n", put_fault},
    {"/_fault", "GET", "Allow: DELETE, GET, PUT\r\n", get_fault},
    {"/_fault", "DELETE", "Allow: DELETE, GET, PUT\r\n", delete_fault},
    {"/_stats", "GET", "Allow: GET\r\n", get_stats},
};
#define ACTIONS (sizeof(actions) / sizeof(actions[0]))

bool mock_control_wants(const struct mock_port *port, const struct mock_head *head)
{
    if (!port->options.control || head->path.len < 2 || head->path.at[1] != '_')
        return false;
    for (size_t i = 0; i < ACTIONS; i++)
        if (mock_text_is(head->path, actions[i].path))
            return true;
    return false;
}

static void problem(struct mock_bytes *out, struct weir_mock_answer *answer, int status,
                    const char *detail)
{
    answer->status = status;
    answer->content_type = "application/problem+json";
    mock_bytes_format(out, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"",
                      mock_http_reason(status), status);
    mock_bytes_json(out, detail, strlen(detail));
    mock_bytes_text(out, "\"}\n");
}

void mock_control_do(struct mock_port *port, const struct mock_head *head, struct mock_text body,
                     struct weir_mock_answer *answer)
{
    struct mock_bytes *out = &port->engine->control;
    const char *allow = NULL;
    do_fn *fn = NULL;

    mock_bytes_reset(out);
    *answer = (struct weir_mock_answer){.status = 200,
                                        .content_type = "application/json",
                                        .headers = "Cache-Control: no-store\r\n"};
    for (size_t i = 0; i < ACTIONS && fn == NULL; i++) {
        if (!mock_text_is(head->path, actions[i].path))
            continue;
        allow = actions[i].allow;
        if (mock_text_is(head->method, actions[i].method))
            fn = actions[i].fn;
    }
    if (fn != NULL) {
        fn(port, body, answer);
    } else {
        problem(out, answer, 405, "this path does not take that method");
        answer->headers = allow;
    }
    answer->body = out->at;
    answer->body_len = out->len;
}

static void add_spec(struct mock_bytes *out, const struct mock_port *port)
{
    if (port->spec == NULL) {
        mock_bytes_text(out, "\"fault\":null");
        return;
    }
    mock_bytes_text(out, "\"fault\":\"");
    mock_bytes_json(out, port->spec, strlen(port->spec));
    mock_bytes_text(out, "\"");
}

static void get_fault(struct mock_port *port, struct mock_text body,
                      struct weir_mock_answer *answer)
{
    struct mock_bytes *out = &port->engine->control;

    (void)body;
    (void)answer;
    mock_bytes_text(out, "{");
    add_spec(out, port);
    mock_bytes_text(out, "}\n");
}

static void put_fault(struct mock_port *port, struct mock_text body,
                      struct weir_mock_answer *answer)
{
    char text[256];

    if (mock_port_set_fault(port, body, (struct mock_why){text, sizeof(text)}))
        get_fault(port, body, answer);
    else
        problem(&port->engine->control, answer, 400, text);
}

static void delete_fault(struct mock_port *port, struct mock_text body,
                         struct weir_mock_answer *answer)
{
    mock_port_clear_fault(port);
    get_fault(port, body, answer);
}

static void add_cancel(struct mock_bytes *out, const struct mock_cancel *c)
{
    mock_bytes_format(out, "{\"request\":%lu,\"at_unix_ms\":%llu.%03u,\"after_ms\":%llu.%03u,",
                      c->request, (unsigned long long)(c->wall_us / 1000),
                      (unsigned)(c->wall_us % 1000), (unsigned long long)(c->after_ns / 1000000),
                      (unsigned)(c->after_ns / 1000 % 1000));
    mock_bytes_text(out, "\"target\":\"");
    mock_bytes_json(out, c->target, strlen(c->target));
    mock_bytes_text(out, "\"}");
}

static void get_stats(struct mock_port *port, struct mock_text body,
                      struct weir_mock_answer *answer)
{
    struct mock_bytes *out = &port->engine->control;
    const struct weir_mock_stats *s = &port->stats;
    unsigned long i =
        s->cancellations > MOCK_PORT_CANCELS ? s->cancellations - MOCK_PORT_CANCELS : 0;
    const char *comma = "";

    (void)body;
    (void)answer;
    mock_bytes_format(out,
                      "{\"upstream\":\"%s\",\"requests\":%lu,\"in_flight\":%lu,"
                      "\"max_in_flight\":%lu,\"answered\":%lu,\"cancelled\":%lu,"
                      "\"connections\":%lu,\"connections_open\":%lu,\"seed\":%llu,",
                      port->options.name, s->requests, s->in_flight, s->max_in_flight, s->answered,
                      s->cancellations, s->connections, s->open,
                      (unsigned long long)port->options.seed);
    add_spec(out, port);
    mock_bytes_text(out, ",\"cancellations\":[");
    for (; i < s->cancellations; i++, comma = ",") {
        mock_bytes_text(out, comma);
        add_cancel(out, &port->cancels[i % MOCK_PORT_CANCELS]);
    }
    mock_bytes_text(out, "]}\n");
}
