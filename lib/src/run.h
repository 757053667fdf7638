/* run.h - one call of leat_run(): what its parts know of each other.
 *
 *   pipeline.c   starts a run, and says how it ended
 *   check.c      what is wrong with a pipeline
 *   make.c       what a run is made of, and its end
 *   source.c     the worker of the first stage: makes items
 *   worker.c     the worker of any other stage: takes a few items, has them
 *                done, passes them on
 *   batch.c      has a few items done: one by one, or between begin and end
 *   call.c       calls the user's functions: fn, and those of the resource
 *   retry.c      when a failed attempt is worth another one
 *   order.c      puts items back into the order of the source
 *   threshold.c  whether too many have failed
 *   monitor.c    watches the time: drain, cancel, interrupt, abandon, tick
 *   block.[hc]   the items
 *   account.c    counts, events, troubles; whether it all adds up
 *
 * A step is a stage of the run with what it needs: its input channel, its
 * workers. The sink of failed items is a step, too, but its workers are a group
 * of their own under a context (`late`) that outlives the cancel by the grace.
 *
 * An item is alive from the moment its source has made it until it is settled:
 * exactly once, by whoever has it in hand, with what became of it.
 *
 * Everything here lives until the last thread has returned, abandoned ones
 * included (group.h): so a stuck worker that comes back finds what it knows.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__RUN_H
#define LEAT__RUN_H

#include "block.h"
#include "chan.h"
#include "ctx.h"
#include "group.h"
#include "hand.h"
#include "item.h"
#include "stage.h"
#include "thread.h"
#include "watch.h"
#include <leat/pipeline.h>
#include <stdalign.h>
#include <stdatomic.h>

#define LEAT__NOWHERE SIZE_MAX

enum { LEAT__MOST = 32 }; /* items a worker takes at a time, without batch */

/* Written by one thread, read by any: no lock, no read-modify-write. */
typedef _Atomic uint64_t leat__counter;

static inline void leat__count_by(leat__counter *counter, uint64_t n)
{
    atomic_store_explicit(
        counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
        memory_order_relaxed);
}

static inline void leat__count(leat__counter *counter)
{
    leat__count_by(counter, 1);
}

struct leat__counts {
    leat__counter in, ok, skipped, failed, canceled, abandoned, retried;
};

/* What became of an item in a stage. Positive and other negative statuses do
 * not stand here: `error` of the slot has them. */
enum leat__verdict {
    LEAT__TODO,     /* not given to fn, or to be redone */
    LEAT__PASSED,   /* had failed or been skipped before: untouched */
    LEAT__DONE,     /* LEAT_OK */
    LEAT__SKIPPED,
    LEAT__UNWANTED, /* LEAT_CLOSED: this one and all that follow */
    LEAT__RETRY,    /* LEAT_AGAIN, or a timeout */
    LEAT__FAILED,
    LEAT__CANCELED,
    LEAT__LEFT,     /* left behind with a stuck worker */
};

struct leat__slot {
    struct leat__block *item;
    enum leat__verdict verdict;
    bool given;     /* to fn, at least once in this turn */
    unsigned tries; /* calls of fn, in all */
    int error;  /* of LEAT__RETRY and LEAT__FAILED */
};

typedef char leat__message[sizeof((struct leat_error *)0)->message];

/* Where a worker is, for the monitor. INSIDE: in a function of the user's, and
 * the slots are to be left alone from `at` on. The way out of INSIDE is a
 * compare-and-swap on both sides, so either the worker comes back in time or
 * the monitor has it ABANDONED, and the result is never used. */
enum { LEAT__OUTSIDE, LEAT__INSIDE, LEAT__ABANDONED };

struct leat__worker {
    alignas(64) struct leat__run *run;
    struct leat__step *step;
    unsigned index;
    leat_ctx *ctx;      /* its task's */
    leat_ctx *attempt;  /* under ctx, armed for each attempt; NULL: no timeouts */
    leat_ctx *pause;    /* under ctx: for waits shorter than the run; a source:
                           what its fn gets, ended by a drain. Set and unset
                           under `call` */
    leat_ctx *detached; /* under late: to commit after a cancel. As pause */
    struct leat__hand hand;
    void *state; /* of the resource */
    bool opened;
    bool again; /* a source: the next call is another attempt */
    bool tx; /* the resource has begin or end */
    struct leat__block *later; /* to be tried again, the soonest first */
    size_t most;              /* slots there are */
    struct leat__slot *slots;
    leat__message *messages;  /* most: of the slots that failed */
    struct leat__block **passing; /* most: what comes in, then what goes on */
    struct leat__block **slack;   /* most: a source's empty items */
    size_t count;     /* slots in use; settled before INSIDE */
    bool all_done;    /* every slot of this turn is LEAT__DONE */
    unsigned depth;   /* how many to take at a time */

