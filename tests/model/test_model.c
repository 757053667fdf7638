/* test_model.c - random pipelines beside a loop of a few lines that says what
 * must become of each item. What a stage does with an item is a hash of seed,
 * stage and number, so neither workers nor time can change it: each pipeline is
 * run with one worker a stage, and with many, and must do the same both times.
 *
 * SEED=n begins with that seed, as a failure prints it; ROUNDS=n plays so many.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/blocked.h"
#include "support/scale.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <leat/pipeline.h>
#include <stdatomic.h>
#include <string.h>
#ifdef LEAT_WATCH
#include <valgrind/helgrind.h>
#endif

TestSuite(model, .timeout = 120);

enum { MOST = 200, MIDDLE = 4, STEPS = MIDDLE + 2 };

/* --- what is decided by the seed --- */

static uint64_t mix(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t h = a * UINT64_C(0x9e3779b97f4a7c15) + b;
    h = (h ^ h >> 31) * UINT64_C(0xbf58476d1ce4e5b9) + c;
    h = (h ^ h >> 29) * UINT64_C(0x94d049bb133111eb);
    return h ^ h >> 32;
}

static uint64_t pick(uint64_t seed, uint64_t what, uint64_t sides)
{
    return mix(seed, what, 77) % sides;
}

static struct model {
    uint64_t seed, count;
    size_t steps; /* a source, some in the middle, a sink */
    unsigned percent_fail, percent_skip, percent_again;
    bool commits; /* the sink has batches, some of which cannot be committed */
} model;

/* What step s does with item n: AGAIN `again` times, then status. */
struct decision {
    int status;
    unsigned again;
};

static struct decision decide(size_t s, uint64_t n)
{
    uint64_t h = mix(model.seed, s, n), percent = h % 100;
    struct decision d = {LEAT_OK, 0};
    if (percent < model.percent_fail)
        d.status = EIO + (int)s;
    else if ((percent -= model.percent_fail) < model.percent_skip)
        d.status = LEAT_SKIP;
    else if ((percent -= model.percent_skip) < model.percent_again)
        d.again = 1 + (unsigned)(h >> 40) % 4;
    return d;
}

static bool cannot_be_committed(uint64_t n)
{
    return model.commits && mix(model.seed, 99, n) % 20 == 0;
}

static int64_t step_value(size_t s, int64_t value)
{
    return value * 31 + (int64_t)s;
}

/* --- what became of each item, expected and found --- */

enum fate { NOTHING, SAVED, SKIPPED, FAILED };

struct outcome {
    enum fate fate;
    int64_t value; /* of what was saved */
    size_t step;   /* where it failed or was skipped */
    int error;
    unsigned attempts, retries, times;
};

struct result {
    struct outcome items[MOST];
    struct leat_counts stages[STEPS];
    uint64_t order[MOST];
    size_t saved;
};

static struct leat_pipeline pipeline;

/* The sequential loop. */
static void expect(struct result *r)
{
    memset(r, 0, sizeof *r);
    for (uint64_t n = 0; n < model.count; n++) {
        struct outcome *o = &r->items[n];
        int64_t value = (int64_t)n;
        o->fate = SAVED;
        for (size_t s = 0; s < model.steps && o->fate == SAVED; s++) {
            struct decision d = decide(s, n);
            unsigned most = pipeline.stages[s].retry.attempts;
            struct leat_counts *c = &r->stages[s];
            c->in++;
            if (s == 0) {
                d.again = 0;
                d.status = d.status == LEAT_SKIP ? LEAT_SKIP : LEAT_OK;
            }
            most = most ? most : 1;
            o->attempts = d.again < most ? d.again + 1 : most;
            o->retries += o->attempts - 1;
            c->retried += o->attempts - 1;
            o->step = s;
            if (d.again >= most)
                d.status = LEAT_AGAIN;
            if (s == model.steps - 1 && d.status == LEAT_OK &&
                cannot_be_committed(n))
                d.status = EDOM;
            if (d.status == LEAT_OK) {
                c->ok++;
                value = step_value(s, value);
            } else if (d.status == LEAT_SKIP) {
                c->skipped++;
                o->fate = SKIPPED;
            } else {
                c->failed++;
                o->fate = FAILED;
                o->error = d.status;
            }
        }
        o->value = value;
        o->times = 1;
        r->order[r->saved] = n;
        r->saved += o->fate == SAVED;
    }
}

