/* The status list as a table that others rely on: body, log, metrics and Server-Timing. */
#include <weir/status.h>

#include <criterion/criterion.h>
#include <stdbool.h>
#include <string.h>

static bool only_of(const char *word, const char *allowed)
{
    return word[0] != '\0' && word[strspn(word, allowed)] == '\0';
}

Test(status, words_are_unique_and_fit_labels_and_header_fields)
{
    for (int i = 0; i < WEIR_STATUS_COUNT; i++) {
        const char *word = weir_status_word((enum weir_status)i);

        cr_expect(only_of(word, "abcdefghijklmnopqrstuvwxyz_"), "row %d: %s", i, word);
        for (int j = 0; j < i; j++)
            cr_expect_str_neq(word, weir_status_word((enum weir_status)j), "rows %d and %d", i, j);
    }
}

Test(status, messages_are_short_phrases)
{
    for (int i = 0; i < WEIR_STATUS_COUNT; i++) {
        const char *message = weir_status_message((enum weir_status)i);
        size_t len = strlen(message);

        cr_expect(len > 3 && len < 60, "row %d: %s", i, message);
        cr_expect(strpbrk(message, "\"\\\r\n") == NULL, "row %d: %s", i, message);
        cr_expect(message[len - 1] != '.', "row %d: %s", i, message);
    }
}

/* The rows that the contract names, word for word. */
Test(status, the_contract_is_kept)
{
    static const struct {
        enum weir_status status;
        const char *word;
        int http;
        bool timeout;
    } cases[] = {
        {WEIR_OK, "ok", 200, false},
        {WEIR_CANCELED, "canceled", 499, false},
        {WEIR_DEADLINE_EXCEEDED, "deadline_exceeded", 504, true},
        {WEIR_HTTP_RESPONSE_TIMEOUT, "http_response_timeout", 504, true},
        {WEIR_CONNECTION_TIMEOUT, "connection_timeout", 504, true},
        {WEIR_CONNECTION_REFUSED, "connection_refused", 502, false},
        {WEIR_CONNECTION_TERMINATED, "connection_terminated", 502, false},
        {WEIR_DNS_TIMEOUT, "dns_timeout", 504, true},
        {WEIR_DNS_ERROR, "dns_error", 502, false},
        {WEIR_TLS_CERTIFICATE_ERROR, "tls_certificate_error", 502, false},
        {WEIR_TLS_PROTOCOL_ERROR, "tls_protocol_error", 502, false},
        {WEIR_HTTP_PROTOCOL_ERROR, "http_protocol_error", 502, false},
        {WEIR_HTTP_RESPONSE_INCOMPLETE, "http_response_incomplete", 502, false},
        {WEIR_HTTP_RESPONSE_BODY_SIZE, "http_response_body_size", 502, false},
        {WEIR_HTTP_RESPONSE_HEADER_SIZE, "http_response_header_size", 502, false},
        {WEIR_HTTP_RESPONSE_CONTENT_CODING, "http_response_content_coding", 502, false},
        {WEIR_BAD_STATUS, "bad_status", 502, false},
        {WEIR_BAD_CONTENT_TYPE, "bad_content_type", 502, false},
        {WEIR_INVALID_JSON, "invalid_json", 502, false},
        {WEIR_UNEXPECTED_TYPE, "unexpected_type", 502, false},
        {WEIR_INTERNAL_ERROR, "internal_error", 502, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *word = cases[i].word;

        cr_expect_str_eq(weir_status_word(cases[i].status), word);
        cr_expect_eq(weir_status_http(cases[i].status), cases[i].http, "%s", word);
        cr_expect_eq(weir_status_is_timeout(cases[i].status) != 0, cases[i].timeout, "%s", word);
    }
}

Test(status, every_row_has_an_http_status_that_weir_sends_or_logs)
{
    static const int known[] = {200, 499, 502, 504};

    for (int i = 0; i < WEIR_STATUS_COUNT; i++) {
        bool found = false;

        for (size_t k = 0; k < sizeof known / sizeof known[0]; k++)
            found = found || weir_status_http((enum weir_status)i) == known[k];
        cr_expect(found, "%s", weir_status_word((enum weir_status)i));
    }
}

Test(status, a_value_out_of_range_is_an_internal_error)
{
    static const int out_of_range[] = {-1, WEIR_STATUS_COUNT, 1 << 20};

    for (size_t i = 0; i < sizeof out_of_range / sizeof out_of_range[0]; i++) {
        enum weir_status status = (enum weir_status)out_of_range[i];

        cr_expect_str_eq(weir_status_word(status), "internal_error");
        cr_expect_eq(weir_status_http(status), 502);
    }
}