    /* For the monitor. */
    alignas(64) atomic_int where;
    atomic_size_t at;            /* the slot in hand; LEAT__NOWHERE: none */
    _Atomic uint64_t seq;        /* of the item in it */
    _Atomic int64_t since;       /* since when it has the slots */
    pthread_mutex_t call;        /* protects: */
    bool in_call;                /* fn runs and may be interrupted */
    int64_t until;               /* ... from then on; NEVER: not by itself */
    atomic_bool noted;           /* what it had in hand is told */

    alignas(64) struct leat__counts counts; /* of its stage */
    struct leat__counts settled;            /* of the total */
};

struct leat__step {
    struct leat__stage stage;
    struct leat__run *run;
    size_t index;
    size_t value_at;             /* in a block: of what it makes */
    leat_chan *in;               /* NULL: the source */
    struct leat__step *next;     /* NULL: the sink, or the errors' sink */
    struct leat__worker *workers;
    atomic_uint left;            /* workers that have not ended */
    atomic_bool unwanted;        /* said LEAT_CLOSED, or the next one did */
    bool order_ahead;            /* a later stage is ordered */
    bool is_errors;
    struct leat__order *order;   /* NULL: not ordered */
    struct leat__counts extra;   /* what the monitor counts for stuck workers */
    pthread_mutex_t budget_lock; /* protects: */
    double budget;               /* retries there are */
    uint64_t budget_seen;        /* items counted into it */
};

struct leat__run {
    /* Written for every item, so away from what everybody reads. */
    alignas(64) _Atomic uint64_t seq, ticket;
    alignas(64) struct leat_pipeline pub;
    struct leat__step *steps[LEAT_STAGES], *errors; /* errors NULL: none */
    size_t count;         /* of steps */
    leat_group *group;    /* of the stages' workers */
    leat_group *after;    /* of the errors' workers; NULL: none */
    leat_ctx *late;       /* ends two graces after the cancel: the first is
                             for the stages, the second for the errors sink */
    atomic_uint refs;     /* groups that have not been released, and the call */
    leat_chan *pool;      /* empty items; bounds what is in flight */
    size_t in_flight;
    void *memory;          /* of the blocks */
    unsigned char *blocks; /* in_flight items of block_size bytes */
    size_t block_size, cold_at;
    bool owns;       /* some value has a drop */
    bool ordered;    /* some stage is */
    unsigned heard;  /* bits: events that somebody wants to know of */
    atomic_bool kept_some; /* the monitor: some block is kept */
    atomic_bool identified; /* some item brought attempts of its own */
    int64_t started;
    struct leat__counts settled; /* what the monitor settles */

    struct leat__threshold *threshold;
    atomic_bool source_ended; /* it said LEAT_CLOSED, or nobody wants more */
    atomic_bool draining;
    _Atomic int64_t wake;     /* when the monitor looks next */
    _Atomic(leat_group *) watched; /* whose lock and condition it waits on */
    atomic_bool rung;         /* ... no longer: look again */
    int64_t canceled;         /* the monitor: since when; 0: it is not */
    int64_t ticked;           /* the monitor: last tick */
    bool drained;             /* the monitor: by the user, or by default */

    pthread_mutex_t telling; /* one event at a time; protects: */
    bool over;               /* leat_run() is about to return: tell nobody */
    struct leat_report report;
};

/* The value that step has made is the item's now. */
static inline void leat__block_keep(struct leat__step *step,
                                    struct leat__block *block)
{
    void *value = leat__value_at(block, step->value_at);

    block->pub.value = value;
    block->pub.type = &step->stage.out_type;
    if (step->index == 0) {
        block->pub.input = value;
        block->pub.input_type = block->pub.type;
    }
}

/* account.c */
/* What became of an item, for the total. by NULL: the monitor does it. The
 * item is empty afterwards and wants to be recycled. */
void leat__settle(struct leat__run *run, struct leat__worker *by,
                  struct leat__block *item, enum leat__verdict verdict);
/* The same for many that are done, where nobody wants to hear of each. False:
 * somebody does. */
bool leat__settle_done(struct leat__worker *by, struct leat__block **items,
                       size_t count);
void leat__recycle(struct leat__run *run, struct leat__block **items,
                   size_t count); /* back into the pool */
void leat__tell_now(struct leat__run *run, enum leat_event_kind kind,
                    const struct leat__worker *by, uint64_t seq, int status,
                    leat_duration age);
static inline void leat__tell(struct leat__run *run, enum leat_event_kind kind,
                              const struct leat__worker *by, uint64_t seq,
                              int status, leat_duration age)
{
    if (run->heard & 1u << kind)
        leat__tell_now(run, kind, by, seq, status, age);
}
void leat__sum(struct leat__run *run); /* into the report; telling held */
bool leat__adds_up(const struct leat_counts *counts);
bool leat__find_lost(struct leat__run *run); /* tells each; true: something is */
/* What an abandoned worker had: in hand, behind it, before it. */
void leat__settle_stuck(struct leat__worker *worker);
/* What is left in the channels of a run whose workers have gone. */
void leat__settle_rest(struct leat__run *run);
void leat__settle_errors(struct leat__run *run);
/* What a thread of ours still has that cannot be waited for. */
void leat__settle_alive(struct leat__run *run);

