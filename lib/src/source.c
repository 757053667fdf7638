/* source.c - the worker of the first stage.
 *
 * It takes empty items from the pool, which bounds what is in flight, makes a
 * batch, and passes it on. Without a batch each item is sent as soon as it is
 * made: a source may wait for its next input as long as it likes, and what it
 * has read must not wait with it. A source that never waits says so by a batch,
 * and saves most of the cost of sending.
 *
 * A drain ends `pause`, the context that fn gets; what has been made by then is
 * sent still.
 * SPDX-License-Identifier: MIT */
#include "parts.h"
#include <string.h>

static void give_identity(struct leat__worker *worker, struct leat__block *item)
{
    struct leat__run *run = worker->run;

    leat__block_keep(worker->step, item);
    if (worker->hand.identified) {
        item->pub.seq = worker->hand.seq;
        item->pub.attempts = worker->hand.attempts;
        atomic_store_explicit(&run->identified, true, memory_order_relaxed);
    }
    if (atomic_load_explicit(&run->identified, memory_order_relaxed))
        leat__cold(run, item)->before = item->pub.attempts;
}

/* From here on it must be settled. Outside: an abandoned worker's are not. */
static void bring_to_life(struct leat__worker *worker, struct leat__block *item)
{
    struct leat__run *run = worker->run;
    int64_t timeout = run->pub.item_timeout;

    if (run->ordered)
        leat__cold(run, item)->ticket = atomic_fetch_add_explicit(
            &run->ticket, 1, memory_order_relaxed);
    if (timeout)
        leat__cold(run, item)->deadline = leat__after(leat__now(), timeout);
}

/* A lone worker needs no read-modify-write, which costs as much as a send. */
static uint64_t next_seq(struct leat__worker *worker)
{
    _Atomic uint64_t *seq = &worker->run->seq;
    uint64_t next;

    if (worker->step->stage.pub.workers > 1)
        return atomic_fetch_add_explicit(seq, 1, memory_order_relaxed);
    next = atomic_load_explicit(seq, memory_order_relaxed);
    atomic_store_explicit(seq, next + 1, memory_order_relaxed);
    return next;
}

/* One call of fn: LEAT_OK, and the item is made; or the status. */
static int make(struct leat__worker *worker, struct leat__block *item)
{
    void *out = leat__value_at(item, worker->step->value_at);
    int status;

    if (worker->again) /* the same one, for another attempt */
        item->pub.seq = atomic_load_explicit(&worker->seq,
                                             memory_order_relaxed);
    else
        item->pub.seq = next_seq(worker);
    worker->again = false;
    atomic_store_explicit(&worker->seq, item->pub.seq, memory_order_relaxed);
    memset(out, 0, worker->step->stage.pub.out->size);
    status = leat__call(worker, worker->pause, &item->pub, LEAT__NEVER, NULL,
                        out);
    if (status == LEAT_OK) {
        give_identity(worker, item);
    } else {
        leat__block_undo(worker->step, item);
        if (worker->hand.identified)
            item->pub.seq = worker->hand.seq;
    }
    return status;
}

/* A filtered one counts as read. */
static void skip(struct leat__worker *worker, struct leat__block *item)
{
    leat__count(&worker->counts.in);
    leat__count(&worker->counts.skipped);
    leat__count(&worker->settled.in);
    leat__settle(worker->run, worker, item, LEAT__SKIPPED);
}

/* Makes up to count items, between begin and end. Returns how many; *status
 * says why no more. */
static size_t make_batch(struct leat__worker *worker, size_t count, int *status)
{
    struct leat__block **items = worker->passing;
    bool tx = worker->step->stage.pub.resource, fine;
    size_t made = 0;

    *status = tx ? leat__begin(worker, worker->pause) : LEAT_OK;
    while (*status == LEAT_OK && made < count) {
        if (made > 0 && leat__ctx_status(worker->pause) != LEAT_OK)
            break; /* whoever was abandoned stops here, too */
        WATCH_BEFORE(&worker->at);
        atomic_store_explicit(&worker->at, made, memory_order_release);
        *status = make(worker, items[made]);
        made += *status == LEAT_OK;
    }
    if (tx) {
        int ended;
        fine = made > 0 || *status == LEAT_SKIP || *status == LEAT_CLOSED;
        ended = leat__end(worker, worker->pause, fine ? LEAT_OK : *status);
        if (fine && ended != LEAT_OK)
            *status = ended;
    }
    return made;
}

