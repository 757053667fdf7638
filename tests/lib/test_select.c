/* test_select.c - select: exactly one of several, and fairly.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/blocked.h"
#include "support/gate.h"
#include "support/scale.h"
#include <criterion/criterion.h>
#include <leat/select.h>
#include <stdatomic.h>
#include <string.h>

TestSuite(select, .timeout = 30);

static leat_ctx *ctx;
static leat_chan *a, *b;
static size_t chosen;

/* Two channels of the capacity. */
static void make(size_t capacity)
{
    a = leat_chan_new("a", LEAT_TYPE(int), capacity);
    b = leat_chan_new("b", LEAT_TYPE(int), capacity);
}

static void drop_both(void)
{
    leat_chan_free(a);
    leat_chan_free(b);
}

static void setup(void)
{
    ctx = leat_ctx_root(PATIENCE);
    chosen = SIZE_MAX;
}

static void teardown(void)
{
    leat_ctx_free(ctx);
}

static const size_t capacities[] = {0, 1, 7};
enum { FLAVOURS = 3 };

static struct leat_case in(leat_chan *ch, int *item)
{
    return (struct leat_case){.recv = ch, .item = item, .status = 1};
}

static struct leat_case out(leat_chan *ch, int *item)
{
    return (struct leat_case){.send = ch, .item = item, .status = 1};
}

Test(select, nonsense_is_refused_and_nothing_happens, .init = setup,
     .fini = teardown)
{
    make(3);
    int item = 5, got = 0;
    leat_try_send(a, &item);
    struct leat_case good = in(a, &got), off = {0};
    struct leat_case both = {.recv = a, .send = b, .item = &item};
    struct leat_case same = {.recv = a, .send = a, .item = &item};
    struct leat_case itemless = in(a, NULL);
    cr_expect_eq(leat_select(NULL, &good, 1, &chosen), LEAT_INVALID);
    cr_expect_eq(leat_select(ctx, NULL, 1, &chosen), LEAT_INVALID);
    cr_expect_eq(leat_select(ctx, &good, 1, NULL), LEAT_INVALID);
    cr_expect_eq(leat_select(ctx, &good, 0, &chosen), LEAT_INVALID);
    cr_expect_eq(leat_select(ctx, &off, 1, &chosen), LEAT_INVALID);
    cr_expect_eq(leat_select(ctx, &itemless, 1, &chosen), LEAT_INVALID);
    cr_expect_eq(leat_select(ctx, &both, 1, &chosen), LEAT_INVALID);
    cr_expect_eq(leat_select(ctx, &same, 1, &chosen), LEAT_INVALID);
    struct leat_case last_wrong[] = {good, off, both};
    cr_expect_eq(leat_select(ctx, last_wrong, 3, &chosen), LEAT_INVALID);
    struct leat_case many[LEAT_CASES + 1];
    for (int i = 0; i <= LEAT_CASES; i++)
        many[i] = good;
    cr_expect_eq(leat_select(ctx, many, LEAT_CASES + 1, &chosen),
                 LEAT_INVALID);
    cr_expect_eq(leat_select(ctx, many, SIZE_MAX, &chosen), LEAT_INVALID);
    cr_assert_eq(got, 0);
    cr_assert_eq(leat_try_recv(a, &got), LEAT_OK, "the item is still there");
    drop_both();
}

Test(select, all_off_is_refused, .init = setup, .fini = teardown)
{
    struct leat_case off[LEAT_CASES] = {{0}};
    int item = 1;
    off[3].item = &item;
    cr_assert_eq(leat_select(ctx, off, LEAT_CASES, &chosen), LEAT_INVALID);
}

Test(select, as_many_cases_as_allowed_work, .init = setup, .fini = teardown)
{
    make(1);
    int item = 9, got = 0;
    struct leat_case cases[LEAT_CASES];
    for (int i = 0; i < LEAT_CASES; i++)
        cases[i] = in(a, &got);
    cases[LEAT_CASES - 1] = in(b, &got);
    leat_try_send(b, &item);
    cr_assert_eq(leat_select(ctx, cases, LEAT_CASES, &chosen), LEAT_OK);
    cr_assert_eq(chosen, LEAT_CASES - 1);
    cr_assert_eq(got, 9);
    struct call call;
    start_select(&call, ctx, cases, LEAT_CASES);
    cr_assert(blocked(ctx, 1));
    cr_assert_eq(leat_send(ctx, a, &item), LEAT_OK);
    cr_assert_eq(finish(&call), LEAT_OK);
    cr_assert_lt(call.chosen, LEAT_CASES - 1);
    drop_both();
}

