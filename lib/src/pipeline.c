/* pipeline.c - stages in an array, run to the end.
 *
 * One thread per worker, in two groups: the stages', under the caller's context,
 * and the errors sink's, which outlives it by the grace. The calling thread is
 * the monitor. When the stages have ended, what is left in the channels is
 * settled, the errors sink gets its last items and ends; then the account must
 * add up. See run.h for the parts.
 * SPDX-License-Identifier: MIT */
#include "parts.h"
#include <stdio.h>
#include <string.h>

void leat__stop(struct leat__run *run, int status, const char *stage,
                const char *message)
{
    leat__group_fail(run->group, status, stage,
                     message[0] ? message : leat_strstatus(status));
}

/* --- starting --- */

static void start_step(leat_group *group, struct leat__step *step,
                       leat_task_fn *body)
{
    const struct leat_stage *stage = &step->stage.pub;

    for (unsigned i = 0; i < stage->workers; i++)
        if (leat_go(group, stage->name, body, &step->workers[i]) != LEAT_OK) {
            for (; i < stage->workers; i++)
                leat__step_leave(step, NULL);
            return;
        }
}

static void start(struct leat__run *run)
{
    if (run->errors) {
        start_step(run->after, run->errors, leat__work);
        if (run->after->why.status != LEAT_OK) { /* it could not be started */
            leat__stop(run, run->after->why.status, run->pub.errors.name, "");
            leat_close(run->errors->in);
        }
    }
    for (size_t i = 1; i < run->count; i++)
        start_step(run->group, run->steps[i], leat__work);
    start_step(run->group, run->steps[0], leat__source);
}

/* --- ending --- */

/* Until all tasks of the group have ended. True: they have. */
static bool wait_for(struct leat__run *run, leat_group *group)
{
    leat__monitor(run, group);
    if (leat__group_join(group, leat__now()))
        return true;
    leat__monitor_abandon(run, group);
    return false;
}

/* Those that were in hand, the oldest first; they were noted by several. */
static void sort_troubles(struct leat_report *report)
{
    struct leat_event *t = report->troubles, first;
    size_t count = report->trouble_count;

    count = count < LEAT_TROUBLES ? count : LEAT_TROUBLES;
    for (size_t i = 1; i < count; i++)
        for (size_t j = i; j > 0 && t[j].kind == LEAT_EVENT_CANCEL &&
                           t[j - 1].kind == LEAT_EVENT_CANCEL &&
                           t[j].age > t[j - 1].age; j--) {
            first = t[j];
            t[j] = t[j - 1];
            t[j - 1] = first;
        }
}

/* Why a run that was broken off was: the caller's context has ended. */
static void blame_time(struct leat__run *run, leat_ctx *ctx, int status)
{
    struct leat_error *cause = &run->report.cause;
    const struct leat_event *first = run->report.troubles;
    int why = leat_ctx_cause(ctx);
    char end[80];

    if (status == LEAT_TIMEOUT)
        snprintf(end, sizeof end, "the deadline has passed");
    else
        snprintf(end, sizeof end, why == LEAT_CANCELED ? "canceled"
                                                       : "canceled, cause %d",
                 why);
    *cause = (struct leat_error){.status = status};
    if (run->report.trouble_count == 0) {
        snprintf(cause->message, sizeof cause->message, "%s", end);
        return;
    }
    cause->stage = first->stage;
    if (first->seq == UINT64_MAX)
        snprintf(cause->message, sizeof cause->message,
                 "%s; worker %u was opening or closing for %.3g s", end,
                 first->worker, (double)first->age / (double)LEAT_S);
    else
        snprintf(cause->message, sizeof cause->message,
                 "%s; worker %u had item %llu in hand for %.3g s", end,
                 first->worker, (unsigned long long)first->seq,
                 (double)first->age / (double)LEAT_S);
}

