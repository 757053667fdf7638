/* ctx.h - what the rest of lib may see of a context.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__CTX_H
#define LEAT__CTX_H

#include <leat/ctx.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

struct leat__hand;   /* what a stage's function can see and say: hand.h */
struct leat__buffer; /* where this context's channel operations go: trace.c */
struct leat__tree;   /* the lock and the count of one root and all below it */

/* Somebody who wants to know that a context has ended, or that its deadline was
 * brought forward. nudge is called with the tree's lock held and must only wake
 * somebody. */
struct leat__watch {
    void (*nudge)(struct leat__watch *watch);
    struct leat__watch *next, **back;
};

/* Read by everybody on every operation, seldom written. */
struct leat_ctx {
    alignas(64) atomic_int status; /* LEAT_OK, LEAT_CANCELED or LEAT_TIMEOUT */
    struct leat__hand *hand;       /* of the worker above; NULL: none */
    struct leat__buffer *buffer;   /* NULL: no trace */
    _Atomic int64_t deadline;
    struct leat__tree *tree;
    struct leat_ctx *task; /* the nearest, from here upwards, that is a task's */
    /* ... the rest belongs to ctx.c, under the tree's lock: */
    int cause;
    struct leat_ctx *parent, *children, *next, **back;
    struct leat__watch *watches;
    struct leat__sleeper *sleepers;
    bool freed;
    struct leat__task *own; /* set where task == this context */
};

/* One load: how ctx ended, as a wait says it. Does not look at the clock: a
 * loop that never waits must call leat_ctx_cause() now and then. */
static inline int leat__ctx_status(leat_ctx *ctx)
{
    return atomic_load_explicit(&ctx->status, memory_order_relaxed);
}

/* leat_ctx_cause(), as a wait would say it: LEAT_OK, LEAT_CANCELED or
 * LEAT_TIMEOUT. Looks at the clock. */
int leat__ctx_look(leat_ctx *ctx);

int64_t leat__ctx_deadline(leat_ctx *ctx); /* a point in time */

/* A child for a task: listed by leat_ctx_tasks() until it is freed. name is
 * copied. NULL: no memory. */
leat_ctx *leat__ctx_task(leat_ctx *parent, const char *name);
void leat__ctx_task_end(leat_ctx *ctx, int status);

/* Lets a context without children and without waiters live again, until the
 * deadline or its parent's. If its parent has ended it ends at once, again. */
void leat__ctx_rearm(leat_ctx *ctx, int64_t deadline);

/* Brings the deadline of ctx and its children forward and makes everybody who
 * waits under them look again. */
void leat__ctx_tighten(leat_ctx *ctx, int64_t deadline);

/* Adds and takes off a watch. On a context that has ended already the nudge
 * comes at once. After unwatch returns no nudge is under way. */
void leat__ctx_watch(leat_ctx *ctx, struct leat__watch *watch);
void leat__ctx_unwatch(leat_ctx *ctx, struct leat__watch *watch);

#endif
