/* park.c - waiting and waking.
 *
 * No wake-up is lost. WAITING becomes PARKED by a compare-and-swap under the
 * sleeper's lock; a claimer that saw PARKED sets DONE and signals under the same
 * lock, so the sleeper either sees DONE before it waits or is waiting when the
 * signal comes; a claimer that saw WAITING has made the swap to PARKED fail, and
 * the sleeper sees CLAIMED or DONE. An end of the context sets its status under
 * the tree's lock, then nudges each sleeper on its list under that one's lock;
 * the sleeper puts itself on the list before it looks at the status for the last
 * time, and looks again after each wake-up.
 *
 * Order of locks: a tree's before a sleeper's. So a sleeper that finds its
 * deadline passed lets go of its lock before it ends the context.
 * SPDX-License-Identifier: MIT */
#include "park.h"
#include "thread.h"
#include <sched.h>

bool leat__backoff_step(int *step)
{
    int s = (*step)++;

    if (s < LEAT__PAUSES)
        leat__pause_for(s);
    else if (s < LEAT__PAUSES + LEAT__YIELDS)
        sched_yield();
    else
        return false;
    return true;
}

void leat__sleeper_init(struct leat__sleeper *sleeper, const void *caller)
{
    WATCH_ATOMIC(sleeper->state);
    atomic_init(&sleeper->state, LEAT__WAITING);
    sleeper->index = -1;
    sleeper->caller = caller;
    sleeper->chan = NULL;
    sleeper->cases = 0;
    sleeper->sending = false;
}

bool leat__sleeper_claim(struct leat__sleeper *sleeper, bool *parked)
{
    int was = atomic_load_explicit(&sleeper->state, memory_order_relaxed);

    while (was < LEAT__CLAIMED)
        if (atomic_compare_exchange_weak(&sleeper->state, &was,
                                         LEAT__CLAIMED)) {
            *parked = was == LEAT__PARKED;
            return true;
        }
    return false;
}

void leat__sleeper_tell(struct leat__sleeper *sleeper)
{
    leat__lock(&sleeper->lock);
    leat__sleeper_done(sleeper);
    leat__signal(&sleeper->wake);
    leat__unlock(&sleeper->lock);
}

bool leat__sleeper_withdraw(struct leat__sleeper *sleeper)
{
    int was = LEAT__WAITING;

    return atomic_compare_exchange_strong(&sleeper->state, &was, LEAT__ENDED);
}

void leat__sleeper_nudge(struct leat__sleeper *sleeper)
{
    leat__lock(&sleeper->lock);
    leat__signal(&sleeper->wake);
    leat__unlock(&sleeper->lock);
}

/* True: it is not PARKED any more, or has just been taken out of it. */
static bool wait_over_locked(leat_ctx *ctx, struct leat__sleeper *sleeper,
                             bool late)
{
    int now = atomic_load_explicit(&sleeper->state, memory_order_acquire);

    if (now == LEAT__DONE)
        return true;
    return now == LEAT__PARKED &&
           (late || leat__ctx_status(ctx) != LEAT_OK) &&
           atomic_compare_exchange_strong(&sleeper->state, &now, LEAT__ENDED);
}

static void wait_locked(leat_ctx *ctx, struct leat__sleeper *sleeper,
                        int64_t until)
{
    bool late = false;

    while (!wait_over_locked(ctx, sleeper, late)) {
        int64_t deadline = leat__ctx_deadline(ctx);

        if (atomic_load(&sleeper->state) == LEAT__CLAIMED) {
            leat__wait(&sleeper->wake, &sleeper->lock);
            continue;
        }
        if (leat__wait_until(&sleeper->wake, &sleeper->lock,
                             until < deadline ? until : deadline))
            continue;
        late = until < deadline;
        leat__unlock(&sleeper->lock);
        leat__ctx_look(ctx);
        leat__lock(&sleeper->lock);
    }
}

static void park(leat_ctx *ctx, struct leat__sleeper *sleeper, int64_t until)
{
    int was = LEAT__WAITING;

    leat__mutex_init(&sleeper->lock);
    leat__cond_init(&sleeper->wake);
    leat__ctx_enter(ctx, sleeper);
    leat__lock(&sleeper->lock);
    if (atomic_compare_exchange_strong(&sleeper->state, &was, LEAT__PARKED))
        wait_locked(ctx, sleeper, until);
    leat__unlock(&sleeper->lock);
    leat__ctx_leave(ctx, sleeper);
    leat__cond_destroy(&sleeper->wake);
    leat__mutex_destroy(&sleeper->lock);
}

bool leat__sleeper_wait(leat_ctx *ctx, struct leat__sleeper *sleeper,
                        int64_t until)
{
    int step = 5, tight = LEAT__TIGHT;

    while (!leat__sleeper_is_done(sleeper)) {
        if (leat__ctx_status(ctx) != LEAT_OK) {
            if (leat__sleeper_withdraw(sleeper))
                return false;
            continue; /* claimed: it will be done in a moment */
        }
        if (tight > 0) {
            tight--;
            leat__pause();
        } else if (!leat__backoff_step(&step)) {
            park(ctx, sleeper, until);
            break;
        }
    }
    while (!leat__sleeper_is_done(sleeper)) {
        if (atomic_load(&sleeper->state) == LEAT__ENDED)
            return false;
        sched_yield(); /* claimed while it was about to park */
    }
    return true;
}
