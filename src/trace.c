#include "trace.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>

#define TRACE_ID_AT  3
#define SPAN_ID_AT   36
#define FLAGS_AT     53
#define TRACE_ID_LEN 32
#define SPAN_ID_LEN  16

static const char hex_digits[] = "0123456789abcdef";

static uint64_t rotate(uint64_t v, int n)
{
    return v << n | v >> (64 - n);
}

/* One step of splitmix64, which spreads a poor seed over all bits. */
static uint64_t spread(uint64_t *x)
{
    uint64_t z = *x += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Fills the state from the kernel, or, where it gives nothing, from clock and address. */
static void seed(uint64_t state[4])
{
    struct timespec now;
    uint64_t x;

    if (getrandom(state, 4 * sizeof(*state), GRND_NONBLOCK) == (ssize_t)(4 * sizeof(*state)) &&
        (state[0] | state[1] | state[2] | state[3]))
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    x = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    x ^= (uint64_t)(uintptr_t)state << 20;
    for (int i = 0; i < 4; i++)
        state[i] = spread(&x);
}

/* xoshiro256**, one state for each thread. */
uint64_t trace_random(void)
{
    static _Thread_local uint64_t s[4];
    uint64_t result, shifted;

    if (!(s[0] | s[1] | s[2] | s[3]))
        seed(s);
    result = rotate(s[1] * 5, 7) * 9;
    shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate(s[3], 45);
    return result;
}

/* Writes 16 hex digits of fresh randomness, never all zero. */
static void random_hex(char *out)
{
    uint64_t v;

    do {
        v = trace_random();
    } while (!v);
    for (int i = 0; i < 16; i++, v >>= 4)
        out[i] = hex_digits[v & 15];
}

static bool is_lower_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static int hex_value(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* Whether the first 55 bytes have the form of version 00, whatever the version says. */
static bool shape_ok(const char *s)
{
    for (int i = 0; i < TRACE_PARENT_LEN; i++) {
        bool dash = i == TRACE_ID_AT - 1 || i == SPAN_ID_AT - 1 || i == FLAGS_AT - 1;

        if (dash ? s[i] != '-' : !is_lower_hex(s[i]))
            return false;
    }
    return true;
}

static bool all_zero(const char *s, size_t len)
{
    while (len && *s == '0') {
        s++;
        len--;
    }
    return !len;
}

static bool parent_ok(const char *s, size_t len)
{
    if (!s || len < TRACE_PARENT_LEN || !shape_ok(s) || !memcmp(s, "ff", 2))
        return false;
    if (len > TRACE_PARENT_LEN && (!memcmp(s, "00", 2) || s[TRACE_PARENT_LEN] != '-'))
        return false;
    return !all_zero(s + TRACE_ID_AT, TRACE_ID_LEN) && !all_zero(s + SPAN_ID_AT, SPAN_ID_LEN);
}

bool trace_from(struct trace *t, const char *traceparent, size_t len)
{
    bool given = parent_ok(traceparent, len);

    memcpy(t->parent, "00-", 3);
    if (given) {
        memcpy(t->trace_id, traceparent + TRACE_ID_AT, TRACE_ID_LEN);
    } else {
        random_hex(t->trace_id);
        random_hex(t->trace_id + 16);
    }
    t->trace_id[TRACE_ID_LEN] = '\0';
    memcpy(t->parent + TRACE_ID_AT, t->trace_id, TRACE_ID_LEN);
    t->parent[SPAN_ID_AT - 1] = '-';
    random_hex(t->parent + SPAN_ID_AT);
    memcpy(t->parent + FLAGS_AT - 1, "-00", 4);
    if (given && hex_value(traceparent[FLAGS_AT + 1]) & 1)
        t->parent[FLAGS_AT + 1] = '1';
    return given;
}

static bool is_id_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c && strchr("._~:+/=@-", c));
}

void trace_request_id(char *out, const char *given, size_t len)
{
    bool ok = given && len >= 1 && len <= TRACE_REQUEST_ID_MAX;

    for (size_t i = 0; ok && i < len; i++)
        ok = is_id_char(given[i]);
    if (ok) {
        memcpy(out, given, len);
        out[len] = '\0';
        return;
    }
    random_hex(out);
    random_hex(out + 16);
    out[32] = '\0';
}

bool trace_state_ok(const char *value, size_t len)
{
    if (!value || !len || len > 512)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (value[i] < 0x20 || value[i] > 0x7e)
            return false;
    }
    return true;
}
