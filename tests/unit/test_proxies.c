#include "proxies.h"

#include "config_problem.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define LISTS    4

static void read_list(struct proxies *p, const char *text)
{
    struct config_why why;

    cr_assert(proxies_read(text, p, &why), "%s: %s", text, why.text);
}

/* A head with these X-Forwarded-For lists and other headers around them. */
static void fill(struct gate_head *head, const char *const *lists)
{
    static const char *const names[] = {"X-Forwarded-For", "x-forwarded-for", "X-FORWARDED-FOR"};

    memset(head, 0, sizeof(*head));
    head->headers[head->n_headers++] = (struct gate_header){{"Host", 4}, {"7.7.7.7", 7}};
    for (size_t i = 0; i < LISTS && lists[i] != NULL; i++) {
        const char *name = names[i % COUNT(names)];

        head->headers[head->n_headers++] =
            (struct gate_header){{name, strlen(name)}, {lists[i], strlen(lists[i])}};
        head->headers[head->n_headers++] =
            (struct gate_header){{"X-Forwarded-Host", 16}, {"8.8.8.8", 7}};
    }
}

Test(proxies, trusts_what_the_list_holds)
{
    static const struct {
        const char *list, *address;
        bool trusted;
    } rows[] = {
        {"10.1.2.3", "10.1.2.3", true},
        {"10.1.2.3", "10.1.2.4", false},
        {"10.1.2.3/32", "10.1.2.3", true},
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "9.255.255.255", false},
        {"172.16.0.0/12", "172.31.255.255", true},
        {"172.16.0.0/12", "172.32.0.0", false},
        {"192.0.2.128/25", "192.0.2.128", true},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"192.0.2.4/31", "192.0.2.5", true},
        {"192.0.2.4/31", "192.0.2.6", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "203.0.113.9", false},
        {"::/0", "::ffff:203.0.113.9", false},
        {"2001:db8::/32", "2001:db8:ffff::1", true},
        {"2001:db8::/32", "2001:db9::1", false},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"2001:DB8::1", "2001:db8:0:0::1", true},
        {"::1", "::1", true},
        {"::1", "127.0.0.1", false},
        {"::ffff:10.0.0.0/104", "10.2.3.4", true},
        {"::ffff:10.1.2.3", "10.1.2.3", true},
        {"::ffff:10.1.2.3", "10.1.2.4", false},
        {"10.0.0.0/8", "::ffff:10.2.3.4", true},
        {" 10.0.0.1 ,\t192.168.0.0/16 , ::1", "192.168.7.7", true},
        {" 10.0.0.1 ,\t192.168.0.0/16 , ::1", "::1", true},
        {" 10.0.0.1 ,\t192.168.0.0/16 , ::1", "10.0.0.2", false},
        {"0.0.0.0/0,::/0", "", false},
        {"0.0.0.0/0,::/0", "localhost", false},
        {"0.0.0.0/0,::/0", "fe80::1%lo", false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct proxies p;

        read_list(&p, rows[i].list);
        cr_expect_eq(proxies_trust(&p, rows[i].address), rows[i].trusted, "%s in %s",
                     rows[i].address, rows[i].list);
        proxies_done(&p);
        cr_expect_not(proxies_trust(&p, rows[i].address), "an empty list trusts nobody");
    }
}

