/* ctx.c - contexts.
 *
 * The contexts of one root form a tree, and one lock guards the whole of it: who
 * is whose child, who waits under which, who watches. Ending one ends all below
 * it in one walk under that lock, and freeing can be done in any order, since a
 * freed context whose children live stays until they are gone. What is read on
 * every operation, the status, is one atomic word in each context; it never goes
 * back, except when a worker arms a context of its own anew.
 *
 * A lock per context was the other way; then a cancel and a free that meet need
 * an order over unrelated locks. The tree's lock is taken only to park, to end
 * and to make or free a context, which cost a thousand times more.
 *
 * Order of locks: the tree's before a sleeper's, and before whatever a watch's
 * nudge takes.
 * SPDX-License-Identifier: MIT */
#include "ctx.h"
#include "chan.h"
#include "mem.h"
#include "park.h"
#include "thread.h"
#include "trace.h"
#include <stdio.h>
#include <string.h>

struct leat__tree {
    pthread_mutex_t lock;
    size_t count; /* contexts in it; the last one ends it */
};

struct leat__task {
    char name[sizeof((struct leat_task *)0)->name];
    bool ended;
    int status;
    int64_t since;  /* started or ended */
    size_t waiting; /* threads parked under it */
};

/* --- making and freeing --- */

static leat_ctx *new_ctx(struct leat__tree *tree, int64_t deadline)
{
    leat_ctx *ctx = leat__alloc_lines(sizeof *ctx);

    if (!ctx)
        return NULL;
    WATCH_ATOMIC(ctx->status);
    WATCH_ATOMIC(ctx->deadline);
    atomic_init(&ctx->status, LEAT_OK);
    atomic_init(&ctx->deadline, deadline);
    ctx->tree = tree;
    return ctx;
}

leat_ctx *leat_ctx_root(leat_duration timeout)
{
    struct leat__tree *tree;
    leat_ctx *ctx;

    if (timeout <= 0 || !(tree = leat__alloc(sizeof *tree)))
        return NULL;
    if (!(ctx = new_ctx(tree, leat__after(leat__now(), timeout)))) {
        leat__free(tree);
        return NULL;
    }
    leat__mutex_init(&tree->lock);
    tree->count = 1;
    return ctx;
}

/* Under parent's tree's lock. */
static void adopt_locked(leat_ctx *parent, leat_ctx *child)
{
    child->parent = parent;
    if ((child->next = parent->children))
        child->next->back = &child->next;
    child->back = &parent->children;
    parent->children = child;
    child->tree->count++;
    if (leat__ctx_deadline(child) > leat__ctx_deadline(parent))
        atomic_store(&child->deadline, leat__ctx_deadline(parent));
    child->cause = parent->cause;
    atomic_store(&child->status, atomic_load(&parent->status));
}

static void inherit(leat_ctx *child, const leat_ctx *parent)
{
    child->hand = parent->hand;
    child->buffer = parent->buffer;
    child->task = parent->task;
}

leat_ctx *leat_ctx_new(leat_ctx *parent, leat_duration timeout)
{
    int64_t deadline;
    leat_ctx *ctx;

    if (!parent)
        return NULL;
    deadline = timeout == 0  ? LEAT__NEVER
               : timeout < 0 ? 0 : leat__after(leat__now(), timeout);
    if (!(ctx = new_ctx(parent->tree, deadline)))
        return NULL;
    inherit(ctx, parent);
    leat__lock(&parent->tree->lock);
    adopt_locked(parent, ctx);
    leat__unlock(&parent->tree->lock);
    leat__ctx_look(ctx);
    return ctx;
}

leat_ctx *leat__ctx_task(leat_ctx *parent, const char *name)
{
    struct leat__task *task = leat__alloc(sizeof *task);
    leat_ctx *ctx = task ? leat_ctx_new(parent, 0) : NULL;

    if (!ctx || (parent->buffer &&
                 !(ctx->buffer = leat__buffer_new(parent->buffer, name)))) {
        leat_ctx_free(ctx);
        leat__free(task);
        return NULL;
    }
    snprintf(task->name, sizeof task->name, "%s", name ? name : "");
    task->since = leat__now();
    leat__lock(&ctx->tree->lock);
    ctx->own = task;
    ctx->task = ctx;
    leat__unlock(&ctx->tree->lock);
    return ctx;
}

void leat__ctx_task_end(leat_ctx *ctx, int status)
{
    leat__lock(&ctx->tree->lock);
    ctx->own->ended = true;
    ctx->own->status = status;
    ctx->own->since = leat__now();
    leat__unlock(&ctx->tree->lock);
}

