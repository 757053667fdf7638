/* test_pipeline_end.c - runs that end before their time: canceled, too late,
 * drained, or with a worker that does not come back, stage by stage.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/store.h"
#include <errno.h>

TestSuite(pipeline_end, .timeout = 30);

static const struct leat_counts *total(void)
{
    return &t.report.total;
}

static bool is_trouble(enum leat_event_kind kind, const char *stage,
                       uint64_t seq)
{
    for (size_t i = 0; i < t.report.trouble_count && i < LEAT_TROUBLES; i++) {
        const struct leat_event *e = &t.report.troubles[i];
        if (e->kind == kind && !strcmp(e->stage, stage) && e->seq == seq)
            return true;
    }
    return false;
}

/* --- canceled --- */

Test(pipeline_end, a_cancel_names_every_worker_with_an_item_in_hand)
{
    for (int s = READ; s <= SAVE; s++) {
        trial(20, 1, false);
        with_errors_sink();
        t.ctx = leat_ctx_root(PATIENCE);
        t.acts[s] = (struct act){.at = 7, .status = 4711,
                                 .how = cancels_the_run};
        cr_assert_eq(run(), LEAT_CANCELED);
        cr_assert_eq(leat_ctx_cause(t.ctx), 4711);
        cr_assert(is_trouble(LEAT_EVENT_CANCEL, t.pipeline.stages[s].name, 7),
                  "%s is not named", t.pipeline.stages[s].name);
        if (s != READ) /* what is not made yet is not counted */
            cr_assert_gt(total()->canceled, 0u);
        cr_assert_eq(total()->failed, 0u);
        cr_assert_eq(t.report.trouble_count, t.kinds[LEAT_EVENT_CANCEL]);
        leat_ctx_free(t.ctx);
    }
}

Test(pipeline_end, all_five_workers_of_a_stage_are_named)
{
    trial(20, 5, false);
    t.acts[CHECK] = (struct act){.all = true, .how = all_cancel_the_run,
                                 .status = 5};
    t.ctx = leat_ctx_root(PATIENCE);
    cr_assert_eq(run(), LEAT_CANCELED);
    unsigned workers = 0;
    for (size_t i = 0; i < t.report.trouble_count; i++)
        if (!strcmp(t.report.troubles[i].stage, "check"))
            workers |= 1u << t.report.troubles[i].worker;
    cr_assert_eq(workers, 31u);
    leat_ctx_free(t.ctx);
}

static int fails_and_cancels(leat_ctx *ctx, struct act *act)
{
    leat_ctx_cancel(t.ctx, 0);
    return act->status;
}

Test(pipeline_end, what_is_ok_in_spite_of_a_cancel_counts_as_ok)
{
    trial(20, 1, false);
    t.ctx = leat_ctx_root(PATIENCE);
    t.pipeline.in_flight = 2;
    t.acts[SAVE] = (struct act){.at = 5, .how = fails_and_cancels};
    cr_assert_eq(run(), LEAT_CANCELED);
    cr_assert_eq(gate_at(&t.saved[5]), 1u);
    cr_assert_eq(total()->ok, 6u);
    leat_ctx_free(t.ctx);
}

Test(pipeline_end, under_an_ended_context_nothing_is_read)
{
    trial(20, 1, false);
    t.ctx = leat_ctx_root(PATIENCE);
    leat_ctx_cancel(t.ctx, 5);
    cr_assert_eq(run(), LEAT_CANCELED);
    cr_assert_eq(gate_at(&t.acts[READ].calls), 0u);
    cr_assert_eq(total()->in, 0u);
    leat_ctx_free(t.ctx);
    t.ctx = leat_ctx_root(1);
    cr_assert_eq(run(), LEAT_TIMEOUT);
    leat_ctx_free(t.ctx);
}

Test(pipeline_end, what_a_stage_says_after_the_cancel_counts_as_canceled)
{
    static const int statuses[] = {EIO, LEAT_AGAIN, LEAT_TIMEOUT, LEAT_NOMEM};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        trial(3, 1, false);
        with_errors_sink();
        t.ctx = leat_ctx_root(PATIENCE);
        t.acts[CHECK] = (struct act){.at = 1, .status = statuses[i],
                                     .how = fails_and_cancels};
        cr_assert_eq(run(), LEAT_CANCELED);
        cr_assert_eq(total()->failed, 0u);
        cr_assert_gt(total()->canceled, 0u);
        leat_ctx_free(t.ctx);
    }
}

