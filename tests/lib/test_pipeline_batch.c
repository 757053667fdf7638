/* test_pipeline_batch.c - what each worker holds: opened, begun, committed or
 * rolled back, and closed; and a result per item though a batch is not.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/scale.h"
#include "support/store.h"
#include <errno.h>

TestSuite(pipeline_batch, .timeout = 30);

/* All are made and most of them wait for the sink before it takes the first. */
static bool all_are_packed(void)
{
    return gate_at(&t.acts[PACK].ended) == t.count;
}

static void queued(uint64_t count, size_t batch)
{
    store_trial(count, 1, batch);
    store.may_open = all_are_packed;
}

Test(pipeline_batch, opens_begins_ends_and_closes_in_this_order)
{
    store_trial(1, 1, 1);
    cr_assert_eq(store_run(), LEAT_OK);
    cr_assert_str_eq(store.log, "OBf+C");
    store_trial(3, 1, 1);
    t.acts[SAVE].at = UINT64_MAX;
    cr_assert_eq(store_run(), LEAT_OK);
    cr_assert_str_eq(store.log, "OBf+Bf+Bf+C", "%s", store.log);
}

Test(pipeline_batch, begins_nothing_without_an_item)
{
    store_trial(0, 1, 8);
    cr_assert_eq(store_run(), LEAT_OK);
    cr_assert_eq(store.begins, 0u);
}

Test(pipeline_batch, every_worker_has_its_own_and_all_balance)
{
    for (size_t batch = 1; batch <= 16; batch *= 4) {
        store_trial(scaled(200), 5, batch);
        cr_assert_eq(store_run(), LEAT_OK);
        cr_assert_eq(t.report.total.ok, scaled(200));
        cr_assert_eq(store.opens, 5u);
    }
}

Test(pipeline_batch, takes_what_is_there_and_no_more_than_its_size)
{
    queued(20, 8);
    cr_assert_eq(store_run(), LEAT_OK);
    cr_assert_eq(strncmp(store.log, "OBffffffff+Bffffffff+B", 22), 0, "%s",
                 store.log);
    cr_assert_eq(store.largest, 8u);
}

Test(pipeline_batch, without_a_linger_it_never_waits_for_more)
{
    store_trial(20, 1, 10);
    t.pipeline.in_flight = 1; /* a second one comes when the first is through */
    cr_assert_eq(store_run(), LEAT_OK);
    cr_assert_eq(store.largest, 1u);
}

/* The source: not before the sink waits again, and all before are packed. */
static int when_the_sink_waits(leat_ctx *ctx, struct act *act)
{
    struct leat_task tasks[16];
    while (leat_beat(ctx, 0, 0) == LEAT_OK) {
        size_t count = leat_ctx_tasks(t.ctx, tasks, 16);
        for (size_t i = 0; i < count && i < 16; i++)
            if (!strcmp(tasks[i].name, "save") &&
                tasks[i].state == LEAT_TASK_WAITING &&
                gate_at(&t.acts[PACK].ended) + 1 == t.next)
                return LEAT_OK;
        look_again();
    }
    return ETIME;
}

Test(pipeline_batch, lingers_for_more_until_it_is_full_or_nothing_comes)
{
    store_trial(12, 1, 5);
    t.ctx = leat_ctx_root(PATIENCE);
    t.pipeline.stages[SAVE].linger = 3600 * LEAT_S;
    t.acts[READ] = (struct act){.all = true, .how = when_the_sink_waits};
    cr_assert_eq(store_run(), LEAT_OK);
    cr_assert_str_eq(store.log, "OBfffff+Bfffff+Bff+C", "%s", store.log);
    leat_ctx_free(t.ctx);
}

Test(pipeline_batch, lingers_no_longer_than_it_was_told)
{
    store_trial(3, 1, 10);
    t.pipeline.in_flight = 1;
    t.pipeline.stages[SAVE].linger = ms(3);
    cr_assert_eq(store_run(), LEAT_OK);
    cr_assert_geq(t.report.elapsed, 2 * ms(3));
}

/* --- a result per item --- */

Test(pipeline_batch, one_that_fails_leaves_and_the_rest_is_committed)
{
    for (unsigned workers = 1; workers <= 5; workers += 4) {
        store_trial(40, workers, 8);
        t.acts[SAVE] = (struct act){.at = 5, .status = EIO, .how = explains};
        cr_assert_eq(store_run(), LEAT_PARTIAL);
        cr_assert_eq(t.report.total.ok, 39u);
        cr_assert_eq(t.report.total.failed, 1u);
        cr_assert_eq(t.report.total.retried, 0u);
        cr_assert_eq(t.report.stages[SAVE].in, 40u);
        cr_assert_eq(t.failures[0].n, 5u);
        cr_assert_eq(t.failures[0].attempts, 1u, "a redo is no attempt");
        cr_assert_str_eq(t.failures[0].message, "number 5 is broken");
    }
}

