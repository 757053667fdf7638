/* test_group.c - threads that end together.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/blocked.h"
#include "support/gate.h"
#include "support/scale.h"
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <leat/flow.h>
#include <leat/group.h>
#include <stdatomic.h>
#include <string.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

TestSuite(group, .timeout = 30);

static leat_ctx *ctx;

static void setup(void)
{
    ctx = leat_ctx_root(PATIENCE);
}

static void teardown(void)
{
    leat_ctx_free(ctx);
}

/* What a task is told to do, and what it saw. */
struct job {
    leat_group *group;
    leat_chan *ch;
    struct gate gate;
    int result;        /* what it returns */
    int waited, cause; /* how its wait ended; why its context did */
    atomic_uint *runs;
};

static int returns(leat_ctx *task, void *arg)
{
    struct job *job = arg;
    if (job->runs)
        atomic_fetch_add(job->runs, 1);
    return job->result;
}

static int returns_when_told(leat_ctx *task, void *arg)
{
    struct job *job = arg;
    gate_wait(&job->gate, 1);
    return job->result;
}

/* Until its context ends; then returns what the wait said. */
static int waits(leat_ctx *task, void *arg)
{
    struct job *job = arg;
    job->waited = leat_sleep(task, 1000 * LEAT_S);
    job->cause = leat_ctx_cause(task);
    return job->waited;
}

/* The same, but says what it was told to. */
static int waits_and_returns(leat_ctx *task, void *arg)
{
    struct job *job = arg;
    waits(task, arg);
    return job->result;
}

Test(group, null_is_refused_and_never_a_crash, .init = setup,
     .fini = teardown)
{
    struct job job = {0};
    cr_assert_null(leat_group_new(NULL));
    cr_assert_eq(leat_go(NULL, "x", returns, &job), LEAT_INVALID);
    cr_assert_eq(leat_group_wait(NULL, NULL), LEAT_INVALID);
    struct leat_error why;
    cr_assert_eq(leat_group_wait(NULL, &why), LEAT_INVALID);
    cr_assert_eq(leat_go(leat_group_new(NULL), "x", returns, &job),
                 LEAT_INVALID);
}

Test(group, without_tasks_ends_at_once, .init = setup, .fini = teardown)
{
    struct leat_error why = {.status = 7, .stage = "x"};
    cr_assert_eq(leat_group_wait(leat_group_new(ctx), &why), LEAT_OK);
    cr_assert_eq(why.status, LEAT_OK);
    cr_assert_str_eq(why.message, "");
    cr_assert_eq(leat_ctx_cause(ctx), LEAT_OK);
}

Test(group, wait_returns_when_every_task_has_ended, .init = setup,
     .fini = teardown)
{
    atomic_uint runs = 0;
    struct job job = {.runs = &runs};
    leat_group *group = leat_group_new(ctx);
    unsigned count = (unsigned)scaled(40);
    for (unsigned i = 0; i < count; i++)
        cr_assert_eq(leat_go(group, "one of many", returns, &job), LEAT_OK);
    struct leat_error why;
    cr_assert_eq(leat_group_wait(group, &why), LEAT_OK);
    cr_assert_eq(why.status, LEAT_OK);
    cr_assert_eq(runs, count);
}

Test(group, the_first_failure_cancels_the_rest_and_is_told, .init = setup,
     .fini = teardown)
{
    struct job bad = {.result = EIO}, good = {0}, others[3] = {{0}};
    gate_init(&bad.gate);
    leat_group *group = leat_group_new(ctx);
    const char *name = "reader";
    leat_go(group, "fine", returns, &good);
    leat_go(group, "waits", waits, &others[0]);
    leat_go(group, name, returns_when_told, &bad);
    leat_go(group, "waits", waits, &others[1]);
    leat_go(group, "waits", waits_and_returns, &others[2]);
    cr_assert(blocked(ctx, 3), "a task that ended well cancels nobody");
    gate_open(&bad.gate, 1);
    struct leat_error why;
    cr_assert_eq(leat_group_wait(group, &why), EIO);
    cr_assert_eq(why.status, EIO);
    cr_assert_str_eq(why.stage, "reader");
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(others[i].waited, LEAT_CANCELED, "task %d", i);
        cr_assert_eq(others[i].cause, EIO, "task %d", i);
    }
    cr_assert_eq(leat_ctx_cause(ctx), LEAT_OK, "the user's context lives");
}

