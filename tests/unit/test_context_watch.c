/* Callbacks at the end of a context: when, in which order, and whatever they do to the tree. */
#include <weir/context.h>

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define START ((uint64_t)1000 * WEIR_MS)

static struct weir_loop *loop;
static struct weir_ctx *root;
static char story[256];

static void set_up(void)
{
    loop = weir_loop_new_manual(START);
    root = weir_ctx_background(loop);
}

/* Not a .fini: what fails there does not fail the test. */
static void close_all(void)
{
    cr_assert_eq(weir_loop_live_contexts(loop), 0u);
    weir_loop_free(loop);
}

TestSuite(context_watch, .init = set_up, .timeout = 60);

static struct weir_ctx *cancelable(struct weir_ctx *parent)
{
    struct weir_ctx *ctx = NULL;

    cr_assert_eq(weir_ctx_with_cancel(parent, &ctx), WEIR_OK);
    return ctx;
}

static struct weir_ctx *timed(struct weir_ctx *parent, int64_t timeout_ns)
{
    struct weir_ctx *ctx = NULL;

    cr_assert_eq(weir_ctx_with_timeout(parent, timeout_ns, &ctx), WEIR_OK);
    return ctx;
}

static void tell(void *arg, enum weir_status reason)
{
    strcat(story, arg);
    strcat(story, reason == WEIR_CANCELED ? "c" : "d");
}

Test(context_watch, parents_before_children_in_order_of_registration)
{
    struct weir_ctx *top = cancelable(root), *elder = cancelable(top), *younger = cancelable(top);
    struct weir_ctx *grandchild = cancelable(elder);
    struct weir_watch watches[6] = {0};

    weir_ctx_on_done(younger, &watches[0], tell, "5");
    weir_ctx_on_done(grandchild, &watches[1], tell, "4");
    weir_ctx_on_done(top, &watches[2], tell, "1");
    weir_ctx_on_done(elder, &watches[3], tell, "3");
    weir_ctx_on_done(top, &watches[4], tell, "2");
    weir_ctx_on_done(root, &watches[5], tell, "never");
    cr_assert_str_eq(story, "");
    weir_ctx_cancel(top, NULL);
    cr_assert_str_eq(story, "1c2c3c4c5c", "all have run when cancel returns");
    weir_ctx_cancel(top, NULL);
    weir_ctx_cancel(elder, NULL);
    weir_loop_advance(loop, START + 1);
    weir_ctx_release(grandchild);
    weir_ctx_release(younger);
    weir_ctx_release(elder);
    weir_ctx_release(top);
    cr_assert_str_eq(story, "1c2c3c4c5c", "once");
    cr_assert(weir_watch_stop(&watches[5]), "the root never ends");
    close_all();
}

Test(context_watch, the_deadline_calls_from_the_loop)
{
    struct weir_ctx *ctx = timed(root, 100), *child = cancelable(ctx);
    struct weir_watch watches[2] = {0};

    weir_ctx_on_done(ctx, &watches[0], tell, "1");
    weir_ctx_on_done(child, &watches[1], tell, "2");
    weir_loop_advance(loop, START + 99);
    cr_assert_str_eq(story, "");
    weir_loop_advance(loop, START + 100);
    cr_assert_str_eq(story, "1d2d");
    weir_ctx_release(child);
    weir_ctx_release(ctx);
    close_all();
}

Test(context_watch, on_an_ended_context_it_comes_on_the_next_turn)
{
    struct weir_ctx *ctx = cancelable(root);
    struct weir_watch watches[2] = {0};

    weir_ctx_cancel(ctx, NULL);
    weir_ctx_on_done(ctx, &watches[0], tell, "1");
    weir_ctx_on_done(ctx, &watches[1], tell, "2");
    cr_assert_str_eq(story, "", "never inside the registration");
    cr_assert(weir_watch_stop(&watches[0]));
    weir_ctx_release(ctx);
    weir_loop_advance(loop, START);
    cr_assert_str_eq(story, "2c");
    cr_assert_not(weir_watch_stop(&watches[1]));
    close_all();
}