static struct result found;
static atomic_uint tries[STEPS][MOST];
static atomic_ulong next_number;
static atomic_long alive;
static pthread_mutex_t saving = PTHREAD_MUTEX_INITIALIZER; /* order, saved */

/* --- the stages --- */

struct number {
    int64_t value;
    uint64_t n;
    bool alive;
};

static void number_drop(void *item)
{
    if (((struct number *)item)->alive)
        atomic_fetch_sub(&alive, 1);
}

static const struct leat_type number_type = {
    .name = "number", .size = sizeof(struct number), .drop = number_drop};

static int make_number(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    uint64_t n = atomic_fetch_add(&next_number, 1);
    if (n >= model.count)
        return LEAT_CLOSED;
    leat_item_set(ctx, n, 0); /* several workers draw numbers */
    *(struct number *)out = (struct number){step_value(0, (int64_t)n), n, true};
    atomic_fetch_add(&alive, 1);
    return decide(0, n).status == LEAT_SKIP ? LEAT_SKIP : LEAT_OK;
}

/* A decision holds for all calls, so a batch may be redone. */
static int verdict(size_t s, uint64_t n)
{
    struct decision d = decide(s, n);
    return atomic_fetch_add(&tries[s][n], 1) < d.again ? LEAT_AGAIN : d.status;
}

static size_t step_of(const void *arg)
{
    return (size_t)((const struct leat_stage *)arg - pipeline.stages);
}

static int work(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct number *from = in;
    size_t s = step_of(arg);
    *(struct number *)out =
        (struct number){step_value(s, from->value), from->n, true};
    atomic_fetch_add(&alive, 1);
    return verdict(s, from->n);
}

static void save(uint64_t n, int64_t value)
{
    struct outcome *o = &found.items[n];
    o->fate = SAVED;
    o->value = value;
    o->times++;
    pthread_mutex_lock(&saving);
    found.order[found.saved++ % MOST] = n;
    pthread_mutex_unlock(&saving);
}

static int sink(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct number *from = in;
    int status = verdict(model.steps - 1, from->n);
    if (status == LEAT_OK)
        save(from->n, step_value(model.steps - 1, from->value));
    return status;
}

struct batch {
    size_t count;
    struct number numbers[MOST];
};

static int batch_open(leat_ctx *ctx, void *arg, void **state)
{
    *state = calloc(1, sizeof(struct batch));
    return *state ? LEAT_OK : LEAT_NOMEM;
}

static int batch_begin(leat_ctx *ctx, void *state)
{
    ((struct batch *)state)->count = 0;
    return LEAT_OK;
}

static int batch_end(leat_ctx *ctx, int status, void *state)
{
    struct batch *b = state;
    if (status != LEAT_OK)
        return LEAT_OK;
    for (size_t i = 0; i < b->count; i++)
        if (cannot_be_committed(b->numbers[i].n))
            return EDOM;
    for (size_t i = 0; i < b->count; i++)
        save(b->numbers[i].n, b->numbers[i].value);
    return LEAT_OK;
}

static const struct leat_resource batches = {
    .open = batch_open, .begin = batch_begin, .end = batch_end, .close = free};

static int sink_batch(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct number *from = in;
    struct batch *b = arg;
    int status = verdict(model.steps - 1, from->n);
    if (status == LEAT_OK)
        b->numbers[b->count++] = (struct number){
            step_value(model.steps - 1, from->value), from->n, false};
    return status;
}

static int keep(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct leat_item *item = in;
    struct outcome *o = &found.items[item->seq];
    o->fate = FAILED;
    o->times++;
    o->error = item->error;
    o->attempts = item->attempts;
    for (size_t s = 0; s < model.steps; s++)
        if (!strcmp(item->stage, pipeline.stages[s].name))
            o->step = s;
    return LEAT_OK;
}

/* One at a time, says the contract; so a race detector may look. */
static size_t ok_events[MOST], skip_events[MOST], fail_events[MOST],
    retry_events[MOST];

static void trace(const struct leat_event *event, void *arg)
{
    if (event->kind == LEAT_EVENT_OK)
        ok_events[event->seq]++;
    else if (event->kind == LEAT_EVENT_SKIP)
        skip_events[event->seq]++;
    else if (event->kind == LEAT_EVENT_FAIL)
        fail_events[event->seq]++;
    else if (event->kind == LEAT_EVENT_RETRY)
        retry_events[event->seq]++;
}