Test(group, a_later_failure_does_not_replace_the_first, .init = setup,
     .fini = teardown)
{
    struct job first = {.result = EIO}, later = {.result = EPERM};
    leat_group *group = leat_group_new(ctx);
    leat_go(group, "later", waits_and_returns, &later);
    cr_assert(blocked(ctx, 1));
    leat_go(group, "first", returns, &first);
    struct leat_error why;
    cr_assert_eq(leat_group_wait(group, &why), EIO);
    cr_assert_str_eq(why.stage, "first");
}

Test(group, a_negative_status_is_a_failure_too, .init = setup,
     .fini = teardown)
{
    const int statuses[] = {LEAT_CLOSED, LEAT_CANCELED, LEAT_TIMEOUT,
                            LEAT_SKIP, LEAT_FATAL};
    for (size_t i = 0; i < 5; i++) {
        struct job job = {.result = statuses[i]}, other = {0};
        leat_group *group = leat_group_new(ctx);
        leat_go(group, "other", waits, &other);
        leat_go(group, "job", returns, &job);
        cr_assert_eq(leat_group_wait(group, NULL), statuses[i]);
        cr_assert_eq(other.waited, LEAT_CANCELED, "status %d", statuses[i]);
        cr_assert_eq(other.cause, statuses[i]);
    }
}

/* The task that only repeats that the context has ended comes first; the real
 * failure comes after. */
Test(group, a_canceled_task_does_not_hide_the_real_failure, .init = setup,
     .fini = teardown)
{
    const int repeats[] = {LEAT_CANCELED, LEAT_TIMEOUT};
    for (int i = 0; i < 2; i++) {
        leat_ctx *child = leat_ctx_new(ctx, repeats[i] == LEAT_TIMEOUT
                                                ? 2 * LEAT_MS : 0);
        struct job weak = {0}, real = {.result = EIO};
        gate_init(&real.gate);
        leat_group *group = leat_group_new(child);
        leat_go(group, "weak", waits, &weak);
        leat_go(group, "real", returns_when_told, &real);
        if (repeats[i] == LEAT_CANCELED)
            leat_ctx_cancel(child, 0);
        struct leat_task tasks[2];
        int64_t end = now() + PATIENCE;
        do
            cr_assert_eq(leat_ctx_tasks(child, tasks, 2), 2);
        while (tasks[0].state != LEAT_TASK_ENDED &&
               tasks[1].state != LEAT_TASK_ENDED && now() < end);
        gate_open(&real.gate, 1);
        struct leat_error why;
        cr_assert_eq(leat_group_wait(group, &why), EIO, "after %d",
                     repeats[i]);
        cr_assert_str_eq(why.stage, "real");
        cr_assert_eq(weak.waited, repeats[i]);
        leat_ctx_free(child);
    }
}

Test(group, ends_with_the_context_it_was_made_under, .init = setup,
     .fini = teardown)
{
    struct job one = {0}, two = {0};
    leat_group *group = leat_group_new(ctx);
    leat_go(group, "one", waits, &one);
    leat_go(group, "two", waits, &two);
    leat_ctx_cancel(ctx, 55);
    cr_assert_eq(leat_group_wait(group, NULL), LEAT_CANCELED);
    cr_assert_eq(one.waited, LEAT_CANCELED);
    cr_assert_eq(one.cause, 55);
    cr_assert_eq(two.cause, 55);
}

Test(group, ends_at_the_deadline_it_was_made_under, .init = setup,
     .fini = teardown)
{
    leat_ctx *brief = leat_ctx_new(ctx, 2 * LEAT_MS);
    struct job job = {0};
    leat_group *group = leat_group_new(brief);
    leat_go(group, "job", waits, &job);
    cr_assert_eq(leat_group_wait(group, NULL), LEAT_TIMEOUT);
    cr_assert_eq(job.cause, LEAT_TIMEOUT);
    leat_ctx_free(brief);
}

