/* test_ctx.c - contexts: how they end, and what ends with them. Who waits under
 * them is in test_ctx_tasks.c.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/blocked.h"
#include "support/gate.h"
#include "support/scale.h"
#include <criterion/criterion.h>
#include <leat/ctx.h>

TestSuite(ctx, .timeout = 30);

static const leat_duration HOUR = 3600 * LEAT_S;

/* What a wait under ctx says that could be over at once. */
static int wait_says(leat_ctx *ctx)
{
    return leat_sleep(ctx, 1);
}

Test(ctx, a_root_needs_a_deadline)
{
    cr_assert_null(leat_ctx_root(0));
    cr_assert_null(leat_ctx_root(-1));
    cr_assert_null(leat_ctx_root(INT64_MIN));
    leat_ctx *ctx = leat_ctx_root(1);
    cr_assert_not_null(ctx);
    leat_ctx_free(ctx);
}

Test(ctx, null_is_refused_and_never_a_crash)
{
    cr_assert_null(leat_ctx_new(NULL, LEAT_S));
    cr_assert_null(leat_ctx_new(NULL, 0));
    cr_assert_null(leat_ctx_new(leat_ctx_new(NULL, 0), -1));
    leat_ctx_cancel(NULL, 1);
    leat_ctx_free(NULL);
    cr_assert_eq(leat_ctx_cause(NULL), LEAT_INVALID);
    cr_assert_eq(leat_ctx_left(NULL), 0);
    cr_assert_eq(leat_sleep(NULL, 0), LEAT_INVALID);
    cr_assert_eq(leat_sleep(NULL, 1), LEAT_INVALID);
    struct leat_task task;
    cr_assert_eq(leat_ctx_tasks(NULL, &task, 1), 0);
}

Test(ctx, lives_until_something_ends_it)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    leat_ctx *child = leat_ctx_new(ctx, 0);
    cr_assert_eq(leat_ctx_cause(ctx), LEAT_OK);
    cr_assert_eq(leat_ctx_cause(child), LEAT_OK);
    cr_assert_eq(wait_says(child), LEAT_OK);
    leat_ctx_free(child);
    leat_ctx_free(ctx);
}

Test(ctx, a_child_with_a_timeout_below_zero_is_born_ended)
{
    const leat_duration negative[] = {-1, -LEAT_S, INT64_MIN};
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    for (size_t i = 0; i < 3; i++) {
        leat_ctx *child = leat_ctx_new(ctx, negative[i]);
        cr_assert_not_null(child);
        cr_assert_eq(leat_ctx_cause(child), LEAT_TIMEOUT, "case %zu", i);
        cr_assert_eq(leat_ctx_left(child), 0, "case %zu", i);
        cr_assert_eq(leat_sleep(child, HOUR), LEAT_TIMEOUT, "case %zu", i);
        leat_ctx_free(child);
    }
    cr_assert_eq(leat_ctx_cause(ctx), LEAT_OK);
    leat_ctx_free(ctx);
}

Test(ctx, child_of_a_canceled_parent_is_born_canceled_with_its_cause)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    leat_ctx_cancel(ctx, 42);
    const leat_duration timeouts[] = {0, -1, 1, LEAT_S, INT64_MAX};
    for (size_t i = 0; i < 5; i++) {
        leat_ctx *child = leat_ctx_new(ctx, timeouts[i]);
        leat_ctx *grandchild = leat_ctx_new(child, timeouts[i]);
        cr_assert_eq(leat_ctx_cause(child), 42, "case %zu", i);
        cr_assert_eq(wait_says(child), LEAT_CANCELED, "case %zu", i);
        cr_assert_eq(leat_ctx_left(child), 0, "case %zu", i);
        cr_assert_eq(leat_ctx_cause(grandchild), 42, "case %zu", i);
        leat_ctx_free(child);
        leat_ctx_free(grandchild);
    }
    leat_ctx_free(ctx);
}

Test(ctx, child_of_one_whose_deadline_has_passed_is_born_ended_by_it)
{
    leat_ctx *ctx = leat_ctx_root(1);
    while (now() == now())
        ;
    leat_ctx *child = leat_ctx_new(ctx, HOUR);
    cr_assert_eq(leat_ctx_cause(child), LEAT_TIMEOUT);
    leat_ctx_cancel(child, 5);
    cr_assert_eq(leat_ctx_cause(child), LEAT_TIMEOUT);
    leat_ctx_free(child);
    leat_ctx_free(ctx);
}

