/* test_pipeline_stuck.c - what a worker that does not come back leaves behind:
 * the item in hand, those before and behind it in its batch, and those that
 * wait for another attempt; with what each has been so far.
 *
 * A stage plays a script, one line for each item. At `X` the test's context is
 * canceled from within and the call stays until the test opens the gate, after
 * leat_run() has returned. A batch is full before it begins, as the stage
 * lingers: so it is known who stands where.
 *
 * The grace is short, for somebody waits for its end. On a busy machine it may
 * be over before the errors sink, which has as long again, had the processor at
 * all: that is another story than the one the test tells, and it is told anew
 * with twice the grace.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/store.h"
#include <errno.h>

TestSuite(pipeline_stuck, .timeout = 30);

/* . fine  S skip  E fails  A again  C closed  X stuck  Y stuck once all others
 * were given to the stage: item by item */
static const char *script;

static int plays(leat_ctx *ctx, struct act *act)
{
    switch (script[leat_ctx_item(ctx)->seq]) {
    case 'S':
        return LEAT_SKIP;
    case 'E':
        return EIO;
    case 'A':
        return LEAT_AGAIN;
    case 'C':
        return LEAT_CLOSED;
    case 'Y':
        gate_wait(&act->calls, (unsigned)strlen(script));
        leat_ctx_cancel(t.ctx, 0);
        return stubborn(ctx, act);
    case 'X':
        leat_ctx_cancel(t.ctx, 0);
        return stubborn(ctx, act);
    default:
        return LEAT_OK;
    }
}

static leat_duration grace;
static struct gate door, inside; /* of a resource that stays */

static struct leat_stage *stage_at(int s)
{
    return s == ERRORS ? &t.pipeline.errors : &t.pipeline.stages[s];
}

/* The trial stands; the stage plays in batches as long as the lines are. */
static void plays_at(int s, const char *lines, size_t batch)
{
    struct leat_stage *stage = stage_at(s);
    script = lines;
    t.acts[s] = (struct act){.all = true, .how = plays};
    stage->batch = batch;
    stage->linger = 10 * LEAT_S;
    stage->retry = (struct leat_retry){.attempts = 3, .backoff = 3600 * LEAT_S,
                                       .backoff_max = 3600 * LEAT_S,
                                       .budget = 100};
    t.pipeline.grace = grace = grace ? 2 * grace : ms(15);
    t.ctx = leat_ctx_root(PATIENCE);
    gate_init(&door);
    gate_init(&inside);
}

static void script_trial(int s, const char *lines)
{
    trial(strlen(lines), 1, false);
    with_errors_sink();
    plays_at(s, lines, strlen(lines));
}

static bool all_is_back(int s)
{
    pthread_mutex_lock(&t.lock);
    bool open = stage_at(s)->resource == &store_resource &&
                store.opens != store.closes;
    pthread_mutex_unlock(&t.lock);
    return !open && token_dropped() == atomic_load(&token_count) &&
           !gate_at(&t.acts[s].busy) &&
           gate_passed(&inside, 1) == gate_passed(&inside, 2);
}

/* The late one comes back, and whatever was kept for it is released. */
static void let_go(int s)
{
    int64_t end = now() + PATIENCE;
    gate_open(&t.acts[s].gate, 1);
    gate_open(&door, 1);
    while (!all_is_back(s) && now() < end)
        look_again();
    cr_assert(all_is_back(s));
    cr_assert_eq(token_wrong(), 0u, "token %u is not dropped once",
                 token_wrong());
}

/* Nobody was late but who is stuck, and what has failed came to its end. */
static bool in_time(int s, const char *lines)
{
    const struct leat_report *r = &t.report;
    return r->total.abandoned == strlen(lines) &&
           (s == ERRORS || !t.pipeline.errors.fn ||
            r->errors.ok == r->total.failed);
}

/* One event for each abandoned item, and each is in the troubles; and what was
 * told of failures is what was counted, wherever the failed items ended. False:
 * it is to be played again. */