Test(group, is_fine_when_its_tasks_are_though_its_context_has_ended,
     .init = setup, .fini = teardown)
{
    struct job job = {.result = LEAT_OK};
    leat_group *group = leat_group_new(ctx);
    leat_go(group, "job", waits_and_returns, &job);
    leat_ctx_cancel(ctx, 0);
    cr_assert_eq(leat_group_wait(group, NULL), LEAT_OK);
}

static int starts_more(leat_ctx *task, void *arg)
{
    struct job *job = arg;
    unsigned depth = atomic_fetch_add(job->runs, 1);
    if (depth >= 6)
        return LEAT_OK;
    int status = leat_go(job->group, "deeper", starts_more, arg);
    return status ? status : leat_go(job->group, "leaf", returns, arg);
}

Test(group, a_task_may_start_tasks, .init = setup, .fini = teardown)
{
    atomic_uint runs = 0;
    struct job job = {.runs = &runs, .group = leat_group_new(ctx)};
    cr_assert_eq(leat_go(job.group, "top", starts_more, &job), LEAT_OK);
    cr_assert_eq(leat_group_wait(job.group, NULL), LEAT_OK);
    cr_assert_geq(runs, 7);
}

Test(group, a_refused_start_is_remembered_and_cancels, .init = setup,
     .fini = teardown)
{
    struct job job = {0};
    leat_group *group = leat_group_new(ctx);
    leat_go(group, "job", waits, &job);
    cr_assert_eq(leat_go(group, "nothing", NULL, NULL), LEAT_INVALID);
    cr_assert_eq(leat_group_wait(group, NULL), LEAT_INVALID);
    cr_assert_eq(job.waited, LEAT_CANCELED);
    cr_assert_eq(job.cause, LEAT_INVALID);
}

/* leat_group_wait() ends the group, not the context above it: a second group
 * under the same context is on its own. */
Test(group, two_under_one_context_do_not_disturb_each_other, .init = setup,
     .fini = teardown)
{
    struct job bad = {.result = EIO}, other = {.result = LEAT_OK};
    gate_init(&other.gate);
    leat_group *one = leat_group_new(ctx), *two = leat_group_new(ctx);
    leat_go(two, "other", returns_when_told, &other);
    leat_go(one, "bad", returns, &bad);
    cr_assert_eq(leat_group_wait(one, NULL), EIO);
    gate_open(&other.gate, 1);
    cr_assert_eq(leat_group_wait(two, NULL), LEAT_OK);
}

#ifdef __linux__
static int tells_its_name(leat_ctx *task, void *arg)
{
    return prctl(PR_GET_NAME, arg) == 0 ? LEAT_OK : errno;
}

Test(group, a_tasks_name_goes_to_the_system, .init = setup, .fini = teardown)
{
    const char *const names[][2] = {
        {"short", "short"}, {"longer than the system", "longer than the"}};
    for (int i = 0; i < 2; i++) {
        char seen[17] = "";
        leat_group *group = leat_group_new(ctx);
        leat_go(group, names[i][0], tells_its_name, seen);
        cr_assert_eq(leat_group_wait(group, NULL), LEAT_OK);
        cr_assert_str_eq(seen, names[i][1]);
    }
}
#endif

static int sends_ten(leat_ctx *task, void *arg)
{
    struct job *job = arg;
    int status = LEAT_OK;
    for (int i = 0; i < 10 && status == LEAT_OK; i++)
        status = leat_send(task, job->ch, &i);
    leat_close(job->ch);
    return status;
}

static int receives_all(leat_ctx *task, void *arg)
{
    struct job *job = arg;
    int got, status;
    while ((status = leat_recv(task, job->ch, &got)) == LEAT_OK)
        job->result += got;
    return status == LEAT_CLOSED ? LEAT_OK : status;
}

Test(group, tasks_talk_through_a_channel, .init = setup, .fini = teardown)
{
    struct job job = {.ch = leat_chan_new("c", LEAT_TYPE(int), 0)};
    leat_group *group = leat_group_new(ctx);
    leat_go(group, "send", sends_ten, &job);
    leat_go(group, "recv", receives_all, &job);
    cr_assert_eq(leat_group_wait(group, NULL), LEAT_OK);
    cr_assert_eq(job.result, 45);
    leat_chan_free(job.ch);
}

