#include "gate_parts.h"

#include <string.h>

/* What has been seen so far of the fields that may come once. */
struct seen {
    bool host, length, close, keep_alive;
};

typedef const char *judge_fn(struct gate_head *head, struct seen *seen,
                             const struct gate_span *value);

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Takes the next member of a comma list off its front; false when there is none. */
static bool next_member(struct gate_span *list, struct gate_span *member)
{
    const char *end = list->at + list->len, *p = list->at, *stop;

    while (p < end && (is_blank(*p) || *p == ','))
        p++;
    stop = p < end ? memchr(p, ',', (size_t)(end - p)) : NULL;
    if (!stop)
        stop = end;
    *list = (struct gate_span){stop, (size_t)(end - stop)};
    while (stop > p && is_blank(stop[-1]))
        stop--;
    *member = (struct gate_span){p, (size_t)(stop - p)};
    return member->len;
}

static const char *judge_host(struct gate_head *head, struct seen *seen,
                              const struct gate_span *value)
{
    (void)head;
    if (seen->host)
        return "Host was sent more than once.";
    seen->host = true;
    return gate_authority_ok(value->at, value->len) ? NULL : "Host is not valid.";
}

static const char *judge_length(struct gate_head *head, struct seen *seen,
                                const struct gate_span *value)
{
    static const char bad[] = "Content-Length is not a length.";
    uint64_t length = 0;

    if (seen->length)
        return "Content-Length was sent more than once.";
    seen->length = true;
    for (size_t i = 0; i < value->len; i++) {
        uint64_t digit = (uint64_t)(value->at[i] - '0');

        if (value->at[i] < '0' || value->at[i] > '9' || length > (INT64_MAX - digit) / 10)
            return bad;
        length = length * 10 + digit;
    }
    head->has_body = length;
    return value->len ? NULL : bad;
}

static const char *judge_encoding(struct gate_head *head, struct seen *seen,
                                  const struct gate_span *value)
{
    (void)head;
    (void)seen;
    (void)value;
    return "Transfer-Encoding is not accepted.";
}

static const char *judge_connection(struct gate_head *head, struct seen *seen,
                                    const struct gate_span *value)
{
    struct gate_span list = *value, member;

    (void)head;
    while (next_member(&list, &member)) {
        if (gate_span_is(&member, "close", 5))
            seen->close = true;
        else if (gate_span_is(&member, "keep-alive", 10))
            seen->keep_alive = true;
    }
    return NULL;
}

static const char *judge_expect(struct gate_head *head, struct seen *seen,
                                const struct gate_span *value)
{
    struct gate_span list = *value, member;

    (void)seen;
    while (next_member(&list, &member)) {
        if (gate_span_is(&member, "100-continue", 12))
            head->expects_continue = true;
        else
            head->expects_unknown = true;
    }
    return NULL;
}

/* The fields that the gate itself acts on. */
static const struct field {
    const char *name;
    size_t len;
    judge_fn *judge;
} fields[] = {
    {"host", 4, judge_host},
    {"connection", 10, judge_connection},
    {"content-length", 14, judge_length},
    {"transfer-encoding", 17, judge_encoding},
    {"expect", 6, judge_expect},
};

const char *gate_judge_headers(struct gate_head *head)
{
    struct seen seen = {0};

    for (size_t i = 0; i < head->n_headers; i++) {
        for (size_t f = 0; f < sizeof(fields) / sizeof(*fields); f++) {
            const char *why;

            if (!gate_span_is(&head->headers[i].name, fields[f].name, fields[f].len))
                continue;
            why = fields[f].judge(head, &seen, &head->headers[i].value);
            if (why)
                return why;
            break;
        }
    }
    if (!seen.host && head->minor == 1)
        return "Host is missing.";
    head->keep_alive = !seen.close && (head->minor == 1 || seen.keep_alive);
    if (head->minor == 0 || head->expects_unknown)
        head->expects_continue = false;
    return NULL;
}

const struct gate_header *gate_find(const struct gate_head *head, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < head->n_headers; i++) {
        if (gate_span_is(&head->headers[i].name, name, len))
            return &head->headers[i];
    }
    return NULL;
}
