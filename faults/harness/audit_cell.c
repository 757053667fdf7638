/* audit_cell.c - one cell, in its process.
 *
 * Three kinds of fault need somebody beside the run who acts when the fault has
 * hit: the hand. It cancels the run, or waits for its deadline, or for its end,
 * and then lets go of the stage that is stuck.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "audit.h"
#include <leat/status.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static const leat_duration PLENTY = 30 * LEAT_S, NOTICE = 80 * LEAT_MS;

struct leat__hand {
    leat_audit_run *run;
    pthread_t thread;
    atomic_bool over; /* the run has returned */
};

/* False: the run was over first. */
static bool wait_for_hit(struct leat__hand *hand)
{
    while (leat_fault_hits(hand->run->fault) == 0) {
        if (atomic_load(&hand->over))
            return false;
        leat__nap(LEAT_MS / 4);
    }
    return true;
}

static void *act(void *arg)
{
    struct leat__hand *hand = arg;
    leat_audit_run *run = hand->run;
    enum leat__kind kind = run->cell->kind;
    leat_duration past = /* leat has noticed, and noted who is where */
        run->plan->audit->build ? run->grace / 2
        : run->grace / 4 < NOTICE ? run->grace / 4
                                  : NOTICE << run->cell->tries;

    if (!wait_for_hit(hand))
        return NULL;
    if (kind == LEAT__CANCEL) {
        leat__nap(2 * LEAT_MS); /* the others get something in hand, too */
        leat_ctx_cancel(run->ctx, 0);
        atomic_store(&run->canceled, leat__harness_now());
    } else if (kind == LEAT__DEADLINE) {
        past += run->began + run->deadline - leat__harness_now();
    } else {
        past += run->began + run->deadline + run->grace + run->slack -
                leat__harness_now();
        if (run->plan->audit->build) /* leat_run() does not wait for it */
            past = INT64_MAX;
    }
    for (int64_t now = leat__harness_now(), until = past < INT64_MAX - now
                                                        ? now + past
                                                        : INT64_MAX;
         leat__harness_now() < until && !atomic_load(&hand->over) &&
         !atomic_load(&run->noticed);)
        leat__nap(LEAT_MS / 2);
    leat_fault_switch(run->fault, false);
    return NULL;
}

struct leat__hand *leat__hand_begin(leat_audit_run *run)
{
    enum leat__kind kind = run->cell->kind;
    struct leat__hand *hand;

    if (kind != LEAT__CANCEL && kind != LEAT__DEADLINE &&
        kind != LEAT__STUBBORN)
        return NULL;
    hand = calloc(1, sizeof *hand);
    if (!hand)
        abort();
    hand->run = run;
    atomic_init(&hand->over, false);
    if (pthread_create(&hand->thread, NULL, act, hand))
        abort();
    return hand;
}

void leat__hand_end(struct leat__hand *hand)
{
    if (!hand)
        return;
    atomic_store(&hand->over, true);
    pthread_join(hand->thread, NULL);
    free(hand);
}

bool leat__wait_for_threads(size_t most, leat_duration patience)
{
    int64_t until = leat__harness_now() + patience;
    struct leat__ids now = leat__threads();
    bool gone;

    while (now.known && now.count > most && leat__harness_now() < until) {
        leat__ids_free(&now);
        leat__nap(LEAT_MS);
        now = leat__threads();
    }
    gone = now.count <= most;
    leat__ids_free(&now);
    return gone;
}

static void set_times(leat_audit_run *run)
{
    const struct leat_audit *audit = run->plan->audit;

    run->slack = (audit->slack > 0 ? audit->slack : LEAT_S)
                 << run->cell->tries;
    run->deadline = audit->deadline;
    if (!run->base)
        run->deadline = PLENTY;
    else if (run->deadline <= 0 && run->base->elapsed < 33 * LEAT_MS)
        run->deadline = 100 * LEAT_MS;
    else if (run->deadline <= 0)
        run->deadline = 3 * run->base->elapsed;
    run->deadline <<= run->cell->tries;
    run->grace = audit->grace > 0                      ? audit->grace
                 : run->cell->kind == LEAT__STUBBORN ||
                           run->deadline > 2 * LEAT_S ? run->deadline / 2
                                                      : LEAT_S;
    if (!leat__kind_is_timed(run->cell->kind) ||
        run->cell->kind == LEAT__CANCEL)
        run->deadline = PLENTY; /* a busy machine is no matter */
}

leat_duration leat__cell_limit(const struct leat__plan *plan,
                               struct leat__cell *cell)
{
    leat_audit_run run = {.plan = plan, .cell = cell};

    if (plan->audit->limit > 0)
        return plan->audit->limit;
    if (cell->kind == LEAT__CLEAN)
        return 40 * LEAT_S;
    run.base = &leat__plan_clean(plan, cell->workers)->base;
    set_times(&run);
    if (run.base->grace > run.grace)
        run.grace = run.base->grace;
    /* the run; its re-run; what is stuck is waited for */
    return (run.deadline < PLENTY ? run.deadline : 0) + 4 * run.grace +
           3 * run.slack + 20 * run.base->elapsed;
}

void leat__cell_run(const struct leat__plan *plan, struct leat__cell *cell)
{
    const struct leat_audit *audit = plan->audit;
    leat_audit_run run = {.plan = plan, .cell = cell, .fault = &cell->fault};
    struct leat_scope_options options = {.items = audit->items,
                                         .arg = audit->arg,
                                         .heap = 16 * 1024,
                                         .patience = LEAT_S / 2};
    struct leat_scope_report left;
    leat_scope *scope;

    if (cell->kind != LEAT__CLEAN)
        run.base = &leat__plan_clean(plan, cell->workers)->base;
    set_times(&run);
    cell->fault = leat__kind_fault(plan, cell, run.base ? run.base->total.in : 0);
    scope = leat_scope_begin("cell", &options);
    if (!scope)
        abort();
    (audit->build ? leat__run_pipeline : leat__run_foreign)(&run);
    leat_scope_end(scope, &left);
    leat__judge_left(&run, &left);
    cell->mark = *cell->why                            ? LEAT__FAILS
                 : run.base && leat_fault_hits(run.fault) == 0 ? LEAT__MISSED
                                                       : LEAT__HOLDS;
}
