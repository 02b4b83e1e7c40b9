#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_url.h"

static char *const params[] = {(char *)"id", (char *)"post_2"};

/* The parts as text, parameters as <index>. */
static void join(const struct config_url *url, char *out, size_t size)
{
    size_t n = 0;

    out[0] = '\0';
    for (size_t i = 0; i < url->n_parts && n < size; i++)
        n += (size_t)(url->parts[i].literal
                          ? snprintf(out + n, size - n, "%s", url->parts[i].literal)
                          : snprintf(out + n, size - n, "<%u>", url->parts[i].param));
}

Test(config_url, good_urls)
{
    static const struct {
        const char *text, *origin, *target;
    } cases[] = {
        {"http://h", "http://h:80", "/"},
        {"https://H.Example:8443/", "https://h.example:8443", "/"},
        {"HTTPS://h/a%20b", "https://h:443", "/a%20b"},
        {"http://h/users/{id}/profile", "http://h:80", "/users/<0>/profile"},
        {"http://h/{id}", "http://h:80", "/<0>"},
        {"http://h/{id}{post_2}", "http://h:80", "/<0><1>"},
        {"http://h/{post_2}.json?a={id}&b=c", "http://h:80", "/<1>.json?a=<0>&b=c"},
        {"http://h?a=b", "http://h:80", "/?a=b"},
        {"http://h?a={id}", "http://h:80", "/?a=<0>"},
        {"http://[::1]:9101/x", "http://[::1]:9101", "/x"},
        {"http://[2001:DB8::1]/", "http://[2001:db8::1]:80", "/"},
        {"http://10.0.0.1:65535", "http://10.0.0.1:65535", "/"},
        {"http://a_b-c.svc.cluster.local/x", "http://a_b-c.svc.cluster.local:80", "/x"},
        {"http://h/@me:1", "http://h:80", "/@me:1"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct config_why why = {""};
        struct config_url url = {NULL, NULL, 0};
        char target[256];

        cr_assert(config_url_parse(cases[i].text, params, 2, &url, &why), "%s: %s", cases[i].text,
                  why.text);
        join(&url, target, sizeof(target));
        cr_expect_str_eq(url.origin, cases[i].origin);
        cr_expect_str_eq(target, cases[i].target);
        cr_expect(url.parts[0].literal != NULL, "%s", cases[i].text);
        config_url_done(&url);
    }
}

Test(config_url, bad_urls_say_why_and_keep_secrets)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "is not an absolute URL"},
        {"/users", "is not an absolute URL"},
        {"h:80/x", "is not an absolute URL"},
        {"ftp://h/", "the scheme \"ftp\" is not http or https"},
        {"unix:/run/x", "is not an absolute URL"},
        {"user:s3cret@h/x", "is not an absolute URL"},
        {"s3cret://user@h", "is not an absolute URL"},
        {"http://", "there is no host"},
        {"http:///x", "there is no host"},
        {"http://:80/x", "there is no host"},
        {"http://user:s3cret@h/x", "a URL must not hold a user or password"},
        {"http://s3cret@h", "a URL must not hold a user or password"},
        {"http://@h", "a URL must not hold a user or password"},
        {"http://user:s3/cret@h", "the port is not a number"},
        {"http://user:1/{s3cret}@h", "is not a parameter of the route's path"},
        {"http://{id}/x", "a parameter must not stand in the host"},
        {"http://h:{id}/x", "a parameter must not stand in the host"},
        {"http://h:0/", "the port is not a number from 1 to 65535"},
        {"http://h:65536/", "the port is not a number from 1 to 65535"},
        {"http://h:99999999999999999999/", "the port is not a number from 1 to 65535"},
        {"http://h:/", "the port is not a number from 1 to 65535"},
        {"http://h:8a/", "the port is not a number"},
        {"http://[::1]x/", "the port is not a number"},
        {"http://[::g]/", "is not a valid IPv6 address"},
        {"http://[::1/", "is not a valid name or address"},
        {"http://::1/", "there is no host"},
        {"http://1.2.3/", "is not a valid name or address"},
        {"http://1.2.3.256/", "is not a valid name or address"},
        {"http://a..b/", "is not a valid name or address"},
        {"http://-a/", "is not a valid name or address"},
        {"http://a b/", "is not a valid name or address"},
        {"http://a%41/", "is not a valid name or address"},
        {"http://m\xc3\xbcnchen/", "is not a valid name or address"},
        {"http://h/a b", "must be percent-encoded"},
        {"http://h/a\\b", "must be percent-encoded"},
        {"http://h/\xc3\xbc", "must be percent-encoded"},
        {"http://h/a}b", "must be percent-encoded"},
        {"http://h/\r\nX: y", "must be percent-encoded"},
        {"http://h/%4", "without two hexadecimal digits"},
        {"http://h/%zz", "without two hexadecimal digits"},
        {"http://h/x#y", "must not hold a fragment"},
        {"http://h#y", "must not hold a fragment"},
        {"http://h/{id", "\"{\" without \"}\""},
        {"http://h/{}", "{} is not a parameter"},
        {"http://h/{user}", "{user} is not a parameter of the route's path"},
        {"http://h/{ID}", "{ID} is not a parameter"},
        {"http://h/?{id}=x", "must not stand in the name of a query field"},
        {"http://h/?a=b&{id}", "must not stand in the name of a query field"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct config_why why = {""};
        struct config_url url = {NULL, NULL, 0};

        cr_expect(!config_url_parse(cases[i].text, params, 2, &url, &why), "%s", cases[i].text);
        cr_expect(strstr(why.text, cases[i].why) != NULL, "%s: %s", cases[i].text, why.text);
        cr_expect(!strstr(why.text, "s3") && !strstr(why.text, "cret"), "%s", why.text);
        cr_expect(url.origin == NULL && url.parts == NULL);
    }
}

Test(config_url, base_urls)
{
    struct config_why why;
    struct config_url url;
    char host[400];

    cr_expect(config_url_is_base("http://h:1/base/", &why));
    cr_expect(!config_url_is_base("http://h:1/base?x=y", &why));
    cr_expect_str_eq(why.text, "a base URL must not hold a query");
    cr_expect(!config_url_is_base("http://h:1/{id}", &why));
    cr_expect(config_url_parse("http://h/{any}", NULL, CONFIG_URL_ANY_PARAM, &url, &why));
    config_url_done(&url);
    memcpy(host, "http://", 7);
    memset(host + 7, 'a', sizeof(host) - 8);
    host[sizeof(host) - 1] = '\0';
    cr_expect(!config_url_is_base(host, &why));
    cr_expect_str_eq(why.text, "the host is too long");
}
