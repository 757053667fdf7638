/* audit_foreign.c - a cell of a pipeline that knows nothing of leat.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "audit.h"
#include <leat/status.h>
#include <string.h>

enum { JOBS = 12 };

int leat_audit_hit(leat_audit_run *run, const char *stage, uint64_t key)
{
    const char *victim = run->plan->names[run->cell->stage];

    if (!stage ||
        strncmp(stage, victim, sizeof run->plan->names[0] - 1) != 0)
        return LEAT_OK;
    return leat_fault_hit(run->ctx, run->fault, key);
}

leat_ctx *leat_audit_ctx(leat_audit_run *run)
{
    return run->ctx;
}

/* How many were fed. */
static uint64_t feed(leat_audit_run *run)
{
    const struct leat_audit *audit = run->plan->audit;
    uint64_t jobs = audit->jobs ? audit->jobs : JOBS, job = 0;
    int status = audit->start(run, run->cell->workers, audit->arg);

    if (status != LEAT_OK && !run->base)
        leat__broken(run, LEAT__ENDS, "it does not start: %s",
                     leat_strstatus(status));
    while (status == LEAT_OK && job < jobs)
        if ((status = audit->feed(run, job, audit->arg)) == LEAT_OK)
            job++;
    return job;
}

static bool has_victim(enum leat__kind kind)
{
    return kind == LEAT__ERROR || kind == LEAT__HANG ||
           kind == LEAT__STUBBORN || kind == LEAT__DEADLINE;
}

static void judge_blame(leat_audit_run *run, const struct leat_error *why)
{
    if (run->hits == 0 || !has_victim(run->cell->kind))
        return;
    if (why->stage)
        leat__judge_blame(run, why->stage);
    else
        leat__unjudged(run, LEAT__BLAME, "stop does not say who has failed");
}

void leat__run_foreign(leat_audit_run *run)
{
    const struct leat_audit *audit = run->plan->audit;
    struct leat_counts counts = {.in = 0};
    struct leat_error why = {.status = LEAT_OK};
    struct leat__hand *hand;
    uint64_t fed;
    int status;

    run->began = leat__harness_now();
    run->ctx = leat_ctx_root(run->deadline);
    hand = leat__hand_begin(run);
    fed = feed(run);
    status = audit->stop(run, &counts, &why, audit->arg);
    run->ended = leat__harness_now();
    run->hits = leat_fault_hits(run->fault);
    leat__hand_end(hand);
    leat_fault_switch(run->fault, false);
    leat__judge_end(run);
    leat__judge_counts(run, "all", &counts);
    if (counts.in != fed)
        leat__broken(run, LEAT__ACCOUNT, "%llu were fed, %llu came in",
                     (unsigned long long)fed, (unsigned long long)counts.in);
    leat__judge_fate(run, status, &counts, NULL);
    judge_blame(run, &why);
    if (run->cell->kind == LEAT__ERROR)
        leat__unjudged(run, LEAT__RERUN, "only known of leat's pipelines");
    if (!run->base)
        run->cell->base = (struct leat__base){
            .status = status, .elapsed = run->ended - run->began,
            .grace = run->grace, .total = counts};
    leat_ctx_free(run->ctx);
}
