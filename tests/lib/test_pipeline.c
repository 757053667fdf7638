/* test_pipeline.c - stages in an array, run to the end: what becomes of each
 * item. Retries, batches, ends and order have files of their own.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/run.h"
#include "support/scale.h"
#include <errno.h>

TestSuite(pipeline, .timeout = 30);

static void shaped(int shape, uint64_t count)
{
    trial(count, shapes[shape].workers, shapes[shape].ordered);
    if (shapes[shape].unheard)
        t.pipeline.trace = NULL;
    with_errors_sink();
}

static const struct leat_counts *total(void)
{
    return &t.report.total;
}

Test(pipeline, of_zero_items_ends_well)
{
    for (int i = 0; i < SHAPES; i += NEXT_SHAPE) {
        shaped(i, 0);
        cr_assert_eq(run(), LEAT_OK);
        cr_assert_eq(total()->in, 0u);
    }
}

Test(pipeline, of_one_item_ends_well)
{
    for (int i = 0; i < SHAPES; i += NEXT_SHAPE) {
        shaped(i, 1);
        cr_assert_eq(run(), LEAT_OK);
        cr_assert_eq(total()->ok, 1u);
        cr_assert_eq(gate_at(&t.saved[0]), 1u);
    }
}

Test(pipeline, of_many_items_loses_and_invents_none)
{
    uint64_t count = scaled(400);
    for (int i = 0; i < SHAPES; i += NEXT_SHAPE) {
        shaped(i, count);
        cr_assert_eq(run(), LEAT_OK);
        cr_assert_eq(total()->ok, count);
        for (int s = READ; s <= SAVE; s++)
            cr_assert_eq(t.report.stages[s].ok, count, "stage %d", s);
    }
}

Test(pipeline, may_be_a_source_and_a_sink_only)
{
    trial(20, 1, false);
    t.pipeline.stages[1] = t.pipeline.stages[PACK];
    t.pipeline.stages[2] = t.pipeline.stages[SAVE];
    t.pipeline.stages[3] = (struct leat_stage){0};
    cr_assert_eq(run(), LEAT_OK);
    cr_assert_eq(total()->ok, 20u);
}

Test(pipeline, may_have_as_many_stages_as_fit)
{
    trial(10, 1, false);
    t.pipeline.stages[LEAT_STAGES - 1] = t.pipeline.stages[SAVE];
    t.pipeline.stages[LEAT_STAGES - 2] = t.pipeline.stages[PACK];
    for (int i = CHECK; i < LEAT_STAGES - 2; i++) {
        t.pipeline.stages[i] = t.pipeline.stages[CHECK];
        t.pipeline.stages[i].arg = &t.acts[CHECK];
    }
    cr_assert_eq(run(), LEAT_OK);
    cr_assert_eq(total()->ok, 10u);
    cr_assert_eq(t.report.stages[LEAT_STAGES - 1].ok, 10u);
}

Test(pipeline, the_report_may_be_missing)
{
    trial(5, 1, false);
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    cr_assert_eq(leat_run(ctx, &t.pipeline, NULL), LEAT_OK);
    cr_assert_eq(leat_run(ctx, &t.pipeline, NULL), LEAT_OK);
    leat_ctx_free(ctx);
    cr_assert_eq(gate_at(&t.orders), 5u);
    cr_assert_eq(token_wrong(), 0u);
}

Test(pipeline, leaves_its_context_alive)
{
    trial(5, 1, false);
    t.ctx = leat_ctx_root(PATIENCE);
    cr_assert_eq(run(), LEAT_OK);
    cr_assert_eq(leat_ctx_cause(t.ctx), LEAT_OK);
    cr_assert_eq(leat_ctx_tasks(t.ctx, NULL, 0), 0u);
    leat_ctx_free(t.ctx);
}

Test(pipeline, several_sources_workers_share_the_numbers)
{
    trial(scaled(200), 5, true);
    t.in_order = false; /* which of three is first is nobody's promise */
    t.pipeline.stages[READ].workers = 3;
    cr_assert_eq(run(), LEAT_OK);
    cr_assert_eq(total()->ok, scaled(200));
}

