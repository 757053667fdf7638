/* test_fault.c - one call at the head of a function.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/blocked.h"
#include "support/scale.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <leat/fault.h>

TestSuite(fault, .timeout = 30);

static leat_ctx *ctx;

static void set_up(void)
{
    ctx = leat_ctx_root(100 * LEAT_S);
}

static void tear_down(void)
{
    leat_ctx_free(ctx);
}

/* The keys from 0 to below 64 that are hit, as bits. */
static uint64_t hit_keys(struct leat_fault fault)
{
    uint64_t hit = 0;
    for (uint64_t key = 0; key < 64; key++)
        if (leat_fault_hit(ctx, &fault, key) != LEAT_OK)
            hit |= UINT64_C(1) << key;
    return hit;
}

Test(fault, error_fails_with_its_error_or_EIO, .init = set_up,
     .fini = tear_down)
{
    struct leat_fault plain = {0}, own = {.error = LEAT_AGAIN};
    cr_assert_eq(leat_fault_hit(ctx, &plain, 0), EIO);
    cr_assert_eq(leat_fault_hit(ctx, &own, 0), LEAT_AGAIN);
    cr_assert_eq(leat_fault_hit(NULL, &own, 0), LEAT_AGAIN);
}

Test(fault, from_until_and_every_choose_keys, .init = set_up, .fini = tear_down)
{
    cr_assert_eq(hit_keys((struct leat_fault){.from = 60}),
                 UINT64_C(0xf) << 60);
    cr_assert_eq(hit_keys((struct leat_fault){.until = 3}), 0x7);
    cr_assert_eq(hit_keys((struct leat_fault){.from = 6, .until = 8}), 0xc0);
    cr_assert_eq(hit_keys((struct leat_fault){.every = 7, .until = 22}),
                 1 | 1 << 7 | 1 << 14 | 1 << 21);
    cr_assert_eq(hit_keys((struct leat_fault){.every = 7, .from = 8}) & 0xffff,
                 1 << 14);
}

Test(fault, chance_is_about_that_share_and_every_seed_another_one,
     .init = set_up, .fini = tear_down)
{
    for (uint64_t seed = 0; seed < 5; seed++) {
        struct leat_fault fault = {.chance = 0.1, .seed = seed};
        uint64_t hits = 0, other = 0, both = 0;
        struct leat_fault next = {.chance = 0.1, .seed = seed + 1};
        for (uint64_t key = 0; key < 20000; key++) {
            hits += leat_fault_due(&fault, key);
            other += leat_fault_due(&next, key);
            both += leat_fault_due(&fault, key) && leat_fault_due(&next, key);
        }
        cr_assert(hits > 1850 && hits < 2150, "%d", (int)hits);
        cr_assert(both > 140 && both < 260, "%d: seeds are related", (int)both);
    }
    struct leat_fault all = {.chance = 1}, no_share = {0};
    cr_assert(leat_fault_due(&all, 5) && leat_fault_due(&no_share, 5));
}

/* A change of mix() would change which items every recorded seed hits. */
Test(fault, the_same_seed_hits_the_same_keys_for_ever, .init = set_up,
     .fini = tear_down)
{
    cr_assert_eq(hit_keys((struct leat_fault){.chance = 0.25, .seed = 42}),
                 UINT64_C(0x300140c11e7420c));
}

Test(fault, calls_are_numbered_from_one, .init = set_up, .fini = tear_down)
{
    struct leat_fault fault = {.every = 7};
    unsigned failed = 0, first = 0;
    for (unsigned call = 1; call <= 21; call++)
        if (leat_fault_hit(ctx, &fault, LEAT_FAULT_CALL) != LEAT_OK) {
            failed++;
            first = first ? first : call;
        }
    cr_assert_eq(failed, 3);
    cr_assert_eq(first, 7);
    cr_assert_eq(leat_fault_calls(&fault), 21);
    cr_assert_eq(leat_fault_hits(&fault), 3);
}

Test(fault, flaky_fails_so_often_at_each_key_then_works, .init = set_up,
     .fini = tear_down)
{
    struct leat_fault fault = {.attempts = 2, .every = 2};
    for (int attempt = 1; attempt <= 4; attempt++)
        for (uint64_t key = 0; key < LEAT_FAULT_KEYS; key++) {
            int status = leat_fault_hit(ctx, &fault, key);
            cr_assert_eq(status, key % 2 == 0 && attempt <= 2 ? EIO : LEAT_OK,
                         "%d. attempt at %d: %d", attempt, (int)key, status);
        }
    cr_assert_eq(leat_fault_hits(&fault), LEAT_FAULT_KEYS);
}

Test(fault, flaky_forgets_a_key_only_for_one_in_its_place, .init = set_up,
     .fini = tear_down)
{
    struct leat_fault fault = {.attempts = 1};
    const uint64_t far = 5 + LEAT_FAULT_KEYS;
    cr_assert_eq(leat_fault_hit(ctx, &fault, 5), EIO);
    cr_assert_eq(leat_fault_hit(ctx, &fault, 5), LEAT_OK);
    cr_assert_eq(leat_fault_hit(ctx, &fault, far), EIO);
    cr_assert_eq(leat_fault_hit(ctx, &fault, far), LEAT_OK);
    cr_assert_eq(leat_fault_hit(ctx, &fault, 5), EIO, "displaced");
}

