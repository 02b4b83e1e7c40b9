/* Trace headers, request ids and content types: what comes out is well formed, whatever came in. */
#include "accept.h"
#include "trace.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good)
{
    if (!good)
        abort();
}

static void check_trace(const char *text, size_t len)
{
    struct trace t, again;

    if (trace_from(&t, text, len))
        require(len >= TRACE_PARENT_LEN && !memcmp(t.trace_id, text + 3, 32));
    require(strlen(t.parent) == TRACE_PARENT_LEN && strlen(t.trace_id) == 32);
    require(!memcmp(t.parent + 3, t.trace_id, 32));
    require(trace_from(&again, t.parent, TRACE_PARENT_LEN));
    require(!strcmp(again.trace_id, t.trace_id));
    require(!strcmp(again.parent + 52, t.parent + 52));
}

static void check_request_id(const char *text, size_t len)
{
    char id[TRACE_REQUEST_ID_MAX + 1], again[TRACE_REQUEST_ID_MAX + 1];

    trace_request_id(id, text, len);
    require(*id && strlen(id) <= TRACE_REQUEST_ID_MAX);
    trace_request_id(again, id, strlen(id));
    require(!strcmp(id, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    char *terminated = malloc(size + 1);

    require(terminated);
    if (size)
        memcpy(terminated, data, size);
    terminated[size] = '\0';
    check_trace(text, size);
    check_request_id(text, size);
    if (trace_state_ok(text, size))
        require(size <= 512 && !memchr(text, '\n', size));
    if (accept_content_type_is_json(terminated))
        require(strlen(terminated) >= strlen("application/json"));
    free(terminated);
    return 0;
}
