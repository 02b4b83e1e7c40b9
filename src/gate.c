/*
 * Bytes are looked at once, in the order they come, by a small machine that can stop at any byte
 * and go on from there. What it sees alone decides: a bad byte is refused where it stands, the
 * request line at its end, the fields at the end of the head. So the verdict does not depend on
 * how the bytes were cut. A head that came in pieces is gone through once more when it is whole,
 * to find its parts in the caller's memory of that moment.
 */
#include "gate.h"
#include "gate_parts.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define MAX_METHOD   32
#define MAX_TARGET   8192
#define VERSION_FORM "HTTP/d.d\r\n"
#define VERSION_LEN  (sizeof(VERSION_FORM) - 1)

/* What the next byte belongs to:
 *   START → METHOD → TARGET → VERSION → LINE → (end of the head)
 *                                        ↓ ↑
 *                                      NAME → VALUE                                            */
enum state {
    START,   /* an empty line, or the method's first byte */
    METHOD,  /* up to the space after it */
    TARGET,  /* up to the space after it */
    VERSION, /* "HTTP/1.1" and CRLF; taken as a whole */
    LINE,    /* a field's first byte, or the CRLF that ends the head; taken as a whole */
    NAME,    /* up to the colon */
    VALUE,   /* up to CRLF, which is taken as a whole */
    N_STATES
};

enum step { STEP_ON, STEP_WAIT, STEP_REFUSED, STEP_DONE };

struct scan {
    const char *bytes;
    size_t limit; /* bytes that are there and may be looked at */
    size_t at;
    enum state state;
    size_t name_at, name_len, value_at;
    size_t n_fields; /* counted past GATE_MAX_HEADERS too */
    struct gate_head *head;
    struct gate_refusal *refusal;
};

static enum step refuse(struct scan *s, int status, const char *why)
{
    *s->refusal = (struct gate_refusal){status, why};
    return STEP_REFUSED;
}

static enum step go(struct scan *s, enum state state, size_t at)
{
    s->state = state;
    s->at = at;
    return STEP_ON;
}

/* Moves on over bytes of a class, to stop at the latest; returns how many bytes lie before it. */
static inline size_t pass_over(struct scan *s, enum gate_class class, size_t stop)
{
    size_t at = s->at;

    while (at < stop && gate_is(s->bytes[at], class))
        at++;
    s->at = at;
    return at;
}

/* The CRLF expected at byte at: ON when it is there. */
static enum step line_end(struct scan *s, size_t at)
{
    if (s->limit - at < 2)
        return STEP_WAIT;
    if (s->bytes[at + 1] != '\n')
        return refuse(s, 400, "A line ends in CR without LF.");
    return STEP_ON;
}

/* Why a byte that ends a token or a value too early is refused. */
static enum step refuse_byte(struct scan *s, const char *otherwise)
{
    unsigned char c = (unsigned char)s->bytes[s->at];

    if (c == '\n')
        return refuse(s, 400, "A line ends in LF without CR.");
    if (c < 0x20 || c == 0x7f)
        return refuse(s, 400, "The request head has a control byte.");
    return refuse(s, 400, otherwise);
}

/* Where the method starts: behind the one empty line that may come first. */
static size_t method_at(const struct scan *s)
{
    return s->bytes[0] == '\r' ? 2 : 0;
}

/* Where the target starts; only once the method has ended. */
static size_t target_at(const struct scan *s)
{
    const char *start = s->bytes + method_at(s);
    const char *space = memchr(start, ' ', MAX_METHOD + 1);

    return (size_t)(space - s->bytes) + 1;
}

static size_t lesser(size_t a, size_t b)
{
    return a < b ? a : b;
}

static enum step in_start(struct scan *s)
{
    enum step end;

    if (!s->limit)
        return STEP_WAIT;
    if (s->bytes[0] != '\r')
        return go(s, METHOD, 0);
    end = line_end(s, 0);
    return end == STEP_ON ? go(s, METHOD, 2) : end;
}

