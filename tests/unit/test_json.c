/* The JSON check against tables of valid and invalid texts. */
#include "json.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

struct row {
    const char *name;
    const char *text;
    size_t len;
    enum json_type type;
};

/* clang-format off */
#define ROW(type, text) {#text, text, sizeof(text) - 1, JSON_##type}
/* clang-format on */
#define BAD(text) ROW(INVALID, text)
#define COUNT(a)  (sizeof(a) / sizeof(*(a)))

/* Checks a copy that ends where its memory ends, so that a sanitizer sees a byte read too far. */
static enum json_type check(const char *text, size_t len, unsigned max_depth)
{
    char *copy = malloc(len ? len : 1);
    enum json_type type;

    cr_assert_not_null(copy);
    memcpy(copy, text, len);
    type = json_check(copy, len, max_depth, NULL, NULL);
    free(copy);
    return type;
}

static void run(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        enum json_type type = check(rows[i].text, rows[i].len, 64);

        cr_expect_eq(type, rows[i].type, "%s: %d, expected %d", rows[i].name, (int)type,
                     (int)rows[i].type);
    }
}

Test(json, scalars)
{
    static const struct row rows[] = {
        ROW(TRUE, "true"),
        ROW(FALSE, "false"),
        ROW(NULL, "null"),
        ROW(TRUE, " true "),
        ROW(STRING, "\"\""),
        ROW(STRING, "\"a\""),
        ROW(NUMBER, "0"),
        ROW(NUMBER, "\t\r\n 1 \t\r\n"),
        BAD(""),
        BAD(" "),
        BAD("\n\n"),
        BAD("t"),
        BAD("tru"),
        BAD("truE"),
        BAD("True"),
        BAD("TRUE"),
        BAD("truee"),
        BAD("true false"),
        BAD("fals"),
        BAD("falsy"),
        BAD("nul"),
        BAD("nulL"),
        BAD("NULL"),
        BAD("undefined"),
        BAD("NaN"),
        BAD("nan"),
        BAD("Infinity"),
        BAD("-Infinity"),
        BAD("'a'"),
        BAD("a"),
        BAD("\\"),
        BAD("1\0"),
        BAD("\0"),
        BAD("true\0true"),
        BAD("\xef\xbb\xbf{}"),
        BAD("\xff\xfe[\0]\0"),
        BAD("1 /* one */"),
        BAD("// one\n1"),
        BAD("#1"),
        BAD("\v1"),
        BAD("\f1"),
        BAD("1\x01"),
        BAD("\xc2\xa0"
            "1"),
        BAD("\xe2\x80\xa8"
            "1"),
        BAD("\xe2\x81\xa0[]"),
    };

    run(rows, COUNT(rows));
}

Test(json, numbers)
{
    static const struct row rows[] = {
        ROW(NUMBER, "-0"),
        ROW(NUMBER, "-1"),
        ROW(NUMBER, "0.0"),
        ROW(NUMBER, "1.10"),
        ROW(NUMBER, "-0.5"),
        ROW(NUMBER, "0e0"),
        ROW(NUMBER, "0E+1"),
        ROW(NUMBER, "1e-2"),
        ROW(NUMBER, "1.5e10"),
        ROW(NUMBER, "1e400"),
        ROW(NUMBER, "-1e-99999"),
        ROW(NUMBER, "9007199254740993"),
        ROW(NUMBER, "18446744073709551616"),
        ROW(NUMBER, "0.000000000000000000000000000000000000000000000000000000001"),
        ROW(ARRAY, "[1,-2,3.4e5]"),
        BAD("-"),
        BAD("+1"),
        BAD("++1"),
        BAD("--1"),
        BAD("- 1"),
        BAD("-a"),
        BAD("-.5"),
        BAD("00"),
        BAD("01"),
        BAD("-01"),
        BAD("-00"),
        BAD("012.5"),
        BAD("1."),
        BAD("1.e1"),
        BAD("-1."),
        BAD(".5"),
        BAD("0.3.4"),
        BAD("1..2"),
        BAD("1.5e"),
        BAD("1e"),
        BAD("1e+"),
        BAD("1E-"),
        BAD("1ee2"),
        BAD("1e1.5"),
        BAD("1e 2"),
        BAD("1 2"),
        BAD("1 000"),
        BAD("1,000"),
        BAD("1_000"),
        BAD("0x1"),
        BAD("0b1"),
        BAD("1f"),
        BAD("1L"),
        BAD("\xef\xbc\x91"),
        BAD("[1e]"),
        BAD("[-]"),
        BAD("[0.]"),
        BAD("[1a]"),
    };

    run(rows, COUNT(rows));
}

