/* block.h - the items of a pipeline, in one piece of memory each.
 *
 * A pipeline knows its stages' types, so each value has its place: a block is
 * the public head (one cache line), then the values in the order of the stages,
 * then what is seldom needed. Passing an item to another processor costs what
 * lines are touched there, so on its way an item is the head and its values and
 * nothing more. (Items of flow.h, which does not know what is to come, grow as
 * they go: item.h.)
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__BLOCK_H
#define LEAT__BLOCK_H

#include <leat/item.h>
#include <leat/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct leat__run;
struct leat__step;

/* A settled one has input NULL; a failed one has error set; one that was
 * filtered out and travels on to keep its place has error LEAT_SKIP. */
struct leat__block {
    struct leat_item pub; /* first: the two are cast to each other */
};

struct leat__cold {
    bool settled;    /* with kept: though it was not cleared */
    bool kept;       /* a stuck worker may look at it: not to be cleared */
    unsigned tries;  /* in `later`: calls of the present stage's fn */
    unsigned before; /* attempts of earlier runs; if run->identified */
    uint64_t ticket; /* place in the source's order; if run->ordered */
    int64_t deadline;          /* of item_timeout, if there is one */
    int64_t due;               /* in `later`: of the next attempt */
    struct leat__block *next;  /* in `later` */
    char message[sizeof((struct leat_error *)0)->message];
};

struct leat__cold *leat__cold(const struct leat__run *run,
                              const struct leat__block *block);

/* Where the block's value of that step is, or will be. */
static inline void *leat__value_at(struct leat__block *block, size_t offset)
{
    return (unsigned char *)block + offset;
}

static inline bool leat__has_failed(const struct leat__block *block)
{
    return block->pub.error != LEAT_OK && block->pub.error != LEAT_SKIP;
}

/* Lays out the run's blocks: where each step's value is, and the size. False:
 * that is more than there can be. */
bool leat__block_layout(struct leat__run *run);

void leat__block_init(struct leat__run *run, struct leat__block *block);


/* Drops what step has made or begun to make; it was not kept. */
void leat__block_undo(struct leat__step *step, struct leat__block *block);

/* The same for one that was kept: the item is as it was before the step. */
void leat__block_revert(struct leat__step *step, struct leat__block *block);

/* Marks it failed. message is copied. */
void leat__block_fail(struct leat__step *step, struct leat__block *block,
                      int status, unsigned attempts, const char *message);

/* Drops all its values, the latest first; it is an empty item then. */
void leat__block_clear(struct leat__run *run, struct leat__block *block);

/* Its lines are on their way, to be written. */
static inline void leat__block_prefetch(const struct leat__block *block)
{
    __builtin_prefetch(block, 1);
    __builtin_prefetch((const char *)block + 64, 1);
}

#endif
