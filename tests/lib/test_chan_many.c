/* test_chan_many.c - channels: several items in one call.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/blocked.h"
#include "support/scale.h"
#include "support/token.h"
#include <criterion/criterion.h>
#include <leat/chan.h>
#include <string.h>

TestSuite(chan_many, .timeout = 30);

static const size_t capacities[] = {0, 1, 2, 7};
enum { FLAVOURS = 4, BATCH = 10 };

static leat_ctx *ctx;

static void setup(void)
{
    ctx = leat_ctx_root(PATIENCE);
}

static void teardown(void)
{
    leat_ctx_free(ctx);
}

static struct call *start_send_many(struct call *call, leat_chan *ch,
                                    void *items, size_t count)
{
    *call = (struct call){.ctx = ctx, .ch = ch, .item = items, .count = count};
    start(call, call_send_many);
    return call;
}

static void number(size_t *items, size_t count, size_t first)
{
    for (size_t i = 0; i < count; i++)
        items[i] = first + i;
}

/* How many of the items are in their place. */
static size_t in_order(const size_t *items, size_t count, size_t first)
{
    size_t right = 0;
    while (right < count && items[right] == first + right)
        right++;
    return right;
}

Test(chan_many, nonsense_is_refused, .init = setup, .fini = teardown)
{
    leat_chan *ch = leat_chan_new("c", LEAT_TYPE(size_t), BATCH);
    size_t items[BATCH] = {0}, count = 0;
    cr_assert_eq(leat_send_many(ctx, ch, items, &count), LEAT_INVALID);
    cr_assert_eq(count, 0);
    cr_assert_eq(leat_recv_many(ctx, ch, items, &count), LEAT_INVALID);
    cr_assert_eq(count, 0);
    count = 2;
    cr_assert_eq(leat_send_many(NULL, ch, items, &count), LEAT_INVALID);
    cr_assert_eq(count, 0, "none moved");
    count = 2;
    cr_assert_eq(leat_send_many(ctx, NULL, items, &count), LEAT_INVALID);
    cr_assert_eq(count, 0);
    count = 2;
    cr_assert_eq(leat_recv_many(NULL, ch, items, &count), LEAT_INVALID);
    cr_assert_eq(count, 0);
    count = 2;
    cr_assert_eq(leat_recv_many(ctx, NULL, items, &count), LEAT_INVALID);
    cr_assert_eq(count, 0);
    count = 2;
    cr_assert_eq(leat_recv_many(ctx, ch, NULL, &count), LEAT_INVALID);
    cr_assert_eq(count, 0);
    cr_assert_eq(leat_try_recv(ch, items), LEAT_AGAIN, "nothing was done");
    leat_chan_free(ch);
}

Test(chan_many, send_fills_what_there_is_room_for_and_waits_for_the_rest,
     .init = setup, .fini = teardown)
{
    for (int i = 0; i < FLAVOURS; i++) {
        leat_chan *ch = leat_chan_new("c", LEAT_TYPE(size_t), capacities[i]);
        size_t items[BATCH], got[BATCH];
        number(items, BATCH, 0);
        struct call call;
        start_send_many(&call, ch, items, BATCH);
        cr_assert(blocked(ctx, 1), "capacity %zu", capacities[i]);
        for (size_t n = 0; n < BATCH; n++)
            cr_assert_eq(leat_recv(ctx, ch, &got[n]), LEAT_OK);
        cr_assert_eq(finish(&call), LEAT_OK, "capacity %zu", capacities[i]);
        cr_assert_eq(call.count, BATCH);
        cr_assert_eq(in_order(got, BATCH, 0), BATCH, "capacity %zu",
                     capacities[i]);
        leat_chan_free(ch);
    }
}

Test(chan_many, send_of_what_fits_does_not_wait, .init = setup,
     .fini = teardown)
{
    leat_chan *ch = leat_chan_new("c", LEAT_TYPE(size_t), BATCH);
    size_t items[BATCH], got[BATCH], count = 7;
    number(items, BATCH, 0);
    cr_assert_eq(leat_send_many(ctx, ch, items, &count), LEAT_OK);
    cr_assert_eq(count, 7);
    count = 3;
    cr_assert_eq(leat_send_many(ctx, ch, items + 7, &count), LEAT_OK);
    cr_assert_eq(leat_try_send(ch, items), LEAT_AGAIN);
    count = BATCH;
    cr_assert_eq(leat_recv_many(ctx, ch, got, &count), LEAT_OK);
    cr_assert_eq(count, BATCH);
    cr_assert_eq(in_order(got, BATCH, 0), BATCH);
    leat_chan_free(ch);
}

