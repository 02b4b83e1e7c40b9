/*
 * What can become of an operation: one list for the whole program. The word of a row stands in
 * the answer's body, the log, the metrics and Server-Timing alike; where a proxy error type of
 * RFC 9209 fits, it is that type's name.
 */
#ifndef WEIR_STATUS_H
#define WEIR_STATUS_H

/* X(name, word, HTTP status when a required upstream ends this way, message) */
#define WEIR_STATUS_LIST(X)                                                                        \
    X(OK, "ok", 200, "delivered")                                                                  \
    X(CANCELED, "canceled", 499, "canceled")                                                       \
    X(DEADLINE_EXCEEDED, "deadline_exceeded", 504, "deadline exceeded")                            \
    X(INVALID_ARGUMENT, "invalid_argument", 502, "invalid argument")                               \
    X(NO_MEMORY, "no_memory", 502, "out of memory")                                                \
    X(HTTP_RESPONSE_TIMEOUT, "http_response_timeout", 504, "no answer in time")                    \
    X(CONNECTION_TIMEOUT, "connection_timeout", 504, "no connection in time")                      \
    X(DNS_TIMEOUT, "dns_timeout", 504, "the name was not resolved in time")                        \
    X(CONNECTION_REFUSED, "connection_refused", 502, "connection refused")                         \
    X(CONNECTION_TERMINATED, "connection_terminated", 502, "connection closed before an answer")   \
    X(DNS_ERROR, "dns_error", 502, "the name could not be resolved")                               \
    X(TLS_CERTIFICATE_ERROR, "tls_certificate_error", 502, "certificate not accepted")             \
    X(TLS_PROTOCOL_ERROR, "tls_protocol_error", 502, "TLS handshake failed")                       \
    X(HTTP_PROTOCOL_ERROR, "http_protocol_error", 502, "not a valid HTTP answer")                  \
    X(HTTP_RESPONSE_INCOMPLETE, "http_response_incomplete", 502, "answer cut short")               \
    X(HTTP_RESPONSE_BODY_SIZE, "http_response_body_size", 502, "body too large")                   \
    X(HTTP_RESPONSE_HEADER_SIZE, "http_response_header_size", 502, "head too large")               \
    X(HTTP_RESPONSE_CONTENT_CODING, "http_response_content_coding", 502, "content coding not asked for") \
    X(BAD_STATUS, "bad_status", 502, "status not usable")                                          \
    X(BAD_CONTENT_TYPE, "bad_content_type", 502, "content type is not JSON")                       \
    X(INVALID_JSON, "invalid_json", 502, "body is not valid JSON")                                 \
    X(UNEXPECTED_TYPE, "unexpected_type", 502, "JSON of another type than expected")               \
    X(INTERNAL_ERROR, "internal_error", 502, "could not be asked")

enum weir_status {
#define WEIR_STATUS_ENUM(name, word, http, message) WEIR_##name,
    WEIR_STATUS_LIST(WEIR_STATUS_ENUM)
#undef WEIR_STATUS_ENUM
    WEIR_STATUS_COUNT
};

/* The row's word, e.g. "connection_refused"; never NULL. */
const char *weir_status_word(enum weir_status status);

/* The row's message, a short lower-case phrase; never NULL. */
const char *weir_status_message(enum weir_status status);

/* The HTTP status with which weir answers when a required upstream ends this way. */
int weir_status_http(enum weir_status status);

/* Whether time was the reason: one of the timeouts, or DEADLINE_EXCEEDED. */
int weir_status_is_timeout(enum weir_status status);

#endif
