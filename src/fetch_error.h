/* What libcurl says of a transfer, in weir's words. Pure. */
#ifndef FETCH_ERROR_H
#define FETCH_ERROR_H

#include "fetch_answer.h"

struct fetch_error_facts {
    int code;                      /* libcurl's CURLcode */
    long os_errno;                 /* the system's error behind it, 0 = none */
    bool tls;                      /* the connection is a TLS one */
    bool received;                 /* at least one byte came */
    enum fetch_answer_state state; /* how far the answer got */
    bool head_began;               /* a final status line came */
};

/* WEIR_OK only for a whole answer. */
enum weir_status fetch_error_status(const struct fetch_error_facts *facts);

#endif