/* The batch crosses the end of the ring at every possible place. */
Test(chan_many, order_survives_the_end_of_the_ring, .init = setup,
     .fini = teardown)
{
    leat_chan *ch = leat_chan_new("c", LEAT_TYPE(size_t), 7);
    size_t items[7], got[7], next = 0;
    for (size_t round = 0; round < 30; round++) {
        for (size_t batch = 1; batch <= 7; batch++) {
            size_t count = batch;
            number(items, batch, next);
            cr_assert_eq(leat_send_many(ctx, ch, items, &count), LEAT_OK);
            memset(got, 0xff, sizeof got);
            count = batch;
            cr_assert_eq(leat_recv_many(ctx, ch, got, &count), LEAT_OK);
            cr_assert_eq(count, batch);
            cr_assert_eq(in_order(got, batch, next), batch);
            cr_assert(batch == 7 || got[batch] == SIZE_MAX, "wrote beyond");
            next += batch;
        }
        leat_send(ctx, ch, &next);
        leat_recv(ctx, ch, &next);
    }
    leat_chan_free(ch);
}

Test(chan_many, recv_takes_what_is_there_up_to_the_count, .init = setup,
     .fini = teardown)
{
    leat_chan *ch = leat_chan_new("c", LEAT_TYPE(size_t), 7);
    size_t got[BATCH], count;
    for (size_t n = 0; n < 5; n++)
        leat_try_send(ch, &n);
    count = 3;
    cr_assert_eq(leat_recv_many(ctx, ch, got, &count), LEAT_OK);
    cr_assert_eq(count, 3);
    cr_assert_eq(in_order(got, 3, 0), 3);
    count = BATCH;
    cr_assert_eq(leat_recv_many(ctx, ch, got, &count), LEAT_OK);
    cr_assert_eq(count, 2);
    cr_assert_eq(in_order(got, 2, 3), 2);
    leat_chan_free(ch);
}

Test(chan_many, recv_waits_for_the_first_only, .init = setup,
     .fini = teardown)
{
    for (int i = 0; i < FLAVOURS; i++) {
        leat_chan *ch = leat_chan_new("c", LEAT_TYPE(size_t), capacities[i]);
        size_t got[BATCH], item = 8;
        struct call call = {.ctx = ctx, .ch = ch, .item = got, .count = BATCH};
        start(&call, call_recv_many);
        cr_assert(blocked(ctx, 1), "capacity %zu", capacities[i]);
        cr_assert_eq(leat_send(ctx, ch, &item), LEAT_OK);
        cr_assert_eq(finish(&call), LEAT_OK);
        cr_assert_eq(call.count, 1, "capacity %zu", capacities[i]);
        cr_assert_eq(got[0], 8);
        leat_chan_free(ch);
    }
}

Test(chan_many, recv_takes_from_senders_who_wait, .init = setup,
     .fini = teardown)
{
    for (int i = 0; i < FLAVOURS; i++) {
        leat_chan *ch = leat_chan_new("c", LEAT_TYPE(size_t), capacities[i]);
        size_t items[3], got[BATCH], all = capacities[i] + 3, have = 0;
        for (size_t n = 0; n < capacities[i]; n++)
            leat_try_send(ch, &n);
        struct call calls[3];
        for (size_t n = 0; n < 3; n++) {
            items[n] = capacities[i] + n;
            start_send(&calls[n], ctx, ch, &items[n]);
            cr_assert(blocked(ctx, n + 1));
        }
        while (have < all) {
            size_t count = BATCH - have;
            cr_assert_eq(leat_recv_many(ctx, ch, got + have, &count), LEAT_OK);
            cr_assert(count >= 1 && count <= BATCH - have);
            have += count;
        }
        cr_assert_eq(have, all);
        cr_assert_eq(in_order(got, all, 0), all, "capacity %zu",
                     capacities[i]);
        for (int n = 0; n < 3; n++)
            cr_assert_eq(finish(&calls[n]), LEAT_OK);
        leat_chan_free(ch);
    }
}

