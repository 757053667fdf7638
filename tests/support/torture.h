/* torture.h - lets the n-th allocation, or the n-th thread start, fail.
 *
 *   for (unsigned long n = 1;; n++) {
 *       torture_arm(TORTURE_ALLOC, n);
 *       ... the scenario: success, or an honest failure; no leak, no hang ...
 *       if (!torture_disarm())
 *           break; // it has fewer points than n: this was the clean run
 *   }
 *
 * SPDX-License-Identifier: MIT */
#ifndef SUPPORT_TORTURE_H
#define SUPPORT_TORTURE_H

#include <leat/fault_libc.h>

enum torture_kind {
    TORTURE_ALLOC = LEAT_LIBC_MEMORY,
    TORTURE_THREAD = LEAT_LIBC_THREAD
};

static inline void torture_arm(enum torture_kind kind, unsigned long n)
{
    leat_fault_libc_end(NULL);
    leat_fault_libc_begin(
        &(struct leat_fault_libc){.calls = (unsigned)kind, .nth = n});
}

/* Whether the n-th point was reached. */
static inline bool torture_disarm(void)
{
    struct leat_fault_libc_report report;

    leat_fault_libc_end(&report);
    return report.hits > 0;
}

#endif
