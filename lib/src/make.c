/* make.c - what a run is made of, and its end.
 * SPDX-License-Identifier: MIT */
#include "mem.h"
#include "parts.h"

/* As of flow's items, so that a trace knows them, but nobody owns one. */
static struct leat_type type_of_blocks(void)
{
    return (struct leat_type){.name = leat__item_type.name,
                              .size = leat__item_type.size};
}

/* --- one step --- */

static bool worker_make(struct leat__worker *worker, struct leat__run *run,
                        struct leat__step *step, unsigned index)
{
    size_t batch = step->stage.pub.batch, few = run->pub.in_flight / 4 + 1;

    worker->run = run;
    worker->step = step;
    worker->index = index;
    worker->depth = 1;
    worker->tx = step->stage.pub.resource &&
                 (step->stage.pub.resource->begin ||
                  step->stage.pub.resource->end);
    worker->most = batch > LEAT__MOST ? batch : LEAT__MOST;
    if (!step->in && run->pub.in_flight && batch < few && few < LEAT__MOST)
        worker->most = few; /* not all of a small pool */
    atomic_init(&worker->at, LEAT__NOWHERE);
    WATCH_ATOMIC(worker->where);
    WATCH_ATOMIC(worker->at);
    WATCH_ATOMIC(worker->seq);
    WATCH_ATOMIC(worker->since);
    WATCH_ATOMIC(worker->noted);
    WATCH_ATOMIC(worker->counts);
    WATCH_ATOMIC(worker->settled);
    leat__mutex_init(&worker->call);
    worker->passing = leat__alloc_array(worker->most,
                                        sizeof(struct leat__block *));
    if (!step->in) {
        worker->slack = leat__alloc_array(worker->most,
                                          sizeof(struct leat__block *));
        return worker->passing && worker->slack;
    }
    worker->slots = leat__alloc_array(worker->most, sizeof *worker->slots);
    worker->messages = leat__alloc_array(worker->most,
                                         sizeof *worker->messages);
    return worker->passing && worker->slots && worker->messages;
}

static void step_free(struct leat__step *step)
{
    if (!step)
        return;
    for (unsigned i = 0; step->workers && i < step->stage.pub.workers; i++) {
        struct leat__worker *worker = &step->workers[i];
        leat__free(worker->passing);
        leat__free(worker->slack);
        leat__free(worker->slots);
        leat__free(worker->messages);
        if (worker->run)
            leat__mutex_destroy(&worker->call);
    }
    leat_chan_free(step->in);
    leat__order_free(step->order);
    leat__mutex_destroy(&step->budget_lock);
    leat__free(step->workers);
    leat__free(step);
}

static struct leat__step *step_new(struct leat__run *run,
                                   const struct leat_stage *stage, size_t index)
{
    struct leat__step *step = leat__alloc(sizeof *step);
    struct leat_type block_type = type_of_blocks();
    bool made;

    if (!step)
        return NULL;
    leat__stage_copy(&step->stage, stage);
    leat__budget_init(step);
    step->run = run;
    step->index = index;
    step->is_errors = index == LEAT_STAGES;
    WATCH_ATOMIC(step->left);
    WATCH_ATOMIC(step->unwanted);
    WATCH_ATOMIC(step->extra);
    atomic_init(&step->left, step->stage.pub.workers);
    step->workers = leat__alloc_lines(step->stage.pub.workers *
                                      sizeof *step->workers);
    if (index > 0)
        step->in = leat_chan_new(stage->name, &block_type,
                                 step->stage.pub.capacity);
    made = step->workers && (step->in || index == 0);
    for (unsigned i = 0; made && i < step->stage.pub.workers; i++)
        made = worker_make(&step->workers[i], run, step, i);
    if (!made) {
        step_free(step);
        return NULL;
    }
    return step;
}

/* --- the run --- */

static bool make_steps(struct leat__run *run)
{
    for (size_t i = 0; i < run->count; i++)
        if (!(run->steps[i] = step_new(run, &run->pub.stages[i], i)))
            return false;
    for (size_t i = 0; i + 1 < run->count; i++) {
        run->steps[i]->next = run->steps[i + 1];
        for (size_t j = i + 1; j < run->count; j++)
            run->steps[i]->order_ahead |= run->steps[j]->stage.pub.ordered;
        run->ordered |= run->steps[i]->stage.pub.ordered;
    }
    if (!run->pub.errors.fn)
        return true;
    run->errors = step_new(run, &run->pub.errors, LEAT_STAGES);
    return run->errors != NULL;
}

static size_t in_flight(const struct leat__run *run)
{
    size_t sum = 0;

    if (run->pub.in_flight)
        return run->pub.in_flight;
    for (size_t i = 1; i < run->count; i++) {
        const struct leat_stage *stage = &run->steps[i]->stage.pub;
        sum += stage->capacity + stage->workers * stage->batch;
    }
    return sum;
}

