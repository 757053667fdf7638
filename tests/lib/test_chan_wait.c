/* test_chan_wait.c - channels: who waits for what, and everything that ends a
 * wait: a partner, a close, a cancel, a deadline.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/blocked.h"
#include "support/gate.h"
#include "support/scale.h"
#include "support/token.h"
#include <criterion/criterion.h>
#include <leat/chan.h>

TestSuite(chan_wait, .timeout = 30);

static const size_t capacities[] = {0, 1, 7};
enum { FLAVOURS = 3, CROWD = 5 };

static leat_ctx *ctx;

static void setup(void)
{
    ctx = leat_ctx_root(PATIENCE);
}

static void teardown(void)
{
    leat_ctx_free(ctx);
}

/* A channel that is full of fresh tokens. */
static leat_chan *full_of_tokens(size_t capacity)
{
    leat_chan *ch = leat_chan_new("full", &token_type, capacity);
    for (size_t i = 0; i < capacity; i++) {
        struct token token = token_new();
        leat_try_send(ch, &token);
    }
    return ch;
}

Test(chan_wait, send_waits_for_room, .init = setup, .fini = teardown)
{
    for (int i = 0; i < FLAVOURS; i++) {
        size_t capacity = capacities[i], got, item;
        leat_chan *ch = leat_chan_new("c", LEAT_TYPE(size_t), capacity);
        for (item = 0; item < capacity; item++)
            leat_try_send(ch, &item);
        struct call call;
        start_send(&call, ctx, ch, &item);
        cr_assert(blocked(ctx, 1), "capacity %zu", capacity);
        for (size_t n = 0; n <= capacity; n++) {
            cr_assert_eq(leat_recv(ctx, ch, &got), LEAT_OK);
            cr_assert_eq(got, n, "capacity %zu", capacity);
        }
        cr_assert_eq(finish(&call), LEAT_OK, "capacity %zu", capacity);
        leat_chan_free(ch);
    }
}

Test(chan_wait, one_received_makes_room_for_one, .init = setup,
     .fini = teardown)
{
    for (int i = 0; i < FLAVOURS; i++) {
        leat_chan *ch = full_of_tokens(capacities[i]);
        struct call calls[CROWD];
        struct token tokens[CROWD], got;
        for (int n = 0; n < CROWD; n++) {
            tokens[n] = token_new();
            start_send(&calls[n], ctx, ch, &tokens[n]);
        }
        for (size_t left = CROWD; left > 0; left--) {
            cr_assert(blocked(ctx, left), "capacity %zu", capacities[i]);
            cr_assert_eq(leat_recv(ctx, ch, &got), LEAT_OK);
            token_drop(&got);
        }
        for (int n = 0; n < CROWD; n++)
            cr_assert_eq(finish(&calls[n]), LEAT_OK);
        leat_chan_free(ch);
        cr_assert_eq(token_wrong(), 0, "capacity %zu", capacities[i]);
    }
}

Test(chan_wait, recv_waits_for_an_item, .init = setup, .fini = teardown)
{
    for (int i = 0; i < FLAVOURS; i++) {
        leat_chan *ch = leat_chan_new("c", LEAT_TYPE(int), capacities[i]);
        struct call calls[CROWD];
        int got[CROWD] = {0}, sum = 0;
        for (int n = 0; n < CROWD; n++)
            start_recv(&calls[n], ctx, ch, &got[n]);
        for (int item = 1; item <= CROWD; item++) {
            cr_assert(blocked(ctx, (size_t)(CROWD + 1 - item)),
                      "capacity %zu, item %d", capacities[i], item);
            cr_assert_eq(leat_send(ctx, ch, &item), LEAT_OK);
        }
        for (int n = 0; n < CROWD; n++) {
            cr_assert_eq(finish(&calls[n]), LEAT_OK);
            sum += got[n];
        }
        cr_assert_eq(sum, 1 + 2 + 3 + 4 + 5, "capacity %zu", capacities[i]);
        leat_chan_free(ch);
    }
}

