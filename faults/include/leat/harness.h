/* harness.h - everything a test needs round what it tests, each in a header of
 * its own.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_HARNESS_H
#define LEAT_HARNESS_H

#include <leat/audit.h>
#include <leat/scope.h>
#include <leat/torture.h>
#include <leat/watchdog.h>

#endif
