/* worker.c - a worker of any stage but the first.
 *
 * It takes a few items, has them done, passes them on. How many at a time: a
 * batch, where the stage has one; else as many as take 25 to 100 us, beginning
 * with one, and never more than a fair share of what is queued, so that a slow
 * stage leaves no worker idle. Items that wait for another attempt are kept in
 * `later`, and the worker goes on with others meanwhile.
 *
 * Failed items pass untouched. At the last stage they go to the sink of failed
 * items, good ones are settled.
 * SPDX-License-Identifier: MIT */
#include "run.h"
#include "mem.h"

enum { SHORT = 25000, LONG = 100000 }; /* ns for one turn */

/* --- taking --- */

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

/* Fills the slots. LEAT_OK, or why nothing more will come. */
static int take(struct leat__worker *worker)
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

/* --- passing on --- */

void leat__fail_out(struct leat__run *run, struct leat__worker *by,
                    struct leat__block *item)
{
    if (run->errors && leat_send(run->late, run->errors->in, &item) == LEAT_OK)
        return;
    leat__settle(run, by, item, LEAT__FAILED);
    leat__recycle(run, &item, 1);
}

/* What becomes of an item that the next stage cannot have. */
static void give_up(struct leat__worker *worker, struct leat__block *item,
                    bool unwanted)
{
    struct leat__run *run = worker->run;

    if (leat__has_failed(item)) {
        leat__fail_out(run, worker, item);
        return;
    }
    leat__settle(run, worker, item,
                 unwanted || item->pub.error ? LEAT__SKIPPED : LEAT__CANCELED);
    leat__recycle(run, &item, 1);
}

static void send_on(struct leat__worker *worker, struct leat__block **items,
                    size_t count)
{
    size_t moved = count;
    int status = leat_send_many(worker->ctx, worker->step->next->in, items,
                                &moved);

    if (status == LEAT_OK)
        return;
    if (status == LEAT_CLOSED)
        leat__unwanted(worker->step);
    for (size_t i = moved; i < count; i++)
        give_up(worker, items[i], status == LEAT_CLOSED);
}

