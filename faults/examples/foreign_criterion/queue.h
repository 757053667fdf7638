/* queue.h - a work queue that has never heard of leat: jobs, numbered from 0,
 * handled by threads. SPDX-License-Identifier: MIT */
#ifndef QUEUE_H
#define QUEUE_H

#include <stddef.h>

/* 0: the job is done. Else it has failed. Called by all workers at a time. */
typedef int queue_handler(size_t job, void *arg);

enum { QUEUE_WORKERS = 8 };

struct queue_result {
    size_t done, failed;
};

/* Handles all jobs and waits for that. Workers: at most QUEUE_WORKERS; those
 * that cannot be started are done without. */
struct queue_result queue_run(size_t jobs, unsigned workers,
                              queue_handler *handle, void *arg);

#endif
