/* call.c - calls the user's functions.
 *
 * An attempt with a timeout has a context of its own, made once per worker and
 * armed anew for each call; without a timeout fn gets the worker's. What fn
 * returns is read in the light of how its context is: after a cancel anything
 * but LEAT_OK is a cancel, after its own timeout a timeout.
 *
 * The interrupt of a resource is called by the monitor with `call` held, and
 * the worker takes `call` before and after fn: so it comes only while fn runs.
 * That is the one function of the user's that is called under a lock.
 * SPDX-License-Identifier: MIT */
#include "parts.h"
#include <stdio.h>

static const struct leat_resource *resource_of(const struct leat__worker *w)
{
    return w->step->stage.pub.resource;
}

/* Opens the door for an interrupt at `until`, or closes it. */
static void in_call(struct leat__worker *worker, bool in, int64_t until)
{
    leat__lock(&worker->call);
    worker->in_call = in;
    worker->until = until;
    leat__unlock(&worker->call);
    if (in && until != LEAT__NEVER)
        leat__monitor_tell(worker->run, until);
}

static int call_fn(struct leat__worker *worker, leat_ctx *ctx, int64_t until,
                   const void *in, void *out)
{
    const struct leat_stage *stage = &worker->step->stage.pub;
    void *arg = stage->resource ? worker->state : stage->arg;
    int status;

    if (!stage->resource || !stage->resource->interrupt)
        return stage->fn(ctx, in, out, arg);
    in_call(worker, true, until);
    status = stage->fn(ctx, in, out, arg);
    in_call(worker, false, LEAT__NEVER);
    return status;
}

int leat__call(struct leat__worker *worker, leat_ctx *ctx,
               const struct leat_item *item, int64_t deadline, const void *in,
               void *out)
{
    const struct leat_stage *stage = &worker->step->stage.pub;
    leat_ctx *attempt = ctx;
    int status;

    if (ctx == worker->detached) {
        deadline = LEAT__NEVER; /* a redo after the cancel: the grace is all */
    } else if (worker->attempt) {
        if (stage->timeout) {
            int64_t until = leat__after(leat__now(), stage->timeout);
            deadline = until < deadline ? until : deadline;
        }
        attempt = worker->attempt;
        leat__ctx_rearm(attempt, deadline);
    }
    leat__hand_take(&worker->hand, item);
    status = call_fn(worker, attempt, deadline, in, out);
    return status == LEAT_OK ? status : leat__read(worker, ctx, attempt, status);
}

int leat__read(struct leat__worker *worker, leat_ctx *ctx, leat_ctx *attempt,
               int status)
{
    const struct leat_stage *stage = &worker->step->stage.pub;

    if (leat__ctx_look(ctx) != LEAT_OK)
        return LEAT_CANCELED;
    if (attempt == ctx || leat__ctx_look(attempt) == LEAT_OK)
        return status;
    if (!worker->hand.message[0])
        snprintf(worker->hand.message, sizeof worker->hand.message,
                 "not done within %.3g s",
                 (double)(stage->timeout ? stage->timeout
                                         : worker->run->pub.item_timeout) /
                     (double)LEAT_S);
    return LEAT_TIMEOUT;
}

/* --- the resource --- */

static int open_once(struct leat__worker *worker)
{
    const struct leat_resource *resource = resource_of(worker);
    int status;

    leat__hand_take(&worker->hand, NULL);
    worker->state = NULL;
    status = resource->open(worker->ctx, worker->step->stage.pub.arg,
                            &worker->state);
    if (status != LEAT_OK && worker->state && resource->close)
        resource->close(worker->state);
    return status;
}

int leat__open(struct leat__worker *worker)
{
    const struct leat_resource *resource = resource_of(worker);
    const struct leat_stage *stage = &worker->step->stage.pub;
    int status;

    worker->state = stage->arg;
    if (!resource)
        return LEAT_OK;
    if (!resource->open) {
        worker->opened = true;
        return LEAT_OK;
    }
    for (unsigned tries = 1; (status = open_once(worker)) != LEAT_OK; tries++)
        if (status != LEAT_AGAIN || tries >= stage->retry.attempts ||
            leat_sleep(worker->ctx, leat__backoff(worker, worker->index,
                                                  tries)) != LEAT_OK)
            break;
    worker->opened = status == LEAT_OK;
    if (status != LEAT_OK && leat__ctx_look(worker->ctx) == LEAT_OK)
        leat__stop(worker->run, status, stage->name, worker->hand.message);
    return status;
}

void leat__close(struct leat__worker *worker)
{
    const struct leat_resource *resource = resource_of(worker);

    if (worker->opened && resource->close) {
        leat__hand_take(&worker->hand, NULL);
        resource->close(worker->state);
    }
    worker->opened = false;
}

int leat__begin(struct leat__worker *worker, leat_ctx *ctx)
{
    const struct leat_resource *resource = resource_of(worker);
    const struct leat_retry *retry = &worker->step->stage.pub.retry;
    unsigned most = retry->attempts > 1 ? retry->attempts : 2;
    int status;

    if (!resource->begin)
        return LEAT_OK;
    for (unsigned tries = 1;; tries++) {
        worker->hand.message[0] = '\0';
        status = resource->begin(ctx, worker->state);
        if (status != LEAT_OK && leat__ctx_look(ctx) != LEAT_OK)
            return LEAT_CANCELED;
        if (status != LEAT_AGAIN || tries >= most)
            return status;
        if (leat_sleep(ctx, leat__backoff(worker, worker->index, tries)) !=
            LEAT_OK)
            return LEAT_CANCELED;
        leat__close(worker);
        if (leat__open(worker) != LEAT_OK)
            return LEAT_CANCELED; /* and the run is stopped */
    }
}

int leat__end(struct leat__worker *worker, leat_ctx *ctx, int status)
{
    const struct leat_resource *resource = resource_of(worker);

    if (!resource->end)
        return LEAT_OK;
    if (status == LEAT_OK)
        worker->hand.message[0] = '\0'; /* a failure's message must live on */
    status = resource->end(ctx, status, worker->state);
    return status != LEAT_OK && leat__ctx_look(ctx) != LEAT_OK ? LEAT_CANCELED
                                                               : status;
}
