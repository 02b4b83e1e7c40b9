/*
 * The normal answer is rendered whole at arrival; then the row of its fault changes the play: what
 * the bytes are, where they stop, when they go, how it ends.
 */
#include "mock_play.h"

#include <string.h>

#define FILL_BLOCK  65536
#define FILL_LETTER 'x'
#define MS          1000000u

typedef void apply_fn(struct mock_play *play, const struct mock_request *request);

static apply_fn apply_hang, apply_status, apply_reset, apply_cut, apply_drip, apply_garbage,
    apply_big;

static apply_fn *const applies[MOCK_FAULT_KINDS] = {
    [MOCK_FAULT_HANG] = apply_hang,   [MOCK_FAULT_STATUS] = apply_status,
    [MOCK_FAULT_RESET] = apply_reset, [MOCK_FAULT_CUT] = apply_cut,
    [MOCK_FAULT_DRIP] = apply_drip,   [MOCK_FAULT_GARBAGE] = apply_garbage,
    [MOCK_FAULT_BIG] = apply_big,
};

static const struct mock_text *find_param(const struct mock_params *params, struct mock_text name)
{
    for (size_t i = 0; i < params->n; i++)
        if (params->item[i].name.len == name.len &&
            memcmp(params->item[i].name.at, name.at, name.len) == 0)
            return &params->item[i].value;
    return NULL;
}

static void add_param(struct mock_bytes *to, struct mock_text encoded)
{
    struct mock_bytes plain = {NULL, 0, 0, false};

    mock_http_decode(&plain, encoded);
    mock_bytes_json(to, plain.at, plain.len);
    to->failed |= plain.failed;
    mock_bytes_done(&plain);
}

/* Adds a body with "{name}" replaced by the parameter of that name. */
static void fill_in(struct mock_bytes *to, const char *body, size_t len,
                    const struct mock_params *params)
{
    const char *end = body + len;

    while (params->n > 0 && body < end) {
        const char *open = memchr(body, '{', (size_t)(end - body));
        const char *close = open ? memchr(open, '}', (size_t)(end - open)) : NULL;
        const struct mock_text *value;

        if (close == NULL)
            break;
        value = find_param(params, (struct mock_text){open + 1, (size_t)(close - open) - 1});
        mock_bytes_add(to, body, (size_t)(open - body) + (value == NULL));
        if (value != NULL)
            add_param(to, *value);
        body = value ? close + 1 : open + 1;
    }
    mock_bytes_add(to, body, (size_t)(end - body));
}

static bool has_no_body(int status)
{
    return status < 200 || status == 204 || status == 304;
}

static void add_chunked(struct mock_bytes *out, const struct mock_bytes *body, size_t chunk)
{
    for (size_t at = 0; at < body->len; at += chunk) {
        size_t len = body->len - at < chunk ? body->len - at : chunk;

        mock_bytes_format(out, "%zx\r\n", len);
        mock_bytes_add(out, body->at + at, len);
        mock_bytes_text(out, "\r\n");
    }
    mock_bytes_text(out, "0\r\n\r\n");
}

static void add_line(struct mock_bytes *out, int status)
{
    mock_bytes_text(out, "HTTP/1.1 ");
    mock_bytes_number(out, (unsigned)status);
    mock_bytes_text(out, " ");
    mock_bytes_text(out, mock_http_reason(status));
    mock_bytes_text(out, "\r\n");
}

static void add_head(struct mock_play *play, const struct mock_request *request,
                     const struct weir_mock_answer *a, uint64_t body_len)
{
    struct mock_bytes *out = &play->out;

    add_line(out, a->status);
    if (a->content_type[0] != '\0') {
        mock_bytes_text(out, "Content-Type: ");
        mock_bytes_text(out, a->content_type);
        mock_bytes_text(out, "\r\n");
    }
    if (a->chunk > 0 && !has_no_body(a->status)) {
        mock_bytes_text(out, "Transfer-Encoding: chunked\r\n");
    } else if (!has_no_body(a->status)) {
        mock_bytes_text(out, "Content-Length: ");
        mock_bytes_number(out, body_len);
        mock_bytes_text(out, "\r\n");
    }
    if (play->end == MOCK_END_CLOSE && a->after != WEIR_MOCK_DROP)
        mock_bytes_text(out, "Connection: close\r\n");
    else if (request->head->old)
        mock_bytes_text(out, "Connection: keep-alive\r\n");
    mock_bytes_text(out, a->headers);
    mock_bytes_text(out, "\r\n");
    play->head_len = out->len;
}

