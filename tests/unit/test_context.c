/* The tree: deadlines, reasons, causes, values, memory. On a manual loop. */
#include <weir/context.h>

#include <criterion/criterion.h>
#include <limits.h>

#define START ((uint64_t)1000 * WEIR_MS)

static struct weir_loop *loop;
static struct weir_ctx *root;

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

TestSuite(context, .init = set_up, .timeout = 30);

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

Test(context, background_never_ends_and_is_not_counted)
{
    uint64_t deadline = 7;

    weir_ctx_cancel(root, "no");
    weir_ctx_release(root);
    weir_loop_advance(loop, START * 100);
    cr_assert_eq(weir_ctx_err(root), WEIR_OK);
    cr_assert_null(weir_ctx_cause(root));
    cr_assert_not(weir_ctx_deadline(root, &deadline));
    cr_assert_eq(deadline, 7u, "untouched");
    cr_assert_eq(weir_ctx_remaining(root), INT64_MAX);
    cr_assert_eq(weir_ctx_loop(root), loop);
    cr_assert_eq(weir_loop_live_contexts(loop), 0u);
    close_all();
}

Test(context, scenario_11_computed_timeout_zero_or_negative_is_refused)
{
    static const int64_t refused[] = {0, -1, INT64_MIN, -WEIR_MS};
    struct weir_ctx *untouched = root;
    size_t i;

    for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        cr_assert_eq(weir_ctx_with_timeout(root, refused[i], &untouched), WEIR_INVALID_ARGUMENT,
                     "case %zu", i);
        cr_assert_eq(untouched, root);
    }
    cr_assert_eq(weir_loop_live_contexts(loop), 0u);
    close_all();
}

Test(context, invalid_arguments)
{
    static const struct weir_ctx_key key = {"key"};
    struct weir_ctx *out = NULL;

    cr_assert_eq(weir_ctx_with_cancel(NULL, &out), WEIR_INVALID_ARGUMENT);
    cr_assert_eq(weir_ctx_with_cancel(root, NULL), WEIR_INVALID_ARGUMENT);
    cr_assert_eq(weir_ctx_with_timeout(NULL, 1, &out), WEIR_INVALID_ARGUMENT);
    cr_assert_eq(weir_ctx_with_timeout(root, 1, NULL), WEIR_INVALID_ARGUMENT);
    cr_assert_eq(weir_ctx_with_deadline(NULL, 1, &out), WEIR_INVALID_ARGUMENT);
    cr_assert_eq(weir_ctx_with_deadline(root, 1, NULL), WEIR_INVALID_ARGUMENT);
    cr_assert_eq(weir_ctx_with_value(NULL, &key, NULL, &out), WEIR_INVALID_ARGUMENT);
    cr_assert_eq(weir_ctx_with_value(root, NULL, NULL, &out), WEIR_INVALID_ARGUMENT);
    cr_assert_eq(weir_ctx_with_value(root, &key, NULL, NULL), WEIR_INVALID_ARGUMENT);
    cr_assert_null(out);
    weir_ctx_release(NULL);
    close_all();
}

Test(context, deadline_to_the_nanosecond)
{
    struct weir_ctx *ctx = timed(root, 500 * WEIR_MS);
    uint64_t deadline;

    cr_assert(weir_ctx_deadline(ctx, &deadline));
    cr_assert_eq(deadline, START + 500 * (uint64_t)WEIR_MS);
    cr_assert_eq(weir_ctx_remaining(ctx), 500 * WEIR_MS);
    weir_loop_advance(loop, deadline - 1);
    cr_assert_eq(weir_ctx_err(ctx), WEIR_OK);
    cr_assert_eq(weir_ctx_remaining(ctx), 1);
    weir_loop_advance(loop, deadline);
    cr_assert_eq(weir_ctx_err(ctx), WEIR_DEADLINE_EXCEEDED);
    cr_assert_eq(weir_ctx_remaining(ctx), 0);
    cr_assert_null(weir_ctx_cause(ctx));
    weir_ctx_release(ctx);
    close_all();
}

Test(context, huge_timeouts_do_not_wrap)
{
    struct weir_ctx *ctx = timed(root, INT64_MAX), *last = NULL;

    cr_assert_eq(weir_ctx_with_deadline(root, UINT64_MAX - 1, &last), WEIR_OK);
    weir_loop_advance(loop, (uint64_t)INT64_MAX);
    cr_assert_eq(weir_ctx_err(ctx), WEIR_OK);
    cr_assert_eq(weir_ctx_err(last), WEIR_OK);
    cr_assert_gt(weir_ctx_remaining(last), 0);
    weir_ctx_release(ctx);
    weir_ctx_release(last);
    close_all();
}

