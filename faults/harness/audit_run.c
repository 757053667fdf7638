/* audit_run.c - runs the cells, each in a process, and collects.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* prctl() */
#include "audit.h"
#include <fcntl.h>
#include <leat/status.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#if defined(__linux__)
#include <sys/prctl.h>
#endif

enum { AT_ONCE = 4, MOST = 16, TRIES = 2, CONFIRMED = 4 };

struct running {
    struct leat__cell *cell; /* NULL: free */
    pid_t child;
    int64_t until;
    bool silent;
};

#if defined(__GNUC__)
extern void __gcov_dump(void) __attribute__((weak));
#endif

/* What a cell prints is of interest to who runs it alone. */
static void be_silent(void)
{
    int null = open("/dev/null", O_WRONLY);

    if (null < 0)
        return;
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    close(null);
}

static void be_cell(const struct leat__plan *plan, struct leat__cell *cell,
                    bool silent)
{
#if defined(__linux__)
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* never outlives the audit */
#endif
#if defined(__GLIBC__)
    mallopt(M_ARENA_MAX, 1); /* another would count as memory left */
#endif
    if (silent)
        be_silent();
    leat__cell_run(plan, cell);
#if defined(__GNUC__)
    if (__gcov_dump)
        __gcov_dump();
#endif
    _exit(0);
}

static void start(const struct leat__plan *plan, struct leat__cell *cell,
                  struct running *slot, bool silent)
{
    leat_audit_run nobody = {.plan = plan, .cell = cell};

    fflush(NULL);
    *slot = (struct running){
        .cell = cell,
        .silent = silent,
        .until = leat__harness_now() + leat__cell_limit(plan, cell),
        .child = fork()};
    if (slot->child == 0)
        be_cell(plan, cell, silent);
    if (slot->child < 0) {
        leat__broken(&nobody, LEAT__ENDS, "no process for it");
        cell->mark = LEAT__FAILS;
        slot->cell = NULL;
    }
}

/* It has not come to its end. */
static void judge_end(const struct leat__plan *plan, struct leat__cell *cell,
                      int status)
{
    leat_audit_run dead = {.plan = plan, .cell = cell};

    if (cell->kind == LEAT__CRASH && leat_fault_hits(&cell->fault) > 0) {
        cell->mark = LEAT__HOLDS; /* a sanitizer makes an exit of it */
        if (!WIFSIGNALED(status) || WTERMSIG(status) == SIGSEGV)
            return;
    }
    if (WIFSIGNALED(status))
        leat__broken(&dead, LEAT__ENDS, "the process died of signal %d, %s",
                     WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        leat__broken(&dead, LEAT__ENDS, "the process left, with status %d",
                     WEXITSTATUS(status));
    cell->mark = LEAT__FAILS;
}

static void judge_late(const struct leat__plan *plan, struct leat__cell *cell)
{
    leat_audit_run dead = {.plan = plan, .cell = cell};
    char limit[32];
    struct leat__text text = leat__text_in(limit, sizeof limit);

    leat__say_duration(&text, leat__cell_limit(plan, cell));
    leat__broken(&dead, LEAT__ENDS, "it hangs: killed after %s", limit);
    cell->mark = LEAT__FAILS;
}

/* On a busy machine the deadline may have come before the fault. */
static void try_again(const struct leat__plan *plan, struct leat__cell *cell,
                      struct running *slot)
{
    cell->tries++;
    cell->mark = LEAT__NOT_RUN;
    memset(cell->unjudged, 0, sizeof cell->unjudged);
    start(plan, cell, slot, slot->silent);
}

static void look(const struct leat__plan *plan, struct running *slot)
{
    struct leat__cell *cell = slot->cell;
    int status;

    if (waitpid(slot->child, &status, WNOHANG) == slot->child) {
        if (cell->mark == LEAT__NOT_RUN || status != 0) /* or a tool's verdict */
            judge_end(plan, cell, status);
        slot->cell = NULL;
        if (cell->mark == LEAT__MISSED && cell->tries < TRIES)
            try_again(plan, cell, slot);
    } else if (leat__harness_now() > slot->until) {
        kill(slot->child, SIGKILL);
        waitpid(slot->child, &status, 0);
        judge_late(plan, cell);
        slot->cell = NULL;
    }
}

/* Cells from begin on, count of them; those not wanted are left out. */
static void run_some(const struct leat__plan *plan, size_t begin, size_t count,
                     bool silent)
{
    struct running slots[MOST] = {{0}};
    unsigned most = plan->audit->at_once ? plan->audit->at_once : AT_ONCE, busy;
    size_t next = begin;

    most = most > MOST ? MOST : most;
    do {
        busy = 0;
        for (unsigned i = 0; i < most; i++) {
            while (!slots[i].cell && next < begin + count) {
                struct leat__cell *cell = &plan->cells[next++];
                if (cell->wanted && cell->mark == LEAT__NOT_RUN)
                    start(plan, cell, &slots[i], silent);
            }
            if (slots[i].cell)
                look(plan, &slots[i]);
            busy += slots[i].cell != NULL;
        }
        if (busy)
            leat__nap(LEAT_MS / 2);
    } while (busy || next < begin + count);
}

/* Once more, alone and with twice the time: what a busy machine has done does
 * not happen again. A pipeline that fails in many cells needs no second look. */
static void confirm(const struct leat__plan *plan, bool silent)
{
    unsigned looks = 0;

    for (size_t i = 2; i < plan->count && looks < CONFIRMED; i++) {
        struct leat__cell *cell = &plan->cells[i];

        if (cell->mark != LEAT__FAILS || !leat__kind_is_timed(cell->kind))
            continue;
        looks++;
        cell->mark = LEAT__NOT_RUN;
        cell->tries++;
        memcpy(cell->once, cell->why, sizeof cell->once);
        *cell->why = '\0';
        memset(cell->unjudged, 0, sizeof cell->unjudged);
        run_some(plan, i, 1, silent);
    }
}

static unsigned count_wanted(const struct leat__plan *plan)
{
    unsigned count = 0;

    for (size_t i = 2; i < plan->count; i++)
        count += plan->cells[i].wanted;
    return count;
}

/* The clean cells first, one after the other: they are measured. */
void leat__plan_run(const struct leat__plan *plan)
{
    bool silent = count_wanted(plan) != 1;

    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 2; j < plan->count; j++)
            if (plan->cells[j].wanted &&
                plan->cells[j].workers == plan->cells[i].workers)
                plan->cells[i].wanted = true;
        run_some(plan, i, 1, true);
        for (size_t j = 2; j < plan->count; j++)
            if (plan->cells[i].mark == LEAT__FAILS && plan->cells[j].wanted &&
                plan->cells[j].workers == plan->cells[i].workers)
                plan->cells[j].mark = LEAT__UNJUDGED;
    }
    run_some(plan, 2, plan->count - 2, silent);
    confirm(plan, silent);
}
