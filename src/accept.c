#include "accept.h"
#include "json.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const char *skip_blanks(const char *s)
{
    while (*s == ' ' || *s == '\t')
        s++;
    return s;
}

/* How many bytes of a token (RFC 9110 5.6.2) stand at s. */
static size_t token_length(const char *s)
{
    return strspn(s, "!#$%&'*+-.^_`|~0123456789"
                     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

/* Whether a subtype is json, or something with the suffix +json. */
static bool subtype_is_json(const char *s, size_t len)
{
    if (len == 4)
        return !strncasecmp(s, "json", 4);
    return len > 5 && !strncasecmp(s + len - 5, "+json", 5);
}

bool accept_content_type_is_json(const char *content_type)
{
    static const char type[] = "application/";
    const char *subtype;
    size_t len;

    if (!content_type)
        return false;
    content_type = skip_blanks(content_type);
    if (strncasecmp(content_type, type, sizeof(type) - 1))
        return false;
    subtype = content_type + sizeof(type) - 1;
    len = token_length(subtype);
    if (!subtype_is_json(subtype, len))
        return false;
    subtype = skip_blanks(subtype + len);
    return !*subtype || *subtype == ';';
}

enum weir_status accept_judge(void *arg, struct weir_answer *answer)
{
    static const enum json_type wanted[] = {
        [ACCEPT_OBJECT] = JSON_OBJECT, [ACCEPT_ARRAY] = JSON_ARRAY};
    const struct accept_rule *rule = arg;
    enum json_type type;
    size_t at, len;

    if (answer->status < 200 || answer->status > 299 || answer->status == 204 ||
        answer->status == 205)
        return WEIR_BAD_STATUS;
    if (!accept_content_type_is_json(answer->content_type))
        return WEIR_BAD_CONTENT_TYPE;
    if (!answer->body)
        return WEIR_INVALID_JSON;
    type = json_check(answer->body, answer->body_len, rule->max_depth, &at, &len);
    if (type == JSON_INVALID)
        return WEIR_INVALID_JSON;
    if (rule->expect != ACCEPT_ANY && type != wanted[rule->expect])
        return WEIR_UNEXPECTED_TYPE;
    answer->value_at = at;
    answer->value_len = len;
    return WEIR_OK;
}
