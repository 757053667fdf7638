/* test_fault_wait.c - faults that take time, and who ends them.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/blocked.h"
#include "support/scale.h"
#include <criterion/criterion.h>
#include <leat/fault.h>

TestSuite(fault_wait, .timeout = 60);

struct patient {
    leat_ctx *ctx;
    struct leat_fault *fault;
    uint64_t key;
    struct gate ended;
    int status;
    pthread_t thread;
};

static void *suffer(void *arg)
{
    struct patient *patient = arg;
    patient->status = leat_fault_hit(patient->ctx, patient->fault,
                                     patient->key);
    gate_open(&patient->ended, 1);
    return NULL;
}

static void begin(struct patient *patient, leat_ctx *ctx,
                  struct leat_fault *fault, uint64_t key)
{
    *patient = (struct patient){.ctx = ctx, .fault = fault, .key = key,
                                .status = 99};
    gate_init(&patient->ended);
    thread_start(&patient->thread, suffer, patient);
}

static int end(struct patient *patient)
{
    pthread_join(patient->thread, NULL);
    return patient->status;
}

static void until_hits(struct leat_fault *fault, uint64_t hits)
{
    while (leat_fault_hits(fault) < hits)
        look_again();
}

static int64_t took(leat_ctx *ctx, struct leat_fault *fault, uint64_t key)
{
    int64_t began = now();
    cr_assert_eq(leat_fault_hit(ctx, fault, key), LEAT_OK);
    return now() - began;
}

Test(fault_wait, a_hang_ends_when_its_context_is_canceled)
{
    struct leat_fault hang = {.kind = LEAT_FAULT_HANG};
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    struct patient patient;
    begin(&patient, ctx, &hang, 0);
    cr_assert(blocked(ctx, 1));
    cr_assert_eq(leat_fault_hits(&hang), 1);
    cr_assert(!gate_passed(&patient.ended, 1));
    leat_ctx_cancel(ctx, 0);
    cr_assert_eq(end(&patient), LEAT_CANCELED);
    leat_ctx_free(ctx);
}

Test(fault_wait, a_hang_ends_at_the_deadline_of_its_context)
{
    struct leat_fault hang = {.kind = LEAT_FAULT_HANG};
    leat_ctx *ctx = leat_ctx_root(5 * LEAT_MS);
    cr_assert_eq(leat_fault_hit(ctx, &hang, 0), LEAT_TIMEOUT);
    cr_assert_eq(leat_fault_hit(ctx, &hang, 0), LEAT_TIMEOUT, "already ended");
    leat_ctx_free(ctx);
}

Test(fault_wait, the_switch_lets_go_of_everybody_who_hangs_or_is_slow)
{
    enum { EACH = 4 };
    struct leat_fault hang = {.kind = LEAT_FAULT_HANG};
    struct leat_fault slow = {.kind = LEAT_FAULT_SLOW, .delay = 900 * LEAT_S};
    struct patient patients[2 * EACH];
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    for (int i = 0; i < 2 * EACH; i++)
        begin(&patients[i], ctx, i < EACH ? &hang : &slow, 0);
    cr_assert(blocked(ctx, 2 * EACH));
    leat_fault_switch(&hang, false);
    cr_assert(blocked(ctx, EACH));
    leat_fault_switch(&slow, false);
    for (int i = 0; i < 2 * EACH; i++)
        cr_assert_eq(end(&patients[i]), LEAT_OK, "number %d", i);
    cr_assert_eq(leat_ctx_cause(ctx), LEAT_OK, "the context lives on");
    leat_ctx_free(ctx);
}

Test(fault_wait, slow_takes_its_time_and_jitter_stays_within)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    struct leat_fault slow = {.kind = LEAT_FAULT_SLOW, .delay = 3 * LEAT_MS};
    cr_assert_geq(took(ctx, &slow, 1), 3 * LEAT_MS);
    slow.jitter = 2 * LEAT_MS;
    for (uint64_t key = 0; key < scaled(5); key++)
        cr_assert_geq(took(ctx, &slow, key), LEAT_MS);
    leat_ctx_free(ctx);
}

Test(fault_wait, jitter_makes_some_calls_shorter_too)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    struct leat_fault slow = {.kind = LEAT_FAULT_SLOW, .delay = 12 * LEAT_MS,
                              .jitter = 12 * LEAT_MS};
    uint64_t key = 0;
    while (took(ctx, &slow, key) >= 12 * LEAT_MS)
        cr_assert_lt(++key, 50);
    leat_ctx_free(ctx);
}

Test(fault_wait, slow_ends_with_its_context)
{
    struct leat_fault slow = {.kind = LEAT_FAULT_SLOW, .delay = 900 * LEAT_S};
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    struct patient patient;
    begin(&patient, ctx, &slow, 0);
    cr_assert(blocked(ctx, 1));
    leat_ctx_cancel(ctx, 0);
    cr_assert_eq(end(&patient), LEAT_CANCELED);
    cr_assert_eq(leat_fault_hit(ctx, &slow, 0), LEAT_CANCELED);
    leat_ctx_free(ctx);
}

Test(fault_wait, a_long_tail_is_short_for_most_and_long_for_few)
{
    struct leat_fault slow = {.kind = LEAT_FAULT_SLOW, .delay = 20 * LEAT_US,
                              .how = LEAT_FAULT_TAIL};
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    int64_t longest = 0, began = now();
    for (uint64_t key = 0; key < 100; key++) {
        int64_t time = took(ctx, &slow, key);
        longest = time > longest ? time : longest;
    }
    cr_assert_geq(longest, 200 * LEAT_US, "a tail of ten times at least");
    cr_assert_leq(now() - began, 10 * LEAT_S);
    leat_ctx_free(ctx);
}

Test(fault_wait, a_rate_holds_for_all_threads_together)
{
    enum { CALLS = 9 };
    struct leat_fault slow = {.kind = LEAT_FAULT_SLOW, .rate = 500};
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    struct patient patients[CALLS];
    int64_t began = now();
    for (int i = 0; i < CALLS; i++)
        begin(&patients[i], ctx, &slow, LEAT_FAULT_CALL);
    for (int i = 0; i < CALLS; i++)
        cr_assert_eq(end(&patients[i]), LEAT_OK);
    cr_assert_geq(now() - began, (CALLS - 1) * 2 * LEAT_MS);
    leat_ctx_free(ctx);
}

/* --- stubborn --- */

