/* item.h - what travels between stages: a value, or a failure that has kept
 * what it was made of.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_ITEM_H
#define LEAT_ITEM_H

#include <leat/ctx.h>
#include <leat/type.h>
#include <stdint.h>

LEAT_BEGIN

/* An item is made by leat, passed from stage to stage, and settled once. A
 * failed one is passed on untouched, whatever the types. What an item was made
 * of lives until the item is freed, so a later value may point into an earlier
 * one. The values are const from the moment they are passed on. value and type
 * of a failed one are what the stage that failed was given. */
struct leat_item {
    uint64_t seq;            /* its number, from 0; kept through error files */
    const void *input;       /* what the source made */
    const void *value;       /* what the last stage made of it */
    const struct leat_type *input_type, *type;
    int error;               /* 0: a good one */
    unsigned attempts;       /* calls of the stage that failed, or of the last */
    const char *stage;       /* which failed; NULL for a good one */
    const char *message;     /* never NULL */
};

/* The item in hand of the stage that ctx was given to (of the sink for failed
 * items: the failed one); elsewhere an empty one. Never NULL. Valid until the
 * stage function returns. */
const struct leat_item *leat_ctx_item(leat_ctx *ctx);

/* Ends an item received from a flow's channel (leat/flow.h): drops its values,
 * the latest first. NULL is ignored. From any thread. */
void leat_item_free(struct leat_item *item);

/* From a source: the identity of the item it is making, where numbers counted
 * from 0 are not right (a re-run keeps those of the first run, and goes on
 * counting attempts). Elsewhere it does nothing. */
void leat_item_set(leat_ctx *ctx, uint64_t seq, unsigned attempts);

LEAT_END

#endif
