/* fault_pipe.c - the task of a faulty channel: receives from in, sends to out.
 *
 * What it has received is its own until it has sent or dropped it: one buffer
 * for the item in hand, one for a duplicate, and a row of those that are held
 * back.
 *
 * An item of leat/flow.h is a pointer. Two of it come from a tee, which gives
 * out two that share their values: the task receives both, in step, sends the
 * first, and sends or frees the second.
 * SPDX-License-Identifier: MIT */
#include "fault_pipe.h"
#include <leat/item.h>
#include <stdlib.h>
#include <string.h>

static void drop(const struct leat__fault_pipe *pipe, void *item)
{
    if (pipe->type.drop)
        pipe->type.drop(item);
}

/* The item in hand, of a flow. */
static const struct leat_item *item_of(const struct leat__fault_pipe *pipe)
{
    struct leat_item *item;

    memcpy(&item, pipe->item, sizeof item);
    return item;
}

/* Sends it, or drops it. */
static int pass(leat_ctx *ctx, struct leat__fault_pipe *pipe, void *item)
{
    int status = leat_send(ctx, pipe->out, item);

    if (status != LEAT_OK)
        drop(pipe, item);
    pipe->unwanted = pipe->unwanted || status == LEAT_CLOSED;
    return status;
}

/* --- reorder --- */

static void hold(struct leat__fault_pipe *pipe)
{
    uint64_t die = leat__fault_die(pipe->fault, pipe->number, LEAT__PLACE);
    struct leat__fault_held *held = &pipe->held[pipe->held_count++];

    held->left = 1 + (size_t)(die % pipe->window);
    memcpy(held->item, pipe->item, pipe->type.size);
}

/* Takes the i-th off the row; its bytes stay good until the next hold(). */
static unsigned char *let_go(struct leat__fault_pipe *pipe, size_t i)
{
    struct leat__fault_held gone = pipe->held[i];

    pipe->held_count--;
    memmove(&pipe->held[i], &pipe->held[i + 1],
            (pipe->held_count - i) * sizeof gone);
    pipe->held[pipe->held_count] = gone;
    return gone.item;
}

/* One more has come: those whose time it is go. */
static int count_down(leat_ctx *ctx, struct leat__fault_pipe *pipe,
                      size_t count)
{
    int status = LEAT_OK;

    for (size_t i = 0; i < count && status == LEAT_OK;)
        if (--pipe->held[i].left == 0) {
            status = pass(ctx, pipe, let_go(pipe, i));
            count--;
        } else {
            i++;
        }
    return status;
}

static int reorder(leat_ctx *ctx, struct leat__fault_pipe *pipe, bool due)
{
    size_t before = pipe->held_count;
    int status = LEAT_OK;

    if (due)
        hold(pipe);
    else
        status = pass(ctx, pipe, pipe->item);
    return status == LEAT_OK ? count_down(ctx, pipe, before) : status;
}

/* --- the other kinds --- */

static int duplicate(leat_ctx *ctx, struct leat__fault_pipe *pipe, bool due)
{
    int status = LEAT_OK;

    if (due && pipe->type.drop && !pipe->of_flow)
        status = leat__fault_copy(&pipe->type, pipe->item, pipe->copy);
    else if (due && !pipe->of_flow)
        memcpy(pipe->copy, pipe->item, pipe->type.size);
    else if (!due && pipe->second)
        drop(pipe, pipe->copy);
    if (status != LEAT_OK) {
        drop(pipe, pipe->item);
        return status;
    }
    status = pass(ctx, pipe, pipe->item);
    if (due && status == LEAT_OK)
        return pass(ctx, pipe, pipe->copy);
    if (due)
        drop(pipe, pipe->copy);
    return status;
}

static int corrupt(leat_ctx *ctx, struct leat__fault_pipe *pipe, uint64_t key,
                   bool due)
{
    uint64_t die = leat__fault_die(pipe->fault, key, LEAT__PLACE);
    int status = LEAT_OK;

    if (due && pipe->of_flow)
        status = leat__fault_corrupt(pipe->fault, item_of(pipe)->type,
                                     (void *)(uintptr_t)item_of(pipe)->value,
                                     die);
    else if (due)
        status = leat__fault_corrupt(pipe->fault, &pipe->type, pipe->item, die);
    if (status == LEAT_OK)
        return pass(ctx, pipe, pipe->item);
    drop(pipe, pipe->item);
    return status;
}

