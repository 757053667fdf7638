/* account.c - what became of every item.
 *
 * Counters belong to the thread that writes them and are summed when somebody
 * asks: counting costs no lock. An item is settled once, and its block says
 * whether it is alive: so at the end the account must add up, and if it ever
 * does not, the blocks say which items are lost.
 * SPDX-License-Identifier: MIT */
#include "run.h"
#include <string.h>

/* --- settling --- */

static leat__counter *counter_of(struct leat__counts *counts,
                                 enum leat__verdict verdict)
{
    switch (verdict) {
    case LEAT__DONE:
        return &counts->ok;
    case LEAT__SKIPPED:
    case LEAT__UNWANTED:
        return &counts->skipped;
    case LEAT__FAILED:
        return &counts->failed;
    case LEAT__LEFT:
        return &counts->abandoned;
    default:
        return &counts->canceled;
    }
}

void leat__settle(struct leat__run *run, struct leat__worker *by,
                  struct leat__block *item, enum leat__verdict verdict)
{
    uint64_t seq = item->pub.seq;

    leat__count(counter_of(by ? &by->settled : &run->settled, verdict));
    if (!atomic_load_explicit(&run->kept_some, memory_order_relaxed) ||
        !leat__cold(run, item)->kept)
        leat__block_clear(run, item);
    else
        leat__cold(run, item)->settled = true;
    if (verdict != LEAT__DONE && verdict != LEAT__SKIPPED)
        return;
    if (run->threshold)
        leat__threshold_count(run, false, NULL);
    leat__tell(run, verdict == LEAT__DONE ? LEAT_EVENT_OK : LEAT_EVENT_SKIP, by,
               seq, LEAT_OK, 0);
}

bool leat__settle_done(struct leat__worker *by, struct leat__block **items,
                       size_t count)
{
    struct leat__run *run = by->run;

    if (run->threshold || (run->heard & 1u << LEAT_EVENT_OK))
        return false;
    leat__count_by(&by->settled.ok, count);
    for (size_t i = 0; i < count; i++)
        leat__block_clear(run, items[i]);
    return true;
}

void leat__recycle(struct leat__run *run, struct leat__block **items,
                   size_t count)
{
    size_t done = 0;

    while (done < count) {
        size_t moved = count - done;
        if (leat_send_many(run->late, run->pool, items + done, &moved) !=
            LEAT_OK)
            return; /* the run is over: they stay where they are */
        done += moved;
    }
}

/* --- telling --- */

void leat__tell_now(struct leat__run *run, enum leat_event_kind kind,
                    const struct leat__worker *by, uint64_t seq, int status,
                    leat_duration age)
{
    bool trouble = kind == LEAT_EVENT_CANCEL || kind == LEAT_EVENT_ABANDON ||
                   kind == LEAT_EVENT_LOST;
    bool traced = run->pub.trace && (run->pub.events & 1u << kind);
    struct leat_report *report = &run->report;
    struct leat_event event = {kind, by ? by->step->stage.pub.name : NULL,
                               by ? by->index : 0, seq, status, age, NULL};

    leat__lock(&run->telling);
    if (trouble) {
        if (report->trouble_count < LEAT_TROUBLES)
            report->troubles[report->trouble_count] = event;
        report->trouble_count++;
    }
    if (traced && !run->over) {
        leat__sum(run);
        event.so_far = report;
        run->pub.trace(&event, run->pub.trace_arg);
    }
    leat__unlock(&run->telling);
}

/* --- adding up --- */

