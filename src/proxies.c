/* See proxies.h. */
#include "proxies.h"

#include "config_problem.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_RANGES 1024
#define MAX_HOPS   100 /* trusted addresses in a row */

#define SPAN(text) ((struct gate_span){text, sizeof(text) - 1})

static struct gate_span trim(struct gate_span s)
{
    while (s.len > 0 && (s.at[0] == ' ' || s.at[0] == '\t'))
        s = (struct gate_span){s.at + 1, s.len - 1};
    while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* Takes the part behind the last comma off a list that is not empty. */
static struct gate_span take_last(struct gate_span *list)
{
    size_t start = list->len;
    struct gate_span part;

    while (start > 0 && list->at[start - 1] != ',')
        start--;
    part = (struct gate_span){list->at + start, list->len - start};
    list->len = start > 0 ? start - 1 : 0;
    return trim(part);
}

/* A decimal number without sign, at most max. */
static bool read_number(struct gate_span s, unsigned max, unsigned *out)
{
    unsigned v = 0;

    if (s.len == 0 || s.len > 5)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
        v = v * 10 + (unsigned)(s.at[i] - '0');
    }
    if (v > max)
        return false;
    *out = v;
    return true;
}

/* An address and nothing else. */
static bool read_address(struct gate_span s, struct proxies_address *out)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    char text[INET6_ADDRSTRLEN];

    if (s.len >= sizeof(text))
        return false;
    memcpy(text, s.at, s.len);
    text[s.len] = '\0';
    memset(out, 0, sizeof(*out));
    out->v4 = memchr(s.at, ':', s.len) == NULL;
    if (inet_pton(out->v4 ? AF_INET : AF_INET6, text, out->bytes) != 1 || strlen(text) != s.len)
        return false;
    if (!out->v4 && memcmp(out->bytes, mapped, sizeof(mapped)) == 0) {
        out->v4 = true;
        memmove(out->bytes, out->bytes + sizeof(mapped), 4);
        memset(out->bytes + 4, 0, 12);
    }
    return true;
}

/* Splits "[v6]:port" and "v4:port"; what has neither brackets nor one colon is all address. False
 * when a bracket is not closed. */
static bool split_port(struct gate_span s, struct gate_span *address, struct gate_span *port)
{
    const char *end = s.at + s.len;
    const char *colon = memchr(s.at, ':', s.len);
    const char *bracket = memchr(s.at, ']', s.len);

    *address = s;
    *port = (struct gate_span){end, 0};
    if (s.len > 0 && s.at[0] == '[') {
        if (bracket == NULL || colon == NULL || colon > bracket)
            return false;
        *address = (struct gate_span){s.at + 1, (size_t)(bracket - s.at) - 1};
        *port = (struct gate_span){bracket + 1, (size_t)(end - bracket) - 1};
    } else if (colon != NULL && memchr(colon + 1, ':', (size_t)(end - colon) - 1) == NULL) {
        *address = (struct gate_span){s.at, (size_t)(colon - s.at)};
        *port = (struct gate_span){colon, (size_t)(end - colon)};
    }
    return true;
}

/* An address as proxies write it: plain, [v6], v4:port, [v6]:port. */
static bool read_entry(struct gate_span s, struct proxies_address *out)
{
    struct gate_span address, port;
    unsigned number;

    if (!split_port(s, &address, &port))
        return false;
    if (port.len > 0 && port.at[0] != ':')
        return false;
    if (port.len > 0 && !read_number((struct gate_span){port.at + 1, port.len - 1}, 65535, &number))
        return false;
    return read_address(address, out);
}

static void write_address(const struct proxies_address *a, char out[PROXIES_TEXT])
{
    if (inet_ntop(a->v4 ? AF_INET : AF_INET6, a->bytes, out, PROXIES_TEXT) == NULL)
        out[0] = '\0';
}

/* Whether all bits behind the first ones are zero. */
static bool is_clear_behind(const struct proxies_address *a, unsigned bits)
{
    for (unsigned i = bits; i < 128; i++)
        if (a->bytes[i / 8] & (0x80u >> i % 8))
            return false;
    return true;
}

static bool range_holds(const struct proxies_range *r, const struct proxies_address *a)
{
    unsigned whole = r->bits / 8, rest = r->bits % 8;

    return r->first.v4 == a->v4 && memcmp(r->first.bytes, a->bytes, whole) == 0 &&
           (rest == 0 || (r->first.bytes[whole] ^ a->bytes[whole]) >> (8 - rest) == 0);
}

static bool holds(const struct proxies *p, const struct proxies_address *a)
{
    for (size_t i = 0; i < p->n; i++)
        if (range_holds(&p->ranges[i], a))
            return true;
    return false;
}

