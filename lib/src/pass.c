/* pass.c - what a worker does with items that it is through with.
 *
 * They go to the next stage, in order or not. Failed items pass untouched; at
 * the last stage they go to the sink of failed items, good ones are settled.
 * What the next stage cannot have is settled here.
 * SPDX-License-Identifier: MIT */
#include "parts.h"

void leat__fail_out(struct leat__run *run, struct leat__worker *by,
                    struct leat__block *item)
{
    if (run->errors && leat_send(run->late, run->errors->in, &item) == LEAT_OK)
        return;
    leat__settle(run, by, item, LEAT__FAILED);
    leat__recycle(run, &item, 1);
}

void leat__give_up(struct leat__worker *worker, struct leat__block *item,
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

void leat__send_on(struct leat__worker *worker, struct leat__block **items,
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
        leat__give_up(worker, items[i], status == LEAT_CLOSED);
}

void leat__settle_all(struct leat__worker *worker, struct leat__block **items,
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
        leat__settle_all(worker, items, count);
        return;
    }
    for (size_t i = 0; i < count; i++) /* who only kept a place in the order */
        if (items[i]->pub.error == LEAT_SKIP && !worker->step->order_ahead)
            leat__give_up(worker, items[i], true);
        else
            items[kept++] = items[i];
    if (kept > 0)
        leat__send_on(worker, items, kept);
}

void leat__unwanted(struct leat__step *step)
{
    atomic_store(&step->unwanted, true);
    if (step->in)
        leat_close(step->in);
}
