/* test_pipeline_retry.c - another attempt: how often, when, and how it is
 * counted; and attempts that take too long.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/run.h"
#include "support/scale.h"
#include <errno.h>

TestSuite(pipeline_retry, .timeout = 30);

/* With so many workers, in order or not, and an errors sink. */
static void shaped(int shape, uint64_t count)
{
    trial(count, shapes[shape].workers, shapes[shape].ordered);
    if (shapes[shape].unheard)
        t.pipeline.trace = NULL;
    with_errors_sink();
}

Test(pipeline_retry, goes_on_until_success)
{
    for (int i = 0; i < SHAPES; i += NEXT_SHAPE) {
        for (int s = CHECK; s <= SAVE; s++) {
            shaped(i, 20);
            t.in_order = t.in_order && s != SAVE;
            t.pipeline.stages[s].retry.attempts = 4;
            t.acts[s] = (struct act){.at = 7, .times = 3,
                                     .status = LEAT_AGAIN};
            cr_assert_eq(run(), LEAT_OK);
            cr_assert_eq(t.report.total.ok, 20u);
            cr_assert_eq(t.report.total.retried, 3u);
            cr_assert_eq(t.report.stages[s].retried, 3u);
            cr_assert_eq(t.report.stages[s].in, 20u);
            cr_assert_eq(gate_at(&t.acts[s].calls), 23u);
        }
    }
}

Test(pipeline_retry, ends_when_the_attempts_are_used_up)
{
    for (int i = 0; i < SHAPES; i += NEXT_SHAPE) {
        for (int s = CHECK; s <= SAVE; s++) {
            shaped(i, 20);
            t.pipeline.stages[s].retry.attempts = 4;
            t.acts[s] = (struct act){.at = 7, .status = LEAT_AGAIN};
            cr_assert_eq(run(), LEAT_PARTIAL);
            cr_assert_eq(gate_at(&t.acts[s].hits), 4u);
            cr_assert_eq(t.report.total.retried, 3u);
            cr_assert_eq(t.report.stages[s].failed, 1u);
            cr_assert_eq(t.failures[0].error, LEAT_AGAIN);
            cr_assert_eq(t.failures[0].attempts, 4u);
            cr_assert_eq(t.failures[0].seq, 7u);
        }
    }
}

Test(pipeline_retry, zero_attempts_mean_one)
{
    trial(5, 1, false);
    with_errors_sink();
    t.acts[CHECK] = (struct act){.all = true, .status = LEAT_AGAIN};
    cr_assert_eq(run(), LEAT_PARTIAL);
    cr_assert_eq(gate_at(&t.acts[CHECK].calls), 5u);
    cr_assert_eq(t.report.total.retried, 0u);
}

Test(pipeline_retry, is_not_for_permanent_failures)
{
    trial(5, 1, false);
    with_errors_sink();
    t.pipeline.stages[CHECK].retry.attempts = 9;
    t.acts[CHECK] = (struct act){.at = 2, .status = EIO};
    cr_assert_eq(run(), LEAT_PARTIAL);
    cr_assert_eq(gate_at(&t.acts[CHECK].hits), 1u);
    cr_assert_eq(t.failures[0].attempts, 1u);
}

Test(pipeline_retry, each_stage_counts_its_own_attempts)
{
    trial(5, 1, false);
    with_errors_sink();
    t.pipeline.stages[CHECK].retry.attempts = 3;
    t.pipeline.stages[SAVE].retry.attempts = 2;
    t.acts[CHECK] = (struct act){.at = 2, .times = 2, .status = LEAT_AGAIN};
    t.acts[SAVE] = (struct act){.at = 2, .status = LEAT_AGAIN};
    cr_assert_eq(run(), LEAT_PARTIAL);
    cr_assert_eq(t.failures[0].attempts, 2u);
    cr_assert_str_eq(t.failures[0].stage, "save");
    cr_assert_eq(t.report.total.retried, 3u);
}

Test(pipeline_retry, an_attempt_starts_with_a_zeroed_output)
{
    trial(50, 5, false); /* check_box() looks */
    t.pipeline.stages[CHECK].retry.attempts = 3;
    t.acts[CHECK] = (struct act){.all = true, .times = 2,
                                 .status = LEAT_AGAIN};
    cr_assert_eq(run(), LEAT_OK);
    cr_assert_eq(t.report.total.retried, 100u);
}

