/* test_ctx_tasks.c - who works and who waits under a context, and that those
 * who wait cost nothing.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/blocked.h"
#include "support/gate.h"
#include "support/scale.h"
#include <criterion/criterion.h>
#include <leat/group.h>
#include <string.h>
#include <sys/resource.h>

TestSuite(ctx_tasks, .timeout = 30);

static leat_ctx *ctx;

static void setup(void)
{
    ctx = leat_ctx_root(PATIENCE);
}

static void teardown(void)
{
    leat_ctx_free(ctx);
}

/* The one task there is, once it waits. */
static struct leat_task the_waiter(void)
{
    struct leat_task task;
    memset(&task, 0xa5, sizeof task);
    cr_assert(blocked(ctx, 1));
    cr_assert_eq(leat_ctx_tasks(ctx, &task, 1), 1);
    cr_assert_eq(task.state, LEAT_TASK_WAITING);
    return task;
}

Test(ctx_tasks, a_parked_receiver_is_listed_with_its_channel, .init = setup,
     .fini = teardown)
{
    leat_chan *ch = leat_chan_new("orders", LEAT_TYPE(int), 4);
    struct call call;
    int item;
    int64_t begin = now();
    start_recv(&call, ctx, ch, &item);
    struct leat_task task = the_waiter();
    int64_t elapsed = now() - begin;
    cr_assert_str_eq(task.name, "", "leat did not start this thread");
    cr_assert_str_eq(task.chan, "orders");
    cr_assert_eq(task.cases, 1);
    cr_assert_eq(task.len, 0);
    cr_assert_eq(task.capacity, 4);
    cr_assert_not(task.sending);
    cr_assert_not(task.closed);
    cr_assert_not_null(task.caller);
    cr_assert_geq(task.since, 0);
    cr_assert_leq(task.since, elapsed);
    leat_close(ch);
    cr_assert_eq(finish(&call), LEAT_CLOSED);
    cr_assert_eq(leat_ctx_tasks(ctx, NULL, 0), 0, "it is gone");
    leat_chan_free(ch);
}

Test(ctx_tasks, a_parked_sender_is_listed_as_one, .init = setup,
     .fini = teardown)
{
    leat_chan *ch = leat_chan_new("full", LEAT_TYPE(int), 2);
    struct call call;
    int item = 3;
    leat_try_send(ch, &item);
    leat_try_send(ch, &item);
    start_send(&call, ctx, ch, &item);
    struct leat_task task = the_waiter();
    cr_assert_str_eq(task.chan, "full");
    cr_assert(task.sending);
    cr_assert_eq(task.len, 2);
    cr_assert_eq(task.capacity, 2);
    leat_close(ch);
    finish(&call);
    leat_chan_free(ch);
}

Test(ctx_tasks, a_select_is_listed_with_its_first_channel_and_their_number,
     .init = setup, .fini = teardown)
{
    leat_chan *a = leat_chan_new("a", LEAT_TYPE(int), 0);
    leat_chan *b = leat_chan_new("b", LEAT_TYPE(int), 3);
    int item = 0;
    struct leat_case cases[] = {{0},
                                {.send = a, .item = &item},
                                {0},
                                {.recv = b, .item = &item},
                                {.recv = a, .item = &item}};
    struct call call;
    start_select(&call, ctx, cases, 5);
    struct leat_task task = the_waiter();
    cr_assert_str_eq(task.chan, "a");
    cr_assert_eq(task.cases, 3);
    cr_assert(task.sending);
    cr_assert_eq(task.capacity, 0);
    leat_ctx_cancel(ctx, 0);
    cr_assert_eq(finish(&call), LEAT_CANCELED);
    leat_chan_free(a);
    leat_chan_free(b);
}