Test(pipeline_end, a_failed_item_is_never_canceled)
{
    for (int s = CHECK; s <= SAVE; s++) {
        trial(20, 1, false);
        with_errors_sink();
        t.ctx = leat_ctx_root(PATIENCE);
        t.acts[CHECK] = (struct act){.at = 2, .status = EIO};
        t.acts[s == CHECK ? PACK : s] =
            (struct act){.at = 3, .how = cancels_the_run};
        cr_assert_eq(run(), LEAT_CANCELED);
        cr_assert_eq(total()->failed, 1u);
        cr_assert_eq(t.failed, 1u);
        leat_ctx_free(t.ctx);
    }
}

Test(pipeline_end, the_errors_sink_still_works_after_the_cancel)
{
    trial(MOST, 1, false);
    with_errors_sink();
    t.ctx = leat_ctx_root(PATIENCE);
    t.pipeline.in_flight = 8;
    t.acts[CHECK] = (struct act){.all = true, .status = EIO};
    t.acts[ERRORS] = (struct act){.at = 4, .how = fails_and_cancels};
    cr_assert_eq(run(), LEAT_CANCELED);
    cr_assert_eq(t.failed, total()->failed);
    cr_assert_geq(t.failed, 5u);
    leat_ctx_free(t.ctx);
}

/* --- hanging --- */

/* Runs what set_up makes, under a deadline that is long enough to get as far as
 * to the fault before it. */
static int run_late(void (*set_up)(int s), int s, struct gate *reached)
{
    int status = LEAT_OK;
    for (leat_duration time = ms(40); time < PATIENCE; time *= 2) {
        set_up(s);
        gate_init(reached);
        t.ctx = leat_ctx_root(time);
        status = run();
        leat_ctx_free(t.ctx);
        if (gate_passed(reached, 1))
            break;
    }
    return status;
}

static void hangs_at(int s)
{
    trial(20, 1, false);
    with_errors_sink();
    t.acts[s] = (struct act){.at = 2, .how = hang};
}

static void hangs_among_five(int s)
{
    trial(20, 5, true);
    t.acts[s] = (struct act){.at = 2, .how = hang};
}

Test(pipeline_end, a_hang_in_any_stage_ends_at_the_deadline_and_is_named)
{
    for (int s = READ; s <= 2 * SAVE + 1; s++) {
        int at = s % (SAVE + 1);
        cr_assert_eq(run_late(s > SAVE ? hangs_among_five : hangs_at, at,
                              &t.acts[at].gate), LEAT_TIMEOUT);
        cr_assert_eq(total()->abandoned, 0u);
        cr_assert_geq(t.report.trouble_count, 1u);
        const struct leat_event *first = &t.report.troubles[0];
        cr_assert_str_eq(first->stage, t.pipeline.stages[at].name);
        cr_assert_eq(first->kind, LEAT_EVENT_CANCEL);
        cr_assert_eq(first->seq, 2u);
        cr_assert_gt(first->age, 0);
        cr_assert_null(first->so_far);
        cr_assert_not_null(t.report.cause.stage);
        cr_assert_str_eq(t.report.cause.stage, t.pipeline.stages[at].name);
    }
}

static void errors_hang(int s)
{
    trial(20, 1, false);
    with_errors_sink();
    t.pipeline.grace = ms(30);
    t.acts[CHECK] = (struct act){.at = 2, .status = EIO};
    t.acts[ERRORS] = (struct act){.all = true, .how = hang};
}

Test(pipeline_end, a_hang_in_the_errors_sink_ends_too)
{
    cr_assert_eq(run_late(errors_hang, 0, &t.acts[ERRORS].gate),
                 LEAT_TIMEOUT);
    cr_assert(is_trouble(LEAT_EVENT_CANCEL, "errors", 2));
}

static struct gate reached;

static int hangs_in_time(leat_ctx *ctx)
{
    if (leat_ctx_left(t.ctx) <= 0)
        return LEAT_OK;
    gate_open(&reached, 1);
    return leat_sleep(ctx, 3600 * LEAT_S);
}

static int hangs_in_open(leat_ctx *ctx, void *arg, void **state)
{
    return hangs_in_time(ctx);
}

static int hangs_in_begin(leat_ctx *ctx, void *state)
{
    return hangs_in_time(ctx);
}

/* There is no second one: once more is after the cancel. */
static int hangs_in_end(leat_ctx *ctx, int status, void *state)
{
    return hangs_in_time(ctx);
}

static const struct leat_resource hanging[] = {
    {.open = hangs_in_open}, {.begin = hangs_in_begin}, {.end = hangs_in_end}};

static void hangs_in_resource(int i)
{
    trial(20, 1, false);
    t.pipeline.stages[CHECK].resource = &hanging[i];
}

Test(pipeline_end, a_hang_in_open_ends_at_the_deadline_and_is_named)
{
    cr_assert_eq(run_late(hangs_in_resource, 0, &reached), LEAT_TIMEOUT);
    cr_assert(is_trouble(LEAT_EVENT_CANCEL, "check", UINT64_MAX));
}