/* Who has seen the end must not keep what the others wait for. */
Test(pipeline, several_sources_workers_end_with_few_items_in_flight)
{
    for (uint64_t count = 0; count < 30; count = 4 * count + 1) {
        for (size_t bound = 1; bound <= 4; bound += 3) {
            trial(count, 1, false);
            t.pipeline.stages[READ].workers = 5;
            t.pipeline.in_flight = bound;
            cr_assert_eq(run(), LEAT_OK);
            cr_assert_eq(total()->ok, count);
        }
    }
}

/* --- skip --- */

Test(pipeline, a_skipped_item_is_no_failure_and_goes_no_further)
{
    for (int i = 0; i < SHAPES; i += NEXT_SHAPE) {
        for (int s = CHECK; s <= SAVE; s++) {
            shaped(i, 20);
            t.acts[s] = (struct act){.at = 7, .status = LEAT_SKIP};
            cr_assert_eq(run(), LEAT_OK);
            cr_assert_eq(total()->skipped, 1u);
            cr_assert_eq(total()->ok, 19u);
            cr_assert_eq(t.report.stages[s].skipped, 1u);
            cr_assert_eq(gate_at(&t.saved[7]), 0u);
            cr_assert_eq(gate_at(&t.acts[SAVE].calls), s == SAVE ? 20u : 19u);
        }
    }
}

Test(pipeline, everything_may_be_skipped)
{
    for (int i = 0; i < SHAPES; i += NEXT_SHAPE) {
        shaped(i, scaled(150));
        t.acts[CHECK] = (struct act){.all = true, .status = LEAT_SKIP};
        cr_assert_eq(run(), LEAT_OK);
        cr_assert_eq(total()->skipped, scaled(150));
    }
}

/* --- failures --- */

Test(pipeline, a_failed_item_is_kept_apart_and_the_rest_goes_on)
{
    for (int i = 0; i < SHAPES; i += NEXT_SHAPE) {
        for (int s = CHECK; s <= SAVE; s++) {
            shaped(i, 20);
            t.acts[s] = (struct act){.at = 7, .status = EIO, .how = explains};
            cr_assert_eq(run(), LEAT_PARTIAL);
            cr_assert_eq(total()->failed, 1u);
            cr_assert_eq(total()->ok, 19u);
            cr_assert_eq(t.report.stages[s].failed, 1u);
            cr_assert_eq(t.report.errors.ok, 1u);
            cr_assert_eq(t.failed, 1u);
            const struct failure *f = &t.failures[0];
            cr_assert_eq(f->n, 7u);
            cr_assert_eq(f->seq, 7u);
            cr_assert_eq(f->error, EIO);
            cr_assert_eq(f->attempts, 1u);
            cr_assert_str_eq(f->stage, t.pipeline.stages[s].name);
            cr_assert_str_eq(f->message, "number 7 is broken");
        }
    }
}

Test(pipeline, a_failed_item_passes_later_stages_of_other_types_untouched)
{
    trial(20, 1, false);
    with_errors_sink();
    t.acts[CHECK] = (struct act){.at = 3, .status = EPERM};
    cr_assert_eq(run(), LEAT_PARTIAL);
    cr_assert_eq(gate_at(&t.acts[CHECK].calls), 20u);
    cr_assert_eq(gate_at(&t.acts[PACK].calls), 19u);
    cr_assert_eq(gate_at(&t.acts[SAVE].calls), 19u);
    cr_assert_eq(t.report.stages[PACK].in, 19u);
    cr_assert_str_eq(t.failures[0].type, "box"); /* no crate was made of it */
}

Test(pipeline, everything_may_fail)
{
    for (int i = 0; i < SHAPES; i += NEXT_SHAPE) {
        shaped(i, scaled(150));
        t.acts[PACK] = (struct act){.all = true, .status = EIO};
        cr_assert_eq(run(), LEAT_PARTIAL);
        cr_assert_eq(total()->failed, scaled(150));
        cr_assert_eq(t.failed, scaled(150));
    }
}