Test(chan_many, a_parked_senders_batch_moves_up_without_it, .init = setup,
     .fini = teardown)
{
    for (int i = 0; i < FLAVOURS; i++) {
        leat_chan *ch = leat_chan_new("c", LEAT_TYPE(size_t), capacities[i]);
        size_t items[BATCH], got = 0;
        number(items, BATCH, 0);
        struct call call;
        start_send_many(&call, ch, items, BATCH);
        cr_assert(blocked(ctx, 1));
        for (size_t n = 0; n < BATCH; n++) {
            cr_assert_eq(leat_try_recv(ch, &got), LEAT_OK,
                         "capacity %zu, item %zu", capacities[i], n);
            cr_assert_eq(got, n, "capacity %zu", capacities[i]);
            if (n + capacities[i] + 1 < BATCH)
                cr_assert_eq(waiting(ctx), 1, "it wakes once, at its end");
        }
        cr_assert_eq(finish(&call), LEAT_OK);
        cr_assert_eq(call.count, BATCH);
        leat_chan_free(ch);
    }
}

/* What moved and what stayed, when something ends the call half-way. */
static void ends_half_way(bool cancel)
{
    for (int i = 0; i < FLAVOURS; i++) {
        size_t capacity = capacities[i], taken = 2, got;
        leat_chan *ch = leat_chan_new("c", &token_type, capacity);
        leat_ctx *child = leat_ctx_new(ctx, 0);
        struct token tokens[BATCH], token;
        for (int n = 0; n < BATCH; n++)
            tokens[n] = token_new();
        struct call call = {.ctx = child, .ch = ch, .count = BATCH};
        call.item = tokens;
        start(&call, call_send_many);
        cr_assert(blocked(ctx, 1));
        for (got = 0; got < taken; got++) {
            cr_assert_eq(leat_try_recv(ch, &token), LEAT_OK);
            cr_assert_eq(token.id, tokens[got].id);
            token_drop(&token);
        }
        if (cancel)
            leat_ctx_cancel(child, 0);
        else
            leat_close(ch);
        cr_assert_eq(finish(&call), cancel ? LEAT_CANCELED : LEAT_CLOSED);
        cr_assert_eq(call.count, taken + capacity, "capacity %zu", capacity);
        for (size_t n = call.count; n < BATCH; n++)
            token_drop(&tokens[n]);
        for (; got < call.count; got++) {
            cr_assert_eq(leat_try_recv(ch, &token), LEAT_OK);
            cr_assert_eq(token.id, tokens[got].id, "the first ones moved");
            token_drop(&token);
        }
        cr_assert_eq(leat_try_recv(ch, &token),
                     cancel ? LEAT_AGAIN : LEAT_CLOSED);
        leat_chan_free(ch);
        leat_ctx_free(child);
        cr_assert_eq(token_wrong(), 0, "capacity %zu", capacity);
    }
}

Test(chan_many, send_ended_by_a_close_says_how_many_moved, .init = setup,
     .fini = teardown)
{
    ends_half_way(false);
}

Test(chan_many, send_ended_by_a_cancel_says_how_many_moved, .init = setup,
     .fini = teardown)
{
    ends_half_way(true);
}

Test(chan_many, send_to_a_closed_one_moves_none, .init = setup,
     .fini = teardown)
{
    for (int i = 0; i < FLAVOURS; i++) {
        leat_chan *ch = leat_chan_new("c", LEAT_TYPE(size_t), capacities[i]);
        size_t items[3] = {0}, count = 3;
        leat_close(ch);
        cr_assert_eq(leat_send_many(ctx, ch, items, &count), LEAT_CLOSED);
        cr_assert_eq(count, 0, "capacity %zu", capacities[i]);
        leat_chan_free(ch);
    }
}

Test(chan_many, recv_drains_a_closed_one_and_then_says_closed, .init = setup,
     .fini = teardown)
{
    leat_chan *ch = leat_chan_new("c", LEAT_TYPE(size_t), 7);
    size_t got[BATCH], count = BATCH;
    for (size_t n = 0; n < 4; n++)
        leat_try_send(ch, &n);
    leat_close(ch);
    cr_assert_eq(leat_recv_many(ctx, ch, got, &count), LEAT_OK);
    cr_assert_eq(count, 4);
    count = BATCH;
    cr_assert_eq(leat_recv_many(ctx, ch, got, &count), LEAT_CLOSED);
    cr_assert_eq(count, 0);
    leat_chan_free(ch);
}

