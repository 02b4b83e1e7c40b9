/* Request ids and W3C Trace Context: read from the caller, made when absent or malformed. */
#ifndef TRACE_H
#define TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_REQUEST_ID_MAX 128
#define TRACE_PARENT_LEN 55

struct trace {
    char trace_id[33];                  /* 32 lower-case hex digits */
    char parent[TRACE_PARENT_LEN + 1];  /* the traceparent sent upstream, with a span id of ours */
};

/*
 * Fills the trace from a traceparent header (may be NULL, len 0). A well-formed one is continued:
 * same trace id, its sampled flag, a new span id, version 00; true. On any error a new trace, not
 * sampled, is begun and false returned: the caller then drops tracestate (W3C Trace Context 3.3).
 */
bool trace_from(struct trace *t, const char *traceparent, size_t len);

/* Copies a caller's request id when it is 1 to 128 bytes of [A-Za-z0-9._~:+/=@-], else makes one of
 * 32 hex digits. out has room for TRACE_REQUEST_ID_MAX + 1. */
void trace_request_id(char *out, const char *given, size_t len);

/* Whether a tracestate value may be passed on: printable ASCII, at most 512 bytes. */
bool trace_state_ok(const char *value, size_t len);

/* 64 random bits from a per-thread generator seeded by the kernel; not for secrets. */
uint64_t trace_random(void);

#endif