Test(chan_wait, receivers_are_served_first_come_first_served, .init = setup,
     .fini = teardown)
{
    for (int i = 0; i < FLAVOURS; i++) {
        leat_chan *ch = leat_chan_new("c", LEAT_TYPE(int), capacities[i]);
        struct call calls[CROWD];
        int got[CROWD] = {0};
        for (size_t n = 0; n < CROWD; n++) {
            start_recv(&calls[n], ctx, ch, &got[n]);
            cr_assert(blocked(ctx, n + 1));
        }
        for (int item = 1; item <= CROWD; item++)
            cr_assert_eq(leat_try_send(ch, &item), LEAT_OK);
        for (int n = 0; n < CROWD; n++) {
            cr_assert_eq(finish(&calls[n]), LEAT_OK);
            cr_assert_eq(got[n], n + 1, "capacity %zu", capacities[i]);
        }
        leat_chan_free(ch);
    }
}

Test(chan_wait, senders_are_served_first_come_first_served, .init = setup,
     .fini = teardown)
{
    for (int i = 0; i < FLAVOURS; i++) {
        leat_chan *ch = leat_chan_new("c", LEAT_TYPE(size_t), capacities[i]);
        struct call calls[CROWD];
        size_t items[CROWD], got;
        for (size_t n = 0; n < capacities[i]; n++)
            leat_try_send(ch, &n);
        for (size_t n = 0; n < CROWD; n++) {
            items[n] = capacities[i] + n;
            start_send(&calls[n], ctx, ch, &items[n]);
            cr_assert(blocked(ctx, n + 1));
        }
        for (size_t n = 0; n < capacities[i] + CROWD; n++) {
            cr_assert_eq(leat_try_recv(ch, &got), LEAT_OK, "capacity %zu",
                         capacities[i]);
            cr_assert_eq(got, n, "capacity %zu", capacities[i]);
        }
        for (size_t n = 0; n < CROWD; n++)
            cr_assert_eq(finish(&calls[n]), LEAT_OK);
        leat_chan_free(ch);
    }
}

Test(chan_wait, one_that_gave_up_is_passed_over, .init = setup,
     .fini = teardown)
{
    for (int i = 0; i < FLAVOURS; i++) {
        leat_chan *ch = leat_chan_new("c", LEAT_TYPE(int), capacities[i]);
        leat_ctx *impatient = leat_ctx_new(ctx, 0);
        struct call first, second, third;
        int got[3] = {0};
        start_recv(&first, ctx, ch, &got[0]);
        cr_assert(blocked(ctx, 1));
        start_recv(&second, impatient, ch, &got[1]);
        cr_assert(blocked(ctx, 2));
        start_recv(&third, ctx, ch, &got[2]);
        cr_assert(blocked(ctx, 3));
        leat_ctx_cancel(impatient, 0);
        cr_assert_eq(finish(&second), LEAT_CANCELED);
        cr_assert_eq(leat_try_send(ch, &(int){1}), LEAT_OK);
        cr_assert_eq(leat_try_send(ch, &(int){2}), LEAT_OK);
        cr_assert_eq(finish(&first), LEAT_OK);
        cr_assert_eq(finish(&third), LEAT_OK);
        cr_assert_eq(got[0], 1);
        cr_assert_eq(got[1], 0);
        cr_assert_eq(got[2], 2);
        leat_ctx_free(impatient);
        leat_chan_free(ch);
    }
}