static bool wants_body(const struct mock_request *request, int status)
{
    return !has_no_body(status) && !mock_text_is(request->head->method, "HEAD");
}

static void start_output(struct mock_play *play, const struct mock_request *request,
                         const struct weir_mock_answer *a)
{
    mock_bytes_reset(&play->out);
    if (a->interim != 0) {
        add_line(&play->out, a->interim);
        mock_bytes_text(&play->out, "\r\n");
    }
    play->interim_len = play->head_len = play->out.len;
    play->fill = 0;
    play->tail = "";
    play->end = request->head->keep_alive ? MOCK_END_KEEP : MOCK_END_CLOSE;
    if (a->after == WEIR_MOCK_CLOSE || a->after == WEIR_MOCK_DROP)
        play->end = MOCK_END_CLOSE;
    else if (a->after == WEIR_MOCK_DROP_REUSED && request->head->keep_alive)
        play->end = MOCK_END_DROP_REUSED;
}

/* Puts the bytes of an answer into the play. */
static void render(struct mock_play *play, const struct mock_request *request,
                   const struct weir_mock_answer *a)
{
    struct mock_bytes *body = request->scratch;

    start_output(play, request, a);
    if (a->raw != NULL) {
        mock_bytes_add(&play->out, a->raw, a->raw_len);
        play->total = play->out.len;
        return;
    }
    mock_bytes_reset(body);
    if (a->status != 205 && a->body != NULL)
        fill_in(body, a->body, a->body_len, request->params);
    play->out.failed |= body->failed;
    add_head(play, request, a, body->len);
    if (wants_body(request, a->status)) {
        if (a->chunk > 0)
            add_chunked(&play->out, body, a->chunk);
        else
            mock_bytes_add(&play->out, body->at, body->len);
    }
    play->total = play->out.len;
}

bool mock_play_begin(struct mock_play *play, const struct mock_request *request)
{
    const struct weir_mock_answer *a = request->answer;
    const struct mock_hit *hit = request->hit;

    play->stage = MOCK_STAGE_DUE;
    play->pos = 0;
    play->piece = 0;
    play->interval_ns = 0;
    play->due_ns = request->arrived_ns + (uint64_t)a->head_after_ms * MS;
    play->body_ns =
        a->body_after_ms > 0 ? request->arrived_ns + (uint64_t)a->body_after_ms * MS : 0;
    render(play, request, a);
    if (hit != NULL) {
        play->due_ns += (uint64_t)hit->delay_ns;
        if (applies[hit->kind] != NULL)
            applies[hit->kind](play, request);
    }
    play->limit = play->interim_len;
    return !play->out.failed;
}

static void apply_hang(struct mock_play *play, const struct mock_request *request)
{
    (void)request;
    play->due_ns = MOCK_PLAY_NEVER;
    if (play->interim_len == 0)
        mock_bytes_done(&play->out);
}

static void apply_status(struct mock_play *play, const struct mock_request *request)
{
    struct weir_mock_answer a = *request->answer;
    struct mock_bytes body = {NULL, 0, 0, false};

    a.status = request->hit->status;
    if (a.status >= 300) {
        mock_bytes_format(&body, "{\"error\":\"status %d, as scripted\"}", a.status);
        a.raw = NULL;
        a.content_type = "application/json";
        a.headers = a.status < 400 && a.status != 304 ? "Location: /moved\r\n" : "";
        a.body = body.at;
        a.body_len = body.len;
    }
    render(play, request, &a);
    play->out.failed |= body.failed;
    mock_bytes_done(&body);
}

/* Puts other bytes, or none, in the place of the whole answer. */
static void replace(struct mock_play *play, enum mock_end end)
{
    mock_bytes_reset(&play->out);
    play->interim_len = play->head_len = 0;
    play->total = 0;
    play->body_ns = 0;
    play->end = end;
}

static void apply_reset(struct mock_play *play, const struct mock_request *request)
{
    (void)request;
    replace(play, MOCK_END_RESET);
}

static void apply_cut(struct mock_play *play, const struct mock_request *request)
{
    uint64_t body_len = play->total - play->head_len;

    (void)request;
    play->total = body_len > 0 ? play->head_len + body_len / 2 : play->head_len / 2;
    play->end = MOCK_END_CLOSE;
}