void leat_ctx_free(leat_ctx *ctx)
{
    struct leat__tree *tree;
    bool last;

    if (!ctx)
        return;
    tree = ctx->tree;
    leat__lock(&tree->lock);
    ctx->freed = true;
    while (ctx && ctx->freed && !ctx->children) {
        leat_ctx *parent = ctx->parent;
        if (parent && (*ctx->back = ctx->next))
            ctx->next->back = ctx->back;
        tree->count--;
        WATCH_PLAIN(ctx->status);
        WATCH_PLAIN(ctx->deadline);
        leat__free(ctx->own);
        leat__free(ctx);
        ctx = parent;
    }
    last = tree->count == 0;
    leat__unlock(&tree->lock);
    if (last) {
        leat__mutex_destroy(&tree->lock);
        leat__free(tree);
    }
}

/* --- ending --- */

/* The next one of a walk over top and all below it; NULL: that was the last. */
static leat_ctx *walk(leat_ctx *top, leat_ctx *ctx)
{
    if (ctx->children)
        return ctx->children;
    while (ctx != top && !ctx->next)
        ctx = ctx->parent;
    return ctx == top ? NULL : ctx->next;
}

static void nudge_locked(leat_ctx *ctx)
{
    for (struct leat__sleeper *s = ctx->sleepers; s; s = s->next)
        leat__sleeper_nudge(s);
    for (struct leat__watch *w = ctx->watches; w; w = w->next)
        w->nudge(w);
}

static void end_locked(leat_ctx *top, int status, int cause)
{
    for (leat_ctx *ctx = top; ctx; ctx = walk(top, ctx)) {
        if (atomic_load(&ctx->status) != LEAT_OK)
            continue;
        ctx->cause = cause;
        atomic_store(&ctx->status, status);
        nudge_locked(ctx);
    }
}

void leat_ctx_cancel(leat_ctx *ctx, int cause)
{
    if (!ctx || leat__ctx_look(ctx) != LEAT_OK)
        return;
    leat__lock(&ctx->tree->lock);
    end_locked(ctx, LEAT_CANCELED, cause ? cause : LEAT_CANCELED);
    leat__unlock(&ctx->tree->lock);
}

int64_t leat__ctx_deadline(leat_ctx *ctx)
{
    return atomic_load_explicit(&ctx->deadline, memory_order_relaxed);
}

int leat__ctx_look(leat_ctx *ctx)
{
    int status = atomic_load(&ctx->status);
    int64_t now;

    if (status != LEAT_OK || (now = leat__now()) < leat__ctx_deadline(ctx))
        return status;
    leat__lock(&ctx->tree->lock);
    if (now >= leat__ctx_deadline(ctx)) /* not armed anew meanwhile */
        end_locked(ctx, LEAT_TIMEOUT, LEAT_TIMEOUT);
    status = atomic_load(&ctx->status);
    leat__unlock(&ctx->tree->lock);
    return status;
}

int leat_ctx_cause(leat_ctx *ctx)
{
    int cause = LEAT_OK;

    if (!ctx)
        return LEAT_INVALID;
    if (leat__ctx_look(ctx) == LEAT_OK)
        return LEAT_OK;
    leat__lock(&ctx->tree->lock);
    cause = ctx->cause;
    leat__unlock(&ctx->tree->lock);
    return cause;
}

leat_duration leat_ctx_left(leat_ctx *ctx)
{
    int64_t left;

    if (!ctx || leat__ctx_look(ctx) != LEAT_OK)
        return 0;
    left = leat__ctx_deadline(ctx) - leat__now();
    return left > 0 ? left : 0;
}

void leat__ctx_rearm(leat_ctx *ctx, int64_t deadline)
{
    int64_t most;

    /* As a rule the last use has not ended it, and the deadline is all there is
     * to set. Set first and compared afterwards: whoever brings the parent's
     * forward meanwhile either is seen here or comes by later. An end that comes
     * meanwhile stays. */
    if (leat__ctx_status(ctx) == LEAT_OK) {
        atomic_store(&ctx->deadline, deadline);
        most = atomic_load(&ctx->parent->deadline);
        if (deadline > most)
            atomic_store(&ctx->deadline, most);
        return;
    }
    leat__lock(&ctx->tree->lock);
    most = leat__ctx_deadline(ctx->parent); /* may have been brought forward */
    atomic_store(&ctx->deadline, deadline < most ? deadline : most);
    ctx->cause = ctx->parent->cause;
    atomic_store(&ctx->status, atomic_load(&ctx->parent->status));
    leat__unlock(&ctx->tree->lock);
}