Test(chan_wait, close_wakes_every_sender_and_leaves_them_their_items,
     .init = setup, .fini = teardown)
{
    for (int i = 0; i < FLAVOURS; i++) {
        size_t capacity = capacities[i];
        leat_chan *ch = full_of_tokens(capacity);
        struct call calls[CROWD];
        struct token tokens[CROWD], got;
        for (int n = 0; n < CROWD; n++) {
            tokens[n] = token_new();
            start_send(&calls[n], ctx, ch, &tokens[n]);
        }
        cr_assert(blocked(ctx, CROWD));
        leat_close(ch);
        for (int n = 0; n < CROWD; n++) {
            cr_assert_eq(finish(&calls[n]), LEAT_CLOSED, "capacity %zu",
                         capacity);
            token_drop(&tokens[n]);
        }
        for (size_t n = 0; n < capacity; n++) {
            cr_assert_eq(leat_recv(ctx, ch, &got), LEAT_OK, "capacity %zu",
                         capacity);
            token_drop(&got);
        }
        cr_assert_eq(leat_recv(ctx, ch, &got), LEAT_CLOSED);
        leat_chan_free(ch);
        cr_assert_eq(token_wrong(), 0, "capacity %zu", capacity);
    }
}

Test(chan_wait, close_wakes_every_receiver, .init = setup, .fini = teardown)
{
    for (int i = 0; i < FLAVOURS; i++) {
        leat_chan *ch = leat_chan_new("c", LEAT_TYPE(int), capacities[i]);
        struct call calls[CROWD];
        int got[CROWD];
        for (int n = 0; n < CROWD; n++)
            start_recv(&calls[n], ctx, ch, &got[n]);
        cr_assert(blocked(ctx, CROWD));
        leat_close(ch);
        for (int n = 0; n < CROWD; n++)
            cr_assert_eq(finish(&calls[n]), LEAT_CLOSED, "capacity %zu",
                         capacities[i]);
        leat_chan_free(ch);
    }
}

struct closer {
    leat_chan *ch;
    struct gate *gate;
    pthread_t thread;
};

static void *close_when_told(void *arg)
{
    struct closer *closer = arg;
    gate_wait(closer->gate, 1);
    leat_close(closer->ch);
    return NULL;
}

Test(chan_wait, close_from_several_sides_at_once_is_one_close, .init = setup,
     .fini = teardown)
{
    for (size_t round = 0; round < scaled(60); round++) {
        leat_chan *ch = leat_chan_new("c", LEAT_TYPE(int), round % 3);
        struct gate gate;
        gate_init(&gate);
        struct closer closers[2];
        struct call send, recv;
        int in = 1, out = 0;
        for (int i = 0; i < 2; i++) {
            closers[i] = (struct closer){.ch = ch, .gate = &gate};
            thread_start(&closers[i].thread, close_when_told, &closers[i]);
        }
        start_send(&send, ctx, ch, &in);
        start_recv(&recv, ctx, ch, &out);
        gate_open(&gate, 1);
        leat_close(ch);
        for (int i = 0; i < 2; i++)
            pthread_join(closers[i].thread, NULL);
        int sent = finish(&send), received = finish(&recv);
        cr_assert(sent == LEAT_OK || sent == LEAT_CLOSED);
        cr_assert(received == LEAT_OK || received == LEAT_CLOSED);
        if (received == LEAT_CLOSED && leat_try_recv(ch, &out) == LEAT_OK)
            received = LEAT_OK;
        cr_assert_eq(sent, received, "round %zu", round);
        leat_chan_free(ch);
    }
}

Test(chan_wait, cancel_wakes_senders_and_receivers, .init = setup,
     .fini = teardown)
{
    for (int i = 0; i < FLAVOURS; i++) {
        leat_chan *full = full_of_tokens(capacities[i]);
        leat_chan *empty = leat_chan_new("empty", &token_type, capacities[i]);
        leat_ctx *child = leat_ctx_new(ctx, 0);
        struct call sends[CROWD], recvs[CROWD];
        struct token tokens[CROWD], got[CROWD];
        for (int n = 0; n < CROWD; n++) {
            tokens[n] = token_new();
            start_send(&sends[n], child, full, &tokens[n]);
            start_recv(&recvs[n], child, empty, &got[n]);
        }
        cr_assert(blocked(ctx, 2 * CROWD));
        leat_ctx_cancel(child, 99);
        for (int n = 0; n < CROWD; n++) {
            cr_assert_eq(finish(&sends[n]), LEAT_CANCELED, "capacity %zu",
                         capacities[i]);
            cr_assert_eq(finish(&recvs[n]), LEAT_CANCELED, "capacity %zu",
                         capacities[i]);
            token_drop(&tokens[n]);
        }
        cr_assert_eq(leat_try_send(empty, &tokens[0]),
                     capacities[i] ? LEAT_OK : LEAT_AGAIN,
                     "nobody is left behind in the queue");
        if (capacities[i])
            cr_assert_eq(leat_try_recv(empty, &tokens[0]), LEAT_OK);
        leat_chan_free(full);
        leat_chan_free(empty);
        leat_ctx_free(child);
        cr_assert_eq(token_wrong(), 0, "capacity %zu", capacities[i]);
    }
}

