/* audit.h - every fault in every stage of a pipeline, and whether the laws
 * hold.
 *
 *   static int build(struct leat_pipeline *pipeline, unsigned workers, void *arg);
 *   ...
 *   struct leat_audit_report report;
 *   int status = leat_audit(&(struct leat_audit){.name = "orders",
 *                                                .build = build}, &report);
 *   cr_assert_eq(status, LEAT_OK, "%s", report.text);
 *
 * or, as a program of its own: return leat_audit_main(&audit, argc, argv);
 *
 * A cell is one stage, one fault, and a number of workers: "parse/hang/5". Each
 * runs in a process of its own, made by fork(), within a time of its own; so a
 * crash or a stuck thread costs one cell. The clean runs, "-/clean/1" and
 * "-/clean/5", come first: they tell how long a run takes, from which the
 * deadline follows, and what fails and is filtered without any fault. When one
 * fails nothing else is judged with as many workers. Every decision comes from
 * the seed.
 *
 * The faults
 *   error        every second item fails
 *   flaky        the same, with LEAT_AGAIN and only once for each item
 *   slow         some calls take longer
 *   hang         from one item on no call returns before its context ends
 *   stubborn     nor then, but only after the run was given up
 *   crash        SIGSEGV
 *   drop         every second item vanishes (is filtered)
 *   close-early  the stage says that it wants no more
 *   never-close  the source never says that it has no more
 *   cancel       the run is canceled while the stage has an item in hand, which
 *                it finishes within the grace
 *   deadline     the same with the deadline
 * What else a fault can do breaks a law by itself (leak), works on channels
 * only, or depends on the meaning of a value: put it in by hand.
 *
 * The laws
 *   ends        in time: at the latest its grace after the deadline or the
 *               cancel, and some slack for a machine that is busy; a crash is
 *               the end of the process, by that signal
 *   account     what came in is ok, skipped, failed, canceled or abandoned, in
 *               all and in each stage; the status says what happened; what was
 *               not hit fares as it does without the fault
 *   blame       the stage with the fault is the one that is named
 *   left        no thread, descriptor, item or memory (leat/scope.h)
 *   rerun       what has failed, run again without the fault, is all right, and
 *               with what was all right before makes up the whole
 * A cell in which time decides (hang, stubborn, never-close, cancel, deadline) and
 * that fails is run once more, alone and with twice the time; if the laws hold
 * then, the cell passes, and the first reason is printed all the same. A law that
 * cannot be judged is listed below the table, with the reason, once. A cell whose
 * fault met no item is marked, too: it shows nothing.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_AUDIT_H
#define LEAT_AUDIT_H

#include <leat/pipeline.h>
#include <stdio.h>

LEAT_BEGIN

/* One cell, in its process, as a foreign pipeline sees it. */
typedef struct leat_audit_run leat_audit_run;

struct leat_audit {
    const char *name;

    /* Either: fills in the zeroed *pipeline, in each cell anew, in the cell's
     * process; a re-run builds it a second time there. Stages that may have
     * several workers get so many. LEAT_OK, or the cell fails with the status.
     * Items in a new pipeline must be the same each time, and the inputs
     * either have an encode and decode or own nothing; then the errors sink is
     * replaced by one that keeps the inputs in memory for the re-run. */
    int (*build)(struct leat_pipeline *pipeline, unsigned workers, void *arg);

    /* Releases what build made; NULL: nothing. */
    void (*clear)(struct leat_pipeline *pipeline, void *arg);

    /* Where the pipeline's own error file is to be used: leaves the errors sink
     * as it was built; rerun turns a newly built pipeline into a re-run of what
     * has failed, rerun_end is called with its report. NULL: see build. */
    int (*rerun)(struct leat_pipeline *pipeline, void *arg);
    int (*rerun_end)(const struct leat_report *report, void *arg);

    /* Or, for a pipeline that is not leat's: the names of its stages, NULL at
     * the end, each of which calls leat_audit_hit() at its head, and how it is
     * started, fed with one job, and stopped. feed and start say LEAT_OK, else
     * nothing more is fed. stop waits until all has ended, fills in counts, and
     * why, if the project can tell who failed: a stage's name is compared, NULL
     * leaves the blame unjudged. It is called whatever start and feed said. */
    const char *const *stages;
    int (*start)(leat_audit_run *run, unsigned workers, void *arg);
    int (*feed)(leat_audit_run *run, uint64_t job, void *arg);
    int (*stop)(leat_audit_run *run, struct leat_counts *counts,
                struct leat_error *why, void *arg);
    uint64_t jobs; /* how many are fed; 0: 12 */

    long (*items)(void *arg); /* how many items are alive; NULL: not judged */
    void *arg;                /* of all these functions */

    leat_duration deadline; /* of a run with a fault; 0: three times what a
                               clean one takes, at least 100 ms; where it came
                               before the fault, twice that, and twice again */
    leat_duration grace;    /* where the pipeline has none; 0: a second, or half
                               the deadline where that is more, or where a stage
                               is stubborn */
    leat_duration slack;    /* what a busy machine may add before a run counts
                               as late; 0: a second */
    leat_duration limit;    /* of a cell's process, which is then killed; 0: what
                               its run may take, and as much again */
    uint64_t seed;          /* 0: LEAT_SEED of the environment, or 1 */
    const char *only;   /* the cells to run, as patterns of a shell's, with blanks
                           between; NULL: LEAT_AUDIT of the environment, or all */
    const char *except; /* and those not to run */
    unsigned at_once;   /* cells at a time; 0: 4 */
    FILE *out; /* where the table is printed in any case; NULL: nowhere. In
                  colours on a terminal, but not where NO_COLOR is set */
};

enum { LEAT_AUDIT_WORKERS = 5, LEAT_AUDIT_TEXT = 16 * 1024 };

struct leat_audit_report {
    uint64_t seed;
    unsigned cells, failed; /* that were run; in which a law did not hold */
    unsigned missed;        /* whose fault met no item */
    unsigned once;          /* that failed once, and not again */
    char text[LEAT_AUDIT_TEXT]; /* the table, why, and what was not judged */
};

/* Runs it. LEAT_OK: every law holds in every cell. LEAT_PARTIAL: not so. Without
 * a report the table goes to standard error then. LEAT_INVALID: neither the one
 * nor the other kind of pipeline, a pattern that fits no cell (a check that
 * checks nothing is no success), or NULL. LEAT_NOMEM. Other threads of the
 * process are not there in the cells: call it before you start any. */
int leat_audit(const struct leat_audit *audit, struct leat_audit_report *report);

/* The same as a main(): --seed N, --list, and patterns as arguments. Prints the
 * table. Exit status 0: the laws hold; 1: not so; 2: usage. */
int leat_audit_main(const struct leat_audit *audit, int argc, char **argv);

/* For the glue of a foreign pipeline: to be called where the stage of that name
 * begins its work on an item. key: the item's number, or LEAT_FAULT_CALL. LEAT_OK:
 * go on. Else fail with it. */
int leat_audit_hit(leat_audit_run *run, const char *stage, uint64_t key);

/* The context of the cell, which ends at its deadline or with the cancel: what
 * the pipeline's own stop signal must follow. */
leat_ctx *leat_audit_ctx(leat_audit_run *run);

LEAT_END

#endif
