/* order.c - puts items back into the order of the source.
 *
 * Items carry a ticket, counted without gaps when the source made them. Each
 * that arrives goes into the slot of its ticket; whoever finds nobody at it
 * takes what is next in order and passes it on, outside the lock, until the next
 * one is missing. So one worker at a time sends, in order, and no other waits
 * for it.
 *
 * The window is as large as the pool of items: the oldest item that has not
 * arrived is still alive, all that came after it and have arrived wait here, so
 * no two living tickets share a slot. Items that fail or are skipped before
 * arrive, too: they keep their place. Only when a later stage wants no more, or
 * at a cancel, some never come; then the gaps are passed over at the end.
 * SPDX-License-Identifier: MIT */
#include "mem.h"
#include "parts.h"
#include <assert.h>

struct leat__order {
    pthread_mutex_t lock; /* protects all below */
    const struct leat__run *run;
    size_t window;
    struct leat__block **slots; /* of the ticket, modulo window; NULL: not here */
    uint64_t next;             /* ticket to pass on */
    size_t waiting;
    bool busy;                 /* a worker is passing on */
};

struct leat__order *leat__order_new(const struct leat__run *run)
{
    struct leat__order *order = leat__alloc(sizeof *order);

    if (!order)
        return NULL;
    order->slots = leat__alloc_array(run->in_flight, sizeof(struct leat__block *));
    if (!order->slots) {
        leat__free(order);
        return NULL;
    }
    order->run = run;
    order->window = run->in_flight;
    leat__mutex_init(&order->lock);
    return order;
}

void leat__order_free(struct leat__order *order)
{
    if (!order)
        return;
    leat__mutex_destroy(&order->lock);
    leat__free(order->slots);
    leat__free(order);
}

/* The next in order; with gaps, the next that is there. NULL: none. */
static struct leat__block *next_locked(struct leat__order *order, bool gaps)
{
    struct leat__block *item, **slot;

    for (;;) {
        slot = &order->slots[order->next % order->window];
        if ((item = *slot) || !gaps || order->waiting == 0)
            break;
        order->next++;
    }
    if (item) {
        *slot = NULL;
        order->next = leat__cold(order->run, item)->ticket + 1;
        order->waiting--;
    }
    return item;
}

static void pass_on(struct leat__worker *worker, bool gaps)
{
    struct leat__order *order = worker->step->order;
    struct leat__block *items[LEAT__MOST];
    size_t count;

    leat__lock(&order->lock);
    while (!order->busy) {
        for (count = 0; count < LEAT__MOST; count++)
            if (!(items[count] = next_locked(order, gaps)))
                break;
        if (count == 0)
            break;
        order->busy = true;
        leat__unlock(&order->lock);
        leat__pass_on(worker, items, count);
        leat__lock(&order->lock);
        order->busy = false;
    }
    leat__unlock(&order->lock);
}

void leat__order_put(struct leat__worker *worker, struct leat__block **items,
                     size_t count)
{
    struct leat__order *order = worker->step->order;

    if (count == 0)
        return;
    leat__lock(&order->lock);
    for (size_t i = 0; i < count; i++) {
        struct leat__cold *cold = leat__cold(order->run, items[i]);
        struct leat__block **slot = &order->slots[cold->ticket % order->window];
        assert(!*slot);
        *slot = items[i];
    }
    order->waiting += count;
    leat__unlock(&order->lock);
    pass_on(worker, false);
}

void leat__order_flush(struct leat__worker *worker)
{
    pass_on(worker, true);
}

struct leat__block *leat__order_take(struct leat__order *order)
{
    struct leat__block *item;

    leat__lock(&order->lock);
    item = next_locked(order, true);
    leat__unlock(&order->lock);
    return item;
}
