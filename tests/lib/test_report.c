/* test_report.c - what became of every item: afterwards, and while it happens.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/run.h"
#include "support/scale.h"
#include <errno.h>

TestSuite(report, .timeout = 30);

static const struct leat_counts *of(int s)
{
    return &t.report.stages[s];
}

/* --- counts --- */

Test(report, a_stage_counts_what_was_given_to_it)
{
    trial(20, 1, false);
    with_errors_sink();
    t.pipeline.stages[PACK].retry.attempts = 3;
    t.acts[READ] = (struct act){.at = 1, .status = LEAT_SKIP};
    t.acts[CHECK] = (struct act){.at = 2, .status = LEAT_SKIP};
    t.acts[PACK] = (struct act){.at = 3, .status = LEAT_AGAIN};
    t.acts[SAVE] = (struct act){.at = 4, .status = EIO};
    cr_assert_eq(run(), LEAT_PARTIAL);
    cr_assert_eq(of(READ)->in, 20u);
    cr_assert_eq(of(READ)->skipped, 1u);
    cr_assert_eq(of(CHECK)->in, 19u);
    cr_assert_eq(of(CHECK)->skipped, 1u);
    cr_assert_eq(of(PACK)->in, 18u);
    cr_assert_eq(of(PACK)->failed, 1u);
    cr_assert_eq(of(PACK)->retried, 2u);
    cr_assert_eq(of(SAVE)->in, 17u);
    cr_assert_eq(of(SAVE)->failed, 1u);
    cr_assert_eq(of(SAVE)->ok, 16u);
    cr_assert_eq(of(SAVE + 1)->in, 0u);
    cr_assert_eq(t.report.errors.in, 2u);
    cr_assert_eq(t.report.errors.ok, 2u);
}

Test(report, the_total_counts_every_item_once)
{
    trial(20, 5, true);
    with_errors_sink();
    t.pipeline.stages[PACK].retry.attempts = 3;
    t.acts[CHECK] = (struct act){.at = 2, .status = LEAT_SKIP};
    t.acts[PACK] = (struct act){.at = 3, .times = 2, .status = LEAT_AGAIN};
    t.acts[SAVE] = (struct act){.at = 4, .status = EIO};
    cr_assert_eq(run(), LEAT_PARTIAL);
    const struct leat_counts *all = &t.report.total;
    cr_assert_eq(all->in, 20u);
    cr_assert_eq(all->ok, 18u);
    cr_assert_eq(all->skipped, 1u);
    cr_assert_eq(all->failed, 1u);
    cr_assert_eq(all->retried, 2u);
}

Test(report, what_stood_in_it_before_does_not_matter)
{
    trial(5, 1, false);
    memset(&t.report, 0xa5, sizeof t.report);
    cr_assert_eq(run(), LEAT_OK);
    cr_assert_eq(t.report.total.in, 5u);
    cr_assert_null(t.report.cause.stage);
    cr_assert_eq(t.report.errors.in, 0u);
}

Test(report, elapsed_is_the_time_the_run_took)
{
    trial(5, 1, false);
    t.acts[CHECK] = (struct act){.at = 2, .how = slow, .delay = 5 * LEAT_MS};
    int64_t began = now();
    cr_assert_eq(run(), LEAT_OK);
    cr_assert_geq(t.report.elapsed, 5 * LEAT_MS);
    cr_assert_leq(t.report.elapsed, now() - began);
}

/* --- the cause --- */

Test(report, the_cause_is_empty_after_an_orderly_end)
{
    for (int i = 0; i < 2; i++) {
        trial(5, 1, false);
        if (i)
            t.acts[CHECK].status = EIO;
        cr_assert_eq(run(), i ? LEAT_PARTIAL : LEAT_OK);
        cr_assert_eq(t.report.cause.status, 0, "%s",
                     leat_strstatus(t.report.cause.status));
    }
}

Test(report, the_first_cause_stays)
{
    trial(MOST, 5, false);
    t.pipeline.in_flight = 16;
    t.acts[CHECK] = (struct act){.at = 3, .status = LEAT_FATAL,
                                 .how = explains};
    t.acts[READ] = (struct act){.at = 4, .how = hang, .status = EIO};
    cr_assert_eq(run(), LEAT_FATAL);
    cr_assert_str_eq(t.report.cause.message, "number 3 is broken");
    cr_assert_str_eq(t.report.cause.stage, "check");
}

