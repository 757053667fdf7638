/* time.h - lengths of time.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_TIME_H
#define LEAT_TIME_H

#include <stdint.h>

/* A length of time in nanoseconds of CLOCK_MONOTONIC. A point in time never
 * appears in the interface: deadlines belong to contexts. */
typedef int64_t leat_duration;

#define LEAT_US INT64_C(1000)
#define LEAT_MS INT64_C(1000000)
#define LEAT_S INT64_C(1000000000)

#endif
