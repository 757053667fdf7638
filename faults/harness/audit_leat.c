/* audit_leat.c - a cell of a pipeline of leat's.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "audit_trial.h"
#include <leat/status.h>
#include <stdlib.h>
#include <string.h>

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

/* Lets the hand go on, and passes on what the project wants to hear. */
static void listen(const struct leat_event *event, void *arg)
{
    struct leat__trial *trial = arg;

    if (event->kind == LEAT_EVENT_CANCEL &&
        trial->run->cell->kind != LEAT__STUBBORN &&
        strcmp(event->stage,
               trial->pipeline.stages[trial->run->cell->stage].name) == 0)
        atomic_store(&trial->run->noticed, true);
    if (trial->trace && trial->events & 1u << event->kind)
        trial->trace(event, trial->trace_arg);
}

static void take_trace(struct leat__trial *trial)
{
    struct leat_pipeline *pipeline = &trial->pipeline;
    const unsigned quiet = 1u << LEAT_EVENT_OK | 1u << LEAT_EVENT_SKIP;

    trial->trace = pipeline->trace;
    trial->trace_arg = pipeline->trace_arg;
    trial->events = pipeline->events ? pipeline->events : ~quiet;
    pipeline->trace = listen;
    pipeline->trace_arg = trial;
    pipeline->events = (trial->trace ? trial->events : 0) |
                       1u << LEAT_EVENT_CANCEL;
}

static void prepare(struct leat__trial *trial)
{
    leat_audit_run *run = trial->run;
    struct leat_stage *victim = &trial->pipeline.stages[run->cell->stage];

    if (trial->pipeline.grace <= 0)
        trial->pipeline.grace = run->grace;
    run->grace = trial->pipeline.grace;
    take_trace(trial);
    if (trial->pipeline.seed == 0)
        trial->pipeline.seed = run->plan->seed;
    if (!run->plan->audit->rerun)
        trial->kept = leat__kept_new(&trial->pipeline);
    if (run->base)
        *victim = leat_fault_stage(run->fault, *victim);
}

static void run_it(struct leat__trial *trial)
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

static void judge_rerun(struct leat__trial *first, const struct leat_report *second)
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
static void rerun(struct leat__trial *first)
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
        if (leat_run(ctx, &pipeline, &report) == LEAT_INVALID)
            leat__broken(run, LEAT__RERUN, "it was refused: %s",
                         report.cause.message);
        judge_rerun(first, &report);
        if (audit->rerun_end)
            audit->rerun_end(&report, audit->arg);
    }
    leat_ctx_free(ctx);
    if (audit->clear)
        audit->clear(&pipeline, audit->arg);
}

static void maybe_rerun(struct leat__trial *trial)
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

static void note_base(struct leat__trial *trial)
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
    struct leat__trial *trial = calloc(1, sizeof *trial);

    if (!trial)
        abort();
    trial->run = run;
    if (build(run, &trial->pipeline)) {
        prepare(trial);
        run_it(trial);
        leat__judge_end(run);
        leat__trial_account(trial);
        leat__trial_blame(trial);
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
