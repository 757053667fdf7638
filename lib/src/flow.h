/* flow.h - what the parts of flow know of each other.
 *
 *   flow.c       the public functions, and what they refuse
 *   flow_step.c  what a group owns: steps, their channels, the pool of items
 *   flow_work.c  what a step's workers do
 *
 * A step is one call of generate, map, fan_out, fan_in, tee or or_done: what it
 * was given, its channels, its tasks.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__FLOW_H
#define LEAT__FLOW_H

#include "group.h"
#include "hand.h"
#include "stage.h"
#include <leat/flow.h>
#include <stdatomic.h>

struct leat__flow { /* of one group */
    leat_group *group;
    struct leat__pool *pool;
    struct leat__flow_step *steps; /* under the group's lock */
};

struct leat__flow_worker {
    struct leat__flow_step *step;
    leat_chan *in;
    struct leat__hand hand;
    void *state; /* of the resource */
};

struct leat__flow_step {
    struct leat__flow_step *next;
    struct leat__flow *flow;
    struct leat__stage stage; /* zero but for the name where there is none */
    _Atomic uint64_t seq;     /* generate: of the next item */
    atomic_uint left;         /* workers that have not ended */
    size_t outs_count;
    leat_chan **outs;         /* what it made */
    struct leat__flow_worker *workers;
};

/* flow_step.c */

/* Allocates it all, starts nothing. The step is the group's from here on. NULL:
 * no memory. */
struct leat__flow_step *leat__flow_new(leat_group *group,
                                       const struct leat_stage *stage,
                                       unsigned workers, size_t outs_count);
int leat__flow_start(leat_group *group, struct leat__flow_step *step,
                     unsigned workers, leat_task_fn *body);

/* So many of its workers have ended, or never were: the last one closes. */
void leat__flow_leave(struct leat__flow_step *step, unsigned count);
void leat__flow_close_outs(struct leat__flow_step *step);

/* Which type comes out of a channel of this group's; NULL: not known. */
const struct leat_type *leat__flow_type(leat_group *group, leat_chan *in);

/* flow_work.c: the bodies of tasks. arg: a struct leat__flow_worker. */
int leat__flow_generate(leat_ctx *ctx, void *arg);
int leat__flow_map(leat_ctx *ctx, void *arg);
int leat__flow_copy(leat_ctx *ctx, void *arg); /* fan_in and or_done */
int leat__flow_tee(leat_ctx *ctx, void *arg);

#endif
