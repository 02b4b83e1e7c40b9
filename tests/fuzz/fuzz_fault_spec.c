/* Any bytes as a SPEC: accepted ones are within their limits and draw the same twice; and as an
 * HTTP head on the mock's socket. */
#include "mock_fault.h"
#include "mock_http.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void try_spec(struct mock_text text)
{
    struct mock_fault fault;
    char sentence[128];

    if (!mock_fault_parse(text, &fault, (struct mock_why){sentence, sizeof(sentence)})) {
        check(memchr(sentence, '\0', sizeof(sentence)) != NULL && sentence[0] != '\0');
        return;
    }
    check(fault.given != 0 && fault.kind < MOCK_FAULT_KINDS);
    check(fault.rate >= 0 && fault.rate <= 1 && fault.delay_ns >= 0 && fault.sigma >= 0);
    check(fault.kind != MOCK_FAULT_STATUS || (fault.status >= 200 && fault.status <= 599));
    check(fault.kind != MOCK_FAULT_DRIP || (fault.size > 0 && fault.interval_ns > 0));
    for (uint64_t i = 0; i < 8; i++) {
        struct mock_hit a = mock_fault_draw(&fault, 3, i), b = mock_fault_draw(&fault, 3, i);

        check(a.kind == b.kind && a.delay_ns == b.delay_ns && a.delay_ns >= 0);
    }
}

static void try_head(struct mock_text text)
{
    struct mock_head head;
    struct mock_params params;
    struct mock_bytes out = {NULL, 0, 0, false};
    size_t scanned = 0;

    if (mock_http_head(text, &scanned, &head) != MOCK_HEAD_OK)
        return;
    check(head.len <= text.len && head.path.len <= head.target.len + 1);
    if (mock_http_match("/users/{id}/*", head.path, &params))
        mock_http_decode(&out, params.item[0].value);
    mock_bytes_json(&out, head.target.at, head.target.len);
    mock_bytes_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1); /* of its own, so that reading beyond it is seen */

    if (copy == NULL)
        return 0;
    memcpy(copy, data, size);
    copy = realloc(copy, size > 0 ? size : 1);
    try_spec((struct mock_text){copy, size});
    try_head((struct mock_text){copy, size});
    free(copy);
    return 0;
}
