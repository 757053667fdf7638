/* monitor.c - watches the time while a run is under way; it is the thread that
 * called leat_run().
 *
 * It sleeps until the next thing is due: the drain, the deadline, a tick, the
 * end of an attempt that may have to be interrupted, the end of the grace. It
 * is woken when a task or a context ends, and by a worker whose attempt ends
 * sooner than it means to look (leat__monitor_tell).
 *
 * No attempt is missed: before it looks at the workers it sets `wake` to never,
 * so that whoever begins an attempt after it has looked rings; then it sets
 * `wake` to what it found.
 *
 * Order of locks: a context tree's before a group's; a worker's `call` before a
 * tree's. Nothing is called with the group's held.
 * SPDX-License-Identifier: MIT */
#include "parts.h"
#include <stdio.h>

#define AGAIN (20 * LEAT_MS) /* between two interrupts of the same call */
#define OURS (2 * LEAT_S)    /* for those that are on their way out */

static void ring(struct leat__run *run)
{
    leat_group *group = atomic_load(&run->watched);

    leat__lock(&group->lock);
    atomic_store(&run->rung, true);
    leat__broadcast(&group->changed);
    leat__unlock(&group->lock);
}

void leat__monitor_tell(struct leat__run *run, int64_t until)
{
    if (until < atomic_load(&run->wake))
        ring(run);
}

struct watch {
    struct leat__watch watch; /* first */
    struct leat__run *run;
};

static void nudge(struct leat__watch *watch)
{
    ring(((struct watch *)watch)->run);
}

/* --- every worker --- */

typedef void visit_fn(struct leat__worker *worker, void *arg);

static void visit_step(struct leat__step *step, visit_fn *visit, void *arg)
{
    for (unsigned i = 0; step && i < step->stage.pub.workers; i++)
        visit(&step->workers[i], arg);
}

static void visit_all(struct leat__run *run, visit_fn *visit, void *arg)
{
    for (size_t i = 0; i < run->count; i++)
        visit_step(run->steps[i], visit, arg);
    visit_step(run->errors, visit, arg);
}

/* --- who has what in hand --- */

static bool is_inside(struct leat__worker *worker)
{
    return atomic_load_explicit(&worker->where, memory_order_acquire) ==
           LEAT__INSIDE;
}

static void find_oldest(struct leat__worker *worker, void *arg)
{
    struct leat__worker **oldest = arg;

    if (atomic_load(&worker->noted) || !is_inside(worker))
        return;
    if (!*oldest || atomic_load_explicit(&worker->since, memory_order_relaxed) <
                        atomic_load_explicit(&(*oldest)->since,
                                             memory_order_relaxed))
        *oldest = worker;
}

void leat__note(struct leat__worker *worker, int status)
{
    size_t at = atomic_load_explicit(&worker->at, memory_order_relaxed);
    uint64_t seq = atomic_load_explicit(&worker->seq, memory_order_relaxed);

    if (atomic_exchange(&worker->noted, true))
        return;
    leat__tell(worker->run, LEAT_EVENT_CANCEL, worker,
               at == LEAT__NOWHERE ? UINT64_MAX : seq, status,
               leat__now() - atomic_load_explicit(&worker->since,
                                                  memory_order_relaxed));
}

/* Notes them all, the oldest first: that one is to blame, as a rule. One whose
 * own wait has seen the end first comes back before we look: it notes itself. */
static void note_hands(struct leat__run *run, int status)
{
    struct leat__worker *oldest;

    for (;;) {
        oldest = NULL;
        for (size_t i = 0; i < run->count; i++)
            visit_step(run->steps[i], find_oldest, &oldest);
        if (!oldest)
            return;
        leat__note(oldest, status);
    }
}

/* --- the three verbs --- */

static void end_pause(struct leat__worker *worker, void *arg)
{
    leat__lock(&worker->call);
    if (worker->pause)
        leat_ctx_cancel(worker->pause, *(int *)arg);
    leat__unlock(&worker->call);
}

static void drain(struct leat__run *run, int cause)
{
    struct leat__step *source = run->steps[0];

    run->drained = true;
    atomic_store(&run->draining, true);
    for (unsigned i = 0; i < source->stage.pub.workers; i++)
        if (!run->pub.drain && is_inside(&source->workers[i]))
            leat__note(&source->workers[i], cause); /* broken off by the deadline */
    visit_step(source, end_pause, &cause);
}

static void end_detached(struct leat__worker *worker, void *arg)
{
    leat__lock(&worker->call);
    if (worker->detached && !worker->step->is_errors)
        leat__ctx_tighten(worker->detached, *(int64_t *)arg);
    leat__unlock(&worker->call);
}

static void cancel(struct leat__run *run, int64_t now)
{
    int64_t grace = run->pub.grace;
    /* Before the grace ends, so that who obeys is back by then. */
    int64_t end = leat__after(now, grace - grace / 4);

    run->canceled = now;
    leat__ctx_tighten(run->late, leat__after(leat__after(now, grace), grace));
    visit_all(run, end_detached, &end);
    note_hands(run, leat__ctx_status(run->group->ctx));
}

