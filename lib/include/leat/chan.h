/* chan.h - channels: bounded queues between threads. Capacity 0 is a
 * rendezvous: a send succeeds when somebody has received.
 *
 * Items are copied in and out; what they own moves with LEAT_OK and with no
 * other status. An ended context wins over a ready channel in every call that
 * takes one, and nothing moves then; only try_ looks at the channel alone (that
 * is how a drain empties a channel after the end). A deadline that has
 * passed counts once somebody has looked at the clock: a call that has to wait
 * looks, one that finds the channel ready does not; so a loop that may never
 * wait asks leat_ctx_cause() now and then. Any number of threads may use a
 * channel; those that wait are served first come, first served.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_CHAN_H
#define LEAT_CHAN_H

#include <leat/ctx.h>
#include <leat/type.h>

LEAT_BEGIN

typedef struct leat_chan leat_chan;

/* A channel for items of the type, which is copied, as is the name (NULL counts
 * as ""; the first 31 bytes are kept). NULL: type is NULL, or no memory. */
leat_chan *leat_chan_new(const char *name, const struct leat_type *type,
                         size_t capacity);

/* Sends *item, waiting for room. LEAT_OK: it belongs to the channel now.
 * LEAT_CLOSED: no more sends; LEAT_CANCELED, LEAT_TIMEOUT: ctx ended;
 * LEAT_INVALID: a handle or item is NULL. After each of these the item is the
 * caller's still. */
int leat_send(leat_ctx *ctx, leat_chan *ch, const void *item);

/* Receives into *item, waiting for one. LEAT_OK: it is the caller's.
 * LEAT_CLOSED: ch is closed and empty. LEAT_CANCELED, LEAT_TIMEOUT: ctx ended.
 * LEAT_INVALID: a handle or item is NULL (a size of 0 needs no item). */
int leat_recv(leat_ctx *ctx, leat_chan *ch, void *item);

/* The same without waiting and without a context; LEAT_AGAIN: would wait. */
int leat_try_send(leat_chan *ch, const void *item);
int leat_try_recv(leat_chan *ch, void *item);

/* Sends *count items in order, waiting for room as often as needed. On return
 * *count is how many moved, the first ones; LEAT_OK: all. Else the status is as
 * in leat_send() and the rest is the caller's. Items of others may come
 * between. A count that is NULL or 0 is LEAT_INVALID. */
int leat_send_many(leat_ctx *ctx, leat_chan *ch, const void *items,
                   size_t *count);

/* Receives at most *count items, waiting for the first only. LEAT_OK: *count is
 * how many came, at least 1. Else it is 0 and the status as in leat_recv(). A
 * count of 0 is LEAT_INVALID. */
int leat_recv_many(leat_ctx *ctx, leat_chan *ch, void *items, size_t *count);

/* No more sends: a blocked sender wakes with LEAT_CLOSED, and its item is its
 * own. What is inside stays and can be received; then receivers see
 * LEAT_CLOSED. From either side, any number of times. Does not wait. NULL is
 * ignored. */
void leat_close(leat_chan *ch);

/* Frees ch and drops what is inside. Nobody may be using it, or do so
 * afterwards. NULL is ignored. */
void leat_chan_free(leat_chan *ch);

LEAT_END

#endif
