/* test_chan.c - channels: what goes in comes out. Who waits and what wakes them
 * is in test_chan_wait.c, several items in a call in test_chan_many.c.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/blocked.h"
#include "support/scale.h"
#include "support/token.h"
#include <criterion/criterion.h>
#include <leat/chan.h>
#include <string.h>

TestSuite(chan, .timeout = 30);

static const size_t capacities[] = {0, 1, 2, 7, 64};
enum { FLAVOURS = sizeof capacities / sizeof *capacities };

static leat_ctx *ctx;

static void setup(void)
{
    ctx = leat_ctx_root(PATIENCE);
}

static void teardown(void)
{
    leat_ctx_free(ctx);
}

Test(chan, what_is_sent_is_received, .init = setup, .fini = teardown)
{
    for (int i = 0; i < FLAVOURS; i++) {
        leat_chan *ch = leat_chan_new("c", LEAT_TYPE(int), capacities[i]);
        struct call send;
        int sent = 42 + i, got = 0;
        start_send(&send, ctx, ch, &sent);
        cr_assert_eq(leat_recv(ctx, ch, &got), LEAT_OK, "capacity %zu",
                     capacities[i]);
        cr_assert_eq(finish(&send), LEAT_OK, "capacity %zu", capacities[i]);
        cr_assert_eq(got, 42 + i, "capacity %zu", capacities[i]);
        cr_assert_eq(leat_try_recv(ch, &got), LEAT_AGAIN, "capacity %zu",
                     capacities[i]);
        leat_chan_free(ch);
    }
}

Test(chan, null_is_refused_and_never_a_crash, .init = setup, .fini = teardown)
{
    leat_chan *ch = leat_chan_new("c", LEAT_TYPE(int), 1);
    int item = 1;
    cr_assert_null(leat_chan_new("c", NULL, 1));
    cr_assert_eq(leat_send(NULL, ch, &item), LEAT_INVALID);
    cr_assert_eq(leat_send(ctx, NULL, &item), LEAT_INVALID);
    cr_assert_eq(leat_recv(NULL, ch, &item), LEAT_INVALID);
    cr_assert_eq(leat_recv(ctx, NULL, &item), LEAT_INVALID);
    cr_assert_eq(leat_recv(ctx, ch, NULL), LEAT_INVALID);
    cr_assert_eq(leat_try_send(NULL, &item), LEAT_INVALID);
    cr_assert_eq(leat_try_recv(NULL, &item), LEAT_INVALID);
    cr_assert_eq(leat_try_recv(ch, NULL), LEAT_INVALID);
    leat_close(NULL);
    leat_chan_free(NULL);
    cr_assert_eq(leat_try_recv(ch, &item), LEAT_AGAIN, "nothing was done");
    leat_chan_free(ch);
}

Test(chan, a_capacity_that_no_memory_can_hold_is_refused)
{
    struct leat_type big = {.name = "big", .size = 4096};
    struct leat_type huge = {.name = "huge", .size = SIZE_MAX};
    cr_assert_null(leat_chan_new("c", LEAT_TYPE(int), SIZE_MAX));
    cr_assert_null(leat_chan_new("c", LEAT_TYPE(int), SIZE_MAX / 4 + 2));
    cr_assert_null(leat_chan_new("c", LEAT_TYPE(int), SIZE_MAX / 2 + 2));
    cr_assert_null(leat_chan_new("c", &big, SIZE_MAX / 4096 + 2));
    cr_assert_null(leat_chan_new("c", &huge, 2));
    cr_assert_null(leat_chan_new("c", &huge, SIZE_MAX));
}

Test(chan, the_type_is_copied)
{
    struct leat_type type = token_type;
    leat_chan *ch = leat_chan_new("c", &type, 2);
    memset(&type, 0, sizeof type);
    struct token token = token_new();
    cr_assert_eq(leat_try_send(ch, &token), LEAT_OK);
    leat_chan_free(ch);
    cr_assert_eq(token_dropped(), 1);
}

Test(chan, its_capacity_is_kept)
{
    for (int i = 0; i < FLAVOURS; i++) {
        leat_chan *ch = leat_chan_new("c", LEAT_TYPE(size_t), capacities[i]);
        size_t item = 0, got, next = 0;
        for (int lap = 0; lap < 3; lap++) {
            for (size_t n = 0; n < capacities[i]; n++, item++)
                cr_assert_eq(leat_try_send(ch, &item), LEAT_OK,
                             "capacity %zu, item %zu", capacities[i], n);
            cr_assert_eq(leat_try_send(ch, &item), LEAT_AGAIN, "capacity %zu",
                         capacities[i]);
            for (size_t n = 0; n < capacities[i]; n++, next++) {
                cr_assert_eq(leat_try_recv(ch, &got), LEAT_OK);
                cr_assert_eq(got, next, "capacity %zu", capacities[i]);
            }
            cr_assert_eq(leat_try_recv(ch, &got), LEAT_AGAIN);
        }
        leat_chan_free(ch);
    }
}

Test(chan, items_leave_in_the_order_in_which_they_came, .init = setup,
     .fini = teardown)
{
    leat_chan *ch = leat_chan_new("c", LEAT_TYPE(unsigned), 7);
    unsigned in = 0, out = 0, got, rng = 1;
    while (out < scaled(4000)) {
        rng = rng * 1103515245 + 12345;
        for (unsigned n = rng >> 16 & 7; n > 0; n--)
            if (leat_try_send(ch, &in) == LEAT_OK)
                in++;
        for (unsigned n = rng >> 20 & 7; n > 0; n--)
            if (leat_try_recv(ch, &got) == LEAT_OK)
                cr_assert_eq(got, out++);
        cr_assert_leq(in - out, 7);
    }
    leat_chan_free(ch);
}

Test(chan, items_of_any_size_arrive_whole, .init = setup, .fini = teardown)
{
    const size_t sizes[] = {1, 2, 3, 4, 7, 8, 9, 16, 24, 63, 64, 65, 4096};
    unsigned char sent[4096], got[4096 + 1];
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        struct leat_type type = {.name = "bytes", .size = sizes[s]};
        for (int i = 0; i < FLAVOURS; i++) {
            leat_chan *ch = leat_chan_new("c", &type, capacities[i]);
            for (int lap = 0; lap < 2; lap++) {
                memset(got, 0xee, sizeof got);
                for (size_t b = 0; b < sizes[s]; b++)
                    sent[b] = (unsigned char)(b * 7 + s + (size_t)lap);
                struct call send;
                start_send(&send, ctx, ch, sent);
                int status = leat_recv(ctx, ch, got);
                finish(&send);
                cr_assert_eq(status, LEAT_OK);
                cr_assert_eq(memcmp(sent, got, sizes[s]), 0,
                             "size %zu, capacity %zu", sizes[s],
                             capacities[i]);
                cr_assert_eq(got[sizes[s]], 0xee, "size %zu: wrote beyond",
                             sizes[s]);
            }
            leat_chan_free(ch);
        }
    }
}

Test(chan, of_size_0_carries_mere_signals, .init = setup, .fini = teardown)
{
    struct leat_type signal = {.name = "signal", .size = 0};
    leat_chan *ch = leat_chan_new("signals", &signal, 3);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(leat_send(ctx, ch, NULL), LEAT_OK);
    cr_assert_eq(leat_try_send(ch, NULL), LEAT_AGAIN);
    leat_close(ch);
    char room = 'r';
    cr_assert_eq(leat_recv(ctx, ch, NULL), LEAT_OK);
    cr_assert_eq(leat_try_recv(ch, NULL), LEAT_OK);
    cr_assert_eq(leat_recv(ctx, ch, &room), LEAT_OK);
    cr_assert_eq(room, 'r');
    cr_assert_eq(leat_recv(ctx, ch, NULL), LEAT_CLOSED);
    leat_chan_free(ch);
    ch = leat_chan_new("meeting", &signal, 0);
    struct call send;
    start_send(&send, ctx, ch, NULL);
    cr_assert_eq(leat_recv(ctx, ch, NULL), LEAT_OK);
    cr_assert_eq(finish(&send), LEAT_OK);
    leat_chan_free(ch);
}

Test(chan, after_close_drains_and_then_says_closed, .init = setup,
     .fini = teardown)
{
    for (int i = 0; i < FLAVOURS; i++) {
        leat_chan *ch = leat_chan_new("c", LEAT_TYPE(size_t), capacities[i]);
        size_t got;
        for (size_t n = 0; n < capacities[i]; n++)
            leat_try_send(ch, &n);
        leat_close(ch);
        for (size_t n = 0; n < capacities[i]; n++) {
            cr_assert_eq(n % 2 ? leat_recv(ctx, ch, &got)
                               : leat_try_recv(ch, &got),
                         LEAT_OK, "capacity %zu", capacities[i]);
            cr_assert_eq(got, n, "capacity %zu", capacities[i]);
        }
        for (int again = 0; again < 2; again++) {
            cr_assert_eq(leat_recv(ctx, ch, &got), LEAT_CLOSED);
            cr_assert_eq(leat_try_recv(ch, &got), LEAT_CLOSED);
        }
        leat_chan_free(ch);
    }
}

Test(chan, after_close_refuses_and_the_item_stays_the_senders, .init = setup,
     .fini = teardown)
{
    for (int i = 0; i < FLAVOURS; i++) {
        leat_chan *ch = leat_chan_new("c", &token_type, capacities[i]);
        struct token token = token_new();
        leat_close(ch);
        leat_close(ch);
        cr_assert_eq(leat_send(ctx, ch, &token), LEAT_CLOSED);
        cr_assert_eq(leat_try_send(ch, &token), LEAT_CLOSED);
        leat_close(ch);
        leat_chan_free(ch);
        cr_assert_eq(token_dropped(), (unsigned)i, "capacity %zu",
                     capacities[i]);
        token_drop(&token);
    }
    cr_assert_eq(token_wrong(), 0);
}

Test(chan, free_drops_what_nobody_received_once, .init = setup,
     .fini = teardown)
{
    for (int i = 0; i < FLAVOURS; i++) {
        for (int closed = 0; closed < 2; closed++) {
            leat_chan *ch = leat_chan_new("c", &token_type, capacities[i]);
            struct token token;
            /* A full ring that begins in the middle. */
            for (size_t n = 0; n < capacities[i]; n++) {
                token = token_new();
                cr_assert_eq(leat_try_send(ch, &token), LEAT_OK);
            }
            for (size_t n = 0; n < (capacities[i] + 1) / 2; n++) {
                cr_assert_eq(leat_try_recv(ch, &token), LEAT_OK);
                token_drop(&token);
                token = token_new();
                cr_assert_eq(leat_try_send(ch, &token), LEAT_OK);
            }
            if (closed)
                leat_close(ch);
            leat_chan_free(ch);
            cr_assert_eq(token_wrong(), 0, "capacity %zu", capacities[i]);
        }
    }
    cr_assert_gt(token_dropped(), 100);
}