Test(ctx, the_first_cause_wins)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    leat_ctx *child = leat_ctx_new(ctx, 0), *late = leat_ctx_new(ctx, 0);
    leat_ctx_cancel(child, 1);
    leat_ctx_cancel(child, 2);
    leat_ctx_cancel(ctx, 3);
    leat_ctx_cancel(ctx, 4);
    cr_assert_eq(leat_ctx_cause(child), 1);
    cr_assert_eq(leat_ctx_cause(ctx), 3);
    cr_assert_eq(leat_ctx_cause(late), 3);
    leat_ctx_free(late);
    leat_ctx_free(child);
    leat_ctx_free(ctx);
}

Test(ctx, only_the_cause_says_why_and_waits_say_canceled)
{
    /* given to leat_ctx_cancel(), seen by leat_ctx_cause() */
    const int causes[][2] = {{0, LEAT_CANCELED},
                             {LEAT_CANCELED, LEAT_CANCELED},
                             {LEAT_TIMEOUT, LEAT_TIMEOUT},
                             {LEAT_INVALID, LEAT_INVALID},
                             {2, 2},
                             {INT32_MAX, INT32_MAX},
                             {-4711, -4711}};
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) {
        leat_ctx *ctx = leat_ctx_root(PATIENCE);
        leat_ctx_cancel(ctx, causes[i][0]);
        cr_assert_eq(leat_ctx_cause(ctx), causes[i][1], "cause %d",
                     causes[i][0]);
        cr_assert_eq(wait_says(ctx), LEAT_CANCELED, "cause %d", causes[i][0]);
        cr_assert_eq(leat_ctx_left(ctx), 0, "cause %d", causes[i][0]);
        leat_ctx_free(ctx);
    }
}

Test(ctx, cancel_goes_down_and_neither_up_nor_sideways)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    leat_ctx *a = leat_ctx_new(ctx, 0), *b = leat_ctx_new(ctx, 0);
    leat_ctx *below = leat_ctx_new(a, 0), *deep = leat_ctx_new(below, 0);
    leat_ctx_cancel(a, 7);
    cr_assert_eq(leat_ctx_cause(deep), 7);
    cr_assert_eq(leat_ctx_cause(below), 7);
    cr_assert_eq(leat_ctx_cause(b), LEAT_OK);
    cr_assert_eq(leat_ctx_cause(ctx), LEAT_OK);
    cr_assert_eq(wait_says(b), LEAT_OK);
    leat_ctx_free(deep);
    leat_ctx_free(below);
    leat_ctx_free(b);
    leat_ctx_free(a);
    leat_ctx_free(ctx);
}

Test(ctx, a_child_ends_with_its_parents_deadline_at_the_latest)
{
    leat_ctx *ctx = leat_ctx_root(10 * LEAT_MS);
    leat_ctx *child = leat_ctx_new(ctx, HOUR), *same = leat_ctx_new(ctx, 0);
    cr_assert_leq(leat_ctx_left(child), 10 * LEAT_MS);
    cr_assert_leq(leat_ctx_left(same), 10 * LEAT_MS);
    int64_t begin = now();
    cr_assert_eq(leat_sleep(child, HOUR), LEAT_TIMEOUT);
    cr_assert_lt(now() - begin, PATIENCE);
    cr_assert_eq(leat_ctx_cause(child), LEAT_TIMEOUT);
    cr_assert_eq(leat_ctx_cause(same), LEAT_TIMEOUT);
    cr_assert_eq(leat_ctx_cause(ctx), LEAT_TIMEOUT);
    leat_ctx_free(same);
    leat_ctx_free(child);
    leat_ctx_free(ctx);
}

Test(ctx, a_childs_own_deadline_leaves_its_parent_alone)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    leat_ctx *child = leat_ctx_new(ctx, 2 * LEAT_MS);
    leat_ctx *below = leat_ctx_new(child, 0);
    int64_t begin = now();
    cr_assert_eq(leat_sleep(below, HOUR), LEAT_TIMEOUT);
    cr_assert_geq(now() - begin, 0);
    cr_assert_eq(leat_ctx_cause(child), LEAT_TIMEOUT);
    cr_assert_eq(leat_ctx_cause(ctx), LEAT_OK);
    leat_ctx_cancel(ctx, 9);
    cr_assert_eq(leat_ctx_cause(child), LEAT_TIMEOUT, "it never lives again");
    leat_ctx_free(below);
    leat_ctx_free(child);
    leat_ctx_free(ctx);
}