Test(select, takes_the_one_that_is_ready, .init = setup, .fini = teardown)
{
    make(1);
    int item = 3, got = 0;
    leat_try_send(b, &item);
    struct leat_case cases[] = {in(a, &got), in(b, &got)};
    cr_assert_eq(leat_select(ctx, cases, 2, &chosen), LEAT_OK);
    cr_assert_eq(chosen, 1);
    cr_assert_eq(cases[1].status, LEAT_OK);
    cr_assert_eq(got, 3);
    leat_try_send(a, &item);
    struct leat_case sends[] = {out(a, &item), out(b, &item)};
    cr_assert_eq(leat_select(ctx, sends, 2, &chosen), LEAT_OK);
    cr_assert_eq(chosen, 1);
    cr_assert_eq(sends[1].status, LEAT_OK);
    drop_both();
}

Test(select, sends_to_exactly_one, .init = setup, .fini = teardown)
{
    make(7);
    int item = 3, got;
    struct leat_case cases[] = {out(a, &item), out(b, &item), out(a, &item)};
    for (int round = 1; round <= 7; round++) {
        cr_assert_eq(leat_select(ctx, cases, 3, &chosen), LEAT_OK);
        cr_assert_eq(cases[chosen].status, LEAT_OK);
    }
    int inside = 0;
    while (leat_try_recv(a, &got) == LEAT_OK)
        inside++;
    while (leat_try_recv(b, &got) == LEAT_OK)
        inside++;
    cr_assert_eq(inside, 7);
    drop_both();
}

Test(select, every_ready_case_has_its_turn, .init = setup, .fini = teardown)
{
    enum { FOUR = 4 };
    leat_chan *chans[FOUR];
    int item = 1, got;
    struct leat_case cases[FOUR];
    unsigned turns[FOUR] = {0};
    for (int i = 0; i < FOUR; i++) {
        chans[i] = leat_chan_new("c", LEAT_TYPE(int), 1);
        cases[i] = i % 2 ? in(chans[i], &got) : out(chans[i], &item);
    }
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < FOUR; i++)
            if (i % 2)
                leat_try_send(chans[i], &item);
            else
                leat_try_recv(chans[i], &got);
        cr_assert_eq(leat_select(ctx, cases, FOUR, &chosen), LEAT_OK);
        turns[chosen]++;
    }
    for (int i = 0; i < FOUR; i++) {
        cr_assert_gt(turns[i], 0, "case %d", i);
        leat_chan_free(chans[i]);
    }
}

Test(select, a_case_that_is_off_is_never_chosen, .init = setup,
     .fini = teardown)
{
    make(1);
    int item = 1, got;
    for (int round = 0; round < 50; round++) {
        struct leat_case cases[] = {{0}, in(a, &got), {.item = &got}, {0}};
        leat_try_send(a, &item);
        cr_assert_eq(leat_select(ctx, cases, 4, &chosen), LEAT_OK);
        cr_assert_eq(chosen, 1);
    }
    drop_both();
}

Test(select, the_same_channel_may_stand_in_several_cases, .init = setup,
     .fini = teardown)
{
    for (int i = 0; i < FLAVOURS; i++) {
        make(capacities[i]);
        int item = 4, got[2] = {0, 0};
        struct leat_case cases[] = {in(a, &got[0]), in(a, &got[1])};
        struct call call;
        start_select(&call, ctx, cases, 2);
        cr_assert(blocked(ctx, 1));
        cr_assert_eq(leat_try_send(a, &item), LEAT_OK);
        cr_assert_eq(finish(&call), LEAT_OK);
        cr_assert_eq(got[call.chosen], 4, "capacity %zu", capacities[i]);
        cr_assert_eq(got[1 - call.chosen], 0, "one item came once");
        cr_assert_eq(leat_try_send(a, &item),
                     capacities[i] ? LEAT_OK : LEAT_AGAIN,
                     "nothing is left in the queue of the channel");
        drop_both();
    }
}

Test(select, never_meets_itself_at_a_rendezvous, .init = setup,
     .fini = teardown)
{
    make(0);
    leat_ctx *brief = leat_ctx_new(ctx, 3 * LEAT_MS);
    int item = 4, got = 0;
    struct leat_case cases[] = {out(a, &item), in(a, &got)};
    cr_assert_eq(leat_select(brief, cases, 2, &chosen), LEAT_TIMEOUT);
    cr_assert_eq(got, 0);
    leat_ctx_free(brief);
    drop_both();
}

