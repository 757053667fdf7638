/* store.h - a resource for tests: a database that is none. Each worker has a
 * connection; what is saved counts when it is committed. Every call is written
 * down as a letter, and looked at: whether it comes in its turn, and in the
 * worker's own thread.
 *
 *   O open   o open failed   B begin   b begin failed   f fn
 *   + committed   c commit failed   - rolled back   C close
 * SPDX-License-Identifier: MIT */
#ifndef SUPPORT_STORE_H
#define SUPPORT_STORE_H

#include "support/run.h"

struct connection {
    pthread_t thread;
    bool in_batch;
    uint64_t n[MOST], seq[MOST]; /* to be committed */
    size_t count;
    struct gate elsewhere; /* in open, begin, end or close */
};

/* What its functions do besides their work. Zero: nothing. Written by the
 * workers under t.lock. */
static struct store {
    struct act *act; /* of fn */
    int open_status, begin_status, commit_status;
    unsigned open_times, begin_times, commit_times; /* its first so many */
    uint64_t cannot_commit;  /* a batch with this item; UINT64_MAX: none */
    uint64_t cannot_commit2; /* or this one */
    bool state_though_failed; /* of open */
    leat_duration open_delay;
    bool (*may_open)(void); /* it waits for that */

    unsigned opens, closes, begins, commits, rollbacks;
    size_t largest; /* commit */
    int64_t rolled_at, begun_at;
    struct gate interrupts, interrupted; /* how often; how often wanted */
    char log[4096];
    size_t length;
    int end_cause; /* of the context of the last commit */
} store;

static inline void store_log(char what)
{
    if (store.length + 1 < sizeof store.log)
        store.log[store.length++] = what;
}

static inline bool store_turn(unsigned *times)
{
    bool turn = *times > 0;
    *times -= turn;
    return turn;
}

static inline void at_home(struct connection *c, bool in_batch)
{
    if (!pthread_equal(c->thread, pthread_self()))
        wrong("in another thread", 0);
    if (c->in_batch != in_batch)
        wrong("not in its turn", 0);
}

static inline int store_open(leat_ctx *ctx, void *arg, void **state)
{
    int status = LEAT_OK;
    if (*state)
        wrong("the state is not empty", 0);
    if (arg != store.act)
        wrong("not the stage's arg", 0);
    if (leat_ctx_left(ctx) <= 0)
        wrong("no time to open", 0);
    while (store.may_open && !store.may_open())
        look_again();
    pthread_mutex_lock(&t.lock);
    if (store_turn(&store.open_times))
        status = store.open_status;
    store.opens += status == LEAT_OK || store.state_though_failed;
    store_log(status == LEAT_OK ? 'O' : 'o');
    pthread_mutex_unlock(&t.lock);
    if (status == LEAT_OK || store.state_though_failed) {
        struct connection *c = calloc(1, sizeof *c);
        gate_init(&c->elsewhere);
        c->thread = pthread_self();
        *state = c;
    }
    return status == LEAT_OK ? status : leat_fail(ctx, status, "no door");
}

static inline int store_begin(leat_ctx *ctx, void *state)
{
    struct connection *c = state;
    int status = LEAT_OK;
    gate_open(&c->elsewhere, 1);
    at_home(c, false);
    pthread_mutex_lock(&t.lock);
    if (store_turn(&store.begin_times))
        status = store.begin_status;
    store.begins += status == LEAT_OK;
    store.begun_at = now();
    store_log(status == LEAT_OK ? 'B' : 'b');
    pthread_mutex_unlock(&t.lock);
    c->in_batch = status == LEAT_OK;
    c->count = 0;
    atomic_store_explicit(&c->elsewhere.at, 0, memory_order_relaxed);
    return status;
}

static inline int store_commit(struct connection *c)
{
    if (store_turn(&store.commit_times))
        return store.commit_status;
    for (size_t i = 0; i < c->count; i++)
        if (c->n[i] == store.cannot_commit || c->n[i] == store.cannot_commit2)
            return store.commit_status;
    store.commits++;
    store.largest = c->count > store.largest ? c->count : store.largest;
    return LEAT_OK;
}

static inline int store_end(leat_ctx *ctx, int status, void *state)
{
    struct connection *c = state;
    bool commit = status == LEAT_OK;
    gate_open(&c->elsewhere, 1);
    at_home(c, true);
    c->in_batch = false;
    pthread_mutex_lock(&t.lock);
    if (commit)
        status = store_commit(c);
    store.rollbacks += !commit || status != LEAT_OK;
    store_log(!commit ? '-' : status == LEAT_OK ? '+' : 'c');
    store.rolled_at = now();
    store.end_cause = leat_ctx_cause(ctx);
    pthread_mutex_unlock(&t.lock);
    if (commit && status == LEAT_OK)
        for (size_t i = 0; i < c->count; i++)
            note_saved(c->n[i], c->seq[i]);
    atomic_store_explicit(&c->elsewhere.at, 0, memory_order_relaxed);
    return status;
}

/* fn runs in a call that only this breaks. */
static inline void store_interrupt(void *state)
{
    struct connection *c = state;
    if (gate_at(&c->elsewhere))
        wrong("interrupted where no fn runs", 0);
    gate_step(&store.interrupts);
}

static inline void store_close(void *state)
{
    struct connection *c = state;
    gate_open(&c->elsewhere, 1);
    at_home(c, false);
    pthread_mutex_lock(&t.lock);
    store.closes++;
    store_log('C');
    pthread_mutex_unlock(&t.lock);
    free(c);
}

static const struct leat_resource store_resource = {
    .open = store_open, .begin = store_begin, .end = store_end,
    .interrupt = store_interrupt, .close = store_close};

static inline int save_in_store(leat_ctx *ctx, const void *in, void *out,
                                void *arg)
{
    struct connection *c = arg;
    const struct crate *crate = in;
    at_home(c, true);
    look_at_crate(ctx, crate, out);
    pthread_mutex_lock(&t.lock);
    store_log('f');
    pthread_mutex_unlock(&t.lock);
    int status = act_at(ctx, store.act, crate->n);
    if (status == LEAT_OK) {
        c->n[c->count] = crate->n;
        c->seq[c->count++] = leat_ctx_item(ctx)->seq;
    }
    return status;
}

/* A trial whose sink saves into the store. */
static inline void store_trial(uint64_t count, unsigned workers, size_t batch)
{
    trial(count, workers, false);
    with_errors_sink();
    memset(&store, 0, sizeof store);
    store.cannot_commit = store.cannot_commit2 = UINT64_MAX;
    store.act = &t.acts[SAVE];
    gate_init(&store.interrupts);
    t.pipeline.stages[SAVE].fn = save_in_store;
    t.pipeline.stages[SAVE].resource = &store_resource;
    t.pipeline.stages[SAVE].batch = batch;
}

/* What must balance after every run. */
static inline int store_run(void)
{
    int status = run();
    cr_assert_eq(store.opens, store.closes);
    cr_assert_eq(store.begins, store.commits + store.rollbacks);
    cr_assert_leq(store.largest, t.pipeline.stages[SAVE].batch);
    return status;
}

#endif
