/* source.c - the worker of the first stage.
 *
 * It takes empty items from the pool, which bounds what is in flight, and sends
 * each as soon as it is made: a source may wait for its next input as long as
 * it likes, and what it has read must not wait with it. A drain ends `pause`,
 * the context that fn gets; what fn has made by then is sent still.
 * SPDX-License-Identifier: MIT */
#include "run.h"

enum { FAST = 10000 }; /* ns for one item */

/* Calls fn between begin and end. */
static int make(struct leat__worker *worker, struct leat__item *item)
{
    const struct leat_stage *stage = &worker->step->stage.pub;
    void *out;
    int status;

    if (!(out = leat__item_make(item, stage->out)))
        return LEAT_NOMEM;
    if (stage->resource &&
        (status = leat__begin(worker, worker->pause)) != LEAT_OK)
        return status;
    status = leat__call(worker, worker->pause, &item->pub, LEAT__NEVER, NULL,
                        out);
    if (stage->resource) {
        bool fine = status == LEAT_OK || status == LEAT_SKIP ||
                    status == LEAT_CLOSED;
        int ended = leat__end(worker, worker->pause, fine ? LEAT_OK : status);
        if (fine && ended != LEAT_OK)
            status = ended;
    }
    return status;
}

/* Until it is made, or not: LEAT_OK, LEAT_SKIP, LEAT_CLOSED, or an error.
 * *inside false: abandoned meanwhile. */
static int make_with_retry(struct leat__worker *worker,
                           struct leat__item *item, bool *inside)
{
    const struct leat_retry *retry = &worker->step->stage.pub.retry;
    int status;

    for (unsigned tries = 1;; tries++) {
        atomic_store_explicit(&worker->seq, item->pub.seq,
                              memory_order_relaxed);
        if (worker->depth == 1) /* slow enough to look at the clock */
            atomic_store_explicit(&worker->since, leat__now(),
                                  memory_order_relaxed);
        atomic_store_explicit(&worker->at, 0, memory_order_relaxed);
        leat__go_inside(worker);
        status = make(worker, item);
        *inside = leat__come_outside(worker);
        if (!*inside)
            return status;
        if (status != LEAT_OK)
            leat__item_undo(item);
        if ((status != LEAT_AGAIN && status != LEAT_TIMEOUT) ||
            tries >= retry->attempts)
            return status;
        leat__count(&worker->counts.retried);
        if (leat_sleep(worker->pause, leat__backoff(worker, item->pub.seq,
                                                    tries)) != LEAT_OK)
            return LEAT_CANCELED;
    }
}

static void give_identity(struct leat__worker *worker, struct leat__item *item)
{
    struct leat__run *run = worker->run;
    int64_t timeout = run->pub.item_timeout;

    leat__item_keep(item);
    if (worker->hand.identified) {
        item->pub.seq = worker->hand.seq;
        item->before = worker->hand.attempts;
    }
    item->pub.attempts = item->before;
    item->alive = true;
    item->ticket = atomic_fetch_add_explicit(&run->ticket, 1,
                                             memory_order_relaxed);
    item->deadline = timeout ? leat__after(leat__now(), timeout) : LEAT__NEVER;
    leat__count(&worker->counts.in);
    leat__count(&worker->counts.ok);
    leat__count(&worker->settled.in);
}

/* A filtered one counts as read. */
static void skip(struct leat__worker *worker, struct leat__item *item)
{
    leat__count(&worker->counts.in);
    leat__count(&worker->counts.skipped);
    leat__count(&worker->settled.in);
    leat__settle(worker->run, worker, item, LEAT__SKIPPED);
}

/* Makes one item and sends it. LEAT_OK: go on; LEAT_SKIP: go on with the same
 * empty item; else it is over. */
static int one(struct leat__worker *worker, struct leat__item *item,
               bool *inside)
{
    struct leat__run *run = worker->run;
    int status;

    item->pub.seq = atomic_fetch_add_explicit(&run->seq, 1,
                                              memory_order_relaxed);
    status = make_with_retry(worker, item, inside);
    if (!*inside)
        return LEAT_CANCELED;
    switch (status) {
    case LEAT_OK:
        give_identity(worker, item);
        leat__pass_on(worker, &item, 1);
        return atomic_load_explicit(&worker->step->unwanted,
                                    memory_order_relaxed) ? LEAT_CLOSED
                                                          : LEAT_OK;
    case LEAT_SKIP:
        skip(worker, item);
        return LEAT_SKIP;
    case LEAT_CLOSED:
        return LEAT_CLOSED;
    default:
        if (leat__ctx_look(worker->pause) == LEAT_OK)
            leat__stop(run, status, worker->step->stage.pub.name,
                       worker->hand.message[0] ? worker->hand.message
                                               : leat_strstatus(status));
        return LEAT_CANCELED;
    }
}

int leat__source(leat_ctx *ctx, void *arg)
{
    struct leat__worker *worker = arg;
    struct leat__run *run = worker->run;
    bool inside = leat__worker_start(worker, ctx);
    int status = inside ? LEAT_OK : LEAT_CANCELED;
    size_t most = run->in_flight / 4 + 1;

    while (inside && status == LEAT_OK) {
        size_t count = most < LEAT__MOST ? most : LEAT__MOST, i = 0;
        int64_t began;

        status = leat_recv_many(worker->pause, run->pool, worker->passing,
                                &count);
        began = leat__now();
        atomic_store_explicit(&worker->since, began, memory_order_relaxed);
        while (i < count && inside &&
               (status == LEAT_OK || status == LEAT_SKIP)) {
            status = one(worker, worker->passing[i], &inside);
            i += status == LEAT_OK;
        }
        worker->depth = leat__now() - began < FAST * (int64_t)count ? 2 : 1;
    }
    if (status == LEAT_CLOSED)
        atomic_store(&run->source_ended, true);
    leat__worker_end(worker);
    if (atomic_load(&worker->where) != LEAT__ABANDONED)
        leat__step_leave(worker->step, worker);
    return LEAT_OK;
}