/* Threads of this process. */
static int threads(void)
{
    DIR *dir = opendir("/proc/self/task");
    int count = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

/* A thread that was joined is still listed for a moment. */
static bool threads_are(int count)
{
    int64_t end = now() + PATIENCE;
    while (threads() != count && now() < end)
        look_again();
    return threads() == count;
}

static void *does_nothing(void *arg)
{
    return arg;
}

/* How many there are without any of the test's: a sanitizer has one of its own
 * once it has seen the first start. */
static int threads_of_others(void)
{
    pthread_t thread;
    thread_start(&thread, does_nothing, NULL);
    pthread_join(thread, NULL);
    int count = threads();
    for (int same = 0; same < 100; same++) {
        look_again();
        if (threads() != count) {
            count = threads();
            same = 0;
        }
    }
    return count;
}

/* Deaf to everything until it is let go; then it uses what it knows, and says
 * by the gate whether that was right: nobody joins it. */
static int is_stuck(leat_ctx *task, void *arg)
{
    struct job *job = arg;
    gate_open(&job->gate, 1);
    gate_wait(&job->gate, 2);
    leat_ctx *child = leat_ctx_new(task, 0);
    bool right = leat_ctx_cause(task) == 3 &&
                 leat_sleep(child, LEAT_S) == LEAT_CANCELED;
    leat_ctx_free(child);
    gate_open(&job->gate, right ? 3 : 4);
    return EIO;
}

Test(group, a_stuck_task_is_left_alone_a_second_after_the_end)
{
    int before = threads_of_others();
    static struct job job; /* it outlives the group, as the header asks */
    gate_init(&job.gate);
    leat_ctx *root = leat_ctx_root(PATIENCE);
    leat_group *group = leat_group_new(root);
    struct job fine = {0};
    leat_go(group, "fine", waits, &fine);
    leat_go(group, "stuck", is_stuck, &job);
    gate_wait(&job.gate, 1);
    int64_t begin = now();
    leat_ctx_cancel(root, 3);
    struct leat_error why;
    cr_assert_eq(leat_group_wait(group, &why), LEAT_ABANDONED);
    cr_assert_geq(now() - begin, LEAT_S);
    cr_assert_lt(now() - begin, PATIENCE);
    cr_assert_eq(why.status, LEAT_ABANDONED);
    cr_assert_str_eq(why.stage, "stuck");
    cr_assert_eq(fine.waited, LEAT_CANCELED);
    leat_ctx_free(root);
    cr_assert(threads_are(before + 1), "only the stuck one is left");
    gate_open(&job.gate, 2);
    cr_assert(threads_are(before));
    cr_assert(gate_passed(&job.gate, 3));
    cr_assert(!gate_passed(&job.gate, 4), "its context was not the same");
}

static int makes_zeros(leat_ctx *task, const void *in, void *out, void *arg)
{
    return LEAT_OK;
}

Test(group, a_lost_item_is_told_before_a_failed_task, .init = setup,
     .fini = teardown)
{
    const struct leat_stage source = {"read", makes_zeros,
                                      .out = LEAT_TYPE(int)};
    struct job bad = {.result = EIO};
    struct leat_error why;
    struct leat_item *item;
    leat_group *group = leat_group_new(ctx);
    cr_assert_eq(leat_recv(ctx, leat_generate(group, &source), &item),
                 LEAT_OK);
    leat_go(group, "bad", returns, &bad);
    cr_assert_eq(leat_group_wait(group, &why), LEAT_LOST);
    cr_assert_eq(why.status, LEAT_LOST);
    cr_assert_null(why.stage);
    cr_assert_str_eq(why.message, leat_strstatus(LEAT_LOST));
    leat_item_free(item);
}

Test(group, leaves_no_thread_behind, .init = setup, .fini = teardown)
{
    int before = threads_of_others();
    struct job bad = {.result = EIO}, other[4] = {{0}};
    leat_group *group = leat_group_new(ctx);
    for (int i = 0; i < 4; i++)
        leat_go(group, "other", waits, &other[i]);
    leat_go(group, "bad", returns, &bad);
    leat_group_wait(group, NULL);
    cr_assert(threads_are(before));
}
