/*
 * The tree of contexts.
 *
 * The happy path:
 * - derive: the child is linked into its parent's list, and gets a timer only when its deadline
 *   is strictly earlier than the parent's, whose end would end it anyway.
 * - the work finishes, the owner stops its watch and calls weir_ctx_release: the timer stops, the
 *   child leaves its parent's list and goes to the loop's spare contexts.
 *
 * The other ends, all through end_tree:
 * - on_deadline: the timer has fired.
 * - weir_ctx_cancel, or a release with work still alive below.
 * First the whole subtree is marked and unlinked, then its watches are called one by one from a
 * chain on the caller's stack that touches no context: a callback may stop any watch and cancel,
 * release or derive any context. Nothing recurses, however deep the tree is.
 *
 * A released context stays in memory while children need it to find values, through their counts.
 */
#include "loop.h"

#include "chain.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NO_DEADLINE UINT64_MAX

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SPARES_MAX 0
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SPARES_MAX 0
#endif
#ifndef SPARES_MAX
#define SPARES_MAX 1024 /* none under ASan: a context used after its end must be seen */
#endif

/*
 *   LIVE ──(deadline, cancel)──→ ENDED ──(release)──→ RELEASED
 *     └───────────(release)──────────────────────────────↑
 */
enum ctx_state { CTX_LIVE, CTX_ENDED, CTX_RELEASED, CTX_STATES };

struct weir_ctx {
    struct weir_loop *loop;
    struct weir_ctx *parent;       /* NULL: the root */
    struct weir_ctx *prev, *next;  /* live siblings, oldest first; next also chains spares */
    struct weir_ctx *first, *last; /* live children */
    struct weir_watch *watches;    /* newest first */
    struct weir_timer timer;
    uint64_t deadline_ns;           /* the effective one, never later than the parent's */
    const struct weir_ctx_key *key; /* NULL: carries no value */
    void *value;
    const char *cause;
    unsigned refs; /* one for the owner, one for each child not yet freed */
    enum ctx_state state;
    enum weir_status reason; /* why it ended; OK while it lives */
};

static const unsigned spares_max = SPARES_MAX;

static void on_deadline(void *arg);
static void on_watch_turn(void *arg);

static void set_state(struct weir_ctx *ctx, enum ctx_state to)
{
    static const bool permitted[CTX_STATES][CTX_STATES] = {
        [CTX_LIVE] = {[CTX_ENDED] = true},
        [CTX_ENDED] = {[CTX_RELEASED] = true},
    };

    assert(permitted[ctx->state][to]);
    ctx->state = to;
}

/* Memory: spare contexts first. */

static struct weir_ctx *ctx_new(struct weir_loop *loop, struct weir_ctx *parent)
{
    struct weir_ctx *ctx = loop->spare;

    if (ctx) {
        loop->spare = ctx->next;
        loop->spares--;
    } else if ((ctx = malloc(sizeof(*ctx))) == NULL) {
        return NULL;
    }
    memset(ctx, 0, sizeof(*ctx));
    ctx->loop = loop;
    ctx->parent = parent;
    ctx->deadline_ns = NO_DEADLINE;
    ctx->refs = 1;
    return ctx;
}

static void ctx_unref(struct weir_ctx *ctx)
{
    struct weir_loop *loop = ctx->loop;
    struct weir_ctx *parent;

    for (; ctx && --ctx->refs == 0; ctx = parent) {
        parent = ctx->parent;
        if (loop->spares >= spares_max) {
            free(ctx);
            continue;
        }
        ctx->next = loop->spare;
        loop->spare = ctx;
        loop->spares++;
    }
}

bool context_open(struct weir_loop *loop)
{
    loop->root = ctx_new(loop, NULL);
    return loop->root != NULL;
}

void context_close(struct weir_loop *loop)
{
    struct weir_ctx *ctx;
    struct weir_watch *watch;

    while ((watch = loop->root->watches) != NULL)
        CHAIN_UNLINK(watch);
    free(loop->root);
    while ((ctx = loop->spare) != NULL) {
        loop->spare = ctx->next;
        free(ctx);
    }
}

struct weir_ctx *weir_ctx_background(struct weir_loop *loop)
{
    return loop->root;
}

