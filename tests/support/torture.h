/* torture.h - lets the n-th allocation, or the n-th thread start, fail.
 *
 * The test program is linked with --wrap for malloc and its kin and for
 * pthread_create: only calls from our own objects are counted, so neither libc
 * nor the test runner is in the way.
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

#include <stdbool.h>

enum torture_kind { TORTURE_ALLOC, TORTURE_THREAD };

void torture_arm(enum torture_kind kind, unsigned long n); /* from 1 */
bool torture_disarm(void); /* whether the n-th point was reached */

#endif
