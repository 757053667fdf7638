/* parts.h - what the parts of a run ask of each other; run.h says who they are.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__PARTS_H
#define LEAT__PARTS_H

#include "run.h"

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

/* take.c */
/* Fills the slots. LEAT_OK, or why nothing more will come. */
int leat__take(struct leat__worker *worker);
/* The item is worth another attempt, when its wait is over. */
void leat__keep_for_later(struct leat__worker *worker, struct leat__slot *slot);
/* What still waits for another attempt when the run has ended. */
void leat__cancel_later(struct leat__worker *worker);

/* conclude.c: what follows from the verdicts on the slots. */
void leat__conclude(struct leat__worker *worker);

/* pass.c */
/* To the next stage, or settled; what the ordered and the plain way out
 * share. */
void leat__pass_on(struct leat__worker *worker, struct leat__block **items,
                   size_t count);
/* The same for good ones that the next stage takes; that this one, the last,
 * settles. */
void leat__send_on(struct leat__worker *worker, struct leat__block **items,
                   size_t count);
void leat__settle_all(struct leat__worker *worker, struct leat__block **items,
                      size_t count);
/* What becomes of an item that the next stage cannot have. */
void leat__give_up(struct leat__worker *worker, struct leat__block *item,
                   bool unwanted);
/* A failed item to the sink of failed items, or settled. */
void leat__fail_out(struct leat__run *run, struct leat__worker *by,
                    struct leat__block *item);
/* The stage wants no more: whoever sends to it finds it closed. */
void leat__unwanted(struct leat__step *step);

/* batch.c */
/* Gives every slot that is LEAT__TODO its verdict. Those that are LEAT__TODO
 * still were not begun because the run has ended. */
void leat__do_batch(struct leat__worker *worker);
/* Gives the i-th item to fn. A redo is not counted. */
void leat__do_one(struct leat__worker *worker, size_t i, leat_ctx *ctx);
/* The verdict that follows from a status, and its message. */
void leat__judge(struct leat__worker *worker, struct leat__slot *slot,
                 int status);
/* Says which slot the monitor is to leave alone. */
static inline void leat__take_in_hand(struct leat__worker *worker, size_t i)
{
    atomic_store_explicit(&worker->seq, worker->slots[i].item->pub.seq,
                          memory_order_relaxed);
    WATCH_BEFORE(&worker->at);
    atomic_store_explicit(&worker->at, i, memory_order_release);
}

/* transact.c: one transaction after the other, until each item of from..to has
 * its verdict. Halving makes it call itself: at most log2(batch) deep. */
void leat__transact(struct leat__worker *worker, size_t from, size_t to);

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
/* LEAT_OK, or the run is stopped. */
int leat__open(struct leat__worker *worker);
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
