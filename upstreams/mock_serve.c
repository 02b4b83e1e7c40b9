/* From the bytes of a connection to the play of its next request. */
#include "mock_serve.h"

#include "mock_control.h"

#include <clock.h>
#include <string.h>

#define MAX_HEAD (64u << 10)

static bool begin_play(struct mock_conn *c, const struct mock_head *head,
                       const struct weir_mock_answer *answer, const struct mock_params *params,
                       const struct mock_hit *hit)
{
    struct mock_request request = {
        .head = head,
        .answer = answer,
        .params = params,
        .hit = hit,
        .arrived_ns = c->arrived_ns,
        .scratch = &c->port->engine->scratch,
    };

    c->request_len = head->len + head->body_len;
    return mock_play_begin(&c->play, &request);
}

/* Answers what is not a request that can be served, and lets the connection close. */
static bool refuse(struct mock_conn *c, int status)
{
    static const struct mock_params no_params = {.n = 0};
    struct weir_mock_answer answer = {
        .status = status, .content_type = "", .headers = "", .after = WEIR_MOCK_CLOSE};
    struct mock_head head = {.method = {"GET", 3}, .len = c->in.len};

    c->counts = false;
    c->free_to_go = true;
    return begin_play(c, &head, &answer, &no_params, NULL);
}

static bool serve_control(struct mock_conn *c, const struct mock_head *head)
{
    static const struct mock_params no_params = {.n = 0};
    struct mock_text body = {c->in.at + head->len, head->body_len};
    struct weir_mock_answer answer;

    mock_control_do(c->port, head, body, &answer);
    c->counts = false;
    c->free_to_go = true;
    return begin_play(c, head, &answer, &no_params, NULL);
}

static bool serve_route(struct mock_conn *c, const struct mock_head *head)
{
    struct mock_port *port = c->port;
    struct mock_params params;
    struct mock_hit hit = mock_port_draw(port);
    const struct weir_mock_answer *answer = mock_route_take(&port->routes, head->path, &params);
    size_t len = head->target.len;

    c->record = mock_port_arrived(port, head, c->number, c->arrived_ns);
    c->counts = true;
    c->free_to_go = false;
    c->seen.request = port->stats.requests;
    len = len < sizeof(c->seen.target) ? len : sizeof(c->seen.target) - 1;
    memcpy(c->seen.target, head->target.at, len);
    c->seen.target[len] = '\0';
    return begin_play(c, head, answer, &params, &hit);
}

bool mock_serve_next(struct mock_conn *c, bool *ok)
{
    struct mock_text bytes = {c->in.at, c->in.len};
    struct mock_head head;
    enum mock_head_result result = mock_http_head(bytes, &c->scanned, &head);

    *ok = true;
    if (result == MOCK_HEAD_MORE) {
        if (c->in.len <= MAX_HEAD)
            return false;
        *ok = refuse(c, 431);
        return true;
    }
    c->scanned = 0;
    c->arrived_ns = clock_now_ns();
    if (result != MOCK_HEAD_OK)
        *ok = refuse(c, result == MOCK_HEAD_LENGTH ? 411 : 400);
    else if (head.body_len > MOCK_CONN_MAX_IN / 2)
        *ok = refuse(c, 413);
    else if (c->in.len - head.len < head.body_len)
        return false;
    else if (mock_control_wants(c->port, &head))
        *ok = serve_control(c, &head);
    else
        *ok = serve_route(c, &head);
    return true;
}