/* At the end of the line. */
static void settle_all(struct leat__worker *worker, struct leat__block **items,
                       size_t count)
{
    size_t settled = 0;

    if (worker->all_done && !worker->step->is_errors &&
        leat__settle_done(worker, items, count)) {
        leat__recycle(worker->run, items, count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct leat__block *item = items[i];
        if (leat__has_failed(item) && !worker->step->is_errors) {
            leat__fail_out(worker->run, worker, item);
            continue;
        }
        leat__settle(worker->run, worker, item,
                     worker->step->is_errors ? LEAT__FAILED
                     : item->pub.error       ? LEAT__SKIPPED : LEAT__DONE);
        items[settled++] = item;
    }
    leat__recycle(worker->run, items, settled);
}

void leat__pass_on(struct leat__worker *worker, struct leat__block **items,
                   size_t count)
{
    size_t kept = 0;

    if (count == 0)
        return;
    if (!worker->step->next) {
        settle_all(worker, items, count);
        return;
    }
    for (size_t i = 0; i < count; i++) /* who only kept a place in the order */
        if (items[i]->pub.error == LEAT_SKIP && !worker->step->order_ahead)
            give_up(worker, items[i], true);
        else
            items[kept++] = items[i];
    if (kept > 0)
        send_on(worker, items, kept);
}

/* --- verdicts --- */

static void keep_for_later(struct leat__worker *worker, struct leat__slot *slot)
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

/* Attempts of earlier runs. */
static unsigned before(const struct leat__run *run,
                       const struct leat__block *item)
{
    return atomic_load_explicit(&run->identified, memory_order_relaxed)
               ? leat__cold(run, item)->before : 0;
}

static void fail(struct leat__worker *worker, struct leat__slot *slot)
{
    struct leat__step *step = worker->step;
    struct leat__block *item = slot->item;
    const char *name = step->stage.pub.name;
    const char *message = worker->messages[slot - worker->slots];

    if (slot->tries > 0)
        leat__count(&worker->counts.failed);
    if (step->is_errors) { /* it could not be kept aside: that ends the run */
        leat__stop(worker->run, slot->error, name, message);
        return;
    }
    leat__block_fail(step, item, slot->error,
                     slot->tries + before(worker->run, item), message);
    leat__tell(worker->run, LEAT_EVENT_FAIL, worker, item->pub.seq,
               slot->error, 0);
    if (worker->run->threshold)
        leat__threshold_count(worker->run, true, name);
    if (slot->error == LEAT_FATAL)
        leat__stop(worker->run, LEAT_FATAL, name, message);
}

/* Counts what became of the item here. True: it goes on. */
static bool conclude(struct leat__worker *worker, struct leat__slot *slot)
{
    struct leat__step *step = worker->step;
    struct leat__block *item = slot->item;

    if (slot->verdict == LEAT__RETRY) {
        if (leat__worth_retry(worker, slot)) {
            keep_for_later(worker, slot);
            return false;
        }
        slot->verdict = leat__ctx_status(worker->ctx) == LEAT_OK
                            ? LEAT__FAILED : LEAT__CANCELED;
    }
    if (slot->tries > 0) /* it was given to fn, now or before */
        leat__count(&worker->counts.in);
    switch (slot->verdict) {
    case LEAT__PASSED:
        break;
    case LEAT__DONE:
        leat__count(&worker->counts.ok);
        if (!step->is_errors)
            item->pub.attempts = slot->tries + before(worker->run, item);
        break;
    case LEAT__FAILED:
        fail(worker, slot);
        break;
    case LEAT__UNWANTED:
    case LEAT__SKIPPED:
        leat__count(&worker->counts.skipped);
        item->pub.error = step->is_errors ? item->pub.error : LEAT_SKIP;
        break;
    default: /* the run has ended, or nothing more is wanted */
        if (slot->tries > 0)
            leat__count(&worker->counts.canceled);
        give_up(worker, item, atomic_load(&step->unwanted));
        return false;
    }
    return true;
}

/* The rule: all went well. The same as below, with nothing to look at. */
static void conclude_done(struct leat__worker *worker)
{
    size_t count = worker->count;

    leat__count_by(&worker->counts.in, count);
    leat__count_by(&worker->counts.ok, count);
    for (size_t i = 0; i < count; i++) {
        struct leat__slot *slot = &worker->slots[i];
        slot->item->pub.attempts =
            slot->tries + before(worker->run, slot->item);
        worker->passing[i] = slot->item;
    }
    if (worker->step->order)
        leat__order_put(worker, worker->passing, count);
    else if (worker->step->next)
        send_on(worker, worker->passing, count);
    else
        settle_all(worker, worker->passing, count);
}

static void conclude_all(struct leat__worker *worker)
{
    struct leat__step *step = worker->step;
    size_t count = 0;

    if (worker->all_done && !step->is_errors) {
        conclude_done(worker);
        return;
    }
    for (size_t i = 0; i < worker->count; i++)
        if (worker->slots[i].verdict == LEAT__UNWANTED)
            leat__unwanted(step);
    for (size_t i = 0; i < worker->count; i++) {
        struct leat__block *item = worker->slots[i].item;
        if (!conclude(worker, &worker->slots[i]))
            continue;
        worker->passing[count++] = item;
    }
    if (step->order)
        leat__order_put(worker, worker->passing, count);
    else
        leat__pass_on(worker, worker->passing, count);
}

void leat__unwanted(struct leat__step *step)
{
    atomic_store(&step->unwanted, true);
    if (step->in)
        leat_close(step->in);
}

/* --- the loop --- */

/* Inside, with no item in hand. */
static void enter(struct leat__worker *worker)
{
    worker->count = 0;
    atomic_store_explicit(&worker->at, LEAT__NOWHERE, memory_order_relaxed);
    atomic_store_explicit(&worker->since, leat__now(), memory_order_relaxed);
    leat__go_inside(worker);
}

bool leat__worker_start(struct leat__worker *worker, leat_ctx *ctx)
{
    struct leat__run *run = worker->run;
    const struct leat_stage *stage = &worker->step->stage.pub;
    const struct leat_resource *resource = stage->resource;
    bool source = !worker->step->in, timed, paused, tx;
    leat_ctx *pause, *detached;

    timed = stage->timeout || (run->pub.item_timeout && !source &&
                               !worker->step->is_errors);
    paused = source || stage->retry.attempts > 1 || stage->linger;
    tx = worker->tx && !source;
    worker->ctx = ctx;
    ctx->hand = &worker->hand;
    pause = paused ? leat_ctx_new(ctx, 0) : NULL;
    detached = tx ? leat_ctx_new(run->late, 0) : NULL;
    worker->attempt = timed ? leat_ctx_new(source ? pause : ctx, 0) : NULL;
    if (detached)
        detached->hand = &worker->hand;
    leat__lock(&worker->call);
    worker->pause = pause;
    worker->detached = detached;
    if (source && pause && atomic_load(&run->draining))
        leat_ctx_cancel(pause, LEAT_CANCELED);
    leat__unlock(&worker->call);
    if ((timed && !worker->attempt) || (paused && !pause) ||
        (tx && !detached)) {
        leat__stop(run, LEAT_NOMEM, stage->name, "");
        return false;
    }
    if (!resource)
        return true;
    if (!worker->step->is_errors && leat__ctx_look(ctx) != LEAT_OK)
        return false; /* nothing will be done, so nothing is opened */
    enter(worker);
    leat__open(worker);
    if (!leat__come_outside(worker))
        return false;
    if (!worker->opened && leat__ctx_status(ctx) != LEAT_OK)
        leat__note(worker, leat__ctx_status(ctx));
    return worker->opened;
}

void leat__worker_end(struct leat__worker *worker)
{
    leat_ctx *pause, *detached;

    if (atomic_load(&worker->where) == LEAT__ABANDONED) {
        leat__close(worker);
    } else if (worker->opened) {
        enter(worker);
        leat__close(worker);
        leat__come_outside(worker);
    }
    leat__lock(&worker->call);
    pause = worker->pause;
    detached = worker->detached;
    worker->pause = worker->detached = NULL;
    leat__unlock(&worker->call);
    leat_ctx_free(worker->attempt);
    leat_ctx_free(detached);
    leat_ctx_free(pause);
}

void leat__step_leave(struct leat__step *step, struct leat__worker *worker)
{
    if (atomic_fetch_sub(&step->left, 1) > 1)
        return;
    if (step->order && worker)
        leat__order_flush(worker);
    if (step->next)
        leat_close(step->next->in);
}

/* What still waits for another attempt when the run has ended. */
static void cancel_later(struct leat__worker *worker)
{
    while (worker->later) {
        struct leat__block *item = worker->later;
        worker->later = leat__cold(worker->run, item)->next;
        leat__count(&worker->counts.in);
        leat__count(&worker->counts.canceled);
        if (worker->step->is_errors)
            leat__settle(worker->run, worker, item, LEAT__FAILED);
        else
            give_up(worker, item, false);
    }
}

/* The run has ended while it had an item in hand. */
static void note_canceled(struct leat__worker *worker)
{
    for (size_t i = 0; i < worker->count; i++)
        if (worker->slots[i].verdict == LEAT__CANCELED)
            leat__note(worker, leat__ctx_status(worker->ctx));
}

/* False: it was abandoned. */
static bool turn(struct leat__worker *worker)
{
    int64_t began = leat__now(), took;

    atomic_store_explicit(&worker->since, began, memory_order_relaxed);
    worker->all_done = false;
    if (!atomic_load_explicit(&worker->step->unwanted, memory_order_relaxed)) {
        leat__go_inside(worker);
        leat__do_batch(worker);
        if (!leat__come_outside(worker))
            return false;
        if (leat__ctx_status(worker->ctx) != LEAT_OK)
            note_canceled(worker);
    }
    took = leat__now() - began;
    if (took > LONG && worker->depth > 1)
        worker->depth /= 2;
    else if (took < SHORT && worker->count == worker->depth &&
             worker->depth < LEAT__MOST)
        worker->depth *= 2;
    conclude_all(worker);
    return true;
}

int leat__work(leat_ctx *ctx, void *arg)
{
    struct leat__worker *worker = arg;
    bool here = leat__worker_start(worker, ctx);

    while (here && take(worker) == LEAT_OK)
        here = turn(worker);
    if (atomic_load(&worker->where) != LEAT__ABANDONED)
        cancel_later(worker);
    leat__worker_end(worker);
    if (atomic_load(&worker->where) != LEAT__ABANDONED)
        leat__step_leave(worker->step, worker);
    return LEAT_OK;
}