Test(chan_wait, a_deadline_wakes_senders_and_receivers, .init = setup,
     .fini = teardown)
{
    for (int i = 0; i < FLAVOURS; i++) {
        leat_chan *full = full_of_tokens(capacities[i]);
        leat_chan *empty = leat_chan_new("empty", &token_type, capacities[i]);
        int64_t begin = now();
        leat_ctx *brief = leat_ctx_new(ctx, 3 * LEAT_MS);
        struct call send, recv;
        struct token token = token_new(), got;
        start_send(&send, brief, full, &token);
        start_recv(&recv, brief, empty, &got);
        cr_assert_eq(finish(&send), LEAT_TIMEOUT, "capacity %zu",
                     capacities[i]);
        cr_assert_eq(finish(&recv), LEAT_TIMEOUT, "capacity %zu",
                     capacities[i]);
        cr_assert_geq(now() - begin, 3 * LEAT_MS, "too early");
        cr_assert_lt(now() - begin, PATIENCE);
        token_drop(&token);
        leat_chan_free(full);
        leat_chan_free(empty);
        leat_ctx_free(brief);
        cr_assert_eq(token_wrong(), 0, "capacity %zu", capacities[i]);
    }
}

/* Every call that takes a context, on channels where it could go on at once.
 * What each says; nothing may have moved. */
static void ended_wins(leat_ctx *ended, int expected)
{
    for (size_t capacity = 1; capacity <= 7; capacity += 3) {
        for (int closed = 0; closed < 2; closed++) {
            leat_chan *ch = leat_chan_new("c", LEAT_TYPE(int), capacity + 1);
            for (int item = 0; item < (int)capacity; item++)
                leat_try_send(ch, &item);
            if (closed)
                leat_close(ch);
            int items[2] = {70, 71};
            size_t count = 2, chosen;
            struct leat_case in = {.recv = ch, .item = items};
            struct leat_case out = {.send = ch, .item = items};
            cr_expect_eq(leat_send(ended, ch, items), expected);
            cr_expect_eq(leat_recv(ended, ch, items), expected);
            cr_expect_eq(leat_send_many(ended, ch, items, &count), expected);
            cr_expect_eq(count, 0);
            count = 2;
            cr_expect_eq(leat_recv_many(ended, ch, items, &count), expected);
            cr_expect_eq(count, 0);
            cr_expect_eq(leat_select(ended, &in, 1, &chosen), expected);
            cr_expect_eq(leat_select(ended, &out, 1, &chosen), expected);
            cr_expect_eq(items[0], 70, "something was received");
            for (int item = 0; item < (int)capacity; item++) {
                int got = -1;
                cr_assert_eq(leat_try_recv(ch, &got), LEAT_OK);
                cr_assert_eq(got, item, "only try_ looks at the channel alone");
            }
            cr_assert_eq(leat_try_recv(ch, items),
                         closed ? LEAT_CLOSED : LEAT_AGAIN);
            leat_chan_free(ch);
        }
    }
}

Test(chan_wait, a_canceled_context_wins_over_a_ready_channel, .init = setup,
     .fini = teardown)
{
    leat_ctx *ended = leat_ctx_new(ctx, 0);
    leat_ctx_cancel(ended, 1);
    ended_wins(ended, LEAT_CANCELED);
    leat_ctx_free(ended);
}

