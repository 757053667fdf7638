/* chan.c - channels: a ring with a lock at each end, and a queue of waiters at
 * each end.
 *
 * Ordinary business needs the lock of one end. Whoever has to wait, to wake, or
 * to close takes both, sending end first; so the flags that say that somebody
 * waits change under both and may be read under either. Whoever comes second
 * does the work for both: items go straight from or to a waiter.
 *
 * No wake-up is lost. A waiter queues itself and raises its flag with both locks
 * held, after it has seen under them that the ring is not ready for it. A fast
 * sender or receiver reads the flag with its one lock held: it either ran before,
 * then the waiter saw its item or its room, or it sees the flag and takes both.
 * (That the waiter then also wakes: park.c.) A close takes both and claims
 * everybody.
 *
 * Locks, in this order: a channel's sending end, its receiving end, a sleeper's.
 * Two channels' locks are never held together, nor a channel's with a tree's.
 * A parked waiter is told after the channel's locks are released, so that it
 * does not run into them.
 *
 * The road not taken: a ring without locks, each slot with a stamp (Vyukov, as
 * in crossbeam). Measured, it is as fast one to one, slower with more threads
 * and three times slower for many at a time; and a receiver that is preempted in
 * the middle of a slot stalls the others. One lock for all is twice as slow.
 * SPDX-License-Identifier: MIT */
#include "mem.h"
#include "trace.h"
#include "wait.h"
#include <stdio.h>
#include <string.h>

#define MIN(a, b) ((a) < (b) ? (a) : (b))

/* --- locks and queues --- */

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

/* Takes the first waiter that has not given up off the queue: it is the
 * caller's to finish. *parked as in leat__sleeper_claim(). */