Test(chan, try_on_a_rendezvous_meets_only_who_is_there, .init = setup,
     .fini = teardown)
{
    leat_chan *ch = leat_chan_new("c", LEAT_TYPE(int), 0);
    struct call call;
    int item = 5, got = 0;
    cr_assert_eq(leat_try_send(ch, &item), LEAT_AGAIN);
    cr_assert_eq(leat_try_recv(ch, &got), LEAT_AGAIN);
    start_recv(&call, ctx, ch, &got);
    cr_assert(blocked(ctx, 1));
    cr_assert_eq(leat_try_send(ch, &item), LEAT_OK);
    cr_assert_eq(leat_try_send(ch, &item), LEAT_AGAIN);
    cr_assert_eq(finish(&call), LEAT_OK);
    cr_assert_eq(got, 5);
    item = 6;
    start_send(&call, ctx, ch, &item);
    cr_assert(blocked(ctx, 1));
    cr_assert_eq(leat_try_recv(ch, &got), LEAT_OK);
    cr_assert_eq(leat_try_recv(ch, &got), LEAT_AGAIN);
    cr_assert_eq(finish(&call), LEAT_OK);
    cr_assert_eq(got, 6);
    leat_chan_free(ch);
}

static void *answer_once(void *arg)
{
    leat_chan *requests = arg, *reply;
    if (leat_recv(ctx, requests, &reply) == LEAT_OK)
        leat_send(ctx, reply, &(int){7});
    return NULL;
}