Test(ctx_tasks, a_sleeper_is_listed_without_a_channel, .init = setup,
     .fini = teardown)
{
    struct call call = {.ctx = ctx, .duration = 1000 * LEAT_S};
    start(&call, call_sleep);
    struct leat_task task = the_waiter();
    cr_assert_str_eq(task.chan, "");
    cr_assert_eq(task.cases, 0);
    cr_assert_not_null(task.caller);
    leat_ctx_cancel(ctx, 0);
    finish(&call);
}

/* A code address a little after the start of the function is inside it: the
 * functions of struct call are small, also with every check compiled in. */
Test(ctx_tasks, the_caller_is_the_function_that_waits, .init = setup,
     .fini = teardown)
{
    int (*const fns[])(struct call *) = {call_send,      call_recv,
                                         call_send_many, call_recv_many,
                                         call_select,    call_sleep};
    for (size_t i = 0; i < sizeof fns / sizeof *fns; i++) {
        leat_ctx *child = leat_ctx_new(ctx, 0);
        leat_chan *ch = leat_chan_new("", LEAT_TYPE(int), 0);
        int item = 0;
        struct leat_case one = {.recv = ch, .item = &item};
        struct call call = {.ctx = child, .ch = ch, .item = &item, .count = 1};
        call.cases = &one;
        call.duration = 1000 * LEAT_S;
        start(&call, fns[i]);
        uintptr_t caller = (uintptr_t)the_waiter().caller;
        cr_assert_gt(caller, (uintptr_t)fns[i], "function %zu", i);
        cr_assert_lt(caller - (uintptr_t)fns[i], 4096, "function %zu", i);
        for (size_t other = 0; other < sizeof fns / sizeof *fns; other++) {
            uintptr_t begin = (uintptr_t)fns[other];
            cr_assert(begin <= (uintptr_t)fns[i] || caller < begin,
                      "function %zu is taken for %zu", i, other);
        }
        leat_ctx_cancel(child, 0);
        finish(&call);
        leat_chan_free(ch);
        leat_ctx_free(child);
    }
}

Test(ctx_tasks, names_are_copies_of_at_most_31_bytes, .init = setup,
     .fini = teardown)
{
    char name[] = "0123456789012345678901234567890123456789";
    leat_chan *ch = leat_chan_new(name, LEAT_TYPE(int), 0);
    memset(name, 'x', sizeof name - 1);
    struct call call;
    int item;
    start_recv(&call, ctx, ch, &item);
    struct leat_task task = the_waiter();
    leat_close(ch);
    finish(&call);
    leat_chan_free(ch);
    cr_assert_str_eq(task.chan, "0123456789012345678901234567890");
}

Test(ctx_tasks, a_channel_may_be_nameless, .init = setup, .fini = teardown)
{
    leat_chan *ch = leat_chan_new(NULL, LEAT_TYPE(int), 0);
    struct call call;
    int item;
    start_recv(&call, ctx, ch, &item);
    cr_assert_str_eq(the_waiter().chan, "");
    leat_close(ch);
    finish(&call);
    leat_chan_free(ch);
}

Test(ctx_tasks, more_than_fit_are_counted_and_not_written, .init = setup,
     .fini = teardown)
{
    enum { THREE = 3 };
    leat_chan *ch = leat_chan_new("x", LEAT_TYPE(int), 0);
    struct call calls[THREE];
    int items[THREE];
    for (int i = 0; i < THREE; i++)
        start_recv(&calls[i], ctx, ch, &items[i]);
    cr_assert(blocked(ctx, THREE));
    struct leat_task tasks[THREE + 1], untouched;
    memset(&untouched, 0x5a, sizeof untouched);
    for (size_t room = 0; room <= THREE + 1; room++) {
        memset(tasks, 0x5a, sizeof tasks);
        cr_assert_eq(leat_ctx_tasks(ctx, room ? tasks : NULL, room), THREE,
                     "room %zu", room);
        for (size_t i = 0; i < THREE + 1; i++)
            cr_assert_eq(memcmp(&tasks[i], &untouched, sizeof untouched) == 0,
                         i >= room || i >= THREE, "room %zu, task %zu", room,
                         i);
    }
    leat_close(ch);
    for (int i = 0; i < THREE; i++)
        finish(&calls[i]);
    leat_chan_free(ch);
}