Test(report, an_applications_cause_is_a_number_and_no_errno)
{
    trial(20, 1, false);
    t.ctx = leat_ctx_root(PATIENCE);
    t.acts[CHECK] = (struct act){.at = 3, .status = ENOENT,
                                 .how = cancels_the_run};
    cr_assert_eq(run(), LEAT_CANCELED);
    leat_ctx_free(t.ctx);
    cr_assert_null(strstr(t.report.cause.message, leat_strstatus(ENOENT)),
                   "%s", t.report.cause.message);
    cr_assert_not_null(strstr(t.report.cause.message, "cause 2"), "%s",
                       t.report.cause.message);
}

/* --- troubles --- */

Test(report, counts_more_troubles_than_it_holds_and_the_trace_sees_all)
{
    enum { WORKERS = LEAT_TROUBLES + 8 };
    trial(WORKERS, WORKERS, false);
    t.acts[CHECK] = (struct act){.all = true, .how = all_cancel_the_run,
                                 .status = WORKERS};
    t.ctx = leat_ctx_root(PATIENCE);
    cr_assert_eq(run(), LEAT_CANCELED);
    leat_ctx_free(t.ctx);
    cr_assert_eq(gate_at(&t.acts[CHECK].hits), WORKERS);
    cr_assert_geq(t.report.trouble_count, (size_t)WORKERS);
    cr_assert_eq(t.kinds[LEAT_EVENT_CANCEL], t.report.trouble_count);
    for (size_t i = 0; i < LEAT_TROUBLES; i++) {
        cr_assert_eq(t.report.troubles[i].kind, LEAT_EVENT_CANCEL);
        cr_assert_not_null(t.report.troubles[i].stage);
        if (i)
            cr_assert_geq(t.report.troubles[i - 1].age,
                          t.report.troubles[i].age);
    }
}

Test(report, all_of_the_abandoned_are_in_the_trace)
{
    enum { WORKERS = 3 };
    trial(WORKERS, WORKERS, false);
    t.pipeline.grace = ms(20);
    t.acts[CHECK] = (struct act){.all = true, .how = all_are_stubborn,
                                 .status = WORKERS};
    t.ctx = leat_ctx_root(PATIENCE);
    cr_assert_eq(run(), LEAT_ABANDONED);
    leat_ctx_free(t.ctx);
    uint64_t seqs = 0;
    for (size_t i = 0; i < t.event_count; i++)
        if (t.events[i].kind == LEAT_EVENT_ABANDON &&
            !strcmp(t.events[i].stage, "check")) { /* a source may be late */
            cr_assert_eq(t.events[i].status, LEAT_ABANDONED);
            seqs |= UINT64_C(1) << t.events[i].seq;
        }
    cr_assert_eq(seqs, (UINT64_C(1) << WORKERS) - 1);
    gate_open(&t.acts[CHECK].gate, 1);
    while (token_dropped() != atomic_load(&token_count))
        look_again();
}

/* --- while it happens --- */

static const struct happened *event_of(enum leat_event_kind kind)
{
    for (size_t i = 0; i < t.event_count; i++)
        if (t.events[i].kind == kind)
            return &t.events[i];
    return NULL;
}

Test(report, events_say_what_happened_where_and_to_which_item)
{
    trial(20, 1, false);
    with_errors_sink();
    t.pipeline.stages[PACK].retry.attempts = 2;
    t.acts[CHECK] = (struct act){.at = 2, .status = LEAT_SKIP};
    t.acts[PACK] = (struct act){.at = 3, .times = 1, .status = LEAT_AGAIN};
    t.acts[SAVE] = (struct act){.at = 4, .status = EIO};
    cr_assert_eq(run(), LEAT_PARTIAL);
    const struct happened *e = event_of(LEAT_EVENT_SKIP);
    cr_assert_str_eq(e->stage, "check");
    cr_assert_eq(e->seq, 2u);
    e = event_of(LEAT_EVENT_RETRY);
    cr_assert_str_eq(e->stage, "pack");
    cr_assert_eq(e->seq, 3u);
    cr_assert_eq(e->status, LEAT_AGAIN);
    e = event_of(LEAT_EVENT_FAIL);
    cr_assert_str_eq(e->stage, "save");
    cr_assert_eq(e->seq, 4u);
    cr_assert_eq(e->status, EIO);
    e = event_of(LEAT_EVENT_OK);
    cr_assert_str_eq(e->stage, "save");
}

Test(report, workers_are_numbered_from_zero)
{
    trial(scaled(300), 5, false);
    cr_assert_eq(run(), LEAT_OK);
    for (size_t i = 0; i < t.event_count; i++)
        cr_assert_lt(t.events[i].worker, 5u);
}

