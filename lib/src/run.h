/* run.h - one call of leat_run(): what its parts know of each other.
 *
 *   pipeline.c   starts a run, and says how it ended
 *   check.c      what is wrong with a pipeline
 *   make.c       what a run is made of, and its end
 *   source.c     the worker of the first stage: makes items
 *   worker.c     the worker of any other stage, turn by turn:
 *   take.c       it takes a few items
 *   batch.c      has them done, one by one
 *   transact.c   or between begin and end
 *   conclude.c   draws the conclusions from what became of them
 *   pass.c       passes them on, or gives them up
 *   call.c       calls the user's functions: fn, and those of the resource
 *   retry.c      when a failed attempt is worth another one
 *   order.c      puts items back into the order of the source
 *   threshold.c  whether too many have failed
 *   monitor.c    watches the time: drain, cancel, interrupt, abandon, tick
 *   block.[hc]   the items
 *   account.c    counts, events, troubles; whether it all adds up
 *   rest.c       settles what stuck workers leave behind
 *
 * Here: the data, the account, and making a run; parts.h has what the parts ask
 * of each other.
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
    leat_ctx *attempt;  /* under ctx, armed for each attempt; NULL: no
                           timeouts */
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
/* Tells each; true: something is. */
bool leat__find_lost(struct leat__run *run);
leat__counter *leat__counter_of(struct leat__counts *counts,
                                enum leat__verdict verdict);
bool leat__is_alive(struct leat__run *run, struct leat__block *item);

/* rest.c */
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

#endif
