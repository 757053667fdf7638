/* flow.c - stages by hand.
 *
 * A step is one call of generate, map, fan_out, fan_in, tee or or_done: what it
 * was given, its channels, its tasks. The steps of a group, their channels and
 * the pool of items hang off the group (group.h, `owned`) and go with it.
 *
 * Each worker of a step receives from one channel and sends to one; the last
 * worker to end closes what the step made. A receiver that wants no more closes
 * its input and frees what is left in it; so the end travels upstream as well:
 * the sender there finds its output closed, and does the same.
 * SPDX-License-Identifier: MIT */
#include <leat/flow.h>
#include "chan.h"
#include "ctx.h"
#include "group.h"
#include "hand.h"
#include "item.h"
#include "mem.h"
#include "stage.h"
#include "thread.h"
#include "watch.h"
#include <stdio.h>

struct flow { /* of one group */
    leat_group *group;
    struct leat__pool *pool;
    struct step *steps; /* under the group's lock */
};

struct worker {
    struct step *step;
    leat_chan *in;
    struct leat__hand hand;
    void *state; /* of the resource */
};

struct step {
    struct step *next;
    struct flow *flow;
    struct leat__stage stage; /* zero but for the name where there is none */
    _Atomic uint64_t seq;     /* generate: of the next item */
    atomic_uint left;         /* workers that have not ended */
    size_t outs_count;
    leat_chan **outs;         /* what it made */
    struct worker *workers;
};

/* --- what belongs to the group --- */

static void close_step(struct step *step)
{
    for (size_t i = 0; step->outs && i < step->outs_count; i++)
        leat_chan_free(step->outs[i]);
    leat__free(step->outs);
    leat__free(step->workers);
    step->outs = NULL;
}

static void step_free(struct step *step)
{
    close_step(step);
    leat__free(step);
}

static void free_steps(void *first)
{
    for (struct step *step = first, *next; step; step = next) {
        next = step->next;
        leat__free(step);
    }
}