static void apply_drip(struct mock_play *play, const struct mock_request *request)
{
    play->piece = request->hit->size;
    play->interval_ns = request->hit->interval_ns;
}

static void apply_garbage(struct mock_play *play, const struct mock_request *request)
{
    uint64_t noise = request->hit->noise;

    replace(play, MOCK_END_CLOSE);
    mock_bytes_add(&play->out, "\x15\x03\xff\x00\x7f", 5);
    for (int i = 0; i < 16; i++) {
        noise = noise * 6364136223846793005u + 1442695040888963407u;
        mock_bytes_add(&play->out, &noise, sizeof(noise));
    }
    mock_bytes_text(&play->out, "\r\n\r\n");
    play->total = play->out.len;
}

static void apply_big(struct mock_play *play, const struct mock_request *request)
{
    const struct weir_mock_answer *normal = request->answer;
    struct weir_mock_answer a = {
        .status = 200, .content_type = "application/json", .headers = "", .after = normal->after};
    bool array = normal->body != NULL && normal->body[strspn(normal->body, " \t\r\n")] == '[';
    const char *front = array ? "[\"" : "{\"big\":\"", *back = array ? "\"]" : "\"}";

    start_output(play, request, &a);
    add_head(play, request, &a, request->hit->size);
    if (wants_body(request, a.status)) {
        mock_bytes_text(&play->out, front);
        play->fill = request->hit->size - strlen(front) - strlen(back);
        play->tail = back;
    }
    play->total = play->out.len + play->fill + strlen(play->tail);
}

/* Where sending pauses once the head may go: nowhere, unless the body is late or drips. */
static uint64_t first_limit(const struct mock_play *play)
{
    bool pause = play->body_ns > 0 || play->piece > 0;

    return pause && play->head_len < play->total ? play->head_len : play->total;
}

/* Lets out the body, or its next piece. */
static void next_piece(struct mock_play *play)
{
    uint64_t left = play->total - play->limit;

    play->limit += play->piece > 0 && play->piece < left ? play->piece : left;
    play->body_ns += (uint64_t)play->interval_ns;
}

enum mock_step mock_play_step(struct mock_play *play, uint64_t now_ns, bool hold,
                              uint64_t *until_ns)
{
    while (play->pos >= play->limit) {
        switch (play->stage) {
        case MOCK_STAGE_DUE:
            *until_ns = play->due_ns;
            if (play->due_ns == MOCK_PLAY_NEVER)
                return MOCK_STEP_HANG;
            if (now_ns < play->due_ns)
                return MOCK_STEP_WAIT;
            play->stage = MOCK_STAGE_HOLD;
            break;
        case MOCK_STAGE_HOLD:
            if (hold)
                return MOCK_STEP_HOLD;
            play->stage = MOCK_STAGE_BODY;
            play->limit = first_limit(play);
            if (play->piece > 0 && play->body_ns < now_ns + (uint64_t)play->interval_ns)
                play->body_ns = now_ns + (uint64_t)play->interval_ns;
            break;
        case MOCK_STAGE_BODY:
            if (play->pos >= play->total)
                return MOCK_STEP_DONE;
            *until_ns = play->body_ns;
            if (now_ns < play->body_ns)
                return MOCK_STEP_WAIT;
            next_piece(play);
            break;
        }
    }
    return MOCK_STEP_SEND;
}

struct mock_text mock_play_bytes(const struct mock_play *play)
{
    static const char filler[FILL_BLOCK] = {[0 ... FILL_BLOCK - 1] = FILL_LETTER};
    uint64_t left = play->limit - play->pos, out_len = play->out.len;
    struct mock_text bytes;
    uint64_t end;

    if (play->pos < out_len) {
        bytes.at = play->out.at + play->pos;
        end = out_len;
    } else if (play->pos < out_len + play->fill) {
        bytes.at = filler;
        end = out_len + play->fill;
        left = left < sizeof(filler) ? left : sizeof(filler);
    } else {
        bytes.at = play->tail + (play->pos - out_len - play->fill);
        end = play->total;
    }
    bytes.len = (size_t)(left < end - play->pos ? left : end - play->pos);
    return bytes;
}

void mock_play_sent(struct mock_play *play, size_t len)
{
    play->pos += len;
}

void mock_play_done(struct mock_play *play)
{
    mock_bytes_done(&play->out);
}
