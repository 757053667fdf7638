/* park.h - how a thread of leat's waits: one way for all.
 *
 * A blocked call has a sleeper on its stack, and a wait node for each channel
 * it waits on (chan.h has those). It looks a while whether it is done, pausing
 * between the looks, then yielding, then parks on a condition variable. Whoever
 * has something for it claims it, does the work, and tells it that it is done.
 *
 *   WAITING --claim--> CLAIMED --tell--> DONE
 *   WAITING --park---> PARKED --claim--> CLAIMED
 *   WAITING, PARKED --the context has ended--> ENDED
 *
 * A claimed sleeper may not leave before it is DONE, so its stack stays valid
 * for who claimed it.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__PARK_H
#define LEAT__PARK_H

#include "ctx.h"
#include "thread.h"
#include "watch.h"
#include <leat/chan.h>
#include <pthread.h>

enum {
    LEAT__WAITING,
    LEAT__PARKED,
    LEAT__CLAIMED,
    LEAT__ENDED,
    LEAT__DONE
};

struct leat__sleeper {
    alignas(64) atomic_int state;
    int index;            /* of the case that happened; written before DONE */
    pthread_mutex_t lock; /* PARKED to DONE or ENDED only under it */
    pthread_cond_t wake;
    /* For the listing, under the tree's lock while it is parked: */
    struct leat__sleeper *next, **back;
    const void *caller;
    leat_chan *chan; /* NULL: a sleep */
    size_t cases;
    bool sending;
    int64_t since;
};

/* How long to wait in which way: in all about what a park and a wake-up cost.
 * Waiting for a lock or for room begins with a long pause on purpose: meanwhile
 * the other side does 20 to 40 items with warm caches, and both work in bursts.
 * Waiting for one particular partner looks often. LEAT_NOSPIN: every wait parks
 * (for tests). */
#ifdef LEAT_NOSPIN
enum { LEAT__LOCK_TRIES = 0, LEAT__PAUSES = 0, LEAT__YIELDS = 0,
       LEAT__LONGEST = 0, LEAT__FIRST = 0, LEAT__TIGHT = 0 };
#elif defined(LEAT_WATCH) /* Valgrind runs one thread at a time: once each way */
enum { LEAT__LOCK_TRIES = 1, LEAT__PAUSES = 1, LEAT__YIELDS = 1,
       LEAT__LONGEST = 0, LEAT__FIRST = 0, LEAT__TIGHT = 1 };
#else
enum { LEAT__LOCK_TRIES = 7, LEAT__PAUSES = 6, LEAT__YIELDS = 16,
       LEAT__LONGEST = 6, LEAT__FIRST = 4, LEAT__TIGHT = 40 };
#endif

static inline void leat__pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static inline void leat__pause_for(int step)
{
    for (unsigned i = 1u << (step < LEAT__LONGEST ? step : LEAT__LONGEST); i > 0;
         i--)
        leat__pause();
}

/* Waits a step longer each time. False: long enough, park. */
bool leat__backoff_step(int *step);

static inline void leat__lock_spinning(pthread_mutex_t *mutex, int first)
{
    for (int i = 0; i < LEAT__LOCK_TRIES; i++) {
        if (!pthread_mutex_trylock(mutex))
            return;
        leat__pause_for(i + first);
    }
    leat__lock(mutex);
}

void leat__sleeper_init(struct leat__sleeper *sleeper, const void *caller);

/* Waits until it is done or ctx has ended. True: done. After false nobody has
 * claimed it nor will; its nodes must be taken off their queues. until: the
 * point in time to give up at, without ctx having ended (LEAT__NEVER: none). */
bool leat__sleeper_wait(leat_ctx *ctx, struct leat__sleeper *sleeper,
                        int64_t until);

/* True: it is the caller's to finish. *parked: it has to be told by
 * leat__sleeper_tell(), else leat__sleeper_done() will do. */
bool leat__sleeper_claim(struct leat__sleeper *sleeper, bool *parked);
void leat__sleeper_tell(struct leat__sleeper *sleeper);

static inline void leat__sleeper_done(struct leat__sleeper *sleeper)
{
    WATCH_BEFORE(sleeper);
    atomic_store_explicit(&sleeper->state, LEAT__DONE, memory_order_release);
}

static inline bool leat__sleeper_is_done(struct leat__sleeper *sleeper)
{
    bool done = atomic_load_explicit(&sleeper->state, memory_order_acquire) ==
                LEAT__DONE;
    if (done)
        WATCH_AFTER(sleeper);
    return done;
}

/* It will not wait after all. False: somebody was quicker, it will be done. */
bool leat__sleeper_withdraw(struct leat__sleeper *sleeper);

/* Wakes a parked one to look again. Called with the tree's lock held. */
void leat__sleeper_nudge(struct leat__sleeper *sleeper);

/* ctx.c: lists it while it is parked. */
void leat__ctx_enter(leat_ctx *ctx, struct leat__sleeper *sleeper);
void leat__ctx_leave(leat_ctx *ctx, struct leat__sleeper *sleeper);

#endif
