/* move.c - send and receive: one item or many, until they are through.
 *
 * First with the lock of one end; then a while without any, looking; then with
 * both, where it does what can be done, or queues and waits.
 *
 * No wake-up is lost. A waiter queues itself and raises its flag with both
 * locks held, after it has seen under them that the ring is not ready for it
 * (move_slow; select.c does the same). A fast sender or receiver reads the flag
 * with its one lock held (ring.h): it either ran before, then the waiter saw its
 * item or its room, or it sees the flag and takes both. (That the waiter then
 * also wakes: park.c.) A close takes both and claims everybody.
 * SPDX-License-Identifier: MIT */
#include "ring.h"
#include "trace.h"

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
    return leat__nth(m->ch, m->items, m->moved);
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
    return m->side == LEAT__SEND
               ? leat__put_fast(m->ch, rest(m), left)
               : leat__take_fast(m->ch, rest(m), left, m->share);
}

static size_t move_locked(const struct move *m, struct leat__wait **told)
{
    size_t left = m->count - m->moved;

    if (m->side == LEAT__SEND)
        return leat__peek(m->ch->closed)
                   ? 0 : leat__put_locked(m->ch, rest(m), left, told);
    if (m->share)
        left = leat__min(left, 1 + leat__inside(m->ch) / m->share);
    return leat__take_locked(m->ch, rest(m), left, told);
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
        leat__waiters_tell(told);
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
    leat__waiters_tell(told);
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
        leat__put_fast(ch, item, 1))
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
        leat__take_fast(ch, item, 1, 0))
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