Test(pipeline_end, a_hang_in_begin_or_end_is_named_with_its_batch)
{
    for (int i = 1; i <= 2; i++) {
        cr_assert_eq(run_late(hangs_in_resource, i, &reached), LEAT_TIMEOUT);
        cr_assert(is_trouble(LEAT_EVENT_CANCEL, "check", 0));
        cr_assert_eq(total()->ok, 0u);
    }
}

/* --- not coming back --- */

/* Opens the gate and waits until who was stuck has returned and everything of
 * the run is released. */
static void let_it_return(struct act *act)
{
    unsigned made = atomic_load(&token_count);
    int64_t end = now() + PATIENCE;
    gate_open(&act->gate, 1);
    while ((token_dropped() != made || gate_at(&act->busy)) && now() < end)
        look_again();
    cr_assert_eq(gate_at(&act->busy), 0u);
    cr_assert_eq(token_wrong(), 0u, "token %u is not dropped once",
                 token_wrong());
}

/* Runs what set_up makes, with a grace that is long enough for all but so many
 * stuck workers. */
static int run_stuck(void (*set_up)(int s), int s, unsigned stuck)
{
    for (leat_duration grace = ms(20);; grace *= 2) {
        set_up(s);
        t.pipeline.grace = grace;
        t.ctx = leat_ctx_root(PATIENCE);
        /* The late one of the errors sink writes what run() would look at. */
        int status = s == ERRORS ? leat_run(t.ctx, &t.pipeline, &t.report)
                                 : run();
        leat_ctx_free(t.ctx);
        if (t.kinds[LEAT_EVENT_ABANDON] == stuck || grace > PATIENCE / 8)
            return status;
        let_it_return(&t.acts[s]);
    }
}

static void stubborn_at(int s)
{
    trial(10, 1, false);
    with_errors_sink();
    t.acts[s] = (struct act){.at = 3, .how = all_are_stubborn};
}

Test(pipeline_end, a_stubborn_stage_is_abandoned_and_named)
{
    for (int s = READ; s <= SAVE; s++) {
        cr_assert_eq(run_stuck(stubborn_at, s, 1), LEAT_ABANDONED);
        cr_assert_str_eq(t.report.cause.stage, t.pipeline.stages[s].name);
        cr_assert(is_trouble(LEAT_EVENT_ABANDON, t.pipeline.stages[s].name, 3));
        if (s != READ)
            cr_assert_geq(total()->abandoned, 1u);
        let_it_return(&t.acts[s]);
        cr_assert_eq(gate_at(&t.saved[3]), s == SAVE); /* by the late one */
    }
}

static void stubborn_errors(int s)
{
    trial(10, 1, false);
    with_errors_sink();
    t.acts[CHECK] = (struct act){.at = 3, .status = EIO};
    t.acts[s] = (struct act){.all = true, .how = all_are_stubborn};
}

Test(pipeline_end, a_stubborn_errors_sink_is_abandoned_too)
{
    int status = run_stuck(stubborn_errors, ERRORS, 1);
    cr_assert_eq(status, LEAT_ABANDONED, "%s", leat_strstatus(status));
    cr_assert(adds_up(total()));
    cr_assert_str_eq(t.report.cause.stage, "errors");
    let_it_return(&t.acts[ERRORS]);
}

static void five_are_stubborn(int s)
{
    trial(20, 5, false);
    t.acts[s] = (struct act){.all = true, .how = all_are_stubborn,
                             .status = 5};
}

Test(pipeline_end, five_stubborn_workers_are_all_abandoned)
{
    cr_assert_eq(run_stuck(five_are_stubborn, PACK, 5), LEAT_ABANDONED);
    unsigned workers = 0;
    for (size_t i = 0; i < t.report.trouble_count; i++)
        if (t.report.troubles[i].kind == LEAT_EVENT_ABANDON)
            workers |= 1u << t.report.troubles[i].worker;
    cr_assert_eq(workers, 31u);
    let_it_return(&t.acts[PACK]);
}

/* The gate opens between the cancel and the end of the grace. */
static int returns_in_the_grace(leat_ctx *ctx, struct act *act)
{
    while (leat_ctx_cause(ctx) == LEAT_OK)
        look_again();
    return EINTR;
}

Test(pipeline_end, who_comes_back_within_the_grace_is_not_abandoned)
{
    for (int s = READ; s <= SAVE; s++) {
        trial(10, 1, false);
        t.pipeline.grace = PATIENCE;
        t.acts[s] = (struct act){.at = 3, .how = returns_in_the_grace};
        t.ctx = leat_ctx_root(ms(40));
        cr_assert_eq(run(), LEAT_TIMEOUT);
        leat_ctx_free(t.ctx);
        cr_assert_eq(total()->abandoned, 0u);
    }
}

