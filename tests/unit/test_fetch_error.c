/* The table that turns libcurl's codes into weir's words. */
#include "fetch_error.h"

#include <criterion/criterion.h>
#include <curl/curl.h>
#include <errno.h>

/* How far the answer got. */
enum progress { NOTHING, BYTES, HEAD, BODY };

static const struct error_case {
    const char *name;
    int code;
    long os_errno;
    bool tls;
    enum progress progress;
    enum weir_status status;
} cases[] = {
    {"whole", CURLE_OK, 0, false, BODY, WEIR_OK},
    {"half a head taken for the end", CURLE_OK, 0, false, HEAD, WEIR_HTTP_RESPONSE_INCOMPLETE},
    {"nothing taken for the end", CURLE_OK, 0, false, NOTHING, WEIR_CONNECTION_TERMINATED},
    {"resolve", CURLE_COULDNT_RESOLVE_HOST, 0, false, NOTHING, WEIR_DNS_ERROR},
    {"refused", CURLE_COULDNT_CONNECT, ECONNREFUSED, false, NOTHING, WEIR_CONNECTION_REFUSED},
    {"unreachable", CURLE_COULDNT_CONNECT, ENETUNREACH, false, NOTHING, WEIR_CONNECTION_REFUSED},
    {"no errno", CURLE_COULDNT_CONNECT, 0, false, NOTHING, WEIR_CONNECTION_REFUSED},
    {"kernel gave up", CURLE_COULDNT_CONNECT, ETIMEDOUT, false, NOTHING, WEIR_CONNECTION_TIMEOUT},
    {"descriptors", CURLE_COULDNT_CONNECT, EMFILE, false, NOTHING, WEIR_INTERNAL_ERROR},
    {"system descriptors", CURLE_COULDNT_CONNECT, ENFILE, false, NOTHING, WEIR_INTERNAL_ERROR},
    {"ports", CURLE_COULDNT_CONNECT, EADDRNOTAVAIL, false, NOTHING, WEIR_INTERNAL_ERROR},
    {"buffers", CURLE_COULDNT_CONNECT, ENOBUFS, false, NOTHING, WEIR_INTERNAL_ERROR},
    {"kernel memory", CURLE_COULDNT_CONNECT, ENOMEM, false, NOTHING, WEIR_INTERNAL_ERROR},
    {"connect timeout", CURLE_OPERATION_TIMEDOUT, 0, false, NOTHING, WEIR_CONNECTION_TIMEOUT},
    {"nothing came", CURLE_GOT_NOTHING, 0, false, NOTHING, WEIR_CONNECTION_TERMINATED},
    {"reset", CURLE_RECV_ERROR, ECONNRESET, false, NOTHING, WEIR_CONNECTION_TERMINATED},
    {"reset after the head", CURLE_RECV_ERROR, ECONNRESET, false, BODY,
     WEIR_HTTP_RESPONSE_INCOMPLETE},
    {"chunks", CURLE_RECV_ERROR, 0, false, BODY, WEIR_HTTP_PROTOCOL_ERROR},
    {"chunks after an address refused", CURLE_RECV_ERROR, ECONNREFUSED, false, BODY,
     WEIR_HTTP_PROTOCOL_ERROR},
    {"TLS cut", CURLE_RECV_ERROR, 0, true, NOTHING, WEIR_CONNECTION_TERMINATED},
    {"TLS cut in the body", CURLE_RECV_ERROR, 0, true, BODY, WEIR_HTTP_RESPONSE_INCOMPLETE},
    {"send", CURLE_SEND_ERROR, EPIPE, false, NOTHING, WEIR_CONNECTION_TERMINATED},
    {"part of the body", CURLE_PARTIAL_FILE, 0, false, BODY, WEIR_HTTP_RESPONSE_INCOMPLETE},
    {"weird", CURLE_WEIRD_SERVER_REPLY, 0, false, BYTES, WEIR_HTTP_PROTOCOL_ERROR},
    {"0.9", CURLE_UNSUPPORTED_PROTOCOL, 0, false, BYTES, WEIR_HTTP_PROTOCOL_ERROR},
    {"transfer coding", CURLE_BAD_CONTENT_ENCODING, 0, false, HEAD,
     WEIR_HTTP_RESPONSE_CONTENT_CODING},
    {"long line", CURLE_OUT_OF_MEMORY, 0, false, HEAD, WEIR_HTTP_RESPONSE_HEADER_SIZE},
    {"long first line", CURLE_OUT_OF_MEMORY, 0, false, BYTES, WEIR_HTTP_RESPONSE_HEADER_SIZE},
    {"memory", CURLE_OUT_OF_MEMORY, 0, false, NOTHING, WEIR_INTERNAL_ERROR},
    {"memory in the body", CURLE_OUT_OF_MEMORY, 0, false, BODY, WEIR_INTERNAL_ERROR},
    {"handshake", CURLE_SSL_CONNECT_ERROR, 0, true, NOTHING, WEIR_TLS_PROTOCOL_ERROR},
    {"certificate", CURLE_PEER_FAILED_VERIFICATION, 0, true, NOTHING, WEIR_TLS_CERTIFICATE_ERROR},
    {"own certificate", CURLE_SSL_CERTPROBLEM, 0, true, NOTHING, WEIR_TLS_CERTIFICATE_ERROR},
    {"trust file", CURLE_SSL_CACERT_BADFILE, 0, true, NOTHING, WEIR_TLS_CERTIFICATE_ERROR},
    {"certificate wanted", CURLE_SSL_CLIENTCERT, 0, true, NOTHING, WEIR_TLS_CERTIFICATE_ERROR},
    {"anything else", CURLE_FTP_PORT_FAILED, 0, false, NOTHING, WEIR_INTERNAL_ERROR},
};

Test(fetch_error, every_row)
{
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct error_case *row = &cases[i];
        struct fetch_error_facts facts = {
            .code = row->code,
            .os_errno = row->os_errno,
            .tls = row->tls,
            .received = row->progress != NOTHING,
            .head_began = row->progress >= HEAD,
            .state = row->progress == BODY   ? FETCH_ANSWER_BODY
                     : row->progress == HEAD ? FETCH_ANSWER_HEADERS
                                             : FETCH_ANSWER_STATUS,
        };
        enum weir_status status = fetch_error_status(&facts);

        cr_expect_str_eq(weir_status_word(status), weir_status_word(row->status), "%s: %s",
                         row->name, weir_status_word(status));
    }
}