Test(proxies, says_why_a_list_is_refused)
{
    static const struct {
        const char *list, *why;
    } rows[] = {
        {"", "\"\" is not an address or a network (write for example \"10.1.2.3\""},
        {"10.0.0.1,", "\"\" is not an address"},
        {",10.0.0.1", "\"\" is not an address"},
        {"10.0.0.1,,::1", "\"\" is not an address"},
        {"10.0.0.1 ::1", "\"10.0.0.1 ::1\" is not an address"},
        {"10.0.0.300", "\"10.0.0.300\" is not an address"},
        {"10.0.0", "\"10.0.0\" is not an address"},
        {"010.0.0.1", "\"010.0.0.1\" is not an address"},
        {"10.0.0.0/33", "\"10.0.0.0/33\" is not an address"},
        {"10.0.0.0/", "\"10.0.0.0/\" is not an address"},
        {"10.0.0.0/-1", "\"10.0.0.0/-1\" is not an address"},
        {"10.0.0.0/+8", "\"10.0.0.0/+8\" is not an address"},
        {"10.0.0.0/8/8", "\"10.0.0.0/8/8\" is not an address"},
        {"10.0.0.0/255.0.0.0", "\"10.0.0.0/255.0.0.0\" is not an address"},
        {"10.0.0.1:80", "\"10.0.0.1:80\" is not an address"},
        {"[::1]", "\"[::1]\" is not an address"},
        {"::1/129", "\"::1/129\" is not an address"},
        {"::ffff:10.0.0.0/95", "\"::ffff:10.0.0.0/95\" is not an address"},
        {"unix:", "\"unix:\" is not an address"},
        {"edge.example", "\"edge.example\" is not an address"},
        {"10.0.0.1/8", "(write \"10.0.0.0/8\" for the network)"},
        {"2001:db8::1/32", "(write \"2001:db8::/32\" for the network)"},
        {"::ffff:10.0.0.1/104", "(write \"10.0.0.0/8\" for the network)"},
        {"192.0.2.1/31", "(write \"192.0.2.0/31\" for the network)"},
    };
    struct proxies p = {NULL, 77};
    struct config_why why;

    for (size_t i = 0; i < COUNT(rows); i++) {
        cr_expect_not(proxies_read(rows[i].list, &p, &why), "%s", rows[i].list);
        cr_expect(strstr(why.text, rows[i].why) != NULL, "%s: %s", rows[i].list, why.text);
    }
    cr_expect(p.ranges == NULL && p.n == 77, "left as it was");
}

Test(proxies, refuses_a_list_without_end)
{
    static char text[1025 * 8 + 1];
    struct proxies p;
    struct config_why why;

    for (size_t i = 0; i < 1025; i++)
        memcpy(text + 8 * i, i ? ",1.2.3.4" : " 1.2.3.4", 8);
    cr_expect_not(proxies_read(text, &p, &why));
    cr_expect_str_eq(why.text, "has 1025 entries, more than 1024");
    text[1024 * 8] = '\0';
    read_list(&p, text);
    cr_expect_eq(p.n, 1024);
    proxies_done(&p);
}