Test(chan, a_channel_can_be_sent_through_a_channel, .init = setup,
     .fini = teardown)
{
    for (int i = 0; i < FLAVOURS; i++) {
        leat_chan *requests =
            leat_chan_new("requests", LEAT_TYPE(leat_chan *), capacities[i]);
        leat_chan *reply = leat_chan_new("reply", LEAT_TYPE(int), 0);
        pthread_t thread;
        int answer = 0;
        thread_start(&thread, answer_once, requests);
        cr_assert_eq(leat_send(ctx, requests, &reply), LEAT_OK);
        cr_assert_eq(leat_recv(ctx, reply, &answer), LEAT_OK);
        cr_assert_eq(answer, 7, "capacity %zu", capacities[i]);
        pthread_join(thread, NULL);
        leat_chan_free(reply);
        leat_chan_free(requests);
    }
}

struct shots {
    leat_chan **chans;
    size_t count;
    unsigned failed;
};

static void *fire_each_once(void *arg)
{
    struct shots *shots = arg;
    for (size_t i = 0; i < shots->count; i++) {
        shots->failed += leat_send(ctx, shots->chans[i], &i) != LEAT_OK;
        leat_close(shots->chans[i]);
    }
    return NULL;
}

Test(chan, thousands_that_are_used_once, .init = setup, .fini = teardown)
{
    struct shots shots = {.count = scaled(3000)};
    shots.chans = malloc(shots.count * sizeof *shots.chans);
    for (size_t i = 0; i < shots.count; i++)
        shots.chans[i] = leat_chan_new("once", LEAT_TYPE(size_t), i % 3);
    pthread_t thread;
    thread_start(&thread, fire_each_once, &shots);
    for (size_t i = 0; i < shots.count; i++) {
        size_t got = 0;
        cr_assert_eq(leat_recv(ctx, shots.chans[i], &got), LEAT_OK);
        cr_assert_eq(got, i);
        cr_assert_eq(leat_recv(ctx, shots.chans[i], &got), LEAT_CLOSED);
    }
    pthread_join(thread, NULL);
    cr_assert_eq(shots.failed, 0);
    for (size_t i = 0; i < shots.count; i++)
        leat_chan_free(shots.chans[i]);
    free(shots.chans);
}

