/* retry.c - when a failed attempt is worth another one.
 *
 * Exponential backoff with "equal jitter" (half of it fixed, half random; M.
 * Brooker, Exponential Backoff and Jitter, 2015), the randomness a hash of the
 * run's seed, the item and the attempt: the same seed waits the same times. The
 * budget is a token bucket as in the AWS SDKs and Finagle: while a stage works
 * it refills, and in an outage it is soon empty.
 * SPDX-License-Identifier: MIT */
#include "mix.h"
#include "parts.h"

enum { BUCKET = 100 };

int64_t leat__backoff(const struct leat__worker *worker, uint64_t seq,
                      unsigned tries)
{
    const struct leat_retry *retry = &worker->step->stage.pub.retry;
    int64_t wait = retry->backoff, most = retry->backoff_max;
    uint64_t die;

    for (unsigned i = 1; i < tries && wait < most; i++)
        wait = leat__after(wait, wait);
    if (wait > most)
        wait = most;
    if (wait < 2)
        return wait;
    die = leat__mix(worker->run->pub.seed ^
                    leat__mix(seq ^ leat__mix(tries)));
    return wait / 2 + (int64_t)(die % (uint64_t)(wait - wait / 2 + 1));
}

void leat__budget_init(struct leat__step *step)
{
    leat__mutex_init(&step->budget_lock);
    step->budget = BUCKET;
}

static uint64_t items_seen(const struct leat__step *step)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < step->stage.pub.workers; i++)
        sum += atomic_load_explicit(&step->workers[i].counts.in,
                                    memory_order_relaxed);
    return sum;
}

static bool spend(struct leat__step *step)
{
    uint64_t seen = items_seen(step);
    bool may;

    leat__lock(&step->budget_lock);
    if (seen > step->budget_seen) {
        step->budget += step->stage.pub.retry.budget *
                        (double)(seen - step->budget_seen);
        step->budget_seen = seen;
    }
    if (step->budget > BUCKET)
        step->budget = BUCKET;
    may = step->budget >= 1;
    if (may)
        step->budget -= 1;
    leat__unlock(&step->budget_lock);
    return may;
}

bool leat__worth_retry(struct leat__worker *worker, struct leat__slot *slot)
{
    const struct leat_retry *retry = &worker->step->stage.pub.retry;

    const struct leat__run *run = worker->run;

    return slot->tries < retry->attempts &&
           leat__ctx_status(worker->ctx) == LEAT_OK &&
           (worker->step->is_errors || !run->pub.item_timeout ||
            leat__now() < leat__cold(run, slot->item)->deadline) &&
           spend(worker->step);
}