Test(report, only_the_events_that_were_asked_for_are_told)
{
    for (int i = 0; i < 2; i++) {
        trial(20, 1, false);
        t.pipeline.stages[PACK].retry.attempts = 2;
        t.acts[CHECK] = (struct act){.at = 2, .status = LEAT_SKIP};
        t.acts[PACK] = (struct act){.at = 3, .times = 1,
                                    .status = LEAT_AGAIN};
        t.acts[SAVE] = (struct act){.at = 4, .status = EIO};
        t.pipeline.events = i ? 1u << LEAT_EVENT_SKIP : 0;
        leat_ctx *ctx = leat_ctx_root(PATIENCE);
        cr_assert_eq(leat_run(ctx, &t.pipeline, &t.report), LEAT_PARTIAL);
        leat_ctx_free(ctx);
        cr_assert_eq(t.kinds[LEAT_EVENT_OK], 0u);
        cr_assert_eq(t.kinds[LEAT_EVENT_SKIP], i ? 1u : 0u);
        cr_assert_eq(t.kinds[LEAT_EVENT_RETRY], i ? 0u : 1u);
        cr_assert_eq(t.kinds[LEAT_EVENT_FAIL], i ? 0u : 1u);
    }
}

Test(report, without_a_trace_nothing_is_told)
{
    trial(20, 1, false);
    t.pipeline.trace = NULL;
    t.pipeline.tick = 1;
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    cr_assert_eq(leat_run(ctx, &t.pipeline, &t.report), LEAT_OK);
    leat_ctx_free(ctx);
}

/* The stage goes on after so many ticks that came while it was there. */
static struct gate ticks, at_it;
static leat_duration last_elapsed;
static uint64_t last_in;

static int until_three_ticks(leat_ctx *ctx, struct act *act)
{
    gate_open(&at_it, 1);
    while (!gate_passed(&ticks, 3))
        if (leat_beat(ctx, 0, 0) != LEAT_OK)
            return ETIME;
    return LEAT_OK;
}

static void note_tick(const struct leat_event *event, void *arg)
{
    const struct leat_report *so_far = event->so_far;
    note_event(event, arg);
    if (event->kind != LEAT_EVENT_TICK)
        return;
    if (event->stage)
        wrong("a tick has a stage", 0);
    if (so_far->elapsed < last_elapsed || so_far->total.in < last_in)
        wrong("the report goes backwards", so_far->total.in);
    if (so_far->total.in < so_far->total.ok)
        wrong("more came out than went in", so_far->total.ok);
    last_elapsed = so_far->elapsed;
    last_in = so_far->total.in;
    if (gate_passed(&at_it, 1))
        gate_step(&ticks);
}

Test(report, ticks_come_while_a_stage_is_busy)
{
    trial(20, 1, false);
    gate_init(&ticks);
    gate_init(&at_it);
    t.pipeline.tick = LEAT_MS;
    t.pipeline.trace = note_tick;
    t.acts[CHECK] = (struct act){.at = 10, .how = until_three_ticks};
    cr_assert_eq(run(), LEAT_OK);
    cr_assert_geq(t.kinds[LEAT_EVENT_TICK], 3u);
    cr_assert_gt(last_in, 0u);
    cr_assert_geq(t.report.elapsed, 3 * LEAT_MS);
}

static struct gate inside, overlaps;

static void dawdle(const struct leat_event *event, void *arg)
{
    if (gate_passed(&inside, 1))
        gate_step(&overlaps);
    gate_open(&inside, 1);
    for (int i = 0; i < 5; i++)
        look_again();
    atomic_store_explicit(&inside.at, 0, memory_order_relaxed);
}

Test(report, the_trace_is_called_one_at_a_time)
{
    trial(scaled(400), 5, false);
    gate_init(&inside);
    gate_init(&overlaps);
    t.pipeline.trace = dawdle;
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    cr_assert_eq(leat_run(ctx, &t.pipeline, NULL), LEAT_OK);
    leat_ctx_free(ctx);
    cr_assert_eq(gate_at(&overlaps), 0u);
}

static void look_at_the_last(const struct leat_event *event, void *arg)
{
    note_event(event, arg);
    last_in = event->so_far->total.ok;
}

Test(report, so_far_is_up_to_date_with_the_event)
{
    trial(50, 5, false);
    t.pipeline.trace = look_at_the_last;
    cr_assert_eq(run(), LEAT_OK);
    cr_assert_geq(last_in, 49u, "%llu", (unsigned long long)last_in);
}
