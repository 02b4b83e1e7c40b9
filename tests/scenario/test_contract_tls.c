/* https upstreams: whom weir trusts, what it shows of itself, and the words for what goes wrong. */
#include "stage.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(contract_tls, .timeout = 60);

#define OPENSSL "/usr/bin/openssl"
#define EC      "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"

/* An authority and what it has signed: a server at 127.0.0.1, one of another name, a client. And a
 * server that vouches for itself. */
static const char make_keys[] =
    "cd %s && exec >keys.log 2>&1 && set -e\n"
    "openssl req -x509 " EC " -keyout ca.key -out ca.pem -subj /CN=ca\n"
    "leaf() { name=$1; shift; openssl req -x509 " EC
    " -CA ca.pem -CAkey ca.key -keyout $name.key -out $name.pem"
    " -subj /CN=$name -addext basicConstraints=critical,CA:FALSE \"$@\"; }\n"
    "leaf good -addext subjectAltName=DNS:localhost,IP:127.0.0.1\n"
    "leaf other -addext subjectAltName=DNS:other.example\n"
    "leaf client\n"
    "openssl req -x509 " EC
    " -keyout self.key -out self.pem -subj /CN=self -addext subjectAltName=IP:127.0.0.1\n"
    /* what the server answers, head and all: */
    "printf 'HTTP/1.0 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: "
    "12\\r\\n\\r\\n{\"tls\":true}' >p\n";

static void make_folder(struct scratch *s)
{
    char script[2048], *output;
    const char *env[] = {"PATH=/usr/bin:/bin", NULL}, *arguments[] = {"-c", script, NULL};

    scratch_make(s);
    snprintf(script, sizeof(script), make_keys, s->folder);
    cr_assert(access(OPENSSL, X_OK) == 0, "the package openssl is missing");
    cr_assert(program_run("/bin/sh", env, arguments, &output) == 0, "see %s/keys.log", s->folder);
    free(output);
}

/* "openssl s_server -HTTP" with a certificate of the folder and further arguments; it answers with
 * the file that is asked for. */
static struct process *serve(const struct scratch *s, const char *name, const char *more,
                             unsigned *port)
{
    char script[512];
    const char *env[] = {"PATH=/usr/bin:/bin", NULL}, *arguments[] = {"-c", script, NULL};
    struct process *p;
    const char *line;

    snprintf(script, sizeof(script),
             "cd %s && exec openssl s_server -accept 127.0.0.1:0 -HTTP -cert %s.pem -key %s.key %s",
             s->folder, name, name, more);
    p = process_start("/bin/sh", env, arguments);
    line = process_wait_line(p, "ACCEPT ", 1, 10000);
    cr_assert(line != NULL, "%s: openssl does not serve", name);
    *port = (unsigned)strtoul(strrchr(line, ':') + 1, NULL, 10);
    return p;
}

static const char *const servers[][2] = {
    {"good", ""},
    {"other", ""},
    {"self", ""},
    {"good", "-Verify 1 -verify_return_error -CAfile ca.pem -tls1_2"}};
enum { GOOD, OTHER, SELF, MUTUAL, N_SERVERS };

struct cast {
    struct scratch scratch;
    struct process *servers[N_SERVERS];
    unsigned ports[N_SERVERS];
    struct weir plain; /* speaks HTTP where TLS is expected, and refuses at the first byte */
    char document[1024];
    struct stage stage;
};

static void cast_start(struct cast *c, bool authority, bool client)
{
    char text[3][128];
    const char *settings[5] = {"WEIR_BUDGET=5s"};
    size_t n = 1;

    make_folder(&c->scratch);
    for (size_t i = 0; i < N_SERVERS; i++)
        c->servers[i] = serve(&c->scratch, servers[i][0], servers[i][1], &c->ports[i]);
    weir_start(&c->plain, NULL);
    snprintf(c->document, sizeof(c->document),
             "{\"routes\":["
             "{\"path\":\"/good\",\"upstreams\":{\"a\":{\"url\":\"https://127.0.0.1:%u/p\"}}},"
             "{\"path\":\"/other\",\"upstreams\":{\"a\":{\"url\":\"https://127.0.0.1:%u/p\"}}},"
             "{\"path\":\"/self\",\"upstreams\":{\"a\":{\"url\":\"https://127.0.0.1:%u/p\"}}},"
             "{\"path\":\"/mutual\",\"upstreams\":{\"a\":{\"url\":\"https://127.0.0.1:%u/p\"}}},"
             "{\"path\":\"/plain\",\"upstreams\":{\"a\":{\"url\":\"https://127.0.0.1:%u/p\"}}},"
             "{\"path\":\"/clear\",\"upstreams\":{\"a\":{\"url\":\"http://127.0.0.1:%u/p\"}}}"
             "]}",
             c->ports[GOOD], c->ports[OTHER], c->ports[SELF], c->ports[MUTUAL], c->plain.port,
             c->ports[GOOD]);
    snprintf(text[0], sizeof(text[0]), "WEIR_UPSTREAM_CA_FILE=%s/ca.pem", c->scratch.folder);
    snprintf(text[1], sizeof(text[1]), "WEIR_UPSTREAM_CERT_FILE=%s/client.pem", c->scratch.folder);
    snprintf(text[2], sizeof(text[2]), "WEIR_UPSTREAM_KEY_FILE=%s/client.key", c->scratch.folder);
    if (authority)
        settings[n++] = text[0];
    if (client)
        settings[n++] = text[1], settings[n++] = text[2];
    stage_start(&c->stage, c->document, settings);
}

