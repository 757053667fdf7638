/* conclude.c - what follows from the verdicts on the items of a turn.
 *
 * Each is counted here, and told; then those that go on are passed on together,
 * the others are kept for another attempt or given up. A turn in which all went
 * well, which is the rule, has a way of its own with nothing to look at.
 * SPDX-License-Identifier: MIT */
#include "parts.h"

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
            leat__keep_for_later(worker, slot);
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
        leat__give_up(worker, item, atomic_load(&step->unwanted));
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
        leat__send_on(worker, worker->passing, count);
    else
        leat__settle_all(worker, worker->passing, count);
}

void leat__conclude(struct leat__worker *worker)
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