/* Makes a batch of the empty items and passes it on. False: abandoned. *used:
 * how many of them are filled. */
static bool turn(struct leat__worker *worker, size_t count, size_t *used,
                 int *status)
{
    atomic_store_explicit(&worker->since, leat__now(), memory_order_relaxed);
    leat__go_inside(worker);
    *used = make_batch(worker, count, status);
    if (!leat__come_outside(worker))
        return false;
    for (size_t i = 0; i < *used; i++)
        bring_to_life(worker, worker->passing[i]);
    leat__count_by(&worker->counts.in, *used);
    leat__count_by(&worker->counts.ok, *used);
    leat__count_by(&worker->settled.in, *used);
    if (*status == LEAT_SKIP)
        skip(worker, worker->passing[*used]);
    leat__pass_on(worker, worker->passing, *used);
    return true;
}

/* What to do about a status that ended a batch. LEAT_OK: go on. */
static int decide(struct leat__worker *worker, int status, unsigned *tries)
{
    const struct leat_stage *stage = &worker->step->stage.pub;
    struct leat__run *run = worker->run;
    uint64_t seq = atomic_load_explicit(&worker->seq, memory_order_relaxed);
    const char *message = worker->hand.message;

    if (status != LEAT_AGAIN && status != LEAT_TIMEOUT)
        *tries = 0;
    if (atomic_load_explicit(&worker->step->unwanted, memory_order_relaxed))
        return LEAT_CLOSED;
    if (status == LEAT_OK || status == LEAT_SKIP || status == LEAT_CLOSED)
        return status == LEAT_SKIP ? LEAT_OK : status;
    if (leat__ctx_look(worker->pause) != LEAT_OK) {
        if (leat__ctx_status(worker->ctx) != LEAT_OK || !run->pub.drain)
            leat__note(worker, leat__ctx_status(worker->pause));
        return LEAT_CANCELED;
    }
    if ((status == LEAT_AGAIN || status == LEAT_TIMEOUT) &&
        ++*tries < stage->retry.attempts) {
        worker->again = true;
        leat__count(&worker->counts.retried);
        leat__tell(run, LEAT_EVENT_RETRY, worker, seq, status, 0);
        return leat_sleep(worker->pause, leat__backoff(worker, seq, *tries)) ==
                       LEAT_OK ? LEAT_OK : LEAT_CANCELED;
    }
    leat__stop(run, status, stage->name,
               message[0] ? message : leat_strstatus(status));
    return LEAT_CANCELED;
}

/* The monitor is on its way to end `pause`; nothing is read meanwhile. */
static bool is_drained(const struct leat__run *run)
{
    return run->pub.drain && leat__ctx_status(run->pub.drain) != LEAT_OK;
}

int leat__source(leat_ctx *ctx, void *arg)
{
    struct leat__worker *worker = arg;
    struct leat__run *run = worker->run;
    size_t batch = worker->step->stage.pub.batch, empty = 0, used;
    bool here = leat__worker_start(worker, ctx);
    int status = here ? LEAT_OK : LEAT_CANCELED;
    unsigned tries = 0;

    if (batch > run->in_flight)
        batch = run->in_flight;
    while (here && status == LEAT_OK && !is_drained(run)) {
        if (empty == 0) {
            empty = worker->most;
            status = leat_recv_many(worker->pause, run->pool, worker->slack,
                                    &empty);
            if (status != LEAT_OK)
                break; /* and empty is 0 */
            for (size_t i = 0; i < empty; i++)
                leat__block_prefetch(worker->slack[i]);
        }
        used = empty < batch ? empty : batch;
        for (size_t i = 0; i < used; i++)
            worker->passing[i] = worker->slack[empty - 1 - i];
        here = turn(worker, used, &used, &status);
        empty -= used;
        if (here)
            status = decide(worker, status, &tries);
    }
    if (here) /* another worker of the source may be waiting for them */
        leat__recycle(run, worker->slack, empty);
    if (status == LEAT_CLOSED)
        atomic_store(&run->source_ended, true);
    leat__worker_end(worker);
    if (atomic_load(&worker->where) != LEAT__ABANDONED)
        leat__step_leave(worker->step, worker);
    return LEAT_OK;
}