static bool abandons(int s, const char *lines)
{
    uint64_t told = 0;
    int status = leat_run(t.ctx, &t.pipeline, &t.report);
    leat_ctx_free(t.ctx);
    if (!in_time(s, lines) && grace < PATIENCE / 8) {
        let_go(s);
        return false;
    }
    cr_assert_eq(status, LEAT_ABANDONED, "%s", leat_strstatus(status));
    check_counts(&t.report, status);
    cr_assert_str_eq(t.wrong, "", "%s", t.wrong);
    cr_assert_eq(t.kinds[LEAT_EVENT_LOST], 0u);
    cr_assert_eq(t.kinds[LEAT_EVENT_ABANDON], strlen(lines));
    cr_assert_eq(t.report.total.abandoned, strlen(lines));
    for (size_t i = 0; i < t.event_count; i++) {
        const struct happened *e = &t.events[i];
        if (e->kind != LEAT_EVENT_ABANDON)
            continue;
        cr_assert_eq(e->seq, (uint64_t)(lines[told++] - '0'), "%llu is left",
                     (unsigned long long)e->seq);
        cr_assert_str_eq(e->stage, stage_at(s)->name);
        cr_assert_eq(e->status, LEAT_ABANDONED);
    }
    cr_assert_str_eq(t.report.cause.stage, stage_at(s)->name);
    return true;
}

static void counts(const struct leat_counts *c, uint64_t ok, uint64_t skipped,
                   uint64_t failed, uint64_t canceled, uint64_t abandoned)
{
    cr_assert(c->ok == ok && c->skipped == skipped && c->failed == failed &&
                  c->canceled == canceled && c->abandoned == abandoned,
              "ok %llu, skipped %llu, failed %llu, canceled %llu, "
              "abandoned %llu", (unsigned long long)c->ok,
              (unsigned long long)c->skipped, (unsigned long long)c->failed,
              (unsigned long long)c->canceled,
              (unsigned long long)c->abandoned);
    cr_assert_eq(c->in, ok + skipped + failed + canceled + abandoned);
}

static bool kept(uint64_t n)
{
    for (size_t i = 0; i < t.failed; i++)
        if (t.failures[i].n == n)
            return true;
    return false;
}

static void fails_before(int s, uint64_t n)
{
    t.acts[s] = (struct act){.at = n, .status = EINVAL};
}

/* --- items on their own --- */

Test(pipeline_stuck, at_the_sink_what_was_done_is_ok)
{
    do {
        script_trial(SAVE, ".SEAX...");
        fails_before(CHECK, 6);
    } while (!abandons(SAVE, "4"));
    counts(&t.report.total, 1, 1, 2, 3, 1);
    counts(&t.report.stages[SAVE], 1, 1, 1, 1, 1);
    counts(&t.report.stages[PACK], 7, 0, 0, 0, 0);
    counts(&t.report.errors, 2, 0, 0, 0, 0);
    cr_assert(kept(2) && kept(6));
    cr_assert_eq(gate_at(&t.saved[0]), 1u);
    cr_assert_eq(t.kinds[LEAT_EVENT_OK], 1u);
    cr_assert_eq(t.kinds[LEAT_EVENT_SKIP], 1u);
    let_go(SAVE);
}

Test(pipeline_stuck, in_the_middle_what_was_done_goes_no_further)
{
    do {
        script_trial(PACK, ".SEAX...");
        fails_before(CHECK, 6);
    } while (!abandons(PACK, "4"));
    counts(&t.report.total, 0, 1, 2, 4, 1);
    counts(&t.report.stages[PACK], 1, 1, 1, 1, 1);
    counts(&t.report.stages[SAVE], 0, 0, 0, 0, 0);
    counts(&t.report.errors, 2, 0, 0, 0, 0);
    cr_assert(kept(2) && kept(6));
    let_go(PACK);
}

Test(pipeline_stuck, a_failure_in_its_batch_is_told)
{
    do {
        script_trial(SAVE, "EX");
    } while (!abandons(SAVE, "1"));
    counts(&t.report.total, 0, 0, 1, 0, 1);
    cr_assert_eq(t.kinds[LEAT_EVENT_FAIL], 1u);
    let_go(SAVE);
}