Test(ctx, a_cancel_after_the_deadline_comes_too_late)
{
    leat_ctx *ctx = leat_ctx_root(1);
    while (leat_ctx_left(ctx) > 0)
        ;
    leat_ctx_cancel(ctx, 6);
    cr_assert_eq(leat_ctx_cause(ctx), LEAT_TIMEOUT);
    leat_ctx_free(ctx);
}

Test(ctx, a_deadline_that_nobody_noticed_is_still_before_a_later_cancel)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE), *child = leat_ctx_new(ctx, 1);
    for (int64_t begin = now(); now() < begin + 1000;)
        ;
    leat_ctx_cancel(ctx, 5);
    cr_assert_eq(leat_ctx_cause(child), LEAT_TIMEOUT);
    cr_assert_eq(leat_ctx_cause(ctx), 5);
    leat_ctx_free(child);
    leat_ctx_free(ctx);
}

Test(ctx, a_thread_that_never_waits_learns_of_its_deadline_from_the_cause)
{
    leat_ctx *ctx = leat_ctx_root(LEAT_MS);
    int64_t end = now() + PATIENCE;
    while (leat_ctx_cause(ctx) == LEAT_OK && now() < end)
        ;
    cr_assert_eq(leat_ctx_cause(ctx), LEAT_TIMEOUT);
    cr_assert_eq(leat_ctx_left(ctx), 0);
    leat_ctx_free(ctx);
}

Test(ctx, left_is_the_time_until_the_deadline)
{
    leat_ctx *ctx = leat_ctx_root(HOUR);
    leat_ctx *child = leat_ctx_new(ctx, HOUR / 2);
    leat_duration left = leat_ctx_left(child);
    cr_assert_gt(left, HOUR / 2 - PATIENCE);
    cr_assert_leq(left, HOUR / 2);
    cr_assert_leq(leat_ctx_left(child), left, "it runs backwards");
    cr_assert_gt(leat_ctx_left(ctx), HOUR / 2);
    leat_ctx_free(child);
    leat_ctx_free(ctx);
}

Test(ctx, huge_timeouts_do_not_overflow)
{
    const leat_duration huge[] = {INT64_MAX, INT64_MAX - 1, INT64_MAX / 2};
    for (size_t i = 0; i < 3; i++) {
        leat_ctx *ctx = leat_ctx_root(huge[i]);
        leat_ctx *child = leat_ctx_new(ctx, INT64_MAX);
        cr_assert_gt(leat_ctx_left(ctx), 1000 * HOUR, "case %zu", i);
        cr_assert_gt(leat_ctx_left(child), 1000 * HOUR, "case %zu", i);
        cr_assert_eq(wait_says(child), LEAT_OK, "case %zu", i);
        struct call sleep = {.ctx = child, .duration = INT64_MAX};
        start(&sleep, call_sleep);
        cr_assert(blocked(ctx, 1), "case %zu", i);
        leat_ctx_cancel(ctx, 0);
        cr_assert_eq(finish(&sleep), LEAT_CANCELED, "case %zu", i);
        leat_ctx_free(child);
        leat_ctx_free(ctx);
    }
}

Test(ctx, sleep_lasts_as_long_as_it_was_asked_to)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    int64_t begin = now();
    cr_assert_eq(leat_sleep(ctx, 3 * LEAT_MS), LEAT_OK);
    cr_assert_geq(now() - begin, 3 * LEAT_MS);
    begin = now();
    cr_assert_eq(leat_sleep(ctx, 0), LEAT_OK);
    cr_assert_eq(leat_sleep(ctx, -HOUR), LEAT_OK);
    cr_assert_eq(leat_sleep(ctx, INT64_MIN), LEAT_OK);
    cr_assert_lt(now() - begin, PATIENCE / 2);
    leat_ctx_free(ctx);
}

