/* test_watchdog.c - who waits for what is said when it takes too long, and
 * nothing is said as long as anybody can still move.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "harness/ends.h"
#include "support/blocked.h"
#include "support/gate.h"
#include <criterion/criterion.h>
#include <leat/group.h>
#include <leat/pipeline.h>
#include <leat/watchdog.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(watchdog, .timeout = 30);

/* Long enough for three looks, where a false alarm would come. */
#define A_WHILE (150 * LEAT_MS)

static struct bark {
    struct gate done;
    int status;
    char text[8192];
    int64_t at;
} barked;

static leat_ctx *ctx;
static leat_group *group;
static leat_chan *lines, *orders;

static void hear(int status, const char *text, void *arg)
{
    struct bark *bark = arg;
    bark->status = status;
    snprintf(bark->text, sizeof bark->text, "%s", text);
    bark->at = now();
    if (ctx)
        leat_ctx_cancel(ctx, 0);
    gate_open(&bark->done, 1);
}

static leat_watchdog *watch(leat_duration deadline)
{
    gate_init(&barked.done);
    leat_watchdog *dog = leat_watchdog_begin(&(struct leat_watchdog_options){
        .name = "orders", .ctx = ctx, .deadline = deadline, .bark = hear,
        .arg = &barked});
    cr_assert_not_null(dog);
    return dog;
}

static void setup(void)
{
    ctx = leat_ctx_root(PATIENCE);
    lines = leat_chan_new("lines", LEAT_TYPE(int), 2);
    orders = leat_chan_new("orders", LEAT_TYPE(int), 2);
    group = leat_group_new(ctx);
}

static void teardown(void)
{
    leat_chan_free(lines);
    leat_chan_free(orders);
    leat_ctx_free(ctx);
}

#define IT_SAYS(part)                                                          \
    cr_assert(strstr(barked.text, part), "it says: %s", barked.text)

static int reads_and_forgets_to_close(leat_ctx *task, void *arg)
{
    for (int i = 0; i < 3; i++)
        if (leat_send(task, lines, &i) != LEAT_OK)
            return LEAT_FATAL;
    return LEAT_OK;
}

static int parses(leat_ctx *task, void *arg)
{
    int line, status;
    while ((status = leat_recv(task, lines, &line)) == LEAT_OK)
        ;
    return status == LEAT_CLOSED ? LEAT_OK : status;
}

Test(watchdog, a_channel_that_nobody_closed_is_named_long_before_the_deadline,
     .init = setup, .fini = teardown)
{
    leat_watchdog *dog = watch(PATIENCE);
    leat_go(group, "read", reads_and_forgets_to_close, NULL);
    leat_go(group, "parse", parses, NULL);
    cr_assert_eq(leat_group_wait(group, NULL), LEAT_CANCELED);
    cr_assert_eq(leat_watchdog_end(dog), LEAT_EXIT_DEADLOCK);
    IT_SAYS("orders: a deadlock: all wait, and there is nobody left to wake");
    IT_SAYS("  read has ended\n");
    IT_SAYS("  parse waits to receive on 'lines' (0/2), which nobody closed; for ");
    IT_SAYS("  parse: called from parses (test_watchdog.c:");
    cr_assert_lt(strstr(barked.text, "read has"), strstr(barked.text, "parse"));
}

static int sends_before_it_receives(leat_ctx *task, void *arg)
{
    leat_chan *to = arg, *from = to == lines ? orders : lines;
    int status, item = 0;
    for (int i = 0; i < 3; i++)
        if ((status = leat_send(task, to, &item)) != LEAT_OK)
            return status;
    return leat_recv(task, from, &item);
}

Test(watchdog, two_who_send_to_each_other_are_both_named, .init = setup,
     .fini = teardown)
{
    leat_watchdog *dog = watch(PATIENCE);
    leat_go(group, "left", sends_before_it_receives, lines);
    leat_go(group, "right", sends_before_it_receives, orders);
    cr_assert_eq(leat_group_wait(group, NULL), LEAT_CANCELED);
    cr_assert_eq(leat_watchdog_end(dog), LEAT_EXIT_DEADLOCK);
    IT_SAYS("left waits to send on 'lines' (2/2), which nobody receives from");
    IT_SAYS("right waits to send on 'orders' (2/2), which nobody receives from");
}

