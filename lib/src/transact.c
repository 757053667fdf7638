/* transact.c - has the items in a worker's slots done, between begin and end.
 *
 * The items of a batch stand or fall together with the transaction, but their
 * results are each their own: an item that fails leaves the batch, the
 * transaction is rolled back, and what was fine is redone. A redo is no attempt
 * and no event. If the commit itself fails nobody knows whose fault it is: the
 * batch is halved until the item that cannot be committed stands alone.
 *
 * After a cancel nothing new is begun, but what was fine is still committed,
 * and redone before if it must be, under a context that lives until the grace
 * ends.
 * SPDX-License-Identifier: MIT */
#include "parts.h"

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
        leat__judge(worker, slot, status);
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
        leat__do_one(worker, i, ctx);
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

/* The commit has failed with status, for the so many-th time. True: go on with
 * what is left to do. */
static bool redo(struct leat__worker *worker, size_t from, size_t to,
                 leat_ctx *ctx, int status, unsigned *tries)
{
    const struct leat_retry *retry = &worker->step->stage.pub.retry;
    size_t middle = from + (to - from) / 2, done = 0;

    if (status == LEAT_CANCELED) { /* it was cut short: once more, within the
                                      grace. In hand, though it may be saved */
        leat__note(worker, leat__ctx_status(worker->ctx));
        take_all_back(worker, from, to);
        return true;
    }
    if (status == LEAT_AGAIN && ++*tries < retry->attempts) {
        take_all_back(worker, from, to);
        leat_sleep(ctx, leat__backoff(worker, worker->index, *tries));
        return true;
    }
    for (size_t i = from; i < to; i++)
        done += is_fine(&worker->slots[i]);
    if (status == LEAT_AGAIN || status == LEAT_FATAL || done <= 1) {
        for (size_t i = from; i < to; i++)
            if (is_fine(&worker->slots[i]))
                fail_all(worker, i, i + 1, status);
        return true;
    }
    take_all_back(worker, from, to);
    leat__transact(worker, from, middle);
    leat__transact(worker, middle, to);
    return false;
}

void leat__transact(struct leat__worker *worker, size_t from, size_t to)
{
    unsigned tries = 0;
    leat_ctx *ctx;
    bool fresh;

    for (;;) {
        int status;

        ctx = present_ctx(worker, &fresh);
        if (count_todo(worker, from, to, fresh) == 0 ||
            leat__ctx_look(ctx) != LEAT_OK)
            return;
        for (size_t i = to; i-- > from;)
            if (may_do(&worker->slots[i], fresh))
                leat__take_in_hand(worker, i); /* the first one, in the end */
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
        if (!redo(worker, from, to, ctx, status, &tries))
            return;
    }
}
