/* test_audit_laws.c - each law of the audit is broken by a pipeline that does
 * so on purpose, most of them only from its second run on: then the clean run
 * is sound, and what comes after it is not.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "harness/ends.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <leat/array.h>
#include <leat/audit.h>
#include <leat/fault_libc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static enum bug {
    NOTHING, NO_START, LOSES_ONE, SAYS_LOST, FAILS_LATER, SHORTER_LATER,
    ENDS_LATER, NO_BUILD, NO_BUILD_LATER, WRONG_LATER, SKIPS_ALL, NO_RERUN,
    WRONG_RERUN, FAILS_AT_ONCE
} bug;

/* Counted by all processes. */
static struct shared { int builds, clears, heard; } *shared;

static struct leat_audit_report report;

static void setup(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq((void *)shared, MAP_FAILED);
}

static void teardown(void)
{
    munmap(shared, sizeof *shared);
}

TestSuite(audit_laws, .timeout = 30, .init = setup, .fini = teardown);

#define SAYS(part)                                                             \
    cr_assert(strstr(report.text, part), "it says:\n%s", report.text)

/* --- not leat's: all in one thread --- */

static struct leat_counts counts;

static bool is_later(void)
{
    return shared->builds > 1;
}

static int start(leat_audit_run *run, unsigned workers, void *arg)
{
    shared->builds++;
    return bug == NO_START ? LEAT_NOTHREAD : LEAT_OK;
}

static int feed(leat_audit_run *run, uint64_t job, void *arg)
{
    int error = leat_audit_hit(run, "stage 0", job);
    if (!error)
        error = leat_audit_hit(run, "two", job);
    if (bug == FAILS_LATER && is_later() && job == 0)
        error = EIO;
    counts.in += bug != LOSES_ONE || job > 0;
    counts.ok += error == 0 && (bug != LOSES_ONE || job > 0);
    counts.failed += error != 0;
    return LEAT_OK;
}

static int stop(leat_audit_run *run, struct leat_counts *all,
                struct leat_error *why, void *arg)
{
    *all = counts;
    return bug == SAYS_LOST ? LEAT_LOST : LEAT_OK;
}

static int foreign(enum bug planted, const char *only)
{
    static const char *const names[] = {"", "two", NULL};
    bug = planted;
    return leat_audit(&(struct leat_audit){.name = "theirs", .stages = names,
                                           .start = start, .feed = feed,
                                           .stop = stop, .only = only,
                                           .seed = 1}, &report);
}

Test(audit_laws, a_stage_without_a_name_has_its_number)
{
    cr_assert_eq(foreign(NOTHING, "stage?0/slow/1"), LEAT_OK, "\n%s",
                 report.text);
    cr_assert_eq(report.cells, 2);
    SAYS("\nstage 0 ");
}

Test(audit_laws, what_does_not_start_is_told)
{
    cr_assert_eq(foreign(NO_START, "-/clean/1"), LEAT_PARTIAL);
    SAYS("-/clean/1: ends: it does not start: ");
}

Test(audit_laws, what_was_fed_must_come_in)
{
    cr_assert_eq(foreign(LOSES_ONE, "-/clean/1"), LEAT_PARTIAL);
    SAYS("-/clean/1: account: 12 were fed, 11 came in");
}

Test(audit_laws, items_lost_are_told_even_where_the_counts_add_up)
{
    cr_assert_eq(foreign(SAYS_LOST, "-/clean/1"), LEAT_PARTIAL);
    SAYS("-/clean/1: account: items were lost");
}

Test(audit_laws, what_is_only_slow_must_end_as_without_it)
{
    cr_assert_eq(foreign(FAILS_LATER, "two/slow/1"), LEAT_PARTIAL);
    SAYS("two/slow/1: account: 11 ok, 0 skipped, 1 failed; without the fault "
         "12, 0, 0");
}

/* --- leat's --- */

enum { ITEMS = 12 };

static int items[ITEMS];
static struct leat_array from = {items, sizeof *items, ITEMS};
static leat_duration timeout;
static const struct leat_type number = {.name = "int", .size = sizeof(int)},
                              another = {.name = "long", .size = sizeof(long)};

static int work(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const int *item = in;
    if (bug == ENDS_LATER && shared->builds > 2)
        _exit(3);
    *(int *)out = *item;
    return bug == SKIPS_ALL ? LEAT_SKIP : LEAT_OK;
}

static int save(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    return bug == FAILS_LATER && shared->builds > 2 ? EIO : LEAT_OK;
}

static int never_reads(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    return EIO;
}

static void listens(const struct leat_event *event, void *arg)
{
    shared->heard++;
}

/* The first one is asked for its names only, the second is the clean run. */
static int build(struct leat_pipeline *pipeline, unsigned workers, void *arg)
{
    struct leat_stage stages[] = {
        {.name = "read", .fn = leat_array_read, .arg = &from,
         .out = &number},
        {.name = "work", .fn = work, .in = &number, .out = &number,
         .timeout = timeout},
        {.name = "save", .fn = save, .in = &number}};
    int nth = ++shared->builds;
    for (int i = 0; i < ITEMS; i++)
        items[i] = i;
    from.count = bug == SHORTER_LATER && nth > 2 ? ITEMS - 4 : ITEMS;
    if (bug == NO_BUILD || (bug == NO_BUILD_LATER && nth > 1))
        return LEAT_NOMEM;
    if (bug == WRONG_LATER && nth > 1)
        stages[2].in = &another;
    if (bug == FAILS_AT_ONCE)
        stages[0].fn = never_reads;
    memcpy(pipeline->stages, stages, sizeof stages);
    pipeline->trace = listens;
    pipeline->events = 1u << LEAT_EVENT_OK;
    return LEAT_OK;
}

