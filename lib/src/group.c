/* group.c - threads that end together.
 *
 * The count of a group is its owner's and one for each thread that runs; the
 * last to give its own up frees what there is. So whoever is left behind, stuck,
 * still stands on firm ground.
 *
 * Order of locks: a context tree's before a group's. The group's context is
 * therefore never touched with the group's lock held.
 * SPDX-License-Identifier: MIT */
#include "group.h"
#include "ctx.h"
#include "mem.h"
#include "thread.h"
#include "trace.h"
#include <stdio.h>

struct leat__thread {
    struct leat__thread *next;
    leat_group *group;
    leat_ctx *ctx;
    const char *name; /* the caller's, for why; may be gone already */
    char copy[sizeof((struct leat_task *)0)->name];
    leat_task_fn *fn;
    void *arg;
    pthread_t id;
    bool ended, joined, detached; /* under the group's lock */
};

leat_group *leat_group_new(leat_ctx *ctx)
{
    leat_group *group = ctx ? leat__alloc(sizeof *group) : NULL;

    if (!group)
        return NULL;
    if (!(group->ctx = leat_ctx_new(ctx, 0))) {
        leat__free(group);
        return NULL;
    }
    leat__mutex_init(&group->lock);
    leat__cond_init(&group->changed);
    group->refs = 1;
    return group;
}

/* --- the end of it --- */

static void destroy(leat_group *group)
{
    while (group->threads) {
        struct leat__thread *thread = group->threads;
        group->threads = thread->next;
        leat_ctx_free(thread->ctx);
        leat__free(thread);
    }
    if (group->release)
        group->release(group->owned);
    leat_ctx_free(group->ctx);
    leat__cond_destroy(&group->changed);
    leat__mutex_destroy(&group->lock);
    leat__free(group);
}

void leat__group_free(leat_group *group)
{
    bool last;

    leat__lock(&group->lock);
    last = --group->refs == 0;
    leat__unlock(&group->lock);
    if (last)
        destroy(group);
}

/* --- failures --- */

void leat__group_fail(leat_group *group, int status, const char *stage,
                      const char *message)
{
    bool ended = leat__ctx_look(group->ctx) != LEAT_OK;
    bool weak = ended && (status == LEAT_CANCELED || status == LEAT_TIMEOUT);

    leat__lock(&group->lock);
    if (group->why.status == LEAT_OK || (group->weak && !weak)) {
        group->why = (struct leat_error){.status = status, .stage = stage};
        snprintf(group->why.message, sizeof group->why.message, "%s", message);
        group->weak = weak;
    }
    leat__unlock(&group->lock);
    leat_ctx_cancel(group->ctx, status);
}

/* --- threads --- */

static void *run(void *arg)
{
    struct leat__thread *thread = arg;
    leat_group *group = thread->group;
    int status;
    bool last;

    leat__thread_name(thread->copy);
    if (thread->ctx->buffer)
        leat__trace(thread->ctx->buffer, LEAT__TRACE_START, NULL, false, 0, 0);
    status = thread->fn(thread->ctx, thread->arg);
    if (thread->ctx->buffer)
        leat__trace(thread->ctx->buffer, LEAT__TRACE_END, NULL, false, 0, 0);
    leat__ctx_task_end(thread->ctx, status);
    if (status != LEAT_OK)
        leat__group_fail(group, status, thread->name, leat_strstatus(status));
    leat__lock(&group->lock);
    thread->ended = true;
    group->running--;
    last = --group->refs == 0;
    leat__broadcast(&group->changed);
    leat__unlock(&group->lock);
    if (last)
        destroy(group);
    return NULL;
}

static int start(leat_group *group, struct leat__thread *thread)
{
    int status;

    /* Under the lock, so that it cannot end before it is on the list. */
    leat__lock(&group->lock);
    status = leat__thread_start(&thread->id, run, thread);
    if (status == LEAT_OK) {
        thread->next = group->threads;
        group->threads = thread;
        group->running++;
        group->refs++;
    }
    leat__unlock(&group->lock);
    return status;
}