Test(chan_many, recv_that_waits_hears_close_cancel_and_deadline,
     .init = setup, .fini = teardown)
{
    const int statuses[] = {LEAT_CLOSED, LEAT_CANCELED, LEAT_TIMEOUT};
    for (int i = 0; i < 3 * FLAVOURS; i++) {
        int expected = statuses[i % 3];
        leat_chan *ch =
            leat_chan_new("c", LEAT_TYPE(size_t), capacities[i / 3]);
        leat_ctx *child = leat_ctx_new(
            ctx, expected == LEAT_TIMEOUT ? 2 * LEAT_MS : 0);
        size_t got[BATCH];
        struct call call = {
            .ctx = child, .ch = ch, .item = got, .count = BATCH};
        start(&call, call_recv_many);
        if (expected != LEAT_TIMEOUT)
            cr_assert(blocked(ctx, 1));
        if (expected == LEAT_CLOSED)
            leat_close(ch);
        if (expected == LEAT_CANCELED)
            leat_ctx_cancel(child, 0);
        cr_assert_eq(finish(&call), expected);
        cr_assert_eq(call.count, 0, "status %d", expected);
        leat_ctx_free(child);
        leat_chan_free(ch);
    }
}

Test(chan_many, two_that_wait_meet_without_a_channel_between, .init = setup,
     .fini = teardown)
{
    leat_chan *ch = leat_chan_new("c", LEAT_TYPE(size_t), 0);
    size_t items[BATCH], got[BATCH] = {0}, have = 0;
    number(items, BATCH, 1);
    struct call send;
    start_send_many(&send, ch, items, BATCH);
    while (have < BATCH) {
        size_t count = 3 < BATCH - have ? 3 : BATCH - have;
        cr_assert_eq(leat_recv_many(ctx, ch, got + have, &count), LEAT_OK);
        cr_assert(count >= 1 && count <= 3);
        have += count;
    }
    cr_assert_eq(finish(&send), LEAT_OK);
    cr_assert_eq(send.count, BATCH);
    cr_assert_eq(in_order(got, BATCH, 1), BATCH);
    leat_chan_free(ch);
}

/* Senders and receivers of many at once: each item once, each sender's batch
 * in order. */
enum { SIDES = 3, EACH = 600, LONG = 10 * EACH };

struct side {
    leat_chan *ch;
    size_t id, each;
    unsigned wrong;
    pthread_t thread;
};

static atomic_uint came[SIDES][LONG];

static void *send_batches(void *arg)
{
    struct side *side = arg;
    size_t pairs[5][2], sent = 0;
    while (sent < side->each) {
        size_t count = 1 + (sent + side->id) % 5;
        if (count > side->each - sent)
            count = side->each - sent;
        for (size_t i = 0; i < count; i++) {
            pairs[i][0] = side->id;
            pairs[i][1] = sent + i;
        }
        size_t moved = count;
        side->wrong += leat_send_many(ctx, side->ch, pairs, &moved) != LEAT_OK;
        side->wrong += moved != count;
        sent += count;
    }
    return NULL;
}

static void *receive_batches(void *arg)
{
    struct side *side = arg;
    size_t pairs[4][2], next[SIDES] = {0}, count;
    int status;
    while (count = 4, (status = leat_recv_many(ctx, side->ch, pairs,
                                               &count)) == LEAT_OK) {
        side->wrong += count < 1 || count > 4;
        for (size_t i = 0; i < count; i++) {
            size_t id = pairs[i][0], item = pairs[i][1];
            if (id >= SIDES || item >= LONG || item < next[id]) {
                side->wrong++;
                continue;
            }
            next[id] = item + 1;
            atomic_fetch_add(&came[id][item], 1);
        }
    }
    side->wrong += status != LEAT_CLOSED;
    return NULL;
}

Test(chan_many, many_to_many_loses_and_invents_nothing, .init = setup,
     .fini = teardown)
{
    for (int i = 0; i < FLAVOURS; i++) {
        leat_chan *ch = leat_chan_new("c", LEAT_TYPE(size_t[2]), capacities[i]);
        struct side in[SIDES], out[SIDES];
        memset(came, 0, sizeof came);
        for (size_t n = 0; n < SIDES; n++) {
            in[n] = out[n] = (struct side){.ch = ch, .id = n,
                                           .each = scaled(EACH)};
            thread_start(&out[n].thread, receive_batches, &out[n]);
            thread_start(&in[n].thread, send_batches, &in[n]);
        }
        for (size_t n = 0; n < SIDES; n++)
            pthread_join(in[n].thread, NULL);
        leat_close(ch);
        size_t right = 0;
        for (size_t n = 0; n < SIDES; n++)
            pthread_join(out[n].thread, NULL);
        for (size_t n = 0; n < SIDES; n++) {
            cr_assert_eq(in[n].wrong + out[n].wrong, 0, "capacity %zu",
                         capacities[i]);
            for (size_t item = 0; item < scaled(EACH); item++)
                right += came[n][item] == 1;
        }
        cr_assert_eq(right, SIDES * scaled(EACH), "capacity %zu",
                     capacities[i]);
        leat_chan_free(ch);
    }
}