Test(pipeline_retry, every_retry_may_succeed_in_the_end)
{
    for (int i = 0; i < SHAPES; i += NEXT_SHAPE) {
        shaped(i, 50);
        t.in_order = false;
        for (int s = CHECK; s <= SAVE; s++) {
            t.pipeline.stages[s].retry.attempts = 2;
            t.acts[s] = (struct act){.all = true, .times = 1,
                                     .status = LEAT_AGAIN};
        }
        cr_assert_eq(run(), LEAT_OK);
        cr_assert_eq(t.report.total.retried, 150u);
    }
}

/* --- the budget --- */

static unsigned retries_of_an_outage(uint64_t count, double budget)
{
    trial(count, 1, false);
    t.pipeline.stages[CHECK].retry =
        (struct leat_retry){.attempts = 10, .budget = budget};
    t.acts[CHECK] = (struct act){.all = true, .status = LEAT_AGAIN};
    cr_assert_eq(run(), LEAT_PARTIAL);
    cr_assert_eq(t.report.total.failed, count);
    return (unsigned)t.report.total.retried;
}

Test(pipeline_retry, an_outage_uses_up_the_budget_and_no_more)
{
    /* 100 at first, and a share of each new item; without it 9 * 300. */
    unsigned retried = retries_of_an_outage(300, 0.2);
    cr_assert_geq(retried, 100u);
    cr_assert_leq(retried, 160u);
    cr_assert_eq(retries_of_an_outage(300, 0), retried, "0 is not 0.2");
    unsigned more = retries_of_an_outage(300, 1);
    cr_assert_geq(more, 300u);
    cr_assert_leq(more, 400u);
}

Test(pipeline_retry, the_budget_is_one_for_all_workers_of_the_stage)
{
    trial(300, 5, false);
    t.pipeline.stages[CHECK].retry =
        (struct leat_retry){.attempts = 10, .budget = 0.2};
    t.acts[CHECK] = (struct act){.all = true, .status = LEAT_AGAIN};
    cr_assert_eq(run(), LEAT_PARTIAL);
    cr_assert_leq(t.report.total.retried, 160u);
}

/* --- the backoff --- */

Test(pipeline_retry, waits_at_least_half_of_the_backoff_and_doubles_it)
{
    trial(1, 1, false);
    t.pipeline.stages[CHECK].retry =
        (struct leat_retry){.attempts = 4, .backoff = 4 * LEAT_MS};
    t.acts[CHECK] = (struct act){.times = 3, .status = LEAT_AGAIN};
    cr_assert_eq(run(), LEAT_OK);
    cr_assert_geq(t.report.elapsed, (4 + 8 + 16) * LEAT_MS / 2);
}

Test(pipeline_retry, waits_at_most_the_longest_backoff)
{
    trial(1, 1, false);
    t.ctx = leat_ctx_root(PATIENCE);
    t.pipeline.stages[CHECK].retry = (struct leat_retry){
        .attempts = 40, .backoff = LEAT_MS, .backoff_max = LEAT_MS};
    t.acts[CHECK] = (struct act){.times = 39, .status = LEAT_AGAIN};
    cr_assert_eq(run(), LEAT_OK); /* and not after 2^39 ms */
    leat_ctx_free(t.ctx);
}

static int saves_and_cancels(leat_ctx *ctx, struct act *act)
{
    leat_ctx_cancel(t.ctx, 0);
    return LEAT_OK;
}

/* The last of the others ends the run, or nobody does until it is too late. */
Test(pipeline_retry, the_worker_does_other_items_meanwhile)
{
    trial(20, 1, false);
    t.ctx = leat_ctx_root(PATIENCE);
    t.pipeline.stages[CHECK].retry = (struct leat_retry){
        .attempts = 2, .backoff = 3600 * LEAT_S,
        .backoff_max = 3600 * LEAT_S};
    t.acts[CHECK] = (struct act){.at = 0, .times = 1, .status = LEAT_AGAIN};
    t.acts[SAVE] = (struct act){.at = 19, .how = saves_and_cancels};
    cr_assert_eq(run(), LEAT_CANCELED, "the others waited for it");
    cr_assert_eq(t.report.total.ok, 19u);
    cr_assert_eq(t.report.total.canceled, 1u);
    leat_ctx_free(t.ctx);
}

