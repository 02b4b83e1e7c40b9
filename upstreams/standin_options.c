#include "standin_options.h"

#include "mock_fault.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUOTED(text) (int)((text).len > 60 ? 60 : (text).len), (text).at
#define FIRST_LONG   256 /* values of long options start here, upstreams first */

enum { OPT_SEED = FIRST_LONG + STANDIN_UPSTREAMS, OPT_FAULT, OPT_HELP, OPT_VERSION };

const char *standin_options_help(void)
{
    return "usage: weir-standin [--profile PORT] [--preferences PORT] [--activity PORT]\n"
           "                    [--seed N] [--fault UPSTREAM=SPEC]...\n"
           "\n"
           "Stands in for the three services that weir calls. Each serves its example answer on\n"
           "/users/{id}/NAME, with {id} filled in, and misbehaves on demand.\n"
           "\n"
           "  --profile PORT      where profile listens, PORT or HOST:PORT; 0 = any free port\n"
           "                      (default 127.0.0.1:9101; STANDIN_PROFILE)\n"
           "  --preferences PORT  (default 127.0.0.1:9102; STANDIN_PREFERENCES)\n"
           "  --activity PORT     (default 127.0.0.1:9103; STANDIN_ACTIVITY)\n"
           "  --seed N            the same seed hits the same requests (default 1; STANDIN_SEED)\n"
           "  --fault UPSTREAM=SPEC\n"
           "                      what goes wrong there; the last one for an upstream counts\n"
           "                      (STANDIN_FAULT, several divided by \";\")\n"
           "  --help, --version\n"
           "\n"
           "SPEC is a comma list of\n"
           "  delay=40ms          every answer is that late\n"
           "  delay=lognormal(20ms,p99=180ms)\n"
           "                      drawn at random: median and 99th percentile\n"
           "  rate=5%             hit that share of requests, not all\n"
           "and at most one of\n"
           "  hang                no answer, ever\n"
           "  status=503          another status\n"
           "  reset               the connection is reset in place of an answer\n"
           "  cut                 half the body, then the connection is closed\n"
           "  drip=1B/100ms       the body comes piece by piece\n"
           "  garbage             bytes that are not HTTP\n"
           "  big=10MiB           a body of that size\n"
           "\n"
           "On each port, while it runs:\n"
           "  PUT /_fault         with a SPEC as its body sets the fault; DELETE /_fault ends it\n"
           "  GET /_stats         requests seen, in flight, cancelled by the peer and when\n"
           "\n"
           "Exit status: 0 after SIGTERM or SIGINT, 1 when it cannot listen, 2 for wrong usage.\n";
}

static bool same(struct mock_text text, const char *word)
{
    return mock_text_is(text, word);
}

/* The upstream of that name; -1 when there is none. */
static int find_upstream(struct mock_text name)
{
    for (unsigned i = 0; i < STANDIN_UPSTREAMS; i++)
        if (same(name, standin_fixtures_get(i).name))
            return (int)i;
    return -1;
}

/* "9101", "0.0.0.0:9101" or "[::1]:9101" */
static bool read_address(const char *text, struct standin_upstream *out)
{
    const char *colon = strrchr(text, ':');
    struct mock_text host = {text, colon ? (size_t)(colon - text) : 0};
    const char *port = colon ? colon + 1 : text;
    uint64_t number;

    if (!mock_units_whole((struct mock_text){port, strlen(port)}, 0, 65535, &number))
        return false;
    if (host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']')
        host = (struct mock_text){host.at + 1, host.len - 2};
    else if (host.len > 0 && memchr(host.at, ':', host.len) != NULL)
        return false;
    if ((colon != NULL && host.len == 0) || host.len >= sizeof(out->host))
        return false;
    if (colon != NULL)
        snprintf(out->host, sizeof(out->host), "%.*s", (int)host.len, host.at);
    out->port = (uint16_t)number;
    return true;
}

static bool set_address(struct standin_options *o, unsigned i, const char *where, const char *text,
                        struct mock_why why)
{
    if (read_address(text, &o->upstreams[i]))
        return true;
    return mock_why_set(why, "%s: \"%.60s\" is not a port (write 9101 or 127.0.0.1:9101)", where,
                        text);
}

static bool set_seed(struct standin_options *o, const char *where, const char *text,
                     struct mock_why why)
{
    if (mock_units_whole((struct mock_text){text, strlen(text)}, 0, UINT64_MAX, &o->seed))
        return true;
    return mock_why_set(why, "%s: \"%.60s\" is not a number from 0 to 18446744073709551615", where,
                        text);
}

/* UPSTREAM=SPEC */
static bool set_fault(struct standin_options *o, const char *where, struct mock_text text,
                      struct mock_why why)
{
    const char *sign = text.len > 0 ? memchr(text.at, '=', text.len) : NULL;
    struct mock_text name = {text.at, sign ? (size_t)(sign - text.at) : text.len}, spec;
    struct mock_fault fault;
    char reason[200];
    int i = find_upstream(mock_text_trim(name));

