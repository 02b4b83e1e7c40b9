/* The gate: however a request is cut, the verdict is the same, it stands, and all views lie inside.
 */
#include "gate.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct verdict {
    enum gate_result result;
    int status;
    size_t used;
};

static struct gate_head head;

static void require(bool good)
{
    if (!good)
        abort();
}

static void require_inside(const struct gate_span *span, const char *bytes, size_t len)
{
    if (span->len)
        require(span->at >= bytes && span->len <= len &&
                (size_t)(span->at - bytes) <= len - span->len);
}

/* Shows len bytes in memory of their own size; the scan goes on from *scanned. */
static struct verdict show(const uint8_t *data, size_t len, size_t max_head, size_t *scanned)
{
    char *bytes = malloc(len ? len : 1);
    struct gate_refusal refusal = {0, NULL};
    struct verdict v = {GATE_MORE, 0, 0};

    require(bytes);
    if (len)
        memcpy(bytes, data, len);
    v.result = gate_head(bytes, len, max_head, scanned, &head, &v.used, &refusal);
    v.status = refusal.status;
    if (v.result == GATE_REFUSED)
        require(refusal.why &&
                (v.status == 400 || v.status == 414 || v.status == 431 || v.status == 505));
    if (v.result == GATE_OK) {
        require(v.used <= len && v.used <= max_head);
        require(head.n_headers <= GATE_MAX_HEADERS && head.minor <= 1);
        require(head.method.len && head.path.len);
        for (size_t i = 0; i < head.n_headers; i++) {
            require_inside(&head.headers[i].name, bytes, v.used);
            require_inside(&head.headers[i].value, bytes, v.used);
        }
    }
    if (v.result != GATE_MORE) {
        require_inside(&head.method, bytes, len);
        require_inside(&head.target, bytes, len);
        require_inside(&head.path, bytes, len);
    }
    free(bytes);
    return v;
}

static void require_same(struct verdict a, struct verdict b)
{
    require(a.result == b.result && a.status == b.status);
    require(a.result != GATE_OK || a.used == b.used);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t hash = size, limits[] = {16384, 0};

    for (size_t i = 0; i < size; i++)
        hash = hash * 31 + data[i];
    limits[1] = hash % 200;
    for (int l = 0; l < 2; l++) {
        size_t scanned = 0;
        struct verdict whole = show(data, size, limits[l], &scanned);

        for (size_t k = 1; k < 6; k++) {
            size_t cut = size ? hash / k % (size + 1) : 0;
            struct verdict part;

            scanned = 0;
            part = show(data, cut, limits[l], &scanned);
            if (part.result != GATE_OK)
                part = show(data, size, limits[l], &scanned); /* refused stays refused */
            require_same(whole, part);
        }
    }
    return 0;
}
