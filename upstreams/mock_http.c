#include "mock_http.h"

#include <string.h>
#include <strings.h>

#define MAX_BODY (1u << 30)

bool mock_http_same(struct mock_text text, const char *word)
{
    return strlen(word) == text.len && strncasecmp(text.at, word, text.len) == 0;
}

bool mock_http_field(struct mock_text *fields, struct mock_text *name, struct mock_text *value)
{
    const char *end = fields->len > 0 ? memchr(fields->at, '\n', fields->len) : NULL;
    const char *colon;
    size_t len;

    if (end == NULL)
        return false;
    len = (size_t)(end - fields->at);
    colon = memchr(fields->at, ':', len);
    *name = (struct mock_text){fields->at, colon ? (size_t)(colon - fields->at) : len};
    *value = (struct mock_text){colon ? colon + 1 : end, colon ? (size_t)(end - colon) - 1 : 0};
    *value = mock_text_trim(*value);
    *fields = (struct mock_text){end + 1, fields->len - len - 1};
    return true;
}

/* Takes the text up to the first blank off line. */
static bool take_word(struct mock_text *line, struct mock_text *word)
{
    const char *blank = memchr(line->at, ' ', line->len);

    if (blank == NULL || blank == line->at)
        return false;
    *word = (struct mock_text){line->at, (size_t)(blank - line->at)};
    *line = (struct mock_text){blank + 1, line->len - word->len - 1};
    return true;
}

/* What a target asks for, without "http://host" before and "?query" behind. */
static struct mock_text path_of(struct mock_text target)
{
    struct mock_text path = target;
    const char *query;

    if (path.len > 7 && strncasecmp(path.at, "http://", 7) == 0) {
        const char *slash = memchr(path.at + 7, '/', path.len - 7);

        if (slash == NULL)
            return (struct mock_text){"/", 1};
        path = (struct mock_text){slash, path.len - (size_t)(slash - path.at)};
    }
    query = memchr(path.at, '?', path.len);
    if (query != NULL)
        path.len = (size_t)(query - path.at);
    return path;
}

static enum mock_head_result read_fields(struct mock_head *head)
{
    struct mock_text rest = head->fields, name, value;
    uint64_t len;

    while (mock_http_field(&rest, &name, &value)) {
        if (mock_http_same(name, "content-length")) {
            if (!mock_units_whole(value, 0, MAX_BODY, &len))
                return MOCK_HEAD_BAD;
            head->body_len = (size_t)len;
        } else if (mock_http_same(name, "connection")) {
            if (mock_http_same(value, "close"))
                head->keep_alive = false;
            else if (mock_http_same(value, "keep-alive"))
                head->keep_alive = true;
        } else if (mock_http_same(name, "transfer-encoding")) {
            return MOCK_HEAD_LENGTH;
        }
    }
    return MOCK_HEAD_OK;
}

enum mock_head_result mock_http_head(struct mock_text bytes, size_t *scanned, struct mock_head *out)
{
    size_t from = *scanned > 3 ? *scanned - 3 : 0;
    const char *end =
        bytes.len > from ? memmem(bytes.at + from, bytes.len - from, "\r\n\r\n", 4) : NULL;
    const char *first;
    struct mock_text line;
    struct mock_head head = {.body_len = 0};
    enum mock_head_result result;

    *scanned = bytes.len;
    if (end == NULL)
        return MOCK_HEAD_MORE;
    head.len = (size_t)(end - bytes.at) + 4;
    first = memchr(bytes.at, '\r', head.len);
    line = (struct mock_text){bytes.at, (size_t)(first - bytes.at)};
    head.fields = (struct mock_text){first + 2, head.len - line.len - 4};
    if (!take_word(&line, &head.method) || !take_word(&line, &head.target))
        return MOCK_HEAD_BAD;
    if (line.len != 8 || memcmp(line.at, "HTTP/1.", 7) != 0)
        return MOCK_HEAD_BAD;
    head.old = line.at[7] == '0';
    head.keep_alive = !head.old;
    head.path = path_of(head.target);
    result = read_fields(&head);
    *out = head;
    return result;
}

/* The length of the segment at the start of text. */
static size_t segment_len(struct mock_text text)
{
    const char *slash = text.len > 0 ? memchr(text.at, '/', text.len) : NULL;

    return slash ? (size_t)(slash - text.at) : text.len;
}

static bool match_segment(struct mock_text want, struct mock_text have, struct mock_params *params)
{
    if (want.len > 2 && want.at[0] == '{' && want.at[want.len - 1] == '}') {
        if (have.len == 0 || params->n == MOCK_HTTP_PARAMS)
            return false;
        params->item[params->n].name = (struct mock_text){want.at + 1, want.len - 2};
        params->item[params->n].value = have;
        params->n++;
        return true;
    }
    return want.len == have.len && memcmp(want.at, have.at, have.len) == 0;
}

bool mock_http_match(const char *pattern, struct mock_text path, struct mock_params *params)
{
    struct mock_text rest = {pattern, strlen(pattern)};

    params->n = 0;
    for (;;) {
        struct mock_text want = {rest.at, segment_len(rest)};
        struct mock_text have = {path.at, segment_len(path)};

        if (mock_text_is(want, "*") && rest.len == 1)
            return true;
        if (!match_segment(want, have, params))
            return false;
        if (want.len == rest.len || have.len == path.len)
            return want.len == rest.len && have.len == path.len;
        rest = (struct mock_text){rest.at + want.len + 1, rest.len - want.len - 1};
        path = (struct mock_text){path.at + have.len + 1, path.len - have.len - 1};
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void mock_http_decode(struct mock_bytes *to, struct mock_text encoded)
{
    for (size_t i = 0; i < encoded.len; i++) {
        char c = encoded.at[i];
        int high = c == '%' && i + 2 < encoded.len ? hex_value(encoded.at[i + 1]) : -1;
        int low = high >= 0 ? hex_value(encoded.at[i + 2]) : -1;

        if (low >= 0) {
            c = (char)(high * 16 + low);
            i += 2;
        }
        mock_bytes_add(to, &c, 1);
    }
}

const char *mock_http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {100, "Continue"},
        {103, "Early Hints"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {205, "Reset Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {410, "Gone"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Status";
}