static void link_to_parent(struct weir_ctx *ctx)
{
    struct weir_ctx *parent = ctx->parent;

    ctx->prev = parent->last;
    *(parent->last ? &parent->last->next : &parent->first) = ctx;
    parent->last = ctx;
}

static void unlink_from_parent(struct weir_ctx *ctx)
{
    struct weir_ctx *parent = ctx->parent;

    *(ctx->prev ? &ctx->prev->next : &parent->first) = ctx->next;
    *(ctx->next ? &ctx->next->prev : &parent->last) = ctx->prev;
    ctx->prev = NULL;
    ctx->next = NULL;
}

/* Birth. */

static enum weir_status derive(struct weir_ctx *parent, uint64_t deadline_ns, struct weir_ctx **out)
{
    struct weir_ctx *ctx;
    enum weir_status reason;

    ctx = ctx_new(parent->loop, parent);
    if (!ctx)
        return WEIR_NO_MEMORY;
    parent->refs++;
    ctx->loop->live++;
    ctx->deadline_ns = deadline_ns < parent->deadline_ns ? deadline_ns : parent->deadline_ns;
    *out = ctx;
    reason = parent->state != CTX_LIVE ? parent->reason : weir_ctx_err(ctx);
    if (reason != WEIR_OK) {
        set_state(ctx, CTX_ENDED);
        ctx->reason = reason;
        ctx->cause = parent->cause;
        return WEIR_OK;
    }
    link_to_parent(ctx);
    if (ctx->deadline_ns < parent->deadline_ns)
        weir_timer_arm(ctx->loop, &ctx->timer, ctx->deadline_ns, on_deadline, ctx);
    return WEIR_OK;
}

enum weir_status weir_ctx_with_cancel(struct weir_ctx *parent, struct weir_ctx **out)
{
    return parent && out ? derive(parent, NO_DEADLINE, out) : WEIR_INVALID_ARGUMENT;
}

enum weir_status weir_ctx_with_timeout(struct weir_ctx *parent, int64_t timeout_ns,
                                       struct weir_ctx **out)
{
    uint64_t deadline_ns;

    if (!parent || !out || timeout_ns <= 0)
        return WEIR_INVALID_ARGUMENT;
    if (__builtin_add_overflow(weir_loop_now(parent->loop), (uint64_t)timeout_ns, &deadline_ns))
        deadline_ns = NO_DEADLINE;
    return derive(parent, deadline_ns, out);
}

enum weir_status weir_ctx_with_deadline(struct weir_ctx *parent, uint64_t deadline_ns,
                                        struct weir_ctx **out)
{
    return parent && out ? derive(parent, deadline_ns, out) : WEIR_INVALID_ARGUMENT;
}

enum weir_status weir_ctx_with_value(struct weir_ctx *parent, const struct weir_ctx_key *key,
                                     void *value, struct weir_ctx **out)
{
    enum weir_status status;

    if (!parent || !key || !out)
        return WEIR_INVALID_ARGUMENT;
    status = derive(parent, NO_DEADLINE, out);
    if (status == WEIR_OK) {
        (*out)->key = key;
        (*out)->value = value;
    }
    return status;
}

/* Questions. */

void *weir_ctx_value(const struct weir_ctx *ctx, const struct weir_ctx_key *key)
{
    for (; ctx; ctx = ctx->parent) {
        if (ctx->key == key)
            return ctx->value;
    }
    return NULL;
}

static bool is_late(const struct weir_ctx *ctx)
{
    return ctx->deadline_ns != NO_DEADLINE && ctx->deadline_ns <= weir_loop_now(ctx->loop);
}

enum weir_status weir_ctx_err(struct weir_ctx *ctx)
{
    if (ctx->reason != WEIR_OK)
        return ctx->reason;
    return is_late(ctx) ? WEIR_DEADLINE_EXCEEDED : WEIR_OK;
}

const char *weir_ctx_cause(const struct weir_ctx *ctx)
{
    return ctx->cause;
}

bool weir_ctx_deadline(const struct weir_ctx *ctx, uint64_t *deadline_ns)
{
    if (ctx->deadline_ns == NO_DEADLINE)
        return false;
    *deadline_ns = ctx->deadline_ns;
    return true;
}

