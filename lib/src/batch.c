/* batch.c - has the items in a worker's slots done.
 *
 * Without begin and end each item is on its own. With them the items of a batch
 * stand or fall together with the transaction, but their results are each their
 * own: an item that fails leaves the batch, the transaction is rolled back, and
 * what was fine is redone. A redo is no attempt and no event. If the commit
 * itself fails nobody knows whose fault it is: the batch is halved until the
 * item that cannot be committed stands alone.
 *
 * After a cancel nothing new is begun, but what was fine is still committed,
 * and redone before if it must be, under a context that lives until the grace
 * ends.
 * SPDX-License-Identifier: MIT */
#include "run.h"
#include <stdio.h>
#include <string.h>

static void judge(struct leat__worker *worker, struct leat__slot *slot,
                  int status)
{
    slot->error = status;
    switch (status) {
    case LEAT_OK:
        slot->verdict = LEAT__DONE;
        return;
    case LEAT_SKIP:
        slot->verdict = LEAT__SKIPPED;
        return;
    case LEAT_CLOSED:
        slot->verdict = LEAT__UNWANTED;
        return;
    case LEAT_AGAIN:
    case LEAT_TIMEOUT:
        slot->verdict = LEAT__RETRY;
        break;
    case LEAT_CANCELED:
        slot->verdict = leat__ctx_status(worker->ctx) == LEAT_OK
                            ? LEAT__FAILED : LEAT__CANCELED;
        break;
    default:
        slot->verdict = LEAT__FAILED;
    }
    snprintf(worker->messages[slot - worker->slots],
             sizeof *worker->messages, "%s",
             worker->hand.message[0] ? worker->hand.message
                                     : leat_strstatus(status));
}

/* Says which slot the monitor is to leave alone. */
static inline void take_in_hand(struct leat__worker *worker, size_t i)
{
    atomic_store_explicit(&worker->seq, worker->slots[i].item->pub.seq,
                          memory_order_relaxed);
    WATCH_BEFORE(&worker->at);
    atomic_store_explicit(&worker->at, i, memory_order_release);
}

/* When item_timeout is over. */
static int64_t deadline_of(const struct leat__step *step,
                           const struct leat__block *item)
{
    return step->run->pub.item_timeout && !step->is_errors
               ? leat__cold(step->run, item)->deadline : LEAT__NEVER;
}

/* Gives the item to fn. A redo is not counted. */
static void do_one(struct leat__worker *worker, size_t i, leat_ctx *ctx)
{
    struct leat__step *step = worker->step;
    struct leat__slot *slot = &worker->slots[i];
    struct leat__block *item = slot->item;
    const struct leat_type *type = step->stage.pub.out;
    const void *in = step->is_errors ? &item->pub : item->pub.value;
    void *out = type ? leat__value_at(item, step->value_at) : NULL;
    int64_t deadline = deadline_of(step, item);
    int status;

    if (!slot->given) {
        if (deadline != LEAT__NEVER && leat__now() >= deadline) {
            worker->hand.message[0] = '\0';
            leat_fail(worker->ctx, 0, "older than %.3g s", /* item_timeout */
                      (double)worker->run->pub.item_timeout / (double)LEAT_S);
            judge(worker, slot, LEAT_TIMEOUT);
            slot->verdict = LEAT__FAILED;
            slot->tries++;
            return;
        }
        slot->given = true;
        slot->tries++;
    }
    take_in_hand(worker, i);
    if (out)
        memset(out, 0, type->size);
    status = leat__call(worker, ctx, &item->pub, deadline, in, out);
    if (out && status == LEAT_OK)
        leat__block_keep(step, item);
    else if (out)
        leat__block_undo(step, item);
    judge(worker, slot, status);
}

static bool is_fine(const struct leat__slot *slot)
{
    return slot->verdict == LEAT__DONE || slot->verdict == LEAT__SKIPPED ||
           slot->verdict == LEAT__UNWANTED;
}

static void take_back(struct leat__worker *worker, struct leat__slot *slot)
{
    if (slot->verdict == LEAT__DONE && worker->step->stage.pub.out)
        leat__block_revert(worker->step, slot->item);
    slot->verdict = LEAT__TODO;
}

static size_t take_all_back(struct leat__worker *worker, size_t from, size_t to)
{
    size_t count = 0;

    for (size_t i = from; i < to; i++)
        if (is_fine(&worker->slots[i])) {
            take_back(worker, &worker->slots[i]);
            count++;
        }
    return count;
}

/* All that was fine, or is yet to do, fails with the same status. */
static void fail_all(struct leat__worker *worker, size_t from, size_t to,
                     int status)
{
    for (size_t i = from; i < to; i++) {
        struct leat__slot *slot = &worker->slots[i];
        if (is_fine(slot))
            take_back(worker, slot);
        if (slot->verdict != LEAT__TODO)
            continue;
        if (!slot->given)
            slot->tries++;
        slot->given = true;
        judge(worker, slot, status);
        if (slot->verdict != LEAT__CANCELED)
            slot->verdict = LEAT__FAILED;
    }
}

/* The context for what is begun now; *fresh: new items may be begun. */
static leat_ctx *present_ctx(struct leat__worker *worker, bool *fresh)
{
    *fresh = leat__ctx_look(worker->ctx) == LEAT_OK;
    return *fresh || !worker->detached ? worker->ctx : worker->detached;
}

static bool may_do(const struct leat__slot *slot, bool fresh)
{
    return slot->verdict == LEAT__TODO && (fresh || slot->given);
}