Test(json, strings)
{
    static const struct row rows[] = {
        ROW(STRING, "\"\\\"\""),
        ROW(STRING, "\"\\\\\""),
        ROW(STRING, "\"\\/\\b\\f\\n\\r\\t\""),
        ROW(STRING, "\"\\u0000\""),
        ROW(STRING, "\"\\uabCD\\uEF01\""),
        ROW(STRING, "\"\\ud83d\\ude00\""),
        ROW(STRING, "\"\\ud800\""),
        ROW(STRING, "\"\\udc00\\ud800\""),
        ROW(STRING, "\"\\ud800\\n\""),
        ROW(STRING, "\"\\uffff\""),
        ROW(STRING, "\"\x7f\""),
        ROW(STRING, "\"/\""),
        ROW(STRING, "\"'\""),
        ROW(STRING, "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""),
        ROW(STRING, "\"\xe2\x80\xa8\xe2\x80\xa9\""),
        ROW(STRING, "\"\xef\xbb\xbf\""),
        ROW(STRING, "\"\xef\xbf\xbf\""),
        ROW(STRING, "\"0123456789abcdefghijklmnopqrstuvwxyz\""),
        BAD("\""),
        BAD("\"a"),
        BAD("a\""),
        BAD("\"\"\""),
        BAD("\"a\" \"b\""),
        BAD("\"\\\""),
        BAD("\"\\"),
        BAD("\"\\a\""),
        BAD("\"\\v\""),
        BAD("\"\\0\""),
        BAD("\"\\x41\""),
        BAD("\"\\'\""),
        BAD("\"\\ \""),
        BAD("\"\\U0041\""),
        BAD("\"\\N\""),
        BAD("\"\\\xc3\xa9\""),
        BAD("\"\\\n\""),
        BAD("\"\\u\""),
        BAD("\"\\u0\""),
        BAD("\"\\u00\""),
        BAD("\"\\u004\""),
        BAD("\"\\u004g\""),
        BAD("\"\\u 041\""),
        BAD("\"\\u+041\""),
        BAD("\"\\ud800\\u\""),
        BAD("\"\\ud800\\u1\""),
        BAD("\"\\u{41}\""),
        BAD("\"\\u004"),
        BAD("\"a\nb\""),
        BAD("\"a\tb\""),
        BAD("\"a\rb\""),
        BAD("\"\0\""),
        BAD("\"\x1f\""),
        BAD("\"\x80\""),
        BAD("\"\xff\""),
        BAD("\"\xe9\""),
        BAD("\"\xc0\xaf\""),
        BAD("\"\xc1\xbf\""),
        BAD("\"\xe0\x9f\xbf\""),
        BAD("\"\xf0\x8f\xbf\xbf\""),
        BAD("\"\xed\xa0\x80\""),
        BAD("\"\xed\xbf\xbf\""),
        BAD("\"\xed\xa0\xbd\xed\xb8\x80\""),
        BAD("\"\xf4\x90\x80\x80\""),
        BAD("\"\xf5\x80\x80\x80\""),
        BAD("\"\xf8\x88\x80\x80\x80\""),
        BAD("\"\xfc\x84\x80\x80\x80\x80\""),
        BAD("\"\xc3\""),
        BAD("\"\xc3"),
        BAD("\"\xe2\x82\""),
        BAD("\"\xe2\x82"),
        BAD("\"\xf0\x9f\x98\""),
        BAD("\"\xf0\x9f\x98"),
        BAD("\"\xc3\xc3\xa9\""),
        BAD("\"\xc3\xa9\xa9\""),
        BAD("[\"\xe2\x82\",1]"),
    };

    run(rows, COUNT(rows));
}

Test(json, arrays)
{
    static const struct row rows[] = {
        ROW(ARRAY, "[]"),
        ROW(ARRAY, "[ ]"),
        ROW(ARRAY, "[\n\t\r ]"),
        ROW(ARRAY, "[1]"),
        ROW(ARRAY, "[ 1 , 2 ]"),
        ROW(ARRAY, "[[],[[]],{}]"),
        ROW(ARRAY, "[null,true,false,\"\",0,{},[]]"),
        ROW(ARRAY, "[\"a\"]"),
        BAD("["),
        BAD("]"),
        BAD("[]]"),
        BAD("[[]"),
        BAD("[1"),
        BAD("[1,"),
        BAD("[1,]"),
        BAD("[,]"),
        BAD("[,1]"),
        BAD("[1,,2]"),
        BAD("[1 2]"),
        BAD("[1;2]"),
        BAD("[1:2]"),
        BAD("[1}"),
        BAD("[}"),
        BAD("[][]"),
        BAD("[] []"),
        BAD("[],"),
        BAD("[]a"),
        BAD("[]\0"),
        BAD("[\0]"),
        BAD("[1\0]"),
        BAD("[\"a\",\n4\n,1,"),
        BAD("[a]"),
        BAD("[\"a\""),
        BAD("[\"a]"),
        BAD("[*]"),
        BAD("[/**/]"),
        BAD("<[]>"),
        BAD("[\f]"),
        BAD("[...]"),
        BAD("[tru]"),
        BAD("[nul"),
    };

    run(rows, COUNT(rows));
}

Test(json, objects)
{
    static const struct row rows[] = {
        ROW(OBJECT, "{}"),
        ROW(OBJECT, "{ }"),
        ROW(OBJECT, "{\"\":0}"),
        ROW(OBJECT, "{\"a\":1,\"a\":2}"),
        ROW(OBJECT, "{\"a\" : 1 , \"b\" : [ ] }"),
        ROW(OBJECT, "{\"a\":{\"b\":{\"c\":null}}}"),
        ROW(OBJECT, "{\"\\u0061\":\"\\u0000\"}"),
        ROW(OBJECT, "{\"k\":[{},{\"x\":[]}]}"),
        BAD("{"),
        BAD("}"),
        BAD("{}}"),
        BAD("{{}}"),
        BAD("{]"),
        BAD("{\"a\"}"),
        BAD("{\"a\":}"),
        BAD("{\"a\":]"),
        BAD("{\"a\"1}"),
        BAD("{\"a\",1}"),
        BAD("{\"a\"::1}"),
        BAD("{\"a\"=1}"),
        BAD("{:1}"),
        BAD("{1:1}"),
        BAD("{a:1}"),
        BAD("{'a':1}"),
        BAD("{null:1}"),
        BAD("{[]:1}"),
        BAD("{\"a\":1,}"),
        BAD("{\"a\":1,,}"),
        BAD("{,\"a\":1}"),
        BAD("{\"a\":1 \"b\":2}"),
        BAD("{\"a\":1,\"b\"}"),
        BAD("{\"a\":1,\"b\":}"),
        BAD("{\"a\":1]"),
        BAD("{\"a\":1"),
        BAD("{\"a\":"),
        BAD("{\"a\""),
        BAD("{\"a"),
        BAD("{\"a\":1}x"),
        BAD("{\"a\":1}{}"),
        BAD("{\"a\":1}/**/"),
        BAD("{\"a\":\"b}"),
        BAD("{\"a\xff\":1}"),
        BAD("{\"a\":[1}"),
        BAD("[{\"a\":1]}"),
    };

    run(rows, COUNT(rows));
}
