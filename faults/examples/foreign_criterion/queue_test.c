/* queue_test.c - what becomes of the queue's jobs when their handler misbehaves.
 * The glue is faulty_handle(), one call.
 * SPDX-License-Identifier: MIT */
#include "queue.h"
#include <criterion/criterion.h>
#include <leat/fault.h>
#include <leat/harness.h>

TestSuite(queue, .timeout = 30);

enum { JOBS = 21 };

struct test {
    leat_ctx *ctx;
    struct leat_fault *fault;
    int error[JOBS]; /* of each job, written by who handles it */
};

static int faulty_handle(size_t job, void *arg)
{
    struct test *test = arg;

    return test->error[job] = leat_fault_hit(test->ctx, test->fault, job);
}

/* Runs the queue with the fault, and in any case checks that every job has
 * either been done or failed, that those have failed which the fault has hit,
 * and that no thread is left. */
static struct test run(struct leat_fault fault, unsigned workers)
{
    struct test test = {leat_ctx_root(200 * LEAT_MS), &fault, {0}};
    leat_scope *scope = leat_scope_begin("queue", NULL);
    struct queue_result result = queue_run(JOBS, workers, faulty_handle, &test);
    size_t errors = 0;

    for (size_t job = 0; job < JOBS; job++)
        errors += test.error[job] != LEAT_OK;
    leat_ctx_free(test.ctx);
    cr_assert_eq(leat_scope_end(scope, NULL), 0);
    cr_assert_eq(result.done + result.failed, JOBS);
    cr_assert_eq(result.failed, errors);
    cr_assert_gt(leat_fault_hits(&fault), 0, "the fault met no job");
    return test;
}

Test(queue, counts_every_seventh_job_as_failed_whoever_handles_it)
{
    struct leat_fault seventh = {.kind = LEAT_FAULT_ERROR, .every = 7};

    for (unsigned workers = 1; workers <= 5; workers += 4) {
        struct test test = run(seventh, workers);

        for (size_t job = 0; job < JOBS; job++)
            cr_assert_eq(test.error[job] != 0, job % 7 == 0, "job %zu of %u",
                         job, workers);
    }
}

Test(queue, ends_although_a_handler_hangs)
{
    struct leat_fault hang = {.kind = LEAT_FAULT_HANG, .from = 3, .until = 4};
    struct test test = run(hang, 5);

    cr_assert_eq(test.error[3], LEAT_TIMEOUT);
}

Test(queue, waits_for_a_handler_that_is_slow)
{
    struct leat_fault slow = {.kind = LEAT_FAULT_SLOW, .delay = LEAT_MS,
                              .jitter = LEAT_MS, .every = 2, .seed = 1};
    struct test test = run(slow, 5);

    for (size_t job = 0; job < JOBS; job++)
        cr_assert_eq(test.error[job], LEAT_OK);
}