Test(pipeline_batch, one_that_fails_alone_is_rolled_back)
{
    store_trial(1, 1, 8);
    t.acts[SAVE].status = EIO;
    cr_assert_eq(store_run(), LEAT_PARTIAL);
    cr_assert_str_eq(store.log, "OBf-C");
}

Test(pipeline_batch, several_that_fail_leave_the_others_alone)
{
    queued(16, 16);
    t.acts[SAVE] = (struct act){.all = true, .status = LEAT_AGAIN, .times = 1};
    t.acts[PACK] = (struct act){.at = 4, .status = EIO};
    cr_assert_eq(store_run(), LEAT_PARTIAL); /* AGAIN, and only one attempt */
    cr_assert_eq(t.report.total.failed, 16u);
    cr_assert_eq(t.report.stages[SAVE].failed, 15u);
    cr_assert_eq(store.commits, 0u);
}

Test(pipeline_batch, a_skipped_one_is_part_of_its_batch)
{
    queued(8, 8);
    t.acts[SAVE] = (struct act){.at = 3, .status = LEAT_SKIP};
    cr_assert_eq(store_run(), LEAT_OK);
    cr_assert_eq(t.report.total.ok, 7u);
    cr_assert_eq(t.report.total.skipped, 1u);
    cr_assert_eq(store.rollbacks, 0u);
}

Test(pipeline_batch, one_that_says_again_joins_a_later_batch)
{
    queued(20, 8);
    t.pipeline.stages[SAVE].retry.attempts = 3;
    t.acts[SAVE] = (struct act){.at = 2, .times = 2, .status = LEAT_AGAIN};
    cr_assert_eq(store_run(), LEAT_OK);
    cr_assert_eq(t.report.total.ok, 20u);
    cr_assert_eq(t.report.total.retried, 2u);
}

Test(pipeline_batch, nothing_is_open_while_one_waits_for_its_next_attempt)
{
    store_trial(1, 1, 8);
    t.pipeline.stages[SAVE].retry =
        (struct leat_retry){.attempts = 2, .backoff = 10 * LEAT_MS};
    t.acts[SAVE] = (struct act){.times = 1, .status = LEAT_AGAIN};
    cr_assert_eq(store_run(), LEAT_OK);
    cr_assert_str_eq(store.log, "OBf-Bf+C");
    cr_assert_geq(t.report.elapsed, 5 * LEAT_MS);
}

Test(pipeline_batch, one_that_wants_no_more_leaves_what_was_done_before)
{
    queued(20, 8);
    t.acts[SAVE] = (struct act){.at = 5, .status = LEAT_CLOSED};
    cr_assert_eq(store_run(), LEAT_OK);
    cr_assert_eq(t.report.total.ok, 5u);
    cr_assert_eq(t.report.total.skipped, 15u);
}

Test(pipeline_batch, a_fatal_one_leaves_an_account_that_adds_up)
{
    queued(20, 8);
    t.acts[SAVE] = (struct act){.at = 5, .status = LEAT_FATAL};
    cr_assert_eq(store_run(), LEAT_FATAL);
    cr_assert_eq(t.report.total.failed, 1u);
}

/* --- committing --- */

Test(pipeline_batch, a_commit_that_says_again_is_redone)
{
    queued(8, 8);
    t.pipeline.stages[SAVE].retry.attempts = 3;
    store.commit_status = LEAT_AGAIN;
    store.commit_times = 2;
    cr_assert_eq(store_run(), LEAT_OK);
    cr_assert_eq(t.report.total.ok, 8u);
    cr_assert_eq(store.rollbacks, 2u);
}

Test(pipeline_batch, a_commit_that_says_again_for_ever_fails_its_items)
{
    queued(8, 8);
    t.pipeline.stages[SAVE].retry.attempts = 3;
    store.commit_status = LEAT_AGAIN;
    store.commit_times = UINT32_MAX;
    cr_assert_eq(store_run(), LEAT_PARTIAL);
    cr_assert_eq(t.report.total.failed, 8u);
    cr_assert_eq(t.failures[0].error, LEAT_AGAIN);
    cr_assert_leq(store.rollbacks, 3u * 15, "%u attempts", store.rollbacks);
}

