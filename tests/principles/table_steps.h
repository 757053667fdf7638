/* table_steps.h - the three stages of table.h, and what they leave behind for
 * whoever looks at the trial.
 * SPDX-License-Identifier: MIT */
#ifndef PRINCIPLES_TABLE_STEPS_H
#define PRINCIPLES_TABLE_STEPS_H

#include "support/blocked.h"
#include "support/token.h"
#include <leat/fault.h>
#include <leat/pipeline.h>
#include <signal.h>
#include <stdio.h>

enum { SOURCE, MIDDLE, SINK, STAGES };
enum { ITEMS = 6, VICTIM = 2 };
enum { EVENTS = 64 };

struct thing {
    uint64_t n;
    struct token own;
};

static inline void thing_drop(void *thing)
{
    token_drop(&((struct thing *)thing)->own);
}

static const struct leat_type thing_type = {
    .name = "thing", .size = sizeof(struct thing), .drop = thing_drop};

struct seen {
    enum leat_event_kind kind;
    char stage[16];
    uint64_t seq;
};

static struct trial {
    struct leat_pipeline pipeline;
    struct leat_fault fault;
    leat_ctx *ctx;
    leat_duration unit; /* how long somebody waits for the end of a time */
    uint64_t todo[ITEMS], next, count;
    uint64_t pending; /* in the sink's transaction; ITEMS: nothing */
    unsigned past[STAGES][ITEMS]; /* how often a stage has done it; the sink:
                                     how often it is on the disk */
    unsigned doubled;             /* saved more than once, by anybody */
    unsigned opened, closed;
    struct seen events[EVENTS];
    size_t event_count;
    int status, again; /* of the run, and of the run without the fault */
    volatile sig_atomic_t killed; /* by this signal */
    const char *crashed_in;
    unsigned saved; /* before it was run again */
    leat_duration took;
    struct leat_report report, report_again;
} *t; /* shared with a child */

/* Of past ... closed. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static inline void step_past(int stage, uint64_t n)
{
    pthread_mutex_lock(&lock);
    t->past[stage][n]++;
    pthread_mutex_unlock(&lock);
}

static inline int make(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    if (t->next == t->count)
        return LEAT_CLOSED;
    uint64_t n = t->todo[t->next++];
    leat_item_set(ctx, n, 0);
    *(struct thing *)out = (struct thing){n, token_new()};
    step_past(SOURCE, n);
    return leat_beat(ctx, n, ITEMS);
}

static inline int change(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct thing *thing = in;
    *(struct thing *)out = (struct thing){thing->n, token_new()};
    step_past(MIDDLE, thing->n);
    return leat_beat(ctx, thing->n, ITEMS);
}

static inline int save(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct thing *thing = in;
    pthread_mutex_lock(&lock);
    t->pending = thing->n;
    pthread_mutex_unlock(&lock);
    return leat_beat(ctx, thing->n, ITEMS);
}

static inline int see_failed(leat_ctx *ctx, const void *in, void *out,
                             void *arg)
{
    return LEAT_OK; /* the trace has told */
}

static inline int open_it(leat_ctx *ctx, void *arg, void **state)
{
    pthread_mutex_lock(&lock);
    t->opened++;
    pthread_mutex_unlock(&lock);
    *state = &t->opened;
    return LEAT_OK;
}

static inline void close_it(void *state)
{
    pthread_mutex_lock(&lock);
    t->closed++;
    pthread_mutex_unlock(&lock);
}

static inline int begin(leat_ctx *ctx, void *state)
{
    pthread_mutex_lock(&lock);
    t->pending = ITEMS;
    pthread_mutex_unlock(&lock);
    return LEAT_OK;
}

static inline int end(leat_ctx *ctx, int status, void *state)
{
    pthread_mutex_lock(&lock);
    if (status == LEAT_OK && t->pending < ITEMS)
        t->doubled += t->past[SINK][t->pending]++ > 0;
    t->pending = ITEMS;
    pthread_mutex_unlock(&lock);
    return LEAT_OK;
}

static const struct leat_resource plain = {.open = open_it, .close = close_it};
static const struct leat_resource disk = {
    .open = open_it, .begin = begin, .end = end, .close = close_it};

/* Takes no lock: it is called one at a time. */
static inline void see(const struct leat_event *event, void *arg)
{
    if (t->event_count == EVENTS)
        return;
    struct seen *seen = &t->events[t->event_count++];
    *seen = (struct seen){.kind = event->kind, .seq = event->seq};
    snprintf(seen->stage, sizeof seen->stage, "%s", event->stage);
}

#endif