Test(pipeline_stuck, a_place_in_the_order_is_not_canceled)
{
    do {
        script_trial(PACK, "..X....");
        t.pipeline.stages[CHECK].ordered = true;
        t.pipeline.stages[PACK].ordered = true;
        t.acts[CHECK] = (struct act){.at = 5, .status = LEAT_SKIP};
    } while (!abandons(PACK, "2"));
    counts(&t.report.total, 0, 1, 0, 5, 1);
    counts(&t.report.stages[PACK], 2, 0, 0, 0, 1);
    let_go(PACK);
}

Test(pipeline_stuck, what_waits_for_another_attempt_is_canceled)
{
    do {
        script_trial(SAVE, "A.X.");
        t.pipeline.stages[SAVE].batch = 2;
    } while (!abandons(SAVE, "2"));
    counts(&t.report.total, 1, 0, 0, 2, 1);
    counts(&t.report.stages[SAVE], 1, 0, 0, 1, 1);
    cr_assert_eq(t.report.total.retried, 1u);
    let_go(SAVE);
}

Test(pipeline_stuck, without_an_errors_sink_failures_are_counted)
{
    do {
        script_trial(SAVE, "EX..");
        memset(&t.pipeline.errors, 0, sizeof t.pipeline.errors);
        fails_before(CHECK, 2);
    } while (!abandons(SAVE, "1"));
    counts(&t.report.total, 0, 0, 2, 1, 1);
    let_go(SAVE);
}

/* --- the errors sink --- */

Test(pipeline_stuck, in_the_errors_sink_the_others_have_failed)
{
    do {
        script_trial(ERRORS, "..AX..");
        t.acts[CHECK] = (struct act){.all = true, .status = EIO};
    } while (!abandons(ERRORS, "3"));
    counts(&t.report.total, 0, 0, 5, 0, 1);
    counts(&t.report.errors, 2, 0, 0, 1, 1);
    pthread_mutex_lock(&t.lock); /* the late one is another thread still */
    cr_assert_eq(t.failed, 2u);
    pthread_mutex_unlock(&t.lock);
    let_go(ERRORS);
}

Test(pipeline_stuck, what_the_errors_sink_tries_again_has_failed)
{
    do {
        script_trial(ERRORS, "A.X.");
        t.pipeline.errors.batch = 2;
        t.acts[CHECK] = (struct act){.all = true, .status = EIO};
    } while (!abandons(ERRORS, "2"));
    counts(&t.report.total, 0, 0, 3, 0, 1);
    counts(&t.report.errors, 1, 0, 0, 1, 1);
    let_go(ERRORS);
}

/* --- a transaction --- */

static void store_script(const char *lines)
{
    store_trial(strlen(lines), 1, strlen(lines));
    plays_at(SAVE, lines, strlen(lines));
}

/* The ones that were done may be committed, or never be. */
Test(pipeline_stuck, with_a_transaction_what_was_done_is_abandoned_too)
{
    do {
        store_script(".SEAX...");
        fails_before(CHECK, 6);
    } while (!abandons(SAVE, "014"));
    counts(&t.report.total, 0, 0, 2, 3, 3);
    counts(&t.report.stages[SAVE], 0, 0, 1, 1, 3);
    cr_assert(kept(2) && kept(6));
    let_go(SAVE);
}

static int stays(leat_ctx *ctx)
{
    leat_ctx_cancel(t.ctx, 0);
    gate_wait(&door, 1);
    return LEAT_OK;
}

static int stays_in_end(leat_ctx *ctx, int status, void *state)
{
    gate_open(&inside, 1);
    status = stays(ctx);
    gate_open(&inside, 2);
    return status;
}

static int stays_in_begin(leat_ctx *ctx, void *state)
{
    return stays_in_end(ctx, LEAT_OK, state);
}

static int begins(leat_ctx *ctx, void *state)
{
    return LEAT_OK;
}