Test(pipeline, failures_are_counted_without_a_sink_for_them)
{
    trial(20, 1, false);
    t.acts[CHECK] = (struct act){.all = true, .status = EIO};
    cr_assert_eq(run(), LEAT_PARTIAL);
    cr_assert_eq(total()->failed, 20u);
    cr_assert_eq(t.report.errors.in, 0u);
}

Test(pipeline, any_unknown_status_is_a_permanent_failure)
{
    static const int statuses[] = {1, INT32_MAX, LEAT_NOMEM, LEAT_INVALID,
                                   LEAT_LOST, -77, LEAT_CANCELED,
                                   LEAT_PARTIAL};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        trial(3, 1, false);
        with_errors_sink();
        t.pipeline.stages[CHECK].retry.attempts = 3;
        t.acts[CHECK] = (struct act){.at = 1, .status = statuses[i]};
        cr_assert_eq(run(), LEAT_PARTIAL, "status %d", statuses[i]);
        cr_assert_eq(t.failures[0].error, statuses[i], "%d became %d",
                     statuses[i], t.failures[0].error);
        cr_assert_eq(gate_at(&t.acts[CHECK].hits), 1u);
    }
}

Test(pipeline, fatal_ends_the_run_and_the_item_is_a_failed_one)
{
    for (int i = 0; i < SHAPES; i += NEXT_SHAPE) {
        for (int s = CHECK; s <= SAVE; s++) {
            shaped(i, 100);
            t.pipeline.in_flight = 8;
            t.acts[s] = (struct act){.at = 5, .status = LEAT_FATAL,
                                     .how = explains};
            cr_assert_eq(run(), LEAT_FATAL);
            cr_assert_str_eq(t.report.cause.stage, t.pipeline.stages[s].name);
            cr_assert_str_eq(t.report.cause.message, "number 5 is broken");
            cr_assert_eq(total()->failed, 1u);
            cr_assert_eq(t.failed, 1u, "it is not in the errors sink");
            cr_assert_eq(t.failures[0].error, LEAT_FATAL);
            if (shapes[i].workers == 1)
                cr_assert_lt(total()->in, 100u);
        }
    }
}

/* --- the source --- */

Test(pipeline, an_error_of_the_source_ends_the_run_with_its_status)
{
    for (int i = 0; i < SHAPES; i += NEXT_SHAPE) {
        shaped(i, 100);
        t.acts[READ] = (struct act){.at = 10, .status = EIO, .how = explains};
        cr_assert_eq(run(), EIO);
        cr_assert_str_eq(t.report.cause.stage, "read");
        cr_assert_str_eq(t.report.cause.message, "number 10 is broken");
        cr_assert_leq(total()->ok, 10u);
    }
}

Test(pipeline, a_source_may_say_fatal)
{
    trial(10, 1, false);
    t.acts[READ] = (struct act){.at = 2, .status = LEAT_FATAL};
    cr_assert_eq(run(), LEAT_FATAL);
    cr_assert_str_eq(t.report.cause.stage, "read");
}

Test(pipeline, a_source_that_makes_batches_makes_the_same_items)
{
    for (size_t batch = 1; batch <= 64; batch *= 4) {
        trial(100, 5, true);
        t.pipeline.stages[READ].batch = batch;
        cr_assert_eq(run(), LEAT_OK);
        for (size_t i = 0; i < 100; i++)
            cr_assert_eq(t.order[i], i);
    }
}

/* --- the sink for failed items --- */

Test(pipeline, an_errors_sink_that_fails_ends_the_run_with_its_status)
{
    trial(100, 1, false);
    with_errors_sink();
    t.pipeline.in_flight = 8;
    t.acts[CHECK] = (struct act){.all = true, .status = EIO};
    t.acts[ERRORS] = (struct act){.all = true, .status = ENOSPC};
    cr_assert_eq(run(), ENOSPC);
    cr_assert_str_eq(t.report.cause.stage, "errors");
    cr_assert_geq(t.report.errors.failed, 1u);
    cr_assert_eq(t.report.errors.ok, 0u);
    cr_assert_lt(total()->in, 100u);
}