Test(ctx, sleep_ends_with_its_context)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    leat_ctx *brief = leat_ctx_new(ctx, 2 * LEAT_MS);
    cr_assert_eq(leat_sleep(brief, HOUR), LEAT_TIMEOUT);
    cr_assert_eq(leat_sleep(brief, HOUR), LEAT_TIMEOUT);
    struct call sleep = {.ctx = ctx, .duration = HOUR};
    start(&sleep, call_sleep);
    cr_assert(blocked(ctx, 1));
    leat_ctx_cancel(ctx, 3);
    cr_assert_eq(finish(&sleep), LEAT_CANCELED);
    cr_assert_eq(leat_sleep(ctx, HOUR), LEAT_CANCELED);
    leat_ctx_free(brief);
    leat_ctx_free(ctx);
}

Test(ctx, cancel_wakes_everybody_below_and_nobody_else)
{
    enum { BELOW = 6 };
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    leat_ctx *parent = leat_ctx_new(ctx, 0), *child = leat_ctx_new(parent, 0);
    struct call below[BELOW], other = {.ctx = ctx, .duration = HOUR};
    start(&other, call_sleep);
    for (int i = 0; i < BELOW; i++) {
        below[i] =
            (struct call){.ctx = i % 2 ? parent : child, .duration = HOUR};
        start(&below[i], call_sleep);
    }
    cr_assert(blocked(ctx, BELOW + 1));
    leat_ctx_cancel(parent, 1);
    for (int i = 0; i < BELOW; i++)
        cr_assert_eq(finish(&below[i]), LEAT_CANCELED, "sleeper %d", i);
    cr_assert(blocked(ctx, 1));
    leat_ctx_cancel(ctx, 2);
    cr_assert_eq(finish(&other), LEAT_CANCELED);
    leat_ctx_free(child);
    leat_ctx_free(parent);
    leat_ctx_free(ctx);
}

Test(ctx, free_is_no_cancel)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    leat_ctx *parent = leat_ctx_new(ctx, 0), *child = leat_ctx_new(parent, 0);
    leat_ctx_free(parent);
    cr_assert_eq(leat_ctx_cause(child), LEAT_OK);
    cr_assert_eq(leat_ctx_cause(ctx), LEAT_OK);
    leat_ctx_free(ctx);
    cr_assert_eq(leat_ctx_cause(child), LEAT_OK);
    cr_assert_eq(wait_says(child), LEAT_OK);
    leat_ctx_free(child);
}

Test(ctx, handles_are_given_back_in_any_order)
{
    const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                              {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (int i = 0; i < 6; i++) {
        leat_ctx *all[3] = {leat_ctx_root(PATIENCE)};
        all[1] = leat_ctx_new(all[0], 0);
        all[2] = leat_ctx_new(all[1], 0);
        bool freed[3] = {false};
        for (int step = 0; step < 3; step++) {
            leat_ctx_free(all[orders[i][step]]);
            freed[orders[i][step]] = true;
            for (int other = 0; other < 3; other++)
                if (!freed[other])
                    cr_assert_eq(leat_ctx_cause(all[other]), LEAT_OK,
                                 "order %d, step %d", i, step);
        }
    }
}

Test(ctx, a_cancel_reaches_a_child_whose_parent_was_given_back)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    leat_ctx *parent = leat_ctx_new(ctx, 0);
    leat_ctx *child = leat_ctx_new(parent, 0), *twin = leat_ctx_new(parent, 0);
    leat_ctx *deep = leat_ctx_new(child, 0);
    leat_ctx_free(parent);
    struct call sleep = {.ctx = deep, .duration = HOUR};
    start(&sleep, call_sleep);
    cr_assert(blocked(ctx, 1), "a child stays under its grandparents");
    leat_ctx_cancel(ctx, 11);
    cr_assert_eq(finish(&sleep), LEAT_CANCELED);
    cr_assert_eq(leat_ctx_cause(child), 11);
    cr_assert_eq(leat_ctx_cause(twin), 11);
    leat_ctx_free(ctx);
    cr_assert_eq(leat_ctx_cause(deep), 11);
    leat_ctx_free(child);
    leat_ctx_free(twin);
    leat_ctx_free(deep);
}

Test(ctx, a_cancel_reaches_a_child_past_two_that_were_given_back)
{
    for (int upwards = 0; upwards < 2; upwards++) {
        leat_ctx *ctx = leat_ctx_root(PATIENCE);
        leat_ctx *a = leat_ctx_new(ctx, 0), *b = leat_ctx_new(a, 0);
        leat_ctx *child = leat_ctx_new(b, 0);
        leat_ctx_free(upwards ? b : a);
        leat_ctx_free(upwards ? a : b);
        leat_ctx_cancel(ctx, 12);
        cr_assert_eq(leat_ctx_cause(child), 12, "upwards %d", upwards);
        leat_ctx_free(child);
        leat_ctx_free(ctx);
    }
}