Test(chan_wait, a_passed_deadline_wins_over_a_ready_channel, .init = setup,
     .fini = teardown)
{
    leat_ctx *ended = leat_ctx_new(ctx, -1);
    ended_wins(ended, LEAT_TIMEOUT);
    leat_ctx_free(ended);
    ended = leat_ctx_new(ctx, 1);
    while (leat_ctx_cause(ended) == LEAT_OK)
        ;
    ended_wins(ended, LEAT_TIMEOUT);
    leat_ctx_free(ended);
}

Test(chan_wait, an_ended_context_wins_over_a_partner_who_waits, .init = setup,
     .fini = teardown)
{
    leat_ctx *ended = leat_ctx_new(ctx, -1);
    leat_chan *ch = leat_chan_new("c", LEAT_TYPE(int), 0);
    struct call call;
    int item = 3, got = 0;
    start_recv(&call, ctx, ch, &got);
    cr_assert(blocked(ctx, 1));
    cr_assert_eq(leat_send(ended, ch, &item), LEAT_TIMEOUT);
    cr_assert(blocked(ctx, 1));
    cr_assert_eq(leat_try_send(ch, &item), LEAT_OK);
    cr_assert_eq(finish(&call), LEAT_OK);
    cr_assert_eq(got, 3);
    leat_chan_free(ch);
    leat_ctx_free(ended);
}

Test(chan_wait, a_passed_deadline_never_blocks, .init = setup,
     .fini = teardown)
{
    for (int i = 0; i < FLAVOURS; i++) {
        leat_chan *full = full_of_tokens(capacities[i]);
        leat_chan *empty = leat_chan_new("empty", &token_type, capacities[i]);
        struct token token = token_new(), got;
        /* One that nobody has noticed yet. */
        leat_ctx *passed = leat_ctx_new(ctx, 1);
        int64_t begin = now();
        while (now() - begin < 10000)
            ;
        cr_assert_eq(leat_recv(passed, empty, &got), LEAT_TIMEOUT);
        leat_ctx_free(passed);
        passed = leat_ctx_new(ctx, -1);
        for (size_t n = 0; n < scaled(100); n++) {
            cr_assert_eq(leat_send(passed, full, &token), LEAT_TIMEOUT);
            cr_assert_eq(leat_recv(passed, empty, &got), LEAT_TIMEOUT);
        }
        cr_assert_lt(now() - begin, PATIENCE / 2);
        token_drop(&token);
        leat_ctx_free(passed);
        leat_chan_free(full);
        leat_chan_free(empty);
        cr_assert_eq(token_wrong(), 0);
    }
}

/* A partner and a cancel at the same moment: either the item moved and both
 * sides say so, or it did not and nobody does. */
Test(chan_wait, an_item_that_meets_a_cancel_moves_for_both_or_for_none,
     .init = setup, .fini = teardown)
{
    size_t moved = 0;
    for (size_t round = 0; round < scaled(200); round++) {
        leat_chan *ch = leat_chan_new("c", LEAT_TYPE(size_t), 0);
        leat_ctx *child = leat_ctx_new(ctx, 0);
        struct call recv;
        size_t got = SIZE_MAX, item = round;
        start_recv(&recv, child, ch, &got);
        if (round % 2)
            cr_assert(blocked(ctx, 1));
        struct call send;
        start_send(&send, child, ch, &item);
        leat_ctx_cancel(child, 0);
        int received = finish(&recv), sent = finish(&send);
        cr_assert(sent == LEAT_OK || sent == LEAT_CANCELED);
        cr_assert_eq(received, sent, "round %zu", round);
        cr_assert_eq(got, sent == LEAT_OK ? round : SIZE_MAX);
        moved += sent == LEAT_OK;
        leat_ctx_free(child);
        leat_chan_free(ch);
    }
    cr_log_info("%zu of %zu moved", moved, scaled(200));
}