Test(pipeline, an_errors_sink_is_tried_again_as_its_own_retry_says)
{
    trial(20, 1, false);
    with_errors_sink();
    t.pipeline.errors.retry.attempts = 3;
    t.acts[CHECK] = (struct act){.at = 5, .status = EIO};
    t.acts[ERRORS] = (struct act){.all = true, .times = 2,
                                  .status = LEAT_AGAIN};
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    cr_assert_eq(leat_run(ctx, &t.pipeline, &t.report), LEAT_PARTIAL);
    leat_ctx_free(ctx);
    cr_assert_eq(t.failed, 1u);
    cr_assert_eq(gate_at(&t.acts[ERRORS].calls), 3u);
    cr_assert_eq(t.report.errors.retried, 2u);
    cr_assert_eq(t.report.errors.ok, 1u);
    cr_assert(adds_up(total()) && adds_up(&t.report.errors));
}

Test(pipeline, an_errors_sink_that_refuses_every_attempt_ends_the_run)
{
    trial(20, 1, false);
    with_errors_sink();
    t.pipeline.errors.retry.attempts = 3;
    t.acts[CHECK] = (struct act){.at = 5, .status = EIO};
    t.acts[ERRORS] = (struct act){.all = true, .status = LEAT_AGAIN};
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    int status = leat_run(ctx, &t.pipeline, &t.report);
    leat_ctx_free(ctx);
    cr_assert_eq(status, LEAT_AGAIN, "%s", leat_strstatus(status));
    cr_assert_eq(gate_at(&t.acts[ERRORS].calls), 3u);
    cr_assert_str_eq(t.report.cause.stage, "errors");
    cr_assert(adds_up(total()) && adds_up(&t.report.errors));
    cr_assert_eq(token_wrong(), 0u);
}

Test(pipeline, an_errors_sink_may_skip_what_it_does_not_want)
{
    trial(20, 1, false);
    with_errors_sink();
    t.acts[CHECK] = (struct act){.at = 5, .status = EIO};
    t.acts[ERRORS] = (struct act){.all = true, .status = LEAT_SKIP};
    cr_assert_eq(run(), LEAT_PARTIAL);
    cr_assert_eq(total()->failed, 1u);
    cr_assert_eq(t.report.errors.skipped, 1u);
}

/* --- no more wanted --- */

Test(pipeline, sink_that_wants_no_more_ends_the_pipeline_normally)
{
    for (int i = 0; i < SHAPES; i += NEXT_SHAPE) {
        shaped(i, 1000);
        t.pipeline.in_flight = 16;
        t.acts[SAVE] = (struct act){.at = 20, .status = LEAT_CLOSED};
        cr_assert_eq(run(), LEAT_OK);
        if (shapes[i].workers == 1)
            cr_assert_lt(total()->in, 1000u, "the source was read to the end");
        cr_assert_gt(total()->skipped, 0u);
        cr_assert_eq(gate_at(&t.saved[20]), 0u);
    }
}

Test(pipeline, a_middle_stage_that_wants_no_more_ends_it_normally)
{
    for (int i = 0; i < SHAPES; i += NEXT_SHAPE) {
        for (int s = CHECK; s <= PACK; s++) {
            shaped(i, 1000);
            t.pipeline.in_flight = 16;
            t.acts[s] = (struct act){.at = 20, .status = LEAT_CLOSED};
            cr_assert_eq(run(), LEAT_OK);
            cr_assert_eq(gate_at(&t.saved[20]), 0u);
            cr_assert_gt(total()->skipped, 0u);
            if (shapes[i].workers > 1)
                continue;
            cr_assert_lt(total()->in, 1000u);
            cr_assert_eq(total()->ok, 20u, "what passed before is saved");
        }
    }
}

