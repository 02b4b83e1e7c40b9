#include <criterion/criterion.h>
#include <string.h>

#include "config_json.h"
#include "config_locate.h"

/* Opens text and leaves the problems in out. */
static bool open_text(struct config_doc *doc, const char *text, struct config_problems *problems,
                      struct buf *out)
{
    buf_init(out, 1 << 16);
    *problems = (struct config_problems){.out = out};
    *doc = (struct config_doc){.name = "D", .problems = problems};
    return config_json_open(doc, text, strlen(text));
}

Test(config_json, faults_name_line_and_column)
{
    static const struct {
        const char *text, *problem;
    } cases[] = {
        {"", "D: line 1, column 1: not valid JSON: the text ends here\n"},
        {"{", "D: line 1, column 2: not valid JSON: a key in quotes is expected\n"},
        {"{\n  \"a\": 1,\n  }",
         "D: line 3, column 3: not valid JSON: a key in quotes is expected\n"},
        {"{\"a\" 1}", "D: line 1, column 6: not valid JSON: \":\" is expected\n"},
        {"{\"a\":1 \"b\":2}", "D: line 1, column 8: not valid JSON: \",\" or \"}\" is expected\n"},
        {"[1,\n2\n3]", "D: line 3, column 1: not valid JSON: \",\" or \"]\" is expected\n"},
        {"[1,]", "D: line 1, column 4: not valid JSON: a value is expected\n"},
        {"{} x", "D: line 1, column 4: not valid JSON: nothing may follow the value\n"},
        {"// c\n{}", "D: line 1, column 1: not valid JSON: a value is expected\n"},
        {"[01]", "D: line 1, column 3: not valid JSON: a number must not begin with 0\n"},
        {"[1.]", "D: line 1, column 4: not valid JSON: a digit is expected\n"},
        {"[-]", "D: line 1, column 3: not valid JSON: a digit is expected\n"},
        {"[1e+]", "D: line 1, column 5: not valid JSON: a digit is expected\n"},
        {"[truth]", "D: line 1, column 5: not valid JSON: a value is expected\n"},
        {"[\"a\tb\"]", "D: line 1, column 4: not valid JSON: a control byte in a string\n"},
        {"[\"\\x\"]", "D: line 1, column 4: not valid JSON: this escape is not known\n"},
        {"[\"\\u12g4\"]", "D: line 1, column 7: not valid JSON: four hexadecimal digits are "
                          "expected\n"},
        {"[\"\xff\"]", "D: line 1, column 3: not valid JSON: not valid UTF-8\n"},
        {"[\"a", "D: line 1, column 4: not valid JSON: a string without its end\n"},
        {"\xef\xbb\xbf{}", "D: line 1, column 1: not valid JSON: a byte order mark\n"},
        {"\v{}", "D: line 1, column 1: not valid JSON: a value is expected\n"},
        {"[\"\\u0000\"]", "D: line 1, column 3: not valid JSON: \\u0000 in a string\n"},
        {"\n[\"\\ud800\"]", "D: line 2, column 3: not valid JSON: an escape that is no character "
                            "(or memory is out)\n"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct config_doc doc;
        struct config_problems problems;
        struct buf out;

        cr_expect(!open_text(&doc, cases[i].text, &problems, &out), "%s", cases[i].text);
        cr_expect_str_eq(buf_cstr(&out), cases[i].problem);
        config_json_close(&doc);
        buf_done(&out);
    }
}

Test(config_json, depth_is_limited)
{
    char text[2 * (CONFIG_JSON_DEPTH + 1) + 1];

    for (size_t depth = CONFIG_JSON_DEPTH; depth <= CONFIG_JSON_DEPTH + 1; depth++) {
        struct config_doc doc;
        struct config_problems problems;
        struct buf out;
        bool good;

        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        text[2 * depth] = '\0';
        good = open_text(&doc, text, &problems, &out);
        cr_expect_eq(good, depth == CONFIG_JSON_DEPTH);
        cr_expect(good || strstr(buf_cstr(&out), "column 65: not valid JSON: nested too deeply"));
        config_json_close(&doc);
        buf_done(&out);
    }
}

Test(config_json, hostile_depth_is_harmless)
{
    static char text[1 << 20];
    struct config_fault fault;

    memset(text, '[', sizeof(text));
    cr_expect(config_locate_fault(text, sizeof(text), CONFIG_JSON_DEPTH, &fault));
    cr_expect_str_eq(fault.why, "nested too deeply");
}

Test(config_json, duplicate_keys_are_named_by_pointer)
{
    static const struct {
        const char *text, *problems;
    } cases[] = {
        {"{\"a\":1,\"A\":2}", ""},
        {"{\"a\":1,\"b\":2,\"a\":3,\"a\":4}", "D: /a: duplicate key\n"},
        {"{\"x\":[0,{\"a~/b\":1,\"a~/b\":2}]}", "D: /x/1/a~0~1b: duplicate key\n"},
        {"{\"a\":1,\"\\u0061\":2}", "D: /a: duplicate key\n"},
        {"{\"\":1,\"\":2}", "D: /: duplicate key\n"},
        {"[{\"a\":1,\"a\":2},{\"b\":1,\"b\":2}]", "D: /0/a: duplicate key\n"
                                                  "D: /1/b: duplicate key\n"},
        {"{\"a\\nb\":1,\"a\\nb\":2}", "D: /a?b: duplicate key\n"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct config_doc doc;
        struct config_problems problems;
        struct buf out;

        cr_expect(open_text(&doc, cases[i].text, &problems, &out), "%s", cases[i].text);
        cr_expect_str_eq(buf_cstr(&out), cases[i].problems);
        config_json_close(&doc);
        buf_done(&out);
    }
}

Test(config_json, values_keep_their_bytes)
{
    static const char text[] =
        " { \"a\" : 1.10 , \"b\\\"]\":[ {} , \"]}\\\"\" ],\"c\":{\"d\":null},"
        "\"e\":-0.0e+5,\"f\":true}\n";
    static const struct {
        const char *key, *raw;
        enum json_type type;
    } cases[] = {
        {"a", "1.10", JSON_NUMBER},         {"b\"]", "[ {} , \"]}\\\"\" ]", JSON_ARRAY},
        {"c", "{\"d\":null}", JSON_OBJECT}, {"e", "-0.0e+5", JSON_NUMBER},
        {"f", "true", JSON_TRUE},
    };
    struct config_doc doc;
    struct config_problems problems;
    struct config_node node;
    struct buf out;
    size_t i = 0;

    cr_assert(open_text(&doc, text, &problems, &out), "%s", buf_cstr(&out));
    for (node = config_json_first(&doc.root); node.json; node = config_json_next(&node), i++) {
        cr_assert(i < sizeof(cases) / sizeof(*cases));
        cr_expect_str_eq(config_json_key(&node), cases[i].key);
        cr_expect(node.raw_len == strlen(cases[i].raw) &&
                      memcmp(node.raw, cases[i].raw, node.raw_len) == 0,
                  "%s: %.*s", cases[i].key, (int)node.raw_len, node.raw);
        cr_expect_eq(config_json_type(&node), cases[i].type, "%s", cases[i].key);
    }
    cr_expect_eq(i, config_json_count(&doc.root));
    node = config_json_member(&doc.root, "c");
    cr_assert(node.json != NULL);
    node = config_json_member(&node, "d");
    cr_assert(node.json != NULL);
    cr_expect_eq(config_json_type(&node), JSON_NULL);
    cr_expect(config_json_member(&doc.root, "none").json == NULL);
    config_json_close(&doc);
    buf_done(&out);
}