Test(pipeline_retry, in_order_the_others_wait_for_the_one_that_is_late)
{
    for (int workers = 1; workers <= 5; workers += 4) {
        trial(50, workers, true);
        t.pipeline.stages[CHECK].retry =
            (struct leat_retry){.attempts = 2, .backoff = 5 * LEAT_MS};
        t.acts[CHECK] = (struct act){.at = 3, .times = 1,
                                     .status = LEAT_AGAIN};
        cr_assert_eq(run(), LEAT_OK);
        cr_assert_eq(gate_at(&t.orders), 50u);
    }
}

/* Ends the run as soon as the only worker waits for its backoff. */
static void *cancels_a_waiting_run(void *arg)
{
    struct leat_task tasks[16];
    for (bool waits = false; !waits; look_again()) {
        size_t count = leat_ctx_tasks(t.ctx, tasks, 16);
        for (size_t i = 0; i < count && i < 16; i++)
            waits = waits || (!strcmp(tasks[i].name, "check") &&
                              tasks[i].state == LEAT_TASK_WAITING &&
                              gate_at(&t.acts[CHECK].ended) == 1);
    }
    leat_ctx_cancel(t.ctx, 0);
    return NULL;
}

Test(pipeline_retry, a_backoff_ends_with_the_run)
{
    pthread_t thread;
    trial(1, 1, false);
    t.ctx = leat_ctx_root(PATIENCE);
    t.pipeline.stages[CHECK].retry = (struct leat_retry){
        .attempts = 2, .backoff = 3600 * LEAT_S,
        .backoff_max = 3600 * LEAT_S};
    t.acts[CHECK] = (struct act){.all = true, .status = LEAT_AGAIN};
    thread_start(&thread, cancels_a_waiting_run, NULL);
    cr_assert_eq(run(), LEAT_CANCELED);
    pthread_join(thread, NULL);
    cr_assert_eq(t.report.total.canceled, 1u);
    cr_assert_lt(t.report.elapsed, PATIENCE / 2);
    leat_ctx_free(t.ctx);
}

/* --- time --- */

Test(pipeline_retry, an_attempt_that_takes_too_long_is_tried_again)
{
    for (int s = CHECK; s <= SAVE; s++) {
        trial(5, 1, false);
        with_errors_sink();
        t.pipeline.stages[s].timeout = ms(15);
        t.pipeline.stages[s].retry.attempts = 2;
        t.acts[s] = (struct act){.at = 2, .times = 1, .how = hang};
        cr_assert_eq(run(), LEAT_OK);
        cr_assert_eq(t.report.total.retried, 1u);
        cr_assert_eq(gate_at(&t.acts[s].calls), 6u);
    }
}

Test(pipeline_retry, attempts_that_all_take_too_long_fail_with_timeout)
{
    for (int s = CHECK; s <= SAVE; s++) {
        trial(5, 1, false);
        with_errors_sink();
        t.pipeline.stages[s].timeout = ms(10);
        t.pipeline.stages[s].retry.attempts = 2;
        t.acts[s] = (struct act){.at = 2, .how = hang};
        cr_assert_eq(run(), LEAT_PARTIAL);
        cr_assert_eq(t.report.total.failed, 1u);
        cr_assert_eq(t.report.total.ok, 4u);
        cr_assert_eq(t.failures[0].error, LEAT_TIMEOUT);
        cr_assert_eq(t.failures[0].attempts, 2u);
        cr_assert_str_eq(t.failures[0].stage, t.pipeline.stages[s].name);
    }
}

static int hangs_and_says_something_else(leat_ctx *ctx, struct act *act)
{
    hang(ctx, act);
    return act->status;
}

Test(pipeline_retry, what_a_late_attempt_says_is_a_timeout)
{
    trial(3, 1, false);
    with_errors_sink();
    t.pipeline.stages[CHECK].timeout = ms(10);
    t.acts[CHECK] = (struct act){.at = 1, .status = EINTR,
                                 .how = hangs_and_says_something_else};
    cr_assert_eq(run(), LEAT_PARTIAL);
    cr_assert_eq(t.failures[0].error, LEAT_TIMEOUT);
}

Test(pipeline_retry, a_late_attempt_in_a_middle_place_disturbs_no_other)
{
    trial(10, 1, true);
    t.pipeline.stages[CHECK].timeout = ms(15);
    t.pipeline.stages[CHECK].retry.attempts = 2;
    t.acts[CHECK] = (struct act){.at = 4, .times = 1, .how = hang};
    cr_assert_eq(run(), LEAT_OK);
    cr_assert_eq(gate_at(&t.orders), 10u);
}