struct interrupting {
    int64_t now, next; /* next: when to look again */
};

static void interrupt(struct leat__worker *worker, void *arg)
{
    struct interrupting *at = arg;
    const struct leat_stage *stage = &worker->step->stage.pub;
    struct leat__run *run = worker->run;
    bool ended = worker->step->is_errors ? leat__ctx_look(run->late) != LEAT_OK
                 : !worker->step->in && atomic_load(&run->draining)
                     ? true : run->canceled != 0;

    if (!stage->resource || !stage->resource->interrupt)
        return;
    leat__lock(&worker->call);
    if (worker->in_call && (ended || worker->until <= at->now)) {
        stage->resource->interrupt(worker->state);
        if (at->next > at->now + AGAIN)
            at->next = at->now + AGAIN;
    } else if (worker->in_call && worker->until < at->next) {
        at->next = worker->until;
    }
    leat__unlock(&worker->call);
}

/* --- the loop --- */

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The errors sink has as long again as the stages. */
static int64_t grace_end(const struct leat__run *run, const leat_group *group)
{
    int64_t end;

    if (!run->canceled)
        return LEAT__NEVER;
    end = leat__after(run->canceled, run->pub.grace);
    return group == run->after ? leat__after(end, run->pub.grace) : end;
}

/* Does what is due and says when to look again. */
static int64_t look(struct leat__run *run, leat_group *group)
{
    const struct leat_pipeline *pub = &run->pub;
    int64_t now = leat__now(), deadline = leat__ctx_deadline(run->group->ctx);
    int64_t drain_at = pub->drain ? leat__ctx_deadline(pub->drain)
                       : run->started + (deadline - run->started) / 4 * 3;
    struct interrupting at = {now, LEAT__NEVER};

    if (leat__ctx_look(run->group->ctx) != LEAT_OK && !run->canceled)
        cancel(run, now);
    if (!run->drained && !run->canceled &&
        (pub->drain ? leat__ctx_look(pub->drain) != LEAT_OK : now >= drain_at))
        drain(run, pub->drain ? leat_ctx_cause(pub->drain) : LEAT_TIMEOUT);
    if (pub->tick && now - run->ticked >= pub->tick) {
        run->ticked = now;
        leat__tell(run, LEAT_EVENT_TICK, NULL, 0, LEAT_OK, 0);
    }
    visit_all(run, interrupt, &at);
    if (pub->tick)
        at.next = sooner(at.next, leat__after(run->ticked, pub->tick));
    if (run->canceled)
        return sooner(at.next, grace_end(run, group));
    if (!run->drained)
        at.next = sooner(at.next, drain_at);
    return sooner(at.next, deadline);
}


void leat__monitor(struct leat__run *run, leat_group *group)
{
    struct watch ended = {{nudge, NULL, NULL}, run}, stopped = ended;
    bool running = true;

    atomic_store(&run->watched, group);
    leat__ctx_watch(run->group->ctx, &ended.watch);
    if (run->pub.drain)
        leat__ctx_watch(run->pub.drain, &stopped.watch);
    while (running && leat__now() < grace_end(run, group)) {
        int64_t next;

        atomic_store(&run->rung, false);
        atomic_store(&run->wake, LEAT__NEVER);
        next = look(run, group);
        atomic_store(&run->wake, next);
        leat__lock(&group->lock);
        while ((running = group->running > 0) && !atomic_load(&run->rung) &&
               leat__wait_until(&group->changed, &group->lock, next))
            ;
        leat__unlock(&group->lock);
    }
    leat__ctx_unwatch(run->group->ctx, &ended.watch);
    if (run->pub.drain)
        leat__ctx_unwatch(run->pub.drain, &stopped.watch);
}

/* --- leaving behind --- */

static void leave(struct leat__worker *worker, void *arg)
{
    int was = LEAT__INSIDE;

    if (atomic_compare_exchange_strong(&worker->where, &was,
                                       LEAT__ABANDONED)) {
        leat__settle_stuck(worker);
        ++*(size_t *)arg;
    }
}

void leat__monitor_abandon(struct leat__run *run, leat_group *group)
{
    int64_t until = leat__after(leat__now(), OURS);
    size_t stuck = 0;

    if (group == run->after) /* who comes back late must see that it is over */
        leat_ctx_cancel(run->late, LEAT_TIMEOUT);
    if (group == run->after)
        visit_step(run->errors, leave, &stuck);
    else
        for (size_t i = 0; i < run->count; i++)
            visit_step(run->steps[i], leave, &stuck);
    leat__lock(&group->lock);
    while (group->running > stuck &&
           leat__wait_until(&group->changed, &group->lock, until))
        ;
    leat__unlock(&group->lock);
    leat__group_abandon(group);
}
