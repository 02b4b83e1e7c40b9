#include <criterion/criterion.h>
#include <string.h>

#include "config_env.h"

/* Reads text as an env file called F; the problems go to out. */
static void read_text(struct config_env *env, const char *text, size_t len, struct buf *out)
{
    struct config_problems problems = {.out = out};

    buf_init(out, 1 << 16);
    *env = (struct config_env){.file = "F"};
    config_env_read(env, text, len, &problems);
}

Test(config_env, values)
{
    static const struct {
        const char *line, *name, *value;
    } cases[] = {
        {"A=b", "A", "b"},
        {"A=b\n", "A", "b"},
        {"A=b\r\n", "A", "b"},
        {"  A=b", "A", "b"},
        {"A=  b  ", "A", "b"},
        {"A=b c\td ", "A", "b c\td"},
        {"export A=b", "A", "b"},
        {"export\t A=b", "A", "b"},
        {"exported=b", "exported", "b"},
        {"export=b", "export", "b"},
        {"_a9=b=c=d", "_a9", "b=c=d"},
        {"A=b#c", "A", "b#c"},
        {"A=b # c", "A", "b"},
        {"A=b\t# c", "A", "b"},
        {"A='b # c'", "A", "b # c"},
        {"A=\"b # c\" # d", "A", "b # c"},
        {"A='b' ", "A", "b"},
        {"A='b\"c\\'", "A", "b\"c\\"},
        {"A=\"b'c\\\"d\\\\e\\n\\$f\"", "A", "b'c\"d\\e\\n$f"},
        {"A=b\"c\"", "A", "b\"c\""},
        {"A=' b '", "A", " b "},
        {"A=\xc3\xbc", "A", "\xc3\xbc"},
        {"A=${B}", "A", "${B}"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct config_env env;
        struct buf out;
        const char *value;

        read_text(&env, cases[i].line, strlen(cases[i].line), &out);
        value = config_env_get(&env, cases[i].name, strlen(cases[i].name));
        cr_expect_str_eq(buf_cstr(&out), "");
        cr_expect(value && strcmp(value, cases[i].value) == 0, "%s: %s", cases[i].line, value);
        config_env_close(&env);
        buf_done(&out);
    }
}

Test(config_env, empty_lines_and_comments_say_nothing)
{
    static const char text[] = "\n\r\n   \n# a\n  # b=c\n\t\nA=\nB=''\nC= # c\n";
    struct config_env env;
    struct buf out;

    read_text(&env, text, strlen(text), &out);
    cr_expect_str_eq(buf_cstr(&out), "");
    cr_expect_eq(env.n_entries, 3);
    cr_expect(!config_env_get(&env, "A", 1) && !config_env_get(&env, "B", 1) &&
              !config_env_get(&env, "C", 1));
    config_env_close(&env);
    buf_done(&out);
}

Test(config_env, faults_name_the_line_and_keep_secrets)
{
    static const struct {
        const char *text, *problem;
    } cases[] = {
        {"A=1\n\ns3cret\n", "F:3: not of the form NAME=VALUE\n"},
        {"A =s3cret", "F:1: not of the form NAME=VALUE\n"},
        {"1A=s3cret", "F:1: not of the form NAME=VALUE\n"},
        {"A-B=s3cret", "F:1: not of the form NAME=VALUE\n"},
        {"=s3cret", "F:1: not of the form NAME=VALUE\n"},
        {"export", "F:1: not of the form NAME=VALUE\n"},
        {"export A", "F:1: not of the form NAME=VALUE\n"},
        {"A='s3cret", "F:1: a quote without its end\n"},
        {"A=\"s3cret\\\"", "F:1: a quote without its end\n"},
        {"A=\"", "F:1: a quote without its end\n"},
        {"A='s3cret' x", "F:1: nothing may follow the closing quote\n"},
        {"A='s3'cret", "F:1: nothing may follow the closing quote\n"},
        {"A=s3cret\nB=2\nA=s3cret\n", "F:3: A is set in line 1 already\n"},
        {"\xef\xbb\xbf"
         "A=s3cret",
         "F:1: not of the form NAME=VALUE\n"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct config_env env;
        struct buf out;

        read_text(&env, cases[i].text, strlen(cases[i].text), &out);
        cr_expect_str_eq(buf_cstr(&out), cases[i].problem);
        config_env_close(&env);
        buf_done(&out);
    }
}

Test(config_env, nul_bytes_are_faults)
{
    struct config_env env;
    struct buf out;

    read_text(&env, "A=1\nB=\0x\nC=3", 12, &out);
    cr_expect_str_eq(buf_cstr(&out), "F:2: a NUL byte\n");
    cr_expect_eq(env.n_entries, 2);
    config_env_close(&env);
    buf_done(&out);
}

Test(config_env, names_are_checked)
{
    static const struct {
        const char *variable, *document, *problem;
        bool kubernetes;
    } cases[] = {
        {"WEIR_BUDGET=1", NULL, "", false},
        {"WEIRD=1", NULL, "", false},
        {"PATH=1", NULL, "", false},
        {"no equals sign", NULL, "", false},
        {"WEIR_LISTN=1", NULL, "WEIR_LISTN: unknown option (did you mean WEIR_LISTEN?)\n", false},
        {"WEIR_MAX_INFLIGHT=1", "",
         "WEIR_MAX_INFLIGHT: unknown option (did you mean WEIR_MAX_IN_FLIGHT?)\n", false},
        {"WEIR_NOTHING_LIKE_IT=1", NULL, "WEIR_NOTHING_LIKE_IT: unknown option\n", false},
        {"weir_budget=1", NULL, "", false},
        {"WEIR_KEY=s3cret", "{\"a\": \"${WEIR_KEY}\"}", "", false},
        {"WEIR_KEY=s3cret", "WEIR_KEY ${WEIR_KEYS} $WEIR_KEY", "WEIR_KEY: unknown option\n", false},
        {"WEIR_SERVICE_HOST=10.0.0.1", NULL, "WEIR_SERVICE_HOST: unknown option\n", false},
        {"WEIR_SERVICE_HOST=10.0.0.1", NULL, "", true},
        {"WEIR_SERVICE_PORT=8080", NULL, "", true},
        {"WEIR_SERVICE_PORT_HTTP=8080", NULL, "", true},
        {"WEIR_STANDIN_SERVICE_PORT=9101", NULL, "", true},
        {"WEIR_PORT=tcp://10.0.0.1:8080", NULL, "", true},
        {"WEIR_PORT=8080", NULL, "WEIR_PORT: unknown option\n", true},
        {"WEIR_PORT_8080_TCP=tcp://10.0.0.1:8080", NULL, "", true},
        {"WEIR_PORT_8080_TCP_ADDR=10.0.0.1", NULL, "", true},
        {"WEIR_PORT_8080_TCP_PROTO=tcp", NULL, "", true},
        {"WEIR_PORT_8080_TCP_PORT=8080", NULL, "", true},
        {"WEIR_PORTS=1", NULL, "WEIR_PORTS: unknown option\n", true},
        {"WEIR_BUGDET=1", NULL, "WEIR_BUGDET: unknown option (did you mean WEIR_BUDGET?)\n", true},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *environment[] = {(char *)cases[i].variable, NULL, NULL};
        struct config_problems problems;
        struct config_env env = {.environ = environment};
        struct buf out;

        if (cases[i].kubernetes)
            environment[1] = (char *)"KUBERNETES_SERVICE_HOST=10.0.0.2";
        buf_init(&out, 4096);
        problems = (struct config_problems){.out = &out};
        config_env_check_names(&env, cases[i].document, &problems);
        cr_expect(strcmp(buf_cstr(&out), cases[i].problem) == 0, "%s: %s", cases[i].variable,
                  buf_cstr(&out));
        buf_done(&out);
    }
}
