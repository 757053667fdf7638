/* torture.h - inside a torture: one point, in its process.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__HARNESS_TORTURE_H
#define LEAT__HARNESS_TORTURE_H

#include <leat/fault_libc.h>
#include <leat/torture.h>
#include <signal.h>
#include "inside.h"

enum leat__verdict {
    LEAT__UNDECIDED, /* the process did not come to its end */
    LEAT__GOOD, LEAT__SWALLOWED, LEAT__LEAKED, LEAT__SHORT, LEAT__UNSOUND
};

/* Shared: the child writes, the parent reads. */
struct leat__point {
    struct leat_fault_libc fault; /* nth 0: the clean run */
    struct leat_fault_libc_report report;
    bool armed; /* the scope is open: report is to be taken from it */
    enum leat__verdict verdict;
    char why[300];
};

enum { LEAT__LATE = SIGALRM }; /* sent to a child that is to be killed */

bool leat__libc_is_linked(void);

/* In the child. */
void leat__point_run(const struct leat_torture *torture,
                     struct leat__point *point);

/* "malloc 12, read 3", of the clean run. In the child, too. */
void leat__points_count(const struct leat_torture *torture, unsigned calls,
                        char *text, size_t size);

struct leat__shared {
    struct leat__point point;
    char counts[400];
};

struct leat__torture {
    const struct leat_torture *asked;
    struct leat_torture_report *report;
    struct leat__text text;
    struct leat__shared *shared;
    unsigned calls;
    bool silent;
};

/* torture_verdict.c: of a child's wait status; -1: it was killed. */
void leat__torture_judge(struct leat__torture *torture, int status);

#endif
