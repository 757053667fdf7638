/* test_fault_stage.c - a fault wrapped round a stage of a pipeline.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/scale.h"
#include "support/store.h"
#include <errno.h>
#include <leat/array.h>
#include <leat/fault.h>

TestSuite(fault_stage, .timeout = 60);

static void wrap(int s, struct leat_fault *fault)
{
    t.pipeline.stages[s] = leat_fault_stage(fault, t.pipeline.stages[s]);
}

/* Cancels the run when the fault has hit so often and so many are saved. */
struct ender {
    struct leat_fault *fault;
    uint64_t hits;
    unsigned saved;
};

static void *cancel_when_hit(void *arg)
{
    const struct ender *ender = arg;
    while (leat_fault_hits(ender->fault) < ender->hits ||
           gate_at(&t.orders) < ender->saved)
        look_again();
    leat_ctx_cancel(t.ctx, 0);
    return NULL;
}

static int run_until_hit(struct leat_fault *fault, uint64_t hits,
                         unsigned saved)
{
    struct ender ender = {fault, hits, saved};
    pthread_t thread;
    t.ctx = leat_ctx_root(PATIENCE);
    thread_start(&thread, cancel_when_hit, &ender);
    int status = t.pipeline.stages[SAVE].resource ? store_run() : run();
    pthread_join(thread, NULL);
    leat_ctx_free(t.ctx);
    return status;
}

static bool in_troubles(const char *stage)
{
    for (size_t i = 0; i < t.report.trouble_count && i < LEAT_TROUBLES; i++)
        if (!strcmp(t.report.troubles[i].stage, stage) &&
            t.report.troubles[i].kind == LEAT_EVENT_CANCEL)
            return true;
    return false;
}

Test(fault_stage, whichever_hangs_it_is_blamed_by_its_own_name)
{
    static const char *const names[] = {"read", "check", "pack", "save"};
    for (int s = READ; s <= SAVE; s++)
        for (unsigned workers = 1; workers <= 5; workers += 4) {
            struct leat_fault hang = {.kind = LEAT_FAULT_HANG, .from = 2};
            trial(20, workers, false);
            wrap(s, &hang);
            cr_assert_eq(run_until_hit(&hang, 1, 0), LEAT_CANCELED, "%s",
                         names[s]);
            cr_assert_eq(t.report.total.abandoned, 0);
            cr_assert(in_troubles(names[s]), "%s is not blamed", names[s]);
        }
}

/* 1, 5 and 16 workers, in and out of order: the same items fail. */
Test(fault_stage, the_same_items_fail_whatever_the_workers)
{
    static const unsigned workers[] = {1, 5, 16};
    const uint64_t count = scaled(120) < 30 ? 30 : scaled(120);
    for (int i = 0; i < 3; i++)
        for (int ordered = 0; ordered < 2; ordered++) {
            struct leat_fault error = {.chance = 0.3, .seed = 3};
            uint64_t due = 0;
            trial(count, workers[i], ordered);
            with_errors_sink();
            wrap(CHECK, &error);
            cr_assert_eq(run(), LEAT_PARTIAL);
            for (uint64_t n = 0; n < count; n++) {
                bool fails = leat_fault_due(&error, n);
                due += fails;
                cr_assert_eq(gate_at(&t.saved[n]), fails ? 0u : 1u);
            }
            cr_assert(due > count / 10 && due < count * 2 / 3);
            cr_assert_eq(t.failed, due);
            cr_assert_eq(leat_fault_hits(&error), due);
            cr_assert_eq(leat_fault_calls(&error), count);
            cr_assert_eq(t.failures[0].error, EIO);
            cr_assert_str_eq(t.failures[0].stage, "check");
            char message[80];
            snprintf(message, sizeof message,
                     "a fault put in on purpose, at %d",
                     (int)t.failures[0].seq);
            cr_assert_str_eq(t.failures[0].message, message);
        }
}

