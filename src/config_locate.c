#include "config_locate.h"

#include <ctype.h>
#include <string.h>

#include "utf8.h"

struct scan {
    const char *text, *p, *end;
    const char *why; /* set by whoever finds the fault, p is the place */
    unsigned depth;  /* levels that may still be opened */
};

static bool scan_value(struct scan *s);

static bool fault(struct scan *s, const char *why)
{
    s->why = why;
    return false;
}

static char peek(const struct scan *s)
{
    return s->p < s->end ? *s->p : '\0';
}

static void skip_space(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
        s->p++;
}

static bool scan_word(struct scan *s, const char *word)
{
    for (; *word; word++, s->p++)
        if (peek(s) != *word)
            return fault(s, "a value is expected");
    return true;
}

static bool scan_digits(struct scan *s)
{
    if (!isdigit((unsigned char)peek(s)))
        return fault(s, "a digit is expected");
    while (isdigit((unsigned char)peek(s)))
        s->p++;
    return true;
}

static bool scan_number(struct scan *s)
{
    if (peek(s) == '-')
        s->p++;
    if (peek(s) == '0') {
        s->p++;
        if (isdigit((unsigned char)peek(s)))
            return fault(s, "a number must not begin with 0");
    } else if (!scan_digits(s)) {
        return false;
    }
    if (peek(s) == '.') {
        s->p++;
        if (!scan_digits(s))
            return false;
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        s->p++;
        if (peek(s) == '+' || peek(s) == '-')
            s->p++;
        return scan_digits(s);
    }
    return true;
}

/* What follows a backslash. */
static bool scan_escape(struct scan *s)
{
    if (s->p < s->end && *s->p == 'u') {
        s->p++;
        for (int i = 0; i < 4; i++, s->p++)
            if (!isxdigit((unsigned char)peek(s)))
                return fault(s, "four hexadecimal digits are expected");
        return true;
    }
    if (s->p == s->end || *s->p == '\0' || !strchr("\"\\/bfnrt", *s->p))
        return fault(s, "this escape is not known");
    s->p++;
    return true;
}

static bool scan_string(struct scan *s)
{
    for (s->p++; s->p < s->end;) {
        size_t n;

        if (*s->p == '"') {
            s->p++;
            return true;
        }
        if ((unsigned char)*s->p < 0x20)
            return fault(s, "a control byte in a string");
        if (*s->p == '\\') {
            s->p++;
            if (!scan_escape(s))
                return false;
            continue;
        }
        n = utf8_sequence((const unsigned char *)s->p, (size_t)(s->end - s->p));
        if (n == 0)
            return fault(s, "not valid UTF-8");
        s->p += n;
    }
    return fault(s, "a string without its end");
}

/* One member or element. */
static bool scan_item(struct scan *s, bool object)
{
    skip_space(s);
    if (!object)
        return scan_value(s);
    if (peek(s) != '"')
        return fault(s, "a key in quotes is expected");
    if (!scan_string(s))
        return false;
    skip_space(s);
    if (peek(s) != ':')
        return fault(s, "\":\" is expected");
    s->p++;
    return scan_value(s);
}

/* An object or array; its first byte is at p. */
static bool scan_container(struct scan *s)
{
    bool object = *s->p == '{';
    char close = object ? '}' : ']';

    if (s->depth == 0)
        return fault(s, "nested too deeply");
    s->depth--;
    s->p++;
    skip_space(s);
    if (peek(s) != close) {
        for (;;) {
            if (!scan_item(s, object))
                return false;
            skip_space(s);
            if (peek(s) != ',')
                break;
            s->p++;
        }
        if (peek(s) != close)
            return fault(s, object ? "\",\" or \"}\" is expected" : "\",\" or \"]\" is expected");
    }
    s->p++;
    s->depth++;
    return true;
}

static bool scan_value(struct scan *s)
{
    skip_space(s);
    switch (peek(s)) {
    case '{':
    case '[':
        return scan_container(s);
    case '"':
        return scan_string(s);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
    default:
        if (peek(s) == '-' || isdigit((unsigned char)peek(s)))
            return scan_number(s);
        return fault(s, s->p == s->end ? "the text ends here" : "a value is expected");
    }
}

void config_locate(const char *text, size_t at, struct config_fault *out)
{
    out->at = at;
    out->line = 1;
    out->column = 1;
    for (size_t i = 0; i < at; i++) {
        out->column++;
        if (text[i] == '\n') {
            out->line++;
            out->column = 1;
        }
    }
}

bool config_locate_fault(const char *text, size_t len, unsigned max_depth, struct config_fault *out)
{
    struct scan s = {.text = text, .p = text, .end = text + len, .depth = max_depth};

    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        s.why = "a byte order mark";
    } else if (scan_value(&s)) {
        skip_space(&s);
        if (s.p == s.end)
            return false;
        s.why = "nothing may follow the value";
    }
    config_locate(text, (size_t)(s.p - text), out);
    out->why = s.why;
    return true;
}
