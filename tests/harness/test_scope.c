/* test_scope.c - what a test leaves behind is named, and the right one blamed.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* pthread_setname_np */
#include "support/gate.h"
#include <criterion/criterion.h>
#include <fcntl.h>
#include <leat/fault_libc.h>
#include <leat/group.h>
#include <leat/scope.h>
#include <leat/status.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

TestSuite(scope, .timeout = 30);

static struct leat_scope_report report;
static struct gate gate;
static const struct leat_scope_options hasty = {.patience = 20 * LEAT_MS};

#define SAYS(part)                                                             \
    cr_assert(strstr(report.text, part), "it says: %s", report.text)

static void *waits_for_the_gate(void *arg)
{
    gate_step(&gate);
    gate_wait(&gate, 2);
    return arg;
}

static pthread_t start_thread(void)
{
    pthread_t thread;
    gate_init(&gate);
    cr_assert_eq(pthread_create(&thread, NULL, waits_for_the_gate, NULL), 0);
    pthread_setname_np(thread, "forgotten");
    gate_wait(&gate, 1);
    return thread;
}

static void end_thread(pthread_t thread)
{
    gate_open(&gate, 2);
    pthread_join(thread, NULL);
}

static int task(leat_ctx *ctx, void *arg)
{
    return leat_sleep(ctx, LEAT_MS);
}

Test(scope, a_clean_test_leaves_nothing)
{
    leat_scope *scope = leat_scope_begin("clean", NULL);
    leat_ctx *ctx = leat_ctx_root(20 * LEAT_S);
    leat_group *group = leat_group_new(ctx);
    for (int i = 0; i < 4; i++)
        leat_go(group, "task", task, NULL);
    cr_assert_eq(leat_group_wait(group, NULL), LEAT_OK);
    leat_ctx_free(ctx);
    close(open("/dev/null", O_RDONLY));
    free(calloc(1, 100000));
    cr_assert_eq(leat_scope_end(scope, &report), 0, "%s", report.text);
    cr_assert_eq(report.threads, 0);
    cr_assert_eq(report.descriptors, 0);
}

Test(scope, a_thread_left_running_is_named)
{
    leat_scope *scope = leat_scope_begin("orders", &hasty);
    pthread_t thread = start_thread();
    cr_assert_eq(leat_scope_end(scope, &report), 1);
    cr_assert_eq(report.threads, 1);
    SAYS("orders: left a thread running: 'forgotten'");
    end_thread(thread);
}

Test(scope, what_an_earlier_one_has_left_is_not_blamed_on_the_next)
{
    int fd = open("/dev/null", O_RDONLY);
    pthread_t thread = start_thread();
    leat_scope *scope = leat_scope_begin("next", &hasty);
    cr_assert_eq(leat_scope_end(scope, &report), 0, "%s", report.text);
    end_thread(thread);
    close(fd);
}

Test(scope, a_thread_on_its_way_out_gets_its_time)
{
    leat_scope *scope = leat_scope_begin("slow", NULL);
    pthread_t thread = start_thread();
    pthread_detach(thread);
    gate_open(&gate, 2);
    cr_assert_eq(leat_scope_end(scope, &report), 0, "%s", report.text);
}

Test(scope, a_descriptor_left_open_is_named_by_what_it_leads_to)
{
    leat_scope *scope = leat_scope_begin("orders", NULL);
    int fd = open("/dev/zero", O_RDONLY);
    cr_assert_eq(leat_scope_end(scope, &report), 1);
    cr_assert_eq(report.descriptors, 1);
    SAYS("orders: left a descriptor open:");
    SAYS("/dev/zero");
    close(fd);
}

Test(scope, a_descriptor_in_the_place_of_another_is_seen)
{
    int before = open("/dev/zero", O_RDONLY);
    leat_scope *scope = leat_scope_begin("orders", NULL);
    close(before);
    int fd = open("/dev/null", O_RDONLY);
    cr_assert_eq(fd, before);
    cr_assert_eq(leat_scope_end(scope, &report), 1);
    SAYS("/dev/null");
    close(fd);
}

static long alive;

static long count(void *arg)
{
    return *(long *)arg;
}

Test(scope, items_left_alive_and_items_released_twice_are_counted)
{
    const struct leat_scope_options options = {.items = count, .arg = &alive};
    leat_scope *scope = leat_scope_begin("orders", &options);
    alive += 3;
    cr_assert_eq(leat_scope_end(scope, &report), 1);
    cr_assert_eq(report.items, 3);
    SAYS("orders: left 3 items alive");
    scope = leat_scope_begin("orders", &options);
    alive -= 1;
    cr_assert_eq(leat_scope_end(scope, &report), 1);
    SAYS("orders: released 1 items more than it made");
    scope = leat_scope_begin("orders", &options);
    cr_assert_eq(leat_scope_end(scope, &report), 0);
}