/* --- drained --- */

Test(pipeline_end, a_drain_stops_the_source_and_the_rest_flows_out)
{
    for (int workers = 1; workers <= 5; workers += 4) {
        store_trial(MOST, workers, 8);
        t.drain = t.pipeline.drain = leat_ctx_root(PATIENCE);
        t.acts[READ] = (struct act){.at = 20, .how = ends_the_drain};
        cr_assert_eq(store_run(), LEAT_PARTIAL);
        cr_assert_eq(total()->in, 21u, "%llu were read",
                     (unsigned long long)total()->in);
        cr_assert_eq(total()->ok, total()->in, "something did not flow out");
        cr_assert_eq(total()->canceled, 0u);
        leat_ctx_free(t.drain);
    }
}

Test(pipeline_end, a_drain_wakes_a_source_that_waits)
{
    trial(20, 1, false);
    t.drain = t.pipeline.drain = leat_ctx_root(PATIENCE);
    t.acts[READ] = (struct act){.at = 10, .how = ends_the_drain,
                                .status = EINTR};
    cr_assert_eq(run(), LEAT_PARTIAL);
    cr_assert_eq(total()->ok, 10u);
    leat_ctx_free(t.drain);
}

Test(pipeline_end, a_drain_commits_a_batch_that_waits_for_more)
{
    store_trial(20, 1, 100);
    t.pipeline.stages[SAVE].linger = 3600 * LEAT_S;
    t.drain = t.pipeline.drain = leat_ctx_root(PATIENCE);
    t.acts[READ] = (struct act){.at = 10, .how = ends_the_drain,
                                .status = EINTR};
    cr_assert_eq(store_run(), LEAT_PARTIAL);
    cr_assert_eq(total()->ok, 10u);
    cr_assert_eq(store.commits, 1u);
    leat_ctx_free(t.drain);
}

Test(pipeline_end, a_drain_that_has_ended_before_lets_nothing_in)
{
    trial(20, 1, false);
    t.drain = t.pipeline.drain = leat_ctx_root(PATIENCE);
    leat_ctx_cancel(t.drain, 0);
    cr_assert_eq(run(), LEAT_PARTIAL);
    cr_assert_eq(total()->in, 0u);
    leat_ctx_free(t.drain);
}

Test(pipeline_end, a_drain_after_the_source_has_ended_changes_nothing)
{
    trial(20, 1, false);
    t.drain = t.pipeline.drain = leat_ctx_root(PATIENCE);
    t.acts[SAVE] = (struct act){.at = 19, .how = ends_the_drain};
    t.pipeline.in_flight = 1;
    t.count = 20;
    int status = run();
    cr_assert(status == LEAT_OK || status == LEAT_PARTIAL);
    cr_assert_eq(total()->ok, 20u);
    leat_ctx_free(t.drain);
}

static void source_hangs(int s)
{
    trial(20, 1, false);
    t.acts[READ] = (struct act){.at = 10, .how = hang};
}

Test(pipeline_end, by_default_the_source_is_broken_off_at_three_quarters)
{
    leat_duration time = ms(40);
    for (;; time *= 2) { /* what is left of it is enough for the rest */
        source_hangs(READ);
        t.ctx = leat_ctx_root(time);
        cr_assert_eq(run(), LEAT_TIMEOUT);
        leat_ctx_free(t.ctx);
        if ((gate_passed(&t.acts[READ].gate, 1) && !total()->canceled) ||
            time > PATIENCE / 4)
            break;
    }
    cr_assert_eq(total()->ok, 10u, "what was made did not flow out");
    cr_assert_geq(t.report.elapsed, time / 4 * 3 - ms(1));
    cr_assert_eq(total()->canceled, 0u);
}

/* --- the worst that is true --- */

static void fails_and_hangs(int s)
{
    trial(10, 1, false);
    t.acts[CHECK] = (struct act){.at = 1, .status = EIO};
    t.acts[PACK] = (struct act){.at = 3, .how = hang};
}

static void fails_and_is_stubborn(int s)
{
    stubborn_at(s);
    memset(&t.pipeline.errors, 0, sizeof t.pipeline.errors);
    t.acts[CHECK] = (struct act){.at = 1, .status = EIO};
}

/* Abandoned is worse than failed or too late, too late is worse than failed. */
Test(pipeline_end, says_the_worst_that_is_true)
{
    cr_assert_eq(run_stuck(fails_and_is_stubborn, PACK, 1), LEAT_ABANDONED);
    let_it_return(&t.acts[PACK]);

    cr_assert_eq(run_late(fails_and_hangs, 0, &t.acts[PACK].gate),
                 LEAT_TIMEOUT);
}
