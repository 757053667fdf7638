/* item.c - items: values in a block, pools of blocks, sharing.
 * SPDX-License-Identifier: MIT */
#include "item.h"
#include "chan.h"
#include "ctx.h"
#include "mem.h"
#include "thread.h"
#include "watch.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

static const struct leat_type no_type = {.name = "", .size = 0};
const struct leat_item leat__no_item = {
    .input_type = &no_type, .type = &no_type, .message = ""};

const struct leat_item *leat_ctx_item(leat_ctx *ctx)
{
    return ctx && ctx->hand && ctx->hand->item ? ctx->hand->item : &leat__no_item;
}

void leat_item_set(leat_ctx *ctx, uint64_t seq, unsigned attempts)
{
    if (!ctx || !ctx->hand)
        return;
    ctx->hand->identified = true;
    ctx->hand->seq = seq;
    ctx->hand->attempts = attempts;
}

/* --- values in a block --- */

static size_t aligned(size_t size)
{
    size_t to = _Alignof(max_align_t);
    return (size + to - 1) / to * to;
}

static unsigned char *room_of(struct leat__item *item)
{
    return (unsigned char *)item + aligned(sizeof *item);
}

static bool in_room(struct leat__item *item, const struct leat__value *value)
{
    const unsigned char *at = (const unsigned char *)value;
    return at >= room_of(item) && at < room_of(item) + item->room;
}

size_t leat__item_room(const struct leat_type *type)
{
    return aligned(sizeof(struct leat__value)) + aligned(type->size);
}

static void make_empty(struct leat__item *item)
{
    item->pub = leat__no_item;
    item->newest = item->making = NULL;
    item->used = 0;
    item->before = 0;
}

void *leat__item_make(struct leat__item *item, const struct leat_type *type)
{
    size_t size = leat__item_room(type);
    struct leat__value *value;

    assert(!item->making);
    if (size <= item->room - item->used) {
        value = (struct leat__value *)(void *)(room_of(item) + item->used);
        item->used += (uint32_t)size;
        memset(value->data, 0, type->size);
    } else if (!(value = leat__alloc(size))) {
        return NULL;
    }
    value->type = type;
    item->making = value;
    return value->data;
}

void leat__item_keep(struct leat__item *item)
{
    struct leat__value *value = item->making;

    value->older = item->newest;
    item->newest = value;
    item->making = NULL;
    item->pub.value = value->data;
    item->pub.type = value->type;
    if (!item->pub.input) {
        item->pub.input = value->data;
        item->pub.input_type = value->type;
    }
}

static void end_value(struct leat__item *item, struct leat__value *value)
{
    if (value->type->drop)
        value->type->drop(value->data);
    if (in_room(item, value))
        item->used -= (uint32_t)leat__item_room(value->type);
    else
        leat__free(value);
}

void leat__item_undo(struct leat__item *item)
{
    struct leat__value *value = item->making;

    if (!value)
        return;
    item->making = NULL;
    end_value(item, value);
}

void leat__item_fail(struct leat__item *item, int status, const char *stage,
                     const char *message)
{
    item->pub.error = status;
    item->pub.stage = stage;
    item->pub.attempts = item->before + 1;
    snprintf(item->message, sizeof item->message, "%s", message);
    item->pub.message = item->message;
}

void leat__item_clear(struct leat__item *item)
{
    leat__item_undo(item);
    while (item->newest) {
        struct leat__value *value = item->newest;
        item->newest = value->older;
        end_value(item, value);
    }
    make_empty(item);
}

/* --- pools, for flow --- */

struct leat__pool {
    pthread_mutex_t lock;    /* protects all below */
    struct leat__item *free; /* through next */
    size_t live;             /* items that are out */
    size_t room;             /* of the next block: as much as any item needed */
    bool closed;             /* the owner has let go: */
    void (*release)(void *kept);
    void *kept;
};

struct leat__pool *leat__pool_new(void)
{
    struct leat__pool *pool = leat__alloc(sizeof *pool);

    if (pool) {
        leat__mutex_init(&pool->lock);
        pool->room = 256;
    }
    return pool;
}

struct leat__item *leat__pool_get(struct leat__pool *pool)
{
    struct leat__item *item;
    size_t room;

    leat__lock(&pool->lock);
    room = pool->room;
    if ((item = pool->free))
        pool->free = item->next;
    pool->live++;
    leat__unlock(&pool->lock);
    if (item && item->room < room) { /* it has grown since */
        leat__free(item);
        item = NULL;
    }
    if (!item && (item = leat__alloc(aligned(sizeof *item) + room))) {
        item->room = (uint32_t)room;
        make_empty(item);
    }
    if (!item) {
        leat__lock(&pool->lock);
        pool->live--;
        leat__unlock(&pool->lock);
        return NULL;
    }
    item->pool = pool;
    item->base = NULL;
    WATCH_ATOMIC(item->refs);
    atomic_init(&item->refs, 1);
    return item;
}

static void pool_free(struct leat__pool *pool)
{
    while (pool->free) {
        struct leat__item *item = pool->free;
        pool->free = item->next;
        leat__free(item);
    }
    leat__mutex_destroy(&pool->lock);
    if (pool->release)
        pool->release(pool->kept);
    leat__free(pool);
}

static void pool_put(struct leat__pool *pool, struct leat__item *item,
                     size_t needed)
{
    bool last;

    leat__lock(&pool->lock);
    if (pool->room < needed && needed <= LEAT__ROOM)
        pool->room = needed;
    item->next = pool->free;
    pool->free = item;
    last = --pool->live == 0 && pool->closed;
    leat__unlock(&pool->lock);
    if (last)
        pool_free(pool);
}

size_t leat__pool_close(struct leat__pool *pool, void (*release)(void *kept),
                        void *kept)
{
    size_t live;

    leat__lock(&pool->lock);
    pool->closed = true;
    pool->release = release;
    pool->kept = kept;
    live = pool->live;
    leat__unlock(&pool->lock);
    if (live == 0)
        pool_free(pool);
    return live;
}

struct leat__item *leat__item_share(struct leat__item *item)
{
    struct leat__item *other = leat__pool_get(item->pool);

    if (!other)
        return NULL;
    atomic_fetch_add_explicit(&item->refs, 1, memory_order_relaxed);
    other->pub = item->pub; /* the message is item's, which outlives other */
    other->before = item->before;
    other->base = item;
    return other;
}

/* How much room its values would have taken. */
static size_t needed_by(struct leat__item *item)
{
    size_t size = 0;

    for (const struct leat__value *v = item->newest; v; v = v->older)
        size += leat__item_room(v->type);
    return size;
}

void leat_item_free(struct leat_item *pub)
{
    struct leat__item *item = leat__item_of(pub), *base;

    for (; item; item = base) {
        size_t needed;
        WATCH_BEFORE(&item->refs);
        if (atomic_fetch_sub_explicit(&item->refs, 1, memory_order_acq_rel) > 1)
            return;
        WATCH_AFTER(&item->refs);
        base = item->base;
        needed = needed_by(item);
        leat__item_clear(item);
        pool_put(item->pool, item, needed);
    }
}

static void drop_item(void *at)
{
    leat_item_free(*(struct leat_item **)at);
}

const struct leat_type leat__item_type = {
    .name = "struct leat_item *",
    .size = sizeof(struct leat_item *),
    .drop = drop_item,
};