static bool make_items(struct leat__run *run)
{
    struct leat_type block_type = type_of_blocks();
    size_t line = LEAT__LINE;
    uintptr_t at;

    run->in_flight = in_flight(run);
    if (run->in_flight == SIZE_MAX || !leat__block_layout(run))
        return false;
    run->memory = leat__alloc_array(run->in_flight + 1, run->block_size);
    run->pool = leat_chan_new("pool", &block_type, run->in_flight);
    if (!run->memory || !run->pool)
        return false;
    at = ((uintptr_t)run->memory + line - 1) / line * line;
    run->blocks = (unsigned char *)run->memory +
                  (at - (uintptr_t)run->memory);
    for (size_t i = 0; i < run->in_flight; i++) {
        struct leat__block *item = leat__nth_block(run, i);
        leat__block_init(run, item);
        if (leat_try_send(run->pool, &item) != LEAT_OK)
            return false;
    }
    return true;
}

static bool make_orders(struct leat__run *run)
{
    for (size_t i = 1; i + 1 < run->count; i++)
        if (run->steps[i]->stage.pub.ordered &&
            !(run->steps[i]->order = leat__order_new(run)))
            return false;
    return true;
}

static leat_group *make_group(struct leat__run *run, leat_ctx *ctx)
{
    leat_group *group = leat_group_new(ctx);

    if (group) {
        group->owned = run;
        group->release = leat__run_release;
        atomic_fetch_add(&run->refs, 1);
    }
    return group;
}

static bool make_contexts(struct leat__run *run, leat_ctx *ctx)
{
    int64_t end = leat__after(leat__ctx_deadline(ctx), run->pub.grace);
    int64_t left = end - run->started;

    run->late = leat_ctx_root(left > 0 ? left : 1);
    if (!run->late)
        return false;
    run->late->buffer = ctx->buffer;
    run->group = make_group(run, ctx);
    if (run->errors)
        run->after = make_group(run, run->late);
    return run->group && (run->after || !run->errors);
}

struct leat__run *leat__run_new(leat_ctx *ctx,
                                const struct leat_pipeline *pipeline,
                                size_t count)
{
    struct leat__run *run = leat__alloc_lines(sizeof *run);
    bool made;

    if (!run)
        return NULL;
    run->pub = *pipeline;
    run->count = count;
    run->started = run->ticked = leat__now();
    if (!run->pub.grace)
        run->pub.grace = LEAT_S;
    if (!run->pub.events)
        run->pub.events = ~(1u << LEAT_EVENT_OK | 1u << LEAT_EVENT_SKIP);
    run->heard = 1u << LEAT_EVENT_CANCEL | 1u << LEAT_EVENT_ABANDON |
                 1u << LEAT_EVENT_LOST | (run->pub.trace ? run->pub.events : 0);
    atomic_init(&run->refs, 1);
    atomic_init(&run->wake, LEAT__NEVER);
    WATCH_ATOMIC(run->refs);
    WATCH_ATOMIC(run->identified);
    WATCH_ATOMIC(run->kept_some);
    WATCH_ATOMIC(run->seq);
    WATCH_ATOMIC(run->ticket);
    WATCH_ATOMIC(run->settled);
    WATCH_ATOMIC(run->source_ended);
    WATCH_ATOMIC(run->draining);
    WATCH_ATOMIC(run->wake);
    WATCH_ATOMIC(run->watched);
    WATCH_ATOMIC(run->rung);
    leat__mutex_init(&run->telling);
    made = make_steps(run) && make_items(run) && make_orders(run);
    if (made && (pipeline->threshold.errors || pipeline->threshold.ratio > 0))
        made = (run->threshold = leat__threshold_new(&pipeline->threshold));
    if (made && make_contexts(run, ctx)) {
        atomic_store(&run->watched, run->group);
        return run;
    }
    if (run->group)
        leat__group_free(run->group);
    if (run->after)
        leat__group_free(run->after);
    leat__run_release(run);
    return NULL;
}

void leat__run_release(void *arg)
{
    struct leat__run *run = arg;

    WATCH_BEFORE(&run->refs);
    if (atomic_fetch_sub(&run->refs, 1) > 1)
        return;
    WATCH_AFTER(&run->refs);
    for (size_t i = 0; run->blocks && i < run->in_flight; i++)
        leat__block_clear(run, leat__nth_block(run, i));
    for (size_t i = 0; i < run->count; i++)
        step_free(run->steps[i]);
    step_free(run->errors);
    leat_chan_free(run->pool);
    leat__threshold_free(run->threshold);
    leat_ctx_free(run->late);
    leat__mutex_destroy(&run->telling);
    leat__free(run->memory);
    leat__free(run);
}
