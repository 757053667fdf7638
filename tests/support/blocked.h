/* blocked.h - calls that wait, each in a thread of its own, and how a test
 * knows that they do: leat_ctx_tasks() lists them.
 *
 * Needs _POSIX_C_SOURCE 200809L.
 * SPDX-License-Identifier: MIT */
#ifndef BLOCKED_H
#define BLOCKED_H

#include "support/gate.h"
#include <leat/select.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

/* Longer than anything takes, on a busy machine and under Valgrind. A context
 * with this deadline that says LEAT_TIMEOUT has found a lost wake-up. */
#define PATIENCE (20 * LEAT_S)

static inline int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * LEAT_S + t.tv_nsec;
}

static inline size_t waiting(leat_ctx *ctx)
{
    struct leat_task tasks[64];
    size_t there = leat_ctx_tasks(ctx, tasks, 64), count = 0;
    for (size_t i = 0; i < there && i < 64; i++)
        count += tasks[i].state == LEAT_TASK_WAITING;
    return count;
}

/* True as soon as exactly count threads are parked under ctx; false when that
 * has not come to be for a long time. */
static inline bool blocked(leat_ctx *ctx, size_t count)
{
    int64_t end = now() + PATIENCE;
    for (unsigned looks = 0; waiting(ctx) != count; looks++) {
        if (now() > end)
            return false;
        if (looks < 100)
            look_again();
        else
            nanosleep(&(struct timespec){0, 200000}, NULL);
    }
    return true;
}

/* One call, its arguments and what came of it. */
struct call {
    int (*fn)(struct call *call);
    leat_ctx *ctx;
    leat_chan *ch;
    void *item;              /* or the items */
    size_t count;            /* of the _many calls, in and out; of the cases */
    struct leat_case *cases; /* of a select */
    size_t chosen;
    leat_duration duration; /* of a sleep */
    int status;             /* after finish() */
    pthread_t thread;
};

/* Not inlined and no tail calls, so that leat_ctx_tasks() can say that the call
 * is made from here. */
#define CALL_FN_ __attribute__((noinline, unused)) static int

CALL_FN_ call_send(struct call *call)
{
    return call->status = leat_send(call->ctx, call->ch, call->item);
}

CALL_FN_ call_recv(struct call *call)
{
    return call->status = leat_recv(call->ctx, call->ch, call->item);
}

CALL_FN_ call_send_many(struct call *call)
{
    return call->status =
               leat_send_many(call->ctx, call->ch, call->item, &call->count);
}

CALL_FN_ call_recv_many(struct call *call)
{
    return call->status =
               leat_recv_many(call->ctx, call->ch, call->item, &call->count);
}

CALL_FN_ call_select(struct call *call)
{
    return call->status =
               leat_select(call->ctx, call->cases, call->count, &call->chosen);
}

CALL_FN_ call_sleep(struct call *call)
{
    return call->status = leat_sleep(call->ctx, call->duration);
}

static inline void *call_body(void *arg)
{
    struct call *call = arg;
    call->fn(call);
    return NULL;
}

static inline void thread_start(pthread_t *thread, void *(*fn)(void *),
                                void *arg)
{
    if (pthread_create(thread, NULL, fn, arg) != 0)
        abort();
}

static inline void start(struct call *call, int (*fn)(struct call *call))
{
    call->fn = fn;
    call->status = 1;
    thread_start(&call->thread, call_body, call);
}

/* Waits for its end and says how it went. */
static inline int finish(struct call *call)
{
    pthread_join(call->thread, NULL);
    return call->status;
}

/* The three that are written most often. */
static inline struct call *start_send(struct call *call, leat_ctx *ctx,
                                      leat_chan *ch, void *item)
{
    *call = (struct call){.ctx = ctx, .ch = ch, .item = item};
    start(call, call_send);
    return call;
}

static inline struct call *start_recv(struct call *call, leat_ctx *ctx,
                                      leat_chan *ch, void *item)
{
    *call = (struct call){.ctx = ctx, .ch = ch, .item = item};
    start(call, call_recv);
    return call;
}

static inline struct call *start_select(struct call *call, leat_ctx *ctx,
                                        struct leat_case *cases, size_t count)
{
    *call = (struct call){.ctx = ctx, .cases = cases, .count = count};
    start(call, call_select);
    return call;
}

#endif