Test(pipeline_stuck, in_a_commit_all_that_was_given_is_abandoned)
{
    static const struct leat_resource resource = {.begin = begins,
                                                  .end = stays_in_end};
    do {
        script_trial(SAVE, "..SC..");
        fails_before(CHECK, 1);
        t.pipeline.stages[SAVE].resource = &resource;
    } while (!abandons(SAVE, "023"));
    counts(&t.report.total, 0, 0, 1, 2, 3);
    let_go(SAVE);
}

Test(pipeline_stuck, in_begin_only_the_first_is_abandoned)
{
    static const struct leat_resource resource = {.begin = stays_in_begin};
    do {
        script_trial(SAVE, "....");
        t.pipeline.stages[SAVE].resource = &resource;
    } while (!abandons(SAVE, "0"));
    counts(&t.report.total, 0, 0, 0, 3, 1);
    let_go(SAVE);
}

/* It is not in hand: it only passes. */
Test(pipeline_stuck, in_begin_a_failed_item_goes_to_the_errors_sink)
{
    static const struct leat_resource resource = {.begin = stays_in_begin};
    do {
        script_trial(SAVE, "....");
        fails_before(CHECK, 0);
        t.pipeline.stages[SAVE].resource = &resource;
    } while (!abandons(SAVE, "1"));
    counts(&t.report.total, 0, 0, 1, 2, 1);
    cr_assert(kept(0));
    let_go(SAVE);
}

/* --- the source, and the others --- */

static int source_plays(leat_ctx *ctx, struct act *act)
{
    leat_ctx_cancel(t.ctx, 0);
    return stubborn(ctx, act);
}

Test(pipeline_stuck, what_a_source_has_made_and_not_passed_on_is_canceled)
{
    do {
        trial(20, 1, false);
        plays_at(CHECK, "....................", 1);
        t.pipeline.stages[CHECK].linger = 0;
        t.pipeline.stages[READ].batch = 8;
        t.acts[READ] = (struct act){.at = 5, .how = source_plays};
    } while (!abandons(READ, "5"));
    counts(&t.report.total, 0, 0, 0, 5, 1);
    counts(&t.report.stages[READ], 5, 0, 0, 0, 1);
    let_go(READ);
}

static struct gate told;

static void note_abandon(const struct leat_event *event, void *arg)
{
    note_event(event, arg);
    if (event->kind == LEAT_EVENT_ABANDON)
        gate_open(&told, 1);
}

/* And then for a part of the time that the errors sink has longer. */
static int until_it_is_told(leat_ctx *ctx, struct act *act)
{
    gate_wait(&told, 1);
    return leat_sleep(ctx, t.pipeline.grace / 4);
}

/* The gate gives a race detector no order between the two. */
Test(pipeline_stuck, the_errors_sink_goes_on_meanwhile)
{
    do {
        gate_init(&told);
        script_trial(PACK, "EEX...");
        t.pipeline.stages[PACK].batch = 1;
        t.pipeline.stages[PACK].linger = 0;
        t.pipeline.trace = note_abandon;
        t.acts[ERRORS] = (struct act){.at = 0, .how = until_it_is_told};
        t.pipeline.grace = 2 * grace;
    } while (!abandons(PACK, "2"));
    counts(&t.report.total, 0, 0, 2, 3, 1);
    counts(&t.report.errors, 2, 0, 0, 0, 0);
    let_go(PACK);
}

/* One is stuck, its neighbour has put what follows into the order: none of that
 * can go on. */
Test(pipeline_stuck, what_waits_behind_it_in_the_order_is_settled)
{
    do {
        trial(6, 1, false);
        with_errors_sink();
        plays_at(PACK, "Y.E.S.", 1);
        t.pipeline.stages[PACK].linger = 0;
        t.pipeline.stages[PACK].ordered = true;
        t.pipeline.stages[PACK].workers = 2;
    } while (!abandons(PACK, "0"));
    counts(&t.report.total, 0, 1, 1, 3, 1);
    counts(&t.report.stages[PACK], 3, 1, 1, 0, 1);
    cr_assert(kept(2));
    let_go(PACK);
}
