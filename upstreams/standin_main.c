/* weir-standin: the three upstream services on one loop, until SIGTERM or SIGINT. */
#include "mock_port.h"
#include "standin_options.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#ifndef WEIR_VERSION
#define WEIR_VERSION "0.0.0-dev"
#endif
#define EXIT_USAGE 2

static void on_signal(evutil_socket_t signal_number, short what, void *arg);

/* Lets as many peers hang as this process may ever hold. */
static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static bool open_upstream(struct mock_engine *engine, const struct standin_options *options,
                          unsigned i, struct mock_why why)
{
    struct standin_fixture fixture = standin_fixtures_get(i);
    const struct standin_upstream *upstream = &options->upstreams[i];
    struct mock_port_options port_options = {.name = fixture.name,
                                             .host = upstream->host,
                                             .number = upstream->port,
                                             .control = true,
                                             .seed = options->seed};
    struct weir_mock_answer answer = {.body = fixture.body, .body_len = fixture.body_len};
    struct mock_port *port = mock_port_open(engine, &port_options, why);

    if (port == NULL)
        return false;
    if (mock_route_set(&port->routes, fixture.path, &answer) != WEIR_OK)
        return mock_why_set(why, "%s: out of memory", fixture.name);
    return upstream->spec.at == NULL || mock_port_set_fault(port, upstream->spec, why);
}

/* Tells on stdout where each upstream listens. */
static bool announce(struct mock_engine *engine)
{
    struct mock_port *port;

    TAILQ_FOREACH (port, &engine->ports, link)
        printf("listening %s %s\n", port->options.name, port->address);
    return fflush(stdout) == 0;
}

static bool serve(struct mock_engine *engine, const struct standin_options *options,
                  struct mock_why why)
{
    struct event *term, *intr;
    bool ok;

    for (unsigned i = 0; i < STANDIN_UPSTREAMS; i++)
        if (!open_upstream(engine, options, i, why))
            return false;
    term = evsignal_new(engine->base, SIGTERM, on_signal, engine);
    intr = evsignal_new(engine->base, SIGINT, on_signal, engine);
    ok = term != NULL && intr != NULL && event_add(term, NULL) == 0 && event_add(intr, NULL) == 0;
    if (!ok)
        mock_why_set(why, "the event loop does not take signals");
    else if (!announce(engine))
        ok = mock_why_set(why, "stdout cannot be written");
    if (ok)
        mock_engine_run(engine);
    if (term != NULL)
        event_free(term);
    if (intr != NULL)
        event_free(intr);
    return ok;
}

static void on_signal(evutil_socket_t signal_number, short what, void *arg)
{
    struct mock_engine *engine = arg;

    (void)signal_number;
    (void)what;
    event_base_loopbreak(engine->base);
}

static int run(const struct standin_options *options, struct mock_why why)
{
    struct mock_engine *engine = mock_engine_new();
    bool ok;

    if (engine == NULL)
        mock_why_set(why, "cannot start: out of memory or descriptors");
    ok = engine != NULL && serve(engine, options, why);
    if (!ok)
        fprintf(stderr, "weir-standin: %s\n", why.text);
    mock_engine_free(engine);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct standin_options options;
    char text[400] = "";
    struct mock_why why = {text, sizeof(text)};

    signal(SIGPIPE, SIG_IGN);
    switch (standin_options_read(argc, argv, &options, why)) {
    case STANDIN_HELP:
        fputs(standin_options_help(), stdout);
        return EXIT_SUCCESS;
    case STANDIN_VERSION:
        printf("weir-standin %s\n", WEIR_VERSION);
        return EXIT_SUCCESS;
    case STANDIN_USAGE:
        fprintf(stderr, "weir-standin: %s\n", text);
        return EXIT_USAGE;
    case STANDIN_SERVE:
        break;
    }
    raise_descriptors();
    return run(&options, why);
}
