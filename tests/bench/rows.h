/* rows.h - what is measured, on whom, and what leat should reach.
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include <stdbool.h>
#include <stdint.h>

enum { ROW_GOALS = 2 };

enum part { CHANNELS, WAITS, PIPELINE, FEATURE, JOB };

/* leat's figure should be at most `most` of the best of the peers named; with
 * no peers, at most `most` itself. */
struct goal {
    const char *peers;
    double most;
    bool stretch; /* would be fine */
};

struct row {
    const char *workload; /* as the programs know it */
    const char *title;
    enum part part;
    const char *peers; /* the programs that have it; leat is the first */
    uint64_t count;    /* most items in a run */
    bool fixed;        /* always exactly so many */
    struct goal goals[ROW_GOALS];
};

extern const struct row rows[];
extern const unsigned row_count;

/* Whether word is one of the words of the list. */
bool has_word(const char *list, const char *word);

#endif
