/* try.c - send and receive without waiting, and without a context.
 * SPDX-License-Identifier: MIT */
#include "ring.h"
#include "trace.h"

int leat__try_move(leat_chan *ch, enum leat__side side, void *item)
{
    struct leat__wait *told = NULL;
    bool sends = side == LEAT__SEND, closed, moved;

    if (!(sends ? leat__may_send(ch) : leat__may_recv(ch)))
        return LEAT_AGAIN;
    if (ch->capacity &&
        (sends ? leat__put_fast(ch, item, 1) : leat__take_fast(ch, item, 1, 0)))
        return LEAT_OK;
    leat__lock_both(ch);
    closed = leat__peek(ch->closed);
    if (!sends)
        moved = leat__take_locked(ch, item, 1, &told) > 0;
    else
        moved = !closed && leat__put_locked(ch, item, 1, &told) > 0;
    leat__unlock_both(ch);
    leat__waiters_tell(told);
    return moved ? LEAT_OK : closed ? LEAT_CLOSED : LEAT_AGAIN;
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