/* An item that is freed too late still finds its types, which are the steps'. */
static size_t end_flow(struct flow *flow)
{
    struct leat__pool *pool = flow->pool;

    if (!pool)
        return 0;
    for (struct step *step = flow->steps; step; step = step->next)
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
static struct flow *flow_of(leat_group *group)
{
    struct flow *flow;

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

static int refuse(leat_group *group, int status, const char *stage,
                  const char *message)
{
    if (group)
        leat__group_fail(group, status, stage, message);
    return status;
}

/* --- making a step --- */

/* Allocates it all, starts nothing. The step is the group's from here on. */
static struct step *step_new(leat_group *group, const struct leat_stage *stage,
                             unsigned workers, size_t outs_count)
{
    struct flow *flow = flow_of(group);
    struct step *step = flow ? leat__alloc(sizeof *step) : NULL;

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

static leat_chan *out_of(struct worker *worker)
{
    struct step *step = worker->step;
    size_t i = (size_t)(worker - step->workers);

    return step->outs[step->outs_count > 1 ? i : 0];
}

static void close_outs(struct step *step)
{
    for (size_t i = 0; i < step->outs_count; i++)
        leat_close(step->outs[i]);
}

/* The workers from i on never were: the last of the others closes. */
static void forget_workers(struct step *step, unsigned count)
{
    if (atomic_fetch_sub(&step->left, count) == count)
        close_outs(step);
}

static int step_start(leat_group *group, struct step *step, unsigned workers,
                      leat_task_fn *body)
{
    for (unsigned i = 0; i < workers; i++) {
        int status = leat_go(group, step->stage.pub.name, body,
                             &step->workers[i]);
        if (status != LEAT_OK) {
            forget_workers(step, workers - i);
            return status;
        }
    }
    return LEAT_OK;
}

/* --- what every worker does --- */

/* A receiver wants no more. */
static void want_no_more(leat_chan *in)
{
    struct leat_item *item;

    leat_close(in);
    while (leat_try_recv(in, &item) == LEAT_OK)
        leat_item_free(item);
}

/* LEAT_OK, or nobody will take it any more and it is freed: LEAT_CLOSED, or how
 * ctx ended. */
static int pass_on(leat_ctx *ctx, leat_chan *out, struct leat_item *item)
{
    int status = leat_send(ctx, out, &item);

    if (status != LEAT_OK)
        leat_item_free(item);
    return status;
}

/* What a task says that has stopped for this status: an end in order is none,
 * a context that ended is one, as its work is cut short. */
static int say(struct worker *worker, int status)
{
    if (status != LEAT_CLOSED)
        return status;
    if (worker->in)
        want_no_more(worker->in); /* as its output, or it has ended anyway */
    return LEAT_OK;
}

static void worker_end(struct worker *worker)
{
    struct step *step = worker->step;

    if (step->outs_count > 1) /* fan_out: its own */
        leat_close(out_of(worker));
    forget_workers(step, 1);
}

static int fail_group(struct worker *worker, int status)
{
    leat__group_fail(worker->step->flow->group, status,
                     worker->step->stage.pub.name, worker->hand.message);
    return status;
}

static int open_resource(leat_ctx *ctx, struct worker *worker)
{
    const struct leat_stage *stage = &worker->step->stage.pub;
    const struct leat_resource *resource = stage->resource;
    int status;

    ctx->hand = &worker->hand;
    worker->state = stage->arg;
    if (!resource || !resource->open)
        return LEAT_OK;
    worker->state = NULL;
    leat__hand_take(&worker->hand, NULL);
    status = resource->open(ctx, stage->arg, &worker->state);
    return status == LEAT_OK ? status : fail_group(worker, status);
}

static void close_resource(struct worker *worker)
{
    const struct leat_resource *resource = worker->step->stage.pub.resource;

    if (resource && resource->close && (worker->state || !resource->open))
        resource->close(worker->state);
}

/* --- the bodies --- */

/* Fills in one item. LEAT_OK, LEAT_CLOSED, LEAT_SKIP or an error. */
static int generate_one(leat_ctx *ctx, struct worker *worker,
                        struct leat__item *item)
{
    struct step *step = worker->step;
    const struct leat_stage *stage = &step->stage.pub;
    void *out = leat__item_make(item, stage->out);
    int status;

    if (!out)
        return LEAT_NOMEM;
    item->pub.seq = atomic_fetch_add(&step->seq, 1);
    leat__hand_take(&worker->hand, &item->pub);
    status = stage->fn(ctx, NULL, out, worker->state);
    if (status != LEAT_OK) {
        leat__item_undo(item);
        return status;
    }
    leat__item_keep(item);
    if (worker->hand.identified) {
        item->pub.seq = worker->hand.seq;
        item->before = item->pub.attempts = worker->hand.attempts;
    }
    return LEAT_OK;
}

static int generate(leat_ctx *ctx, void *arg)
{
    struct worker *worker = arg;
    int status = open_resource(ctx, worker);

    while (status == LEAT_OK) {
        struct leat__item *item = leat__pool_get(worker->step->flow->pool);
        status = item ? generate_one(ctx, worker, item) : LEAT_NOMEM;
        if (status == LEAT_OK) {
            status = pass_on(ctx, out_of(worker), &item->pub);
            continue;
        }
        if (item)
            leat_item_free(&item->pub);
        if (status == LEAT_SKIP)
            status = LEAT_OK;
        else if (status != LEAT_CLOSED && leat__ctx_look(ctx) == LEAT_OK)
            fail_group(worker, status);
    }
    close_resource(worker);
    worker_end(worker);
    return say(worker, status);
}

/* What the stage makes of a good item. True: pass it on. */
static bool map_one(leat_ctx *ctx, struct worker *worker,
                    struct leat__item *item)
{
    const struct leat_stage *stage = &worker->step->stage.pub;
    void *out = leat__item_make(item, stage->out);
    int status = LEAT_NOMEM;

    leat__hand_take(&worker->hand, &item->pub);
    if (out)
        status = stage->fn(ctx, item->pub.value, out, worker->state);
    if (status == LEAT_OK) {
        leat__item_keep(item);
        item->pub.attempts = item->before + 1;
        return true;
    }
    leat__item_undo(item);
    if (status == LEAT_CLOSED)
        want_no_more(worker->in);
    if (status == LEAT_CLOSED || status == LEAT_SKIP ||
        leat__ctx_look(ctx) != LEAT_OK) {
        leat_item_free(&item->pub);
        return false;
    }
    leat__item_fail(item, status, stage->name,
                    worker->hand.message[0] ? worker->hand.message
                                            : leat_strstatus(status));
    return true;
}

static int map(leat_ctx *ctx, void *arg)
{
    struct worker *worker = arg;
    struct leat_item *item;
    int status = open_resource(ctx, worker);

    while (status == LEAT_OK &&
           (status = leat_recv(ctx, worker->in, &item)) == LEAT_OK)
        if (item->error || map_one(ctx, worker, leat__item_of(item)))
            status = pass_on(ctx, out_of(worker), item);
    close_resource(worker);
    worker_end(worker);
    return say(worker, status);
}

static int copy(leat_ctx *ctx, void *arg) /* fan_in and or_done */
{
    struct worker *worker = arg;
    struct leat_item *item;
    int status = LEAT_OK;

    while (status == LEAT_OK &&
           (status = leat_recv(ctx, worker->in, &item)) == LEAT_OK)
        status = pass_on(ctx, out_of(worker), item);
    worker_end(worker);
    return say(worker, status);
}

/* Gives every output that still wants it an item of its own. LEAT_CLOSED:
 * nobody does. */
static int tee_one(leat_ctx *ctx, struct step *step, struct leat__item *item)
{
    int status = LEAT_CLOSED;

    for (size_t i = 0; i < step->outs_count; i++) {
        struct leat__item *other = leat__item_share(item);
        int one = other ? pass_on(ctx, step->outs[i], &other->pub) : LEAT_NOMEM;
        if (one != LEAT_CLOSED)
            status = one;
        if (one != LEAT_CLOSED && one != LEAT_OK)
            break;
    }
    leat_item_free(&item->pub);
    return status;
}

static int tee(leat_ctx *ctx, void *arg)
{
    struct worker *worker = arg;
    struct leat_item *item;
    int status = LEAT_OK;

    while (status == LEAT_OK &&
           (status = leat_recv(ctx, worker->in, &item)) == LEAT_OK)
        status = tee_one(ctx, worker->step, leat__item_of(item));
    close_outs(worker->step);
    atomic_fetch_sub(&worker->step->left, 1);
    return say(worker, status);
}

/* --- what the functions check --- */

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

/* Which type comes out of a channel of this group's; NULL: not known. */
static const struct leat_type *type_of(leat_group *group, leat_chan *in)
{
    const struct leat_type *type = NULL;
    struct flow *flow;

    leat__lock(&group->lock);
    flow = group->owned;
    for (struct step *s = flow ? flow->steps : NULL; s && !type; s = s->next)
        for (size_t i = 0; i < s->outs_count; i++)
            if (s->outs[i] == in)
                type = s->stage.pub.out;
    leat__unlock(&group->lock);
    return type;
}

static const char no_items[] = "a channel that is NULL or not of items";

static int check_map(leat_group *group, leat_chan *in,
                     const struct leat_stage *stage)
{
    const char *name = stage ? stage->name : NULL, *fault;
    const struct leat_type *type;
    char message[240];

    if (!stage || !in) /* in NULL: the group knows why */
        return refuse(group, LEAT_INVALID, name, "a stage or a channel is NULL");
    if ((fault = flow_fault(stage)))
        return refuse(group, LEAT_INVALID, name, fault);
    if (!stage->in)
        return refuse(group, LEAT_INVALID, name, "in is missing");
    if (!leat__chan_of_items(in))
        return refuse(group, LEAT_INVALID, name, no_items);
    type = type_of(group, in);
    if (!type || leat__type_fits(type, stage->in))
        return LEAT_OK;
    snprintf(message, sizeof message, "takes %s, but what comes is %s",
             stage->in->name ? stage->in->name : "", type->name);
    return refuse(group, LEAT_INVALID, name, message);
}

/* Makes a step over one input. outs NULL: one output for all workers. */
static struct step *join(leat_group *group, leat_chan *in,
                         const struct leat_stage *stage, unsigned workers,
                         size_t outs_count, leat_task_fn *body, int *status)
{
    struct step *step = step_new(group, stage, workers, outs_count);

    if (!step) {
        *status = refuse(group, LEAT_NOMEM, stage->name, "");
        return NULL;
    }
    for (unsigned i = 0; i < workers; i++)
        step->workers[i].in = in;
    *status = step_start(group, step, workers, body);
    return *status == LEAT_OK ? step : NULL;
}

/* A step that has no stage, with the type that comes out of in. */
static struct leat_stage plain(leat_group *group, const char *name,
                               leat_chan *in)
{
    return (struct leat_stage){.name = name, .out = type_of(group, in)};
}

/* --- the public functions --- */

leat_chan *leat_generate(leat_group *group, const struct leat_stage *source)
{
    const char *fault;
    struct step *step;
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
                generate, &status);
    return step ? step->outs[0] : NULL;
}

leat_chan *leat_map(leat_group *group, leat_chan *in,
                    const struct leat_stage *stage)
{
    struct step *step;
    int status;

    if (!group || check_map(group, in, stage) != LEAT_OK)
        return NULL;
    step = join(group, in, stage, stage->workers ? stage->workers : 1, 1, map,
                &status);
    return step ? step->outs[0] : NULL;
}

/* Hands the outputs out, or so many NULLs. */
static int give(struct step *step, int status, leat_chan *outs[], size_t count)
{
    for (size_t i = 0; outs && i < count; i++)
        outs[i] = step ? step->outs[i] : NULL;
    return status;
}

int leat_fan_out(leat_group *group, leat_chan *in,
                 const struct leat_stage *stage, leat_chan *outs[])
{
    unsigned workers = stage && stage->workers ? stage->workers : 1;
    struct step *step = NULL;
    int status = LEAT_INVALID;

    if (group && !outs)
        refuse(group, status, stage ? stage->name : NULL, "outs is NULL");
    else if (group && (status = check_map(group, in, stage)) == LEAT_OK)
        step = join(group, in, stage, workers, workers, map, &status);
    return give(step, status, outs, workers);
}

leat_chan *leat_fan_in(leat_group *group, leat_chan *const ins[], size_t count)
{
    struct leat_stage stage;
    struct step *step;
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
    step = step_new(group, &stage, (unsigned)count, 1);
    if (!step) {
        refuse(group, LEAT_NOMEM, stage.name, "");
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        step->workers[i].in = ins[i];
    return step_start(group, step, (unsigned)count, copy) == LEAT_OK
               ? step->outs[0] : NULL;
}

int leat_tee(leat_group *group, leat_chan *in, leat_chan *outs[], size_t count)
{
    struct leat_stage stage;
    struct step *step = NULL;
    int status = LEAT_INVALID;

    if (group && in && leat__chan_of_items(in) && outs && count > 0) {
        stage = plain(group, "tee", in);
        step = join(group, in, &stage, 1, count, tee, &status);
    } else if (group) {
        refuse(group, status, "tee", no_items);
    }
    return give(step, status, outs, count);
}

leat_chan *leat_or_done(leat_group *group, leat_chan *in)
{
    struct leat_stage stage;
    struct step *step;
    int status;

    if (!group)
        return NULL;
    if (!in || !leat__chan_of_items(in)) {
        refuse(group, LEAT_INVALID, "or done", no_items);
        return NULL;
    }
    stage = plain(group, "or done", in);
    step = join(group, in, &stage, 1, 1, copy, &status);
    return step ? step->outs[0] : NULL;
}
