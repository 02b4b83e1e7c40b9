#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "config_value.h"

#define MS INT64_C(1000000)

static const struct config_range positive = {1, CONFIG_MAX_DURATION_NS};

Test(config_value, durations_are_read)
{
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = {
        {"500ms", 500 * MS},
        {"2s", 2000 * MS},
        {"1.5s", 1500 * MS},
        {"0.5ms", 500000},
        {"250us", 250000},
        {"1.5us", 1500},
        {"5m", 300000 * MS},
        {"1h", 3600000 * MS},
        {"24h", 86400000 * MS},
        {"0.000000001s", 1},
        {"007ms", 7 * MS},
        {"1.999999999s", 1999999999},
        {"0.1234567890123456789h", 444444440444},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct config_why why = {""};
        int64_t ns = -1;

        cr_expect(config_read_duration(cases[i].text, positive, &ns, &why), "%s: %s", cases[i].text,
                  why.text);
        cr_expect(ns == cases[i].ns, "%s: %lld", cases[i].text, (long long)ns);
    }
}

Test(config_value, bad_durations_say_why)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"500", "\"500\" has no unit (write \"500ms\" or \"2s\")"},
        {"0", "\"0\" has no unit"},
        {"-5", "\"-5\" has no unit"},
        {"0s", "\"0s\" is not positive (write \"500ms\" or \"2s\")"},
        {"0.0000000001s", "is not positive"},
        {"-5ms", "\"-5ms\" is negative"},
        {"+5ms", "is not a duration"},
        {"5xs", "has no known unit"},
        {"5 ms", "has no known unit"},
        {"5MS", "has no known unit"},
        {"5ms ", "has no known unit"},
        {"ms", "is not a duration"},
        {"abc", "is not a duration"},
        {"-", "is not a duration"},
        {"--5ms", "is not a duration"},
        {".5s", "is not a duration"},
        {"5.s", "is not a duration"},
        {"1.2.3s", "is not a duration"},
        {".", "has no unit"},
        {"24.1h", "is too long (at most 24h)"},
        {"99999999999999999999s", "is too long"},
        {"9223372036854775807h", "is too long"},
        {"9223372036854775808us", "is too long"},
        {"1e3ms", "has no known unit"},
        {"0x10ms", "has no known unit"},
        {"nan", "is not a duration"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct config_why why = {""};
        int64_t ns = -1;

        cr_expect(!config_read_duration(cases[i].text, positive, &ns, &why), "%s", cases[i].text);
        cr_expect(strstr(why.text, cases[i].why) != NULL, "%s: %s", cases[i].text, why.text);
        cr_expect(ns == -1, "%s", cases[i].text);
    }
}

Test(config_value, durations_survive_their_text)
{
    static const int64_t cases[] = {1,         999,        1000,        1500,          500 * MS,
                                    1500 * MS, 60000 * MS, 300000 * MS, 86400000 * MS, 123456789};
    static const char *const texts[] = {"0.001us", "0.999us", "1us", "1.500us", "500ms",
                                        "1500ms",  "60s",     "5m",  "24h",     "123456.789us"};

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct config_duration_text text = config_duration_text(cases[i]);
        struct config_why why = {""};
        int64_t ns = 0;

        cr_expect_str_eq(text.text, texts[i]);
        cr_expect(config_read_duration(text.text, positive, &ns, &why), "%s", why.text);
        cr_expect(ns == cases[i], "%s", text.text);
    }
    cr_expect_str_eq(config_duration_text(0).text, "0s");
}