static int waits_for_either(leat_ctx *task, void *arg)
{
    int item;
    size_t chosen;
    struct leat_case cases[] = {{.recv = lines, .item = &item},
                                {.recv = orders, .item = &item}};
    return leat_select(task, cases, 2, &chosen);
}

Test(watchdog, a_select_that_nobody_serves_is_a_deadlock, .init = setup,
     .fini = teardown)
{
    leat_watchdog *dog = watch(PATIENCE);
    leat_go(group, "merge", waits_for_either, NULL);
    cr_assert_eq(leat_group_wait(group, NULL), LEAT_CANCELED);
    cr_assert_eq(leat_watchdog_end(dog), LEAT_EXIT_DEADLOCK);
    IT_SAYS("merge waits on 2 channels, the first to receive on 'lines' (0/2)");
}

static int reads(leat_ctx *task, const void *in, void *out, void *arg)
{
    int *left = arg;
    return (*left)-- > 0 ? LEAT_OK : LEAT_CLOSED;
}

/* A channel of its own, beside the pipeline's. */
static int asks_for_the_rate(leat_ctx *task, const void *in, void *out,
                             void *arg)
{
    return leat_recv(task, lines, out);
}

static int saves(leat_ctx *task, const void *in, void *out, void *arg)
{
    return LEAT_OK;
}

Test(watchdog, a_stage_that_waits_for_what_nobody_sends_is_named_in_a_pipeline,
     .init = setup, .fini = teardown)
{
    int left = 3;
    struct leat_pipeline pipeline = {.stages = {
        {.name = "read", .fn = reads, .arg = &left, .out = LEAT_TYPE(int)},
        {.name = "price", .fn = asks_for_the_rate, .in = LEAT_TYPE(int),
         .out = LEAT_TYPE(int), .workers = 2},
        {.name = "save", .fn = saves, .in = LEAT_TYPE(int)}}};
    leat_group_wait(group, NULL);
    leat_watchdog *dog = watch(PATIENCE);
    cr_assert_eq(leat_run(ctx, &pipeline, NULL), LEAT_CANCELED);
    cr_assert_eq(leat_watchdog_end(dog), LEAT_EXIT_DEADLOCK);
    IT_SAYS("price waits to receive on 'lines' (0/2), which nobody closed");
    IT_SAYS("price: called from asks_for_the_rate (test_watchdog.c:");
    IT_SAYS("read has ended");
}

/* --- no false alarms --- */

static int naps(leat_ctx *task, void *arg)
{
    int status = leat_sleep(task, A_WHILE);
    leat_close(lines);
    return status;
}

static int computes(leat_ctx *task, void *arg)
{
    for (int64_t end = now() + A_WHILE; now() < end;)
        ;
    leat_close(lines);
    return LEAT_OK;
}

/* In a system call that leat knows nothing of. */
static int is_far_away(leat_ctx *task, void *arg)
{
    nanosleep(&(struct timespec){0, A_WHILE}, NULL);
    leat_close(lines);
    return LEAT_OK;
}

static void all_is_well_beside(leat_task_fn *fn)
{
    leat_watchdog *dog = watch(PATIENCE);
    leat_go(group, "parse", parses, NULL);
    leat_go(group, "read", fn, NULL);
    cr_assert_eq(leat_group_wait(group, NULL), LEAT_OK, "%s", barked.text);
    cr_assert_eq(leat_watchdog_end(dog), LEAT_OK);
}

Test(watchdog, says_nothing_while_a_task_sleeps, .init = setup, .fini = teardown)
{
    all_is_well_beside(naps);
}

Test(watchdog, says_nothing_while_a_task_runs, .init = setup, .fini = teardown)
{
    all_is_well_beside(computes);
}

Test(watchdog, says_nothing_while_a_task_is_in_a_system_call, .init = setup,
     .fini = teardown)
{
    all_is_well_beside(is_far_away);
}

static struct bell {
    pthread_mutex_t lock;
    pthread_cond_t rings;
    bool rung;
} bell = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};

