/* test_stress_run.c - random pipelines and random flows that end at random:
 * of themselves, by a cancel, a drain, a deadline, a stage that wants no more,
 * a fatal item or too many failures. However it ends: the account adds up, no
 * item is settled or saved twice, and every value is dropped exactly once.
 *
 * SEED=n begins with that seed, as a failure prints it; ROUNDS=n plays so many.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/blocked.h"
#include "support/gate.h"
#include "support/scale.h"
#include "support/token.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <leat/flow.h>
#include <leat/pipeline.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

TestSuite(stress_run, .timeout = 60);

enum { ITEMS = 80, MIDDLE = 4, STEPS = MIDDLE + 2, LEAVES = 8 };

enum end {
    OF_ITSELF,
    A_CANCEL,
    A_DRAIN,
    A_DEADLINE,
    NO_MORE_WANTED,
    A_FATAL_ITEM,
    TOO_MANY_FAIL,
    ENDS
};

static uint32_t roll(uint64_t *rng, uint32_t sides)
{
    *rng = *rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*rng >> 33) * sides >> 31);
}

static uint64_t begin(uint64_t seed)
{
    return seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static void pass_time(uint32_t yields)
{
    while (yields-- > 0)
        look_again();
}

/* --- what flows --- */

struct value {
    struct token own;
    uint64_t n;
    const struct value *from; /* of the stage before; lives as long */
};

static const struct leat_type value_type = {
    .name = "value", .size = sizeof(struct value), .drop = token_drop};

/* One stage's misfortunes; all rolled before the run. */
struct step {
    uint32_t percent_fail, percent_again, percent_skip, yields;
    uint64_t hangs_at, fatal_at, closed_at; /* items; UINT64_MAX: none */
};

static struct round {
    uint64_t seed, rng;
    enum end end;
    struct step steps[STEPS];
    struct leat_pipeline pipeline;
    size_t count; /* of stages */
    leat_ctx *root, *ctx, *drain;
    pthread_t breaker;
    uint32_t moment;
    atomic_uint next, kept;
    atomic_uint saved[ITEMS];
    unsigned settled[ITEMS]; /* by the trace, which is called one at a time */
    unsigned events[16];
    atomic_bool strange; /* something was seen that must not be */
    struct leat_report report;
} r;

static uint64_t mix(uint64_t a, uint64_t b)
{
    a = (a ^ b) * UINT64_C(0xbf58476d1ce4e5b9);
    return a ^ a >> 31;
}

/* What becomes of an item in a stage; an AGAIN is decided by chance of its own,
 * so that it may be better the next time. */
static int fate(leat_ctx *ctx, const struct step *step, uint64_t n)
{
    static atomic_uint calls;
    uint64_t h = mix(r.seed * 64 + (uint64_t)(step - r.steps), n + 1) >> 8;
    uint64_t chance = mix(h, atomic_fetch_add(&calls, 1)) >> 8;
    pass_time((uint32_t)(chance % (step->yields + 1)));
    if (n == step->hangs_at)
        return leat_sleep(ctx, 3600 * LEAT_S);
    if (n == step->fatal_at)
        return LEAT_FATAL;
    if (n >= step->closed_at)
        return LEAT_CLOSED;
    if (chance % 100 < step->percent_again)
        return LEAT_AGAIN;
    if (h % 100 < step->percent_fail)
        return leat_fail(ctx, EBADMSG, "number %d", (int)n);
    return h / 100 % 100 < step->percent_skip ? LEAT_SKIP : LEAT_OK;
}

static int make(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    unsigned n = atomic_fetch_add(&r.next, 1);
    if (n >= ITEMS)
        return LEAT_CLOSED;
    *(struct value *)out = (struct value){token_new(), n, NULL};
    int status = fate(ctx, arg, n);
    return status == LEAT_AGAIN ? LEAT_SKIP : status; /* n is used up */
}

static int change(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct value *value = in;
    *(struct value *)out = (struct value){token_new(), value->n, value};
    if (value->from && value->from->n != value->n)
        atomic_store(&r.strange, true);
    return fate(ctx, arg, value->n);
}

static int save(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct value *value = in;
    int status = fate(ctx, arg, value->n);
    if (status == LEAT_OK)
        atomic_fetch_add(&r.saved[value->n], 1);
    return status;
}

static int keep(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct leat_item *item = in;
    if (!item->error || ((const struct value *)item->input)->n >= ITEMS)
        atomic_store(&r.strange, true);
    atomic_fetch_add(&r.kept, 1);
    return LEAT_OK;
}

/* --- a sink with a resource: what is committed is saved --- */

struct pending {
    uint64_t n[ITEMS];
    size_t count;
};

