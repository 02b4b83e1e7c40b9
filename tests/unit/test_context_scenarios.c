/* Scenarios of work under a context, each told with the plain tools: contexts, watches, timers. */
#include <weir/context.h>

#include <criterion/criterion.h>
#include <string.h>

#define START      ((uint64_t)1000 * WEIR_MS)
#define MAX_STAGES 4

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

TestSuite(context_scenarios, .init = set_up, .timeout = 30);

static struct weir_ctx *timed(struct weir_ctx *parent, int64_t timeout_ns)
{
    struct weir_ctx *ctx = NULL;

    cr_assert_eq(weir_ctx_with_timeout(parent, timeout_ns, &ctx), WEIR_OK);
    return ctx;
}

static uint64_t ms(unsigned n)
{
    return n * (uint64_t)WEIR_MS;
}

/* Work in steps of equal length, which stops when its context ends. */
struct work {
    struct weir_ctx *ctx;
    struct weir_timer timer;
    struct weir_watch watch;
    unsigned step_ms, steps, steps_done, ended;
    enum weir_status status;
    uint64_t ended_at;
};

static void work_end(struct work *work, enum weir_status status)
{
    weir_timer_stop(&work->timer);
    weir_watch_stop(&work->watch);
    work->status = status;
    work->ended_at = weir_loop_now(loop);
    work->ended++;
}

static void on_step(void *arg)
{
    struct work *work = arg;

    work->steps_done++;
    if (weir_ctx_err(work->ctx) != WEIR_OK)
        work_end(work, weir_ctx_err(work->ctx));
    else if (work->steps_done == work->steps)
        work_end(work, WEIR_OK);
    else
        weir_timer_arm(loop, &work->timer, weir_loop_now(loop) + ms(work->step_ms), on_step, work);
}

static void on_work_ended(void *arg, enum weir_status reason)
{
    work_end(arg, reason);
}

static void work_start(struct work *work, struct weir_ctx *ctx)
{
    work->ctx = ctx;
    if (weir_ctx_err(ctx) != WEIR_OK) {
        work_end(work, weir_ctx_err(ctx));
        return;
    }
    weir_ctx_on_done(ctx, &work->watch, on_work_ended, work);
    weir_timer_arm(loop, &work->timer, weir_loop_now(loop) + ms(work->step_ms), on_step, work);
}

Test(context_scenarios, scenario_2_the_context_ends_the_wait_not_the_timer)
{
    struct weir_ctx *ctx = timed(root, 2000 * WEIR_MS);
    struct work work = {.step_ms = 5000, .steps = 1};

    work_start(&work, ctx);
    weir_loop_advance(loop, START + ms(2000));
    cr_assert_eq(work.status, WEIR_DEADLINE_EXCEEDED);
    cr_assert_eq(work.ended_at, START + ms(2000));
    cr_assert_null(work.timer.pprev, "the timer is gone");
    weir_loop_advance(loop, START + ms(10000));
    cr_assert_eq(work.steps_done, 0u, "nothing fires later");
    cr_assert_eq(work.ended, 1u);
    weir_ctx_release(ctx);
    close_all();
}

Test(context_scenarios, scenario_4_work_in_steps_stops_at_the_deadline)
{
    struct weir_ctx *ctx = timed(root, 500 * WEIR_MS);
    struct work work = {.step_ms = 100, .steps = 100};

    work_start(&work, ctx);
    weir_loop_advance(loop, START + ms(10000));
    cr_assert_eq(work.status, WEIR_DEADLINE_EXCEEDED);
    cr_assert_eq(work.ended_at, START + ms(500));
    cr_assert_leq(work.steps_done, 5u);
    cr_assert_eq(work.ended, 1u);
    weir_ctx_release(ctx);
    close_all();
}

Test(context_scenarios, scenario_5_two_workers_both_told_deadline_exceeded)
{
    struct weir_ctx *ctx = timed(root, 200 * WEIR_MS), *below = NULL;
    struct work workers[2] = {{.step_ms = 30, .steps = 100}, {.step_ms = 1000, .steps = 1}};
    size_t i;

    cr_assert_eq(weir_ctx_with_cancel(ctx, &below), WEIR_OK);
    work_start(&workers[0], ctx);
    work_start(&workers[1], below);
    weir_loop_advance(loop, START + ms(5000));
    for (i = 0; i < 2; i++) {
        cr_assert_eq(workers[i].status, WEIR_DEADLINE_EXCEEDED, "worker %zu", i);
        cr_assert_eq(workers[i].ended_at, START + ms(200), "worker %zu", i);
    }
    weir_ctx_release(ctx);
    weir_ctx_release(below);
    close_all();
}

Test(context_scenarios, scenario_6_a_context_already_done_starts_nothing)
{
    struct weir_ctx *late = NULL, *canceled = NULL;
    struct work works[2] = {{.step_ms = 1, .steps = 1}, {.step_ms = 1, .steps = 1}};

    cr_assert_eq(weir_ctx_with_deadline(root, START - 1, &late), WEIR_OK);
    cr_assert_eq(weir_ctx_with_cancel(root, &canceled), WEIR_OK);
    weir_ctx_cancel(canceled, NULL);
    work_start(&works[0], late);
    work_start(&works[1], canceled);
    cr_assert_eq(works[0].status, WEIR_DEADLINE_EXCEEDED);
    cr_assert_eq(works[1].status, WEIR_CANCELED);
    weir_loop_advance(loop, START + ms(100));
    cr_assert_eq(works[0].steps_done + works[1].steps_done, 0u);
    weir_ctx_release(late);
    weir_ctx_release(canceled);
    close_all();
}