Test(fault, flaky_by_call_fails_the_first_due_calls, .init = set_up,
     .fini = tear_down)
{
    struct leat_fault fault = {.attempts = 2, .every = 3};
    unsigned failed = 0;
    for (unsigned call = 1; call <= 30; call++)
        if (leat_fault_hit(ctx, &fault, LEAT_FAULT_CALL) != LEAT_OK) {
            failed++;
            cr_assert_eq(call, failed * 3);
        }
    cr_assert_eq(failed, 2);
}

Test(fault, off_does_nothing_and_counts_nothing, .init = set_up,
     .fini = tear_down)
{
    struct leat_fault fault = {.off = true};
    cr_assert_eq(leat_fault_hit(ctx, &fault, 1), LEAT_OK);
    cr_assert_eq(leat_fault_calls(&fault), 0);
    leat_fault_switch(&fault, true);
    cr_assert_eq(leat_fault_hit(ctx, &fault, 1), EIO);
    leat_fault_switch(&fault, true);
    leat_fault_switch(&fault, false);
    cr_assert_eq(leat_fault_hit(ctx, &fault, 1), LEAT_OK);
    cr_assert_eq(leat_fault_calls(&fault), 1);
    cr_assert_eq(leat_fault_hit(ctx, NULL, 1), LEAT_OK);
    leat_fault_switch(NULL, true);
}

Test(fault, not_due_it_says_nothing_of_an_ended_context, .init = set_up,
     .fini = tear_down)
{
    struct leat_fault fault = {.kind = LEAT_FAULT_HANG, .from = 5};
    leat_ctx_cancel(ctx, 0);
    cr_assert_eq(leat_fault_hit(ctx, &fault, 4), LEAT_OK);
    cr_assert_eq(leat_fault_hit(ctx, &fault, 5), LEAT_CANCELED);
}

Test(fault, what_makes_no_sense_is_invalid, .init = set_up, .fini = tear_down)
{
    const struct leat_fault wrong[] = {
        {.kind = (enum leat_fault_kind)99},
        {.kind = LEAT_FAULT_HANG, .how = LEAT_FAULT_SPIN},
        {.how = LEAT_FAULT_ABORT},
        {.how = LEAT_FAULT_FD},
        {.how = LEAT_FAULT_TAIL},
        {.how = (enum leat_fault_how)99},
        {.delay = -1},
        {.delay = 1},
        {.kind = LEAT_FAULT_SLOW, .delay = INT64_MAX},
        {.kind = LEAT_FAULT_SLOW, .jitter = -1},
        {.kind = LEAT_FAULT_SLOW, .jitter = 1, .how = LEAT_FAULT_TAIL},
        {.rate = 1},
        {.chance = -0.1},
        {.chance = 1.5},
        {.chance = (double)(0 / 1.0f) / 0.0},
        {.from = 5, .until = 5},
        {.attempts = 65536},
        {.size = 1},
        {.kind = LEAT_FAULT_LEAK, .how = LEAT_FAULT_FD, .size = 1},
        {.window = 1},
        {.kind = LEAT_FAULT_HANG, .error = 1},
        {.kind = LEAT_FAULT_CRASH, .how = LEAT_FAULT_EXIT, .error = 256},
        {.corrupt = (void (*)(void *, size_t, uint64_t))set_up},
        {.kind = LEAT_FAULT_NEVER_CLOSE, .from = 1},
        {.kind = LEAT_FAULT_REORDER, .window = 65},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct leat_fault fault = wrong[i];
        cr_assert_not_null(leat_fault_check(&fault), "number %d", (int)i);
        cr_assert_eq(leat_fault_hit(ctx, &fault, 5), LEAT_INVALID,
                     "number %d", (int)i);
        cr_assert_eq(leat_fault_hits(&fault), 0);
    }
    for (int kind = LEAT_FAULT_ERROR; kind <= LEAT_FAULT_NEVER_CLOSE; kind++) {
        struct leat_fault fault = {.kind = (enum leat_fault_kind)kind};
        cr_assert_null(leat_fault_check(&fault), "%s",
                       leat_fault_name(fault.kind));
    }
}

Test(fault, what_needs_a_context_or_a_value_is_invalid_without, .init = set_up,
     .fini = tear_down)
{
    struct leat_fault hang = {.kind = LEAT_FAULT_HANG};
    struct leat_fault slow = {.kind = LEAT_FAULT_SLOW};
    cr_assert_eq(leat_fault_hit(NULL, &hang, 0), LEAT_INVALID);
    cr_assert_eq(leat_fault_hit(NULL, &slow, 0), LEAT_INVALID);
    cr_assert_eq(leat_fault_hits(&hang) + leat_fault_hits(&slow), 0);
    const enum leat_fault_kind of_values[] = {
        LEAT_FAULT_DUPLICATE, LEAT_FAULT_REORDER, LEAT_FAULT_CORRUPT,
        LEAT_FAULT_NEVER_CLOSE};
    for (size_t i = 0; i < 4; i++) {
        struct leat_fault fault = {.kind = of_values[i]};
        cr_assert_eq(leat_fault_hit(ctx, &fault, 0), LEAT_INVALID);
    }
}

