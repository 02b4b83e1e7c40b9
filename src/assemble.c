/* Assembly: see assemble.h. The text weir writes goes into one buffer; long bodies go between. */
#include "assemble.h"

#include <string.h>

#define MAX_TEXT ((size_t)256 * 1024 * 1024)
#define KEEP_TEXT ((size_t)1024 * 1024)

/* Where a body that is not copied belongs: behind that many bytes of text. */
struct splice {
    size_t text_at;
    size_t upstream;
};

static bool delivered(const struct weir_outcome *o)
{
    return o->status == WEIR_OK;
}

/* Statuses of a required upstream that say something about the resource, and are passed on. */
static bool is_passed_on(int status)
{
    return status == 401 || status == 403 || status == 404 || status == 410;
}

static int failure_status(const struct weir_outcome *o)
{
    if (o->status == WEIR_BAD_STATUS && is_passed_on(o->answer.status))
        return o->answer.status;
    return weir_status_http(o->status);
}

/* The first upstream that failed, and for which time was the reason if any was. */
static size_t worst_of(const struct weir_settled *settled)
{
    for (size_t i = 0; i < settled->n; i++)
        if (weir_status_is_timeout(settled->outcomes[i].status))
            return i;
    return 0;
}

int assemble_status(const struct config_route *route, const struct weir_settled *settled,
                    size_t *culprit)
{
    bool any = false;

    *culprit = 0;
    if (settled->failed_required >= 0) {
        *culprit = (size_t)settled->failed_required;
        return failure_status(&settled->outcomes[*culprit]);
    }
    for (size_t i = 0; i < settled->n; i++) {
        if (delivered(&settled->outcomes[i])) {
            any = true;
        } else if (route->upstreams[i].required) {
            *culprit = i;
            return failure_status(&settled->outcomes[i]);
        }
    }
    if (any)
        return 200;
    *culprit = worst_of(settled);
    return weir_status_http(settled->outcomes[*culprit].status) == 504 ? 504 : 502;
}

/* The limit that a timed-out upstream had. */
static int64_t limit_of(const struct assemble_input *in, size_t i)
{
    int64_t own = in->route->upstreams[i].timeout_ns;

    return own > 0 && own < in->budget_ns ? own : in->budget_ns;
}

static void message(struct buf *b, const struct assemble_input *in, size_t i)
{
    const struct weir_outcome *o = &in->settled->outcomes[i];

    if (o->status == WEIR_HTTP_RESPONSE_TIMEOUT) {
        buf_str(b, "no answer within ");
        buf_ms(b, limit_of(in, i), limit_of(in, i) % WEIR_MS ? 3 : 0);
        buf_str(b, " ms");
    } else if (o->status == WEIR_BAD_STATUS) {
        buf_str(b, "status ");
        buf_i64(b, o->answer.status);
        buf_str(b, " is not usable");
    } else {
        buf_str(b, weir_status_message(o->status));
    }
}

static void error_entry(struct buf *b, const struct assemble_input *in, size_t i)
{
    const struct weir_outcome *o = &in->settled->outcomes[i];

    buf_str(b, "{\"upstream\":\"");
    buf_str(b, in->route->upstreams[i].name);
    buf_str(b, "\",\"code\":\"");
    buf_str(b, weir_status_word(o->status));
    if (o->answer.status != 0) {
        buf_str(b, "\",\"status\":");
        buf_i64(b, o->answer.status);
        buf_str(b, ",\"message\":\"");
    } else {
        buf_str(b, "\",\"message\":\"");
    }
    message(b, in, i);
    buf_str(b, "\"}");
}

/* One member of data; a long body is only noted, to be sent from where it lies. */
static void data_member(struct buf *b, const struct assemble_input *in, size_t i,
                        struct splice *splices, size_t *n_splices)
{
    const struct config_upstream *u = &in->route->upstreams[i];
    const struct weir_outcome *o = &in->settled->outcomes[i];

    buf_str(b, i ? ",\"" : "\"");
    buf_str(b, u->name);
    buf_str(b, "\":");
    if (!delivered(o))
        buf_str(b, u->default_json ? u->default_json : "null");
    else if (o->answer.value_len <= ASSEMBLE_COPY_MAX)
        buf_add(b, o->answer.body + o->answer.value_at, o->answer.value_len);
    else
        splices[(*n_splices)++] = (struct splice){b->len, i};
}

static void envelope(struct buf *b, const struct assemble_input *in, struct splice *splices,
                     size_t *n_splices, bool complete)
{
    bool first = true;

    buf_str(b, "{\"data\":{");
    for (size_t i = 0; i < in->settled->n; i++)
        data_member(b, in, i, splices, n_splices);
    buf_str(b, "},\"errors\":[");
    for (size_t i = 0; i < in->settled->n; i++) {
        if (delivered(&in->settled->outcomes[i]))
            continue;
        if (!first)
            buf_char(b, ',');
        first = false;
        error_entry(b, in, i);
    }
    buf_str(b, complete ? "],\"meta\":{\"complete\":true,\"request_id\":\""
                        : "],\"meta\":{\"complete\":false,\"request_id\":\"");
    buf_str(b, in->request_id);
    buf_str(b, "\",\"elapsed_ms\":");
    buf_ms(b, in->elapsed_ns, 1);
    buf_str(b, ",\"budget_ms\":");
    buf_ms(b, in->budget_ns, in->budget_ns % WEIR_MS ? 3 : 0);
    buf_str(b, "}}");
}