static int open_store(leat_ctx *ctx, void *arg, void **state)
{
    *state = calloc(1, sizeof(struct pending));
    return *state ? LEAT_OK : LEAT_NOMEM;
}

static int begin_store(leat_ctx *ctx, void *state)
{
    ((struct pending *)state)->count = 0;
    return LEAT_OK;
}

static int end_store(leat_ctx *ctx, int status, void *state)
{
    struct pending *pending = state;
    if (status != LEAT_OK)
        return LEAT_OK;
    for (size_t i = 0; i < pending->count; i++)
        if (mix(r.seed, pending->n[i]) % 31 == 0)
            return EDOM; /* this one can never be committed */
    for (size_t i = 0; i < pending->count; i++)
        atomic_fetch_add(&r.saved[pending->n[i]], 1);
    return LEAT_OK;
}

static const struct leat_resource store = {
    .open = open_store, .begin = begin_store, .end = end_store, .close = free};

static int save_in_store(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct value *value = in;
    struct pending *pending = arg;
    int status = fate(ctx, &r.steps[r.count - 1], value->n);
    if (status == LEAT_OK)
        pending->n[pending->count++] = value->n;
    return status;
}

/* --- a round --- */

static void note(const struct leat_event *event, void *arg)
{
    r.events[event->kind]++;
    if (event->kind == LEAT_EVENT_OK || event->kind == LEAT_EVENT_SKIP ||
        event->kind == LEAT_EVENT_FAIL)
        r.settled[event->seq % ITEMS]++;
}

static void new_stage(size_t i)
{
    static const char *const names[STEPS] = {"0", "1", "2", "3", "4", "5"};
    struct step *step = &r.steps[i];
    bool source = i == 0, sink = i == r.count - 1;
    *step = (struct step){.hangs_at = UINT64_MAX, .fatal_at = UINT64_MAX,
                          .closed_at = UINT64_MAX,
                          .yields = roll(&r.rng, 3) ? 0 : roll(&r.rng, 8)};
    if (!source && roll(&r.rng, 3) == 0)
        step->percent_fail = roll(&r.rng, 20);
    if (!source && roll(&r.rng, 3) == 0)
        step->percent_again = roll(&r.rng, 60);
    if (roll(&r.rng, 3) == 0)
        step->percent_skip = roll(&r.rng, 40);
    struct leat_stage *stage = &r.pipeline.stages[i];
    *stage = (struct leat_stage){
        names[i], source ? make : sink ? save : change, step,
        .in = source ? NULL : &value_type, .out = sink ? NULL : &value_type};
    stage->capacity = 1 + roll(&r.rng, 8); /* one by one: a seed is a seed */
    stage->workers = 1 + roll(&r.rng, 3);
    stage->ordered = !sink && roll(&r.rng, 4) == 0;
    stage->retry.attempts = roll(&r.rng, 4);
    stage->retry.backoff = roll(&r.rng, 2) ? 20 * LEAT_US : 0;
    if (sink && roll(&r.rng, 2) == 0) {
        stage->fn = save_in_store;
        stage->resource = &store;
        stage->batch = 1 + roll(&r.rng, 8);
        stage->linger = roll(&r.rng, 3) ? 0 : 100 * LEAT_US;
    }
}

static void plan_the_end(void)
{
    struct step *victim = &r.steps[roll(&r.rng, (uint32_t)r.count)];
    uint64_t n = roll(&r.rng, ITEMS);
    if (r.end == A_FATAL_ITEM)
        victim->fatal_at = n;
    else if (r.end == NO_MORE_WANTED)
        victim->closed_at = n;
    else if (r.end == TOO_MANY_FAIL)
        r.pipeline.threshold.errors = 1 + roll(&r.rng, 4);
    else if (r.end == A_CANCEL || r.end == A_DEADLINE)
        victim->hangs_at = roll(&r.rng, 2) ? n : UINT64_MAX;
    if (victim != r.steps && roll(&r.rng, 8) == 0) {
        victim->hangs_at = n; /* until its own time is up */
        r.pipeline.stages[victim - r.steps].timeout = 300 * LEAT_US;
    }
}