Test(fault_stage, flaky_items_succeed_at_the_next_attempt)
{
    for (unsigned workers = 1; workers <= 5; workers += 4) {
        struct leat_fault flaky = {.error = LEAT_AGAIN, .attempts = 2,
                                   .every = 3};
        trial(60, workers, false);
        wrap(PACK, &flaky);
        t.pipeline.stages[PACK].retry =
            (struct leat_retry){.attempts = 3, .budget = 3};
        cr_assert_eq(run(), LEAT_OK);
        cr_assert_eq(t.report.total.ok, 60);
        cr_assert_eq(t.report.total.retried, 2 * 20);
        cr_assert_eq(leat_fault_hits(&flaky), 2 * 20);
    }
}

Test(fault_stage, keeps_all_else_of_the_victim)
{
    struct leat_fault fault = {.off = true};
    const struct leat_stage victim = {
        .name = "victim", .fn = save_in_store, .in = &crate_type,
        .capacity = 3, .workers = 7, .timeout = 5, .batch = 9, .linger = 11,
        .retry = {.attempts = 4, .backoff = 6}};
    const struct leat_stage wrapped = leat_fault_stage(&fault, victim);
    cr_assert_str_eq(wrapped.name, "victim");
    cr_assert(wrapped.in == &crate_type && !wrapped.out);
    cr_assert_eq(wrapped.capacity, 3u);
    cr_assert_eq(wrapped.workers, 7u);
    cr_assert_eq(wrapped.timeout, 5);
    cr_assert_eq(wrapped.batch, 9u);
    cr_assert_eq(wrapped.linger, 11);
    cr_assert_eq(wrapped.retry.attempts, 4u);
    cr_assert_eq(wrapped.retry.backoff, 6);
    cr_assert_null(wrapped.resource);
    const struct leat_stage none = {.name = "end"};
    cr_assert_null(leat_fault_stage(&fault, none).fn, "the end of a table");
}

/* --- with a resource --- */

Test(fault_stage, each_worker_still_holds_its_own)
{
    for (unsigned workers = 1; workers <= 5; workers += 4) {
        struct leat_fault error = {.every = 5}, slow = {
            .kind = LEAT_FAULT_SLOW, .delay = 10 * LEAT_US};
        store_trial(60, workers, 4);
        wrap(SAVE, &error);
        wrap(SAVE, &slow);
        cr_assert_eq(store_run(), LEAT_PARTIAL);
        cr_assert_eq(store.opens, workers);
        cr_assert_eq(t.report.total.failed, 12);
        cr_assert_eq(t.failed, 12u);
        cr_assert_str_eq(t.failures[0].stage, "save");
        cr_assert_gt(leat_fault_hits(&slow), 59);
    }
}

Test(fault_stage, is_interrupted_as_the_victim_would_be)
{
    struct leat_fault hang = {.kind = LEAT_FAULT_HANG, .from = 3};
    store_trial(10, 1, 4);
    wrap(SAVE, &hang);
    cr_assert_eq(run_until_hit(&hang, 1, 0), LEAT_CANCELED);
    cr_assert(in_troubles("save"));
    cr_assert_eq(store.opens, 1u);
}

Test(fault_stage, a_failed_open_is_closed_as_often_as_the_victim_wants)
{
    for (int with_state = 0; with_state < 2; with_state++) {
        struct leat_fault fault = {.off = true};
        store_trial(3, 1, 1);
        store.open_times = 1;
        store.open_status = EPERM;
        store.state_though_failed = with_state;
        wrap(SAVE, &fault);
        cr_assert_eq(store_run(), EPERM);
        cr_assert_eq(store.closes, with_state ? 1u : 0u);
    }
}

static int open_nothing_done; /* by commit */

static int count_commits(leat_ctx *ctx, int status, void *state)
{
    if (state != &open_nothing_done)
        wrong("without an open the state is the arg", 0);
    open_nothing_done += status == LEAT_OK;
    return status;
}

static int save_nothing(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    if (arg != &open_nothing_done)
        wrong("not the stage's arg", 0);
    return LEAT_OK;
}