Test(pipeline_retry, an_attempts_context_is_alive_again_in_the_next)
{
    trial(40, 1, false); /* the one that hangs says what the next ones see */
    t.pipeline.stages[CHECK].timeout = ms(20);
    t.acts[CHECK] = (struct act){.at = 0, .how = hang};
    t.acts[PACK] = (struct act){.all = true, .delay = 1, .how = slow};
    cr_assert_eq(run(), LEAT_PARTIAL);
    cr_assert_eq(t.report.total.ok, 39u);
}

Test(pipeline_retry, a_fast_attempt_is_not_disturbed_by_its_timeout)
{
    trial(scaled(100), 5, false);
    for (int s = CHECK; s <= SAVE; s++)
        t.pipeline.stages[s].timeout = 3600 * LEAT_S;
    cr_assert_eq(run(), LEAT_OK);
}

static int notes_what_is_left(leat_ctx *ctx, struct act *act)
{
    act->delay = leat_ctx_left(ctx);
    return LEAT_OK;
}

Test(pipeline_retry, an_attempt_sees_its_own_deadline)
{
    trial(1, 1, false);
    t.pipeline.stages[CHECK].timeout = 7 * LEAT_S;
    t.pipeline.item_timeout = 9 * LEAT_S;
    t.acts[CHECK].how = notes_what_is_left;
    t.acts[PACK].how = notes_what_is_left;
    cr_assert_eq(run(), LEAT_OK);
    cr_assert_gt(t.acts[CHECK].delay, 0);
    cr_assert_leq(t.acts[CHECK].delay, 7 * LEAT_S);
    cr_assert_gt(t.acts[PACK].delay, 0);
    cr_assert_leq(t.acts[PACK].delay, 9 * LEAT_S);
}

Test(pipeline_retry, an_item_that_takes_too_long_in_all_fails)
{
    for (int s = CHECK; s <= SAVE; s++) {
        trial(5, 1, false);
        with_errors_sink();
        t.pipeline.in_flight = 1; /* it must not hold up the others */
        t.pipeline.item_timeout = ms(40);
        t.pipeline.stages[s].retry.attempts = 9;
        t.acts[s] = (struct act){.at = 2, .how = hang};
        cr_assert_eq(run(), LEAT_PARTIAL);
        cr_assert_geq(t.failed, 1u);
        bool found = false;
        for (size_t i = 0; i < t.failed; i++) { /* one more on a busy machine */
            cr_assert_eq(t.failures[i].error, LEAT_TIMEOUT);
            found = found || t.failures[i].n == 2;
        }
        cr_assert(found);
        if (t.failed == 1)
            cr_assert_str_eq(t.failures[0].stage, t.pipeline.stages[s].name);
    }
}

Test(pipeline_retry, an_items_time_ends_its_backoff)
{
    trial(1, 1, false);
    with_errors_sink();
    t.pipeline.item_timeout = ms(20);
    t.pipeline.stages[CHECK].retry = (struct leat_retry){
        .attempts = 9, .backoff = 3600 * LEAT_S,
        .backoff_max = 3600 * LEAT_S};
    t.acts[CHECK] = (struct act){.at = 0, .status = LEAT_AGAIN};
    cr_assert_eq(run(), LEAT_PARTIAL);
    cr_assert_eq(t.report.total.failed, 1u);
    cr_assert_eq(t.failures[0].error, LEAT_TIMEOUT);
    cr_assert_lt(t.report.elapsed, PATIENCE / 2);
}

/* --- the source --- */

Test(pipeline_retry, a_source_may_be_worth_another_attempt)
{
    trial(20, 1, false);
    t.pipeline.stages[READ].retry.attempts = 3;
    t.acts[READ] = (struct act){.at = 5, .times = 2, .status = LEAT_AGAIN};
    cr_assert_eq(run(), LEAT_OK);
    cr_assert_eq(t.report.total.ok, 20u);
    cr_assert_eq(t.report.stages[READ].retried, 2u);
    for (uint64_t seq = 0; seq < 20; seq++)
        cr_assert_eq(t.order[seq], seq);
}

Test(pipeline_retry, a_source_without_attempts_left_ends_the_run)
{
    trial(20, 1, false);
    t.pipeline.stages[READ].retry.attempts = 3;
    t.acts[READ] = (struct act){.at = 5, .status = LEAT_AGAIN};
    cr_assert_eq(run(), LEAT_AGAIN);
    cr_assert_eq(gate_at(&t.acts[READ].hits), 3u);
    cr_assert_str_eq(t.report.cause.stage, "read");
}
