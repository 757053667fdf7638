/* queue.c - who waits at a channel, and items handed to and from them.
 *
 * All of it with both locks of the channel held. A waiter that cannot be served
 * whole stays in its queue; one that can is claimed first, so that it does not
 * give up meanwhile, and finished when its items have moved. A parked one is
 * told after the channel's locks are released, so that it does not run into
 * them: the list `told`.
 * SPDX-License-Identifier: MIT */
#include "ring.h"

void leat__lock_both(leat_chan *ch)
{
    leat__lock_spinning(&ch->in.lock, ch->capacity ? LEAT__FIRST : 0);
    if (ch->capacity)
        leat__lock_spinning(&ch->out.lock, LEAT__FIRST);
}

void leat__unlock_both(leat_chan *ch)
{
    if (ch->capacity)
        leat__unlock(&ch->out.lock);
    leat__unlock(&ch->in.lock);
}

static struct leat__queue *queue_of(leat_chan *ch, enum leat__side side)
{
    return side == LEAT__SEND ? &ch->sendq : &ch->recvq;
}

static void set_flag(leat_chan *ch, enum leat__side side)
{
    bool any = queue_of(ch, side)->first != NULL;

    if (side == LEAT__SEND)
        leat__put(ch->senders, any);
    else
        leat__put(ch->receivers, any);
}

void leat__enqueue(leat_chan *ch, enum leat__side side, struct leat__wait *wait)
{
    struct leat__queue *queue = queue_of(ch, side);

    wait->next = NULL;
    wait->back = queue->last;
    *queue->last = wait;
    queue->last = &wait->next;
    set_flag(ch, side);
}

void leat__unqueue(leat_chan *ch, enum leat__side side, struct leat__wait *wait)
{
    if (!wait->back)
        return;
    if (wait->next)
        wait->next->back = wait->back;
    else
        queue_of(ch, side)->last = wait->back;
    *wait->back = wait->next;
    wait->back = NULL;
    set_flag(ch, side);
}

struct leat__wait *leat__waiter_claim(leat_chan *ch, enum leat__side side,
                                      bool *parked)
{
    struct leat__wait *wait;

    while ((wait = queue_of(ch, side)->first)) {
        bool claimed = leat__sleeper_claim(wait->who, parked);
        leat__unqueue(ch, side, wait);
        if (claimed)
            return wait;
    }
    return NULL;
}

void leat__waiter_finish(struct leat__wait *wait, int status, bool parked,
                   struct leat__wait **told)
{
    wait->status = status;
    wait->who->index = wait->index;
    if (parked) {
        wait->next = *told;
        *told = wait;
    } else {
        leat__sleeper_done(wait->who);
    }
}

/* To waiting receivers first: then the ring is empty, as they would have taken
 * what is inside. */
size_t leat__put_locked(leat_chan *ch, const char *items, size_t n,
                         struct leat__wait **told)
{
    size_t moved = 0;
    struct leat__wait *wait;
    bool parked;

    while (moved < n && (wait = leat__waiter_claim(ch, LEAT__RECV, &parked))) {
        wait->moved = leat__min(wait->count, n - moved);
        leat__copy(ch, wait->items, leat__nth(ch, items, moved), wait->moved);
        moved += wait->moved;
        leat__waiter_finish(wait, LEAT_OK, parked, told);
    }
    if (moved < n && ch->capacity)
        moved += leat__ring_put(ch, leat__nth(ch, items, moved), n - moved);
    return moved;
}

/* A waiting sender's items move up into the ring and to the receiver. One that
 * has more than fits stays at the head of the queue, unclaimed: it may still
 * give up, and knows how many have moved. */
size_t leat__take_locked(leat_chan *ch, char *items, size_t n,
                          struct leat__wait **told)
{
    size_t moved = ch->capacity ? leat__ring_take(ch, items, n, 0) : 0;
    struct leat__wait *wait;
    bool parked;

    while ((wait = ch->sendq.first)) {
        size_t room = ch->capacity - leat__inside(ch), want = n - moved;
        size_t left = wait->count - wait->moved, k = leat__min(left, want);
        bool whole = left <= room + want;

        if (room + want == 0)
            break;
        if (whole) {
            bool claimed = leat__sleeper_claim(wait->who, &parked);
            leat__unqueue(ch, LEAT__SEND, wait);
            if (!claimed) /* it has given up */
                continue;
        }
        leat__copy(ch, leat__nth(ch, items, moved),
                   leat__nth(ch, wait->items, wait->moved), k);
        moved += k;
        wait->moved += k;
        left -= k;
        if (left > 0)
            wait->moved += leat__ring_put(
                ch, leat__nth(ch, wait->items, wait->moved), left);
        if (!whole)
            break;
        leat__waiter_finish(wait, LEAT_OK, parked, told);
    }
    return moved;
}
