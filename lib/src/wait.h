/* wait.h - inside a channel: its two ends, and who waits there. For chan.c and
 * select.c alone.
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

/* Both locks held. The second takes off what is queued, and nothing else. */
void leat__enqueue(leat_chan *ch, enum leat__side side,
                   struct leat__wait *wait);
void leat__unqueue(leat_chan *ch, enum leat__side side,
                   struct leat__wait *wait);

/* leat_try_send() or leat_try_recv() for checked arguments, untraced. */
int leat__try_move(leat_chan *ch, enum leat__side side, void *item);

#endif