static void new_round(uint64_t seed)
{
    memset(&r, 0, sizeof r);
    atomic_store(&token_count, 0);
    memset(token_drops, 0, ITEMS * 64 * sizeof *token_drops);
    r.seed = seed;
    r.rng = begin(seed);
    r.end = (enum end)roll(&r.rng, ENDS);
    r.moment = roll(&r.rng, 150);
    r.count = 2 + roll(&r.rng, MIDDLE + 1);
    r.root = leat_ctx_root(PATIENCE);
    r.drain = leat_ctx_new(r.root, 0);
    r.ctx = leat_ctx_new(r.root, r.end == A_DEADLINE
                                     ? (1 + roll(&r.rng, 2000)) * LEAT_US : 0);
    r.pipeline = (struct leat_pipeline){
        .drain = r.drain, .grace = PATIENCE, .seed = seed, .events = ~0u};
    r.pipeline.trace = roll(&r.rng, 2) ? note : NULL;
    r.pipeline.in_flight = roll(&r.rng, 3) ? 0 : 1 + roll(&r.rng, 9);
    if (roll(&r.rng, 8) == 0)
        r.pipeline.item_timeout = (1 + roll(&r.rng, 900)) * LEAT_US;
    for (size_t i = 0; i < r.count; i++)
        new_stage(i);
    if (roll(&r.rng, 2)) {
        r.pipeline.errors = (struct leat_stage){.name = "errors", .fn = keep};
        r.pipeline.errors.workers = 1 + roll(&r.rng, 2);
        r.pipeline.errors.capacity = 1 + roll(&r.rng, 4);
    }
    plan_the_end();
}

/* Ends it from outside at the moment that was rolled. */
static void *break_it(void *arg)
{
    pass_time(r.moment);
    if (r.end == A_CANCEL)
        leat_ctx_cancel(r.ctx, 5);
    else if (r.end == A_DRAIN)
        leat_ctx_cancel(r.drain, 0);
    return NULL;
}

static int play(void)
{
    thread_start(&r.breaker, break_it, NULL);
    int status = leat_run(r.ctx, &r.pipeline, &r.report);
    pthread_join(r.breaker, NULL);
    leat_ctx_free(r.ctx);
    leat_ctx_free(r.drain);
    leat_ctx_free(r.root);
    return status;
}

/* --- the laws --- */

static bool adds_up(const struct leat_counts *c)
{
    return c->in == c->ok + c->skipped + c->failed + c->canceled + c->abandoned;
}

static bool may_end_with(int status)
{
    switch (status) {
    case LEAT_OK:
    case LEAT_PARTIAL:
        return true;
    case LEAT_CANCELED:
        return r.end == A_CANCEL;
    case LEAT_TIMEOUT:
        return r.end == A_DEADLINE;
    case LEAT_FATAL:
        return r.end == A_FATAL_ITEM;
    case LEAT_THRESHOLD:
        return r.end == TOO_MANY_FAIL;
    default:
        return false;
    }
}

/* NULL, or what does not hold. */
static const char *broken_law(int status)
{
    const struct leat_counts *total = &r.report.total, *s = r.report.stages;
    uint64_t saved = 0;
    if (!may_end_with(status))
        return "it must not end like that";
    if (!adds_up(total) || !adds_up(&r.report.errors))
        return "the total adds up";
    for (size_t i = 0; i < LEAT_STAGES; i++)
        if (!adds_up(&s[i]))
            return "each stage adds up";
    for (size_t i = 1; i < r.count; i++)
        if (s[i].in > s[i - 1].ok)
            return "a stage is given what the one before has made";
    if (s[0].ok + s[0].skipped > total->in || s[r.count - 1].ok != total->ok)
        return "the ends of the pipeline agree with the total";
    for (size_t n = 0; n < ITEMS; n++) {
        saved += r.saved[n];
        if (r.saved[n] > 1)
            return "no item is saved twice";
        if (r.settled[n] > 1)
            return "no item is settled twice";
    }
    if (saved != total->ok)
        return "what is ok is saved";
    if (r.pipeline.trace && (r.events[LEAT_EVENT_OK] != total->ok ||
                             r.events[LEAT_EVENT_SKIP] != total->skipped ||
                             r.events[LEAT_EVENT_FAIL] != total->failed ||
                             r.events[LEAT_EVENT_RETRY] != total->retried))
        return "the events agree with the counts";
    if (r.kept != r.report.errors.ok)
        return "what the errors sink has kept is counted";
    if (status == LEAT_OK && total->in != total->ok + total->skipped)
        return "ok means that every item is ok or skipped";
    if (r.strange)
        return "values stay together";
    return token_wrong() ? "every value is dropped once" : NULL;
}

Test(stress_run, every_pipeline_adds_up_however_it_ends)
{
    uint64_t first = number_from("SEED", 1);
    uint64_t rounds = number_from("ROUNDS", scaled(400));
    unsigned ends[16] = {0};
    for (uint64_t seed = first; seed < first + rounds; seed++) {
        new_round(seed);
        int status = play();
        const char *broken = broken_law(status);
        if (broken)
            cr_assert(false, "SEED=%llu: not so: %s (end %d: %s)",
                      (unsigned long long)seed, broken, (int)r.end,
                      leat_strstatus(status));
        ends[-status & 15]++;
    }
    cr_log_info("ok %u, partial %u, canceled %u, timeout %u, fatal %u, "
                "threshold %u", ends[0], ends[-LEAT_PARTIAL],
                ends[-LEAT_CANCELED], ends[-LEAT_TIMEOUT], ends[-LEAT_FATAL],
                ends[-LEAT_THRESHOLD]);
}

