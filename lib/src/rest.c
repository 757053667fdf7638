/* rest.c - what is left behind is settled: by a stuck worker, and at the end.
 *
 * The monitor does this for a worker that does not come back. What it had in
 * hand is abandoned; what became of those before and behind it their slots say.
 * Items that the worker may look at still are kept: settled, but not cleared.
 * SPDX-License-Identifier: MIT */
#include "parts.h"

static void keep(struct leat__run *run, struct leat__block *item)
{
    atomic_store_explicit(&run->kept_some, true, memory_order_relaxed);
    leat__cold(run, item)->kept = true;
}

static void leave_in_hand(struct leat__worker *worker, struct leat__block *item)
{
    int64_t since = atomic_load_explicit(&worker->since, memory_order_relaxed);

    leat__tell(worker->run, LEAT_EVENT_ABANDON, worker, item->pub.seq,
               LEAT_ABANDONED, leat__now() - since);
    leat__count(&worker->step->extra.in);
    leat__count(&worker->step->extra.abandoned);
    leat__settle(worker->run, NULL, item, LEAT__LEFT);
}

static void fail_kept(struct leat__worker *worker, struct leat__slot *slot)
{
    leat__block_fail(worker->step, slot->item, slot->error, slot->tries,
                     worker->messages[slot - worker->slots]);
    leat__tell(worker->run, LEAT_EVENT_FAIL, worker, slot->item->pub.seq,
               slot->error, 0);
}

/* An item that stood before or behind the one in hand. (Unwanted is only the
 * one in hand, or it is in a transaction.) */
static void settle_slot(struct leat__worker *worker, struct leat__slot *slot)
{
    struct leat__step *step = worker->step;
    struct leat__block *item = slot->item;
    const struct leat_resource *resource = step->stage.pub.resource;
    bool tx = resource && (resource->begin || resource->end);
    bool entered = slot->tries > 0;
    bool sure = slot->verdict == LEAT__FAILED || slot->verdict == LEAT__RETRY;

    if (slot->given && tx && !sure) { /* nobody knows what was committed */
        leave_in_hand(worker, item);
        return;
    }
    if (entered) {
        leat__count(&step->extra.in);
        leat__count(leat__counter_of(&step->extra, slot->verdict));
    }
    if (slot->verdict == LEAT__FAILED && !step->is_errors)
        fail_kept(worker, slot);
    if (leat__has_failed(item) && !step->is_errors)
        leat__fail_out(worker->run, NULL, item);
    else if (step->is_errors)
        leat__settle(worker->run, NULL, item, LEAT__FAILED);
    else if (item->pub.error == LEAT_SKIP || slot->verdict == LEAT__SKIPPED)
        leat__settle(worker->run, NULL, item, LEAT__SKIPPED);
    else
        leat__settle(worker->run, NULL, item,
                     slot->verdict == LEAT__DONE && !step->next
                         ? LEAT__DONE : LEAT__CANCELED);
}

static void settle_later(struct leat__worker *worker)
{
    for (struct leat__block *item = worker->later, *next; item; item = next) {
        next = leat__cold(worker->run, item)->next;
        keep(worker->run, item);
        leat__count(&worker->step->extra.in);
        leat__count(&worker->step->extra.canceled);
        leat__settle(worker->run, NULL, item,
                     worker->step->is_errors ? LEAT__FAILED : LEAT__CANCELED);
    }
}

/* What it had made and not passed on, and the one it was making. */
static void settle_source(struct leat__worker *worker, size_t at)
{
    struct leat__run *run = worker->run;

    for (size_t i = 0; i < at; i++) {
        leat__count(&worker->step->extra.in);
        leat__count(&worker->step->extra.ok);
        leat__count(&run->settled.in);
        keep(run, worker->passing[i]);
        leat__settle(run, NULL, worker->passing[i], LEAT__CANCELED);
    }
    keep(run, worker->passing[at]); /* empty as yet, or not: it never was */
    leat__cold(run, worker->passing[at])->settled = true;
    leat__count(&worker->step->extra.in);
    leat__count(&worker->step->extra.abandoned);
    leat__count(&run->settled.in);
    leat__count(&run->settled.abandoned);
}

void leat__settle_stuck(struct leat__worker *worker)
{
    struct leat__run *run = worker->run;
    size_t at = atomic_load_explicit(&worker->at, memory_order_acquire);
    uint64_t seq = atomic_load_explicit(&worker->seq, memory_order_relaxed);
    int64_t since = atomic_load_explicit(&worker->since, memory_order_relaxed);

    WATCH_AFTER(worker);
    WATCH_AFTER(&worker->at);
    if (at != LEAT__NOWHERE && !worker->step->in)
        settle_source(worker, at);
    for (size_t i = 0; worker->step->in && i < worker->count; i++)
        keep(run, worker->slots[i].item);
    for (size_t i = 0; worker->step->in && i < worker->count; i++)
        if (i == at)
            leave_in_hand(worker, worker->slots[i].item);
        else
            settle_slot(worker, &worker->slots[i]);
    settle_later(worker);
    if (at == LEAT__NOWHERE || !worker->step->in)
        leat__tell(run, LEAT_EVENT_ABANDON, worker,
                   at == LEAT__NOWHERE ? UINT64_MAX : seq, LEAT_ABANDONED,
                   leat__now() - since);
}

static void settle_one(struct leat__run *run, struct leat__block *item)
{
    if (leat__has_failed(item))
        leat__fail_out(run, NULL, item);
    else
        leat__settle(run, NULL, item,
                     item->pub.error ? LEAT__SKIPPED : LEAT__CANCELED);
}

void leat__settle_rest(struct leat__run *run)
{
    struct leat__block *item;

    for (size_t i = 0; i < run->count; i++) {
        struct leat__step *step = run->steps[i];
        while (step->order && (item = leat__order_take(step->order)))
            settle_one(run, item);
        while (step->in && leat_try_recv(step->in, &item) == LEAT_OK)
            settle_one(run, item);
    }
}

void leat__settle_errors(struct leat__run *run)
{
    struct leat__block *item;

    while (run->errors && leat_try_recv(run->errors->in, &item) == LEAT_OK)
        leat__settle(run, NULL, item, LEAT__FAILED);
}

void leat__settle_alive(struct leat__run *run)
{
    for (size_t i = 0; i < run->in_flight; i++) {
        struct leat__block *item = leat__nth_block(run, i);
        if (!leat__is_alive(run, item))
            continue;
        keep(run, item);
        leat__tell(run, LEAT_EVENT_ABANDON, NULL, item->pub.seq,
                   LEAT_ABANDONED, 0);
        leat__settle(run, NULL, item, LEAT__LEFT);
    }
}
