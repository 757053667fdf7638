/* hand.h - what the function of a stage can see and say through its context:
 * the item in hand, a message, the identity of the item it makes.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__HAND_H
#define LEAT__HAND_H

#include <leat/item.h>
#include <leat/status.h>

/* A worker has one; its contexts and their children point to it. Used by the
 * worker's thread alone. */
struct leat__hand {
    const struct leat_item *item; /* in hand; NULL: none */
    char message[sizeof((struct leat_error *)0)->message]; /* of leat_fail() */
    bool identified;              /* leat_item_set() was called: */
    uint64_t seq;
    unsigned attempts;
};

/* Before each call of a function of the user's. */
static inline void leat__hand_take(struct leat__hand *hand,
                                   const struct leat_item *item)
{
    hand->item = item;
    hand->message[0] = '\0';
    hand->identified = false;
}

#endif
