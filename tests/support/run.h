/* run.h - a pipeline for tests, and the account that is looked at after each of
 * its runs.
 *
 *   read -> check -> pack -> save     and, where a test wants it, errors
 *       box     box     crate
 *
 * A stage does its work, and at one item (or at all) what its struct act says.
 * Boxes and crates own memory that is counted, and a crate points into the box
 * that it was made of. Nothing is asserted in a thread of the pipeline: what is
 * wrong there is kept, and told by run().
 *
 * Needs _POSIX_C_SOURCE 200809L. One account for the process: one test.
 * SPDX-License-Identifier: MIT */
#ifndef SUPPORT_RUN_H
#define SUPPORT_RUN_H

#include "support/blocked.h"
#include "support/gate.h"
#include "support/token.h"
#include <criterion/criterion.h>
#include <leat/pipeline.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { READ, CHECK, PACK, SAVE, ERRORS, ACTS };
enum { MOST = 1024, KEPT = 256 }; /* items; failures kept */

struct box {
    uint64_t n;
    struct token own;
};

struct crate {
    const struct box *box; /* of the stage before */
    uint64_t n;
    struct token own;
};

static inline void box_drop(void *box)
{
    token_drop(&((struct box *)box)->own);
}

static inline void crate_drop(void *crate)
{
    token_drop(&((struct crate *)crate)->own);
}

static const struct leat_type box_type = {
    .name = "box", .size = sizeof(struct box), .drop = box_drop};
static const struct leat_type crate_type = {
    .name = "crate", .size = sizeof(struct crate), .drop = crate_drop};

/* What a stage does at item number n besides its work. Zero: nothing. */
struct act {
    uint64_t at;    /* at this item ... */
    bool all;       /* ... or at every one */
    unsigned times; /* in its first so many calls for the item; 0: in each */
    int status;     /* is returned there */
    int (*how)(leat_ctx *ctx, struct act *act); /* or what this returns */
    leat_duration delay;                        /* of slow() */
    struct gate gate; /* of stubborn(); hang() opens it if it comes in time */
    struct gate busy, most; /* calls at the moment; the most there were */
    struct gate calls, hits, ended;
    struct gate tries[MOST];
};

struct failure { /* as the errors sink has seen it */
    uint64_t n, seq;
    int error;
    unsigned attempts;
    char stage[32], message[240], type[32];
};

struct happened {
    enum leat_event_kind kind;
    char stage[32];
    unsigned worker;
    uint64_t seq;
    int status;
};

static struct trial {
    struct leat_pipeline pipeline;
    struct act acts[ACTS];
    leat_ctx *ctx; /* NULL: run() makes one that is never in the way */
    leat_ctx *drain;
    uint64_t count, next; /* items to read; the next one */
    pthread_mutex_t lock;
    struct gate saved[MOST];
    uint64_t order[MOST]; /* seqs in the order they were saved */
    struct gate orders;
    bool in_order; /* they must be ascending */
    struct failure failures[KEPT];
    size_t failed;
    struct happened events[8 * KEPT];
    size_t event_count, kinds[16];
    bool in_trace;
    char wrong[128]; /* the first thing that was seen wrong */
    struct leat_report report;
} t;

/* Each with one worker and with five, ordered and not, heard and unheard (where
 * nobody listens leat takes a shorter way); only the simplest and the fullest
 * where every step is slow. */
static const struct shape {
    unsigned workers;
    bool ordered, unheard;
} shapes[] = {{1, false, false}, {1, true, true}, {5, false, false},
              {5, true, true}};
#if defined(LEAT_SLOW) && LEAT_SLOW > 10
enum { SHAPES = 4, NEXT_SHAPE = 3 };
#else
enum { SHAPES = 4, NEXT_SHAPE = 1 };
#endif

/* So many milliseconds, longer where every step is slow. */
static inline leat_duration ms(int64_t n)
{
#ifdef LEAT_SLOW
    n *= LEAT_SLOW;
#endif
    return n * LEAT_MS;
}

static inline unsigned gate_at(struct gate *gate)
{
    return atomic_load_explicit(&gate->at, memory_order_relaxed);
}