/* --- flows: trees of the small functions --- */

struct leaf {
    leat_chan *ch;
    unsigned count, leaves_after; /* then it wants no more */
};

static int read_leaf(leat_ctx *ctx, void *arg)
{
    struct leaf *leaf = arg;
    struct leat_item *item;
    int status = LEAT_OK;
    while (leaf->count < leaf->leaves_after &&
           (status = leat_recv(ctx, leaf->ch, &item)) == LEAT_OK) {
        leaf->count++;
        leat_item_free(item);
    }
    leat_close(leaf->ch);
    while (leat_try_recv(leaf->ch, &item) == LEAT_OK)
        leat_item_free(item);
    return status == LEAT_CLOSED ? LEAT_OK : status;
}

/* One more function at the end of ch; a tee's other branch becomes a leaf. */
static leat_chan *grow(leat_group *group, leat_chan *ch, struct leaf *leaves,
                       size_t *count)
{
    struct leat_stage stage = {
        "change", change, &r.steps[1], .in = &value_type, .out = &value_type};
    leat_chan *outs[3];
    stage.capacity = 1 + roll(&r.rng, 4);
    stage.workers = 1 + roll(&r.rng, 3);
    switch (roll(&r.rng, 4)) {
    case 0:
        return leat_map(group, ch, &stage);
    case 1:
        leat_fan_out(group, ch, &stage, outs);
        return leat_fan_in(group, outs, stage.workers);
    case 2:
        leat_tee(group, ch, outs, 2);
        leaves[(*count)++].ch = outs[1];
        return outs[0];
    default:
        return leat_or_done(group, ch);
    }
}

static void flow_round(uint64_t seed)
{
    static const struct step quiet = {.hangs_at = UINT64_MAX,
                                      .fatal_at = UINT64_MAX,
                                      .closed_at = UINT64_MAX, .yields = 2};
    struct leaf leaves[LEAVES];
    size_t count = 0;
    bool somebody_leaves = false;
    new_round(seed);
    r.steps[0] = r.steps[1] = quiet;
    r.steps[1].percent_fail = roll(&r.rng, 2) ? 20 : 0;
    struct leat_stage source = {"make", make, &r.steps[0], .out = &value_type};
    leat_group *group = leat_group_new(r.ctx);
    leat_chan *ch = leat_generate(group, &source);
    for (uint32_t n = roll(&r.rng, LEAVES - 1); n > 0; n--)
        ch = grow(group, ch, leaves, &count);
    leaves[count++].ch = ch;
    for (size_t i = 0; i < count; i++) {
        bool stays = r.end != NO_MORE_WANTED || roll(&r.rng, 2);
        somebody_leaves |= !stays;
        leaves[i].count = 0;
        leaves[i].leaves_after = stays ? ITEMS + 1 : roll(&r.rng, ITEMS);
        leat_go(group, "leaf", read_leaf, &leaves[i]);
    }
    thread_start(&r.breaker, break_it, NULL);
    int status = leat_group_wait(group, NULL);
    pthread_join(r.breaker, NULL);
    cr_assert(status == LEAT_OK ||
                  (r.end == A_CANCEL && status == LEAT_CANCELED) ||
                  (r.end == A_DEADLINE && status == LEAT_TIMEOUT),
              "SEED=%llu: %s", (unsigned long long)seed,
              leat_strstatus(status));
    for (size_t i = 0; i < count && status == LEAT_OK && !somebody_leaves; i++)
        cr_assert_eq(leaves[i].count, (unsigned)ITEMS,
                     "SEED=%llu: leaf %zu has %u", (unsigned long long)seed, i,
                     leaves[i].count);
    cr_assert_eq(token_wrong(), 0u, "SEED=%llu: value %u was dropped %u times",
                 (unsigned long long)seed, token_wrong(),
                 atomic_load(&token_drops[token_wrong()]));
    leat_ctx_free(r.ctx);
    leat_ctx_free(r.drain);
    leat_ctx_free(r.root);
}

Test(stress_run, every_flow_frees_each_item_once_however_it_ends)
{
    uint64_t first = number_from("SEED", 1);
    uint64_t rounds = number_from("ROUNDS", scaled(150));
    for (uint64_t seed = first; seed < first + rounds; seed++)
        flow_round(seed);
}