static struct leat__wait *claim_first(leat_chan *ch, enum leat__side side,
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

/* A claimed one has all it came for, or nothing more will come. */
static void finish(struct leat__wait *wait, int status, bool parked,
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

static void tell(struct leat__wait *list)
{
    while (list) {
        struct leat__sleeper *who = list->who;
        list = list->next; /* first: then it may be gone */
        leat__sleeper_tell(who);
    }
}

/* --- moving items, the locks of the ends in question held --- */

static inline void copy(const leat_chan *ch, void *to, const void *from,
                        size_t n)
{
    if (n == 1 && ch->size == 8)
        memcpy(to, from, 8);
    else if (ch->size > 0)
        memcpy(to, from, n * ch->size);
}

static inline void step_on(leat_chan *ch, struct leat__end *end, uint32_t pos,
                           uint32_t n)
{
    if ((end->slot += n) >= ch->capacity)
        end->slot -= ch->capacity;
    WATCH_BEFORE(&end->pos);
    atomic_store_explicit(&end->pos, pos + n, memory_order_release);
}

static inline size_t ring_put(leat_chan *ch, const char *from, size_t most)
{
    struct leat__end *end = &ch->in;
    uint32_t pos = leat__peek(end->pos);
    uint32_t room = ch->capacity - (pos - end->other), n, first;

    if (room < most) {
        end->other = atomic_load_explicit(&ch->out.pos, memory_order_acquire);
        WATCH_AFTER(&ch->out.pos);
        room = ch->capacity - (pos - end->other);
    }
    n = (uint32_t)MIN(most, room);
    if (n == 0)
        return 0;
    first = MIN(n, ch->capacity - end->slot);
    copy(ch, ch->ring + end->slot * ch->size, from, first);
    if (first < n)
        copy(ch, ch->ring, from + first * ch->size, n - first);
    step_on(ch, end, pos, n);
    return n;
}

static inline size_t ring_take(leat_chan *ch, char *to, size_t most,
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
        most = MIN(most, 1 + inside / share);
    n = (uint32_t)MIN(most, inside);
    if (n == 0)
        return 0;
    first = MIN(n, ch->capacity - end->slot);
    copy(ch, to, ch->ring + end->slot * ch->size, first);
    if (first < n)
        copy(ch, to + first * ch->size, ch->ring, n - first);
    step_on(ch, end, pos, n);
    return n;
}

/* To waiting receivers first: then the ring is empty, as they would have taken
 * what is inside. Both locks held. */
static size_t put_locked(leat_chan *ch, const char *items, size_t n,
                         struct leat__wait **told)
{
    size_t moved = 0;
    struct leat__wait *wait;
    bool parked;

    while (moved < n && (wait = claim_first(ch, LEAT__RECV, &parked))) {
        wait->moved = MIN(wait->count, n - moved);
        copy(ch, wait->items, items + moved * ch->size, wait->moved);
        moved += wait->moved;
        finish(wait, LEAT_OK, parked, told);
    }
    if (moved < n && ch->capacity)
        moved += ring_put(ch, items + moved * ch->size, n - moved);
    return moved;
}

/* A waiting sender's items move up into the ring and to the receiver. One that
 * has more than fits stays at the head of the queue, unclaimed: it may still
 * give up, and knows how many have moved. Both locks held. */
static size_t take_locked(leat_chan *ch, char *items, size_t n,
                          struct leat__wait **told)
{
    size_t moved = ch->capacity ? ring_take(ch, items, n, 0) : 0;
    struct leat__wait *wait;
    bool parked;

    while ((wait = ch->sendq.first)) {
        size_t room = ch->capacity - leat__inside(ch), want = n - moved;
        size_t left = wait->count - wait->moved, k = MIN(left, want);
        bool whole = left <= room + want;

        if (room + want == 0)
            break;
        if (whole) {
            bool claimed = leat__sleeper_claim(wait->who, &parked);
            leat__unqueue(ch, LEAT__SEND, wait);
            if (!claimed) /* it has given up */
                continue;
        }
        copy(ch, items + moved * ch->size,
             wait->items + wait->moved * ch->size, k);
        moved += k;
        wait->moved += k;
        left -= k;
        if (left > 0)
            wait->moved += ring_put(ch, wait->items + wait->moved * ch->size,
                                    left);
        if (!whole)
            break;
        finish(wait, LEAT_OK, parked, told);
    }
    return moved;
}

/* --- making and ending --- */

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
    ch->of_items = type->name == leat__item_type.name;
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
    while ((wait = claim_first(ch, LEAT__RECV, &parked)))
        finish(wait, LEAT_CLOSED, parked, &told);
    while ((wait = claim_first(ch, LEAT__SEND, &parked)))
        finish(wait, LEAT_CLOSED, parked, &told);
    leat__unlock_both(ch);
    tell(told);
}

size_t leat__chan_len(leat_chan *ch)
{
    uint32_t inside = leat__inside(ch); /* of two moments: may be too many */

    return MIN(inside, ch->capacity);
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

/* --- sending and receiving --- */

/* One lock is enough while nobody waits at the other end. */
static inline size_t put_fast(leat_chan *ch, const char *items, size_t n)
{
    size_t k;

    leat__lock_spinning(&ch->in.lock, LEAT__FIRST);
    k = leat__peek(ch->receivers) || leat__peek(ch->closed)
            ? 0 : ring_put(ch, items, n);
    leat__unlock(&ch->in.lock);
    return k;
}

static inline size_t take_fast(leat_chan *ch, char *items, size_t n,
                               unsigned share)
{
    size_t k;

    leat__lock_spinning(&ch->out.lock, LEAT__FIRST);
    k = leat__peek(ch->senders) ? 0 : ring_take(ch, items, n, share);
    leat__unlock(&ch->out.lock);
    return k;
}

/* What one call is about. */
struct move {
    leat_ctx *ctx;
    leat_chan *ch;
    enum leat__side side;
    char *items;
    size_t count, moved;
    unsigned share;     /* receive: not more than a fair share; 0: no matter */
    bool all;           /* wait for room for all of them */
    const void *caller; /* for the listing */
};

static char *rest(const struct move *m)
{
    return m->items + m->moved * m->ch->size;
}

static bool may(const struct move *m)
{
    return m->side == LEAT__SEND ? leat__may_send(m->ch)
                                 : leat__may_recv(m->ch);
}

static size_t move_fast(const struct move *m)
{
    size_t left = m->count - m->moved;

    if (!m->ch->capacity)
        return 0;
    return m->side == LEAT__SEND ? put_fast(m->ch, rest(m), left)
                                 : take_fast(m->ch, rest(m), left, m->share);
}

static size_t move_locked(const struct move *m, struct leat__wait **told)
{
    size_t left = m->count - m->moved;

    if (m->side == LEAT__SEND)
        return leat__peek(m->ch->closed)
                   ? 0 : put_locked(m->ch, rest(m), left, told);
    if (m->share)
        left = MIN(left, 1 + leat__inside(m->ch) / m->share);
    return take_locked(m->ch, rest(m), left, told);
}

static bool is_enough(const struct move *m)
{
    return m->moved == m->count || (m->moved > 0 && !m->all);
}

static void trace_wait(const struct move *m, bool begins)
{
    if (m->ctx->buffer)
        leat__trace_chan(m->ctx->buffer,
                         !begins                ? LEAT__TRACE_STOP
                         : m->side == LEAT__SEND ? LEAT__TRACE_WAIT_SEND
                                                 : LEAT__TRACE_WAIT_RECV,
                         m->ch, m->side == LEAT__SEND ? rest(m) : NULL, 0);
}

/* Queued already; waits for the other side. LEAT_OK: it came. */
static int wait_for_partner(struct move *m, struct leat__wait *wait)
{
    bool done;

    done = leat__sleeper_wait(m->ctx, wait->who, LEAT__NEVER);
    if (!done) {
        leat__lock_both(m->ch); /* and whoever was at it has finished */
        leat__unqueue(m->ch, m->side, wait);
        leat__unlock_both(m->ch);
    }
    WATCH_PLAIN(wait->who->state);
    m->moved += wait->moved;
    if (done ? wait->status != LEAT_OK : true)
        trace_wait(m, false);
    return done ? wait->status : leat__ctx_status(m->ctx);
}

/* Under both locks: does what can be done, or queues and waits. LEAT_AGAIN: it
 * was worth a try, not a wait yet. */
static int move_slow(struct move *m, bool may_wait)
{
    struct leat__sleeper sleeper;
    struct leat__wait *told = NULL, wait;
    leat_chan *ch = m->ch;
    bool closed;

    leat__lock_both(ch);
    closed = leat__peek(ch->closed);
    m->moved += move_locked(m, &told);
    if (is_enough(m) || closed || !may_wait) {
        leat__unlock_both(ch);
        tell(told);
        return is_enough(m) ? LEAT_OK : closed ? LEAT_CLOSED : LEAT_AGAIN;
    }
    leat__sleeper_init(&sleeper, m->caller);
    sleeper.chan = ch;
    sleeper.cases = 1;
    sleeper.sending = m->side == LEAT__SEND;
    wait = (struct leat__wait){.who = &sleeper, .items = rest(m),
                               .count = m->count - m->moved};
    trace_wait(m, true); /* now: once it is queued the item may be gone */
    leat__enqueue(ch, m->side, &wait);
    leat__unlock_both(ch);
    tell(told);
    return wait_for_partner(m, &wait);
}

/* Looks a while whether it is ready. False: it is time to wait in earnest. */
static bool spin(const struct move *m, int *step)
{
    while (leat__backoff_step(step))
        if (may(m) || leat__ctx_status(m->ctx) != LEAT_OK)
            return true;
    return false;
}

static int move(struct move *m)
{
    int step = LEAT__FIRST;
    int status = LEAT_OK;

    while (status == LEAT_OK || status == LEAT_AGAIN) {
        bool may_wait = !m->ch->capacity;
        size_t k;

        if ((status = leat__ctx_status(m->ctx)) != LEAT_OK)
            break;
        if ((k = move_fast(m)) > 0) {
            m->moved += k;
            if (is_enough(m))
                break;
            step = LEAT__FIRST;
            continue;
        }
        if (!may_wait && !may(m)) {
            if (spin(m, &step))
                continue;
            may_wait = true;
            if ((status = leat__ctx_look(m->ctx)) != LEAT_OK)
                break;
        }
        status = move_slow(m, may_wait);
        if (status == LEAT_OK && is_enough(m))
            break;
    }
    return status;
}

/* The same with a trace of it. */
static int move_traced(struct move *m)
{
    struct leat__buffer *buffer = m->ctx->buffer;
    uint64_t item = 0;
    bool has = m->side == LEAT__SEND &&
               leat__trace_value(m->ch, m->items, &item);
    int status;

    leat__trace_remember(m->ch, buffer);
    status = move(m);
    if (m->moved > 0) {
        if (m->side == LEAT__RECV)
            has = leat__trace_value(m->ch, m->items, &item);
        leat__trace(buffer, m->side == LEAT__SEND ? LEAT__TRACE_SEND
                                                  : LEAT__TRACE_RECV,
                    m->ch->name, has, item, m->moved);
    }
    return status;
}

static inline int move_any(struct move *m)
{
    return m->ctx->buffer ? move_traced(m) : move(m);
}

int leat_send(leat_ctx *ctx, leat_chan *ch, const void *item)
{
    if (!ctx || !ch || (!item && ch->size > 0))
        return LEAT_INVALID;
    if (ch->capacity && !ctx->buffer && leat__ctx_status(ctx) == LEAT_OK &&
        put_fast(ch, item, 1))
        return LEAT_OK;
    return move_any(&(struct move){.ctx = ctx, .ch = ch, .side = LEAT__SEND,
                                   .items = (char *)(uintptr_t)item,
                                   .count = 1, .all = true,
                                   .caller = __builtin_return_address(0)});
}

int leat_recv(leat_ctx *ctx, leat_chan *ch, void *item)
{
    if (!ctx || !ch || (!item && ch->size > 0))
        return LEAT_INVALID;
    if (ch->capacity && !ctx->buffer && leat__ctx_status(ctx) == LEAT_OK &&
        take_fast(ch, item, 1, 0))
        return LEAT_OK;
    return move_any(&(struct move){.ctx = ctx, .ch = ch, .side = LEAT__RECV,
                                   .items = item, .count = 1, .all = true,
                                   .caller = __builtin_return_address(0)});
}

int leat_send_many(leat_ctx *ctx, leat_chan *ch, const void *items,
                   size_t *count)
{
    struct move m = {.ctx = ctx, .ch = ch, .side = LEAT__SEND,
                     .items = (char *)(uintptr_t)items, .all = true,
                     .caller = __builtin_return_address(0)};
    int status = LEAT_INVALID;

    if (!count)
        return status;
    m.count = *count;
    if (ctx && ch && m.count > 0 && (items || ch->size == 0))
        status = move_any(&m);
    *count = m.moved;
    return status;
}

static int recv_many(struct move *m, size_t *count)
{
    int status = LEAT_INVALID;

    m->count = *count;
    if (m->ctx && m->ch && m->count > 0 && (m->items || m->ch->size == 0))
        status = move_any(m);
    *count = m->moved;
    return m->moved > 0 ? LEAT_OK : status;
}

int leat_recv_many(leat_ctx *ctx, leat_chan *ch, void *items, size_t *count)
{
    return !count ? LEAT_INVALID
                  : recv_many(&(struct move){.ctx = ctx, .ch = ch,
                                             .side = LEAT__RECV,
                                             .items = items,
                                             .caller =
                                                 __builtin_return_address(0)},
                              count);
}

int leat__recv_share(leat_ctx *ctx, leat_chan *ch, void *items, size_t *count,
                     unsigned receivers)
{
    return recv_many(&(struct move){.ctx = ctx, .ch = ch, .side = LEAT__RECV,
                                    .items = items, .share = receivers,
                                    .caller = __builtin_return_address(0)},
                     count);
}

/* --- without waiting --- */

int leat__try_move(leat_chan *ch, enum leat__side side, void *item)
{
    bool sends = side == LEAT__SEND;

    if (!(sends ? leat__may_send(ch) : leat__may_recv(ch)))
        return LEAT_AGAIN;
    if (ch->capacity &&
        (sends ? put_fast(ch, item, 1) : take_fast(ch, item, 1, 0)))
        return LEAT_OK;
    return move_slow(&(struct move){.ch = ch, .side = side, .items = item,
                                    .count = 1}, false);
}

static int try_move(leat_chan *ch, enum leat__side side, void *item)
{
    struct leat__buffer *buffer = leat__trace_held(ch);
    uint64_t value = 0;
    bool has = buffer && side == LEAT__SEND &&
               leat__trace_value(ch, item, &value);
    int status = leat__try_move(ch, side, item);

    if (buffer && status == LEAT_OK) {
        if (side == LEAT__RECV)
            has = leat__trace_value(ch, item, &value);
        leat__trace(buffer, side == LEAT__SEND ? LEAT__TRACE_SEND
                                               : LEAT__TRACE_RECV,
                    ch->name, has, value, 1);
    }
    leat__trace_release(buffer);
    return status;
}

int leat_try_send(leat_chan *ch, const void *item)
{
    if (!ch || (!item && ch->size > 0))
        return LEAT_INVALID;
    return try_move(ch, LEAT__SEND, (char *)(uintptr_t)item);
}

int leat_try_recv(leat_chan *ch, void *item)
{
    if (!ch || (!item && ch->size > 0))
        return LEAT_INVALID;
    return try_move(ch, LEAT__RECV, item);
}