int leat_go(leat_group *group, const char *name, leat_task_fn *fn, void *arg)
{
    struct leat__thread *thread;
    int status = LEAT_NOMEM;

    if (!group)
        return LEAT_INVALID;
    if (!fn) {
        leat__group_fail(group, LEAT_INVALID, name, "the function is NULL");
        return LEAT_INVALID;
    }
    name = name ? name : "";
    if ((thread = leat__alloc(sizeof *thread))) {
        *thread = (struct leat__thread){.group = group, .name = name, .fn = fn,
                                        .arg = arg};
        snprintf(thread->copy, sizeof thread->copy, "%s", name);
        if ((thread->ctx = leat__ctx_task(group->ctx, name)) &&
            (status = start(group, thread)) == LEAT_OK)
            return LEAT_OK;
        leat_ctx_free(thread->ctx);
        leat__free(thread);
    }
    leat__group_fail(group, status, name, leat_strstatus(status));
    return status;
}

/* --- waiting --- */

/* Joins those that have ended; a moment each, as their bodies are through. */
static void join_ended_locked(leat_group *group)
{
    struct leat__thread *thread = group->threads;

    while (thread) {
        if (!thread->ended || thread->joined || thread->detached) {
            thread = thread->next;
            continue;
        }
        thread->joined = true;
        leat__unlock(&group->lock);
        leat__thread_join(thread->id);
        leat__lock(&group->lock);
        thread = group->threads;
    }
}

bool leat__group_join(leat_group *group, int64_t deadline)
{
    bool ended;

    leat__lock(&group->lock);
    while (group->running > 0 &&
           leat__wait_until(&group->changed, &group->lock, deadline))
        ;
    ended = group->running == 0;
    join_ended_locked(group);
    leat__unlock(&group->lock);
    return ended;
}

void leat__group_abandon(leat_group *group)
{
    leat__lock(&group->lock);
    join_ended_locked(group);
    for (struct leat__thread *t = group->threads; t; t = t->next)
        if (!t->joined && !t->detached) {
            t->detached = true;
            leat__thread_detach(t->id);
        }
    leat__unlock(&group->lock);
}

/* The context has ended: whoever waits for the group must know. */
struct ended {
    struct leat__watch watch; /* first */
    leat_group *group;
};

static void nudge(struct leat__watch *watch)
{
    leat_group *group = ((struct ended *)watch)->group;

    leat__lock(&group->lock);
    leat__broadcast(&group->changed);
    leat__unlock(&group->lock);
}

/* Until all have ended, or the context has. True: all have. */
static bool wait_for_ctx(leat_group *group)
{
    struct ended ended = {{nudge, NULL, NULL}, group};
    bool all = false;

    leat__ctx_watch(group->ctx, &ended.watch);
    while (!all && leat__ctx_look(group->ctx) == LEAT_OK) {
        int64_t deadline = leat__ctx_deadline(group->ctx);
        leat__lock(&group->lock);
        if (group->running > 0 && leat__ctx_status(group->ctx) == LEAT_OK)
            leat__wait_until(&group->changed, &group->lock, deadline);
        all = group->running == 0;
        leat__unlock(&group->lock);
    }
    leat__ctx_unwatch(group->ctx, &ended.watch);
    return all;
}

/* The name of one that was left alone; NULL: none was. */
static const char *stuck_locked(leat_group *group)
{
    struct leat__thread *thread = group->threads;

    while (thread && !thread->detached)
        thread = thread->next;
    return thread ? thread->name : NULL;
}

int leat_group_wait(leat_group *group, struct leat_error *why)
{
    struct leat_error first = {.status = LEAT_INVALID};
    int worst = LEAT_OK; /* than any failure */

    if (group) {
        if (!wait_for_ctx(group))
            leat__ctx_look(group->ctx);
        if (!leat__group_join(group, leat__after(leat__now(), LEAT_S))) {
            leat__group_abandon(group);
            worst = LEAT_ABANDONED;
        } else if (group->finish) {
            worst = group->finish(group->owned);
        }
        leat__lock(&group->lock);
        first = group->why;
        if (worst != LEAT_OK) {
            first = (struct leat_error){.status = worst,
                                        .stage = stuck_locked(group)};
            snprintf(first.message, sizeof first.message, "%s",
                     leat_strstatus(worst));
        }
        leat__unlock(&group->lock);
        leat__group_free(group);
    }
    if (why)
        *why = first;
    return first.status;
}