    if (sign == NULL)
        return mock_why_set(why, "%s: \"%.*s\" is not UPSTREAM=SPEC (write profile=delay=40ms)",
                            where, QUOTED(text));
    if (i < 0)
        return mock_why_set(why,
                            "%s: \"%.*s\" is not an upstream (there are profile, preferences, "
                            "activity)",
                            where, QUOTED(name));
    spec = (struct mock_text){sign + 1, text.len - name.len - 1};
    if (!mock_fault_parse(spec, &fault, (struct mock_why){reason, sizeof(reason)}))
        return mock_why_set(why, "%s: %.*s: %s", where, QUOTED(name), reason);
    o->upstreams[i].spec = spec;
    return true;
}

/* Whether a new UPSTREAM= starts here. */
static bool starts_upstream(struct mock_text text)
{
    const char *sign;

    text = mock_text_trim(text);
    sign = text.len > 0 ? memchr(text.at, '=', text.len) : NULL;
    return sign != NULL &&
           find_upstream((struct mock_text){text.at, (size_t)(sign - text.at)}) >= 0;
}

/* How far the first of several UPSTREAM=SPEC goes: to a semicolon, or to a comma or blank with the
 * next upstream behind it. */
static size_t entry_len(struct mock_text text)
{
    for (size_t i = 0; i < text.len; i++) {
        struct mock_text behind = {text.at + i + 1, text.len - i - 1};

        if (text.at[i] == ';' || (strchr(", \t\n", text.at[i]) != NULL && starts_upstream(behind)))
            return i;
    }
    return text.len;
}

static bool set_faults(struct standin_options *o, const char *where, const char *value,
                       struct mock_why why)
{
    struct mock_text rest = {value, strlen(value)};

    while (rest.len > 0) {
        size_t len = entry_len(rest);
        struct mock_text entry = mock_text_trim((struct mock_text){rest.at, len});

        if (entry.len > 0 && !set_fault(o, where, entry, why))
            return false;
        len += len < rest.len;
        rest = (struct mock_text){rest.at + len, rest.len - len};
    }
    return true;
}

/* A variable that is set and not empty. */
static const char *setting(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

static bool read_environment(struct standin_options *o, struct mock_why why)
{
    const char *seed = setting("STANDIN_SEED"), *fault = setting("STANDIN_FAULT");

    for (unsigned i = 0; i < STANDIN_UPSTREAMS; i++) {
        const char *env = standin_fixtures_get(i).env, *value = setting(env);

        if (value != NULL && !set_address(o, i, env, value, why))
            return false;
    }
    return (seed == NULL || set_seed(o, "STANDIN_SEED", seed, why)) &&
           (fault == NULL || set_faults(o, "STANDIN_FAULT", fault, why));
}

static bool read_option(struct standin_options *o, int option, struct mock_why why)
{
    char where[32];

    if (option == OPT_SEED)
        return set_seed(o, "--seed", optarg, why);
    if (option == OPT_FAULT)
        return set_fault(o, "--fault", (struct mock_text){optarg, strlen(optarg)}, why);
    snprintf(where, sizeof(where), "--%s",
             standin_fixtures_get((unsigned)option - FIRST_LONG).name);
    return set_address(o, (unsigned)option - FIRST_LONG, where, optarg, why);
}

static enum standin_task read_arguments(int argc, char **argv, struct standin_options *o,
                                        struct mock_why why)
{
    static const struct option longs[] = {
        {"profile", required_argument, NULL, FIRST_LONG},
        {"preferences", required_argument, NULL, FIRST_LONG + 1},
        {"activity", required_argument, NULL, FIRST_LONG + 2},
        {"seed", required_argument, NULL, OPT_SEED},
        {"fault", required_argument, NULL, OPT_FAULT},
        {"help", no_argument, NULL, OPT_HELP},
        {"version", no_argument, NULL, OPT_VERSION},
        {NULL, 0, NULL, 0},
    };
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
        if (option == OPT_HELP)
            return STANDIN_HELP;
        if (option == OPT_VERSION)
            return STANDIN_VERSION;
        if (option == '?' || option == ':') {
            mock_why_set(why,
                         option == ':' ? "%s wants a value" : "%s is not an option (try --help)",
                         argv[optind - 1]);
            return STANDIN_USAGE;
        }
        if (!read_option(o, option, why))
            return STANDIN_USAGE;
    }
    if (optind < argc) {
        mock_why_set(why, "\"%.60s\" is one argument too many (try --help)", argv[optind]);
        return STANDIN_USAGE;
    }
    return STANDIN_SERVE;
}

enum standin_task standin_options_read(int argc, char **argv, struct standin_options *out,
                                       struct mock_why why)
{
    struct standin_options from_environment;
    enum standin_task task;
    bool ok;

    *out = (struct standin_options){.seed = 1};
    for (unsigned i = 0; i < STANDIN_UPSTREAMS; i++) {
        snprintf(out->upstreams[i].host, sizeof(out->upstreams[i].host), "127.0.0.1");
        out->upstreams[i].port = standin_fixtures_get(i).port;
    }
    from_environment = *out;
    ok = read_environment(&from_environment, why);
    if (ok)
        *out = from_environment;
    task = read_arguments(argc, argv, out, why);
    return ok || task != STANDIN_SERVE ? task : STANDIN_USAGE;
}
