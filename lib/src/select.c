/* select.c - waits for the first of several.
 *
 * It chooses among the cases that look ready, with one load or two each, locks
 * only that channel and tries. If none looks ready it looks a while, then queues
 * on all of them. A case that has become ready meanwhile makes it withdraw and
 * start over, so it never has to lock two channels, and two selects never claim
 * each other.
 *
 * The die: a hash of how often the first channel that looks ready has been asked
 * for one, rolled once for all cases. So it falls the same in the same schedule
 * and a run can be replayed, and there is no global state. (How many items went
 * through will not do: through a rendezvous or a closed channel none go, and the
 * same case would win for ever.)
 * SPDX-License-Identifier: MIT */
#include <leat/select.h>
#include "mix.h"
#include "trace.h"
#include "wait.h"

static leat_chan *chan_of(const struct leat_case *c)
{
    return c->recv ? c->recv : c->send;
}

static enum leat__side side_of(const struct leat_case *c)
{
    return c->recv ? LEAT__RECV : LEAT__SEND;
}

static bool may(const struct leat_case *c)
{
    return c->recv ? leat__may_recv(c->recv)
                   : c->send && leat__may_send(c->send);
}

/* LEAT_OK, or LEAT_INVALID: see the header. */
static int check(leat_ctx *ctx, const struct leat_case *cases, size_t count,
                 const size_t *chosen)
{
    bool some = false;

    if (!ctx || !cases || !chosen || count > LEAT_CASES)
        return LEAT_INVALID;
    for (size_t i = 0; i < count; i++) {
        leat_chan *ch = chan_of(&cases[i]);
        if ((cases[i].recv && cases[i].send) ||
            (ch && !cases[i].item && ch->size > 0))
            return LEAT_INVALID;
        some = some || ch;
    }
    return some ? LEAT_OK : LEAT_INVALID;
}

/* Two threads may get the same number now and then: that does no harm, and an
 * addition that forbids it would cost more than the rest of a select. */
static uint64_t roll(leat_chan *ch)
{
    unsigned n = leat__peek(ch->out.rolls) + 1;

    leat__put(ch->out.rolls, n);
    return leat__mix(n);
}

/* One of those that look ready, each with the same chance. False: none. */
static bool pick(const struct leat_case *cases, size_t count, size_t *chosen)
{
    unsigned char which[LEAT_CASES];
    uint64_t ready = 0, turn;

    for (size_t i = 0; i < count; i++)
        if (may(&cases[i]))
            which[ready++] = (unsigned char)i;
    if (ready == 0)
        return false;
    turn = ready == 1 ? 0
                      : (roll(chan_of(&cases[which[0]])) >> 32) * ready >> 32;
    *chosen = which[turn];
    return true;
}

/* Tries what looks ready until something happens. False: nothing is. */
static bool try_cases(struct leat_case *cases, size_t count, size_t *chosen)
{
    while (pick(cases, count, chosen)) {
        struct leat_case *c = &cases[*chosen];
        int status = leat__try_move(chan_of(c), side_of(c), c->item);
        if (status != LEAT_AGAIN) {
            c->status = status;
            return true;
        }
    }
    return false;
}

/* Both locks held: whether somebody else waits at the other end. A rendezvous
 * may stand in a select as both, and a select is no partner for itself. */
static bool has_partner_locked(const struct leat_case *c,
                               const struct leat__sleeper *sleeper)
{
    const struct leat__wait *wait =
        c->recv ? c->recv->sendq.first : c->send->recvq.first;

    while (wait && wait->who == sleeper)
        wait = wait->next;
    return wait;
}

static bool may_locked(const struct leat_case *c,
                       const struct leat__sleeper *sleeper)
{
    leat_chan *ch = chan_of(c);
    uint32_t inside = leat__inside(ch);

    return leat__peek(ch->closed) || has_partner_locked(c, sleeper) ||
           (c->recv ? inside > 0 : inside < ch->capacity);
}

/* Queues on all. False: one is ready; those before it are queued. */
static bool queue_on_all(struct leat_case *cases, struct leat__wait *waits,
                         size_t count, struct leat__sleeper *sleeper)
{
    for (size_t i = 0; i < count; i++)
        waits[i] = (struct leat__wait){.who = sleeper, .items = cases[i].item,
                                       .count = 1, .index = (int)i};
    for (size_t i = 0; i < count; i++) {
        leat_chan *ch = chan_of(&cases[i]);
        bool ready;
        if (!ch)
            continue;
        leat__lock_both(ch);
        if (!(ready = may_locked(&cases[i], sleeper)))
            leat__enqueue(ch, side_of(&cases[i]), &waits[i]);
        leat__unlock_both(ch);
        if (ready)
            return false;
    }
    return true;
}