static enum step in_method(struct scan *s)
{
    size_t start = method_at(s);
    size_t at = pass_over(s, GATE_TOKEN, lesser(s->limit, start + MAX_METHOD + 1));

    if (at - start > MAX_METHOD)
        return refuse(s, 400, "The method is longer than 32 bytes.");
    if (at == s->limit)
        return STEP_WAIT;
    if (s->bytes[at] != ' ' || at == start)
        return refuse_byte(s, "The request line does not start with a method and a space.");
    return go(s, TARGET, at + 1);
}

static enum step in_target(struct scan *s)
{
    size_t start = target_at(s);
    size_t at = pass_over(s, GATE_TARGET, lesser(s->limit, start + MAX_TARGET + 1));

    if (at - start > MAX_TARGET)
        return refuse(s, 414, "The request target is longer than 8 KiB.");
    if (at == s->limit)
        return STEP_WAIT;
    if (s->bytes[at] != ' ' || at == start)
        return refuse_byte(s, "The request target is empty or has a byte that must be encoded.");
    return go(s, VERSION, at + 1);
}

/* Reads the parts of the request line that have been passed into the head. */
static const char *read_line(struct scan *s)
{
    struct gate_head *h = s->head;
    const char *start, *target, *space;

    h->method = h->target = h->path = (struct gate_span){s->bytes, 0};
    if (s->state <= METHOD)
        return NULL;
    start = s->bytes + method_at(s);
    target = s->bytes + target_at(s);
    h->method = (struct gate_span){start, (size_t)(target - start) - 1};
    if (s->state == TARGET)
        return NULL;
    space = memchr(target, ' ', MAX_TARGET + 1);
    h->target = (struct gate_span){target, (size_t)(space - target)};
    return gate_path_of(&h->method, &h->target, &h->path);
}

/* Whether the first n bytes are those of a version and its CRLF. */
static bool version_ok(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char want = VERSION_FORM[i];

        if (want == 'd' ? p[i] < '0' || p[i] > '9' : p[i] != want)
            return false;
    }
    return true;
}

static enum step in_version(struct scan *s)
{
    const char *p = s->bytes + s->at, *why;
    size_t n = lesser(VERSION_LEN, s->limit - s->at);

    if (!version_ok(p, n))
        return refuse(s, 400, "The request line does not end in an HTTP version and CRLF.");
    if (n < VERSION_LEN)
        return STEP_WAIT;
    if (p[5] != '1' || p[7] > '1')
        return refuse(s, 505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
    why = read_line(s);
    if (why)
        return refuse(s, 400, why);
    s->head->minor = (unsigned)(p[7] - '0');
    return go(s, LINE, s->at + VERSION_LEN);
}

static enum step in_line(struct scan *s)
{
    enum step end;
    char c;

    if (s->at == s->limit)
        return STEP_WAIT;
    c = s->bytes[s->at];
    if (c == '\r') {
        end = line_end(s, s->at);
        if (end == STEP_ON) {
            s->at += 2;
            end = STEP_DONE;
        }
        return end;
    }
    if (c == ' ' || c == '\t')
        return refuse(s, 400, "A header line starts with white space.");
    s->name_at = s->at;
    return go(s, NAME, s->at);
}

static enum step in_name(struct scan *s)
{
    size_t at = pass_over(s, GATE_TOKEN, s->limit);

    if (at == s->limit)
        return STEP_WAIT;
    if (s->bytes[at] != ':' || s->bytes[at - 1] == '\n')
        return refuse_byte(s, "A header name is not a token followed by a colon.");
    s->name_len = at - s->name_at;
    s->value_at = at + 1;
    return go(s, VALUE, at + 1);
}

/* Moves on to the first byte that a header value cannot have. */
static size_t pass_value(struct scan *s)
{
#ifdef __SSE2__
    while (s->limit - s->at >= 16) {
        const char *p = s->bytes + s->at;
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
        __m128i delete = _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f));
        unsigned found = (unsigned)_mm_movemask_epi8(_mm_or_si128(low, delete));