Test(context, a_deadline_in_the_past_is_born_ended)
{
    struct weir_ctx *ctx = NULL, *child;

    cr_assert_eq(weir_ctx_with_deadline(root, START, &ctx), WEIR_OK);
    cr_assert_eq(weir_ctx_err(ctx), WEIR_DEADLINE_EXCEEDED);
    cr_assert_eq(weir_ctx_remaining(ctx), 0);
    child = cancelable(ctx);
    cr_assert_eq(weir_ctx_err(child), WEIR_DEADLINE_EXCEEDED);
    cr_assert_eq(weir_loop_live_contexts(loop), 2u);
    weir_ctx_release(ctx);
    weir_ctx_release(child);
    close_all();
}

Test(context, a_childs_deadline_is_never_later_than_its_parents)
{
    struct weir_ctx *parent = timed(root, 100), *longer = timed(parent, 200);
    struct weir_ctx *shorter = timed(parent, 50), *plain = cancelable(shorter);
    uint64_t deadline;

    cr_assert(weir_ctx_deadline(longer, &deadline));
    cr_assert_eq(deadline, START + 100);
    cr_assert(weir_ctx_deadline(plain, &deadline));
    cr_assert_eq(deadline, START + 50);
    weir_loop_advance(loop, START + 50);
    cr_assert_eq(weir_ctx_err(shorter), WEIR_DEADLINE_EXCEEDED);
    cr_assert_eq(weir_ctx_err(plain), WEIR_DEADLINE_EXCEEDED);
    cr_assert_eq(weir_ctx_err(parent), WEIR_OK);
    cr_assert_eq(weir_ctx_err(longer), WEIR_OK);
    weir_loop_advance(loop, START + 100);
    cr_assert_eq(weir_ctx_err(longer), WEIR_DEADLINE_EXCEEDED);
    weir_ctx_release(parent);
    weir_ctx_release(plain);
    weir_ctx_release(shorter);
    weir_ctx_release(longer);
    close_all();
}

Test(context, scenario_3_cancel_flows_down_never_up_nor_beside)
{
    struct weir_ctx *parent = cancelable(root), *node = cancelable(parent);
    struct weir_ctx *beside = cancelable(parent), *child = cancelable(node);
    struct weir_ctx *grandchild = timed(child, 1000), *late;

    weir_ctx_cancel(node, "enough");
    cr_assert_eq(weir_ctx_err(node), WEIR_CANCELED);
    cr_assert_eq(weir_ctx_err(child), WEIR_CANCELED);
    cr_assert_eq(weir_ctx_err(grandchild), WEIR_CANCELED);
    cr_assert_str_eq(weir_ctx_cause(grandchild), "enough");
    cr_assert_eq(weir_ctx_remaining(grandchild), 0);
    cr_assert_eq(weir_ctx_err(parent), WEIR_OK);
    cr_assert_eq(weir_ctx_err(beside), WEIR_OK);
    late = cancelable(grandchild);
    cr_assert_eq(weir_ctx_err(late), WEIR_CANCELED, "born ended");
    cr_assert_str_eq(weir_ctx_cause(late), "enough");
    weir_ctx_release(late);
    weir_ctx_release(parent);
    cr_assert_eq(weir_ctx_err(beside), WEIR_CANCELED, "a release ends what is below");
    weir_ctx_release(beside);
    weir_ctx_release(node);
    weir_ctx_release(child);
    weir_ctx_release(grandchild);
    close_all();
}

Test(context, scenario_12_the_first_reason_stays)
{
    struct weir_ctx *twice = cancelable(root), *late = timed(root, 100), *early = timed(root, 100);

    weir_ctx_cancel(twice, "first");
    weir_ctx_cancel(twice, "second");
    cr_assert_str_eq(weir_ctx_cause(twice), "first");
    weir_ctx_cancel(early, NULL);
    weir_loop_advance(loop, START + 100);
    cr_assert_eq(weir_ctx_err(early), WEIR_CANCELED);
    cr_assert_null(weir_ctx_cause(early));
    weir_ctx_cancel(late, "too late");
    cr_assert_eq(weir_ctx_err(late), WEIR_DEADLINE_EXCEEDED);
    cr_assert_null(weir_ctx_cause(late));
    weir_ctx_release(twice);
    weir_ctx_release(late);
    weir_ctx_release(early);
    close_all();
}

Test(context, scenario_12_release_without_cancel_and_early)
{
    struct weir_ctx *ctx = timed(root, 100), *child = timed(ctx, 50);

    weir_ctx_release(child);
    weir_ctx_release(ctx);
    cr_assert_eq(weir_loop_live_contexts(loop), 0u);
    weir_loop_advance(loop, START + 1000); /* a timer left behind would fire into freed memory */
    close_all();
}

struct probe {
    struct weir_ctx *ctx;
    enum weir_status err, after_cancel;
};

static void cancel_late(void *arg)
{
    struct probe *probe = arg;

    probe->err = weir_ctx_err(probe->ctx);
    weir_ctx_cancel(probe->ctx, "late");
    probe->after_cancel = weir_ctx_err(probe->ctx);
}