static int waits_for_the_bell(leat_ctx *task, void *arg)
{
    pthread_mutex_lock(&bell.lock);
    while (!bell.rung)
        pthread_cond_wait(&bell.rings, &bell.lock);
    pthread_mutex_unlock(&bell.lock);
    leat_close(lines);
    return LEAT_OK;
}

static void *rings_later(void *arg)
{
    nanosleep(&(struct timespec){0, A_WHILE}, NULL);
    pthread_mutex_lock(&bell.lock);
    bell.rung = true;
    pthread_cond_signal(&bell.rings);
    pthread_mutex_unlock(&bell.lock);
    return NULL;
}

Test(watchdog, says_nothing_while_a_task_waits_for_something_else,
     .init = setup, .fini = teardown)
{
    pthread_t older;
    thread_start(&older, rings_later, NULL);
    all_is_well_beside(waits_for_the_bell);
    pthread_join(older, NULL);
}

static void *closes_later(void *arg)
{
    is_far_away(NULL, arg);
    return NULL;
}

/* Waits for another thread, but not for ever. */
static void *closes_when_nobody_rings(void *arg)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += A_WHILE;
    until.tv_sec += until.tv_nsec / LEAT_S;
    until.tv_nsec %= LEAT_S;
    pthread_mutex_lock(&bell.lock);
    while (pthread_cond_timedwait(&bell.rings, &bell.lock, &until) == 0)
        ;
    pthread_mutex_unlock(&bell.lock);
    leat_close(lines);
    return NULL;
}

static void all_is_well_beside_a_thread(void *(*fn)(void *))
{
    pthread_t thread;
    leat_watchdog *dog = watch(PATIENCE);
    leat_go(group, "parse", parses, NULL);
    thread_start(&thread, fn, NULL);
    cr_assert_eq(leat_group_wait(group, NULL), LEAT_OK, "%s", barked.text);
    pthread_join(thread, NULL);
    cr_assert_eq(leat_watchdog_end(dog), LEAT_OK);
}

Test(watchdog, says_nothing_while_a_thread_of_no_group_may_come, .init = setup,
     .fini = teardown)
{
    all_is_well_beside_a_thread(closes_later);
}

Test(watchdog, says_nothing_while_a_thread_of_no_group_may_give_up,
     .init = setup, .fini = teardown)
{
    all_is_well_beside_a_thread(closes_when_nobody_rings);
}

Test(watchdog, says_nothing_while_who_began_it_may_come, .init = setup,
     .fini = teardown)
{
    leat_watchdog *dog = watch(PATIENCE);
    leat_go(group, "parse", parses, NULL);
    is_far_away(NULL, NULL);
    cr_assert_eq(leat_group_wait(group, NULL), LEAT_OK, "%s", barked.text);
    cr_assert_eq(leat_watchdog_end(dog), LEAT_OK);
}

static int gives_up_in_time(leat_ctx *task, void *arg)
{
    int line;
    leat_ctx *mine = leat_ctx_new(task, A_WHILE);
    int status = leat_recv(mine, lines, &line);
    leat_ctx_free(mine);
    return status == LEAT_TIMEOUT ? LEAT_OK : LEAT_FATAL;
}

Test(watchdog, says_nothing_of_a_wait_that_ends_by_itself, .init = setup,
     .fini = teardown)
{
    leat_watchdog *dog = watch(PATIENCE);
    leat_go(group, "parse", gives_up_in_time, NULL);
    cr_assert_eq(leat_group_wait(group, NULL), LEAT_OK, "%s", barked.text);
    cr_assert_eq(leat_watchdog_end(dog), LEAT_OK);
}

Test(watchdog, says_nothing_of_a_deadlock_where_it_is_told_so, .init = setup,
     .fini = teardown)
{
    gate_init(&barked.done);
    leat_watchdog *dog = leat_watchdog_begin(&(struct leat_watchdog_options){
        .ctx = ctx, .deadline = A_WHILE, .bark = hear, .arg = &barked,
        .no_deadlock = true});
    leat_go(group, "parse", parses, NULL);
    cr_assert_eq(leat_group_wait(group, NULL), LEAT_CANCELED);
    cr_assert_eq(leat_watchdog_end(dog), LEAT_EXIT_LATE);
}

