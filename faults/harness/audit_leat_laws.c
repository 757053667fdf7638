/* audit_leat_laws.c - account and blame in the report of a pipeline of leat's.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "audit_trial.h"
#include <leat/status.h>
#include <string.h>

static const char *victim_of(const leat_audit_run *run)
{
    return run->plan->names[run->cell->stage];
}

void leat__trial_account(struct leat__trial *trial)
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

static void judge_abandoned(struct leat__trial *trial)
{
    const struct leat_report *report = &trial->report;

    for (size_t i = 0; i < report->trouble_count && i < LEAT_TROUBLES; i++)
        if (report->troubles[i].kind == LEAT_EVENT_ABANDON &&
            strcmp(report->troubles[i].stage, victim_of(trial->run)))
            leat__broken(trial->run, LEAT__BLAME, "%s counts as abandoned, too",
                         report->troubles[i].stage);
}

static void judge_failed_at(struct leat__trial *trial, int error)
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

void leat__trial_blame(struct leat__trial *trial)
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