static int misbehave(leat_ctx *ctx, struct leat__fault_pipe *pipe, uint64_t key)
{
    int status;

    switch (pipe->fault->kind) {
    case LEAT_FAULT_REORDER:
        return reorder(ctx, pipe, leat__fault_turn(pipe->fault, &key));
    case LEAT_FAULT_DUPLICATE:
        return duplicate(ctx, pipe, leat__fault_turn(pipe->fault, &key));
    case LEAT_FAULT_CORRUPT:
        return corrupt(ctx, pipe, key, leat__fault_turn(pipe->fault, &key));
    default:
        status = leat_fault_hit_(ctx, pipe->fault, key);
        if (status == LEAT_OK)
            return pass(ctx, pipe, pipe->item);
        drop(pipe, pipe->item);
        return status == LEAT_SKIP ? LEAT_OK : status;
    }
}

/* The item in hand as it is. */
static int untouched(leat_ctx *ctx, struct leat__fault_pipe *pipe)
{
    size_t before = pipe->held_count;
    int status = pass(ctx, pipe, pipe->item);

    if (pipe->second)
        drop(pipe, pipe->copy);
    return status == LEAT_OK ? count_down(ctx, pipe, before) : status;
}

/* --- the task --- */

static int one(leat_ctx *ctx, struct leat__fault_pipe *pipe)
{
    const struct leat_fault *fault = pipe->fault;
    uint64_t key = pipe->number;
    bool touch = !leat__fault_get(fault->off) &&
                 fault->kind != LEAT_FAULT_NEVER_CLOSE;
    int status = leat_recv(ctx, pipe->in, pipe->item);

    if (status != LEAT_OK)
        return status;
    if (pipe->second &&
        (status = leat_recv(ctx, pipe->second, pipe->copy)) != LEAT_OK) {
        drop(pipe, pipe->item);
        return status;
    }
    if (pipe->of_flow) {
        key = item_of(pipe)->seq;
        touch = touch && !item_of(pipe)->error;
    }
    status = touch ? misbehave(ctx, pipe, key) : untouched(ctx, pipe);
    pipe->number++;
    return status;
}

/* in is closed and empty, or it is as if it were. */
static int finish(leat_ctx *ctx, struct leat__fault_pipe *pipe)
{
    uint64_t end = pipe->number;
    int status = LEAT_OK;

    while (pipe->held_count && status == LEAT_OK)
        status = pass(ctx, pipe, let_go(pipe, 0));
    if (status == LEAT_OK && pipe->fault->kind == LEAT_FAULT_NEVER_CLOSE &&
        !pipe->unwanted && !leat__fault_get(pipe->fault->off) &&
        leat__fault_turn(pipe->fault, &end))
        status = leat__fault_sleep(ctx, pipe->fault, LEAT__FOREVER);
    return status;
}

/* What nobody will get is dropped, and the sender learns of the end. */
static void want_no_more(struct leat__fault_pipe *pipe, leat_chan *in)
{
    leat_close(in);
    while (in && leat_try_recv(in, pipe->item) == LEAT_OK)
        drop(pipe, pipe->item);
}

void leat__fault_pipe_free(struct leat__fault_pipe *pipe)
{
    free(pipe->held);
    free(pipe->bytes);
    free(pipe->item);
    free(pipe->copy);
    free(pipe);
}

int leat__fault_pipe_run(leat_ctx *ctx, void *arg)
{
    struct leat__fault_pipe *pipe = arg;
    int status;

    do
        status = one(ctx, pipe);
    while (status == LEAT_OK);
    if (status == LEAT_CLOSED)
        status = finish(ctx, pipe);
    while (pipe->held_count)
        drop(pipe, let_go(pipe, 0));
    leat_close(pipe->out);
    want_no_more(pipe, pipe->in);
    want_no_more(pipe, pipe->second);
    leat__fault_pipe_free(pipe);
    return status == LEAT_CLOSED ? LEAT_OK : status; /* nobody wants more */
}
