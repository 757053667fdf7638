/* torture.h - every call that may fail, fails once.
 *
 *   static int scenario(void *arg); // 0: success; else an honest failure
 *   ...
 *   struct leat_torture_report report;
 *   int status = leat_torture(&(struct leat_torture){.name = "store",
 *                                                    .fn = scenario}, &report);
 *   cr_assert_eq(status, LEAT_OK, "%s", report.text);
 *
 * A run without any failure first, which must succeed and is counted: so many
 * points there are. Then one run for each n = 1, 2 ... in which the n-th point
 * fails, until one no longer reaches its n. Points are the calls of
 * leat/fault_libc.h, with which the program must be linked. Where reads and
 * writes are among them they are also done by halves, which is no failure and
 * must make no difference. Verdicts:
 *   crash      the process died
 *   hang       it did not end within the limit
 *   swallowed  fn said success although a call had failed
 *   leak       a thread, a descriptor, items or memory are left behind; memory:
 *              twice in a row the same run left some (leat/scope.h tells where
 *              that cannot be measured; LeakSanitizer is asked where it is there)
 *   short      fn failed because a read or write did half
 *   unsound    the clean run fails; nothing else was tried
 * Each comes with the call and from where it was made, but for a process that
 * UBSan has ended by its own exit. Each n has a process of
 * its own, made by fork(), in which fn is called several times, once without
 * a failure to fill the system's caches: it must start from the beginning each
 * time. With threads the n-th point is the same one only as far as their order
 * is.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_TORTURE_H
#define LEAT_TORTURE_H

#include <leat/abi.h>
#include <leat/status.h>
#include <leat/time.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

LEAT_BEGIN

struct leat_torture {
    const char *name;
    int (*fn)(void *arg);
    long (*items)(void *arg); /* how many are alive; NULL: not judged */
    void *arg;
    unsigned calls;      /* enum leat_libc_call; 0: all but close, whose failure
                            there is nothing to do about */
    bool may_succeed;    /* success is no error swallowed: it has another way */
    leat_duration limit; /* of one run; 0: 5 s */
    uint64_t nth;        /* only this one; 0: LEAT_TORTURE of the environment, or
                            all */
    uint64_t most;       /* points; 0: 10000. More are not tried, and the result
                            is LEAT_PARTIAL */
    FILE *out;           /* where the text is printed in any case; NULL: nowhere */
};

enum { LEAT_TORTURE_TEXT = 8 * 1024 };

struct leat_torture_report {
    uint64_t points; /* reached by the clean run */
    uint64_t runs;   /* in which a point failed or was cut short */
    unsigned crashes, hangs, swallowed, leaks, shorts;
    char text[LEAT_TORTURE_TEXT];
};

/* Runs it. LEAT_OK: no verdict. LEAT_PARTIAL: there are some, or the clean run
 * fails; without a report the text goes to standard error then. LEAT_INVALID:
 * fn NULL, or the program is not linked with leat/fault_libc.h's wrappers, or
 * nothing was tried: there is no point at all, or not the one asked for.
 * LEAT_NOMEM. Call it before you start any threads. */
int leat_torture(const struct leat_torture *torture,
                 struct leat_torture_report *report);

LEAT_END

#endif