static inline void wrong(const char *what, uint64_t n)
{
    pthread_mutex_lock(&t.lock);
    if (!*t.wrong)
        snprintf(t.wrong, sizeof t.wrong, "%s (%llu)", what,
                 (unsigned long long)n);
    pthread_mutex_unlock(&t.lock);
}

/* --- what an act may do: misbehaviour by hand --- */

/* Until its context ends, as a good citizen. */
static inline int hang(leat_ctx *ctx, struct act *act)
{
    if (leat_ctx_left(t.ctx ? t.ctx : ctx) > 0)
        gate_open(&act->gate, 1);
    return leat_sleep(ctx, 3600 * LEAT_S);
}

/* Looks at no context; until the test opens the gate. */
static inline int stubborn(leat_ctx *ctx, struct act *act)
{
    gate_wait(&act->gate, 1);
    return LEAT_OK;
}

static inline int slow(leat_ctx *ctx, struct act *act)
{
    int status = leat_sleep(ctx, act->delay);
    return status != LEAT_OK ? status : act->status;
}

static inline int cancels_the_run(leat_ctx *ctx, struct act *act)
{
    leat_ctx_cancel(t.ctx, act->status);
    return leat_sleep(ctx, 3600 * LEAT_S);
}

/* The same when so many (status) are here. */
static inline int all_cancel_the_run(leat_ctx *ctx, struct act *act)
{
    if (gate_at(&act->hits) == (unsigned)act->status)
        leat_ctx_cancel(t.ctx, 0);
    return leat_sleep(ctx, 3600 * LEAT_S);
}

/* The same, and does not come back until the test opens the gate. */
static inline int all_are_stubborn(leat_ctx *ctx, struct act *act)
{
    if (gate_at(&act->hits) >= (unsigned)act->status)
        leat_ctx_cancel(t.ctx, 0);
    return stubborn(ctx, act);
}

/* A source comes back when it has seen it; if LEAT_OK, its item is made. */
static inline int ends_the_drain(leat_ctx *ctx, struct act *act)
{
    leat_ctx_cancel(t.drain, 0);
    if (act != &t.acts[READ])
        return LEAT_OK;
    int status = leat_sleep(ctx, 3600 * LEAT_S);
    return act->status == LEAT_OK ? LEAT_OK : status;
}

static inline int explains(leat_ctx *ctx, struct act *act)
{
    return leat_fail(ctx, act->status, "number %llu is broken",
                     (unsigned long long)act->at);
}

static inline int act_now(leat_ctx *ctx, struct act *act, uint64_t n)
{
    if (!act->all && act->at != n)
        return LEAT_OK;
    if (act->times) {
        if (gate_at(&act->tries[n]) >= act->times)
            return LEAT_OK;
        gate_step(&act->tries[n]);
    }
    gate_step(&act->hits);
    return act->how ? act->how(ctx, act) : act->status;
}

static inline int act_at(leat_ctx *ctx, struct act *act, uint64_t n)
{
    unsigned busy = atomic_fetch_add_explicit(&act->busy.at, 1,
                                              memory_order_relaxed) + 1;
    gate_open(&act->most, busy);
    gate_step(&act->calls);
    int status = act_now(ctx, act, n);
    atomic_fetch_sub_explicit(&act->busy.at, 1, memory_order_relaxed);
    gate_step(&act->ended);
    return status;
}

/* --- the stages --- */

static inline struct box new_box(uint64_t n)
{
    return (struct box){n, token_new()};
}

/* With one worker n is the item's seq, too. */
static inline int read_box(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    pthread_mutex_lock(&t.lock);
    uint64_t n = t.next;
    t.next += n < t.count;
    pthread_mutex_unlock(&t.lock);
    if (n >= t.count)
        return LEAT_CLOSED;
    *(struct box *)out = new_box(n); /* half-built where it fails */
    int status = act_at(ctx, arg, n);
    if (status == LEAT_OK || status == LEAT_SKIP)
        return status;
    pthread_mutex_lock(&t.lock);
    t.next--; /* to be made again: these tests have one reader */
    pthread_mutex_unlock(&t.lock);
    return status;
}