static size_t count_todo(struct leat__worker *worker, size_t from, size_t to,
                         bool fresh)
{
    size_t count = 0;

    for (size_t i = from; i < to; i++)
        count += may_do(&worker->slots[i], fresh);
    return count;
}

/* Does what is to do until one fails (its status) or nothing is left. */
static int do_items(struct leat__worker *worker, size_t from, size_t to,
                    leat_ctx *ctx, bool fresh)
{
    for (size_t i = from; i < to; i++) {
        struct leat__slot *slot = &worker->slots[i];
        if (!may_do(slot, fresh && leat__ctx_status(worker->ctx) == LEAT_OK))
            continue;
        do_one(worker, i, ctx);
        if (!is_fine(slot))
            return slot->error;
        if (slot->verdict == LEAT__UNWANTED)
            break; /* the rest is left to do: unwanted, too */
    }
    return LEAT_OK;
}

static bool was_closed(struct leat__worker *worker, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (worker->slots[i].verdict == LEAT__UNWANTED)
            return true;
    return false;
}

/* One transaction after the other, until each item of from..to has its verdict.
 * Halving makes it call itself: at most log2(batch) deep. */
static void transact(struct leat__worker *worker, size_t from, size_t to)
{
    const struct leat_retry *retry = &worker->step->stage.pub.retry;
    unsigned tries = 0;
    leat_ctx *ctx;
    bool fresh;

    for (;;) {
        size_t done;
        int status;

        ctx = present_ctx(worker, &fresh);
        if (count_todo(worker, from, to, fresh) == 0 ||
            leat__ctx_look(ctx) != LEAT_OK)
            return;
        for (size_t i = to; i-- > from;)
            if (may_do(&worker->slots[i], fresh))
                take_in_hand(worker, i); /* the first one, in the end */
        if ((status = leat__begin(worker, ctx)) != LEAT_OK) {
            fail_all(worker, from, to, status);
            return;
        }
        status = do_items(worker, from, to, ctx, fresh);
        ctx = present_ctx(worker, &fresh);
        if (status != LEAT_OK) {
            leat__end(worker, ctx, status);
            take_all_back(worker, from, to);
            continue;
        }
        if ((status = leat__end(worker, ctx, LEAT_OK)) == LEAT_OK) {
            if (was_closed(worker, from, to))
                return;
            continue; /* nothing is left to do, as a rule */
        }
        if (status == LEAT_CANCELED) /* it was in hand, though it may be saved */
            leat__note(worker, leat__ctx_status(worker->ctx));
        if (status == LEAT_CANCELED) { /* the commit was cut short: once more, */
            take_all_back(worker, from, to); /* within the grace */
            continue;
        }
        if (status == LEAT_AGAIN && ++tries < retry->attempts) {
            take_all_back(worker, from, to);
            leat_sleep(ctx, leat__backoff(worker, worker->index, tries));
            continue;
        }
        done = 0;
        for (size_t i = from; i < to; i++)
            done += is_fine(&worker->slots[i]);
        if (status == LEAT_AGAIN || status == LEAT_FATAL || done <= 1) {
            for (size_t i = from; i < to; i++)
                if (is_fine(&worker->slots[i]))
                    fail_all(worker, i, i + 1, status);
            continue;
        }
        take_all_back(worker, from, to);
        transact(worker, from, from + (to - from) / 2);
        transact(worker, from + (to - from) / 2, to);
        return;
    }
}

/* The same as do_one() over all of them, for a stage that has no timeout and no
 * resource: nothing is looked up twice on the way of a good item. */
static void do_plain(struct leat__worker *worker)
{
    const struct leat__step *step = worker->step;
    const struct leat_stage *stage = &step->stage.pub;
    size_t size = stage->out ? stage->out->size : 0, i, done = 0;
    leat_ctx *ctx = worker->ctx;

    for (i = 0; i < worker->count; i++) {
        struct leat__slot *slot = &worker->slots[i];
        struct leat__block *item = slot->item;
        void *out = stage->out ? leat__value_at(item, step->value_at) : NULL;
        int status;

        if (slot->verdict != LEAT__TODO)
            continue;
        if (leat__ctx_status(ctx) != LEAT_OK)
            break;
        slot->given = true;
        slot->tries++;
        take_in_hand(worker, i);
        leat__hand_take(&worker->hand, &item->pub);
        if (out)
            memset(out, 0, size);
        status = stage->fn(ctx, item->pub.value, out, stage->arg);
        if (status == LEAT_OK) {
            if (out)
                leat__block_keep(worker->step, item);
            slot->verdict = LEAT__DONE;
            done++;
            continue;
        }
        if (out)
            leat__block_undo(worker->step, item);
        judge(worker, slot, leat__read(worker, ctx, ctx, status));
        if (slot->verdict == LEAT__UNWANTED)
            break;
    }
    worker->all_done = done == worker->count;
}

void leat__do_batch(struct leat__worker *worker)
{
    if (worker->tx) {
        transact(worker, 0, worker->count);
        return;
    }
    if (!worker->step->stage.pub.resource && !worker->attempt &&
        !worker->step->is_errors) {
        do_plain(worker);
        return;
    }
    for (size_t i = 0; i < worker->count; i++) {
        struct leat__slot *slot = &worker->slots[i];
        if (leat__ctx_status(worker->ctx) != LEAT_OK)
            return;
        if (slot->verdict != LEAT__TODO)
            continue;
        do_one(worker, i, worker->ctx);
        if (slot->verdict == LEAT__UNWANTED)
            return;
    }
}