static int blame_stuck(struct leat__run *run)
{
    const struct leat_event *stuck = NULL;
    struct leat_error *cause = &run->report.cause;

    for (size_t i = 0; i < run->report.trouble_count && i < LEAT_TROUBLES; i++)
        if (!stuck && run->report.troubles[i].kind == LEAT_EVENT_ABANDON)
            stuck = &run->report.troubles[i];
    *cause = (struct leat_error){.status = LEAT_ABANDONED,
                                 .stage = stuck ? stuck->stage : NULL,
                                 .message = "a worker does not come back"};
    if (stuck && stuck->seq != UINT64_MAX)
        snprintf(cause->message, sizeof cause->message,
                 "worker %u does not come back from item %llu, since %.3g s",
                 stuck->worker, (unsigned long long)stuck->seq,
                 (double)stuck->age / (double)LEAT_S);
    return LEAT_ABANDONED;
}

/* The worst that is true, but for LOST and ABANDONED. */
static int verdict(struct leat__run *run, leat_ctx *ctx)
{
    const struct leat_counts *total = &run->report.total;
    bool ended = atomic_load(&run->source_ended);
    const struct leat_counts *errors = &run->report.errors;
    bool unkept = run->errors && total->failed > errors->ok + errors->skipped;
    bool cut = !ended || total->canceled > 0 || unkept, weak;
    struct leat_error why;

    leat__lock(&run->group->lock); /* an abandoned thread may come back */
    why = run->group->why;
    weak = run->group->weak;
    leat__unlock(&run->group->lock);
    if (why.status != LEAT_OK && !weak) {
        run->report.cause = why;
        return why.status;
    }
    if (leat__ctx_look(ctx) != LEAT_OK && cut) {
        int status = leat__ctx_status(ctx);
        blame_time(run, ctx, status);
        return status;
    }
    if (!ended && run->drained && !run->pub.drain) {
        blame_time(run, ctx, LEAT_TIMEOUT);
        return LEAT_TIMEOUT;
    }
    return !ended || total->failed > 0 ? LEAT_PARTIAL : LEAT_OK;
}

static int conclude(struct leat__run *run, leat_ctx *ctx, bool all_ended)
{
    struct leat_error *cause = &run->report.cause;
    int status;

    leat__lock(&run->telling);
    leat__sum(run);
    sort_troubles(&run->report);
    leat__unlock(&run->telling);
    status = verdict(run, ctx);
    if (!all_ended)
        status = blame_stuck(run);
    if (leat__find_lost(run)) {
        *cause = (struct leat_error){LEAT_LOST, NULL, "the account of the items "
                                     "does not add up"};
        status = LEAT_LOST;
    }
    return status;
}

static int run_to_end(struct leat__run *run, leat_ctx *ctx,
                      struct leat_report *report)
{
    leat_group *group = run->group, *after = run->after;
    bool all_ended;
    int status;

    start(run);
    all_ended = wait_for(run, group);
    leat__settle_rest(run);
    if (after) {
        leat_close(run->errors->in);
        all_ended = wait_for(run, after) && all_ended;
        leat__settle_errors(run);
    }
    if (!all_ended)
        leat__settle_alive(run);
    status = conclude(run, ctx, all_ended);
    leat__lock(&run->telling);
    run->over = true;
    *report = run->report;
    leat__unlock(&run->telling);
    leat__group_free(group);
    if (after)
        leat__group_free(after);
    leat__run_release(run);
    return status;
}

static int refuse(struct leat_report *report, int status, const char *stage,
                  const char *message)
{
    report->cause = (struct leat_error){.status = status, .stage = stage};
    snprintf(report->cause.message, sizeof report->cause.message, "%s",
             message);
    return status;
}

int leat_run(leat_ctx *ctx, const struct leat_pipeline *pipeline,
             struct leat_report *report)
{
    struct leat_report unwanted;
    struct leat__run *run;
    const char *fault, *stage;
    char message[240];
    size_t count;

    if (!report)
        report = &unwanted;
    memset(report, 0, sizeof *report);
    if (!ctx || !pipeline)
        return refuse(report, LEAT_INVALID, NULL, ctx ? "no pipeline"
                                                      : "no context");
    if ((fault = leat__check(pipeline, &count, &stage, message)))
        return refuse(report, LEAT_INVALID, stage, fault);
    if (!(run = leat__run_new(ctx, pipeline, count)))
        return refuse(report, LEAT_NOMEM, NULL, leat_strstatus(LEAT_NOMEM));
    return run_to_end(run, ctx, report);
}