static inline int check_box(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct box *box = in;
    if (((struct box *)out)->own.id || ((struct box *)out)->n)
        wrong("out is not zeroed", box->n);
    *(struct box *)out = new_box(box->n);
    return act_at(ctx, arg, box->n);
}

static inline int pack_box(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct box *box = in;
    *(struct crate *)out = (struct crate){box, box->n, token_new()};
    return act_at(ctx, arg, box->n);
}

/* Once for each item that is really saved. */
static inline void note_saved(uint64_t n, uint64_t seq)
{
    unsigned place = atomic_fetch_add_explicit(&t.orders.at, 1,
                                               memory_order_relaxed);
    gate_step(&t.saved[n]);
    t.order[place % MOST] = seq;
}

static inline void look_at_crate(leat_ctx *ctx, const struct crate *crate,
                                 void *out)
{
    const struct box *input = leat_ctx_item(ctx)->input;
    if (crate->box->n != crate->n || input->n != crate->n)
        wrong("the crate is of another box", crate->n);
    if (out)
        wrong("a sink has an output", crate->n);
}

static inline int save_crate(leat_ctx *ctx, const void *in, void *out,
                             void *arg)
{
    const struct crate *crate = in;
    look_at_crate(ctx, crate, out);
    int status = act_at(ctx, arg, crate->n);
    if (status == LEAT_OK)
        note_saved(crate->n, leat_ctx_item(ctx)->seq);
    return status;
}

static inline int keep_failure(leat_ctx *ctx, const void *in, void *out,
                               void *arg)
{
    const struct leat_item *item = in;
    const struct box *box = item->input;
    int status = act_at(ctx, arg, box->n);
    if (status != LEAT_OK)
        return status;
    if (strcmp(item->input_type->name, "box") != 0 || item->error == 0)
        wrong("not a failed item", box->n);
    pthread_mutex_lock(&t.lock);
    if (t.failed == KEPT)
        abort();
    struct failure *f = &t.failures[t.failed++];
    *f = (struct failure){box->n, item->seq, item->error, item->attempts,
                          "", "", ""};
    snprintf(f->stage, sizeof f->stage, "%s", item->stage);
    snprintf(f->message, sizeof f->message, "%s", item->message);
    snprintf(f->type, sizeof f->type, "%s", item->type->name);
    pthread_mutex_unlock(&t.lock);
    return LEAT_OK;
}

/* Takes no lock: leat says that it is called one at a time, and a race detector
 * sees whether that is so. */
static inline void note_event(const struct leat_event *event, void *arg)
{
    struct trial *trial = arg;
    if (trial->in_trace || !event->so_far)
        wrong("a trace inside a trace, or without a report", event->seq);
    trial->in_trace = true;
    trial->kinds[event->kind]++;
    if (trial->event_count < 8 * KEPT) {
        struct happened *e = &trial->events[trial->event_count++];
        *e = (struct happened){event->kind, "", event->worker, event->seq,
                               event->status};
        snprintf(e->stage, sizeof e->stage, "%s",
                 event->stage ? event->stage : "");
    }
    trial->in_trace = false;
}

/* --- a run --- */

static inline void watch_no_gates(void)
{
#ifdef LEAT_WATCH
    VALGRIND_HG_DISABLE_CHECKING(t.acts, sizeof t.acts);
    VALGRIND_HG_DISABLE_CHECKING(t.saved, sizeof t.saved);
    VALGRIND_HG_DISABLE_CHECKING(&t.orders, sizeof t.orders);
#endif
}

/* A new trial of so many items; every stage but the source has the workers.
 * ordered: what the middle stages make stays in order, so one worker saves it
 * and run() looks whether it was. */