static void clear(struct leat_pipeline *pipeline, void *arg)
{
    shared->clears++;
}

static int rerun(struct leat_pipeline *pipeline, void *arg)
{
    if (bug == NO_RERUN)
        return EIO;
    pipeline->stages[1].in = &another;
    return LEAT_OK;
}

static int audit(enum bug planted, const char *only)
{
    struct leat_audit a = {.name = "ours", .build = build, .clear = clear,
                           .only = only, .seed = 1};
    bug = planted;
    if (bug == NO_RERUN || bug == WRONG_RERUN)
        a.rerun = rerun;
    return leat_audit(&a, &report);
}

Test(audit_laws, what_build_made_is_cleared_and_its_own_trace_is_heard)
{
    cr_assert_eq(audit(NOTHING, "work/error/1"), LEAT_OK, "\n%s", report.text);
    cr_assert_eq(shared->builds, 1 + 1 + 2, "the names, clean, error, re-run");
    cr_assert_eq(shared->clears, shared->builds - 1);
    cr_assert_geq(shared->heard, ITEMS);
}

Test(audit_laws, a_failure_where_there_is_no_fault_is_told)
{
    cr_assert_eq(audit(FAILS_LATER, "work/error/1"), LEAT_PARTIAL);
    SAYS("work/error/1: blame: ");
    SAYS(" failed in save, without a fault there");
    shared->builds = 0;
    cr_assert_eq(audit(FAILS_LATER, "work/drop/1"), LEAT_PARTIAL);
    SAYS("work/drop/1: account: what was filtered has failed");
    shared->builds = 0;
    cr_assert_eq(audit(FAILS_LATER, "work/close-early/1"), LEAT_PARTIAL);
    SAYS("work/close-early/1: account: what was not wanted has failed");
}

Test(audit_laws, fewer_items_than_without_the_fault_are_told)
{
    cr_assert_eq(audit(SHORTER_LATER, "work/error/1"), LEAT_PARTIAL);
    SAYS("work/error/1: account: 8 came in, and 12 without a fault");
}

Test(audit_laws, a_process_that_leaves_in_the_middle_is_told)
{
    cr_assert_eq(audit(ENDS_LATER, "work/error/1"), LEAT_PARTIAL);
    SAYS("work/error/1: ends: the process left, with status ");
}

Test(audit_laws, a_pipeline_that_is_not_built_or_refused_is_told)
{
    cr_assert_eq(audit(NO_BUILD, "-/clean/1"), LEAT_INVALID);
    shared->builds = 0;
    cr_assert_eq(audit(NO_BUILD_LATER, "-/clean/1"), LEAT_PARTIAL);
    SAYS("-/clean/1: account: build failed: ");
    shared->builds = 0;
    cr_assert_eq(audit(WRONG_LATER, "-/clean/1"), LEAT_PARTIAL);
    SAYS("-/clean/1: account: it was refused: ");
}

Test(audit_laws, a_clean_run_that_fails_as_a_whole_is_told)
{
    cr_assert_eq(audit(FAILS_AT_ONCE, "-/clean/1"), LEAT_PARTIAL);
    SAYS("-/clean/1: ends: without any fault it ends \"");
}

Test(audit_laws, a_rerun_that_fails_or_is_refused_is_told)
{
    cr_assert_eq(audit(NO_RERUN, "work/error/1"), LEAT_PARTIAL);
    SAYS("work/error/1: rerun: rerun failed: ");
    cr_assert_eq(audit(WRONG_RERUN, "work/error/1"), LEAT_PARTIAL);
    SAYS("work/error/1: rerun: it was refused: ");
}

Test(audit_laws, a_fault_that_meets_no_item_is_marked_and_shows_nothing)
{
    cr_assert_eq(audit(SKIPS_ALL, "save/error/1"), LEAT_OK, "\n%s",
                 report.text);
    cr_assert_eq(report.missed, 1);
    SAYS("? met no item");
}

Test(audit_laws, a_hang_ended_by_the_stages_own_timeout_fails_its_items)
{
    timeout = 20 * LEAT_MS;
    cr_assert_eq(audit(NOTHING, "work/hang/1"), LEAT_OK, "\n%s", report.text);
    cr_assert_eq(report.missed, 0);
}

static void prints_the_table(void)
{
    struct leat_audit a = {.name = "ours", .build = build, .seed = 1,
                           .only = "-/clean/1"};
    bug = FAILS_AT_ONCE;
    leave(leat_audit(&a, NULL) == LEAT_PARTIAL ? 7 : 8);
}

Test(audit_laws, without_a_report_what_fails_goes_to_standard_error)
{
    static char text[LEAT_AUDIT_TEXT];
    int status = how_it_ends(prints_the_table, text, sizeof text);
    cr_assert(ended_with(status, 7));
    cr_assert(strstr(text, "ours: 3 stages"), "%s", text);
}

Test(audit_laws, no_memory_is_told_as_such)
{
    struct leat_audit a = {.name = "ours", .build = build, .seed = 1};
    struct leat_fault_libc_report seen;
    leat_fault_libc_begin(&(struct leat_fault_libc){.calls = LEAT_LIBC_CALLOC,
                                                    .nth = 1});
    int status = leat_audit(&a, &report);
    leat_fault_libc_end(&seen);
    cr_assert_eq(status, LEAT_NOMEM);
    cr_assert_eq(seen.hits, 1);
}