Test(context_watch, release_of_a_live_context_is_a_cancel)
{
    struct weir_ctx *ctx = timed(root, 100), *child = cancelable(ctx);
    struct weir_watch watches[2] = {0};

    weir_ctx_on_done(ctx, &watches[0], tell, "1");
    weir_ctx_on_done(child, &watches[1], tell, "2");
    weir_ctx_release(ctx);
    cr_assert_str_eq(story, "1c2c");
    weir_ctx_release(child);
    close_all();
}

Test(context_watch, stop_is_exact)
{
    struct weir_ctx *ctx = cancelable(root);
    struct weir_watch watches[3] = {0};

    cr_assert_not(weir_watch_stop(&watches[0]), "never registered");
    weir_ctx_on_done(ctx, &watches[0], tell, "1");
    weir_ctx_on_done(ctx, &watches[1], tell, "2");
    weir_ctx_on_done(ctx, &watches[2], tell, "3");
    cr_assert(weir_watch_stop(&watches[1]));
    cr_assert_not(weir_watch_stop(&watches[1]));
    cr_assert(weir_watch_stop(&watches[2]));
    weir_ctx_on_done(ctx, &watches[2], tell, "4");
    weir_ctx_cancel(ctx, NULL);
    cr_assert_not(weir_watch_stop(&watches[0]), "has run");
    cr_assert_str_eq(story, "1c4c");
    weir_ctx_release(ctx);
    close_all();
}

/* Callbacks that interfere. */

struct plot {
    struct weir_ctx *ctx, *other;
    struct weir_watch watch, *victim;
    bool stopped;
};

static void stop_victim(void *arg, enum weir_status reason)
{
    struct plot *plot = arg;

    tell("s", reason);
    plot->stopped = weir_watch_stop(plot->victim);
}

Test(context_watch, a_callback_stops_one_that_is_already_on_its_way)
{
    struct plot plot = {.ctx = cancelable(root)};
    struct weir_ctx *child = cancelable(plot.ctx);
    struct weir_watch below = {0}, behind = {0};

    plot.victim = &below;
    weir_ctx_on_done(child, &below, tell, "v");
    weir_ctx_on_done(plot.ctx, &plot.watch, stop_victim, &plot);
    weir_ctx_on_done(child, &behind, tell, "b");
    weir_ctx_cancel(plot.ctx, NULL);
    cr_assert(plot.stopped);
    cr_assert_str_eq(story, "scbc");
    weir_ctx_release(child);
    weir_ctx_release(plot.ctx);
    close_all();
}

Test(context_watch, a_callback_cannot_stop_itself_while_it_runs)
{
    struct plot plot = {.ctx = cancelable(root), .stopped = true};

    plot.victim = &plot.watch;
    weir_ctx_on_done(plot.ctx, &plot.watch, stop_victim, &plot);
    weir_ctx_cancel(plot.ctx, NULL);
    cr_assert_not(plot.stopped);
    weir_ctx_release(plot.ctx);
    close_all();
}

static void release_both(void *arg, enum weir_status reason)
{
    struct plot *plot = arg;

    tell("r", reason);
    weir_ctx_release(plot->ctx);
    weir_ctx_release(plot->other);
}

Test(context_watch, a_callback_releases_its_context_and_the_one_below)
{
    struct plot plot = {.ctx = cancelable(root)};
    struct weir_watch below = {0};

    plot.other = cancelable(plot.ctx);
    weir_ctx_on_done(plot.ctx, &plot.watch, release_both, &plot);
    weir_ctx_on_done(plot.other, &below, tell, "b");
    weir_ctx_cancel(plot.ctx, NULL);
    cr_assert_str_eq(story, "rcbc", "a call on its way needs no context");
    close_all();
}

Test(context_watch, a_callback_at_the_deadline_releases_the_context)
{
    struct plot plot = {.ctx = timed(root, 100), .other = timed(root, 100)};

    weir_ctx_on_done(plot.ctx, &plot.watch, release_both, &plot);
    weir_loop_advance(loop, START + 100);
    cr_assert_str_eq(story, "rd");
    close_all();
}

static void cancel_other(void *arg, enum weir_status reason)
{
    struct plot *plot = arg;

    tell("x", reason);
    weir_ctx_cancel(plot->other, "from a callback");
    tell("y", reason);
}