/* A pipeline: a source makes a chunk every 10 ms, each stage hands it to the next 1 ms later. */
enum stage_state { STAGE_OPEN, STAGE_CLOSED };

struct stage {
    struct weir_ctx *ctx;
    struct weir_watch watch;
    struct weir_timer timer;
    struct stage *next;
    enum stage_state state;
    unsigned chunks, chunks_after_close;
    char name[2];
};

static char closed[16];

static void on_chunk_handed(void *arg);

static void stage_take(struct stage *stage)
{
    stage->chunks++;
    stage->chunks_after_close += stage->state == STAGE_CLOSED;
    weir_timer_arm(loop, &stage->timer, weir_loop_now(loop) + ms(1), on_chunk_handed, stage);
}

static void on_chunk_handed(void *arg)
{
    struct stage *stage = arg;

    if (stage->next)
        stage_take(stage->next);
}

static void on_source_tick(void *arg)
{
    struct stage *source = arg;

    source->chunks++;
    stage_take(source->next);
    weir_timer_arm(loop, &source->timer, weir_loop_now(loop) + ms(10), on_source_tick, source);
}

static void on_stage_done(void *arg, enum weir_status reason)
{
    struct stage *stage = arg;

    cr_assert_eq(reason, WEIR_CANCELED);
    stage->state = STAGE_CLOSED;
    weir_timer_stop(&stage->timer);
    strcat(closed, stage->name);
}

Test(context_scenarios, scenario_7_cancelling_closes_a_pipeline_in_order)
{
    struct weir_ctx *ctx = NULL;
    struct stage stages[MAX_STAGES] = {0};
    unsigned before[MAX_STAGES];
    size_t i;

    cr_assert_eq(weir_ctx_with_cancel(root, &ctx), WEIR_OK);
    for (i = 0; i < MAX_STAGES; i++) {
        stages[i].name[0] = (char)('a' + i);
        stages[i].next = i + 1 < MAX_STAGES ? &stages[i + 1] : NULL;
        cr_assert_eq(weir_ctx_with_cancel(i ? stages[i - 1].ctx : ctx, &stages[i].ctx), WEIR_OK);
        weir_ctx_on_done(stages[i].ctx, &stages[i].watch, on_stage_done, &stages[i]);
    }
    on_source_tick(&stages[0]);
    weir_loop_advance(loop, START + ms(101)); /* one chunk is between two stages */
    for (i = 0; i < MAX_STAGES; i++)
        before[i] = stages[i].chunks;
    cr_assert_gt(before[1], before[3], "a chunk is on its way");
    weir_ctx_cancel(ctx, "downstream has gone");
    cr_assert_str_eq(closed, "abcd");
    weir_loop_advance(loop, START + ms(1000));
    for (i = 0; i < MAX_STAGES; i++) {
        cr_assert_eq(stages[i].chunks, before[i], "stage %zu", i);
        cr_assert_eq(stages[i].chunks_after_close, 0u);
        cr_assert_null(stages[i].timer.pprev, "stage %zu is left waiting", i);
        weir_ctx_release(stages[i].ctx);
    }
    weir_ctx_release(ctx);
    close_all();
}

/* A group: works under one derived context; the first failure is kept and cancels the others. */
struct group {
    struct weir_ctx *ctx;
    unsigned joined;
    enum weir_status first;
};

struct member {
    struct group *group;
    struct weir_timer timer;
    struct weir_watch watch;
    enum weir_status outcome, ended_with;
};

static void member_end(struct member *member, enum weir_status status)
{
    struct group *group = member->group;

    weir_timer_stop(&member->timer);
    weir_watch_stop(&member->watch);
    member->ended_with = status;
    group->joined++;
    if (status == WEIR_OK || group->first != WEIR_OK)
        return;
    group->first = status;
    weir_ctx_cancel(group->ctx, "a member failed");
}

static void on_member_timer(void *arg)
{
    struct member *member = arg;

    member_end(member, member->outcome);
}

static void on_member_canceled(void *arg, enum weir_status reason)
{
    member_end(arg, reason);
}

Test(context_scenarios, scenario_8_one_fails_and_the_siblings_are_canceled_and_joined)
{
    static const struct {
        unsigned at_ms;
        enum weir_status outcome, ended_with;
    } cases[] = {{10, WEIR_OK, WEIR_OK},
                 {20, WEIR_BAD_STATUS, WEIR_BAD_STATUS},
                 {30, WEIR_INVALID_JSON, WEIR_CANCELED},
                 {40, WEIR_OK, WEIR_CANCELED}};
    struct group group = {0};
    struct member members[4] = {0};
    size_t i;

    cr_assert_eq(weir_ctx_with_cancel(root, &group.ctx), WEIR_OK);
    for (i = 0; i < 4; i++) {
        members[i].group = &group;
        members[i].outcome = cases[i].outcome;
        weir_ctx_on_done(group.ctx, &members[i].watch, on_member_canceled, &members[i]);
        weir_timer_arm(loop, &members[i].timer, START + ms(cases[i].at_ms), on_member_timer,
                       &members[i]);
    }
    weir_loop_advance(loop, START + ms(20));
    cr_assert_eq(group.joined, 4u, "all are joined at once");
    cr_assert_eq(group.first, WEIR_BAD_STATUS);
    weir_loop_advance(loop, START + ms(1000));
    cr_assert_eq(group.joined, 4u);
    for (i = 0; i < 4; i++)
        cr_assert_eq(members[i].ended_with, cases[i].ended_with, "member %zu", i);
    weir_ctx_release(group.ctx);
    close_all();
}
