/*
 * The table of errors. Some of libcurl's codes mean several things; what else is known of the
 * transfer tells them apart:
 * - RECV_ERROR with a system error is a connection that broke; without one, on a plain connection,
 *   chunks that are not chunks. (TLS reports a cut stream without a system error.)
 * - OUT_OF_MEMORY while reading a head is a line longer than libcurl's buffer for one.
 * - OK with half a head: the upstream closed in the middle of it, and libcurl takes that for the
 *   end.
 */
#include "fetch_error.h"

#include <curl/curl.h>
#include <errno.h>

/* Before and after the final status line. */
struct code_row {
    int code;
    enum weir_status before, after;
};

static const struct code_row code_rows[] = {
    {CURLE_OK, WEIR_CONNECTION_TERMINATED, WEIR_OK},
    {CURLE_COULDNT_RESOLVE_HOST, WEIR_DNS_ERROR, WEIR_DNS_ERROR},
    {CURLE_OPERATION_TIMEDOUT, WEIR_CONNECTION_TIMEOUT, WEIR_HTTP_RESPONSE_TIMEOUT},
    {CURLE_GOT_NOTHING, WEIR_CONNECTION_TERMINATED, WEIR_HTTP_RESPONSE_INCOMPLETE},
    {CURLE_SEND_ERROR, WEIR_CONNECTION_TERMINATED, WEIR_HTTP_RESPONSE_INCOMPLETE},
    {CURLE_RECV_ERROR, WEIR_CONNECTION_TERMINATED, WEIR_HTTP_RESPONSE_INCOMPLETE},
    {CURLE_PARTIAL_FILE, WEIR_HTTP_RESPONSE_INCOMPLETE, WEIR_HTTP_RESPONSE_INCOMPLETE},
    {CURLE_WEIRD_SERVER_REPLY, WEIR_HTTP_PROTOCOL_ERROR, WEIR_HTTP_PROTOCOL_ERROR},
    {CURLE_UNSUPPORTED_PROTOCOL, WEIR_HTTP_PROTOCOL_ERROR, WEIR_HTTP_PROTOCOL_ERROR},
    {CURLE_BAD_FUNCTION_ARGUMENT, WEIR_HTTP_PROTOCOL_ERROR, WEIR_HTTP_PROTOCOL_ERROR},
    {CURLE_BAD_CONTENT_ENCODING, WEIR_HTTP_RESPONSE_CONTENT_CODING,
     WEIR_HTTP_RESPONSE_CONTENT_CODING},
    {CURLE_SSL_CONNECT_ERROR, WEIR_TLS_PROTOCOL_ERROR, WEIR_TLS_PROTOCOL_ERROR},
    {CURLE_SSL_CIPHER, WEIR_TLS_PROTOCOL_ERROR, WEIR_TLS_PROTOCOL_ERROR},
    {CURLE_SSL_ENGINE_NOTFOUND, WEIR_TLS_PROTOCOL_ERROR, WEIR_TLS_PROTOCOL_ERROR},
    {CURLE_SSL_ENGINE_SETFAILED, WEIR_TLS_PROTOCOL_ERROR, WEIR_TLS_PROTOCOL_ERROR},
    {CURLE_SSL_ENGINE_INITFAILED, WEIR_TLS_PROTOCOL_ERROR, WEIR_TLS_PROTOCOL_ERROR},
    {CURLE_SSL_SHUTDOWN_FAILED, WEIR_TLS_PROTOCOL_ERROR, WEIR_TLS_PROTOCOL_ERROR},
    {CURLE_USE_SSL_FAILED, WEIR_TLS_PROTOCOL_ERROR, WEIR_TLS_PROTOCOL_ERROR},
    {CURLE_PEER_FAILED_VERIFICATION, WEIR_TLS_CERTIFICATE_ERROR, WEIR_TLS_CERTIFICATE_ERROR},
    {CURLE_SSL_CERTPROBLEM, WEIR_TLS_CERTIFICATE_ERROR, WEIR_TLS_CERTIFICATE_ERROR},
    {CURLE_SSL_CACERT_BADFILE, WEIR_TLS_CERTIFICATE_ERROR, WEIR_TLS_CERTIFICATE_ERROR},
    {CURLE_SSL_CRL_BADFILE, WEIR_TLS_CERTIFICATE_ERROR, WEIR_TLS_CERTIFICATE_ERROR},
    {CURLE_SSL_ISSUER_ERROR, WEIR_TLS_CERTIFICATE_ERROR, WEIR_TLS_CERTIFICATE_ERROR},
    {CURLE_SSL_PINNEDPUBKEYNOTMATCH, WEIR_TLS_CERTIFICATE_ERROR, WEIR_TLS_CERTIFICATE_ERROR},
    {CURLE_SSL_INVALIDCERTSTATUS, WEIR_TLS_CERTIFICATE_ERROR, WEIR_TLS_CERTIFICATE_ERROR},
    {CURLE_SSL_CLIENTCERT, WEIR_TLS_CERTIFICATE_ERROR, WEIR_TLS_CERTIFICATE_ERROR},
};

struct errno_row {
    int os_errno;
    enum weir_status status;
};

/* Why there is no connection; whatever is not here was refused or is unreachable. */
static const struct errno_row connect_rows[] = {
    {ETIMEDOUT, WEIR_CONNECTION_TIMEOUT}, {EMFILE, WEIR_INTERNAL_ERROR},
    {ENFILE, WEIR_INTERNAL_ERROR},        {EADDRNOTAVAIL, WEIR_INTERNAL_ERROR},
    {ENOMEM, WEIR_INTERNAL_ERROR},        {ENOBUFS, WEIR_INTERNAL_ERROR},
};

/* Errors of connecting, which libcurl remembers though another address then worked. */
static bool is_connect_errno(long os_errno)
{
    return os_errno == ECONNREFUSED || os_errno == EADDRNOTAVAIL || os_errno == ENETUNREACH ||
           os_errno == EAFNOSUPPORT;
}

static enum weir_status connect_status(long os_errno)
{
    size_t i;

    for (i = 0; i < sizeof(connect_rows) / sizeof(connect_rows[0]); i++)
        if (connect_rows[i].os_errno == os_errno)
            return connect_rows[i].status;
    return WEIR_CONNECTION_REFUSED;
}

enum weir_status fetch_error_status(const struct fetch_error_facts *facts)
{
    size_t i;

    if (facts->code == CURLE_OK && facts->state == FETCH_ANSWER_BODY)
        return WEIR_OK;
    if (facts->code == CURLE_OK && facts->head_began)
        return WEIR_HTTP_RESPONSE_INCOMPLETE;
    if (facts->code == CURLE_COULDNT_CONNECT)
        return connect_status(facts->os_errno);
    if (facts->code == CURLE_RECV_ERROR && !facts->tls &&
        (facts->os_errno == 0 || is_connect_errno(facts->os_errno)))
        return WEIR_HTTP_PROTOCOL_ERROR;
    if (facts->code == CURLE_OUT_OF_MEMORY && facts->received && facts->state != FETCH_ANSWER_BODY)
        return WEIR_HTTP_RESPONSE_HEADER_SIZE;
    for (i = 0; i < sizeof(code_rows) / sizeof(code_rows[0]); i++)
        if (code_rows[i].code == facts->code)
            return facts->head_began ? code_rows[i].after : code_rows[i].before;
    return WEIR_INTERNAL_ERROR;
}
