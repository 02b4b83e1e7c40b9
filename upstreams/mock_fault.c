/*
 * SPEC = word ["=" value] *("," word ["=" value]); commas inside parentheses do not split. Each
 * word is a row of the table below; most words name a kind of fault, of which a SPEC holds at most
 * one.
 */
#include "mock_fault.h"

#include <math.h>
#include <string.h>

#define Z_P99        2.3263478740408408 /* the 99th percentile of the standard normal distribution */
#define MIN_BIG      16
#define MAX_DRAWN_NS 3.6e12
#define QUOTED(text) (int)((text).len > 60 ? 60 : (text).len), (text).at

typedef bool parse_value_fn(struct mock_text value, struct mock_fault *fault, struct mock_why why);

static parse_value_fn parse_delay, parse_status, parse_drip, parse_big, parse_rate;

static const struct word {
    const char *name;
    parse_value_fn *parse; /* NULL: the word stands alone */
    enum mock_fault_kind kind;
} words[] = {
    {"delay", parse_delay, MOCK_FAULT_NONE},
    {"hang", NULL, MOCK_FAULT_HANG},
    {"status", parse_status, MOCK_FAULT_STATUS},
    {"reset", NULL, MOCK_FAULT_RESET},
    {"cut", NULL, MOCK_FAULT_CUT},
    {"drip", parse_drip, MOCK_FAULT_DRIP},
    {"garbage", NULL, MOCK_FAULT_GARBAGE},
    {"big", parse_big, MOCK_FAULT_BIG},
    {"rate", parse_rate, MOCK_FAULT_NONE},
};
#define WORDS     (sizeof(words) / sizeof(words[0]))
#define WORD_LIST "delay, hang, status, reset, cut, drip, garbage, big, rate"
#define RATE_BIT  (1u << (WORDS - 1))

/* Divides text at the first mark outside parentheses; false when there is none. */
static bool split(struct mock_text text, char mark, struct mock_text *left, struct mock_text *right)
{
    int depth = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];

        if (c == mark && depth == 0) {
            *left = (struct mock_text){text.at, i};
            *right = (struct mock_text){text.at + i + 1, text.len - i - 1};
            return true;
        }
        depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    }
    return false;
}

/* lognormal(MEDIAN,p99=P99) */
static bool parse_lognormal(struct mock_text args, struct mock_fault *fault, struct mock_why why)
{
    struct mock_text median, tail;
    int64_t median_ns, p99_ns;

    if (!split(args, ',', &median, &tail))
        return mock_why_set(why,
                            "lognormal wants two values (write \"lognormal(20ms,p99=180ms)\")");
    median = mock_text_trim(median);
    tail = mock_text_trim(tail);
    if (tail.len < 4 || memcmp(tail.at, "p99=", 4) != 0)
        return mock_why_set(why, "\"%.*s\" is not a 99th percentile (write \"p99=180ms\")",
                            QUOTED(tail));
    tail = (struct mock_text){tail.at + 4, tail.len - 4};
    if (!mock_units_duration(median, &median_ns, why) || !mock_units_duration(tail, &p99_ns, why))
        return false;
    if (median_ns <= 0 || p99_ns < median_ns)
        return mock_why_set(why, "lognormal wants a median above zero and a p99 not below it");
    fault->delay_ns = median_ns;
    fault->sigma = log((double)p99_ns / (double)median_ns) / Z_P99;
    return true;
}

static bool parse_delay(struct mock_text value, struct mock_fault *fault, struct mock_why why)
{
    static const char opening[] = "lognormal(";
    size_t len = sizeof(opening) - 1;

    if (value.len > len && memcmp(value.at, opening, len) == 0 && value.at[value.len - 1] == ')')
        return parse_lognormal((struct mock_text){value.at + len, value.len - len - 1}, fault, why);
    return mock_units_duration(value, &fault->delay_ns, why);
}

static bool parse_status(struct mock_text value, struct mock_fault *fault, struct mock_why why)
{
    uint64_t status;

    if (!mock_units_whole(value, 200, 599, &status))
        return mock_why_set(why, "\"%.*s\" is not a status (write 200 to 599)", QUOTED(value));
    fault->status = (int)status;
    return true;
}

static bool parse_drip(struct mock_text value, struct mock_fault *fault, struct mock_why why)
{
    struct mock_text size, interval;

    if (!split(value, '/', &size, &interval))
        return mock_why_set(why, "\"%.*s\" is not a pace (write \"1B/100ms\")", QUOTED(value));
    if (!mock_units_size(mock_text_trim(size), &fault->size, why) ||
        !mock_units_duration(mock_text_trim(interval), &fault->interval_ns, why))
        return false;
    if (fault->size == 0 || fault->interval_ns == 0)
        return mock_why_set(why, "\"%.*s\" never moves (write \"1B/100ms\")", QUOTED(value));
    return true;
}