Test(proxies, finds_the_client_from_the_right)
{
    static const struct {
        const char *lists[LISTS], *client;
    } rows[] = {
        {{NULL}, "10.0.0.9"},
        {{""}, "10.0.0.9"},
        {{"203.0.113.7"}, "203.0.113.7"},
        {{"203.0.113.7, 10.0.0.1"}, "203.0.113.7"},
        {{"203.0.113.7,10.0.0.1 ,\t10.0.0.2"}, "203.0.113.7"},
        /* what the client itself has written stands left of what the proxies have */
        {{"1.1.1.1, 203.0.113.7"}, "203.0.113.7"},
        {{"127.0.0.1, 10.0.0.3, 203.0.113.7, 10.0.0.1"}, "203.0.113.7"},
        /* all trusted: the one that is farthest away */
        {{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
        /* several lines are one list, in their order */
        {{"1.1.1.1", "203.0.113.7"}, "203.0.113.7"},
        {{"203.0.113.7", "10.0.0.1"}, "203.0.113.7"},
        {{"1.1.1.1, 2.2.2.2", "203.0.113.7, 10.0.0.4", "10.0.0.1"}, "203.0.113.7"},
        {{"203.0.113.7", "", " , "}, "203.0.113.7"},
        /* empty entries are passed over */
        {{"203.0.113.7,, ,10.0.0.1,"}, "203.0.113.7"},
        /* what is no address ends the walk at the last good one */
        {{"unknown"}, "10.0.0.9"},
        {{"203.0.113.7, unknown"}, "10.0.0.9"},
        {{"203.0.113.7, unknown, 10.0.0.1"}, "10.0.0.1"},
        {{"203.0.113.7, 10.0.0.256, 10.0.0.1"}, "10.0.0.1"},
        {{"203.0.113.7 10.0.0.1"}, "10.0.0.9"},
        {{"203.0.113.7", "_hidden", "10.0.0.1"}, "10.0.0.1"},
        {{"\"203.0.113.7\""}, "10.0.0.9"},
        {{"203.0.113.7\x80"}, "10.0.0.9"},
        {{"2001:db8::7%eth0"}, "10.0.0.9"},
        {{"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb"}, "10.0.0.9"},
        /* other ways to write an address */
        {{"2001:DB8:0::7"}, "2001:db8::7"},
        {{"2001:db8::7, fd00::1"}, "2001:db8::7"},
        {{"[2001:db8::7]"}, "2001:db8::7"},
        {{"[2001:db8::7]:4711"}, "2001:db8::7"},
        {{"203.0.113.7:4711"}, "203.0.113.7"},
        {{"::ffff:203.0.113.7"}, "203.0.113.7"},
        {{"203.0.113.7, ::ffff:10.1.1.1"}, "203.0.113.7"},
        {{"203.0.113.7, [fd00::2]:1, 10.0.0.1:65535"}, "203.0.113.7"},
        {{"203.0.113.7:65536"}, "10.0.0.9"},
        {{"203.0.113.7:"}, "10.0.0.9"},
        {{"203.0.113.7:+1"}, "10.0.0.9"},
        {{"[2001:db8::7"}, "10.0.0.9"},
        {{"[2001:db8::7]x"}, "10.0.0.9"},
        {{"[203.0.113.7]:1"}, "10.0.0.9"},
        {{"[]:1"}, "10.0.0.9"},
        {{":1"}, "10.0.0.9"},
        {{":"}, "10.0.0.9"},
        {{"["}, "10.0.0.9"},
    };
    static struct gate_head head;
    struct proxies p;
    char found[PROXIES_TEXT];

    read_list(&p, "10.0.0.0/8, fd00::/8");
    for (size_t i = 0; i < COUNT(rows); i++) {
        fill(&head, rows[i].lists);
        proxies_client(&p, &head, "10.0.0.9", found);
        cr_expect_str_eq(found, rows[i].client, "row %zu, \"%s\": %s", i,
                         rows[i].lists[0] ? rows[i].lists[0] : "", found);
    }
    proxies_done(&p);
}

Test(proxies, walks_a_hundred_hops_at_the_most)
{
    static char text[102 * 11 + 1];
    static struct gate_head head;
    struct proxies p;
    char found[PROXIES_TEXT];

    read_list(&p, "10.0.0.0/8");
    for (int i = 0; i < 102; i++)
        snprintf(text + 11 * i, 12, "10.1.1.%u,", (unsigned char)(100 + i));
    memset(&head, 0, sizeof(head));
    head.n_headers = 1;
    head.headers[0] = (struct gate_header){{"X-Forwarded-For", 15}, {text, strlen(text)}};
    proxies_client(&p, &head, "10.0.0.9", found);
    cr_expect_str_eq(found, "10.1.1.102", "%s", found);
    proxies_done(&p);
}

Test(proxies, sends_on_the_list_with_the_peer_behind_it)
{
    static const struct {
        const char *lists[LISTS];
        bool believed;
        const char *text;
    } rows[] = {
        {{NULL}, true, "10.0.0.9"},
        {{NULL}, false, "10.0.0.9"},
        {{"203.0.113.7"}, true, "203.0.113.7, 10.0.0.9"},
        {{"203.0.113.7"}, false, "10.0.0.9"},
        {{"a, b", "", "203.0.113.7,10.0.0.1"}, true, "a, b, 203.0.113.7,10.0.0.1, 10.0.0.9"},
    };
    static struct gate_head head;
    char out[64];

    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t len = strlen(rows[i].text);

        fill(&head, rows[i].lists);
        cr_expect_eq(proxies_forwarded(&head, rows[i].believed, "10.0.0.9", NULL, 0), len);
        for (size_t size = 1; size <= len + 2; size++) {
            memset(out, 'x', sizeof(out));
            cr_expect_eq(proxies_forwarded(&head, rows[i].believed, "10.0.0.9", out, size), len);
            cr_expect(strncmp(out, rows[i].text, size - 1) == 0 && out[size] == 'x', "%s", out);
            cr_expect_eq(strlen(out), size - 1 < len ? size - 1 : len, "%s", out);
        }
    }
}
