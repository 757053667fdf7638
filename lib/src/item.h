/* item.h - items of flow, and the memory they live in.
 *
 * An item is one block: the head, then room in which its values stand one after
 * the other, as each was made. So a value lives as long as what was made of it,
 * and passing an item on is passing a pointer. Blocks are used again and again;
 * nothing is allocated per item or per stage once a pool has its blocks.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__ITEM_H
#define LEAT__ITEM_H

#include "hand.h"
#include <leat/item.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One value in a block (or, where the room was too small, in memory of its
 * own), and the one made before it. */
struct leat__value {
    struct leat__value *older;
    const struct leat_type *type;
    _Alignas(max_align_t) unsigned char data[];
};

struct leat__item {
    struct leat_item pub; /* first: the two are cast to each other */
    struct leat__value *newest;
    struct leat__value *making; /* zeroed, and handed to a function as out */
    uint32_t used, room;     /* bytes of the room */
    unsigned before;         /* attempts of earlier runs */
    struct leat__pool *pool; /* where it goes back to */
    struct leat__item *base; /* whose values it shares since a tee */
    atomic_uint refs;        /* 1, and one for each it is the base of */
    struct leat__item *next; /* in the pool */
    char message[sizeof((struct leat_error *)0)->message];
};

/* Bytes of room that a value of the type takes. */
size_t leat__item_room(const struct leat_type *type);

/* What is more than this is not kept in blocks: such a value is allocated when
 * it is made. */
enum { LEAT__ROOM = 1 << 30 };

/* Zeroed memory for the next value. NULL: no memory. Then either keep: it is
 * the item's value now, or undo: it is dropped and its room free again. */
void *leat__item_make(struct leat__item *item, const struct leat_type *type);
void leat__item_keep(struct leat__item *item);
void leat__item_undo(struct leat__item *item);

/* Marks it failed. message is copied. */
void leat__item_fail(struct leat__item *item, int status, const char *stage,
                     const char *message);

/* Drops all its values, the newest first, and makes it an empty item. */
void leat__item_clear(struct leat__item *item);

/* A pool of items for flow; any thread. leat__pool_get() gives an empty one,
 * NULL: no memory. leat__pool_close() gives up the owner's hold and says how
 * many items are out; the pool ends with the last of them, and then what the
 * items have needed is released. */
struct leat__pool *leat__pool_new(void);
struct leat__item *leat__pool_get(struct leat__pool *pool);
size_t leat__pool_close(struct leat__pool *pool, void (*release)(void *kept),
                        void *kept);

/* An item with the same values, for another reader. NULL: no memory. */
struct leat__item *leat__item_share(struct leat__item *item);

/* An item that is none. */
extern const struct leat_item leat__no_item;

static inline struct leat__item *leat__item_of(struct leat_item *pub)
{
    return (struct leat__item *)pub;
}

#endif
