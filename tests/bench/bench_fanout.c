/* The fan-out's own cost: three fetches that go nowhere, with it and without it, in virtual time. */
#include <weir/fanout.h>

#include "bench.h"
#include "fake_fetch.h"

#include <stdlib.h>

FAKE_FETCH_LINK

#define LEGS 3

struct stage {
    struct weir_loop *loop;
    struct weir_upstream upstreams[LEGS];
    struct weir_call calls[LEGS];
    struct weir_ctx *ctx;
    uint64_t now_ns;
    unsigned long ended;
};

static int engine_stub;

static void begin(struct stage *s)
{
    weir_ctx_with_timeout(weir_ctx_background(s->loop), 500 * WEIR_MS, &s->ctx);
}

static void pass_time(struct stage *s)
{
    s->now_ns += 10 * (uint64_t)WEIR_MS;
    weir_loop_advance(s->loop, s->now_ns);
    weir_ctx_release(s->ctx);
}

static void on_fetch(void *arg, struct fetch_result *result)
{
    struct stage *s = arg;

    bench_must(result->status == WEIR_OK, "the fetch delivers");
    free(result->answer.body);
    s->ended++;
}

static void fetches(void *arg, unsigned long n)
{
    struct stage *s = arg;
    unsigned long before = s->ended;

    for (unsigned long i = 0; i < n; i++) {
        struct fetch *fetch;

        begin(s);
        for (size_t leg = 0; leg < LEGS; leg++)
            fetch_start(&s->upstreams[leg], s->ctx, "/", NULL, on_fetch, s, &fetch);
        pass_time(s);
    }
    bench_must(s->ended - before == n * LEGS, "every fetch has ended");
}

static void on_settled(void *arg, struct weir_settled *settled)
{
    struct stage *s = arg;

    bench_must(settled->status == WEIR_OK, "the fan-out settles");
    for (size_t i = 0; i < settled->n; i++)
        s->ended += settled->outcomes[i].status == WEIR_OK;
}

static void fan_out(struct stage *s, unsigned long n)
{
    unsigned long before = s->ended;

    for (unsigned long i = 0; i < n; i++) {
        struct weir_fanout *fanout = NULL;

        begin(s);
        weir_fanout_start((struct weir_engine *)&engine_stub, s->ctx, s->calls, LEGS, on_settled, s,
                          &fanout);
        pass_time(s);
        weir_fanout_free(fanout);
    }
    bench_must(s->ended - before == n * LEGS, "every call has delivered");
}

static void fan_outs(void *arg, unsigned long n)
{
    struct stage *s = arg;

    for (size_t leg = 0; leg < LEGS; leg++)
        s->calls[leg].timeout_ns = 0;
    fan_out(s, n);
}

static void fan_outs_with_timeouts(void *arg, unsigned long n)
{
    struct stage *s = arg;

    for (size_t leg = 0; leg < LEGS; leg++)
        s->calls[leg].timeout_ns = 100 * WEIR_MS;
    fan_out(s, n);
}

int main(void)
{
    struct stage s = {.now_ns = 1000 * (uint64_t)WEIR_MS};

    s.loop = weir_loop_new_manual(s.now_ns);
    for (size_t leg = 0; leg < LEGS; leg++) {
        s.upstreams[leg].delay_ns = (int64_t)(leg + 1) * WEIR_MS;
        s.upstreams[leg].body = "{}";
        s.calls[leg].upstream = &s.upstreams[leg];
        s.calls[leg].target = "/";
        s.calls[leg].required = leg == 0;
    }
    bench_group("a fan-out of three that settles", (struct bench_row[]){
        {"three fetches under a context, no fan-out", fetches, &s, 0},
        {"weir_fanout_start, settled, weir_fanout_free", fan_outs, &s, 0},
        {"the same, each with a timeout of its own", fan_outs_with_timeouts, &s, 0},
    }, 3);
    bench_must(fake_fetch_live() == 0 && weir_loop_live_contexts(s.loop) == 0, "nothing is left");
    weir_loop_free(s.loop);
    return 0;
}