Test(fault_stage, a_resource_without_open_holds_the_arg)
{
    static const struct leat_resource only_end = {.end = count_commits};
    struct leat_fault fault = {.off = true};
    trial(5, 1, false);
    t.pipeline.stages[SAVE] = (struct leat_stage){
        .name = "save", .fn = save_nothing, .arg = &open_nothing_done,
        .in = &crate_type, .resource = &only_end};
    wrap(SAVE, &fault);
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    cr_assert_eq(leat_run(ctx, &t.pipeline, &t.report), LEAT_OK);
    leat_ctx_free(ctx);
    cr_assert_eq(open_nothing_done, 5);
    cr_assert_str_eq(t.wrong, "");
    cr_assert_eq(token_wrong(), 0u);
}

/* --- twice --- */

Test(fault_stage, may_be_wrapped_twice)
{
    struct leat_fault third = {.every = 3, .error = EPERM},
                      fifth = {.every = 5, .error = EPIPE};
    size_t of[2] = {0, 0};
    trial(60, 1, false);
    with_errors_sink();
    wrap(CHECK, &third);
    wrap(CHECK, &fifth); /* the outer one is asked first */
    cr_assert_eq(run(), LEAT_PARTIAL);
    for (size_t i = 0; i < t.failed; i++)
        of[t.failures[i].error == EPIPE]++;
    cr_assert_eq(of[1], 12u);
    cr_assert_eq(of[0], 16u);
    cr_assert_eq(leat_fault_calls(&third), 48);
}

/* --- items that vanish, change, or end it all --- */

Test(fault_stage, what_is_dropped_counts_as_skipped)
{
    for (int s = READ; s <= SAVE; s++) {
        struct leat_fault drop = {.kind = LEAT_FAULT_DROP, .every = 4};
        trial(20, 1, false);
        wrap(s, &drop);
        cr_assert_eq(run(), LEAT_OK);
        cr_assert_gt(leat_fault_hits(&drop), 4);
        for (int n = 0; s != READ && n < 20; n++)
            cr_assert_eq(gate_at(&t.saved[n]), n % 4 ? 1u : 0u);
        if (s == READ)
            cr_assert_eq(t.report.total.ok, 20 - leat_fault_hits(&drop));
    }
}

Test(fault_stage, an_early_close_ends_the_run_in_order)
{
    for (int s = READ; s <= SAVE; s++) {
        struct leat_fault end = {.kind = LEAT_FAULT_CLOSE_EARLY, .from = 7};
        trial(20, 1, false);
        wrap(s, &end);
        cr_assert_eq(run(), LEAT_OK);
        cr_assert_eq(t.report.total.ok, 7, "stage %d", s);
    }
}

static void *let_go(void *arg)
{
    while (leat_fault_hits(arg) == 0)
        look_again();
    leat_fault_switch(arg, false);
    return NULL;
}

Test(fault_stage, a_source_that_never_closes_holds_the_run)
{
    struct leat_fault open = {.kind = LEAT_FAULT_NEVER_CLOSE};
    trial(5, 1, false);
    wrap(READ, &open);
    cr_assert_eq(run_until_hit(&open, 1, 5), LEAT_CANCELED);
    trial(5, 1, false);
    open = (struct leat_fault){.kind = LEAT_FAULT_NEVER_CLOSE};
    wrap(READ, &open);
    pthread_t thread;
    thread_start(&thread, let_go, &open);
    cr_assert_eq(run(), LEAT_OK);
    pthread_join(thread, NULL);
}

static int double_it(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    *(int *)out = *(const int *)in * 2;
    return LEAT_OK;
}

/* What comes out of 20 numbers, doubled, with the fault round the doubling. */
static int corrupted(struct leat_fault *fault, int *to)
{
    int from[20];
    for (int i = 0; i < 20; i++)
        from[i] = i, to[i] = -1;
    struct leat_array source = {from, sizeof *from, 20},
                      sink = {to, sizeof *to, 20};
    struct leat_pipeline p = {.stages = {
        {"read", leat_array_read, &source, .out = LEAT_TYPE(int)},
        {"double", double_it, .in = LEAT_TYPE(int), .out = LEAT_TYPE(int),
         .workers = 3},
        {"write", leat_array_write, &sink, .in = LEAT_TYPE(int)},
    }};
    p.stages[1] = leat_fault_stage(fault, p.stages[1]);
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    int status = leat_run(ctx, &p, NULL);
    leat_ctx_free(ctx);
    return status;
}