/* --- a pipeline from a seed --- */

static const char *const names[STEPS] = {"s0", "s1", "s2", "s3", "s4", "s5"};

static void make_pipeline(uint64_t seed)
{
    static const unsigned crowds[] = {1, 2, 5}, bounds[] = {0, 0, 1, 5, 50};
    static const unsigned sizes[] = {0, 1, 3, 64}, chances[] = {0, 5, 30};
    memset(&model, 0, sizeof model);
    memset(&pipeline, 0, sizeof pipeline);
    model.seed = seed;
    model.count = pick(seed, 1, 8) ? pick(seed, 2, MOST + 1) : pick(seed, 3, 3);
    model.steps = 2 + pick(seed, 4, MIDDLE + 1);
    model.percent_fail = chances[pick(seed, 5, 3)];
    model.percent_skip = chances[pick(seed, 6, 3)];
    model.percent_again = chances[pick(seed, 7, 3)];
    model.commits = pick(seed, 8, 2);
    for (size_t s = 0; s < model.steps; s++) {
        struct leat_stage *stage = &pipeline.stages[s];
        uint64_t own = mix(seed, s, 1234);
        bool last = s == model.steps - 1;
        stage->name = names[s];
        stage->fn = s == 0 ? make_number : !last ? work
                    : model.commits ? sink_batch : sink;
        stage->arg = stage;
        stage->in = s ? &number_type : NULL;
        stage->out = last ? NULL : &number_type;
        stage->workers = crowds[pick(own, 1, 3)];
        if ((!s || last) && pick(own, 6, 2))
            stage->workers = 1; /* so that the order may be looked at */
        stage->ordered = s && !last && pick(own, 2, 3);
        stage->capacity = sizes[pick(own, 3, 4)];
        stage->batch = pick(own, 4, 3) * 4;
        stage->resource = last && model.commits ? &batches : NULL;
        stage->retry.attempts = s && !(last && pick(own, 7, 2))
                                    ? (unsigned)pick(own, 5, 4) : 0;
        stage->retry.budget = 100;
    }
    pipeline.errors = (struct leat_stage){.name = "keep", .fn = keep};
    pipeline.in_flight = bounds[pick(seed, 9, 5)];
    pipeline.seed = seed;
    if (pick(seed, 10, 2)) { /* where nobody listens a shorter way is taken */
        pipeline.trace = trace;
        pipeline.events = ~0u;
    }
}

/* Behind an ordered stage, nobody who could overtake. */
static bool must_be_in_order(void)
{
    bool yes = true;
    for (size_t s = 1; s < model.steps; s++)
        if (pipeline.stages[s].ordered)
            yes = true;
        else if (pipeline.stages[s].workers > 1 ||
                 (pipeline.stages[s].retry.attempts > 1 && model.percent_again))
            yes = false;
    return yes && pipeline.stages[0].workers == 1;
}

static void check_item(uint64_t n, const struct outcome *want)
{
    const struct outcome *have = &found.items[n];
    unsigned long long seed = model.seed, number = n;
    if (want->fate != SKIPPED) {
        cr_assert_eq(have->fate, want->fate, "SEED=%llu item %llu", seed,
                     number);
        cr_assert_eq(have->times, 1u, "SEED=%llu item %llu: %u times", seed,
                     number, have->times);
    } else {
        cr_assert_eq(have->fate, NOTHING, "SEED=%llu item %llu", seed, number);
    }
    if (want->fate == SAVED)
        cr_assert_eq(have->value, want->value, "SEED=%llu item %llu", seed,
                     number);
    if (want->fate == FAILED) {
        cr_assert_eq(have->error, want->error, "SEED=%llu item %llu", seed,
                     number);
        cr_assert_eq(have->step, want->step, "SEED=%llu item %llu", seed,
                     number);
        cr_assert_eq(have->attempts, want->attempts,
                     "SEED=%llu item %llu: %u attempts, not %u", seed, number,
                     have->attempts, want->attempts);
    }
    if (!pipeline.trace)
        return;
    cr_assert_eq(ok_events[n], want->fate == SAVED, "SEED=%llu", seed);
    cr_assert_eq(skip_events[n], want->fate == SKIPPED,
                 "SEED=%llu item %llu: skipped %zu times, not %d", seed,
                 number, skip_events[n], want->fate == SKIPPED);
    cr_assert_eq(fail_events[n], want->fate == FAILED, "SEED=%llu", seed);
    cr_assert_eq(retry_events[n], want->retries,
                 "SEED=%llu item %llu: %zu retries, not %u", seed, number,
                 retry_events[n], want->retries);
}

