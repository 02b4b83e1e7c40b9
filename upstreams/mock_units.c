#include "mock_units.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DAY_NS       (24.0 * 3600.0 * 1e9)
#define MAX_SIZE     ((double)(1ull << 40))
#define QUOTED(text) (int)((text).len > 60 ? 60 : (text).len), (text).at

struct unit {
    const char *name;
    double scale;
};

static const struct unit duration_units[] = {
    {"ms", 1e6}, {"us", 1e3}, {"s", 1e9}, {"m", 60e9}, {NULL, 0},
};
static const struct unit size_units[] = {
    {"KiB", 1024}, {"MiB", 1024 * 1024}, {"GiB", 1024 * 1024 * 1024}, {"B", 1}, {"", 1}, {NULL, 0},
};
static const struct unit share_units[] = {
    {"%", 0.01},
    {NULL, 0},
};

bool mock_why_set(struct mock_why why, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why.text, why.size, format, args);
    va_end(args);
    for (char *p = why.text; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
            *p = '?';
    return false;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct mock_text mock_text_trim(struct mock_text text)
{
    while (text.len > 0 && is_space(text.at[0])) {
        text.at++;
        text.len--;
    }
    while (text.len > 0 && is_space(text.at[text.len - 1]))
        text.len--;
    return text;
}

bool mock_text_is(struct mock_text text, const char *word)
{
    return strlen(word) == text.len && memcmp(text.at, word, text.len) == 0;
}

/* Reads digits with at most one point between digits; the rest of the text is the unit. */
static bool split_number(struct mock_text text, double *value, struct mock_text *unit)
{
    size_t i = 0;
    double scale = 1;

    *value = 0;
    for (; i < text.len && text.at[i] >= '0' && text.at[i] <= '9'; i++)
        *value = *value * 10 + (text.at[i] - '0');
    if (i == 0)
        return false;
    if (i + 1 < text.len && text.at[i] == '.' && text.at[i + 1] >= '0' && text.at[i + 1] <= '9')
        for (i++; i < text.len && text.at[i] >= '0' && text.at[i] <= '9'; i++)
            *value += (text.at[i] - '0') * (scale /= 10);
    *unit = (struct mock_text){text.at + i, text.len - i};
    return true;
}

static bool scaled(struct mock_text text, const struct unit *units, double *value)
{
    struct mock_text unit;

    if (!split_number(text, value, &unit))
        return false;
    for (; units->name != NULL; units++)
        if (mock_text_is(unit, units->name)) {
            *value *= units->scale;
            return true;
        }
    return false;
}

bool mock_units_duration(struct mock_text text, int64_t *ns, struct mock_why why)
{
    double value;

    if (!scaled(text, duration_units, &value))
        return mock_why_set(why, "\"%.*s\" is not a duration (write \"40ms\" or \"2s\")",
                            QUOTED(text));
    if (value > DAY_NS)
        return mock_why_set(why, "\"%.*s\" is longer than a day", QUOTED(text));
    *ns = (int64_t)(value + 0.5);
    return true;
}

bool mock_units_size(struct mock_text text, uint64_t *bytes, struct mock_why why)
{
    double value;

    if (!scaled(text, size_units, &value))
        return mock_why_set(why, "\"%.*s\" is not a size (write \"64KiB\" or \"10MiB\")",
                            QUOTED(text));
    if (value > MAX_SIZE)
        return mock_why_set(why, "\"%.*s\" is more than 1024GiB", QUOTED(text));
    *bytes = (uint64_t)value;
    return true;
}

bool mock_units_share(struct mock_text text, double *share, struct mock_why why)
{
    double value;

    if (!scaled(text, share_units, &value) || value > 1.0)
        return mock_why_set(why, "\"%.*s\" is not a share (write \"5%%\", at most 100%%)",
                            QUOTED(text));
    *share = value;
    return true;
}

bool mock_units_whole(struct mock_text text, uint64_t low, uint64_t high, uint64_t *value)
{
    uint64_t sum = 0;

    if (text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)(unsigned char)text.at[i] - '0';

        if (digit > 9 || sum > (UINT64_MAX - digit) / 10)
            return false;
        sum = sum * 10 + digit;
    }
    if (sum < low || sum > high)
        return false;
    *value = sum;
    return true;
}