/* Under another allocator it must say that it does not know. */
Test(scope, memory_left_is_measured_or_unknown_aloud)
{
    enum { BLOCKS = 2000, SIZE = 40 };
    char *blocks[BLOCKS];
    leat_scope *scope = leat_scope_begin("orders", NULL);
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = malloc(SIZE);
    int left = leat_scope_end(scope, &report);
    if (report.heap == LEAT_SCOPE_UNKNOWN) {
        cr_assert_eq(left, 0);
        SAYS("orders: memory: unknown");
    } else {
        cr_assert_eq(left, 1, "%s", report.text);
        cr_assert_geq(report.heap, BLOCKS * SIZE);
        cr_assert_leq(report.heap, 2 * BLOCKS * SIZE);
        SAYS("bytes of memory allocated");
    }
    scope = leat_scope_begin("mixed", NULL);
    for (int i = 0; i < BLOCKS; i++) /* the caches fill and empty */
        free(blocks[i]);
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = malloc(SIZE);
    cr_assert_eq(leat_scope_end(scope, &report), 0, "%s", report.text);
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);
}

/* Natively this is 200 kB in the thread's cache, which is nobody's leak. */
Test(scope, what_was_freed_is_not_left_even_where_the_allocator_keeps_it)
{
    enum { SIZES = 64, EACH = 7 };
    const struct leat_scope_options fine = {.heap = 8192}; /* the runner's */
    void *blocks[SIZES][EACH];
    leat_scope *scope = leat_scope_begin("cache", &fine);
    for (size_t i = 0; i < SIZES; i++)
        for (size_t j = 0; j < EACH; j++)
            blocks[i][j] = malloc(24 + 16 * i);
    for (size_t i = 0; i < SIZES; i++)
        for (size_t j = 0; j < EACH; j++)
            free(blocks[i][j]);
    cr_assert_eq(leat_scope_end(scope, &report), 0, "%s", report.text);
    scope = leat_scope_begin("one block", &fine);
    void *block = malloc(10000);
    int left = leat_scope_end(scope, &report);
    cr_assert(report.heap == LEAT_SCOPE_UNKNOWN ||
              (left == 1 && report.heap >= 10000), "%s", report.text);
    free(block);
}

Test(scope, what_the_threads_of_a_pool_have_freed_is_not_left)
{
    leat_scope *scope = leat_scope_begin("pool", NULL);
    for (int round = 0; round < 3; round++) {
        leat_ctx *ctx = leat_ctx_root(20 * LEAT_S);
        leat_group *group = leat_group_new(ctx);
        for (int i = 0; i < 8; i++)
            leat_go(group, "task", task, NULL);
        cr_assert_eq(leat_group_wait(group, NULL), LEAT_OK);
        leat_ctx_free(ctx);
    }
    cr_assert_eq(leat_scope_end(scope, &report), 0, "%s", report.text);
}

Test(scope, no_items_function_is_unknown_and_no_scope_is_no_success)
{
    leat_scope *scope = leat_scope_begin(NULL, NULL);
    cr_assert_eq(leat_scope_end(scope, &report), 0);
    cr_assert_eq(report.items, LEAT_SCOPE_UNKNOWN);
    SAYS("items: unknown: no function counts them");
    cr_assert_eq(leat_scope_end(NULL, &report), LEAT_INVALID);
}

Test(scope, without_a_report_what_is_left_goes_to_standard_error)
{
    char line[256] = "";
    int ends[2], error = dup(STDERR_FILENO);
    cr_assert_eq(pipe(ends), 0);
    leat_scope *scope = leat_scope_begin("loud", NULL);
    int fd = open("/dev/zero", O_RDONLY);
    dup2(ends[1], STDERR_FILENO);
    int left = leat_scope_end(scope, NULL);
    dup2(error, STDERR_FILENO);
    close(ends[1]);
    cr_assert_gt(read(ends[0], line, sizeof line - 1), 0);
    cr_assert_eq(left, 1);
    cr_assert(strstr(line, "loud: left a descriptor open"), "%s", line);
    close(ends[0]), close(error), close(fd);
}

Test(scope, no_memory_is_no_scope)
{
    leat_fault_libc_begin(&(struct leat_fault_libc){.calls = LEAT_LIBC_CALLOC,
                                                    .nth = 1});
    leat_scope *scope = leat_scope_begin("none", NULL);
    leat_fault_libc_end(NULL);
    cr_assert_null(scope);
}

/* For lack of descriptors, then of memory. */
Test(scope, what_cannot_be_listed_is_unknown_and_said_to_be)
{
    struct rlimit before, none;
    leat_scope *scope = leat_scope_begin("blind", &hasty);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    int left = leat_scope_end(scope, &report);
    setrlimit(RLIMIT_NOFILE, &before);
    cr_assert_eq(left, 0, "%s", report.text);
    cr_assert_eq(report.threads, LEAT_SCOPE_UNKNOWN);
    cr_assert_eq(report.descriptors, LEAT_SCOPE_UNKNOWN);
    SAYS("blind: threads: unknown");
    SAYS("blind: descriptors: unknown");

    leat_fault_libc_begin(&(struct leat_fault_libc){.calls = LEAT_LIBC_REALLOC,
                                                    .nth = 1});
    scope = leat_scope_begin("poor", &hasty);
    leat_fault_libc_end(NULL);
    cr_assert_eq(leat_scope_end(scope, &report), 0, "%s", report.text);
    SAYS("poor: threads: unknown");
}
