/* chan.h - what the rest of lib may ask of a channel.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__CHAN_H
#define LEAT__CHAN_H

#include <leat/chan.h>

/* leat_recv_many(), but never more than a fair share of what is queued:
 * 1 + queued / receivers. */
int leat__recv_share(leat_ctx *ctx, leat_chan *ch, void *items, size_t *count,
                     unsigned receivers);

/* How many are inside; a hint, as it may change at once. */
size_t leat__chan_len(leat_chan *ch);

/* Whether it carries struct leat_item *, as flow's do. */
bool leat__chan_of_items(leat_chan *ch);

/* Fills in what a listing says of the channel that a task waits on. */
void leat__chan_describe(leat_chan *ch, struct leat_task *task);

/* The type of channels that carry struct leat_item *; a trace writes their seq.
 * Its drop is leat_item_free(). Defined in item.c. */
extern const struct leat_type leat__item_type;

#endif
