/* wait.h - inside a channel: its two ends, and who waits there. For select.c
 * and a channel's own files alone (chan.c lists them).
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__WAIT_H
#define LEAT__WAIT_H

#include "chan.h"
#include "park.h"
#include "thread.h"

/* One case of a blocked call, in one channel's queue; on the sleeper's stack.
 * All of it under both locks of the channel. */
struct leat__wait {
    struct leat__wait *next, **back; /* back NULL: not queued */
    struct leat__sleeper *who;
    char *items;
    size_t count, moved;
    int index, status; /* index: of the case; status: how it ended */
};

struct leat__queue {
    struct leat__wait *first, **last;
};

/* One end of the ring, on a cache line of its own. */
struct leat__end {
    alignas(64) pthread_mutex_t lock; /* protects slot and other */
    atomic_uint pos; /* items that ever went through; written under the lock */
    uint32_t slot;   /* where the next one goes or comes from */
    uint32_t other;  /* pos of the other end when last looked at */
    atomic_uint rolls; /* of select's die; outside the lock */
};

struct leat_chan {
    struct leat__end in, out;
    alignas(64) char *ring; /* this line is seldom written */
    size_t size;
    uint32_t capacity;
    bool of_items; /* a trace writes their seq */
    atomic_bool closed, senders, receivers; /* somebody is queued; written under
                                               both locks */
    struct leat__queue sendq, recvq;        /* under both locks */
    _Atomic(struct leat__buffer *) buffer;  /* of the trace it was last used
                                               under: trace.h */
    struct leat_type type;
    char name[sizeof((struct leat_task *)0)->chan];
};

enum leat__side { LEAT__SEND, LEAT__RECV };

#define leat__peek(a) atomic_load_explicit(&(a), memory_order_relaxed)
#define leat__put(a, v) atomic_store_explicit(&(a), (v), memory_order_relaxed)

static inline uint32_t leat__inside(leat_chan *ch)
{
    uint32_t out = leat__peek(ch->out.pos); /* first: the other is ahead */
    return leat__peek(ch->in.pos) - out;
}

/* Hints, one or two loads: whether it is worth taking a lock. */
static inline bool leat__may_send(leat_chan *ch)
{
    return leat__inside(ch) < ch->capacity || leat__peek(ch->receivers) ||
           leat__peek(ch->closed);
}
static inline bool leat__may_recv(leat_chan *ch)
{
    return leat__inside(ch) > 0 || leat__peek(ch->senders) ||
           leat__peek(ch->closed);
}

/* Sending end first. A rendezvous has no ring, and one lock does. */
void leat__lock_both(leat_chan *ch);
void leat__unlock_both(leat_chan *ch);

/* Both locks held, down to leat__take_locked(). The second takes off what is
 * queued, and nothing else. */
void leat__enqueue(leat_chan *ch, enum leat__side side,
                   struct leat__wait *wait);
void leat__unqueue(leat_chan *ch, enum leat__side side,
                   struct leat__wait *wait);

/* Takes the first waiter that has not given up off the queue: it is the
 * caller's to finish. *parked as in leat__sleeper_claim(). NULL: none. */
struct leat__wait *leat__waiter_claim(leat_chan *ch, enum leat__side side,
                                      bool *parked);

/* A claimed one has all it came for, or nothing more will come. A parked one is
 * put on the list *told. */
void leat__waiter_finish(struct leat__wait *wait, int status, bool parked,
                         struct leat__wait **told);

/* Moves up to n items between the caller, the ring and the waiters. Returns how
 * many. */
size_t leat__put_locked(leat_chan *ch, const char *items, size_t n,
                        struct leat__wait **told);
size_t leat__take_locked(leat_chan *ch, char *items, size_t n,
                         struct leat__wait **told);

/* Without the locks: wakes them. */
static inline void leat__waiters_tell(struct leat__wait *told)
{
    while (told) {
        struct leat__sleeper *who = told->who;
        told = told->next; /* first: then it may be gone */
        leat__sleeper_tell(who);
    }
}

/* leat_try_send() or leat_try_recv() for checked arguments, untraced. */
int leat__try_move(leat_chan *ch, enum leat__side side, void *item);

#endif