Test(ctx, a_parents_deadline_stays_when_the_parent_is_given_back)
{
    leat_ctx *ctx = leat_ctx_root(3 * LEAT_MS);
    leat_ctx *child = leat_ctx_new(ctx, HOUR);
    leat_ctx_free(ctx);
    cr_assert_leq(leat_ctx_left(child), 3 * LEAT_MS);
    cr_assert_eq(leat_sleep(child, HOUR), LEAT_TIMEOUT);
    leat_ctx_free(child);
}

Test(ctx, thousands_come_and_go_under_one_that_stays)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    for (size_t i = 0; i < scaled(5000); i++) {
        leat_ctx *child = leat_ctx_new(ctx, i % 2 ? 0 : LEAT_S);
        leat_ctx *below = leat_ctx_new(child, 0);
        leat_ctx_free(i % 3 ? child : below);
        leat_ctx_free(i % 3 ? below : child);
    }
    cr_assert_eq(leat_ctx_tasks(ctx, NULL, 0), 0);
    leat_ctx_free(ctx);
}

/* Several threads at one tree. */
struct storm {
    leat_ctx *ctx;
    struct gate *gate;
    int cause, seen;
    pthread_t thread;
};

static void *cancel_when_told(void *arg)
{
    struct storm *storm = arg;
    gate_wait(storm->gate, 1);
    leat_ctx_cancel(storm->ctx, storm->cause);
    storm->seen = leat_ctx_cause(storm->ctx);
    return NULL;
}

Test(ctx, of_causes_at_the_same_time_one_wins_for_everybody)
{
    enum { THREADS = 4 };
    for (size_t round = 0; round < scaled(50); round++) {
        struct gate gate;
        gate_init(&gate);
        leat_ctx *ctx = leat_ctx_root(PATIENCE), *child = leat_ctx_new(ctx, 0);
        struct storm storms[THREADS];
        for (int i = 0; i < THREADS; i++) {
            storms[i] = (struct storm){ctx, &gate, i + 1, 0, 0};
            thread_start(&storms[i].thread, cancel_when_told, &storms[i]);
        }
        gate_open(&gate, 1);
        for (int i = 0; i < THREADS; i++)
            pthread_join(storms[i].thread, NULL);
        int cause = leat_ctx_cause(ctx);
        cr_assert(cause >= 1 && cause <= THREADS, "cause %d", cause);
        cr_assert_eq(leat_ctx_cause(child), cause);
        for (int i = 0; i < THREADS; i++)
            cr_assert_eq(storms[i].seen, cause, "thread %d", i);
        leat_ctx_free(child);
        leat_ctx_free(ctx);
    }
}

static void *grow_until_canceled(void *arg)
{
    struct storm *storm = arg;
    do {
        leat_ctx *child = leat_ctx_new(storm->ctx, 0);
        leat_ctx *below = leat_ctx_new(child, PATIENCE);
        leat_ctx_free(child);
        storm->seen = leat_sleep(below, 1000);
        if (storm->seen == LEAT_CANCELED)
            storm->cause = leat_ctx_cause(below);
        leat_ctx_free(below);
        gate_step(storm->gate);
    } while (storm->seen == LEAT_OK);
    return NULL;
}

Test(ctx, a_tree_that_grows_and_shrinks_is_canceled_whole)
{
    enum { THREADS = 3 };
    for (size_t round = 0; round < scaled(20); round++) {
        struct gate gate;
        gate_init(&gate);
        leat_ctx *ctx = leat_ctx_root(PATIENCE);
        struct storm storms[THREADS];
        for (int i = 0; i < THREADS; i++) {
            storms[i] = (struct storm){ctx, &gate, 0, 0, 0};
            thread_start(&storms[i].thread, grow_until_canceled, &storms[i]);
        }
        gate_wait(&gate, 2 * THREADS);
        leat_ctx_cancel(ctx, 77);
        for (int i = 0; i < THREADS; i++) {
            pthread_join(storms[i].thread, NULL);
            cr_assert_eq(storms[i].seen, LEAT_CANCELED, "thread %d", i);
            cr_assert_eq(storms[i].cause, 77, "thread %d", i);
        }
        leat_ctx_free(ctx);
    }
}
