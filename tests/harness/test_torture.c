/* test_torture.c - every call that may fail does, once: what is sound passes,
 * each planted bug is found at its point.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "harness/ends.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <leat/fault_libc.h>
#include <leat/group.h>
#include <leat/torture.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

TestSuite(harness_torture, .timeout = 30);

static enum bug {
    NOTHING, NO_CHECK, NO_CLEAN_UP, SAYS_SUCCESS, WAITS_FOR_EVER, WRITES_ONCE,
    LEAVES_IT_OPEN, FAILS_ANYWAY
} bug;

static struct leat_torture_report report;

/* Two blocks and a file. */
struct thing { char *name, *copy; int fd; };

static bool write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t count = write(fd, bytes, size);
        if (count <= 0)
            return false;
        bytes += count;
        size -= (size_t)count;
        if (bug == WRITES_ONCE && size > 0)
            return false;
    }
    return true;
}

/* UBSan would end the process before it dies, and nobody could say where. */
__attribute__((no_sanitize("undefined"))) static char *make_name(void)
{
    char *name = malloc(500);
    if (!name && bug != NO_CHECK)
        return NULL;
    name[0] = 'a';
    name[1] = '\0';
    return name;
}

static void thing_free(struct thing *thing)
{
    if (thing->fd >= 0)
        close(thing->fd);
    free(thing->copy);
    free(thing->name);
}

static int thing_fill(struct thing *thing)
{
    if (!(thing->name = make_name()))
        return ENOMEM;
    if (!(thing->copy = strdup(thing->name)))
        return ENOMEM;
    thing->fd = open("/dev/null", O_WRONLY);
    if (thing->fd < 0)
        return EIO;
    return write_all(thing->fd, "a name", 6) ? 0 : EIO;
}

static int scenario(void *arg)
{
    struct thing thing = {.fd = -1};
    int status = thing_fill(&thing);
    if (status == ENOMEM && bug == NO_CLEAN_UP)
        return status;
    if (status == EIO && bug == LEAVES_IT_OPEN)
        thing.fd = -1;
    if (status == ENOMEM && bug == WAITS_FOR_EVER)
        for (;;)
            nanosleep(&(struct timespec){1, 0}, NULL);
    thing_free(&thing);
    return bug == FAILS_ANYWAY ? 1 : bug == SAYS_SUCCESS ? 0 : status;
}

static int torture(enum bug planted)
{
    bug = planted;
    return leat_torture(&(struct leat_torture){.name = "thing", .fn = scenario,
                                               .limit = 20 * LEAT_S}, &report);
}

#define SAYS(part)                                                             \
    cr_assert(strstr(report.text, part), "it says:\n%s", report.text)

Test(harness_torture, what_is_sound_passes_and_the_points_are_printed)
{
    cr_assert_eq(torture(NOTHING), LEAT_OK, "\n%s", report.text);
    cr_assert_eq(report.points, 4);
    cr_assert_eq(report.runs, 4 + 1, "by halves, too");
    SAYS("thing: 4 points: malloc 1, strdup 1, write 1, open 1\n");
    SAYS("5 runs, each with one failure: 0 crashes, 0 hangs, 0 swallowed, 0 "
         "leaks, 0 short");
}

Test(harness_torture, a_missing_check_is_a_crash_at_its_call)
{
    cr_assert_eq(torture(NO_CHECK), LEAT_PARTIAL);
    cr_assert_eq(report.crashes, 1, "\n%s", report.text);
    SAYS("n=1, malloc in make_name (test_torture.c:");
    SAYS("crash");
}

/* What the tool in use says of it: see leat/scope.h. */
Test(harness_torture, a_missing_clean_up_is_a_leak_where_memory_can_be_measured)
{
    int status = torture(NO_CLEAN_UP);
    if (status == LEAT_OK) /* somebody else's allocator, and nobody to ask */
        return;
    cr_assert_eq(report.leaks, 1, "\n%s", report.text);
    SAYS("n=2, strdup in thing_fill (test_torture.c:");
    SAYS("leak");
}

#if !defined(LEAT_SLOW)
/* To within some tens of bytes, by which the heap may change its shape. */
Test(harness_torture, a_leak_of_half_a_kilobyte_is_measured)
{
    cr_assert_eq(torture(NO_CLEAN_UP), LEAT_PARTIAL);
    SAYS("leak: left ");
    SAYS(" bytes of memory allocated");
}
#endif

Test(harness_torture, a_descriptor_left_open_after_a_failure_is_a_leak)
{
    cr_assert_eq(torture(LEAVES_IT_OPEN), LEAT_PARTIAL);
    cr_assert_eq(report.leaks, 1, "\n%s", report.text);
    SAYS("write in write_all (test_torture.c:");
    SAYS("leak: left a descriptor open:");
}

Test(harness_torture, success_in_spite_of_a_failure_is_an_error_swallowed)
{
    cr_assert_eq(torture(SAYS_SUCCESS), LEAT_PARTIAL);
    cr_assert_eq(report.swallowed, 4, "\n%s", report.text);
    SAYS("swallowed: it says success");
    bug = SAYS_SUCCESS;
    cr_assert_eq(leat_torture(&(struct leat_torture){.fn = scenario,
                                                     .may_succeed = true},
                              &report), LEAT_OK, "\n%s", report.text);
}