static const enum leat_fault_how ways[] = {LEAT_FAULT_PLAIN, LEAT_FAULT_SPIN,
                                           LEAT_FAULT_LOCK, LEAT_FAULT_READ};

Test(fault_wait, stubborn_looks_at_no_context_and_ends_by_the_switch)
{
    for (int i = 0; i < 4; i++) {
        struct leat_fault fault = {.kind = LEAT_FAULT_STUBBORN,
                                   .how = ways[i]};
        leat_ctx *ctx = leat_ctx_root(PATIENCE);
        struct patient patient;
        begin(&patient, ctx, &fault, 0);
        until_hits(&fault, 1);
        leat_ctx_cancel(ctx, 0);
        for (int look = 0; look < 20; look++)
            look_again();
        nanosleep(&(struct timespec){0, 2000000}, NULL);
        cr_assert(!gate_passed(&patient.ended, 1), "way %d", i);
        leat_fault_switch(&fault, false);
        cr_assert_eq(end(&patient), LEAT_OK, "way %d", i);
        leat_ctx_free(ctx);
    }
}

Test(fault_wait, stubborn_ends_after_its_delay)
{
    for (int i = 0; i < 4; i++) {
        struct leat_fault fault = {.kind = LEAT_FAULT_STUBBORN,
                                   .how = ways[i], .delay = 4 * LEAT_MS};
        int64_t time = took(NULL, &fault, 0);
        cr_assert_geq(time, 3 * LEAT_MS, "way %d: %d us", i,
                      (int)(time / LEAT_US));
    }
}

Test(fault_wait, with_a_lock_held_the_calls_that_are_not_due_wait_too)
{
    struct leat_fault fault = {.kind = LEAT_FAULT_STUBBORN,
                               .how = LEAT_FAULT_LOCK, .until = 1};
    struct patient due, other;
    begin(&due, NULL, &fault, 0);
    until_hits(&fault, 1);
    begin(&other, NULL, &fault, 1);
    nanosleep(&(struct timespec){0, 5000000}, NULL);
    cr_assert(!gate_passed(&other.ended, 1));
    leat_fault_switch(&fault, false);
    cr_assert_eq(end(&due), LEAT_OK);
    cr_assert_eq(end(&other), LEAT_OK);
    cr_assert_eq(leat_fault_hits(&fault), 1);
}

/* --- the switch, while it runs --- */

struct traffic {
    struct leat_fault fault;
    leat_ctx *ctx;
    struct gate stop, odd, calls[3];
    struct gate next;
};

static void *hurry(void *arg)
{
    struct traffic *traffic = arg;
    unsigned me = atomic_fetch_add_explicit(&traffic->next.at, 1,
                                            memory_order_relaxed);
    for (uint64_t n = 0; !gate_passed(&traffic->stop, 1); n++) {
        if (leat_fault_hit(traffic->ctx, &traffic->fault, n) != LEAT_OK)
            gate_open(&traffic->odd, 1);
        gate_step(&traffic->calls[me]);
        look_again(); /* all the others are to have their turn */
    }
    return NULL;
}

Test(fault_wait, may_be_switched_while_threads_hang_in_it)
{
    struct traffic traffic = {.fault = {.kind = LEAT_FAULT_HANG, .off = true},
                              .ctx = leat_ctx_root(PATIENCE)};
    pthread_t threads[3];
    gate_init(&traffic.stop);
    gate_init(&traffic.odd);
    gate_init(&traffic.next);
    for (int i = 0; i < 3; i++)
        gate_init(&traffic.calls[i]);
    for (int i = 0; i < 3; i++)
        thread_start(&threads[i], hurry, &traffic);
    for (size_t round = 0; round < scaled(100); round++) {
        uint64_t hits = leat_fault_hits(&traffic.fault);
        leat_fault_switch(&traffic.fault, true);
        while (leat_fault_hits(&traffic.fault) == hits)
            look_again();
        leat_fault_switch(&traffic.fault, false);
        for (int i = 0; i < 3; i++) { /* nobody is left in it */
            unsigned at = atomic_load_explicit(&traffic.calls[i].at,
                                               memory_order_relaxed);
            while (atomic_load_explicit(&traffic.calls[i].at,
                                        memory_order_relaxed) == at)
                look_again();
        }
    }
    gate_open(&traffic.stop, 1);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    cr_assert(!gate_passed(&traffic.odd, 1), "none of them was let down");
    leat_ctx_free(traffic.ctx);
}