Test(ctx_tasks, a_context_lists_what_is_below_it_and_nothing_beside,
     .init = setup, .fini = teardown)
{
    leat_ctx *child = leat_ctx_new(ctx, 0), *other = leat_ctx_new(ctx, 0);
    leat_ctx *below = leat_ctx_new(child, 0);
    struct call call = {.ctx = below, .duration = 1000 * LEAT_S};
    start(&call, call_sleep);
    cr_assert(blocked(ctx, 1));
    cr_assert_eq(leat_ctx_tasks(child, NULL, 0), 1);
    cr_assert_eq(leat_ctx_tasks(below, NULL, 0), 1);
    cr_assert_eq(leat_ctx_tasks(other, NULL, 0), 0);
    leat_ctx_cancel(child, 0);
    finish(&call);
    leat_ctx_free(below);
    leat_ctx_free(other);
    leat_ctx_free(child);
}

struct work {
    struct gate gate;
    leat_chan *ch;
    int status;
};

static int runs_until_told(leat_ctx *task, void *arg)
{
    struct work *work = arg;
    gate_open(&work->gate, 1);
    gate_wait(&work->gate, 2);
    return work->status;
}

static int waits_for_an_item(leat_ctx *task, void *arg)
{
    struct work *work = arg;
    int item, status = leat_recv(task, work->ch, &item);
    return status == LEAT_CLOSED ? LEAT_OK : status;
}

/* True once the only task of ctx is in that state. */
static bool only_task_is(enum leat_task_state state, struct leat_task *task)
{
    int64_t end = now() + PATIENCE;
    do {
        if (leat_ctx_tasks(ctx, task, 1) == 1 && task->state == state)
            return true;
        look_again();
    } while (now() < end);
    return false;
}

Test(ctx_tasks, a_task_is_listed_from_its_start_until_it_is_waited_for,
     .init = setup, .fini = teardown)
{
    struct work work = {.status = 5};
    gate_init(&work.gate);
    leat_group *group = leat_group_new(ctx);
    cr_assert_eq(leat_ctx_tasks(ctx, NULL, 0), 0);
    char name[] = "worker";
    cr_assert_eq(leat_go(group, name, runs_until_told, &work), LEAT_OK);
    struct leat_task task;
    cr_assert_eq(leat_ctx_tasks(ctx, &task, 1), 1);
    cr_assert_str_eq(task.name, "worker");
    cr_assert_eq(task.state, LEAT_TASK_RUNNING);
    cr_assert_geq(task.since, 0);
    name[0] = 'W';
    gate_open(&work.gate, 2);
    cr_assert(only_task_is(LEAT_TASK_ENDED, &task));
    cr_assert_str_eq(task.name, "worker", "the name was copied");
    cr_assert_eq(task.status, 5);
    cr_assert_geq(task.since, 0);
    cr_assert_eq(leat_group_wait(group, NULL), 5);
    cr_assert_eq(leat_ctx_tasks(ctx, NULL, 0), 0);
}

Test(ctx_tasks, a_task_that_waits_is_listed_once_by_its_name, .init = setup,
     .fini = teardown)
{
    struct work work = {.ch = leat_chan_new("in", LEAT_TYPE(int), 0)};
    leat_group *group = leat_group_new(ctx);
    leat_go(group, "a task with a name of more than 31 bytes",
            waits_for_an_item, &work);
    struct leat_task task = the_waiter();
    cr_assert_str_eq(task.name, "a task with a name of more than");
    cr_assert_str_eq(task.chan, "in");
    leat_close(work.ch);
    cr_assert(only_task_is(LEAT_TASK_ENDED, &task));
    cr_assert_eq(task.status, LEAT_OK);
    cr_assert_eq(leat_group_wait(group, NULL), LEAT_OK);
    leat_chan_free(work.ch);
}