static void unqueue_all(struct leat_case *cases, struct leat__wait *waits,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        leat_chan *ch = chan_of(&cases[i]);
        if (!ch)
            continue;
        leat__lock_both(ch); /* and whoever was at it has finished */
        leat__unqueue(ch, side_of(&cases[i]), &waits[i]);
        leat__unlock_both(ch);
    }
}

static void describe(struct leat__sleeper *sleeper,
                     const struct leat_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        leat_chan *ch = chan_of(&cases[i]);
        if (ch && sleeper->cases++ == 0) {
            sleeper->chan = ch;
            sleeper->sending = cases[i].send != NULL;
        }
    }
}

/* Waits for any of them. True: one has happened. */
static bool wait_for_any(leat_ctx *ctx, struct leat_case *cases, size_t count,
                         const void *caller, size_t *chosen)
{
    struct leat__sleeper sleeper;
    struct leat__wait waits[LEAT_CASES];
    bool done;

    leat__sleeper_init(&sleeper, caller);
    describe(&sleeper, cases, count);
    if (queue_on_all(cases, waits, count, &sleeper) ||
        !leat__sleeper_withdraw(&sleeper)) /* somebody was quicker */
        leat__sleeper_wait(ctx, &sleeper, LEAT__NEVER);
    unqueue_all(cases, waits, count);
    done = leat__sleeper_is_done(&sleeper);
    WATCH_PLAIN(sleeper.state);
    if (!done)
        return false;
    *chosen = (size_t)sleeper.index;
    cases[*chosen].status = waits[*chosen].status;
    return true;
}

/* A trace hears of all cases when it begins to wait, and when it gives up. */
static void trace_cases(leat_ctx *ctx, const struct leat_case *cases,
                        size_t count, bool begins)
{
    for (size_t i = 0; i < count; i++) {
        const struct leat_case *c = &cases[i];
        if (chan_of(c))
            leat__trace_chan(ctx->buffer,
                             !begins ? LEAT__TRACE_STOP
                             : c->recv ? LEAT__TRACE_WAIT_RECV
                                       : LEAT__TRACE_WAIT_SEND,
                             chan_of(c), c->send ? c->item : NULL, 0);
    }
}

/* For checked arguments. *waited: it did not happen at once. */
static int select_one(leat_ctx *ctx, struct leat_case *cases, size_t count,
                      size_t *chosen, const void *caller, bool *waited)
{
    int step = LEAT__FIRST, status;

    for (;;) {
        do {
            if ((status = leat__ctx_status(ctx)) != LEAT_OK ||
                try_cases(cases, count, chosen))
                return status;
        } while (leat__backoff_step(&step));
        if ((status = leat__ctx_look(ctx)) != LEAT_OK)
            return status;
        if (ctx->buffer && !*waited)
            trace_cases(ctx, cases, count, true);
        *waited = true;
        if (wait_for_any(ctx, cases, count, caller, chosen))
            return LEAT_OK;
    }
}

/* What is sent must be looked at before: afterwards it may be gone. */
static int select_traced(leat_ctx *ctx, struct leat_case *cases, size_t count,
                         size_t *chosen, const void *caller)
{
    uint64_t values[LEAT_CASES];
    bool has[LEAT_CASES], waited = false;
    struct leat_case *c;
    int status;

    for (size_t i = 0; i < count; i++) {
        values[i] = 0;
        has[i] = cases[i].send &&
                 leat__trace_value(cases[i].send, cases[i].item, &values[i]);
        if (chan_of(&cases[i]))
            leat__trace_remember(chan_of(&cases[i]), ctx->buffer);
    }
    status = select_one(ctx, cases, count, chosen, caller, &waited);
    if (status != LEAT_OK) {
        if (waited)
            trace_cases(ctx, cases, count, false);
        return status;
    }
    c = &cases[*chosen];
    if (c->status != LEAT_OK) {
        if (waited)
            trace_cases(ctx, c, 1, false);
    } else if (c->recv) {
        leat__trace_chan(ctx->buffer, LEAT__TRACE_RECV, c->recv, c->item, 1);
    } else {
        leat__trace(ctx->buffer, LEAT__TRACE_SEND, c->send->name, has[*chosen],
                    values[*chosen], 1);
    }
    return LEAT_OK;
}

int leat_select(leat_ctx *ctx, struct leat_case *cases, size_t count,
                size_t *chosen)
{
    int status = check(ctx, cases, count, chosen);
    bool waited = false;

    if (status != LEAT_OK)
        return status;
    return ctx->buffer
               ? select_traced(ctx, cases, count, chosen,
                               __builtin_return_address(0))
               : select_one(ctx, cases, count, chosen,
                            __builtin_return_address(0), &waited);
}
