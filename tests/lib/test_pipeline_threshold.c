/* test_pipeline_threshold.c - when too many items fail, the run stops.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/store.h"
#include <errno.h>

TestSuite(pipeline_threshold, .timeout = 30);

static const struct leat_counts *total(void)
{
    return &t.report.total;
}

Test(pipeline_threshold, so_many_failures_end_the_run)
{
    for (int workers = 1; workers <= 5; workers += 4) {
        trial(MOST, workers, false);
        with_errors_sink();
        t.pipeline.in_flight = 8;
        t.pipeline.threshold.errors = 10;
        t.acts[CHECK] = (struct act){.all = true, .status = EIO};
        cr_assert_eq(run(), LEAT_THRESHOLD);
        cr_assert_geq(total()->failed, 10u);
        cr_assert_leq(total()->failed, 18u);
        cr_assert_eq(t.failed, total()->failed);
        cr_assert_str_eq(t.report.cause.stage, "check");
    }
}

Test(pipeline_threshold, it_is_the_so_many_th_failure_and_not_one_more_or_less)
{
    for (uint64_t failures = 1; failures <= 3; failures++) {
        trial(failures, 1, false);
        t.pipeline.threshold.errors = 2;
        t.acts[CHECK] = (struct act){.all = true, .status = EIO};
        cr_assert_eq(run(), failures < 2 ? LEAT_PARTIAL : LEAT_THRESHOLD);
    }
}

Test(pipeline_threshold, attempts_do_not_count_as_failures)
{
    trial(10, 1, false);
    t.pipeline.threshold.errors = 2;
    t.pipeline.stages[CHECK].retry.attempts = 9;
    t.acts[CHECK] = (struct act){.all = true, .times = 8,
                                 .status = LEAT_AGAIN};
    cr_assert_eq(run(), LEAT_OK);
    cr_assert_eq(total()->retried, 80u);
}

/* The first so many fail; in order and one at a time. */
static uint64_t bad_until;

static int the_first_fail(leat_ctx *ctx, struct act *act)
{
    return leat_ctx_item(ctx)->seq < bad_until ? EIO : LEAT_OK;
}

static int ratio_run(uint64_t count, uint64_t bad,
                     struct leat_threshold threshold)
{
    trial(count, 1, false);
    t.pipeline.in_flight = 1;
    t.pipeline.threshold = threshold;
    bad_until = bad;
    t.acts[CHECK] = (struct act){.all = true, .how = the_first_fail};
    return run();
}

Test(pipeline_threshold, a_share_of_failures_ends_the_run)
{
    struct leat_threshold half = {.ratio = 0.5, .window = 20, .sample = 10};
    cr_assert_eq(ratio_run(100, 100, half), LEAT_THRESHOLD);
    cr_assert_leq(total()->in, 12u, "it was not judged at the sample");
    cr_assert_eq(ratio_run(100, 5, half), LEAT_PARTIAL);
    cr_assert_eq(total()->in, 100u);
    cr_assert_eq(ratio_run(100, 6, half), LEAT_THRESHOLD);
}

Test(pipeline_threshold, a_share_is_not_judged_before_the_sample)
{
    struct leat_threshold all = {.ratio = 0.1, .window = 100, .sample = 50};
    cr_assert_eq(ratio_run(40, 40, all), LEAT_PARTIAL);
    cr_assert_eq(ratio_run(MOST, 40, all), LEAT_THRESHOLD);
    cr_assert_geq(total()->in, 50u);
    cr_assert_lt(total()->in, MOST / 2);
}

Test(pipeline_threshold, a_share_forgets_what_is_behind_the_window)
{
    /* 9 of the first 10 are bad, but nobody looks before 40 have ended, and
     * then only at the last 10. */
    struct leat_threshold last = {.ratio = 0.5, .window = 10, .sample = 40};
    cr_assert_eq(ratio_run(100, 9, last), LEAT_PARTIAL);
    cr_assert_eq(total()->in, 100u);
}

Test(pipeline_threshold, without_a_sample_the_window_must_be_full)
{
    struct leat_threshold window = {.ratio = 0.5, .window = 30};
    cr_assert_eq(ratio_run(29, 29, window), LEAT_PARTIAL);
    cr_assert_eq(ratio_run(31, 31, window), LEAT_THRESHOLD);
}

Test(pipeline_threshold, successes_in_flight_still_commit_after_the_threshold)
{
    store_trial(20, 1, 8);
    t.pipeline.threshold.errors = 1;
    t.pipeline.stages[SAVE].linger = 3600 * LEAT_S;
    t.acts[READ] = (struct act){.at = 10, .how = hang};
    t.acts[SAVE] = (struct act){.at = 4, .status = EIO};
    cr_assert_eq(store_run(), LEAT_THRESHOLD);
    cr_assert_geq(total()->ok, 4u, "%llu", (unsigned long long)total()->ok);
    cr_assert_eq(total()->failed, 1u);
    cr_assert_eq(store.end_cause, LEAT_OK);
}

Test(pipeline_threshold, canceled_items_do_not_count)
{
    trial(20, 1, false);
    t.ctx = leat_ctx_root(PATIENCE);
    t.pipeline.threshold.errors = 1;
    t.acts[CHECK] = (struct act){.at = 3, .how = cancels_the_run};
    cr_assert_eq(run(), LEAT_CANCELED);
    cr_assert_eq(total()->failed, 0u);
    leat_ctx_free(t.ctx);
}

Test(pipeline_threshold, without_one_everything_may_fail)
{
    trial(MOST, 5, false);
    t.acts[CHECK] = (struct act){.all = true, .status = EIO};
    cr_assert_eq(run(), LEAT_PARTIAL);
    cr_assert_eq(total()->failed, MOST);
}