int64_t weir_ctx_remaining(struct weir_ctx *ctx)
{
    uint64_t now, left;

    if (ctx->reason != WEIR_OK)
        return 0;
    if (ctx->deadline_ns == NO_DEADLINE)
        return INT64_MAX;
    now = weir_loop_now(ctx->loop);
    left = ctx->deadline_ns > now ? ctx->deadline_ns - now : 0;
    return left < INT64_MAX ? (int64_t)left : INT64_MAX;
}

struct weir_loop *weir_ctx_loop(const struct weir_ctx *ctx)
{
    return ctx->loop;
}

/* Watches. */

void weir_ctx_on_done(struct weir_ctx *ctx, struct weir_watch *watch,
                      void (*fn)(void *arg, enum weir_status reason), void *arg)
{
    weir_watch_stop(watch);
    watch->fn = fn;
    watch->arg = arg;
    watch->reason = ctx->reason;
    watch->loop = ctx->loop;
    if (ctx->reason == WEIR_OK)
        CHAIN_PUSH(&ctx->watches, watch);
    else
        weir_loop_post(ctx->loop, &watch->task, on_watch_turn, watch);
}

bool weir_watch_stop(struct weir_watch *watch)
{
    if (!watch->pprev)
        return weir_loop_unpost(&watch->task);
    CHAIN_UNLINK(watch);
    return true;
}

static void on_watch_turn(void *arg)
{
    struct weir_watch *watch = arg;

    watch->fn(watch->arg, watch->reason);
}

/* The end. */

/* Marks one context that has left every list; its watches move behind *tail. Past its deadline
 * that is the reason, whoever noticed first: weir_ctx_err has been saying so since that moment. */
static void end_one(struct weir_ctx *ctx, uint64_t now_ns, const char *cause,
                    struct weir_watch ***tail)
{
    bool late = ctx->deadline_ns != NO_DEADLINE && ctx->deadline_ns <= now_ns;
    struct weir_watch *watch;

    set_state(ctx, CTX_ENDED);
    ctx->reason = late ? WEIR_DEADLINE_EXCEEDED : WEIR_CANCELED;
    ctx->cause = late ? NULL : cause;
    weir_timer_stop(&ctx->timer);
    for (watch = ctx->watches; watch; watch = watch->next)
        watch->reason = ctx->reason;
    CHAIN_APPEND_REVERSED(tail, &ctx->watches);
}

/* Ends a live context and all below it, parents before children, elder before younger. Their
 * watches are put into the empty chain *pending. */
static void end_tree(struct weir_ctx *top, const char *cause, struct weir_watch **pending)
{
    uint64_t now_ns = weir_loop_now(top->loop);
    struct weir_watch **tail = pending;
    struct weir_ctx *stack = top, *ctx;

    unlink_from_parent(top);
    while ((ctx = stack) != NULL) {
        stack = ctx->next;
        if (ctx->first) {
            ctx->last->next = stack;
            stack = ctx->first;
        }
        ctx->prev = ctx->next = ctx->first = ctx->last = NULL;
        end_one(ctx, now_ns, cause, &tail);
    }
}

static void call_watches(struct weir_watch **pending)
{
    struct weir_watch *watch;

    while ((watch = *pending) != NULL) {
        CHAIN_UNLINK(watch);
        watch->fn(watch->arg, watch->reason);
    }
}

static void on_deadline(void *arg)
{
    struct weir_ctx *ctx = arg;
    struct weir_watch *pending = NULL;

    end_tree(ctx, NULL, &pending);
    call_watches(&pending);
}

void weir_ctx_cancel(struct weir_ctx *ctx, const char *cause)
{
    struct weir_watch *pending = NULL;

    if (ctx->state != CTX_LIVE || !ctx->parent)
        return;
    end_tree(ctx, cause, &pending);
    call_watches(&pending);
}

void weir_ctx_release(struct weir_ctx *ctx)
{
    struct weir_watch *pending = NULL;

    if (!ctx || !ctx->parent)
        return;
    if (ctx->state == CTX_LIVE)
        end_tree(ctx, NULL, &pending);
    set_state(ctx, CTX_RELEASED);
    ctx->loop->live--;
    call_watches(&pending);
    ctx_unref(ctx);
}