        s->at += found ? (size_t)__builtin_ctz(found) : 16;
        if (!found)
            continue;
        if (s->bytes[s->at] != '\t')
            return s->at;
        s->at++;
    }
#endif
    return pass_over(s, GATE_VALUE, s->limit);
}

/* Writes down the field whose value ends at end, without the blanks around it. */
static void add_field(struct scan *s, size_t end)
{
    size_t start = s->value_at;
    const char *b = s->bytes;

    if (s->n_fields++ >= GATE_MAX_HEADERS)
        return;
    while (start < end && (b[start] == ' ' || b[start] == '\t'))
        start++;
    while (end > start && (b[end - 1] == ' ' || b[end - 1] == '\t'))
        end--;
    s->head->headers[s->n_fields - 1] =
        (struct gate_header){{b + s->name_at, s->name_len}, {b + start, end - start}};
}

static enum step in_value(struct scan *s)
{
    size_t at = pass_value(s);
    enum step end;

    if (at == s->limit)
        return STEP_WAIT;
    if (s->bytes[at] != '\r')
        return refuse_byte(s, "A header value has a byte that it may not have.");
    end = line_end(s, at);
    if (end != STEP_ON)
        return end;
    add_field(s, at);
    return go(s, LINE, at + 2);
}

static enum step advance(struct scan *s)
{
    switch (s->state) {
    case START:
        return in_start(s);
    case METHOD:
        return in_method(s);
    case TARGET:
        return in_target(s);
    case VERSION:
        return in_version(s);
    case LINE:
        return in_line(s);
    case NAME:
        return in_name(s);
    case VALUE:
    default:
        return in_value(s);
    }
}

/* Goes on from where the scan stands as far as the bytes allow. */
static enum step run(struct scan *s)
{
    enum step step;

    s->name_at = s->value_at = s->at;
    s->name_len = s->n_fields = 0;
    do {
        step = advance(s);
    } while (step == STEP_ON);
    return step;
}

/* Judges a head whose every byte has been passed. */
static enum step judge_whole(struct scan *s)
{
    const char *why;

    if (s->n_fields > GATE_MAX_HEADERS)
        return refuse(s, 431, "The request has more than 100 header fields.");
    s->head->n_headers = s->n_fields;
    why = gate_judge_headers(s->head);
    return why ? refuse(s, 400, why) : STEP_DONE;
}

static enum step refuse_size(struct scan *s)
{
    if (s->state <= VERSION)
        return refuse(s, 414, "The request line is longer than this server reads.");
    return refuse(s, 431, "The request head is larger than this server reads.");
}

/* Clears what is set only now and then; the header array stays as it is. */
static void clear(struct gate_head *head)
{
    head->minor = 0;
    head->keep_alive = head->has_body = false;
    head->expects_continue = head->expects_unknown = false;
    head->n_headers = 0;
}

enum gate_result gate_head(const char *bytes, size_t len, size_t max_head, size_t *scanned,
                           struct gate_head *head, size_t *used, struct gate_refusal *refusal)
{
    struct scan s = {
        .bytes = bytes, .limit = lesser(len, max_head), .head = head, .refusal = refusal};
    enum step step;

    s.at = *scanned / N_STATES;
    s.state = (enum state)(*scanned % N_STATES);
    clear(head);
    step = run(&s);
    if (step == STEP_DONE && *scanned) {
        s.at = 0;
        s.state = START;
        step = run(&s);
    }
    if (step == STEP_DONE)
        step = judge_whole(&s);
    if (step == STEP_WAIT && len >= max_head)
        step = refuse_size(&s);
    if (step == STEP_REFUSED) {
        clear(head);
        read_line(&s);
        return GATE_REFUSED;
    }
    if (step == STEP_WAIT) {
        *scanned = s.at * N_STATES + s.state;
        return GATE_MORE;
    }
    *used = s.at;
    return GATE_OK;
}
