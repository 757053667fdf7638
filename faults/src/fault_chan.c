/* fault_chan.c - a fault round a channel: what it needs is made, or refused.
 * SPDX-License-Identifier: MIT */
#include "fault_pipe.h"
#include <leat/flow.h>
#include <stdlib.h>

static void drop_item(void *at)
{
    leat_item_free(*(struct leat_item **)at);
}

/* By this name leat/flow.h knows its channels. */
static const struct leat_type item_type = {
    .name = "struct leat_item *",
    .size = sizeof(struct leat_item *),
    .drop = drop_item,
};

static struct leat__fault_pipe *pipe_new(struct leat_fault *fault,
                                         const struct leat_type *type)
{
    struct leat__fault_pipe *pipe = calloc(1, sizeof *pipe);
    size_t size = type->size > 0 ? type->size : 1, room;

    if (!pipe)
        return NULL;
    pipe->fault = fault;
    pipe->type = *type;
    pipe->of_flow = type == &item_type;
    pipe->window = fault->window ? fault->window : 4;
    room = fault->kind == LEAT_FAULT_REORDER ? pipe->window + 1 : 1;
    pipe->item = calloc(1, size);
    pipe->copy = calloc(1, size);
    pipe->held = calloc(room, sizeof *pipe->held);
    pipe->bytes = calloc(room, size);
    if (!pipe->item || !pipe->copy || !pipe->held || !pipe->bytes) {
        leat__fault_pipe_free(pipe);
        return NULL;
    }
    for (size_t i = 0; i < room; i++)
        pipe->held[i].item = pipe->bytes + i * size;
    return pipe;
}

static const char *refusal(const struct leat_fault *fault,
                           const struct leat_type *type)
{
    const char *wrong = leat_fault_check(fault);

    if (wrong || type == &item_type)
        return wrong;
    if (fault->kind == LEAT_FAULT_CORRUPT)
        return leat__fault_spoils(fault, type);
    if (fault->kind == LEAT_FAULT_DUPLICATE && type->drop &&
        !(type->encode && type->decode))
        return "its type has a drop, but no encode and decode";
    return NULL;
}

static int say(leat_ctx *ctx, void *status)
{
    return (int)(intptr_t)status;
}

/* A group is told of a failure by a task that fails. */
static leat_chan *give_up(leat_group *group, const char *name, int status)
{
    leat_go(group, name, say, (void *)(intptr_t)status);
    return NULL;
}

/* What it receives from: in, or both ends of a tee. */
static int connect(leat_group *group, struct leat__fault_pipe *pipe,
                   leat_chan *in)
{
    leat_chan *both[2];
    int status;

    pipe->in = in;
    if (!pipe->of_flow || pipe->fault->kind != LEAT_FAULT_DUPLICATE)
        return LEAT_OK;
    if ((status = leat_tee(group, in, both, 2)) != LEAT_OK)
        return status;
    pipe->in = both[0];
    pipe->second = both[1];
    return LEAT_OK;
}

leat_chan *leat_fault_chan(leat_group *group, leat_chan *in,
                           const struct leat_type *type,
                           struct leat_fault *fault)
{
    struct leat__fault_pipe *pipe;
    const char *name;
    leat_chan *out;

    if (!group || !in)
        return NULL;
    type = type ? type : &item_type;
    if (!fault || refusal(fault, type))
        return give_up(group, "fault", LEAT_INVALID);
    name = leat_fault_name(fault->kind);
    if (!(pipe = pipe_new(fault, type)))
        return give_up(group, name, LEAT_NOMEM);
    if (!(out = pipe->out = leat_chan_new(name, type, 0))) {
        leat__fault_pipe_free(pipe);
        return give_up(group, name, LEAT_NOMEM);
    }
    if (connect(group, pipe, in) == LEAT_OK &&
        leat_go(group, name, leat__fault_pipe_run, pipe) == LEAT_OK)
        return out;
    leat_chan_free(out);
    leat__fault_pipe_free(pipe);
    return NULL;
}
