/* worker.c - a worker of any stage but the first: its beginning, its turns, its
 * end.
 *
 * A turn: it takes a few items (take.c), has them done (batch.c), draws the
 * conclusions (conclude.c), and passes them on (pass.c). How many, where the
 * stage has no batch: as many as take 25 to 100 us, beginning with one.
 * SPDX-License-Identifier: MIT */
#include "parts.h"

enum { SHORT = 25000, LONG = 100000 }; /* ns for one turn */

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
    leat__conclude(worker);
    return true;
}

int leat__work(leat_ctx *ctx, void *arg)
{
    struct leat__worker *worker = arg;
    bool here = leat__worker_start(worker, ctx);

    while (here && leat__take(worker) == LEAT_OK)
        here = turn(worker);
    if (atomic_load(&worker->where) != LEAT__ABANDONED)
        leat__cancel_later(worker);
    leat__worker_end(worker);
    if (atomic_load(&worker->where) != LEAT__ABANDONED)
        leat__step_leave(worker->step, worker);
    return LEAT_OK;
}