Test(pipeline_batch, a_commit_that_fails_is_bisected_until_one_is_to_blame)
{
    for (uint64_t bad = 0; bad < 8; bad++) {
        queued(8, 8);
        store.commit_status = EDOM;
        store.cannot_commit = bad;
        cr_assert_eq(store_run(), LEAT_PARTIAL);
        cr_assert_eq(t.report.total.ok, 7u);
        cr_assert_eq(t.failures[0].n, bad);
        cr_assert_eq(t.failures[0].error, EDOM);
        cr_assert_str_eq(t.failures[0].stage, "save");
        cr_assert_leq(store.rollbacks, 4u, "%s", store.log); /* 8, 4, 2, 1 */
    }
}

Test(pipeline_batch, two_that_cannot_be_committed_are_both_found)
{
    queued(13, 13);
    store.commit_status = EDOM;
    store.cannot_commit = 0;
    store.cannot_commit2 = 12;
    cr_assert_eq(store_run(), LEAT_PARTIAL);
    cr_assert_eq(t.report.total.ok, 11u);
    cr_assert_eq(t.report.total.failed, 2u);
}

Test(pipeline_batch, when_nothing_can_be_committed_everything_fails)
{
    queued(8, 8);
    store.commit_status = EDOM;
    store.commit_times = UINT32_MAX;
    cr_assert_eq(store_run(), LEAT_PARTIAL);
    cr_assert_eq(t.report.total.failed, 8u);
}

Test(pipeline_batch, a_bisected_batch_may_hold_skipped_and_failing_ones)
{
    queued(16, 16);
    t.acts[SAVE] = (struct act){.at = 3, .status = LEAT_SKIP};
    store.commit_status = EDOM;
    store.cannot_commit = 9;
    cr_assert_eq(store_run(), LEAT_PARTIAL);
    cr_assert_eq(t.report.total.skipped, 1u);
    cr_assert_eq(t.report.total.failed, 1u);
    cr_assert_eq(t.report.total.ok, 14u);
}

/* --- beginning --- */

Test(pipeline_batch, a_begin_that_says_again_gets_a_new_resource)
{
    store_trial(1, 1, 8);
    t.pipeline.stages[SAVE].retry.attempts = 3;
    store.begin_status = LEAT_AGAIN;
    store.begin_times = 1;
    cr_assert_eq(store_run(), LEAT_OK);
    cr_assert_str_eq(store.log, "ObCOBf+C");
}

Test(pipeline_batch, a_begin_that_fails_fails_its_batch_only)
{
    store_trial(20, 1, 1);
    store.begin_status = EACCES;
    store.begin_times = 1;
    cr_assert_eq(store_run(), LEAT_PARTIAL);
    cr_assert_eq(t.report.total.failed, 1u);
    cr_assert_eq(t.report.total.ok, 19u);
    cr_assert_eq(t.failures[0].error, EACCES);
    cr_assert_str_eq(t.failures[0].stage, "save");
}

Test(pipeline_batch, a_begin_that_says_again_for_ever_ends_some_time)
{
    store_trial(3, 1, 8);
    t.pipeline.stages[SAVE].retry.attempts = 3;
    store.begin_status = LEAT_AGAIN;
    store.begin_times = UINT32_MAX;
    int status = store_run();
    cr_assert(status == LEAT_PARTIAL || status == LEAT_AGAIN, "%s",
              leat_strstatus(status));
    cr_assert_eq(t.report.total.ok, 0u);
}

/* --- opening --- */

Test(pipeline_batch, an_open_that_fails_ends_the_run_with_its_status)
{
    for (unsigned workers = 1; workers <= 5; workers += 4) {
        store_trial(100, workers, 8);
        store.open_status = EACCES;
        store.open_times = 1;
        cr_assert_eq(store_run(), EACCES);
        cr_assert_str_eq(t.report.cause.stage, "save");
        cr_assert_str_eq(t.report.cause.message, "no door");
    }
}

Test(pipeline_batch, a_state_that_a_failed_open_has_set_is_closed)
{
    store_trial(10, 1, 8);
    store.open_status = EACCES;
    store.open_times = 1;
    store.state_though_failed = true;
    cr_assert_eq(store_run(), EACCES);
    cr_assert_str_eq(store.log, "oC");
    store_trial(10, 1, 8);
    store.open_status = EACCES;
    store.open_times = 1;
    cr_assert_eq(store_run(), EACCES);
    cr_assert_str_eq(store.log, "o");
}

Test(pipeline_batch, an_open_that_says_again_is_tried_again)
{
    for (int state = 0; state < 2; state++) {
        store_trial(1, 1, 8);
        t.pipeline.stages[SAVE].retry.attempts = 3;
        store.open_status = LEAT_AGAIN;
        store.open_times = 2;
        store.state_though_failed = state;
        cr_assert_eq(store_run(), LEAT_OK);
        cr_assert_str_eq(store.log, state ? "oCoCOBf+C" : "ooOBf+C");
    }
}

