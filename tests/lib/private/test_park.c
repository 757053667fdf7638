/* test_park.c - waits that are woken for nothing, and deadlines that move.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "ctx.h"
#include "support/blocked.h"
#include "thread.h"
#include <criterion/criterion.h>

TestSuite(park, .timeout = 30);

/* Bringing a deadline forward makes everybody look again: so this is the way to
 * an empty wake-up. */
Test(park, an_empty_wake_up_does_not_end_a_wait)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    leat_chan *ch = leat_chan_new("c", LEAT_TYPE(int), 0);
    int got[2] = {0};
    struct leat_case one = {.recv = ch, .item = &got[1]};
    struct call recv, select, sleep = {.ctx = ctx, .duration = 1000 * LEAT_S};
    start_recv(&recv, ctx, ch, &got[0]);
    start_select(&select, ctx, &one, 1);
    start(&sleep, call_sleep);
    cr_assert(blocked(ctx, 3));
    int64_t deadline = leat__ctx_deadline(ctx);
    for (int i = 1; i <= 20; i++)
        leat__ctx_tighten(ctx, deadline - i);
    cr_assert(blocked(ctx, 3));
    for (int item = 1; item <= 2; item++)
        cr_assert_eq(leat_send(ctx, ch, &item), LEAT_OK);
    cr_assert_eq(finish(&recv), LEAT_OK);
    cr_assert_eq(finish(&select), LEAT_OK);
    cr_assert_eq(got[0] + got[1], 3);
    cr_assert(blocked(ctx, 1), "the sleeper sleeps on");
    leat_ctx_cancel(ctx, 0);
    cr_assert_eq(finish(&sleep), LEAT_CANCELED);
    leat_chan_free(ch);
    leat_ctx_free(ctx);
}

Test(park, a_deadline_brought_forward_ends_who_waits_already)
{
    leat_ctx *ctx = leat_ctx_root(3600 * LEAT_S);
    leat_ctx *child = leat_ctx_new(ctx, 0), *other = leat_ctx_new(ctx, 0);
    struct call below = {.ctx = child, .duration = 1000 * LEAT_S};
    struct call beside = {.ctx = other, .duration = 1000 * LEAT_S};
    start(&below, call_sleep);
    start(&beside, call_sleep);
    cr_assert(blocked(ctx, 2));
    leat__ctx_tighten(child, leat__after(leat__now(), LEAT_MS));
    cr_assert_eq(finish(&below), LEAT_TIMEOUT);
    cr_assert_eq(leat_ctx_cause(child), LEAT_TIMEOUT);
    cr_assert_eq(leat_ctx_cause(ctx), LEAT_OK);
    cr_assert(blocked(ctx, 1));
    leat_ctx_cancel(ctx, 0);
    cr_assert_eq(finish(&beside), LEAT_CANCELED);
    leat_ctx_free(child);
    leat_ctx_free(other);
    leat_ctx_free(ctx);
}

Test(park, a_context_armed_again_lives_at_most_as_long_as_its_parent)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE), *child = leat_ctx_new(ctx, -1);
    cr_assert_eq(leat_ctx_cause(child), LEAT_TIMEOUT);
    leat__ctx_rearm(child, LEAT__NEVER);
    cr_assert_eq(leat_ctx_cause(child), LEAT_OK);
    cr_assert_leq(leat_ctx_left(child), PATIENCE);
    leat_ctx_cancel(child, 4);
    leat__ctx_rearm(child, leat__after(leat__now(), LEAT_MS));
    cr_assert_eq(leat_sleep(child, PATIENCE), LEAT_TIMEOUT);
    leat_ctx_cancel(ctx, 5);
    leat__ctx_rearm(child, LEAT__NEVER);
    cr_assert_eq(leat_ctx_cause(child), 5, "its parent has ended");
    leat_ctx_free(child);
    leat_ctx_free(ctx);
}
