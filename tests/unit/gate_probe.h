/* Shows bytes to the gate whole, cut in two at every place, and one by one: all must end alike. */
#ifndef GATE_PROBE_H
#define GATE_PROBE_H

#include "gate.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a)       (sizeof(a) / sizeof(*(a)))
#define PROBE_MAX_HEAD 16384

struct verdict {
    enum gate_result result;
    struct gate_refusal refusal;
    size_t used;
    struct gate_head head;
    char method[40], path[256]; /* copies, as the bytes are gone by then */
};

static inline void probe_copy(char *out, size_t size, const struct gate_span *span)
{
    size_t n = span->len < size - 1 ? span->len : size - 1;

    if (n)
        memcpy(out, span->at, n);
    out[n] = '\0';
}

/* Shows the first len bytes in a copy that ends where its memory ends. */
static inline enum gate_result probe_show(const char *text, size_t len, size_t max_head,
                                          size_t *scanned, struct verdict *v)
{
    char *copy = malloc(len ? len : 1);

    cr_assert_not_null(copy);
    memcpy(copy, text, len);
    v->result = gate_head(copy, len, max_head, scanned, &v->head, &v->used, &v->refusal);
    v->method[0] = v->path[0] = '\0';
    if (v->result != GATE_MORE) {
        probe_copy(v->method, sizeof(v->method), &v->head.method);
        probe_copy(v->path, sizeof(v->path), &v->head.path);
    }
    free(copy);
    return v->result;
}

static inline void probe_same(const struct verdict *a, const struct verdict *b, const char *name)
{
    cr_assert_eq(a->result, b->result, "%s: %d or %d", name, (int)a->result, (int)b->result);
    if (a->result == GATE_OK) {
        cr_expect_eq(a->used, b->used, "%s", name);
        cr_expect_eq(a->head.n_headers, b->head.n_headers, "%s", name);
        cr_expect_eq(a->head.minor, b->head.minor, "%s", name);
        cr_expect_eq(a->head.keep_alive, b->head.keep_alive, "%s", name);
        cr_expect_eq(a->head.has_body, b->head.has_body, "%s", name);
    }
    if (a->result == GATE_REFUSED) {
        cr_expect_eq(a->refusal.status, b->refusal.status, "%s", name);
        cr_expect_eq(a->refusal.why, b->refusal.why, "%s", name);
    }
    if (a->result != GATE_MORE) {
        cr_expect_str_eq(a->method, b->method, "%s", name);
        cr_expect_str_eq(a->path, b->path, "%s", name);
    }
}

/* Judges text in every way; the verdict on the whole is left in *whole. */
static inline void probe(const char *name, const char *text, size_t len, struct verdict *whole)
{
    static struct verdict other;
    size_t scanned = 0;

    memset(whole, 0, sizeof(*whole));
    probe_show(text, len, PROBE_MAX_HEAD, &scanned, whole);
    for (size_t cut = 0; cut <= len; cut++) {
        scanned = 0;
        if (probe_show(text, cut, PROBE_MAX_HEAD, &scanned, &other) == GATE_MORE)
            probe_show(text, len, PROBE_MAX_HEAD, &scanned, &other);
        probe_same(whole, &other, name);
    }
    scanned = 0;
    for (size_t n = 0; n <= len; n++) {
        if (probe_show(text, n, PROBE_MAX_HEAD, &scanned, &other) != GATE_MORE)
            break;
    }
    probe_same(whole, &other, name);
}

#endif
