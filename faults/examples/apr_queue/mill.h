/* mill.h - jobs through three steps, joined by apr_queues: one thread reads,
 * some work, one saves. Knows nothing of leat.
 * SPDX-License-Identifier: MIT */
#ifndef MILL_H
#define MILL_H

#include <stdbool.h>
#include <stddef.h>

struct mill;

/* 0: the job goes on to the next step. Else it has failed. */
typedef int mill_step(unsigned job, void *arg);

struct mill_steps {
    mill_step *read, *work, *save;
    void *arg;
};

/* Every job that was fed is one of the three. */
struct mill_result {
    unsigned done, failed, stopped;
    const char *why; /* the step where a job failed first, or that had one in
                        hand at the stop; NULL: neither */
};

/* NULL: no memory, no threads. The steps are copied. */
struct mill *mill_start(const struct mill_steps *steps, unsigned workers);

/* False: the first queue is full, or the mill was stopped. */
bool mill_feed(struct mill *mill, unsigned job);

/* True: what was fed has come to its end. */
bool mill_is_idle(struct mill *mill);

/* No job begins another step. */
void mill_stop(struct mill *mill);

/* Waits until the mill is idle, and frees it. */
struct mill_result mill_end(struct mill *mill);

long mill_jobs(void); /* in all mills */

#endif
