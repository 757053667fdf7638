/* flow_work.c - what the workers of a step do.
 *
 * Each receives from one channel and sends to one. Who wants no more closes its
 * input and frees what is left in it; so the end travels upstream as well: the
 * sender there finds its output closed, and does the same.
 * SPDX-License-Identifier: MIT */
#include "ctx.h"
#include "flow.h"
#include "item.h"

static leat_chan *out_of(struct leat__flow_worker *worker)
{
    struct leat__flow_step *step = worker->step;
    size_t i = (size_t)(worker - step->workers);

    return step->outs[step->outs_count > 1 ? i : 0];
}

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
static int say(struct leat__flow_worker *worker, int status)
{
    if (status != LEAT_CLOSED)
        return status;
    if (worker->in)
        want_no_more(worker->in); /* as its output, or it has ended anyway */
    return LEAT_OK;
}

static void worker_end(struct leat__flow_worker *worker)
{
    struct leat__flow_step *step = worker->step;

    if (step->outs_count > 1) /* fan_out: its own */
        leat_close(out_of(worker));
    leat__flow_leave(step, 1);
}

static int fail_group(struct leat__flow_worker *worker, int status)
{
    leat__group_fail(worker->step->flow->group, status,
                     worker->step->stage.pub.name, worker->hand.message);
    return status;
}

static int open_resource(leat_ctx *ctx, struct leat__flow_worker *worker)
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

static void close_resource(struct leat__flow_worker *worker)
{
    const struct leat_resource *resource = worker->step->stage.pub.resource;

    if (resource && resource->close && (worker->state || !resource->open))
        resource->close(worker->state);
}

/* Fills in one item. LEAT_OK, LEAT_CLOSED, LEAT_SKIP or an error. */
static int generate_one(leat_ctx *ctx, struct leat__flow_worker *worker,
                        struct leat__item *item)
{
    struct leat__flow_step *step = worker->step;
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

int leat__flow_generate(leat_ctx *ctx, void *arg)
{
    struct leat__flow_worker *worker = arg;
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
static bool map_one(leat_ctx *ctx, struct leat__flow_worker *worker,
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

int leat__flow_map(leat_ctx *ctx, void *arg)
{
    struct leat__flow_worker *worker = arg;
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

int leat__flow_copy(leat_ctx *ctx, void *arg)
{
    struct leat__flow_worker *worker = arg;
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
static int tee_one(leat_ctx *ctx, struct leat__flow_step *step,
                   struct leat__item *item)
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

int leat__flow_tee(leat_ctx *ctx, void *arg)
{
    struct leat__flow_worker *worker = arg;
    struct leat_item *item;
    int status = LEAT_OK;

    while (status == LEAT_OK &&
           (status = leat_recv(ctx, worker->in, &item)) == LEAT_OK)
        status = tee_one(ctx, worker->step, leat__item_of(item));
    leat__flow_close_outs(worker->step);
    atomic_fetch_sub(&worker->step->left, 1);
    return say(worker, status);
}
