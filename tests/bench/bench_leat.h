/* bench_leat.h - the parts of the measured program over leat.
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_LEAT_H
#define BENCH_LEAT_H

#include "work.h"

enum { NOT_MINE = 2 }; /* no such workload here */

/* Each runs the workload if it is its own and returns the exit status. */
int bench_channels(const char *workload, uint64_t count);
int bench_waits(const char *workload, uint64_t count);
int bench_faults(const char *workload, uint64_t count);
int bench_pipeline(const char *workload, uint64_t count);
int bench_sqlite(const char *workload, const char *file);

#endif