static void check_counts(const struct leat_report *report,
                         const struct result *want)
{
    unsigned long long seed = model.seed;
    for (size_t s = 0; s < model.steps; s++) {
        const struct leat_counts *a = &report->stages[s], *b = &want->stages[s];
        cr_assert(a->in == b->in && a->ok == b->ok &&
                      a->skipped == b->skipped && a->failed == b->failed &&
                      a->retried == b->retried && !a->canceled &&
                      !a->abandoned,
                  "SEED=%llu stage %zu: %d %d %d %d %d, not %d %d %d %d %d",
                  seed, s, (int)a->in, (int)a->ok, (int)a->skipped,
                  (int)a->failed, (int)a->retried, (int)b->in, (int)b->ok,
                  (int)b->skipped, (int)b->failed, (int)b->retried);
    }
    cr_assert_eq(report->total.in, model.count, "SEED=%llu", seed);
    cr_assert_eq(report->total.ok, want->saved, "SEED=%llu", seed);
    cr_assert_eq(report->total.in, report->total.ok + report->total.skipped +
                                       report->total.failed, "SEED=%llu", seed);
}

static void run_and_compare(const struct result *want)
{
    unsigned long long seed = model.seed;
    struct leat_report report;
    bool failures = false;
    memset(&found, 0, sizeof found);
    memset(tries, 0, sizeof tries);
    memset(ok_events, 0, sizeof ok_events);
    memset(skip_events, 0, sizeof skip_events);
    memset(fail_events, 0, sizeof fail_events);
    memset(retry_events, 0, sizeof retry_events);
    atomic_store(&next_number, 0);
    for (size_t n = 0; n < model.count; n++)
        failures = failures || want->items[n].fate == FAILED;
    leat_ctx *ctx = leat_ctx_root(2 * PATIENCE);
    int status = leat_run(ctx, &pipeline, &report);
    leat_ctx_free(ctx);
    cr_assert_eq(status, failures ? LEAT_PARTIAL : LEAT_OK, "SEED=%llu: %s: %s",
                 seed, leat_strstatus(status), report.cause.message);
    cr_assert_eq(atomic_load(&alive), 0, "SEED=%llu: %ld values live on", seed,
                 atomic_load(&alive));
    for (uint64_t n = 0; n < model.count; n++)
        check_item(n, &want->items[n]);
    check_counts(&report, want);
    cr_assert_eq(found.saved, want->saved, "SEED=%llu", seed);
    if (must_be_in_order())
        cr_assert_eq(memcmp(found.order, want->order,
                            want->saved * sizeof *want->order), 0,
                     "SEED=%llu: out of order", seed);
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

Test(model, a_pipeline_does_what_a_loop_does_with_one_worker_and_with_many)
{
    static struct result want;
    uint64_t first = number_from("SEED", 1);
    uint64_t rounds = number_from("ROUNDS", scaled(100));
#ifdef LEAT_WATCH
    VALGRIND_HG_DISABLE_CHECKING(tries, sizeof tries);
#endif
    for (uint64_t seed = first; seed < first + rounds; seed++) {
        make_pipeline(seed);
        expect(&want);
        run_and_compare(&want);
        for (size_t s = 0; s < model.steps; s++)
            pipeline.stages[s].workers = 1;
        run_and_compare(&want);
    }
}

/* What the test above is worth: the outcomes that its seeds lead to. */
Test(model, its_seeds_lead_to_every_outcome)
{
    static struct result want;
    size_t fates[4] = {0}, again = 0, ordered = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        make_pipeline(seed);
        expect(&want);
        for (size_t n = 0; n < model.count; n++) {
            fates[want.items[n].fate]++;
            again += want.items[n].retries > 0;
        }
        ordered += must_be_in_order() && want.saved > 1;
    }
    cr_log_info("%zu saved, %zu skipped, %zu failed, %zu retried, "
                "%zu in order", fates[SAVED], fates[SKIPPED], fates[FAILED],
                again, ordered);
    cr_assert(fates[SAVED] > 500 && fates[SKIPPED] > 500 &&
              fates[FAILED] > 500 && again > 500 && ordered > 5);
}
