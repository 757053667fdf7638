/* flow.c - stages by hand: the public functions, and what they refuse. See
 * flow.h for the parts.
 * SPDX-License-Identifier: MIT */
#include "chan.h"
#include "flow.h"
#include <stdio.h>

static int refuse(leat_group *group, int status, const char *stage,
                  const char *message)
{
    if (group)
        leat__group_fail(group, status, stage, message);
    return status;
}

/* Fields that only a pipeline can honour. */
static const char *flow_fault(const struct leat_stage *stage)
{
    const struct leat_resource *r = stage->resource;
    const char *fault = leat__stage_fault(stage);

    if (fault)
        return fault;
    if (!stage->out)
        return "out is missing";
    if (stage->ordered || stage->timeout || stage->retry.attempts ||
        stage->retry.backoff || stage->retry.backoff_max ||
        stage->retry.budget > 0 || stage->batch || stage->linger)
        return "ordered, timeout, retry, batch and linger need a pipeline";
    if (r && (r->begin || r->end))
        return "begin and end of a resource need a pipeline";
    return NULL;
}

static const char no_items[] = "a channel that is NULL or not of items";

static int check_map(leat_group *group, leat_chan *in,
                     const struct leat_stage *stage)
{
    const char *name = stage ? stage->name : NULL, *fault;
    const struct leat_type *type;
    char message[240];

    if (!stage || !in) /* in NULL: the group knows why */
        return refuse(group, LEAT_INVALID, name,
                      "a stage or a channel is NULL");
    if ((fault = flow_fault(stage)))
        return refuse(group, LEAT_INVALID, name, fault);
    if (!stage->in)
        return refuse(group, LEAT_INVALID, name, "in is missing");
    if (!leat__chan_of_items(in))
        return refuse(group, LEAT_INVALID, name, no_items);
    type = leat__flow_type(group, in);
    if (!type || leat__type_fits(type, stage->in))
        return LEAT_OK;
    snprintf(message, sizeof message, "takes %s, but what comes is %s",
             stage->in->name ? stage->in->name : "", type->name);
    return refuse(group, LEAT_INVALID, name, message);
}

/* Makes a step over one input. outs NULL: one output for all workers. */
static struct leat__flow_step *join(leat_group *group, leat_chan *in,
                                    const struct leat_stage *stage,
                                    unsigned workers, size_t outs_count,
                                    leat_task_fn *body, int *status)
{
    struct leat__flow_step *step = leat__flow_new(group, stage, workers,
                                                  outs_count);

    if (!step) {
        *status = refuse(group, LEAT_NOMEM, stage->name, "");
        return NULL;
    }
    for (unsigned i = 0; i < workers; i++)
        step->workers[i].in = in;
    *status = leat__flow_start(group, step, workers, body);
    return *status == LEAT_OK ? step : NULL;
}

/* A step that has no stage, with the type that comes out of in. */
static struct leat_stage plain(leat_group *group, const char *name,
                               leat_chan *in)
{
    return (struct leat_stage){.name = name,
                               .out = leat__flow_type(group, in)};
}

leat_chan *leat_generate(leat_group *group, const struct leat_stage *source)
{
    const char *fault;
    struct leat__flow_step *step;
    int status;

    if (!group)
        return NULL;
    fault = source ? flow_fault(source) : "the stage is NULL";
    if (!fault && source->in)
        fault = "a source takes nothing, but in is set";
    if (fault) {
        refuse(group, LEAT_INVALID, source ? source->name : NULL, fault);
        return NULL;
    }
    step = join(group, NULL, source, source->workers ? source->workers : 1, 1,
                leat__flow_generate, &status);
    return step ? step->outs[0] : NULL;
}

leat_chan *leat_map(leat_group *group, leat_chan *in,
                    const struct leat_stage *stage)
{
    struct leat__flow_step *step;
    int status;

    if (!group || check_map(group, in, stage) != LEAT_OK)
        return NULL;
    step = join(group, in, stage, stage->workers ? stage->workers : 1, 1,
                leat__flow_map, &status);
    return step ? step->outs[0] : NULL;
}

/* Hands the outputs out, or so many NULLs. */
static int give(struct leat__flow_step *step, int status, leat_chan *outs[],
                size_t count)
{
    for (size_t i = 0; outs && i < count; i++)
        outs[i] = step ? step->outs[i] : NULL;
    return status;
}

int leat_fan_out(leat_group *group, leat_chan *in,
                 const struct leat_stage *stage, leat_chan *outs[])
{
    unsigned workers = stage && stage->workers ? stage->workers : 1;
    struct leat__flow_step *step = NULL;
    int status = LEAT_INVALID;

    if (group && !outs)
        refuse(group, status, stage ? stage->name : NULL, "outs is NULL");
    else if (group && (status = check_map(group, in, stage)) == LEAT_OK)
        step = join(group, in, stage, workers, workers, leat__flow_map,
                    &status);
    return give(step, status, outs, workers);
}

leat_chan *leat_fan_in(leat_group *group, leat_chan *const ins[], size_t count)
{
    struct leat_stage stage;
    struct leat__flow_step *step;
    bool whole = ins && count > 0 && count <= LEAT_WORKERS;

    if (!group)
        return NULL;
    for (size_t i = 0; whole && i < count; i++)
        whole = ins[i] && leat__chan_of_items(ins[i]);
    if (!whole) {
        refuse(group, LEAT_INVALID, "fan in", no_items);
        return NULL;
    }
    stage = plain(group, "fan in", ins[0]);
    step = leat__flow_new(group, &stage, (unsigned)count, 1);
    if (!step) {
        refuse(group, LEAT_NOMEM, stage.name, "");
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        step->workers[i].in = ins[i];
    return leat__flow_start(group, step, (unsigned)count, leat__flow_copy) ==
                   LEAT_OK ? step->outs[0] : NULL;
}

int leat_tee(leat_group *group, leat_chan *in, leat_chan *outs[], size_t count)
{
    struct leat_stage stage;
    struct leat__flow_step *step = NULL;
    int status = LEAT_INVALID;

    if (group && in && leat__chan_of_items(in) && outs && count > 0) {
        stage = plain(group, "tee", in);
        step = join(group, in, &stage, 1, count, leat__flow_tee, &status);
    } else if (group) {
        refuse(group, status, "tee", no_items);
    }
    return give(step, status, outs, count);
}

leat_chan *leat_or_done(leat_group *group, leat_chan *in)
{
    struct leat_stage stage;
    struct leat__flow_step *step;
    int status;

    if (!group)
        return NULL;
    if (!in || !leat__chan_of_items(in)) {
        refuse(group, LEAT_INVALID, "or done", no_items);
        return NULL;
    }
    stage = plain(group, "or done", in);
    step = join(group, in, &stage, 1, 1, leat__flow_copy, &status);
    return step ? step->outs[0] : NULL;
}