/* Text and long bodies in the order in which they are sent. */
static size_t cut_pieces(const struct assemble_input *in, struct assemble_scratch *scratch,
                         const struct splice *splices, size_t n_splices)
{
    struct reply_piece *p = scratch->pieces;
    const char *text = scratch->text.data;
    size_t at = 0;

    for (size_t i = 0; i < n_splices; i++) {
        struct weir_answer *answer = &in->settled->outcomes[splices[i].upstream].answer;

        *p++ = (struct reply_piece){text + at, splices[i].text_at - at, NULL};
        *p++ = (struct reply_piece){answer->body + answer->value_at, answer->value_len,
                                    answer->body};
        answer->body = NULL;
        at = splices[i].text_at;
    }
    *p++ = (struct reply_piece){text + at, scratch->text.len - at, NULL};
    return (size_t)(p - scratch->pieces);
}

static void server_timing(struct buf *b, const struct assemble_input *in)
{
    for (size_t i = 0; i < in->settled->n; i++) {
        const struct weir_outcome *o = &in->settled->outcomes[i];

        if (i > 0)
            buf_str(b, ", ");
        buf_str(b, in->route->upstreams[i].name);
        buf_str(b, ";dur=");
        buf_ms(b, o->elapsed_ns, 1);
        if (!delivered(o)) {
            buf_str(b, ";desc=\"");
            buf_str(b, weir_status_word(o->status));
            buf_char(b, '"');
        }
    }
}

static void ready(struct buf *b)
{
    if (b->failed || b->cap > KEEP_TEXT)
        buf_done(b);
    if (b->cap == 0)
        buf_init(b, MAX_TEXT);
    b->len = 0;
}

static void problem_of(struct buf *b, const struct assemble_input *in, int status, size_t culprit)
{
    const struct weir_outcome *o = &in->settled->outcomes[culprit];
    const struct config_upstream *u = &in->route->upstreams[culprit];
    char text[160];
    struct buf detail;

    buf_init_fixed(&detail, text, sizeof(text) - 1);
    buf_str(&detail, u->required ? "the required upstream " : "no upstream delivered; ");
    buf_str(&detail, u->name);
    buf_str(&detail, ": ");
    message(&detail, in, culprit);
    text[detail.len] = '\0';
    assemble_problem(b, &(struct assemble_problem){.status = status,
                                                   .detail = text,
                                                   .request_id = in->request_id,
                                                   .upstream = u->name,
                                                   .code = weir_status_word(o->status)});
}

bool assemble(const struct assemble_input *in, struct assemble_scratch *scratch,
              struct assembled *out)
{
    struct splice splices[CONFIG_MAX_UPSTREAMS];
    size_t n_splices = 0, culprit = 0;

    ready(&scratch->text);
    ready(&scratch->timing);
    out->status = assemble_status(in->route, in->settled, &culprit);
    out->complete = true;
    for (size_t i = 0; i < in->settled->n; i++)
        out->complete = out->complete && delivered(&in->settled->outcomes[i]);
    if (out->status == 200)
        envelope(&scratch->text, in, splices, &n_splices, out->complete);
    else
        problem_of(&scratch->text, in, out->status, culprit);
    server_timing(&scratch->timing, in);
    out->server_timing = buf_cstr(&scratch->timing);
    if (!buf_ok(&scratch->text) || !buf_ok(&scratch->timing))
        return false;
    out->content_type = out->status == 200 ? "application/json" : "application/problem+json";
    out->n_pieces = cut_pieces(in, scratch, splices, n_splices);
    out->pieces = scratch->pieces;
    return true;
}

static void member(struct buf *b, const char *name, const char *value)
{
    if (value == NULL)
        return;
    buf_str(b, ",\"");
    buf_str(b, name);
    buf_str(b, "\":");
    buf_json_string(b, value, strlen(value));
}

void assemble_problem(struct buf *b, const struct assemble_problem *p)
{
    buf_str(b, "{\"type\":\"about:blank\",\"title\":\"");
    buf_str(b, reply_reason(p->status));
    buf_str(b, "\",\"status\":");
    buf_i64(b, p->status);
    member(b, "detail", p->detail);
    member(b, "request_id", p->request_id);
    member(b, "upstream", p->upstream);
    member(b, "code", p->code);
    buf_char(b, '}');
}

void assemble_scratch_done(struct assemble_scratch *scratch)
{
    buf_done(&scratch->text);
    buf_done(&scratch->timing);
}
