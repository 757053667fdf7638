/* test_account.c - an account that does not add up is found out; no run can make
 * one, so here it is falsified by hand.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "run.h"
#include <criterion/criterion.h>

TestSuite(account, .timeout = 30);

static int nothing(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    return LEAT_CLOSED;
}

static leat_ctx *ctx;
static struct leat__run *run;
static struct leat_event told[8];
static size_t told_count;

static void note(const struct leat_event *event, void *arg)
{
    told[told_count++ % 8] = *event;
}

static void setup(void)
{
    struct leat_pipeline pipeline = {
        .stages = {{"read", nothing, .out = LEAT_TYPE(int)},
                   {"save", nothing, .in = LEAT_TYPE(int)}},
        .in_flight = 4, .trace = note};
    ctx = leat_ctx_root(20 * LEAT_S);
    run = leat__run_new(ctx, &pipeline, 2);
}

static void teardown(void)
{
    leat__group_free(run->group);
    leat__run_release(run);
    leat_ctx_free(ctx);
}

static struct leat__block *planted(uint64_t seq)
{
    struct leat__block *item = leat__nth_block(run, 2);
    leat__block_keep(run->steps[0], item);
    item->pub.seq = seq;
    return item;
}

Test(account, of_a_run_without_items_nothing_is_lost, .init = setup,
     .fini = teardown)
{
    cr_assert_not(leat__find_lost(run));
    cr_assert_eq(told_count, 0u);
}

Test(account, an_item_that_nobody_has_is_lost_and_named, .init = setup,
     .fini = teardown)
{
    planted(42);
    cr_assert(leat__find_lost(run));
    cr_assert_eq(told_count, 1u);
    cr_assert_eq(told[0].kind, LEAT_EVENT_LOST);
    cr_assert_eq(told[0].seq, 42u);
    cr_assert_eq(told[0].status, LEAT_LOST);
    cr_assert_null(told[0].stage);
    cr_assert_eq(run->report.trouble_count, 1u);
    cr_assert_eq(run->report.troubles[0].seq, 42u);
}

Test(account, what_is_settled_but_kept_is_not_lost, .init = setup,
     .fini = teardown)
{
    leat__cold(run, planted(42))->settled = true;
    cr_assert_not(leat__find_lost(run));
}

Test(account, counts_that_do_not_add_up_are_a_loss, .init = setup,
     .fini = teardown)
{
    struct leat_report *r = &run->report;
    struct leat_counts *counts[] = {&r->total, &r->stages[0], &r->stages[1],
                                    &r->errors};
    for (size_t i = 0; i < 4; i++) {
        counts[i]->in = 1;
        cr_assert(leat__find_lost(run), "%zu", i);
        counts[i]->in = 0;
    }
    cr_assert_not(leat__find_lost(run));
}

Test(account, every_way_to_end_counts_into_the_sum)
{
    const struct leat_counts good = {.in = 15, .ok = 1, .skipped = 2,
                                     .failed = 3, .canceled = 4,
                                     .abandoned = 5, .retried = 99};
    struct leat_counts bad = good;
    cr_assert(leat__adds_up(&good));
    bad.abandoned--;
    cr_assert_not(leat__adds_up(&bad));
}

Test(account, what_a_thread_of_ours_has_still_is_abandoned, .init = setup,
     .fini = teardown)
{
    planted(7);
    leat__settle_alive(run);
    cr_assert_eq(told_count, 1u);
    cr_assert_eq(told[0].kind, LEAT_EVENT_ABANDON);
    cr_assert_eq(told[0].seq, 7u);
    leat__sum(run);
    cr_assert_eq(run->report.total.abandoned, 1u);
}

Test(account, a_failed_item_that_nobody_can_keep_is_failed, .init = setup,
     .fini = teardown)
{
    struct leat__block *item = planted(3);
    leat__block_fail(run->steps[1], item, LEAT_FATAL, 1, "broken");
    cr_assert_eq(leat_send(ctx, run->steps[1]->in, &item), LEAT_OK);
    leat_ctx_cancel(run->late, 0);
    leat__settle_rest(run);
    leat__sum(run);
    cr_assert_eq(run->report.total.failed, 1u);
    cr_assert_null(item->pub.input, "it is settled");
}