Test(pipeline, the_first_item_may_be_more_than_is_wanted)
{
    for (int i = 0; i < SHAPES; i += NEXT_SHAPE) {
        shaped(i, 1000);
        t.pipeline.in_flight = 16;
        t.acts[CHECK] = (struct act){.all = true, .status = LEAT_CLOSED};
        cr_assert_eq(run(), LEAT_OK);
        cr_assert_eq(total()->ok, 0u);
        cr_assert_eq(total()->skipped, total()->in);
    }
}

/* --- how many at a time --- */

static struct gate live, most_live;

static void gauged_drop(void *box)
{
    if (((struct box *)box)->own.id)
        atomic_fetch_sub_explicit(&live.at, 1, memory_order_relaxed);
    box_drop(box);
}

static const struct leat_type gauged_type = {
    .name = "box", .size = sizeof(struct box), .drop = gauged_drop};

static int read_gauged(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    int status = read_box(ctx, in, out, arg);
    if (status == LEAT_OK) {
        unsigned now_live =
            atomic_fetch_add_explicit(&live.at, 1, memory_order_relaxed) + 1;
        gate_open(&most_live, now_live);
    }
    return status;
}

Test(pipeline, never_more_items_are_in_flight_than_allowed)
{
    gate_init(&live);
    gate_init(&most_live);
    for (unsigned bound = 1; bound <= 16; bound *= 4) {
        for (int i = 0; i < SHAPES; i += NEXT_SHAPE) {
            shaped(i, scaled(200));
            atomic_store(&most_live.at, 0);
            t.pipeline.in_flight = bound;
            t.pipeline.stages[READ].fn = read_gauged;
            t.pipeline.stages[READ].out = &gauged_type;
            cr_assert_eq(run(), LEAT_OK);
            cr_assert_eq(gate_at(&live), 0u);
            cr_assert_leq(gate_at(&most_live), bound, "%u of %u at a time",
                          gate_at(&most_live), bound);
        }
    }
}

/* Each waits until all five of the stage are at work, so that it ends only if
 * they are. */
static int meets_four_others(leat_ctx *ctx, struct act *act)
{
    while (gate_at(&act->hits) < 5)
        if (leat_beat(ctx, 0, 0) != LEAT_OK)
            return ENOTSUP;
    return LEAT_OK;
}

Test(pipeline, so_many_workers_work_at_the_same_time)
{
    trial(5, 5, false);
    t.acts[CHECK] = (struct act){.all = true, .how = meets_four_others};
    cr_assert_eq(run(), LEAT_OK);
    cr_assert_geq(gate_at(&t.acts[CHECK].most), 1u);
}

Test(pipeline, one_worker_works_alone)
{
    trial(scaled(200), 1, false);
    cr_assert_eq(run(), LEAT_OK);
    for (int s = READ; s <= SAVE; s++)
        cr_assert_eq(gate_at(&t.acts[s].most), 1u);
}

/* Says how many items were read when the reader was seen waiting. */
static int until_the_reader_waits(leat_ctx *ctx, struct act *act)
{
    struct leat_task tasks[16];
    while (leat_beat(ctx, 0, 0) == LEAT_OK) {
        size_t count = leat_ctx_tasks(t.ctx, tasks, 16);
        for (size_t i = 0; i < count && i < 16; i++)
            if (!strcmp(tasks[i].name, "read") &&
                tasks[i].state == LEAT_TASK_WAITING)
                return LEAT_OK;
        look_again();
    }
    return ETIME;
}

Test(pipeline, a_slow_sink_makes_the_source_wait)
{
    trial(500, 1, false);
    t.ctx = leat_ctx_root(PATIENCE);
    for (int s = CHECK; s <= SAVE; s++)
        t.pipeline.stages[s].capacity = 2;
    t.acts[SAVE] = (struct act){.at = 0, .how = until_the_reader_waits};
    cr_assert_eq(run(), LEAT_OK);
    leat_ctx_free(t.ctx);
    cr_assert_eq(total()->ok, 500u);
}
