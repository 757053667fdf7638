/* group.h - threads that end together: what group, flow and pipeline share.
 *
 * A group is kept by a count: one for its owner, one for each thread that runs.
 * So a thread that was abandoned finds the memory it knows until it returns.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__GROUP_H
#define LEAT__GROUP_H

#include <leat/group.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct leat__thread; /* one of its threads: list, pthread_t, context, fn, arg */

struct leat_group {
    leat_ctx *ctx; /* child of the user's; parent of the tasks' */
    pthread_mutex_t lock;   /* protects all below */
    pthread_cond_t changed; /* broadcast when a task ends; an owner may use it
                               for what it waits for */
    size_t running;         /* threads that have not returned */
    size_t refs;            /* running + 1 while the owner lives */
    struct leat__thread *threads;
    struct leat_error why;  /* the first failure */
    bool weak;              /* why only repeats that the context has ended */

    /* What belongs to the group and goes with it; set by flow and pipeline.
     * finish: every thread was joined; says LEAT_OK or LEAT_LOST. release: the
     * last count is gone, from whichever thread. Both may be NULL. */
    void *owned;
    int (*finish)(void *owned);
    void (*release)(void *owned);
};

/* Notes a failure, if it is the first, and cancels the group. why->stage is
 * kept as it is. */
void leat__group_fail(leat_group *group, int status, const char *stage,
                      const char *message);

/* True: all tasks have ended and are joined. False: the deadline passed. */
bool leat__group_join(leat_group *group, int64_t deadline);

/* Leaves alone the threads that still run: detaches them. */
void leat__group_abandon(leat_group *group);

/* Gives up the owner's count. */
void leat__group_free(leat_group *group);

#endif