Test(ctx_tasks, who_was_served_is_never_listed_as_one_who_waits_in_vain,
     .init = setup, .fini = teardown)
{
    for (size_t i = scaled(100); i > 0; i--) {
        leat_chan *ch = leat_chan_new("in", LEAT_TYPE(int), 0);
        struct call call;
        int item = 3;
        start_recv(&call, ctx, ch, &item);
        cr_assert_not(the_waiter().woken);
        if (i % 2)
            leat_close(ch);
        else
            cr_assert_eq(leat_try_send(ch, &item), LEAT_OK);
        for (struct leat_task task; leat_ctx_tasks(ctx, &task, 1) > 0;)
            cr_assert(task.woken);
        finish(&call);
        leat_chan_free(ch);
    }
}

Test(ctx_tasks, a_wait_tells_how_long_its_own_context_has_left, .init = setup,
     .fini = teardown)
{
    leat_chan *ch = leat_chan_new("in", LEAT_TYPE(int), 0);
    leat_ctx *child = leat_ctx_new(ctx, PATIENCE / 2);
    struct call call;
    int item;
    start_recv(&call, child, ch, &item);
    struct leat_task task = the_waiter();
    cr_assert_gt(task.left, 0);
    cr_assert_leq(task.left, PATIENCE / 2);
    leat_ctx_cancel(child, 0);
    for (; leat_ctx_tasks(ctx, &task, 1) > 0;)
        cr_assert(task.woken);
    cr_assert_eq(finish(&call), LEAT_CANCELED);
    leat_ctx_free(child);
    leat_chan_free(ch);
}

static leat_duration cpu_time(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * LEAT_S +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * LEAT_US;
}

/* The one test that lets time pass: what it shows is what nothing does in it.
 * A thread that did not park would use as much CPU as there is time. */
Test(ctx_tasks, those_who_are_parked_use_no_cpu, .init = setup,
     .fini = teardown)
{
    enum { EACH = 2 };
    leat_duration span = (leat_duration)scaled(200) * LEAT_MS;
    leat_chan *empty = leat_chan_new("empty", LEAT_TYPE(int), 4);
    leat_chan *nobody = leat_chan_new("nobody", LEAT_TYPE(int), 0);
    struct call calls[3 * EACH + 1];
    struct leat_case cases[EACH][2];
    int items[3 * EACH] = {0};
    for (int i = 0; i < EACH; i++) {
        start_recv(&calls[3 * i], ctx, empty, &items[3 * i]);
        start_send(&calls[3 * i + 1], ctx, nobody, &items[3 * i + 1]);
        cases[i][0] =
            (struct leat_case){.recv = empty, .item = &items[3 * i + 2]};
        cases[i][1] =
            (struct leat_case){.send = nobody, .item = &items[3 * i + 2]};
        start_select(&calls[3 * i + 2], ctx, cases[i], 2);
    }
    calls[3 * EACH] = (struct call){.ctx = ctx, .duration = 1000 * LEAT_S};
    start(&calls[3 * EACH], call_sleep);
    cr_assert(blocked(ctx, 3 * EACH + 1));
    leat_duration before = cpu_time();
    nanosleep(&(struct timespec){span / LEAT_S, span % LEAT_S}, NULL);
    leat_duration used = cpu_time() - before;
    leat_ctx_cancel(ctx, 0);
    for (int i = 0; i < 3 * EACH + 1; i++)
        cr_assert_eq(finish(&calls[i]), LEAT_CANCELED, "call %d", i);
    cr_assert_lt(used, span < 200 * LEAT_MS ? span : span / 10,
                 "%lld us of CPU in %lld us", (long long)(used / LEAT_US),
                 (long long)(span / LEAT_US));
    leat_chan_free(empty);
    leat_chan_free(nobody);
}