static bool parse_big(struct mock_text value, struct mock_fault *fault, struct mock_why why)
{
    if (!mock_units_size(value, &fault->size, why))
        return false;
    if (fault->size < MIN_BIG)
        return mock_why_set(why, "\"%.*s\" is less than %dB", QUOTED(value), MIN_BIG);
    return true;
}

static bool parse_rate(struct mock_text value, struct mock_fault *fault, struct mock_why why)
{
    return mock_units_share(value, &fault->rate, why);
}

static const struct word *find_word(struct mock_text name)
{
    for (size_t i = 0; i < WORDS; i++)
        if (mock_text_is(name, words[i].name))
            return &words[i];
    return NULL;
}

static bool parse_word(struct mock_text item, struct mock_fault *fault, struct mock_why why)
{
    struct mock_text name = item, value = {NULL, 0};
    bool has_value = split(item, '=', &name, &value);
    const struct word *word = find_word(mock_text_trim(name));
    unsigned bit = word ? 1u << (word - words) : 0;

    if (item.len == 0)
        return mock_why_set(why, "there is nothing between two commas, or after the last");
    if (word == NULL)
        return mock_why_set(why, "\"%.*s\" is not a fault (there are " WORD_LIST ")", QUOTED(name));
    if (has_value && word->parse == NULL)
        return mock_why_set(why, "%s takes no value", word->name);
    if (!has_value && word->parse != NULL)
        return mock_why_set(why, "%s wants a value (write \"%s=...\")", word->name, word->name);
    if ((fault->given & bit) != 0)
        return mock_why_set(why, "%s stands there twice", word->name);
    if (word->kind != MOCK_FAULT_NONE && fault->kind != MOCK_FAULT_NONE)
        return mock_why_set(why, "%s cannot be combined with another fault but delay and rate",
                            word->name);
    fault->given |= bit;
    if (word->kind != MOCK_FAULT_NONE)
        fault->kind = word->kind;
    return word->parse == NULL || word->parse(mock_text_trim(value), fault, why);
}

bool mock_fault_parse(struct mock_text spec, struct mock_fault *out, struct mock_why why)
{
    struct mock_fault fault = {.kind = MOCK_FAULT_NONE, .rate = 1.0};
    struct mock_text rest = mock_text_trim(spec);
    bool more = true;

    if (rest.len == 0)
        return mock_why_set(why, "the SPEC is empty (write for instance \"delay=40ms\")");
    while (more) {
        struct mock_text item = rest;

        more = split(rest, ',', &item, &rest);
        if (!parse_word(mock_text_trim(item), &fault, why))
            return false;
    }
    if (fault.given == RATE_BIT)
        return mock_why_set(why, "rate alone does nothing (write \"hang,rate=5%%\")");
    *out = fault;
    return true;
}

/* splitmix64: a good hash of a counter. */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* The turn-th random number of a request, in (0,1]. */
static double uniform(uint64_t seed, uint64_t index, uint64_t turn)
{
    uint64_t bits = mix(mix(mix(seed) ^ index) + turn);

    return ((double)(bits >> 11) + 1.0) / 9007199254740992.0;
}

static int64_t draw_delay(const struct mock_fault *fault, uint64_t seed, uint64_t index)
{
    double z, ns;

    if (fault->sigma <= 0)
        return fault->delay_ns;
    z = sqrt(-2.0 * log(uniform(seed, index, 1))) * cos(2.0 * M_PI * uniform(seed, index, 2));
    ns = (double)fault->delay_ns * exp(fault->sigma * z);
    return (int64_t)(ns < MAX_DRAWN_NS ? ns : MAX_DRAWN_NS);
}

struct mock_hit mock_fault_draw(const struct mock_fault *fault, uint64_t seed, uint64_t index)
{
    struct mock_hit hit = {.kind = MOCK_FAULT_NONE};

    if (fault->given == 0 || (fault->rate < 1.0 && uniform(seed, index, 0) > fault->rate))
        return hit;
    hit.kind = fault->kind;
    hit.delay_ns = draw_delay(fault, seed, index);
    hit.status = fault->status;
    hit.size = fault->size;
    hit.interval_ns = fault->interval_ns;
    hit.noise = mix(mix(seed) ^ ~index);
    return hit;
}

uint64_t mock_fault_seed(uint64_t seed, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
    return mix(seed) ^ hash;
}
