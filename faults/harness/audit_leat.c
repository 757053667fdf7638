/* audit_leat.c - a cell of a pipeline of leat's.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "audit.h"
#include <leat/status.h>
#include <stdlib.h>
#include <string.h>

struct trial {
    leat_audit_run *run;
    struct leat_pipeline pipeline;
    struct leat_report report;
    struct leat__kept *kept; /* NULL: the pipeline keeps its own */
    int status;
    size_t threads; /* before */
    bool stuck;     /* some of the run are still there, and use what it has */
};

static const char *victim_of(const leat_audit_run *run)
{
    return run->plan->names[run->cell->stage];
}

/* False: it says why. */
static bool build(leat_audit_run *run, struct leat_pipeline *pipeline)
{
    const struct leat_audit *audit = run->plan->audit;
    int status = audit->build(pipeline, run->cell->workers, audit->arg);

    if (status != LEAT_OK)
        leat__broken(run, LEAT__ACCOUNT, "build failed: %s",
                     leat_strstatus(status));
    return status == LEAT_OK;
}

static void prepare(struct trial *trial)
{
    leat_audit_run *run = trial->run;
    struct leat_stage *victim = &trial->pipeline.stages[run->cell->stage];

    if (trial->pipeline.grace <= 0)
        trial->pipeline.grace = run->grace;
    run->grace = trial->pipeline.grace;
    if (trial->pipeline.seed == 0)
        trial->pipeline.seed = run->plan->seed;
    if (!run->plan->audit->rerun)
        trial->kept = leat__kept_new(&trial->pipeline);
    if (run->base)
        *victim = leat_fault_stage(run->fault, *victim);
}

static void run_it(struct trial *trial)
{
    leat_audit_run *run = trial->run;
    struct leat__ids threads = leat__threads();
    struct leat__hand *hand;

    trial->threads = threads.count;
    leat__ids_free(&threads);
    run->began = leat__harness_now();
    run->ctx = leat_ctx_root(run->deadline);
    hand = leat__hand_begin(run);
    trial->status = leat_run(run->ctx, &trial->pipeline, &trial->report);
    run->ended = leat__harness_now();
    run->hits = leat_fault_hits(run->fault);
    leat__hand_end(hand);
    leat_fault_switch(run->fault, false);
    trial->stuck = !leat__wait_for_threads(trial->threads, run->slack);
}

static void judge_account(struct trial *trial)
{
    leat_audit_run *run = trial->run;
    const struct leat_report *report = &trial->report;

    leat__judge_counts(run, "all", &report->total);
    for (size_t i = 0; i < run->plan->stages; i++)
        leat__judge_counts(run, run->plan->names[i], &report->stages[i]);
    if (trial->status == LEAT_INVALID)
        leat__broken(run, LEAT__ACCOUNT, "it was refused: %s",
                     report->cause.message);
    else if (run->cell->stage > 0 || (trial->status != LEAT__INJECTED &&
                                      trial->status != LEAT_AGAIN))
        /* else the source has ended it */
        leat__judge_fate(run, trial->status, &report->total, report->stages);
}

static bool in_troubles(const struct leat_report *report, const char *stage)
{
    for (size_t i = 0; i < report->trouble_count && i < LEAT_TROUBLES; i++)
        if (report->troubles[i].stage &&
            strcmp(report->troubles[i].stage, stage) == 0)
            return true;
    return false;
}

static void judge_abandoned(struct trial *trial)
{
    const struct leat_report *report = &trial->report;

    for (size_t i = 0; i < report->trouble_count && i < LEAT_TROUBLES; i++)
        if (report->troubles[i].kind == LEAT_EVENT_ABANDON &&
            strcmp(report->troubles[i].stage, victim_of(trial->run)))
            leat__broken(trial->run, LEAT__BLAME, "%s counts as abandoned, too",
                         report->troubles[i].stage);
}

static void judge_failed_at(struct trial *trial, int error)
{
    leat_audit_run *run = trial->run;
    const char *stranger = NULL;

    if (run->cell->stage == 0 && trial->status == error)
        leat__judge_blame(run, trial->report.cause.stage);
    else if (run->cell->stage == 0 && error == LEAT__INJECTED)
        leat__broken(run, LEAT__ACCOUNT,
                     "the source failed, but it ended \"%s\"",
                     leat_strstatus(trial->status));
    else if (trial->kept)
        stranger = leat__kept_stranger(trial->kept, error, victim_of(run));
    if (stranger)
        leat__judge_blame(run, stranger);
}

