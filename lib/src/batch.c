/* batch.c - has the items in a worker's slots done, one by one: each stands
 * on its own. Where the resource has begin or end: transact.c.
 * SPDX-License-Identifier: MIT */
#include "parts.h"
#include <stdio.h>
#include <string.h>

void leat__judge(struct leat__worker *worker, struct leat__slot *slot,
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

/* When item_timeout is over. */
static int64_t deadline_of(const struct leat__step *step,
                           const struct leat__block *item)
{
    return step->run->pub.item_timeout && !step->is_errors
               ? leat__cold(step->run, item)->deadline : LEAT__NEVER;
}

void leat__do_one(struct leat__worker *worker, size_t i, leat_ctx *ctx)
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
            leat__judge(worker, slot, LEAT_TIMEOUT);
            slot->verdict = LEAT__FAILED;
            slot->tries++;
            return;
        }
        slot->given = true;
        slot->tries++;
    }
    leat__take_in_hand(worker, i);
    if (out)
        memset(out, 0, type->size);
    status = leat__call(worker, ctx, &item->pub, deadline, in, out);
    if (out && status == LEAT_OK)
        leat__block_keep(step, item);
    else if (out)
        leat__block_undo(step, item);
    leat__judge(worker, slot, status);
}

/* The same as leat__do_one() over all of them, for a stage that has no timeout
 * and no resource: nothing is looked up twice on the way of a good item. */
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
        leat__take_in_hand(worker, i);
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
        leat__judge(worker, slot, leat__read(worker, ctx, ctx, status));
        if (slot->verdict == LEAT__UNWANTED)
            break;
    }
    worker->all_done = done == worker->count;
}

void leat__do_batch(struct leat__worker *worker)
{
    if (worker->tx) {
        leat__transact(worker, 0, worker->count);
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
        leat__do_one(worker, i, worker->ctx);
        if (slot->verdict == LEAT__UNWANTED)
            return;
    }
}