Test(config_value, sizes)
{
    static const struct {
        const char *text;
        uint64_t size;
        const char *why; /* NULL: it is good */
    } cases[] = {
        {"65536", 65536, NULL},
        {"64KiB", 65536, NULL},
        {"1MiB", 1 << 20, NULL},
        {"1GiB", 1 << 30, NULL},
        {"0", 0, "is too small (at least 1 bytes)"},
        {"2GiB", 0, "is too large (at most 1073741824 bytes)"},
        {"99999999999999999999GiB", 0, "is too large"},
        {"64KB", 0, "KiB, MiB or GiB"},
        {"64k", 0, "KiB, MiB or GiB"},
        {"1.5MiB", 0, "KiB, MiB or GiB"},
        {"-1", 0, "is negative"},
        {"KiB", 0, "is not a size"},
        {"", 0, "is not a size"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct config_why why = {""};
        uint64_t size = 0;
        bool good =
            config_read_size(cases[i].text, (struct config_range){1, CONFIG_MAX_BODY}, &size, &why);

        cr_expect(good == !cases[i].why, "%s: %s", cases[i].text, why.text);
        cr_expect(size == cases[i].size, "%s", cases[i].text);
        cr_expect(!cases[i].why || strstr(why.text, cases[i].why), "%s: %s", cases[i].text,
                  why.text);
    }
}

Test(config_value, integers)
{
    static const struct {
        const char *text;
        uint64_t value;
        bool good;
    } cases[] = {{"1", 1, true},    {"100", 100, true}, {"0", 9, false},
                 {"101", 9, false}, {"", 9, false},     {"-1", 9, false},
                 {"1.0", 9, false}, {" 1", 9, false},   {"18446744073709551617", 9, false}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct config_why why = {""};
        uint64_t value = 9;

        cr_expect(config_read_integer(cases[i].text, (struct config_range){1, 100}, &value, &why) ==
                      cases[i].good,
                  "%s", cases[i].text);
        cr_expect(value == cases[i].value, "%s", cases[i].text);
    }
}

Test(config_value, addresses)
{
    static const struct {
        const char *text, *host, *why;
        unsigned port;
        bool may_be_off, off;
    } cases[] = {
        {"127.0.0.1:8080", "127.0.0.1", NULL, 8080, false, false},
        {"[::1]:0", "::1", NULL, 0, false, false},
        {"[::]:65535", "::", NULL, 65535, false, false},
        {":8080", "0.0.0.0", NULL, 8080, false, false},
        {"localhost:80", "127.0.0.1", NULL, 80, false, false},
        {"off", "", NULL, 0, true, true},
        {"off", NULL, "has no port", 0, false, false},
        {"8080", NULL, "has no port", 0, false, false},
        {"127.0.0.1", NULL, "has no port", 0, false, false},
        {"127.0.0.1:", NULL, "has no port", 0, false, false},
        {"127.0.0.1:65536", NULL, "the port is not a number", 0, false, false},
        {"127.0.0.1:http", NULL, "the port is not a number", 0, false, false},
        {"127.0.0.1:-1", NULL, "the port is not a number", 0, false, false},
        {"example.com:80", NULL, "not an IP address", 0, false, false},
        {"::1:8080", NULL, "not an IP address", 0, false, false},
        {"[::1]8080", NULL, "has no port", 0, false, false},
        {"[::1]", NULL, "has no port", 0, false, false},
        {"[]:80", NULL, "not an IP address", 0, false, false},
        {"[:80", NULL, "has no port", 0, false, false},
        {"[127.0.0.1]:80", NULL, "not an IP address", 0, false, false},
        {"256.0.0.1:80", NULL, "not an IP address", 0, false, false},
        {"]:80", NULL, "not an IP address", 0, false, false},
        {":", NULL, "has no port", 0, false, false},
        {"0000000000000000000000000000000000000000000000000000000000000000000:80", NULL,
         "not an IP address", 0, false, false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct config_why why = {""};
        struct config_address address = {.text = NULL};
        bool good = config_read_address(cases[i].text, cases[i].may_be_off, &address, &why);

        cr_expect(good == !cases[i].why, "%s: %s", cases[i].text, why.text);
        cr_expect(!cases[i].why || strstr(why.text, cases[i].why), "%s: %s", cases[i].text,
                  why.text);
        if (good) {
            cr_expect_str_eq(address.text, cases[i].text);
            cr_expect_str_eq(address.host, cases[i].host);
            cr_expect_eq(address.port, cases[i].port);
            cr_expect_eq(address.off, cases[i].off);
        }
        free(address.text);
        free(address.host);
    }
}

Test(config_value, refused_headers)
{
    static const char *const refused[] = {
        "Host",       "content-length", "Transfer-Encoding", "Connection",       "keep-alive",
        "TE",         "Upgrade",        "Trailer",           "Proxy-Connection", "traceparent",
        "TraceState", "X-Request-ID",   "x-deadline"};
    static const char *const allowed[] = {"accept", "user-agent", "authorization",
                                          "cookie", "x-y",        "x-envoy-expected-rq-timeout-ms"};

    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
        cr_expect(config_refused_header(refused[i], "x-deadline"), "%s", refused[i]);
    for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed); i++)
        cr_expect(!config_refused_header(allowed[i], "x-deadline"), "%s", allowed[i]);
    cr_expect(!config_refused_header("x-deadline", NULL));
    cr_expect(config_is_token("x-a_b.c!~"));
    cr_expect(!config_is_token("") && !config_is_token("a b") && !config_is_token("a:") &&
              !config_is_token("ä"));
}
