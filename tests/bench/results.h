/* results.h - what was measured, and what it says.
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include "gauge.h"
#include "run.h"
#include <stdbool.h>
#include <stdio.h>

struct sample {
    unsigned row;
    const char *peer;
    enum state state;
    struct run run;
};

struct results {
    struct sample *samples;
    unsigned count, room;
    double gauge_least, gauge_most;
    double took;   /* seconds in all */
    double watched; /* seconds of runs alone */
    double others;  /* CPU seconds that went elsewhere in those */
    unsigned rounds;
    bool prototype;       /* whether it took part */
    const char *versions; /* of the peers */
};

void results_add(struct results *results, const struct sample *sample);

/* Everything as tables. */
void results_print(const struct results *results, FILE *to, bool markdown);

#endif
