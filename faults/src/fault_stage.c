/* fault_stage.c - a fault wrapped round a stage.
 *
 * The stage's arg becomes the fault, which knows the victim. Where the victim
 * has a resource its fn is given what each worker holds instead, so the
 * resource is wrapped as well: a worker holds the fault and what the victim's
 * worker would hold.
 * SPDX-License-Identifier: MIT */
#include "fault_parts.h"
#include <leat/item.h>
#include <stdlib.h>
#include <string.h>

/* --- the function --- */

static int call_victim(leat_ctx *ctx, const void *in, void *out,
                       const struct leat_stage *victim, void *arg)
{
    if (victim->fn)
        return victim->fn(ctx, in, out, arg);
    if (out)
        memcpy(out, in, victim->out->size);
    return LEAT_OK;
}

static int may_corrupt(leat_ctx *ctx, const struct leat_fault *fault)
{
    const struct leat_type *out = fault->victim.out;
    const char *wrong = leat_fault_check(fault);

    if (!wrong)
        wrong = out ? leat__fault_spoils(fault, out)
                    : "a sink makes nothing that could be changed";
    return wrong ? leat_fail(ctx, LEAT_INVALID, "corrupt: %s", wrong) : LEAT_OK;
}

/* Before the victim is called. */
static int before(leat_ctx *ctx, struct leat_fault *fault, uint64_t key,
                  bool late)
{
    if (!late)
        return leat_fault_hit_(ctx, fault, key);
    return fault->kind == LEAT_FAULT_CORRUPT ? may_corrupt(ctx, fault)
                                             : LEAT_OK;
}

/* Of a source, what is dropped is what it has read. */
static bool is_late(const struct leat_fault *fault, const void *in)
{
    return fault->kind == LEAT_FAULT_CORRUPT ||
           fault->kind == LEAT_FAULT_NEVER_CLOSE ||
           (fault->kind == LEAT_FAULT_DROP && !in);
}

static int after(leat_ctx *ctx, void *out, struct leat_fault *fault,
                 uint64_t key, int status)
{
    int wanted = fault->kind == LEAT_FAULT_NEVER_CLOSE ? LEAT_CLOSED : LEAT_OK;

    if (status != wanted)
        return status;
    if (fault->kind == LEAT_FAULT_DROP)
        return leat_fault_hit_(ctx, fault, key);
    if (!leat__fault_turn(fault, &key))
        return status;
    if (fault->kind == LEAT_FAULT_CORRUPT)
        return leat__fault_corrupt(fault, fault->victim.out, out,
                                   leat__fault_die(fault, key, LEAT__PLACE));
    status = leat__fault_sleep(ctx, fault, LEAT__FOREVER);
    return status == LEAT_OK ? LEAT_CLOSED : status; /* switched off */
}

static int faulty(leat_ctx *ctx, const void *in, void *out,
                  struct leat_fault *fault, void *arg)
{
    uint64_t key = leat_ctx_item(ctx)->seq;
    bool off = leat__fault_get(fault->off), late = is_late(fault, in);
    int status = off ? LEAT_OK : before(ctx, fault, key, late);

    if (status != LEAT_OK)
        return status;
    status = call_victim(ctx, in, out, &fault->victim, arg);
    return off || !late ? status : after(ctx, out, fault, key, status);
}

static int faulty_fn(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    struct leat_fault *fault = arg;

    return faulty(ctx, in, out, fault, fault->victim.arg);
}

/* --- the resource --- */

struct held {
    struct leat_fault *fault;
    void *state; /* what the victim's worker holds */
};

static const struct leat_resource *resource_of(const struct held *held)
{
    return held->fault->victim.resource;
}

static int holding_fn(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    struct held *held = arg;

    return faulty(ctx, in, out, held->fault, held->state);
}

static int hold(leat_ctx *ctx, void *arg, void **state)
{
    struct leat_fault *fault = arg;
    const struct leat_stage *victim = &fault->victim;
    struct held *held = malloc(sizeof *held);
    int status = LEAT_OK;

    if (!held)
        return LEAT_NOMEM;
    *held = (struct held){fault, victim->arg};
    if (victim->resource->open) {
        held->state = NULL;
        status = victim->resource->open(ctx, victim->arg, &held->state);
    }
    if (status == LEAT_OK || held->state) /* leat calls close then */
        *state = held;
    else
        free(held);
    return status;
}

static int begin(leat_ctx *ctx, void *state)
{
    struct held *held = state;

    return resource_of(held)->begin(ctx, held->state);
}

static int end(leat_ctx *ctx, int status, void *state)
{
    struct held *held = state;

    return resource_of(held)->end(ctx, status, held->state);
}

static void interrupt(void *state)
{
    struct held *held = state;

    resource_of(held)->interrupt(held->state);
}

static void let_go(void *state)
{
    struct held *held = state;

    if (resource_of(held)->close)
        resource_of(held)->close(held->state);
    free(held);
}

/* --- the stage --- */

struct leat_stage leat_fault_stage(struct leat_fault *fault,
                                   struct leat_stage victim)
{
    struct leat_stage stage = victim;
    const struct leat_resource *resource = victim.resource;

    if (!victim.fn && !victim.in)
        return victim; /* the end of a table */
    if (!victim.fn && victim.out) {
        fault->private_.passed = *victim.out;
        fault->private_.passed.drop = NULL;
        stage.out = &fault->private_.passed;
    }
    fault->victim = victim;
    fault->victim.out = stage.out;
    stage.fn = resource ? holding_fn : faulty_fn;
    stage.arg = fault;
    if (resource) {
        fault->private_.resource = (struct leat_resource){
            .open = hold,
            .begin = resource->begin ? begin : NULL,
            .end = resource->end ? end : NULL,
            .interrupt = resource->interrupt ? interrupt : NULL,
            .close = let_go,
        };
        stage.resource = &fault->private_.resource;
    }
    return stage;
}