static inline void trial(uint64_t count, unsigned workers, bool ordered)
{
    static bool ready;
    const size_t after = offsetof(struct trial, lock) + sizeof t.lock;

    if (!ready) /* once: a late thread may be in its last unlock still */
        pthread_mutex_init(&t.lock, NULL);
    ready = true;
    memset(&t, 0, offsetof(struct trial, lock));
    memset((char *)&t + after, 0, sizeof t - after);
    watch_no_gates();
    t.count = count;
    t.pipeline = (struct leat_pipeline){
        .stages = {
            {"read", read_box, &t.acts[READ], .out = &box_type},
            {"check", check_box, &t.acts[CHECK], .in = &box_type,
             .out = &box_type},
            {"pack", pack_box, &t.acts[PACK], .in = &box_type,
             .out = &crate_type},
            {"save", save_crate, &t.acts[SAVE], .in = &crate_type},
        },
        .trace = note_event, .trace_arg = &t, .events = ~0u, .seed = 1,
        .grace = PATIENCE, /* a busy machine abandons nobody */
    };
    t.in_order = ordered;
    for (int i = CHECK; i <= SAVE; i++) {
        t.pipeline.stages[i].workers = ordered && i == SAVE ? 1 : workers;
        t.pipeline.stages[i].ordered = ordered && i != SAVE;
    }
}

static inline void with_errors_sink(void)
{
    t.pipeline.errors = (struct leat_stage){
        .name = "errors", .fn = keep_failure, .arg = &t.acts[ERRORS]};
}

static inline bool adds_up(const struct leat_counts *c)
{
    return c->in == c->ok + c->skipped + c->failed + c->canceled + c->abandoned;
}

/* The laws that hold after every run, however it ended. */
static inline void check_counts(const struct leat_report *r, int status)
{
    cr_assert_neq(status, LEAT_LOST);
    cr_assert(adds_up(&r->total), "the total does not add up");
    cr_assert(adds_up(&r->errors), "the errors sink does not add up");
    for (int i = 0; i < LEAT_STAGES; i++)
        cr_assert(adds_up(&r->stages[i]), "stage %d does not add up", i);
    if (status == LEAT_OK) {
        cr_assert_eq(r->total.in, r->total.ok + r->total.skipped);
        cr_assert_eq(r->cause.status, 0);
        cr_assert_eq(r->trouble_count, 0);
    }
    if (status != LEAT_OK && status != LEAT_PARTIAL)
        cr_assert_eq(r->cause.status, status, "cause %d", r->cause.status);
}

static inline void check_trial(int status)
{
    const struct leat_counts *all = &t.report.total;
    size_t saved = 0;
    cr_assert_str_eq(t.wrong, "", "%s", t.wrong);
    check_counts(&t.report, status);
    for (size_t n = 0; n < t.count; n++) {
        if (gate_at(&t.saved[n]) > 1)
            cr_assert(false, "%zu is saved twice", n);
        saved += gate_at(&t.saved[n]);
    }
    for (size_t i = 0; i < t.failed; i++)
        if (gate_at(&t.saved[t.failures[i].n]))
            cr_assert(false, "%llu has failed and is saved, too",
                      (unsigned long long)t.failures[i].n);
    for (size_t i = 1; t.in_order && i < gate_at(&t.orders); i++)
        if (t.order[i - 1] >= t.order[i])
            cr_assert(false, "%zu is out of order", i);
    if (t.pipeline.trace) {
        cr_assert_eq(t.kinds[LEAT_EVENT_OK], all->ok);
        cr_assert_eq(t.kinds[LEAT_EVENT_FAIL], all->failed);
        cr_assert_eq(t.kinds[LEAT_EVENT_RETRY], all->retried);
        cr_assert_eq(t.kinds[LEAT_EVENT_ABANDON], all->abandoned);
        cr_assert_eq(t.kinds[LEAT_EVENT_LOST], 0u);
    }
    if (all->abandoned)
        return; /* memory is with the stuck thread still */
    cr_assert_eq(saved, all->ok, "%zu were saved, %llu are ok", saved,
                 (unsigned long long)all->ok);
    cr_assert_eq(token_wrong(), 0u, "token %u was dropped %u times",
                 token_wrong(), atomic_load(&token_drops[token_wrong()]));
}

/* Runs the trial and looks at the account. */
static inline int run(void)
{
    leat_ctx *own = t.ctx ? NULL : leat_ctx_root(2 * PATIENCE);
    int status = leat_run(t.ctx ? t.ctx : own, &t.pipeline, &t.report);
    leat_ctx_free(own);
    if (status != LEAT_INVALID)
        check_trial(status);
    else
        cr_log_info("invalid: %s", t.report.cause.message);
    return status;
}

#endif