/* One entry of the setting: "ADDRESS" or "ADDRESS/BITS". */
static bool read_range(struct gate_span s, struct proxies_range *out)
{
    const char *slash = memchr(s.at, '/', s.len);
    struct gate_span address = {s.at, slash ? (size_t)(slash - s.at) : s.len};
    bool mapped = memchr(address.at, ':', address.len) != NULL;
    unsigned shift, most;

    if (!read_address(address, &out->first))
        return false;
    mapped = mapped && out->first.v4; /* its bits are counted as those of an IPv6 address */
    shift = mapped ? 96 : 0;
    most = out->first.v4 && !mapped ? 32 : 128;
    out->bits = most;
    if (slash != NULL &&
        !read_number((struct gate_span){slash + 1, s.len - address.len - 1}, most, &out->bits))
        return false;
    if (out->bits < shift)
        return false;
    out->bits -= shift;
    return true;
}

static bool add_range(struct gate_span s, struct proxies *p, struct config_why *why)
{
    struct proxies_range *r = &p->ranges[p->n];
    char given[128], network[PROXIES_TEXT];

    if (s.len >= sizeof(given))
        s.len = sizeof(given) - 1; /* no address is so long */
    memcpy(given, s.at, s.len);
    given[s.len] = '\0';
    if (!read_range(s, r))
        return config_say(why,
                          "%s is not an address or a network (write for example "
                          "\"10.1.2.3\", \"10.0.0.0/8\" or \"2001:db8::/32\")",
                          config_quote(given).text);
    if (!is_clear_behind(&r->first, r->bits)) {
        struct proxies_address masked = r->first;

        for (unsigned i = r->bits; i < 128; i++)
            masked.bytes[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
        write_address(&masked, network);
        return config_say(why,
                          "%s has bits set behind its prefix (write \"%s/%u\" for the network)",
                          config_quote(given).text, network, r->bits);
    }
    p->n++;
    return true;
}

bool proxies_read(const char *text, struct proxies *out, struct config_why *why)
{
    struct gate_span rest = {text, strlen(text)};
    struct proxies p = {NULL, 0};
    size_t n = 1;

    for (size_t i = 0; i < rest.len; i++)
        n += text[i] == ',';
    if (n > MAX_RANGES)
        return config_say(why, "has %zu entries, more than %d", n, MAX_RANGES);
    p.ranges = calloc(n, sizeof(*p.ranges));
    if (p.ranges == NULL)
        return config_say(why, "out of memory");
    for (size_t start = 0, i = 0; i <= rest.len; i++) {
        if (i < rest.len && text[i] != ',')
            continue;
        if (!add_range(trim((struct gate_span){text + start, i - start}), &p, why)) {
            proxies_done(&p);
            return false;
        }
        start = i + 1;
    }
    *out = p;
    return true;
}

void proxies_done(struct proxies *p)
{
    free(p->ranges);
    *p = (struct proxies){NULL, 0};
}

bool proxies_trust(const struct proxies *p, const char *address)
{
    struct proxies_address a;

    return read_address((struct gate_span){address, strlen(address)}, &a) && holds(p, &a);
}

static bool is_list(const struct gate_header *h)
{
    static const struct gate_span name = SPAN("x-forwarded-for");

    return h->name.len == name.len && strncasecmp(h->name.at, name.at, name.len) == 0;
}

/* All lists of a head, read from the last entry of the last one to the first of the first. */
struct walk {
    const struct gate_head *head;
    size_t left;           /* headers not yet looked at */
    struct gate_span list; /* what is left of the current one */
};

/* The next entry; empty ones are passed over (RFC 9110 5.6.1). False at the end. */
static bool walk_next(struct walk *w, struct gate_span *entry)
{
    for (;;) {
        while (w->list.len > 0) {
            *entry = take_last(&w->list);
            if (entry->len > 0)
                return true;
        }
        do
            if (w->left == 0)
                return false;
        while (!is_list(&w->head->headers[--w->left]));
        w->list = w->head->headers[w->left].value;
    }
}

void proxies_client(const struct proxies *p, const struct gate_head *head, const char *peer,
                    char found[PROXIES_TEXT])
{
    struct walk w = {.head = head, .left = head->n_headers};
    struct proxies_address a;
    struct gate_span entry;
    size_t len = strnlen(peer, PROXIES_TEXT - 1);

    memcpy(found, peer, len);
    found[len] = '\0';
    for (unsigned hops = 0; hops < MAX_HOPS; hops++) {
        if (!walk_next(&w, &entry) || !read_entry(entry, &a))
            return;
        write_address(&a, found);
        if (!holds(p, &a))
            return;
    }
}

/* Where text grows that may be longer than its room. */
struct room {
    char *at;
    size_t size, len;
};

static void add(struct room *r, struct gate_span s)
{
    for (size_t i = 0; i < s.len; i++, r->len++)
        if (r->len + 1 < r->size)
            r->at[r->len] = s.at[i];
}

size_t proxies_forwarded(const struct gate_head *head, bool believed, const char *peer, char *out,
                         size_t size)
{
    struct room r = {out, size, 0};

    for (size_t i = 0; believed && i < head->n_headers; i++) {
        if (!is_list(&head->headers[i]) || head->headers[i].value.len == 0)
            continue;
        add(&r, head->headers[i].value);
        add(&r, SPAN(", "));
    }
    add(&r, (struct gate_span){peer, strlen(peer)});
    if (size > 0)
        out[r.len < size ? r.len : size - 1] = '\0';
    return r.len;
}
