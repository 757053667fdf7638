/* account.c - what became of every item.
 *
 * Counters belong to the thread that writes them and are summed when somebody
 * asks: counting costs no lock. An item is settled once, and its block says
 * whether it is alive: so at the end the account must add up, and if it ever
 * does not, the blocks say which items are lost.
 * SPDX-License-Identifier: MIT */
#include "parts.h"
#include <string.h>

/* --- settling --- */

leat__counter *leat__counter_of(struct leat__counts *counts,
                                enum leat__verdict verdict)
{
    switch (verdict) {
    case LEAT__DONE:
        return &counts->ok;
    case LEAT__SKIPPED:
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

    leat__count(leat__counter_of(by ? &by->settled : &run->settled, verdict));
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

bool leat__is_alive(struct leat__run *run, struct leat__block *item)
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
        if (!leat__is_alive(run, item))
            continue;
        lost = true;
        leat__tell(run, LEAT_EVENT_LOST, NULL, item->pub.seq, LEAT_LOST, 0);
    }
    return lost;
}
