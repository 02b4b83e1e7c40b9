/* Judges the lines and pieces of an answer as they come. */
#include "fetch_answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FIRST_BODY_SIZE 4096 /* when the length is not told; doubles from there */

struct text {
    const char *at;
    size_t len;
};

void fetch_answer_init(struct fetch_answer *answer, size_t max_body)
{
    answer->state = FETCH_ANSWER_STATUS;
    answer->status = 0;
    answer->verdict = WEIR_OK;
    answer->chunked = false;
    answer->head_bytes = 0;
    answer->content_length = -1;
    answer->max_body = max_body;
    answer->body = NULL;
    answer->body_len = answer->body_cap = 0;
    answer->bytes = 0;
    answer->content_type[0] = '\0';
}

int fetch_answer_status(const struct fetch_answer *answer)
{
    return answer->status >= 200 ? answer->status : 0;
}

/* Ends the reading. An answer whose status already says no is refused for that, however it goes on. */
static bool refuse(struct fetch_answer *answer, enum weir_status verdict)
{
    bool about_body =
        verdict == WEIR_HTTP_RESPONSE_BODY_SIZE || verdict == WEIR_HTTP_RESPONSE_CONTENT_CODING;

    answer->verdict =
        about_body && (answer->status < 200 || answer->status > 299) ? WEIR_BAD_STATUS : verdict;
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Whether the answer to a GET with this status has a body by its nature. */
static bool has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

/* "HTTP/1.1 200 …": begins a head. A protocol switch was not asked for. */
static bool take_status_line(struct fetch_answer *answer, const char *line, size_t len)
{
    if (len < 13 || memcmp(line, "HTTP/1.", 7) != 0 || !is_digit(line[7]) || line[8] != ' ' ||
        !is_digit(line[9]) || !is_digit(line[10]) || !is_digit(line[11]) || is_digit(line[12]))
        return refuse(answer, WEIR_HTTP_PROTOCOL_ERROR);
    answer->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
    if (answer->status < 100 || answer->status == 101)
        return refuse(answer, WEIR_HTTP_PROTOCOL_ERROR);
    answer->state = FETCH_ANSWER_HEADERS;
    answer->head_bytes = len;
    answer->chunked = false;
    answer->content_length = -1;
    answer->content_type[0] = '\0';
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_blank_or_end(char c)
{
    return is_blank(c) || c == '\r' || c == '\n';
}

/* The value of a header line without the white space around it. */
static struct text value_of(const char *line, size_t len, size_t name_len)
{
    struct text value = {line + name_len, len - name_len};

    while (value.len && is_blank(value.at[0]))
        value.at++, value.len--;
    while (value.len && is_blank_or_end(value.at[value.len - 1]))
        value.len--;
    return value;
}

static bool text_is(const struct text *text, const char *word)
{
    return text->len == strlen(word) && strncasecmp(text->at, word, text->len) == 0;
}

/* Digits only, the same number each time it is told. */
static bool take_length(struct fetch_answer *answer, const struct text *value)
{
    int64_t length = 0;
    size_t i;

    if (!has_body(answer->status))
        return true;
    if (value->len == 0)
        return refuse(answer, WEIR_HTTP_PROTOCOL_ERROR);
    for (i = 0; i < value->len; i++) {
        if (!is_digit(value->at[i]))
            return refuse(answer, WEIR_HTTP_PROTOCOL_ERROR);
        if (length <= INT64_MAX / 16)
            length = length * 10 + (value->at[i] - '0');
    }
    if (answer->content_length >= 0 && answer->content_length != length)
        return refuse(answer, WEIR_HTTP_PROTOCOL_ERROR);
    answer->content_length = length;
    if ((uint64_t)length > answer->max_body)
        return refuse(answer, WEIR_HTTP_RESPONSE_BODY_SIZE);
    return true;
}

static void take_type(struct fetch_answer *answer, const struct text *value)
{
    size_t len =
        value->len < sizeof(answer->content_type) ? value->len : sizeof(answer->content_type) - 1;

    memcpy(answer->content_type, value->at, len);
    answer->content_type[len] = '\0';
}

/* The four headers that matter here; the others pass. */
static bool take_header(struct fetch_answer *answer, const char *line, size_t len)
{
    struct text value;

    if (len > 18 && (line[0] | 0x20) == 't' && strncasecmp(line, "transfer-encoding:", 18) == 0) {
        value = value_of(line, len, 18);
        answer->chunked = true;
        return text_is(&value, "chunked") ? true
                                          : refuse(answer, WEIR_HTTP_RESPONSE_CONTENT_CODING);
    }
    if (len < 13 || strncasecmp(line, "content-", 8) != 0)
        return true;
    if (strncasecmp(line + 8, "type:", 5) == 0) {
        value = value_of(line, len, 13);
        take_type(answer, &value);
    } else if (len > 15 && strncasecmp(line + 8, "length:", 7) == 0) {
        value = value_of(line, len, 15);
        return take_length(answer, &value);
    } else if (len > 17 && strncasecmp(line + 8, "encoding:", 9) == 0) {
        value = value_of(line, len, 17);
        if (value.len && !text_is(&value, "identity"))
            return refuse(answer, WEIR_HTTP_RESPONSE_CONTENT_CODING);
    }
    return true;
}

/* The empty line. A length next to chunks is how answers are smuggled. */
static bool end_head(struct fetch_answer *answer)
{
    if (answer->chunked && answer->content_length >= 0)
        return refuse(answer, WEIR_HTTP_PROTOCOL_ERROR);
    answer->state = answer->status < 200 ? FETCH_ANSWER_STATUS : FETCH_ANSWER_BODY;
    return true;
}

bool fetch_answer_line(struct fetch_answer *answer, const char *line, size_t len)
{
    char first = len ? line[0] : '\n';

    if (answer->state == FETCH_ANSWER_STATUS)
        return take_status_line(answer, line, len);
    answer->head_bytes += len;
    if (answer->head_bytes > FETCH_ANSWER_MAX_HEAD)
        return refuse(answer, WEIR_HTTP_RESPONSE_HEADER_SIZE);
    if (answer->state == FETCH_ANSWER_BODY)
        return true; /* a trailer */
    if (first == '\r' || first == '\n')
        return end_head(answer);
    if (answer->status >= 200 && ((first | 0x20) == 'c' || (first | 0x20) == 't'))
        return take_header(answer, line, len);
    return true;
}

/* Makes room for len more bytes and a NUL. */
static bool reserve(struct fetch_answer *answer, size_t len)
{
    size_t need = answer->body_len + len, cap = answer->body_cap;
    char *grown;

    if (need <= cap)
        return true;
    if (answer->content_length >= 0 && (uint64_t)answer->content_length >= need) {
        cap = (size_t)answer->content_length;
    } else {
        if (cap < FIRST_BODY_SIZE)
            cap = FIRST_BODY_SIZE;
        while (cap < need)
            cap *= 2;
        if (cap > answer->max_body)
            cap = answer->max_body;
    }
    grown = realloc(answer->body, cap + 1);
    if (!grown)
        return false;
    answer->body = grown;
    answer->body_cap = cap;
    return true;
}

bool fetch_answer_piece(struct fetch_answer *answer, const char *data, size_t len)
{
    answer->bytes += len;
    if (len > answer->max_body - answer->body_len)
        return refuse(answer, WEIR_HTTP_RESPONSE_BODY_SIZE);
    if (len == 0)
        return true;
    if (!reserve(answer, len))
        return refuse(answer, WEIR_INTERNAL_ERROR);
    memcpy(answer->body + answer->body_len, data, len);
    answer->body_len += len;
    answer->body[answer->body_len] = '\0';
    return true;
}