Test(select, sends_and_receives_on_the_same_channel, .init = setup,
     .fini = teardown)
{
    make(1);
    int item = 4, got = 0;
    struct leat_case cases[] = {out(a, &item), in(a, &got)};
    for (size_t round = 0; round < 10; round++) {
        cr_assert_eq(leat_select(ctx, cases, 2, &chosen), LEAT_OK);
        cr_assert_eq(chosen, round % 2, "empty: sends; full: receives");
    }
    drop_both();
    for (int sender = 0; sender < 2; sender++) {
        make(0);
        struct call call;
        got = 0;
        cases[0].send = cases[1].recv = a;
        start_select(&call, ctx, cases, 2);
        cr_assert_eq(sender ? leat_send(ctx, a, &item)
                            : leat_recv(ctx, a, &got),
                     LEAT_OK);
        cr_assert_eq(finish(&call), LEAT_OK);
        cr_assert_eq(call.chosen, (size_t)sender);
        cr_assert_eq(got, 4);
        drop_both();
    }
}

Test(select, a_closed_channel_is_ready, .init = setup, .fini = teardown)
{
    for (int i = 0; i < FLAVOURS; i++) {
        make(capacities[i]);
        int item = 4, got = 0;
        leat_close(b);
        struct leat_case cases[] = {in(a, &got), in(b, &got)};
        cr_assert_eq(leat_select(ctx, cases, 2, &chosen), LEAT_OK);
        cr_assert_eq(chosen, 1);
        cr_assert_eq(cases[1].status, LEAT_CLOSED);
        struct leat_case send = out(b, &item);
        cr_assert_eq(leat_select(ctx, &send, 1, &chosen), LEAT_OK);
        cr_assert_eq(chosen, 0);
        cr_assert_eq(send.status, LEAT_CLOSED);
        drop_both();
    }
}

Test(select, what_is_inside_a_closed_channel_comes_first, .init = setup,
     .fini = teardown)
{
    make(7);
    int got = -1;
    for (int item = 0; item < 3; item++)
        leat_try_send(a, &item);
    leat_close(a);
    struct leat_case one = in(a, &got);
    for (int item = 0; item < 3; item++) {
        cr_assert_eq(leat_select(ctx, &one, 1, &chosen), LEAT_OK);
        cr_assert_eq(one.status, LEAT_OK);
        cr_assert_eq(got, item);
    }
    cr_assert_eq(leat_select(ctx, &one, 1, &chosen), LEAT_OK);
    cr_assert_eq(one.status, LEAT_CLOSED);
    drop_both();
}

Test(select, waits_for_an_item_for_room_and_for_a_close, .init = setup,
     .fini = teardown)
{
    for (int i = 0; i < 3 * FLAVOURS; i++) {
        size_t capacity = capacities[i / 3];
        make(capacity);
        int item = 6, got = 0;
        for (size_t n = 0; n < capacity; n++)
            leat_try_send(b, &item);
        struct leat_case cases[] = {in(a, &got), out(b, &item)};
        struct call call;
        start_select(&call, ctx, cases, 2);
        cr_assert(blocked(ctx, 1));
        if (i % 3 == 0)
            cr_assert_eq(leat_send(ctx, a, &(int){8}), LEAT_OK);
        if (i % 3 == 1)
            cr_assert_eq(leat_recv(ctx, b, &(int){0}), LEAT_OK);
        if (i % 3 == 2)
            leat_close(b);
        cr_assert_eq(finish(&call), LEAT_OK);
        cr_assert_eq(call.chosen, i % 3 != 0);
        cr_assert_eq(cases[call.chosen].status,
                     i % 3 == 2 ? LEAT_CLOSED : LEAT_OK);
        cr_assert_eq(got, i % 3 == 0 ? 8 : 0);
        drop_both();
    }
}

Test(select, hears_cancel_and_deadline, .init = setup, .fini = teardown)
{
    for (int i = 0; i < FLAVOURS; i++) {
        make(capacities[i]);
        leat_ctx *child = leat_ctx_new(ctx, 0);
        leat_ctx *brief = leat_ctx_new(ctx, 2 * LEAT_MS);
        int got = 0;
        struct leat_case cases[] = {in(a, &got), in(b, &got)};
        struct leat_case same[] = {in(a, &got), in(b, &got)};
        struct call call, short_one;
        start_select(&call, child, cases, 2);
        start_select(&short_one, brief, same, 2);
        cr_assert_eq(finish(&short_one), LEAT_TIMEOUT);
        cr_assert(blocked(ctx, 1));
        leat_ctx_cancel(child, 0);
        cr_assert_eq(finish(&call), LEAT_CANCELED);
        cr_assert_eq(got, 0);
        leat_ctx_free(child);
        leat_ctx_free(brief);
        drop_both();
    }
}