void leat__ctx_tighten(leat_ctx *top, int64_t deadline)
{
    leat__lock(&top->tree->lock);
    for (leat_ctx *ctx = top; ctx; ctx = walk(top, ctx))
        if (leat__ctx_deadline(ctx) > deadline) {
            atomic_store(&ctx->deadline, deadline);
            nudge_locked(ctx);
        }
    leat__unlock(&top->tree->lock);
}

/* --- who wants to know --- */

void leat__ctx_watch(leat_ctx *ctx, struct leat__watch *watch)
{
    leat__lock(&ctx->tree->lock);
    if ((watch->next = ctx->watches))
        watch->next->back = &watch->next;
    watch->back = &ctx->watches;
    ctx->watches = watch;
    if (atomic_load(&ctx->status) != LEAT_OK)
        watch->nudge(watch);
    leat__unlock(&ctx->tree->lock);
}

void leat__ctx_unwatch(leat_ctx *ctx, struct leat__watch *watch)
{
    leat__lock(&ctx->tree->lock);
    if ((*watch->back = watch->next))
        watch->next->back = watch->back;
    leat__unlock(&ctx->tree->lock);
}

void leat__ctx_enter(leat_ctx *ctx, struct leat__sleeper *sleeper)
{
    leat__lock(&ctx->tree->lock);
    sleeper->since = leat__now();
    if ((sleeper->next = ctx->sleepers))
        sleeper->next->back = &sleeper->next;
    sleeper->back = &ctx->sleepers;
    ctx->sleepers = sleeper;
    if (ctx->task)
        ctx->task->own->waiting++;
    leat__unlock(&ctx->tree->lock);
}

void leat__ctx_leave(leat_ctx *ctx, struct leat__sleeper *sleeper)
{
    leat__lock(&ctx->tree->lock);
    if ((*sleeper->back = sleeper->next))
        sleeper->next->back = sleeper->back;
    if (ctx->task)
        ctx->task->own->waiting--;
    leat__unlock(&ctx->tree->lock);
}

int leat_sleep(leat_ctx *ctx, leat_duration duration)
{
    struct leat__sleeper sleeper;
    int64_t until;

    if (!ctx)
        return LEAT_INVALID;
    if (leat__ctx_look(ctx) != LEAT_OK)
        return leat__ctx_status(ctx);
    if (duration <= 0)
        return LEAT_OK;
    until = leat__after(leat__now(), duration);
    leat__sleeper_init(&sleeper, __builtin_return_address(0));
    leat__sleeper_wait(ctx, &sleeper, until);
    WATCH_PLAIN(sleeper.state);
    return leat__ctx_status(ctx); /* nobody claims a sleep: it has passed, or ctx
                                     has ended, which wins */
}

/* --- the listing --- */

static void list_sleeper(struct leat_task *task, leat_ctx *ctx,
                         const struct leat__sleeper *sleeper, int64_t now)
{
    int64_t left = leat__ctx_deadline(ctx) - now;
    bool woken = atomic_load(&sleeper->state) > LEAT__PARKED ||
                 left <= 0 || leat__ctx_status(ctx) != LEAT_OK;

    *task = (struct leat_task){.state = LEAT_TASK_WAITING,
                               .since = now - sleeper->since,
                               .caller = sleeper->caller,
                               .cases = sleeper->cases,
                               .sending = sleeper->sending,
                               .left = left > 0 ? left : 0,
                               .woken = woken};
    if (ctx->task)
        memcpy(task->name, ctx->task->own->name, sizeof task->name);
    if (sleeper->chan)
        leat__chan_describe(sleeper->chan, task);
}

static void list_task(struct leat_task *task, const struct leat__task *own,
                      int64_t now)
{
    *task = (struct leat_task){
        .state = own->ended ? LEAT_TASK_ENDED : LEAT_TASK_RUNNING,
        .status = own->status,
        .since = now - own->since};
    memcpy(task->name, own->name, sizeof task->name);
}

size_t leat_ctx_tasks(leat_ctx *top, struct leat_task *tasks, size_t count)
{
    int64_t now;
    size_t n = 0;

    if (!top || (count > 0 && !tasks))
        return 0;
    leat__lock(&top->tree->lock);
    now = leat__now(); /* here: nothing listed began later */
    for (leat_ctx *ctx = top; ctx; ctx = walk(top, ctx)) {
        for (struct leat__sleeper *s = ctx->sleepers; s; s = s->next)
            if (n++ < count)
                list_sleeper(&tasks[n - 1], ctx, s, now);
        if (ctx->own && !ctx->freed && ctx->own->waiting == 0 && n++ < count)
            list_task(&tasks[n - 1], ctx->own, now);
    }
    leat__unlock(&top->tree->lock);
    return n;
}