/* P senders and C receivers on one channel: every item arrives once, and each
 * receiver sees those of one sender in their order. */
enum { MOST = 4, ITEMS = 1500, LONG = 10 * ITEMS };

struct party {
    leat_chan *ch;
    size_t id, items;
    unsigned wrong;
    pthread_t thread;
};

static atomic_uint seen[MOST][LONG];

static void *send_numbers(void *arg)
{
    struct party *party = arg;
    for (size_t n = 0; n < party->items; n++)
        party->wrong += leat_send(ctx, party->ch,
                                  &(size_t[]){party->id, n}) != LEAT_OK;
    return NULL;
}

static void *receive_numbers(void *arg)
{
    struct party *party = arg;
    size_t got[2], next[MOST] = {0};
    int status;
    while ((status = leat_recv(ctx, party->ch, got)) == LEAT_OK) {
        if (got[0] >= MOST || got[1] >= LONG || got[1] < next[got[0]]) {
            party->wrong++;
            continue;
        }
        next[got[0]] = got[1] + 1;
        atomic_fetch_add(&seen[got[0]][got[1]], 1);
    }
    party->wrong += status != LEAT_CLOSED;
    return NULL;
}

static void exchange(size_t senders, size_t receivers)
{
    for (int i = 0; i < FLAVOURS; i++) {
        size_t items = scaled(ITEMS) / senders;
        leat_chan *ch = leat_chan_new("c", LEAT_TYPE(size_t[2]), capacities[i]);
        struct party in[MOST], out[MOST];
        memset(seen, 0, sizeof seen);
        for (size_t n = 0; n < receivers; n++) {
            out[n] = (struct party){.ch = ch};
            thread_start(&out[n].thread, receive_numbers, &out[n]);
        }
        for (size_t n = 0; n < senders; n++) {
            in[n] = (struct party){.ch = ch, .id = n, .items = items};
            thread_start(&in[n].thread, send_numbers, &in[n]);
        }
        for (size_t n = 0; n < senders; n++) {
            pthread_join(in[n].thread, NULL);
            cr_assert_eq(in[n].wrong, 0, "capacity %zu", capacities[i]);
        }
        leat_close(ch);
        for (size_t n = 0; n < receivers; n++) {
            pthread_join(out[n].thread, NULL);
            cr_assert_eq(out[n].wrong, 0, "capacity %zu: out of order",
                         capacities[i]);
        }
        for (size_t n = 0; n < senders; n++)
            for (size_t item = 0; item < items; item++)
                if (seen[n][item] != 1)
                    cr_assert_fail("capacity %zu: item %zu of sender %zu came "
                                   "%u times", capacities[i], item, n,
                                   seen[n][item]);
        leat_chan_free(ch);
    }
}

Test(chan, one_to_one_loses_and_invents_nothing, .init = setup,
     .fini = teardown)
{
    exchange(1, 1);
}

Test(chan, many_to_one_loses_and_invents_nothing, .init = setup,
     .fini = teardown)
{
    exchange(4, 1);
}

Test(chan, one_to_many_loses_and_invents_nothing, .init = setup,
     .fini = teardown)
{
    exchange(1, 4);
}

Test(chan, many_to_many_loses_and_invents_nothing, .init = setup,
     .fini = teardown)
{
    exchange(4, 4);
}