/* Once a case was chosen, the others must have been left. */
Test(select, leaves_no_ghost_in_the_other_channels, .init = setup,
     .fini = teardown)
{
    make(0);
    int item = 6, got = 0;
    struct leat_case cases[] = {in(a, &got), in(b, &got), out(b, &item)};
    struct call call;
    start_select(&call, ctx, cases, 3);
    cr_assert(blocked(ctx, 1));
    cr_assert_eq(leat_try_send(a, &item), LEAT_OK);
    cr_assert_eq(leat_try_send(b, &item), LEAT_AGAIN);
    cr_assert_eq(leat_try_recv(b, &got), LEAT_AGAIN);
    cr_assert_eq(finish(&call), LEAT_OK);
    cr_assert_eq(leat_try_send(a, &item), LEAT_AGAIN);
    cr_assert_eq(leat_try_send(b, &item), LEAT_AGAIN);
    cr_assert_eq(leat_try_recv(b, &got), LEAT_AGAIN);
    drop_both();
}

Test(select, two_selects_meet_at_a_rendezvous, .init = setup,
     .fini = teardown)
{
    for (size_t round = 0; round < scaled(100); round++) {
        make(0);
        int item = 11, other = 12, got = 0;
        struct leat_case sends[] = {out(a, &item), out(b, &other)};
        struct leat_case recvs[] = {in(b, &got), in(a, &got)};
        struct call first, second;
        start_select(&first, ctx, sends, 2);
        if (round % 2)
            cr_assert(blocked(ctx, 1));
        start_select(&second, ctx, recvs, 2);
        cr_assert_eq(finish(&first), LEAT_OK);
        cr_assert_eq(finish(&second), LEAT_OK);
        cr_assert_eq(first.chosen, 1 - second.chosen, "round %zu", round);
        cr_assert_eq(got, first.chosen ? 12 : 11);
        drop_both();
    }
}

/* Both want the other: each sends on one and receives on the other. */
Test(select, two_selects_that_cross_meet_once, .init = setup,
     .fini = teardown)
{
    for (size_t round = 0; round < scaled(100); round++) {
        make(0);
        int items[2] = {11, 12}, got[2] = {0, 0};
        struct leat_case one[] = {out(a, &items[0]), in(b, &got[0])};
        struct leat_case two[] = {out(b, &items[1]), in(a, &got[1])};
        struct call first, second;
        start_select(&first, ctx, one, 2);
        start_select(&second, ctx, two, 2);
        cr_assert_eq(finish(&first), LEAT_OK);
        cr_assert_eq(finish(&second), LEAT_OK);
        cr_assert_eq(first.chosen, 1 - second.chosen);
        cr_assert_eq(got[0], first.chosen ? 12 : 0);
        cr_assert_eq(got[1], first.chosen ? 0 : 11);
        drop_both();
    }
}

struct rival {
    leat_chan *ch;
    struct gate *gate;
    int status;
    pthread_t thread;
};

static void *send_when_told(void *arg)
{
    struct rival *rival = arg;
    gate_wait(rival->gate, 1);
    rival->status = leat_try_send(rival->ch, &(int){1});
    return NULL;
}

Test(select, of_two_partners_at_the_same_time_takes_one, .init = setup,
     .fini = teardown)
{
    for (size_t round = 0; round < scaled(200); round++) {
        make(0);
        struct gate gate;
        gate_init(&gate);
        int got = 0;
        struct leat_case cases[] = {in(a, &got), in(b, &got)};
        struct call call;
        start_select(&call, ctx, cases, 2);
        struct rival rivals[2] = {{a, &gate, 1, 0}, {b, &gate, 1, 0}};
        for (int i = 0; i < 2; i++)
            thread_start(&rivals[i].thread, send_when_told, &rivals[i]);
        cr_assert(blocked(ctx, 1));
        gate_open(&gate, 1);
        for (int i = 0; i < 2; i++)
            pthread_join(rivals[i].thread, NULL);
        cr_assert_eq(finish(&call), LEAT_OK);
        cr_assert_eq(rivals[call.chosen].status, LEAT_OK, "round %zu", round);
        cr_assert_eq(rivals[1 - call.chosen].status, LEAT_AGAIN,
                     "round %zu: an item was taken that nobody has", round);
        drop_both();
    }
}