Test(fault, drop_and_early_close_say_so, .init = set_up, .fini = tear_down)
{
    struct leat_fault drop = {.kind = LEAT_FAULT_DROP, .every = 2};
    struct leat_fault end = {.kind = LEAT_FAULT_CLOSE_EARLY, .from = 1};
    cr_assert_eq(leat_fault_hit(ctx, &drop, 1), LEAT_OK);
    cr_assert_eq(leat_fault_hit(ctx, &drop, 2), LEAT_SKIP);
    cr_assert_eq(leat_fault_hit(ctx, &end, 0), LEAT_OK);
    cr_assert_eq(leat_fault_hit(ctx, &end, 7), LEAT_CLOSED);
}

/* --- from many threads, in any order --- */

enum { KEYS = 400 };

struct crowd {
    struct leat_fault fault;
    struct gate next;
    bool shuffled;
    unsigned char failed[KEYS]; /* each key is one thread's */
};

static void *ask(void *arg)
{
    struct crowd *crowd = arg;
    for (;;) {
        unsigned i = atomic_fetch_add_explicit(&crowd->next.at, 1,
                                               memory_order_relaxed);
        if (i >= 3 * KEYS)
            return NULL;
        uint64_t key = i % KEYS;
        if (crowd->shuffled)
            key = key * 7919 % KEYS;
        if (leat_fault_hit(NULL, &crowd->fault, key) != LEAT_OK)
            __atomic_fetch_add(&crowd->failed[key], 1, __ATOMIC_RELAXED);
    }
}

static void run_crowd(struct crowd *crowd, unsigned threads)
{
    pthread_t ids[16];
    gate_init(&crowd->next);
    for (unsigned i = 0; i < threads; i++)
        thread_start(&ids[i], ask, crowd);
    for (unsigned i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
}

Test(fault, the_same_keys_fail_whatever_the_threads_and_the_order)
{
    static struct crowd first, other;
    const struct leat_fault fault = {.chance = 0.2, .seed = 7, .attempts = 2};
    first = (struct crowd){.fault = fault};
    run_crowd(&first, 1);
    cr_assert_gt(leat_fault_hits(&first.fault), 100);
    for (int i = 0; i < 3; i++) {
        other = (struct crowd){.fault = fault, .shuffled = i > 0};
        run_crowd(&other, i == 0 ? 5 : i == 1 ? 1 : 16);
        cr_assert_eq(memcmp(first.failed, other.failed, KEYS), 0, "round %d",
                     i);
        cr_assert_eq(leat_fault_calls(&other.fault), 3 * KEYS);
        cr_assert_eq(leat_fault_hits(&other.fault),
                     leat_fault_hits(&first.fault));
    }
    for (unsigned key = 0; key < KEYS; key++)
        cr_assert_eq(first.failed[key],
                     leat_fault_due(&first.fault, key) ? 2 : 0);
}

/* --- a queue that has never heard of leat --- */

typedef int handler(void *job, void *arg);

struct queue {
    handler *handle;
    void *arg;
    int *jobs, count, next, failed;
    pthread_mutex_t lock;
};

static void *work(void *arg)
{
    struct queue *queue = arg;
    for (;;) {
        pthread_mutex_lock(&queue->lock);
        int i = queue->next < queue->count ? queue->next++ : -1;
        pthread_mutex_unlock(&queue->lock);
        if (i < 0)
            return NULL;
        int error = queue->handle(&queue->jobs[i], queue->arg);
        pthread_mutex_lock(&queue->lock);
        queue->failed += error != 0;
        pthread_mutex_unlock(&queue->lock);
    }
}

struct glue {
    leat_ctx *ctx;
    struct leat_fault *fault;
};

static int faulty_handle(void *job, void *arg)
{
    struct glue *glue = arg;
    return leat_fault_hit(glue->ctx, glue->fault, LEAT_FAULT_CALL);
}

static int failures(struct leat_fault fault, unsigned workers)
{
    int jobs[21] = {0};
    struct glue glue = {leat_ctx_root(200 * LEAT_MS), &fault};
    struct queue queue = {faulty_handle, &glue, jobs, 21, 0, 0,
                          PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[5];
    for (unsigned i = 0; i < workers; i++)
        thread_start(&threads[i], work, &queue);
    for (unsigned i = 0; i < workers; i++)
        pthread_join(threads[i], NULL);
    leat_ctx_free(glue.ctx);
    return queue.failed;
}

Test(fault, is_put_into_a_foreign_queue_by_one_call)
{
    const struct leat_fault seventh = {.every = 7},
                            hang = {.kind = LEAT_FAULT_HANG, .from = 3,
                                    .until = 4};
    for (unsigned workers = 1; workers <= 5; workers += 4) {
        cr_assert_eq(failures(seventh, workers), 3);
        cr_assert_eq(failures(hang, workers), 1);
    }
}
