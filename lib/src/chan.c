/* chan.c - channels: a ring with a lock at each end, and a queue of waiters at
 * each end. Here: making one, closing it, its end. The rest:
 *
 *   wait.h   what a channel is made of
 *   ring.h   items through the ring, with the lock of one end
 *   queue.c  the waiters, and items from hand to hand, with both locks
 *   move.c   send and receive: when to take which, and when to wait
 *   try.c    the same without waiting
 *
 * Ordinary business needs the lock of one end. Whoever has to wait, to wake, or
 * to close takes both, sending end first; so the flags that say that somebody
 * waits change under both and may be read under either. Whoever comes second
 * does the work for both: items go straight from or to a waiter. Why no wake-up
 * is lost: move.c.
 *
 * Locks, in this order: a channel's sending end, its receiving end, then a
 * sleeper's. Two channels' locks are never held together, nor a channel's with a
 * tree's.
 *
 * The road not taken: a ring without locks, each slot with a stamp (Vyukov, as
 * in crossbeam). Measured, it is as fast one to one, slower with more threads,
 * three times slower for many at a time; and a receiver that is preempted in the
 * middle of a slot stalls the others. One lock for all is twice as slow.
 * SPDX-License-Identifier: MIT */
#include "mem.h"
#include "trace.h"
#include "wait.h"
#include <stdio.h>
#include <string.h>

leat_chan *leat_chan_new(const char *name, const struct leat_type *type,
                         size_t capacity)
{
    leat_chan *ch;

    if (!type || capacity > INT32_MAX ||
        (type->size > 0 && capacity > SIZE_MAX / 2 / type->size) ||
        !(ch = leat__alloc_lines(sizeof *ch)))
        return NULL;
    if (!(ch->ring = leat__alloc_array(capacity, type->size))) {
        leat__free(ch);
        return NULL;
    }
    leat__mutex_init(&ch->in.lock);
    leat__mutex_init(&ch->out.lock);
    WATCH_ATOMIC(ch->in.pos);
    WATCH_ATOMIC(ch->out.pos);
    WATCH_ATOMIC(ch->out.rolls);
    WATCH_ATOMIC(ch->closed);
    WATCH_ATOMIC(ch->senders);
    WATCH_ATOMIC(ch->receivers);
    WATCH_ATOMIC(ch->buffer);
    ch->type = *type;
    ch->size = type->size;
    ch->capacity = (uint32_t)capacity;
    ch->of_items = type->size == leat__item_type.size && type->name &&
                   strcmp(type->name, leat__item_type.name) == 0;
    ch->sendq.last = &ch->sendq.first;
    ch->recvq.last = &ch->recvq.first;
    snprintf(ch->name, sizeof ch->name, "%s", name ? name : "");
    return ch;
}

void leat_chan_free(leat_chan *ch)
{
    struct leat__end *out;

    if (!ch)
        return;
    out = &ch->out;
    for (uint32_t n = leat__inside(ch); ch->type.drop && n > 0; n--) {
        ch->type.drop(ch->ring + out->slot * ch->size);
        if (++out->slot == ch->capacity)
            out->slot = 0;
    }
    leat__trace_release(leat__peek(ch->buffer));
    leat__mutex_destroy(&ch->in.lock);
    leat__mutex_destroy(&ch->out.lock);
    WATCH_PLAIN(*ch);
    leat__free(ch->ring);
    leat__free(ch);
}

void leat_close(leat_chan *ch)
{
    struct leat__wait *told = NULL, *wait;
    struct leat__buffer *buffer;
    bool parked;

    if (!ch)
        return;
    if ((buffer = leat__trace_held(ch)))
        leat__trace(buffer, LEAT__TRACE_CLOSE, ch->name, false, 0, 0);
    leat__trace_release(buffer);
    leat__lock_both(ch);
    leat__put(ch->closed, true);
    while ((wait = leat__waiter_claim(ch, LEAT__RECV, &parked)))
        leat__waiter_finish(wait, LEAT_CLOSED, parked, &told);
    while ((wait = leat__waiter_claim(ch, LEAT__SEND, &parked)))
        leat__waiter_finish(wait, LEAT_CLOSED, parked, &told);
    leat__unlock_both(ch);
    leat__waiters_tell(told);
}

size_t leat__chan_len(leat_chan *ch)
{
    uint32_t inside = leat__inside(ch); /* of two moments: may be too many */

    return inside < ch->capacity ? inside : ch->capacity;
}

bool leat__chan_of_items(leat_chan *ch)
{
    return ch->of_items;
}

void leat__chan_describe(leat_chan *ch, struct leat_task *task)
{
    memcpy(task->chan, ch->name, sizeof task->chan);
    task->len = leat__chan_len(ch);
    task->capacity = ch->capacity;
    task->closed = leat__peek(ch->closed);
}