static void judge_blame(struct trial *trial)
{
    leat_audit_run *run = trial->run;

    if (run->hits == 0)
        return;
    switch (run->cell->kind) {
    case LEAT__ERROR:
        judge_failed_at(trial, LEAT__INJECTED);
        break;
    case LEAT__FLAKY:
        judge_failed_at(trial, LEAT_AGAIN);
        break;
    case LEAT__STUBBORN:
        judge_abandoned(trial);
        leat__judge_blame(run, trial->report.cause.stage);
        break;
    case LEAT__HANG: /* with a timeout of its own its items fail */
    case LEAT__DEADLINE:
    case LEAT__NEVER_CLOSE:
        if (trial->status == LEAT_TIMEOUT)
            leat__judge_blame(run, trial->report.cause.stage);
        else if (trial->report.stages[run->cell->stage].failed == 0)
            leat__judge_blame(run, NULL);
        break;
    case LEAT__CANCEL:
        if (trial->status == LEAT_CANCELED &&
            !in_troubles(&trial->report, victim_of(run)))
            leat__broken(run, LEAT__BLAME,
                         "%s had an item in hand at the cancel, but is not "
                         "named", victim_of(run));
        break;
    default:
        break;
    }
}

static void judge_rerun(struct trial *first, const struct leat_report *second)
{
    leat_audit_run *run = first->run;
    const struct leat_counts *a = &first->report.total, *b = &second->total,
                             *whole = &run->base->total;

    if (b->failed > whole->failed)
        leat__broken(run, LEAT__RERUN, "%llu failed again",
                     (unsigned long long)(b->failed - whole->failed));
    if (a->canceled > 0 || a->in != whole->in)
        return; /* the first run was cut short: a part of the whole is missing */
    if (a->ok + b->ok != whole->ok || a->skipped + b->skipped != whole->skipped)
        leat__broken(run, LEAT__RERUN,
                     "%llu + %llu ok and %llu + %llu skipped, where a run "
                     "without the fault has %llu and %llu",
                     (unsigned long long)a->ok, (unsigned long long)b->ok,
                     (unsigned long long)a->skipped,
                     (unsigned long long)b->skipped,
                     (unsigned long long)whole->ok,
                     (unsigned long long)whole->skipped);
}

/* What failed once more, without the fault. */
static void rerun(struct trial *first)
{
    leat_audit_run *run = first->run;
    const struct leat_audit *audit = run->plan->audit;
    struct leat_pipeline pipeline = {.seed = 0};
    struct leat_report report;
    int status = LEAT_OK;
    leat_ctx *ctx;

    if (!build(run, &pipeline))
        return;
    if (audit->rerun)
        status = audit->rerun(&pipeline, audit->arg);
    else
        leat__kept_rerun(first->kept, &pipeline);
    if (status != LEAT_OK)
        leat__broken(run, LEAT__RERUN, "rerun failed: %s",
                     leat_strstatus(status));
    ctx = leat_ctx_root(30 * LEAT_S);
    if (status == LEAT_OK) {
        leat_run(ctx, &pipeline, &report);
        judge_rerun(first, &report);
        if (audit->rerun_end)
            audit->rerun_end(&report, audit->arg);
    }
    leat_ctx_free(ctx);
    if (audit->clear)
        audit->clear(&pipeline, audit->arg);
}

static void maybe_rerun(struct trial *trial)
{
    leat_audit_run *run = trial->run;
    const char *why_not;

    if (!run->base || run->cell->stage == 0 || trial->report.total.failed == 0 ||
        (run->cell->kind != LEAT__ERROR && run->cell->kind != LEAT__FLAKY))
        return;
    why_not = trial->kept ? leat__kept_check(trial->kept) : NULL;
    if (why_not)
        leat__unjudged(run, LEAT__RERUN, "%s", why_not);
    else
        rerun(trial);
}

static void note_base(struct trial *trial)
{
    struct leat__base *base = &trial->run->cell->base;

    *base = (struct leat__base){.status = trial->status,
                                .elapsed = trial->run->ended - trial->run->began,
                                .grace = trial->pipeline.grace,
                                .total = trial->report.total};
    memcpy(base->stages, trial->report.stages, sizeof base->stages);
    if (trial->status != LEAT_OK && trial->status != LEAT_PARTIAL)
        leat__broken(trial->run, LEAT__ENDS, "without any fault it ends \"%s\"",
                     leat_strstatus(trial->status));
}

void leat__run_pipeline(leat_audit_run *run)
{
    const struct leat_audit *audit = run->plan->audit;
    struct trial *trial = calloc(1, sizeof *trial);

    if (!trial)
        abort();
    trial->run = run;
    if (build(run, &trial->pipeline)) {
        prepare(trial);
        run_it(trial);
        leat__judge_end(run);
        judge_account(trial);
        judge_blame(trial);
        if (!run->base)
            note_base(trial);
        if (trial->stuck)
            return;
        if (audit->clear)
            audit->clear(&trial->pipeline, audit->arg);
        maybe_rerun(trial);
        leat_ctx_free(run->ctx);
        leat__kept_free(trial->kept);
    }
    free(trial);
}