/* Both are due at the same moment, and the timer that was armed first runs first: the context's
 * moment has come, but the loop has not yet ended it. */
Test(context, a_cancel_after_the_moment_does_not_change_the_reason)
{
    struct probe probe = {0};
    struct weir_timer timer = {0};

    weir_timer_arm(loop, &timer, START + 100, cancel_late, &probe);
    probe.ctx = timed(root, 100);
    weir_loop_advance(loop, START + 100);
    cr_assert_eq(probe.err, WEIR_DEADLINE_EXCEEDED);
    cr_assert_eq(probe.after_cancel, WEIR_DEADLINE_EXCEEDED);
    cr_assert_null(weir_ctx_cause(probe.ctx));
    weir_ctx_release(probe.ctx);
    close_all();
}

/* Above it has no deadline and is canceled, below it has passed its own. */
Test(context, each_below_keeps_its_own_first_reason)
{
    struct probe probe = {0};
    struct weir_timer timer = {0};
    struct weir_ctx *late, *lively;

    weir_timer_arm(loop, &timer, START + 100, cancel_late, &probe);
    probe.ctx = cancelable(root);
    late = timed(probe.ctx, 100);
    lively = timed(probe.ctx, 101);
    weir_loop_advance(loop, START + 100);
    cr_assert_eq(weir_ctx_err(probe.ctx), WEIR_CANCELED);
    cr_assert_eq(weir_ctx_err(late), WEIR_DEADLINE_EXCEEDED);
    cr_assert_null(weir_ctx_cause(late));
    cr_assert_eq(weir_ctx_err(lively), WEIR_CANCELED);
    cr_assert_str_eq(weir_ctx_cause(lively), "late");
    weir_ctx_release(lively);
    weir_ctx_release(late);
    weir_ctx_release(probe.ctx);
    close_all();
}

static const struct weir_ctx_key request_id_key = {"request id"}, trace_key = {"trace"};

Test(context, scenario_13_values_are_found_upwards_by_key)
{
    struct weir_ctx *ctx[4];
    static const struct weir_ctx_key same_name = {"request id"};
    char id[] = "r-1", trace[] = "t-1", inner[] = "r-2";

    cr_assert_eq(weir_ctx_with_value(root, &request_id_key, id, &ctx[0]), WEIR_OK);
    cr_assert_eq(weir_ctx_with_value(ctx[0], &trace_key, trace, &ctx[1]), WEIR_OK);
    ctx[2] = timed(ctx[1], 100);
    cr_assert_eq(weir_ctx_with_value(ctx[2], &request_id_key, inner, &ctx[3]), WEIR_OK);
    cr_assert_eq(weir_ctx_value(ctx[2], &request_id_key), id);
    cr_assert_eq(weir_ctx_value(ctx[2], &trace_key), trace);
    cr_assert_eq(weir_ctx_value(ctx[3], &request_id_key), inner, "the nearest");
    cr_assert_null(weir_ctx_value(ctx[3], &same_name), "by address, not by name");
    cr_assert_null(weir_ctx_value(ctx[0], &trace_key), "never from below");
    cr_assert_null(weir_ctx_value(root, &request_id_key));
    cr_assert_null(weir_ctx_value(root, NULL));
    weir_loop_advance(loop, START + 100);
    cr_assert_eq(weir_ctx_err(ctx[3]), WEIR_DEADLINE_EXCEEDED, "a value does not outlive it");
    weir_ctx_release(ctx[0]);
    weir_ctx_release(ctx[1]);
    weir_ctx_release(ctx[2]);
    cr_assert_eq(weir_ctx_value(ctx[3], &trace_key), trace, "parents released first");
    weir_ctx_release(ctx[3]);
    close_all();
}

Test(context, a_value_that_is_null_hides_the_one_above)
{
    struct weir_ctx *outer = NULL, *inner = NULL;
    char id[] = "r-1";

    cr_assert_eq(weir_ctx_with_value(root, &request_id_key, id, &outer), WEIR_OK);
    cr_assert_eq(weir_ctx_with_value(outer, &request_id_key, NULL, &inner), WEIR_OK);
    cr_assert_null(weir_ctx_value(inner, &request_id_key));
    weir_ctx_release(outer);
    weir_ctx_release(inner);
    close_all();
}

/* Parents given back before, between and after their children. */
Test(context, release_in_any_order)
{
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                    {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    size_t i, k;

    for (i = 0; i < 6; i++) {
        struct weir_ctx *chain[3];

        chain[0] = timed(root, 100);
        chain[1] = cancelable(chain[0]);
        chain[2] = timed(chain[1], 50);
        for (k = 0; k < 3; k++) {
            cr_assert_eq(weir_loop_live_contexts(loop), 3 - k);
            weir_ctx_release(chain[orders[i][k]]);
        }
    }
    close_all();
}
