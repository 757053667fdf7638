/* test_pipeline_order.c - in the order of the source, in spite of many workers.
 * run() looks that what an ordered trial saves is ascending.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/run.h"
#include "support/scale.h"
#include <errno.h>

TestSuite(pipeline_order, .timeout = 30);

/* The item waits until so many later ones have passed this stage. */
static unsigned others;

static int lets_others_pass(leat_ctx *ctx, struct act *act)
{
    while (gate_at(&act->ended) < others)
        if (leat_beat(ctx, 0, 0) != LEAT_OK)
            return ETIME;
    return LEAT_OK;
}

/* The item waits until so many later ones are saved. */
static int lets_others_be_saved(leat_ctx *ctx, struct act *act)
{
    while (gate_at(&t.orders) < others)
        if (leat_beat(ctx, 0, 0) != LEAT_OK)
            return ETIME;
    return LEAT_OK;
}

Test(pipeline_order, who_is_overtaken_inside_comes_out_first)
{
    for (int s = CHECK; s <= PACK; s++) {
        trial(60, 5, true);
        others = 20;
        t.acts[s] = (struct act){.at = 0, .how = lets_others_pass};
        cr_assert_eq(run(), LEAT_OK);
        cr_assert_eq(gate_at(&t.orders), 60u);
    }
}

Test(pipeline_order, without_it_the_others_go_ahead)
{
    trial(60, 5, false);
    others = 20;
    t.acts[CHECK] = (struct act){.at = 0, .how = lets_others_be_saved};
    cr_assert_eq(run(), LEAT_OK);
    cr_assert_neq(t.order[0], 0u);
}

Test(pipeline_order, one_ordered_stage_after_an_unordered_one_is_enough)
{
    trial(60, 5, true);
    t.pipeline.stages[CHECK].ordered = false;
    others = 20;
    t.acts[CHECK] = (struct act){.at = 0, .how = lets_others_pass};
    cr_assert_eq(run(), LEAT_OK);
}

Test(pipeline_order, one_worker_keeps_the_order_behind_an_ordered_stage)
{
    trial(60, 5, true);
    t.pipeline.stages[PACK].ordered = false;
    t.pipeline.stages[PACK].workers = 1;
    cr_assert_eq(run(), LEAT_OK);
}

static int mixed(leat_ctx *ctx, struct act *act)
{
    static const int say[] = {LEAT_OK, LEAT_SKIP, EIO, LEAT_OK, LEAT_AGAIN};
    return say[leat_ctx_item(ctx)->seq % 5];
}

Test(pipeline_order, what_is_skipped_or_has_failed_leaves_no_gap)
{
    for (int s = CHECK; s <= PACK; s++) {
        trial(scaled(200), 5, true);
        with_errors_sink();
        t.pipeline.stages[s].retry.attempts = 2;
        t.acts[s] = (struct act){.all = true, .how = mixed};
        int status = run();
        cr_assert(status == LEAT_PARTIAL || scaled(200) < 3);
        cr_assert_eq(t.report.total.ok, (scaled(200) + 4) / 5 +
                                            (scaled(200) + 1) / 5);
    }
}

Test(pipeline_order, all_but_the_last_may_be_skipped)
{
    trial(100, 5, true);
    t.acts[CHECK] = (struct act){.all = true, .times = 1,
                                 .status = LEAT_SKIP};
    gate_open(&t.acts[CHECK].tries[99], 1);
    cr_assert_eq(run(), LEAT_OK);
    cr_assert_eq(t.report.total.ok, 1u);
    cr_assert_eq(t.order[0], 99u);
}

Test(pipeline_order, a_hung_item_stalls_it_only_until_its_timeout)
{
    trial(60, 5, true);
    with_errors_sink();
    t.pipeline.stages[CHECK].timeout = ms(30);
    t.acts[CHECK] = (struct act){.at = 3, .how = hang};
    cr_assert_eq(run(), LEAT_PARTIAL);
    cr_assert_eq(t.report.total.ok, 59u);
    cr_assert_eq(t.failures[0].seq, 3u);
}

Test(pipeline_order, holds_with_any_number_of_items_in_flight)
{
    for (size_t bound = 1; bound <= 9; bound += 2) {
        trial(40, 5, true);
        t.pipeline.in_flight = bound;
        cr_assert_eq(run(), LEAT_OK);
        cr_assert_eq(gate_at(&t.orders), 40u);
    }
}

Test(pipeline_order, holds_with_channels_of_one)
{
    trial(60, 5, true);
    for (int s = CHECK; s <= SAVE; s++)
        t.pipeline.stages[s].capacity = 1;
    cr_assert_eq(run(), LEAT_OK);
}

Test(pipeline_order, a_sink_that_wants_no_more_ends_it)
{
    trial(MOST, 5, true);
    t.pipeline.in_flight = 16;
    t.acts[SAVE] = (struct act){.at = 30, .status = LEAT_CLOSED};
    cr_assert_eq(run(), LEAT_OK);
    cr_assert_eq(gate_at(&t.orders), 30u, "not the first 30");
}

Test(pipeline_order, a_middle_stage_that_wants_no_more_ends_it)
{
    for (int s = CHECK; s <= PACK; s++) {
        trial(MOST, 5, true);
        t.pipeline.in_flight = 16;
        t.acts[s] = (struct act){.at = 30, .status = LEAT_CLOSED};
        cr_assert_eq(run(), LEAT_OK);
        cr_assert_lt(t.report.total.in, MOST);
    }
}

Test(pipeline_order, of_several_sources_workers_loses_none)
{
    trial(scaled(300), 5, true);
    t.in_order = false; /* which of four is first is nobody's promise */
    t.pipeline.stages[READ].workers = 4;
    cr_assert_eq(run(), LEAT_OK);
    cr_assert_eq(gate_at(&t.orders), scaled(300));
}

/* --- the order is the source's, whatever the numbers say --- */

static int numbers_backwards(leat_ctx *ctx, struct act *act)
{
    leat_item_set(ctx, 1000 - t.next, 0);
    return LEAT_OK;
}

Test(pipeline_order, is_that_of_the_source_not_of_the_numbers)
{
    trial(50, 5, true);
    t.in_order = false;
    t.acts[READ] = (struct act){.all = true, .how = numbers_backwards};
    cr_assert_eq(run(), LEAT_OK);
    for (size_t i = 0; i < 50; i++)
        cr_assert_eq(t.order[i], 999 - i);
}