static void negate(void *value, size_t size, uint64_t die)
{
    *(int *)value = -*(int *)value;
}

Test(fault_stage, what_it_makes_is_corrupted_by_a_bit_or_as_told)
{
    struct leat_fault bit = {.kind = LEAT_FAULT_CORRUPT, .every = 3},
                      own = {.kind = LEAT_FAULT_CORRUPT, .from = 10,
                             .corrupt = negate};
    int to[20], again[20];
    cr_assert_eq(corrupted(&bit, to), LEAT_OK);
    for (int i = 0; i < 20; i++)
        cr_assert_eq(__builtin_popcount((unsigned)(to[i] ^ 2 * i)),
                     i % 3 == 0, "%d became %d", 2 * i, to[i]);
    struct leat_fault same = {.kind = LEAT_FAULT_CORRUPT, .every = 3};
    corrupted(&same, again);
    cr_assert_eq(memcmp(to, again, sizeof to), 0, "the same bits");
    cr_assert_eq(corrupted(&own, to), LEAT_OK);
    for (int i = 0; i < 20; i++)
        cr_assert_eq(to[i], i >= 10 ? -2 * i : 2 * i);
}

Test(fault_stage, what_cannot_be_done_to_a_stage_fails_its_items)
{
    const struct {
        int stage;
        enum leat_fault_kind kind;
    } wrong[] = {{CHECK, LEAT_FAULT_DUPLICATE}, {CHECK, LEAT_FAULT_REORDER},
                 {CHECK, LEAT_FAULT_CORRUPT}, {SAVE, LEAT_FAULT_CORRUPT}};
    for (size_t i = 0; i < 4; i++) {
        struct leat_fault fault = {.kind = wrong[i].kind};
        trial(5, 1, false);
        with_errors_sink();
        wrap(wrong[i].stage, &fault);
        cr_assert_eq(run(), LEAT_PARTIAL);
        cr_assert_eq(t.failed, 5u);
        cr_assert_eq(t.failures[0].error, LEAT_INVALID);
    }
}

Test(fault_stage, a_stage_that_is_only_the_fault_hands_on_what_comes)
{
    struct leat_fault error = {.every = 4};
    for (unsigned workers = 1; workers <= 5; workers += 4) {
        trial(40, workers, false);
        with_errors_sink();
        t.pipeline.stages[CHECK] = leat_fault_stage(
            &error, (struct leat_stage){.name = "faulty", .workers = workers,
                                        .in = &box_type, .out = &box_type});
        cr_assert_eq(run(), LEAT_PARTIAL);
        cr_assert_eq(t.report.total.ok, 30);
        cr_assert_str_eq(t.failures[0].stage, "faulty");
    }
}

/* --- switched while it runs --- */

struct flicker {
    struct leat_fault *fault;
    struct gate stop;
};

static void *flick(void *arg)
{
    struct flicker *flicker = arg;
    for (unsigned i = 0; !gate_passed(&flicker->stop, 1); i++) {
        leat_fault_switch(flicker->fault, i % 2);
        look_again();
    }
    leat_fault_switch(flicker->fault, false);
    return NULL;
}

Test(fault_stage, may_be_switched_in_the_middle_of_a_run)
{
    struct leat_fault hang = {.kind = LEAT_FAULT_HANG, .chance = 0.2,
                              .off = true};
    struct flicker flicker = {.fault = &hang};
    pthread_t thread;
    gate_init(&flicker.stop);
    trial(scaled(400), 5, false);
    wrap(CHECK, &hang);
    thread_start(&thread, flick, &flicker);
    int status = run();
    gate_open(&flicker.stop, 1);
    pthread_join(thread, NULL);
    cr_assert_eq(status, LEAT_OK);
    cr_assert_eq(t.report.total.ok, scaled(400));
}