Test(select, of_signals_needs_no_item, .init = setup, .fini = teardown)
{
    struct leat_type signal = {.name = "signal", .size = 0};
    leat_chan *done = leat_chan_new("done", &signal, 1);
    struct leat_case send = {.send = done}, recv = {.recv = done};
    cr_assert_eq(leat_select(ctx, &send, 1, &chosen), LEAT_OK);
    cr_assert_eq(leat_select(ctx, &recv, 1, &chosen), LEAT_OK);
    cr_assert_eq(recv.status, LEAT_OK);
    leat_chan_free(done);
}

Test(select, is_served_in_its_turn_among_plain_receivers, .init = setup,
     .fini = teardown)
{
    for (int i = 0; i < FLAVOURS; i++) {
        make(capacities[i]);
        int got[3] = {0};
        struct leat_case cases[] = {in(b, &got[1]), in(a, &got[1])};
        struct call first, second, third;
        start_recv(&first, ctx, a, &got[0]);
        cr_assert(blocked(ctx, 1));
        start_select(&second, ctx, cases, 2);
        cr_assert(blocked(ctx, 2));
        start_recv(&third, ctx, a, &got[2]);
        cr_assert(blocked(ctx, 3));
        for (int item = 1; item <= 3; item++)
            cr_assert_eq(leat_try_send(a, &item), LEAT_OK);
        cr_assert_eq(finish(&first), LEAT_OK);
        cr_assert_eq(finish(&second), LEAT_OK);
        cr_assert_eq(finish(&third), LEAT_OK);
        cr_assert_eq(second.chosen, 1);
        for (int n = 0; n < 3; n++)
            cr_assert_eq(got[n], n + 1, "capacity %zu", capacities[i]);
        drop_both();
    }
}

/* Two who select sends and two who select receives, over the same channels. */
enum { ITEMS = 400, LONG = 10 * ITEMS };

struct selector {
    int first, items;
    unsigned wrong;
    pthread_t thread;
};

static atomic_uint came[2 * LONG];

static void *select_sends(void *arg)
{
    struct selector *selector = arg;
    for (int i = 0; i < selector->items; i++) {
        int item = selector->first + i;
        size_t which;
        struct leat_case cases[] = {out(a, &item), out(b, &item)};
        selector->wrong += leat_select(ctx, cases, 2, &which) != LEAT_OK ||
                           cases[which].status != LEAT_OK;
    }
    return NULL;
}

static void *select_receives(void *arg)
{
    struct selector *selector = arg;
    int got[2];
    struct leat_case cases[] = {in(a, &got[0]), in(b, &got[1])};
    while (cases[0].recv || cases[1].recv) {
        size_t which;
        if (leat_select(ctx, cases, 2, &which) != LEAT_OK) {
            selector->wrong++;
            break;
        }
        if (cases[which].status == LEAT_CLOSED)
            cases[which].recv = NULL;
        else
            atomic_fetch_add(&came[got[which]], 1);
    }
    return NULL;
}

Test(select, many_lose_and_invent_nothing, .init = setup, .fini = teardown)
{
    int items = (int)scaled(ITEMS);
    for (int i = 0; i < FLAVOURS; i++) {
        make(capacities[i]);
        memset(came, 0, sizeof came);
        struct selector selectors[4];
        for (int n = 0; n < 4; n++) {
            selectors[n] = (struct selector){.first = n / 2 * LONG,
                                             .items = items};
            thread_start(&selectors[n].thread,
                         n % 2 ? select_receives : select_sends,
                         &selectors[n]);
        }
        pthread_join(selectors[0].thread, NULL);
        pthread_join(selectors[2].thread, NULL);
        leat_close(a);
        leat_close(b);
        pthread_join(selectors[1].thread, NULL);
        pthread_join(selectors[3].thread, NULL);
        for (int n = 0; n < 4; n++)
            cr_assert_eq(selectors[n].wrong, 0, "capacity %zu", capacities[i]);
        int right = 0;
        for (int item = 0; item < items; item++)
            right += came[item] == 1 && came[LONG + item] == 1;
        cr_assert_eq(right, items, "capacity %zu", capacities[i]);
        drop_both();
    }
}