Test(context_watch, a_callback_cancels_the_parent_the_child_and_itself)
{
    struct weir_ctx *parent = cancelable(root), *ctx = cancelable(parent), *child = cancelable(ctx);
    struct weir_ctx *beside = cancelable(parent);
    struct plot up = {.other = parent}, down = {.other = child}, self = {.other = ctx};
    struct weir_watch watches[3] = {0};

    weir_ctx_on_done(parent, &watches[0], tell, "p");
    weir_ctx_on_done(ctx, &down.watch, cancel_other, &down);
    weir_ctx_on_done(ctx, &self.watch, cancel_other, &self);
    weir_ctx_on_done(ctx, &up.watch, cancel_other, &up);
    weir_ctx_on_done(child, &watches[1], tell, "k");
    weir_ctx_on_done(beside, &watches[2], tell, "b");
    weir_ctx_cancel(ctx, NULL);
    cr_assert_str_eq(story, "xcycxcycxcpcbcyckc");
    weir_ctx_release(parent);
    weir_ctx_release(ctx);
    weir_ctx_release(child);
    weir_ctx_release(beside);
    close_all();
}

static void derive_and_watch(void *arg, enum weir_status reason)
{
    struct plot *plot = arg;

    (void)reason;
    plot->other = cancelable(plot->ctx);
    cr_assert_eq(weir_ctx_err(plot->other), WEIR_CANCELED);
    weir_ctx_on_done(plot->other, &plot->watch, tell, "n");
    weir_ctx_on_done(plot->ctx, plot->victim, tell, "m");
}

Test(context_watch, a_callback_derives_and_registers)
{
    struct weir_watch first = {0}, again = {0};
    struct plot plot = {.ctx = cancelable(root), .victim = &again};

    weir_ctx_on_done(plot.ctx, &first, derive_and_watch, &plot);
    weir_ctx_cancel(plot.ctx, NULL);
    cr_assert_str_eq(story, "");
    weir_loop_advance(loop, START);
    cr_assert_str_eq(story, "ncmc");
    weir_ctx_release(plot.ctx);
    weir_ctx_release(plot.other);
    close_all();
}

static void free_owner(void *arg, enum weir_status reason)
{
    struct plot *plot = arg;

    tell("f", reason);
    weir_ctx_release(plot->ctx);
    free(plot);
}

Test(context_watch, a_callback_frees_its_owner)
{
    struct weir_ctx *top = cancelable(root);
    size_t i;

    for (i = 0; i < 3; i++) {
        struct plot *plot = calloc(1, sizeof(*plot));

        plot->ctx = i == 1 ? timed(top, 100) : cancelable(top);
        weir_ctx_on_done(plot->ctx, &plot->watch, free_owner, plot);
    }
    weir_loop_advance(loop, START + 100);
    cr_assert_str_eq(story, "fd");
    weir_ctx_cancel(top, NULL);
    cr_assert_str_eq(story, "fdfcfc");
    weir_ctx_release(top);
    close_all();
}

Test(context_watch, the_timer_of_a_child_is_gone_when_the_parent_ends_at_the_same_moment)
{
    struct weir_ctx *parent = timed(root, 100), *child = timed(parent, 99);
    struct plot plot = {.ctx = parent, .other = child};

    weir_ctx_on_done(child, &plot.watch, release_both, &plot);
    weir_loop_advance(loop, START + 100);
    cr_assert_str_eq(story, "rd");
    close_all();
}

Test(context_watch, a_chain_of_a_hundred_thousand_and_as_many_brothers)
{
    enum { DEPTH = 100000 };
    struct weir_ctx **chain = calloc(2 * DEPTH, sizeof(struct weir_ctx *)), *ctx = root;
    struct weir_watch last = {0}, brother = {0};
    size_t i;

    for (i = 0; i < DEPTH; i++) {
        ctx = chain[i] = cancelable(ctx);
        chain[DEPTH + i] = cancelable(chain[0]);
    }
    weir_ctx_on_done(ctx, &last, tell, "l");
    weir_ctx_on_done(chain[2 * DEPTH - 1], &brother, tell, "b");
    cr_assert_eq(weir_loop_live_contexts(loop), 2u * DEPTH);
    weir_ctx_cancel(chain[0], "deep");
    cr_assert_str_eq(story, "lcbc");
    cr_assert_str_eq(weir_ctx_cause(ctx), "deep");
    for (i = 0; i < 2 * DEPTH; i++) /* the deepest last: its release frees the whole chain */
        weir_ctx_release(chain[i]);
    free(chain);
    close_all();
}
