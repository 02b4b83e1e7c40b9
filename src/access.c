/* See access.h. */
#include "access.h"

#include "log.h"

#include <string.h>

static void text(struct buf *b, const char *key, const char *s, size_t len)
{
    buf_str(b, key);
    buf_json_string(b, s, len);
}

static void upstreams(struct buf *b, const struct access *a)
{
    buf_str(b, ",\"upstreams\":[");
    for (size_t i = 0; a->settled != NULL && i < a->settled->n; i++) {
        const struct weir_outcome *o = &a->settled->outcomes[i];

        buf_str(b, i ? ",{\"name\":\"" : "{\"name\":\"");
        buf_str(b, a->site_route->config->upstreams[i].name);
        buf_str(b, "\",\"outcome\":\"");
        buf_str(b, weir_status_word(o->status));
        buf_str(b, "\",\"status\":");
        buf_i64(b, o->answer.status);
        buf_str(b, ",\"ms\":");
        buf_ms(b, o->elapsed_ns, 3);
        buf_str(b, ",\"bytes\":");
        buf_u64(b, o->bytes);
        buf_str(b, o->reused ? ",\"reused\":true}" : ",\"reused\":false}");
    }
    buf_char(b, ']');
}

void access_log(struct buf *b, unsigned lane, const struct access *a)
{
    if (!log_enabled(LOG_INFO))
        return;
    b->len = 0;
    log_begin(b, LOG_INFO, "request");
    text(b, ",\"request_id\":", a->request_id, strlen(a->request_id));
    text(b, ",\"trace_id\":", a->trace_id, strlen(a->trace_id));
    text(b, ",\"method\":", a->method.at, a->method.len);
    text(b, ",\"path\":", a->path.at, a->path.len);
    text(b, ",\"route\":", a->route, strlen(a->route));
    buf_str(b, ",\"status\":");
    buf_i64(b, a->status);
    buf_str(b, ",\"outcome\":\"");
    buf_str(b, metrics_outcome_word(a->outcome));
    buf_str(b, "\",\"duration_ms\":");
    buf_ms(b, a->duration_ns, 3);
    buf_str(b, ",\"bytes\":");
    buf_u64(b, a->bytes);
    text(b, ",\"client_ip\":", a->client_ip, strlen(a->client_ip));
    upstreams(b, a);
    log_end(b, lane);
}