/* check.c: NULL, or what is wrong; *stage: with which. */
const char *leat__check(const struct leat_pipeline *pipeline, size_t *count,
                        const char **stage, char message[240]);

/* make.c */
struct leat__run *leat__run_new(leat_ctx *ctx,
                                const struct leat_pipeline *pipeline,
                                size_t count);
void leat__run_release(void *run); /* gives up one of its refs */

static inline struct leat__block *leat__nth_block(const struct leat__run *run,
                                             size_t i)
{
    return (struct leat__block *)(void *)(run->blocks + i * run->block_size);
}

/* pipeline.c. Ends the run before its time; the first reason stays. */
void leat__stop(struct leat__run *run, int status, const char *stage,
                const char *message);

/* source.c, worker.c: the bodies of tasks. arg: a struct leat__worker. */
int leat__source(leat_ctx *ctx, void *arg);
int leat__work(leat_ctx *ctx, void *arg);

/* worker.c */
bool leat__worker_start(struct leat__worker *worker, leat_ctx *ctx);
void leat__worker_end(struct leat__worker *worker);
/* One of its workers has ended, or never was. worker NULL: that. */
void leat__step_leave(struct leat__step *step, struct leat__worker *worker);
void leat__unwanted(struct leat__step *step);
/* A failed item to the sink of failed items, or settled. */
void leat__fail_out(struct leat__run *run, struct leat__worker *by,
                    struct leat__block *item);

/* monitor.c: tells what it has in hand, unless that was told before. */
void leat__note(struct leat__worker *worker, int status);

/* False: it was abandoned meanwhile, and must touch nothing but its own. */
static inline void leat__go_inside(struct leat__worker *worker)
{
    WATCH_BEFORE(worker);
    atomic_store_explicit(&worker->where, LEAT__INSIDE, memory_order_release);
}
static inline bool leat__come_outside(struct leat__worker *worker)
{
    int was = LEAT__INSIDE;
    return atomic_compare_exchange_strong_explicit(
        &worker->where, &was, LEAT__OUTSIDE, memory_order_acq_rel,
        memory_order_acquire);
}

/* batch.c: gives every slot that is LEAT__TODO its verdict. Those that are
 * LEAT__TODO still were not begun because the run has ended. */
void leat__do_batch(struct leat__worker *worker);

/* call.c: how a status that is not LEAT_OK is to be read: fn had attempt, which
 * is ctx or armed under it. */
int leat__read(struct leat__worker *worker, leat_ctx *ctx, leat_ctx *attempt,
               int status);

/* call.c: one call of fn under ctx with the stage's timeout, at most until
 * deadline. The status as leat reads it: LEAT_CANCELED when ctx has ended,
 * LEAT_TIMEOUT after its own deadline. */
int leat__call(struct leat__worker *worker, leat_ctx *ctx,
               const struct leat_item *item, int64_t deadline, const void *in,
               void *out);
int leat__open(struct leat__worker *worker); /* LEAT_OK, or the run is stopped */
void leat__close(struct leat__worker *worker);
int leat__begin(struct leat__worker *worker, leat_ctx *ctx);
int leat__end(struct leat__worker *worker, leat_ctx *ctx, int status);

/* retry.c */
bool leat__worth_retry(struct leat__worker *worker, struct leat__slot *slot);
int64_t leat__backoff(const struct leat__worker *worker, uint64_t seq,
                      unsigned tries);
void leat__budget_init(struct leat__step *step);

/* order.c */
struct leat__order *leat__order_new(const struct leat__run *run);
void leat__order_free(struct leat__order *order);
/* Puts items in; then whatever is next in order is passed on, by this worker
 * or by the one that is at it. */
void leat__order_put(struct leat__worker *worker, struct leat__block **items,
                     size_t count);
void leat__order_flush(struct leat__worker *worker); /* at the end: gaps, too */
/* What an abandoned end leaves behind, one by one; NULL: none. */
struct leat__block *leat__order_take(struct leat__order *order);

/* worker.c: what the ordered and the plain way out share. */
void leat__pass_on(struct leat__worker *worker, struct leat__block **items,
                   size_t count);

/* threshold.c */
struct leat__threshold *leat__threshold_new(const struct leat_threshold *limit);
void leat__threshold_free(struct leat__threshold *threshold);
void leat__threshold_count(struct leat__run *run, bool failed,
                           const char *stage);

/* monitor.c */
/* Watches until every task of the group has ended, or the grace is over. */
void leat__monitor(struct leat__run *run, leat_group *group);
/* An attempt may run until then: look again by that time. */
void leat__monitor_tell(struct leat__run *run, int64_t until);
/* Leaves the group's stuck workers behind. */
void leat__monitor_abandon(struct leat__run *run, leat_group *group);

#endif