static uint64_t get(leat__counter *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void add(struct leat_counts *sum, struct leat__counts *counts)
{
    sum->ok += get(&counts->ok);
    sum->skipped += get(&counts->skipped);
    sum->failed += get(&counts->failed);
    sum->canceled += get(&counts->canceled);
    sum->abandoned += get(&counts->abandoned);
    sum->retried += get(&counts->retried);
    sum->in += get(&counts->in);
}

static void add_step(struct leat_counts *sum, struct leat_counts *total,
                     struct leat__step *step)
{
    *sum = (struct leat_counts){0};
    for (unsigned i = 0; i < step->stage.pub.workers; i++) {
        add(sum, &step->workers[i].counts);
        add(total, &step->workers[i].settled);
    }
    add(sum, &step->extra);
    total->retried += sum->retried;
}

void leat__sum(struct leat__run *run)
{
    struct leat_report *report = &run->report;

    report->total = (struct leat_counts){0};
    for (size_t i = 0; i < run->count; i++)
        add_step(&report->stages[i], &report->total, run->steps[i]);
    if (run->errors)
        add_step(&report->errors, &report->total, run->errors);
    add(&report->total, &run->settled);
    report->elapsed = leat__now() - run->started;
}

bool leat__adds_up(const struct leat_counts *counts)
{
    return counts->in == counts->ok + counts->skipped + counts->failed +
                             counts->canceled + counts->abandoned;
}

static bool is_alive(struct leat__run *run, struct leat__block *item)
{
    return !leat__cold(run, item)->settled && item->pub.input;
}

bool leat__find_lost(struct leat__run *run)
{
    bool lost = !leat__adds_up(&run->report.total) ||
                !leat__adds_up(&run->report.errors);

    for (size_t i = 0; i < run->count; i++)
        lost = lost || !leat__adds_up(&run->report.stages[i]);
    for (size_t i = 0; i < run->in_flight; i++) {
        struct leat__block *item = leat__nth_block(run, i);
        if (!is_alive(run, item))
            continue;
        lost = true;
        leat__tell(run, LEAT_EVENT_LOST, NULL, item->pub.seq, LEAT_LOST, 0);
    }
    return lost;
}

/* --- what a stuck worker had --- */

/* It may be looked at still: so it is settled, but not cleared. */
static void keep(struct leat__run *run, struct leat__block *item)
{
    atomic_store_explicit(&run->kept_some, true, memory_order_relaxed);
    leat__cold(run, item)->kept = true;
}

static void leave_in_hand(struct leat__worker *worker, struct leat__block *item)
{
    int64_t since = atomic_load_explicit(&worker->since, memory_order_relaxed);

    leat__tell(worker->run, LEAT_EVENT_ABANDON, worker, item->pub.seq,
               LEAT_ABANDONED, leat__now() - since);
    leat__count(&worker->step->extra.in);
    leat__count(&worker->step->extra.abandoned);
    leat__settle(worker->run, NULL, item, LEAT__LEFT);
}

static void fail_kept(struct leat__worker *worker, struct leat__slot *slot)
{
    leat__block_fail(worker->step, slot->item, slot->error, slot->tries,
                     worker->messages[slot - worker->slots]);
    leat__tell(worker->run, LEAT_EVENT_FAIL, worker, slot->item->pub.seq,
               slot->error, 0);
}

/* An item that stood before or behind the one in hand. */
static void settle_slot(struct leat__worker *worker, struct leat__slot *slot)
{
    struct leat__step *step = worker->step;
    struct leat__block *item = slot->item;
    const struct leat_resource *resource = step->stage.pub.resource;
    bool tx = resource && (resource->begin || resource->end);
    bool entered = slot->tries > 0;
    bool sure = slot->verdict == LEAT__FAILED || slot->verdict == LEAT__RETRY;

    if (slot->given && tx && !sure) { /* nobody knows what was committed */
        leave_in_hand(worker, item);
        return;
    }
    if (entered) {
        leat__count(&step->extra.in);
        leat__count(counter_of(&step->extra, slot->verdict));
    }
    if (slot->verdict == LEAT__FAILED && !step->is_errors)
        fail_kept(worker, slot);
    if (leat__has_failed(item) && !step->is_errors)
        leat__fail_out(worker->run, NULL, item);
    else if (step->is_errors)
        leat__settle(worker->run, NULL, item, LEAT__FAILED);
    else if (item->pub.error == LEAT_SKIP || slot->verdict == LEAT__SKIPPED ||
             slot->verdict == LEAT__UNWANTED)
        leat__settle(worker->run, NULL, item, LEAT__SKIPPED);
    else
        leat__settle(worker->run, NULL, item,
                     slot->verdict == LEAT__DONE && !step->next
                         ? LEAT__DONE : LEAT__CANCELED);
}

static void settle_later(struct leat__worker *worker)
{
    for (struct leat__block *item = worker->later, *next; item; item = next) {
        next = leat__cold(worker->run, item)->next;
        keep(worker->run, item);
        leat__count(&worker->step->extra.in);
        leat__count(&worker->step->extra.canceled);
        leat__settle(worker->run, NULL, item,
                     worker->step->is_errors ? LEAT__FAILED : LEAT__CANCELED);
    }
}

/* What it had made and not passed on, and the one it was making. */
static void settle_source(struct leat__worker *worker, size_t at)
{
    struct leat__run *run = worker->run;

    for (size_t i = 0; i < at; i++) {
        leat__count(&worker->step->extra.in);
        leat__count(&worker->step->extra.ok);
        leat__count(&run->settled.in);
        keep(run, worker->passing[i]);
        leat__settle(run, NULL, worker->passing[i], LEAT__CANCELED);
    }
    keep(run, worker->passing[at]); /* empty as yet, or not: it never was */
    leat__cold(run, worker->passing[at])->settled = true;
    leat__count(&worker->step->extra.in);
    leat__count(&worker->step->extra.abandoned);
    leat__count(&run->settled.in);
    leat__count(&run->settled.abandoned);
}

void leat__settle_stuck(struct leat__worker *worker)
{
    struct leat__run *run = worker->run;
    size_t at = atomic_load_explicit(&worker->at, memory_order_acquire);
    uint64_t seq = atomic_load_explicit(&worker->seq, memory_order_relaxed);
    int64_t since = atomic_load_explicit(&worker->since, memory_order_relaxed);

    WATCH_AFTER(worker);
    WATCH_AFTER(&worker->at);
    if (at != LEAT__NOWHERE && !worker->step->in)
        settle_source(worker, at);
    for (size_t i = 0; worker->step->in && i < worker->count; i++)
        keep(run, worker->slots[i].item);
    for (size_t i = 0; worker->step->in && i < worker->count; i++)
        if (i == at)
            leave_in_hand(worker, worker->slots[i].item);
        else
            settle_slot(worker, &worker->slots[i]);
    settle_later(worker);
    if (at == LEAT__NOWHERE || !worker->step->in)
        leat__tell(run, LEAT_EVENT_ABANDON, worker,
                   at == LEAT__NOWHERE ? UINT64_MAX : seq, LEAT_ABANDONED,
                   leat__now() - since);
}

/* --- what nobody has any more --- */

static void settle_one(struct leat__run *run, struct leat__block *item)
{
    if (leat__has_failed(item))
        leat__fail_out(run, NULL, item);
    else
        leat__settle(run, NULL, item,
                     item->pub.error ? LEAT__SKIPPED : LEAT__CANCELED);
}

void leat__settle_rest(struct leat__run *run)
{
    struct leat__block *item;

    for (size_t i = 0; i < run->count; i++) {
        struct leat__step *step = run->steps[i];
        while (step->order && (item = leat__order_take(step->order)))
            settle_one(run, item);
        while (step->in && leat_try_recv(step->in, &item) == LEAT_OK)
            settle_one(run, item);
    }
}

void leat__settle_errors(struct leat__run *run)
{
    struct leat__block *item;

    while (run->errors && leat_try_recv(run->errors->in, &item) == LEAT_OK)
        leat__settle(run, NULL, item, LEAT__FAILED);
}

void leat__settle_alive(struct leat__run *run)
{
    for (size_t i = 0; i < run->in_flight; i++) {
        struct leat__block *item = leat__nth_block(run, i);
        if (!is_alive(run, item))
            continue;
        keep(run, item);
        leat__tell(run, LEAT_EVENT_ABANDON, NULL, item->pub.seq,
                   LEAT_ABANDONED, 0);
        leat__settle(run, NULL, item, LEAT__LEFT);
    }
}
