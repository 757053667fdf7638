/* test_stage.c - what a stage function may call, with and without a pipeline
 * around it.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/run.h"
#include <errno.h>

TestSuite(stage, .timeout = 30);

/* Half of an even number. */
static int halve(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    int n = *(const int *)in;
    if (n % 2)
        return leat_fail(ctx, EDOM, "%d is odd", n);
    *(int *)out = n / 2;
    return leat_beat(ctx, 1, 1);
}

Test(stage, is_a_plain_function_that_a_test_may_call)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    int out = 0;
    cr_assert_eq(halve(ctx, &(int){8}, &out, NULL), LEAT_OK);
    cr_assert_eq(out, 4);
    cr_assert_eq(halve(ctx, &(int){7}, &out, NULL), EDOM);
    leat_ctx_free(ctx);
}

/* --- leat_fail --- */

Test(stage, fail_returns_the_status_everywhere)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    cr_assert_eq(leat_fail(ctx, EIO, "x"), EIO);
    cr_assert_eq(leat_fail(ctx, LEAT_AGAIN, "%s", "x"), LEAT_AGAIN);
    cr_assert_eq(leat_fail(ctx, LEAT_OK, "x"), LEAT_OK);
    cr_assert_eq(leat_fail(NULL, 7, "%d", 7), 7);
    leat_ctx_free(ctx);
}

static int explains_at_length(leat_ctx *ctx, struct act *act)
{
    return leat_fail(ctx, EIO, "%0500d", 1);
}

Test(stage, fail_cuts_a_message_that_is_too_long)
{
    trial(1, 1, false);
    with_errors_sink();
    t.acts[CHECK].how = explains_at_length;
    cr_assert_eq(run(), LEAT_PARTIAL);
    cr_assert_eq(strlen(t.failures[0].message), 239u);
    cr_assert_eq(strspn(t.failures[0].message, "0"), 239u);
}

Test(stage, a_failure_without_a_message_has_one_all_the_same)
{
    trial(1, 1, false);
    with_errors_sink();
    t.acts[CHECK].status = ENOENT;
    cr_assert_eq(run(), LEAT_PARTIAL);
    cr_assert_str_eq(t.failures[0].message, leat_strstatus(ENOENT));
}

/* The message of the first attempt must not be told of the second. */
static int explains_once(leat_ctx *ctx, struct act *act)
{
    if (gate_at(&act->hits) == 1)
        return leat_fail(ctx, LEAT_AGAIN, "of the first");
    return ENOENT;
}

Test(stage, a_message_belongs_to_one_attempt)
{
    trial(1, 1, false);
    with_errors_sink();
    t.pipeline.stages[CHECK].retry.attempts = 2;
    t.acts[CHECK].how = explains_once;
    cr_assert_eq(run(), LEAT_PARTIAL);
    cr_assert_str_eq(t.failures[0].message, leat_strstatus(ENOENT));
}

static int explains_and_is_fine(leat_ctx *ctx, struct act *act)
{
    if (leat_ctx_item(ctx)->seq % 2)
        return EIO;
    leat_fail(ctx, EIO, "of another item");
    return LEAT_OK;
}

Test(stage, a_message_counts_only_with_a_failure)
{
    trial(10, 1, false);
    with_errors_sink();
    t.acts[CHECK] = (struct act){.all = true, .how = explains_and_is_fine};
    cr_assert_eq(run(), LEAT_PARTIAL);
    cr_assert_eq(t.failed, 5u);
    for (size_t i = 0; i < 5; i++)
        cr_assert_str_eq(t.failures[i].message, leat_strstatus(EIO));
}

static int explains_twice(leat_ctx *ctx, struct act *act)
{
    leat_fail(ctx, EIO, "first, and longer than the other");
    return leat_fail(ctx, EIO, "second");
}

Test(stage, the_last_message_counts)
{
    trial(1, 1, false);
    with_errors_sink();
    t.acts[CHECK].how = explains_twice;
    cr_assert_eq(run(), LEAT_PARTIAL);
    cr_assert_str_eq(t.failures[0].message, "second");
}

static int explains_its_number(leat_ctx *ctx, struct act *act)
{
    return leat_fail(ctx, EIO, "%llu",
                     (unsigned long long)leat_ctx_item(ctx)->seq);
}

Test(stage, messages_of_many_workers_are_not_mixed_up)
{
    trial(100, 5, false);
    with_errors_sink();
    t.acts[CHECK] = (struct act){.all = true, .how = explains_its_number};
    cr_assert_eq(run(), LEAT_PARTIAL);
    cr_assert_eq(t.failed, 100u);
    for (size_t i = 0; i < 100; i++)
        cr_assert_eq(strtoull(t.failures[i].message, NULL, 10),
                     t.failures[i].seq);
}

/* --- leat_beat --- */

Test(stage, beat_says_when_it_is_time_to_stop)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    cr_assert_eq(leat_beat(NULL, 0, 0), LEAT_INVALID);
    cr_assert_eq(leat_beat(ctx, 1, 10), LEAT_OK);
    cr_assert_eq(leat_beat(ctx, UINT64_MAX, 0), LEAT_OK);
    leat_ctx_cancel(ctx, 4711);
    cr_assert_eq(leat_beat(ctx, 2, 10), LEAT_CANCELED);
    leat_ctx_free(ctx);
    ctx = leat_ctx_root(1);
    while (leat_beat(ctx, 0, 0) == LEAT_OK) /* it looks at the clock */
        ;
    cr_assert_eq(leat_beat(ctx, 0, 0), LEAT_TIMEOUT);
    leat_ctx_free(ctx);
}

static int works_until_a_beat_says_stop(leat_ctx *ctx, struct act *act)
{
    int status;
    for (uint64_t i = 0; (status = leat_beat(ctx, i, 0)) == LEAT_OK; i++)
        look_again();
    act->status = status;
    return EINTR;
}

Test(stage, beat_sees_the_end_of_an_attempt)
{
    trial(3, 1, false);
    with_errors_sink();
    t.pipeline.stages[CHECK].timeout = ms(10);
    t.acts[CHECK] = (struct act){.at = 1, .how = works_until_a_beat_says_stop};
    cr_assert_eq(run(), LEAT_PARTIAL);
    cr_assert_eq(t.acts[CHECK].status, LEAT_TIMEOUT);
    cr_assert_eq(t.failures[0].error, LEAT_TIMEOUT);
}

/* --- arg --- */

Test(stage, without_a_resource_its_function_gets_the_arg)
{
    trial(1, 1, false); /* each act is found through it */
    cr_assert_eq(run(), LEAT_OK);
    for (int s = CHECK; s <= SAVE; s++)
        cr_assert_eq(gate_at(&t.acts[s].calls), 1u);
}

static struct gate ends;

static int counts_ends(leat_ctx *ctx, int status, void *state)
{
    if (state != &t.acts[CHECK])
        wrong("end got another state", 0);
    gate_step(&ends);
    return LEAT_OK;
}

/* Every function of a resource may be missing; without an open the state is
 * the arg. */
Test(stage, a_resource_may_be_half_a_one)
{
    static const struct leat_resource nothing, end_only = {.end = counts_ends};
    trial(20, 5, true);
    gate_init(&ends);
    t.pipeline.stages[CHECK].resource = &end_only;
    cr_assert_eq(run(), LEAT_OK);
    cr_assert_eq(gate_at(&ends), 20u);
    trial(20, 5, true);
    t.pipeline.stages[CHECK].resource = &nothing;
    cr_assert_eq(run(), LEAT_OK);
}
