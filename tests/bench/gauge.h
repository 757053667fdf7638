/* gauge.h - the state of the machine.
 *
 * Virtual machines flip every few minutes between states that no load figure
 * shows: a cache line travels from one CPU to the other and back in 50 to 100
 * ns ("near"), or in 300 and more ("far"). Figures of different states must
 * not be compared.
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_GAUGE_H
#define BENCH_GAUGE_H

enum state { NEAR, FAR, MIXED }; /* MIXED: it flipped during a run */

enum { GAUGE_FAR = 200 }; /* ns: from here on it is far */

/* The round trip in ns between two threads pinned to different CPUs: the best of
 * many short looks, as those during which somebody else had a CPU say
 * nothing. Takes some milliseconds. 0: there is one CPU only. */
double gauge(void);

enum state state_of(double before, double after);

extern const char *const state_names[]; /* by enum state */

#endif