/* --- the deadline --- */

static struct gate loop;

static int loops(leat_ctx *task, void *arg)
{
    gate_wait(&loop, 1);
    leat_close(lines);
    return LEAT_OK;
}

Test(watchdog, after_the_deadline_tells_who_runs_and_who_waits, .init = setup,
     .fini = teardown)
{
    gate_init(&loop);
    leat_go(group, "read", loops, NULL);
    leat_go(group, "parse", parses, NULL);
    cr_assert(blocked(ctx, 1));
    leat_watchdog *dog = watch(LEAT_MS);
    gate_wait(&barked.done, 1);
    gate_open(&loop, 1);
    leat_group_wait(group, NULL);
    cr_assert_eq(leat_watchdog_end(dog), LEAT_EXIT_LATE);
    IT_SAYS("orders: not ended after ");
    IT_SAYS("  read runs; for ");
    IT_SAYS("  parse waits to receive on 'lines' (0/2); for ");
    IT_SAYS("parse: called from parses (test_watchdog.c:");
    cr_assert_null(strstr(barked.text, "deadlock"));
}

/* --- in a child, whose end is the question --- */

static void waits_for_nobody(void)
{
    setup();
    leat_watchdog_begin(&(struct leat_watchdog_options){
        .name = "child", .ctx = ctx, .deadline = PATIENCE});
    leat_go(group, "parse", parses, NULL);
    leat_group_wait(group, NULL);
}

Test(watchdog, ends_a_deadlocked_process_with_a_status_of_its_own)
{
    char text[4096];
    int status = how_it_ends(waits_for_nobody, text, sizeof text);
    cr_assert(ended_with(status, LEAT_EXIT_DEADLOCK), "%s", text);
    cr_assert(strstr(text, "child: a deadlock"), "%s", text);
    cr_assert(strstr(text, "parse: called from parses (test_w"), "%s", text);
}

static void loops_for_ever(void)
{
    leat_watchdog_begin(
        &(struct leat_watchdog_options){.name = "child", .deadline = LEAT_MS});
    for (;;)
        look_again();
}

Test(watchdog, ends_a_late_process_with_another_and_needs_no_context)
{
    char text[4096];
    int status = how_it_ends(loops_for_ever, text, sizeof text);
    cr_assert(ended_with(status, LEAT_EXIT_LATE), "%s", text);
    cr_assert(strstr(text, "child: not ended after "), "%s", text);
    cr_assert(strstr(text, "\n  thread "), "%s", text);
}

Test(watchdog, refuses_what_makes_no_sense)
{
    cr_assert_null(leat_watchdog_begin(NULL));
    cr_assert_null(leat_watchdog_begin(&(struct leat_watchdog_options){0}));
    cr_assert_eq(leat_watchdog_end(NULL), LEAT_INVALID);
    cr_assert_eq(leat_who_waits(NULL, NULL, 0), 0);
}

Test(watchdog, a_line_is_only_told_where_it_is_known)
{
    char text[256];
    leat_where(NULL, text, sizeof text);
    cr_assert(strstr(text, "nothing is known"), "%s", text);
    leat_where((const char *)(uintptr_t)getenv + 1, text, sizeof text);
    cr_assert(strstr(text, "getenv"), "%s", text);
}

Test(watchdog, who_waits_is_told_at_any_time, .init = setup, .fini = teardown)
{
    char text[512], little[8];
    leat_go(group, "parse", parses, NULL);
    cr_assert(blocked(ctx, 1));
    size_t length = leat_who_waits(ctx, text, sizeof text);
    cr_assert_eq(length, strlen(text));
    cr_assert(strstr(text, "parse waits to receive on 'lines' (0/2); for "),
              "%s", text);
    cr_assert_geq(leat_who_waits(ctx, little, sizeof little), length - 8);
    cr_assert_eq(strlen(little), 7);
    leat_close(lines);
    cr_assert_eq(leat_group_wait(group, NULL), LEAT_OK);
}
