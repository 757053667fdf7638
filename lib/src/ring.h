/* ring.h - items through a channel's ring, with the lock of one end.
 *
 * Each end counts what ever went through it (`pos`), and keeps what it last saw
 * of the other end's count: it looks there again only when that is not enough,
 * so the two ends seldom touch each other's cache line. A count is stored with
 * release after the items were copied, loaded with acquire before. Counts wrap,
 * and 2^32 need not be a multiple of the capacity: so each end has its `slot`
 * besides.
 *
 * A header, because this is on the way of every item; forced inline, because a
 * send of one item is then made for one: a tenth fewer instructions.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__RING_H
#define LEAT__RING_H

#include "wait.h"
#include "watch.h"
#include <string.h>

#define LEAT__INLINE static inline __attribute__((always_inline))

static inline size_t leat__min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Where the n-th of the items is. Mere signals (size 0) may have no address, to
 * which nothing may be added: hence the numbers. */
LEAT__INLINE void *leat__nth(const leat_chan *ch, const void *items, size_t n)
{
    return (void *)((uintptr_t)items + n * ch->size);
}

static inline void leat__copy(const leat_chan *ch, void *to, const void *from,
                              size_t n)
{
    if (n == 1 && ch->size == 8)
        memcpy(to, from, 8);
    else if (ch->size > 0)
        memcpy(to, from, n * ch->size);
}

static inline void leat__step_on(leat_chan *ch, struct leat__end *end,
                                 uint32_t pos, uint32_t n)
{
    if ((end->slot += n) >= ch->capacity)
        end->slot -= ch->capacity;
    WATCH_BEFORE(&end->pos);
    atomic_store_explicit(&end->pos, pos + n, memory_order_release);
}

LEAT__INLINE size_t leat__ring_put(leat_chan *ch, const char *from,
                                   size_t most)
{
    struct leat__end *end = &ch->in;
    uint32_t pos = leat__peek(end->pos);
    uint32_t room = ch->capacity - (pos - end->other), n, first;

    if (room < most) {
        end->other = atomic_load_explicit(&ch->out.pos, memory_order_acquire);
        WATCH_AFTER(&ch->out.pos);
        room = ch->capacity - (pos - end->other);
    }
    n = (uint32_t)leat__min(most, room);
    if (n == 0)
        return 0;
    first = (uint32_t)leat__min(n, ch->capacity - end->slot);
    leat__copy(ch, ch->ring + end->slot * ch->size, from, first);
    if (first < n)
        leat__copy(ch, ch->ring, leat__nth(ch, from, first), n - first);
    leat__step_on(ch, end, pos, n);
    return n;
}

LEAT__INLINE size_t leat__ring_take(leat_chan *ch, char *to, size_t most,
                                    unsigned share)
{
    struct leat__end *end = &ch->out;
    uint32_t pos = leat__peek(end->pos);
    uint32_t inside = end->other - pos, n, first;

    if (inside < most || share) {
        end->other = atomic_load_explicit(&ch->in.pos, memory_order_acquire);
        WATCH_AFTER(&ch->in.pos);
        inside = end->other - pos;
    }
    if (share)
        most = leat__min(most, 1 + inside / share);
    n = (uint32_t)leat__min(most, inside);
    if (n == 0)
        return 0;
    first = (uint32_t)leat__min(n, ch->capacity - end->slot);
    leat__copy(ch, to, ch->ring + end->slot * ch->size, first);
    if (first < n)
        leat__copy(ch, leat__nth(ch, to, first), ch->ring, n - first);
    leat__step_on(ch, end, pos, n);
    return n;
}

/* One lock is enough while nobody waits at the other end: see move.c. */
LEAT__INLINE size_t leat__put_fast(leat_chan *ch, const char *items, size_t n)
{
    size_t k;

    leat__lock_spinning(&ch->in.lock, LEAT__FIRST);
    k = leat__peek(ch->receivers) || leat__peek(ch->closed)
            ? 0 : leat__ring_put(ch, items, n);
    leat__unlock(&ch->in.lock);
    return k;
}

LEAT__INLINE size_t leat__take_fast(leat_chan *ch, char *items, size_t n,
                                    unsigned share)
{
    size_t k;

    leat__lock_spinning(&ch->out.lock, LEAT__FIRST);
    k = leat__peek(ch->senders) ? 0 : leat__ring_take(ch, items, n, share);
    leat__unlock(&ch->out.lock);
    return k;
}

#endif
