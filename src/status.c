/* The status list of weir/status.h as tables. */
#include <weir/status.h>

struct row {
    const char *word;
    int http;
    const char *message;
};

static const struct row rows[WEIR_STATUS_COUNT] = {
#define ROW(name, word, http, message) [WEIR_##name] = {word, http, message},
    WEIR_STATUS_LIST(ROW)
#undef ROW
};

static const struct row *row_of(enum weir_status status)
{
    return &rows[(unsigned)status < WEIR_STATUS_COUNT ? status : WEIR_INTERNAL_ERROR];
}

const char *weir_status_word(enum weir_status status)
{
    return row_of(status)->word;
}

const char *weir_status_message(enum weir_status status)
{
    return row_of(status)->message;
}

int weir_status_http(enum weir_status status)
{
    return row_of(status)->http;
}

int weir_status_is_timeout(enum weir_status status)
{
    return row_of(status)->http == 504;
}
