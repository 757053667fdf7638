/* take.c - a worker takes items: new ones, and those that are due again.
 *
 * How many at a time: a batch, where the stage has one; else `depth`, which
 * worker.c finds, and never more than a fair share of what is queued, so that
 * a slow stage leaves no worker idle. Items that wait for another attempt are
 * kept in `later`, the soonest first, and the worker goes on with others.
 * SPDX-License-Identifier: MIT */
#include "parts.h"

static void take_slot(struct leat__worker *worker, struct leat__block *item,
                      unsigned tries)
{
    struct leat__slot *slot = &worker->slots[worker->count++];
    bool passes = !worker->step->is_errors && item->pub.error;

    slot->item = item;
    slot->verdict = passes ? LEAT__PASSED : LEAT__TODO;
    slot->given = false;
    slot->tries = tries;
}

/* When the first of those that wait for another attempt is due. */
static int64_t soonest(const struct leat__worker *worker)
{
    return leat__cold(worker->run, worker->later)->due;
}

static void take_due(struct leat__worker *worker, size_t want)
{
    int64_t now = leat__now();

    while (worker->later && soonest(worker) <= now && worker->count < want) {
        struct leat__block *item = worker->later;
        struct leat__cold *cold = leat__cold(worker->run, item);
        worker->later = cold->next;
        take_slot(worker, item, cold->tries);
    }
}

static int receive(struct leat__worker *worker, leat_ctx *ctx, size_t want,
                   unsigned share)
{
    size_t count = want - worker->count;
    int status = share ? leat__recv_share(ctx, worker->step->in,
                                          worker->passing, &count, share)
                       : leat_recv_many(ctx, worker->step->in, worker->passing,
                                        &count);

    if (status != LEAT_OK)
        return status;
    for (size_t i = 0; i < count; i++)
        leat__block_prefetch(worker->passing[i]);
    for (size_t i = 0; i < count; i++)
        take_slot(worker, worker->passing[i], 0);
    return status;
}

/* Waits a little for the batch to become full. */
static void linger(struct leat__worker *worker, size_t want)
{
    leat__ctx_rearm(worker->pause, leat__after(leat__now(),
                                               worker->step->stage.pub.linger));
    while (worker->count < want &&
           receive(worker, worker->pause, want, 0) == LEAT_OK)
        ;
}

int leat__take(struct leat__worker *worker)
{
    const struct leat_stage *stage = &worker->step->stage.pub;
    size_t want = stage->batch > 1 || worker->tx ? stage->batch
                                                 : worker->depth;

    worker->count = 0;
    for (;;) {
        leat_ctx *ctx = worker->ctx;
        int status;

        if (worker->later) {
            take_due(worker, want);
            if (worker->count > 0)
                return LEAT_OK;
            ctx = worker->pause;
            leat__ctx_rearm(ctx, soonest(worker));
        }
        status = receive(worker, ctx, want, stage->workers);
        if (status == LEAT_CLOSED && worker->later) /* wait for those, then */
            status = leat_sleep(worker->ctx, soonest(worker) - leat__now());
        if (status == LEAT_OK && worker->count == 0)
            continue;
        if (status == LEAT_OK && stage->linger && worker->count < want)
            linger(worker, want);
        if (status == LEAT_TIMEOUT &&
            leat__ctx_look(worker->ctx) == LEAT_OK)
            continue; /* something is due */
        return status;
    }
}

void leat__keep_for_later(struct leat__worker *worker, struct leat__slot *slot)
{
    struct leat__block *item = slot->item, **at = &worker->later;
    struct leat__cold *cold = leat__cold(worker->run, item);

    int64_t due = leat__after(leat__now(), leat__backoff(worker, item->pub.seq,
                                                         slot->tries));

    if (worker->run->pub.item_timeout && !worker->step->is_errors &&
        cold->deadline < due)
        due = cold->deadline; /* then it fails */
    while (*at && leat__cold(worker->run, *at)->due <= due)
        at = &leat__cold(worker->run, *at)->next;
    cold->tries = slot->tries;
    cold->due = due;
    cold->next = *at;
    *at = item;
    leat__count(&worker->counts.retried);
    leat__tell(worker->run, LEAT_EVENT_RETRY, worker, item->pub.seq,
               slot->error, 0);
}

void leat__cancel_later(struct leat__worker *worker)
{
    while (worker->later) {
        struct leat__block *item = worker->later;
        worker->later = leat__cold(worker->run, item)->next;
        leat__count(&worker->counts.in);
        leat__count(&worker->counts.canceled);
        if (worker->step->is_errors)
            leat__settle(worker->run, worker, item, LEAT__FAILED);
        else
            leat__give_up(worker, item, false);
    }
}
