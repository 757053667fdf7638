/* progress.h - one line that is written over, for a terminal.
 * SPDX-License-Identifier: MIT */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <leat.h>

struct progress {
    const char *part;
    uint64_t expected;
    leat_group *group;
    leat_chan *ticks; /* of struct leat_counts */
};

/* Starts a task that writes the line. LEAT_OK, or why not; then there is
 * nothing to stop. */
int progress_start(struct progress *progress, leat_ctx *ctx);

/* For leat_pipeline.trace; arg: the struct progress. */
void progress_tick(const struct leat_event *event, void *arg);

/* Ends the task and takes the line away. */
void progress_stop(struct progress *progress);

#endif