static void cast_stop(struct cast *c)
{
    stage_stop(&c->stage);
    weir_stop(&c->plain);
    for (size_t i = 0; i < N_SERVERS; i++)
        process_free(c->servers[i]);
    scratch_remove(&c->scratch);
}

/* A path's one upstream delivers, or fails for this reason; NULL: delivers. */
static void expect_upstream(struct cast *c, const char *path, const char *code)
{
    struct response r;
    char text[128];

    stage_get(&c->stage, path, NULL, &r);
    cr_expect(r.status == (code ? 502 : 200), "%s: %d: %s", path, r.status, r.body);
    snprintf(text, sizeof(text),
             code ? "\"upstream\":\"a\",\"code\":\"%s\"}" : "{\"data\":{\"a\":{\"tls\":true}}",
             code);
    cr_expect(strstr(r.body, text) != NULL, "%s: expected %s in %s", path, text, r.body);
    response_done(&r);
}

Test(contract_tls, the_authority_of_the_file_is_trusted_and_no_other)
{
    struct cast c;

    cast_start(&c, true, false);
    expect_upstream(&c, "/good", NULL);
    expect_upstream(&c, "/good", NULL);
    expect_upstream(&c, "/other", "tls_certificate_error");
    expect_upstream(&c, "/self", "tls_certificate_error");
    expect_upstream(&c, "/plain", "tls_protocol_error");
    expect_upstream(&c, "/mutual", "tls_protocol_error");
    cr_expect(weir_metric(&c.stage.trio.weir,
                          "weir_upstream_requests_total{route=\"/self\",upstream=\"a\","
                          "outcome=\"tls_certificate_error\"}") == 1);
    cast_stop(&c);
}

Test(contract_tls, without_the_file_the_systems_authorities_count)
{
    struct cast c;

    cast_start(&c, false, false);
    expect_upstream(&c, "/good", "tls_certificate_error");
    cast_stop(&c);
}

Test(contract_tls, a_client_certificate_is_shown)
{
    struct cast c;

    cast_start(&c, true, true);
    expect_upstream(&c, "/mutual", NULL);
    expect_upstream(&c, "/good", NULL);
    cast_stop(&c);
}

/* Neither is an https upstream asked in clear text, nor does a TLS server count for an http one. */
Test(contract_tls, never_clear_text_for_https_nor_the_other_way)
{
    struct cast c;
    struct response r;

    cast_start(&c, true, false);
    stage_get(&c.stage, "/clear", NULL, &r);
    cr_expect(r.status == 502, "%d: %s", r.status, r.body);
    response_done(&r);
    expect_upstream(&c, "/plain", "tls_protocol_error");
    cr_expect(process_wait_line(c.plain.process, "\"status\":400", 1, 5000) != NULL);
    cr_expect(process_count_lines(c.plain.process, "\"path\":\"/") == 0,
              "it was asked in clear text");
    cast_stop(&c);
}

Test(contract_tls, a_certificate_needs_its_key_and_both_must_be_readable)
{
    static const char *const rows[][3] = {
        {"WEIR_UPSTREAM_CERT_FILE=/dev/null", NULL, "WEIR_UPSTREAM_CERT_FILE"},
        {"WEIR_UPSTREAM_KEY_FILE=/dev/null", NULL, "WEIR_UPSTREAM_KEY_FILE"},
        {"WEIR_UPSTREAM_CERT_FILE=/no/such", "WEIR_UPSTREAM_KEY_FILE=/no/such", "/no/such"},
        {"WEIR_UPSTREAM_CA_FILE=/", NULL, "WEIR_UPSTREAM_CA_FILE"}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *env[] = {rows[i][0], rows[i][1], NULL}, *arguments[] = {"--check", NULL};
        char *output;

        cr_expect(program_run(WEIR_BIN, env, arguments, &output) == 2, "row %zu: %s", i, output);
        cr_expect(strstr(output, rows[i][2]) != NULL, "row %zu: %s", i, output);
        free(output);
    }
}
