/* audit.h - inside an audit: its cells, and what is in one cell's process.
 *
 * The cells stand in memory that the processes share: the child writes what it
 * has found into its own, the parent reads it when the child has ended. The clean
 * cells are run first; the others read what they have found.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__HARNESS_AUDIT_H
#define LEAT__HARNESS_AUDIT_H

#include <leat/audit.h>
#include <leat/fault.h>
#include <leat/scope.h>
#include "inside.h"
#include <stdatomic.h>
#include <sys/types.h>

enum leat__kind {
    LEAT__CLEAN, LEAT__ERROR, LEAT__FLAKY, LEAT__SLOW, LEAT__HANG,
    LEAT__STUBBORN, LEAT__CRASH, LEAT__DROP, LEAT__CLOSE_EARLY,
    LEAT__NEVER_CLOSE, LEAT__CANCEL, LEAT__DEADLINE, LEAT__KINDS
};

enum leat__law { LEAT__ENDS, LEAT__ACCOUNT, LEAT__BLAME, LEAT__LEFT,
                 LEAT__RERUN, LEAT__LAWS };

enum leat__mark {
    LEAT__NOT_RUN,  /* not wanted */
    LEAT__SENSELESS, /* makes no sense there */
    LEAT__HOLDS,
    LEAT__FAILS,
    LEAT__MISSED,   /* the fault met no item */
    LEAT__UNJUDGED  /* the clean run has failed */
};

enum { LEAT__WHY = 400, LEAT__ITEM_TEXT = 160 };

/* What a run without any fault does, as far as others compare with it. */
struct leat__base {
    int status;
    leat_duration elapsed, grace;
    struct leat_counts total, stages[LEAT_STAGES];
};

struct leat__cell {
    /* Written before the child is made: */
    size_t stage;
    enum leat__kind kind;
    unsigned workers;
    bool wanted;
    unsigned tries; /* before this one, each with half the time */

    /* By the child, and by the parent when it has ended: */
    struct leat_fault fault; /* here, so that its hits outlive a crash */
    enum leat__mark mark;
    char why[LEAT__WHY];                 /* the laws that do not hold */
    char once[LEAT__WHY];                /* nor did, but then did */
    char unjudged[LEAT__LAWS][LEAT__ITEM_TEXT]; /* "": it was judged */
    struct leat__base base;              /* of a clean one */
};

/* One audit. */
struct leat__plan {
    const struct leat_audit *audit;
    uint64_t seed;
    size_t stages;
    char names[LEAT_STAGES][32];
    struct leat__cell *cells; /* shared */
    size_t count;
};

/* One cell's process. */
struct leat_audit_run {
    const struct leat__plan *plan;
    struct leat__cell *cell;
    const struct leat__base *base; /* NULL: this is the clean run */
    struct leat_fault *fault;
    leat_ctx *ctx;
    leat_duration deadline, grace, slack;
    int64_t began, ended;
    _Atomic int64_t canceled; /* when; 0: not */
    atomic_bool noticed; /* leat has noted who has what in hand */
    uint64_t hits;
};

/* --- audit_kinds.c --- */

const char *leat__kind_name(enum leat__kind kind);
/* Whether it makes sense in that stage. */
bool leat__kind_fits(const struct leat__plan *plan, enum leat__kind kind,
                     size_t stage);
/* The fault of a cell. */
struct leat_fault leat__kind_fault(const struct leat__plan *plan,
                                   const struct leat__cell *cell,
                                   uint64_t items);
/* What the cell is named, "parse/hang/5". */
void leat__cell_name(const struct leat__plan *plan,
                     const struct leat__cell *cell, char *name, size_t size);

/* --- audit_plan.c --- */

/* LEAT_OK, LEAT_INVALID, LEAT_NOMEM. */
int leat__plan_make(struct leat__plan *plan, const struct leat_audit *audit);
void leat__plan_free(struct leat__plan *plan);
struct leat__cell *leat__plan_clean(const struct leat__plan *plan,
                                    unsigned workers);

/* --- audit_run.c --- */

/* Runs the wanted cells, and fills in their marks. */
void leat__plan_run(const struct leat__plan *plan);

/* Whether the time that passes decides what a cell shows. */
bool leat__kind_is_timed(enum leat__kind kind);

/* How long a cell's process may take. */
leat_duration leat__cell_limit(const struct leat__plan *plan,
                               struct leat__cell *cell);

/* --- audit_cell.c: runs in the cell's process --- */

void leat__cell_run(const struct leat__plan *plan, struct leat__cell *cell);

/* Until the threads that were left behind have ended. False: the patience is
 * over, and there are still more than most. */
bool leat__wait_for_threads(size_t most, leat_duration patience);

/* Does what the kind wants done at a hit, from a thread beside the run, and
 * notes when. */
struct leat__hand;
struct leat__hand *leat__hand_begin(leat_audit_run *run);
void leat__hand_end(struct leat__hand *hand);

/* --- audit_leat.c, audit_foreign.c: a run of each kind, and its laws --- */

void leat__run_pipeline(leat_audit_run *run);
void leat__run_foreign(leat_audit_run *run);

/* --- audit_laws.c --- */

void leat__broken(leat_audit_run *run, enum leat__law law, const char *format,
                  ...) LEAT_PRINTF_(3, 4);
void leat__unjudged(leat_audit_run *run, enum leat__law law,
                    const char *format, ...) LEAT_PRINTF_(3, 4);
void leat__judge_end(leat_audit_run *run);
void leat__judge_counts(leat_audit_run *run, const char *of,
                        const struct leat_counts *counts);
void leat__judge_left(leat_audit_run *run,
                      const struct leat_scope_report *left);
/* The parts of the account that depend on the kind. stages: NULL: only the
 * total is known. */
void leat__judge_fate(leat_audit_run *run, int status,
                      const struct leat_counts *total,
                      const struct leat_counts *stages);
/* named: the stage that is blamed; NULL: nobody. */
void leat__judge_blame(leat_audit_run *run, const char *named);
const char *leat__law_name(enum leat__law law);

/* --- audit_rerun.c: failed inputs in memory, and a source of them --- */

struct leat__kept;
/* Puts an errors sink into the pipeline. NULL: no memory. */
struct leat__kept *leat__kept_new(struct leat_pipeline *pipeline);
void leat__kept_free(struct leat__kept *kept);
/* Why they cannot be run again; NULL: they can. */
const char *leat__kept_check(const struct leat__kept *kept);
/* Puts what is kept into the source's place, and a new empty sink, whose
 * failures are counted only. */
void leat__kept_rerun(struct leat__kept *kept, struct leat_pipeline *pipeline);
size_t leat__kept_count(const struct leat__kept *kept);
/* A failed item with this error that blames another stage than it should; NULL:
 * none. */
const char *leat__kept_stranger(const struct leat__kept *kept, int error,
                                const char *stage);

/* --- audit_table.c --- */

void leat__table_print(const struct leat__plan *plan, struct leat__text *text,
                       bool colours);

/* Of an injected failure; nobody else's, we hope. */
enum { LEAT__INJECTED = 4711 };

#endif
