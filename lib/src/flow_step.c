/* flow_step.c - what a group owns of its flow.
 *
 * The steps of a group, their channels and the pool of items hang off the group
 * (group.h, `owned`) and go with it: the channels as soon as every thread was
 * joined, the steps with the last item, which finds its types there.
 *
 * The last worker to end closes what its step made.
 * SPDX-License-Identifier: MIT */
#include "chan.h"
#include "flow.h"
#include "item.h"
#include "mem.h"
#include "thread.h"
#include "watch.h"

static void close_step(struct leat__flow_step *step)
{
    for (size_t i = 0; step->outs && i < step->outs_count; i++)
        leat_chan_free(step->outs[i]);
    leat__free(step->outs);
    leat__free(step->workers);
    step->outs = NULL;
}

static void step_free(struct leat__flow_step *step)
{
    close_step(step);
    leat__free(step);
}

static void free_steps(void *first)
{
    for (struct leat__flow_step *step = first, *next; step; step = next) {
        next = step->next;
        leat__free(step);
    }
}

/* An item that is freed too late still finds its types: the steps have them. */
static size_t end_flow(struct leat__flow *flow)
{
    struct leat__pool *pool = flow->pool;

    if (!pool)
        return 0;
    for (struct leat__flow_step *step = flow->steps; step; step = step->next)
        close_step(step);
    flow->pool = NULL;
    return leat__pool_close(pool, free_steps, flow->steps);
}

static int flow_finish(void *owned)
{
    return end_flow(owned) ? LEAT_LOST : LEAT_OK;
}

static void flow_release(void *owned)
{
    end_flow(owned);
    leat__free(owned);
}

/* The group's flow, made at the first call. NULL: no memory. */
static struct leat__flow *flow_of(leat_group *group)
{
    struct leat__flow *flow;

    leat__lock(&group->lock);
    flow = group->owned;
    if (!flow && (flow = leat__alloc(sizeof *flow))) {
        if ((flow->pool = leat__pool_new())) {
            flow->group = group;
            group->owned = flow;
            group->finish = flow_finish;
            group->release = flow_release;
        } else {
            leat__free(flow);
            flow = NULL;
        }
    }
    leat__unlock(&group->lock);
    return flow;
}

struct leat__flow_step *leat__flow_new(leat_group *group,
                                       const struct leat_stage *stage,
                                       unsigned workers, size_t outs_count)
{
    struct leat__flow *flow = flow_of(group);
    struct leat__flow_step *step = flow ? leat__alloc(sizeof *step) : NULL;

    if (!step)
        return NULL;
    leat__stage_copy(&step->stage, stage);
    step->flow = flow;
    step->outs_count = outs_count;
    step->outs = leat__alloc_array(outs_count, sizeof *step->outs);
    step->workers = leat__alloc_array(workers, sizeof *step->workers);
    WATCH_ATOMIC(step->left);
    WATCH_ATOMIC(step->seq);
    atomic_init(&step->left, workers);
    for (size_t i = 0; step->outs && i < outs_count; i++)
        if (!(step->outs[i] = leat_chan_new(stage->name, &leat__item_type,
                                            step->stage.pub.capacity)))
            break;
    if (!step->outs || !step->workers || !step->outs[outs_count - 1]) {
        step_free(step);
        return NULL;
    }
    for (unsigned i = 0; i < workers; i++)
        step->workers[i].step = step;
    leat__lock(&group->lock);
    step->next = flow->steps;
    flow->steps = step;
    leat__unlock(&group->lock);
    return step;
}

void leat__flow_close_outs(struct leat__flow_step *step)
{
    for (size_t i = 0; i < step->outs_count; i++)
        leat_close(step->outs[i]);
}

void leat__flow_leave(struct leat__flow_step *step, unsigned count)
{
    if (atomic_fetch_sub(&step->left, count) == count)
        leat__flow_close_outs(step);
}

int leat__flow_start(leat_group *group, struct leat__flow_step *step,
                     unsigned workers, leat_task_fn *body)
{
    for (unsigned i = 0; i < workers; i++) {
        int status = leat_go(group, step->stage.pub.name, body,
                             &step->workers[i]);
        if (status != LEAT_OK) {
            leat__flow_leave(step, workers - i);
            return status;
        }
    }
    return LEAT_OK;
}

const struct leat_type *leat__flow_type(leat_group *group, leat_chan *in)
{
    const struct leat_type *type = NULL;
    struct leat__flow_step *step;

    leat__lock(&group->lock);
    step = group->owned ? ((struct leat__flow *)group->owned)->steps : NULL;
    for (; step && !type; step = step->next)
        for (size_t i = 0; i < step->outs_count; i++)
            if (step->outs[i] == in)
                type = step->stage.pub.out;
    leat__unlock(&group->lock);
    return type;
}