Test(harness_torture, a_write_that_is_not_finished_is_found_by_halves)
{
    cr_assert_eq(torture(WRITES_ONCE), LEAT_PARTIAL);
    cr_assert_eq(report.shorts, 1, "\n%s", report.text);
    SAYS("n=1, write in write_all (test_torture.c:");
    SAYS("by halves: short");
}

Test(harness_torture, a_hang_is_ended_and_named)
{
    bug = WAITS_FOR_EVER;
    cr_assert_eq(leat_torture(&(struct leat_torture){
        .fn = scenario, .calls = LEAT_LIBC_MALLOC, .limit = LEAT_S}, &report),
        LEAT_PARTIAL);
    cr_assert_eq(report.hangs, 1, "\n%s", report.text);
    SAYS("n=1, malloc in make_name (test_torture.c:");
    SAYS("): hang");
}

Test(harness_torture, a_scenario_that_fails_without_any_failure_is_refused)
{
    cr_assert_eq(torture(FAILS_ANYWAY), LEAT_PARTIAL);
    SAYS("the clean run is unsound: without any failure it fails");
    cr_assert_eq(report.runs, 0);
}

static int nothing(void *arg)
{
    return 0;
}

Test(harness_torture, no_point_at_all_is_no_success)
{
    cr_assert_eq(leat_torture(NULL, &report), LEAT_INVALID);
    cr_assert_eq(leat_torture(&(struct leat_torture){0}, &report),
                 LEAT_INVALID);
    cr_assert_eq(leat_torture(&(struct leat_torture){.fn = nothing}, &report),
                 LEAT_INVALID);
}

Test(harness_torture, one_point_can_be_tried_alone)
{
    bug = NO_CHECK;
    cr_assert_eq(leat_torture(&(struct leat_torture){.fn = scenario, .nth = 2,
                                                     .calls = LEAT_LIBC_MEMORY},
                              &report), LEAT_OK, "\n%s", report.text);
    cr_assert_eq(report.runs, 1);
}

static int task(leat_ctx *ctx, void *arg)
{
    return LEAT_OK;
}

/* leat itself, with its threads. */
static int two_tasks(void *arg)
{
    leat_ctx *ctx = leat_ctx_root(20 * LEAT_S);
    leat_group *group = leat_group_new(ctx);
    int status;
    leat_go(group, "one", task, NULL);
    leat_go(group, "two", task, NULL);
    status = leat_group_wait(group, NULL);
    leat_ctx_free(ctx);
    return status;
}

Test(harness_torture, threads_of_a_group_that_cannot_start_leave_nothing)
{
    cr_assert_eq(leat_torture(&(struct leat_torture){
        .name = "group", .fn = two_tasks,
        .calls = LEAT_LIBC_MEMORY | LEAT_LIBC_THREAD, .limit = 20 * LEAT_S},
        &report), LEAT_OK, "\n%s", report.text);
    SAYS("pthread_create 2");
}

/* --- what it says of itself --- */

Test(harness_torture, more_points_than_were_asked_for_are_no_success)
{
    bug = NOTHING;
    cr_assert_eq(leat_torture(&(struct leat_torture){
        .fn = scenario, .most = 1, .calls = LEAT_LIBC_MEMORY}, &report),
        LEAT_PARTIAL);
    SAYS("torture: 2 points: ");
    SAYS("more than 1 points: the rest was not tried");
}

static int leaves(void *arg)
{
    char *block = malloc(8);
    if (!block)
        _exit(3);
    free(block);
    return 0;
}

Test(harness_torture, a_process_that_leaves_is_a_crash_with_its_status)
{
    cr_assert_eq(leat_torture(&(struct leat_torture){
        .fn = leaves, .calls = LEAT_LIBC_MALLOC}, &report), LEAT_PARTIAL);
    cr_assert_eq(report.crashes, 1, "\n%s", report.text);
    SAYS("crash: exit status ");
}

static void prints_to_both(void)
{
    struct leat_torture thing = {.fn = scenario, .calls = LEAT_LIBC_MALLOC,
                                 .name = "loud", .out = stderr};
    bug = SAYS_SUCCESS;
    if (leat_torture(&thing, &report) != LEAT_PARTIAL)
        leave(1);
    thing.name = "by itself";
    thing.out = NULL;
    leave(leat_torture(&thing, NULL) == LEAT_PARTIAL ? 7 : 2);
}

Test(harness_torture, the_text_goes_where_it_is_asked_for_or_to_standard_error)
{
    static char text[LEAT_TORTURE_TEXT];
    int status = how_it_ends(prints_to_both, text, sizeof text);
    cr_assert(ended_with(status, 7), "%s", text);
    cr_assert(strstr(text, "loud: 1 points"), "%s", text);
    cr_assert(strstr(text, "by itself: 1 points"), "%s", text);
}

Test(harness_torture, its_own_lack_of_memory_is_no_verdict)
{
    leat_fault_libc_begin(&(struct leat_fault_libc){.calls = LEAT_LIBC_CALLOC,
                                                    .nth = 1});
    int status = leat_torture(&(struct leat_torture){.fn = scenario}, &report);
    leat_fault_libc_end(NULL);
    cr_assert_eq(status, LEAT_NOMEM);
}

Test(harness_torture, a_point_that_does_not_exist_is_not_a_pass)
{
    bug = NOTHING;
    cr_assert_eq(leat_torture(&(struct leat_torture){.name = "thing",
                                                     .fn = scenario, .nth = 99,
                                                     .limit = 20 * LEAT_S},
                              &report),
                 LEAT_INVALID, "\n%s", report.text);
    cr_assert_eq(report.runs, 0);
}