Test(pipeline_batch, an_open_that_says_again_for_ever_ends_the_run)
{
    store_trial(1, 1, 8);
    t.pipeline.stages[SAVE].retry.attempts = 3;
    store.open_status = LEAT_AGAIN;
    store.open_times = UINT32_MAX;
    cr_assert_eq(store_run(), LEAT_AGAIN);
    cr_assert_str_eq(store.log, "ooo");
}

/* --- interrupting --- */

/* A call that looks at no context: only interrupts, and several, break it. */
static int until_interrupted(leat_ctx *ctx, struct act *act)
{
    unsigned before = gate_at(&store.interrupts);
    while (gate_at(&store.interrupts) < before + 3)
        look_again();
    return EINTR;
}

Test(pipeline_batch, a_late_attempt_is_interrupted_until_it_returns)
{
    store_trial(10, 1, 4);
    t.pipeline.stages[SAVE].timeout = ms(10);
    t.pipeline.stages[SAVE].retry.attempts = 2;
    t.acts[SAVE] = (struct act){.at = 3, .times = 1, .how = until_interrupted};
    cr_assert_eq(store_run(), LEAT_OK);
    cr_assert_geq(gate_at(&store.interrupts), 3u);
    cr_assert_eq(t.report.total.retried, 1u);
}

static int cancels_and_waits(leat_ctx *ctx, struct act *act)
{
    leat_ctx_cancel(t.ctx, 0);
    return until_interrupted(ctx, act);
}

Test(pipeline_batch, a_cancel_interrupts_too)
{
    store_trial(10, 1, 4);
    t.ctx = leat_ctx_root(PATIENCE);
    t.acts[SAVE] = (struct act){.at = 3, .times = 1, .how = cancels_and_waits};
    cr_assert_eq(store_run(), LEAT_CANCELED);
    leat_ctx_free(t.ctx);
}

Test(pipeline_batch, nobody_is_interrupted_in_time)
{
    store_trial(scaled(100), 5, 4);
    t.pipeline.stages[SAVE].timeout = 3600 * LEAT_S;
    cr_assert_eq(store_run(), LEAT_OK);
    cr_assert_eq(gate_at(&store.interrupts), 0u);
}

/* --- after a cancel --- */

static int cancels_and_is_done(leat_ctx *ctx, struct act *act)
{
    leat_ctx_cancel(t.ctx, 0);
    return LEAT_OK;
}

Test(pipeline_batch, what_was_done_is_committed_after_a_cancel)
{
    queued(20, 8);
    t.ctx = leat_ctx_root(PATIENCE);
    t.acts[SAVE] = (struct act){.at = 5, .how = cancels_and_is_done};
    cr_assert_eq(store_run(), LEAT_CANCELED);
    cr_assert_eq(store.end_cause, LEAT_OK, "it had an ended context");
    cr_assert_geq(t.report.total.ok, 6u);
    cr_assert_lt(t.report.total.ok, 20u);
    leat_ctx_free(t.ctx);
}

/* --- in the middle, and at the start --- */

static int check_in_store(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    at_home(arg, true);
    return check_box(ctx, in, out, &t.acts[CHECK]);
}

Test(pipeline_batch, a_middle_stage_may_have_batches_and_keep_the_order)
{
    for (unsigned workers = 1; workers <= 5; workers += 4) {
        trial(60, workers, true);
        with_errors_sink();
        memset(&store, 0, sizeof store);
        store.act = &t.acts[CHECK];
        t.pipeline.stages[CHECK].fn = check_in_store;
        t.pipeline.stages[CHECK].resource = &store_resource;
        t.pipeline.stages[CHECK].batch = 7;
        t.pipeline.stages[CHECK].retry.attempts = 2;
        t.acts[CHECK] = (struct act){.at = 11, .status = EIO};
        cr_assert_eq(run(), LEAT_PARTIAL);
        cr_assert_eq(t.report.total.ok, 59u);
        cr_assert_eq(store.begins, store.commits + store.rollbacks);
        cr_assert_eq(store.opens, store.closes);
    }
}

static int read_in_store(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    at_home(arg, true);
    return read_box(ctx, in, out, &t.acts[READ]);
}

Test(pipeline_batch, a_source_may_have_a_resource)
{
    trial(20, 1, false);
    memset(&store, 0, sizeof store);
    store.act = &t.acts[READ];
    t.pipeline.stages[READ].fn = read_in_store;
    t.pipeline.stages[READ].resource = &store_resource;
    t.pipeline.stages[READ].batch = 8;
    cr_assert_eq(run(), LEAT_OK);
    cr_assert_eq(t.report.total.ok, 20u);
    cr_assert_eq(store.opens, store.closes);
    cr_assert_eq(store.begins, store.commits + store.rollbacks);
    cr_assert_geq(store.commits, 3u);
}
