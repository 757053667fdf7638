/* test_watchdog_text.c - what is said of a place and of a wait where less is
 * known of it than usual.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "harness/ends.h"
#include "support/blocked.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <leat/fault_libc.h>
#include <leat/group.h>
#include <leat/torture.h>
#include <leat/watchdog.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

TestSuite(watchdog_text, .timeout = 30);

static char text[4096];

#define SAYS(part) cr_assert(strstr(text, part), "it says: %s", text)

static void nowhere(void)
{
}

static const void *inside(void (*fn)(void))
{
    return (const char *)(uintptr_t)fn + 1;
}

/* setenv() in a process of its own: others look for their programs, too. */
static void asks_without_addr2line(void)
{
    char where[256];
    setenv("PATH", "/nonexistent", 1);
    leat_where((const char *)(uintptr_t)getenv + 1, where, sizeof where);
    fprintf(stderr, "%s\n", where);
    leat_where(inside(nowhere), where, sizeof where);
    fprintf(stderr, "%s\n", where);
}

Test(watchdog_text, without_addr2line_a_place_is_what_the_linker_knows_of_it)
{
    int status = how_it_ends(asks_without_addr2line, text, sizeof text);
    cr_assert(ended_with(status, 0));
    SAYS("getenv (no line is known: no debug information)\n");
    SAYS(" at 0x");
    SAYS("(no function is known: no debug information)\n");
}

static void asks_without_descriptors(void)
{
    char where[256];
    struct rlimit before, none;
    getrlimit(RLIMIT_NOFILE, &before);
    none = (struct rlimit){0, before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    leat_where(inside(nowhere), where, sizeof where);
    setrlimit(RLIMIT_NOFILE, &before);
    fprintf(stderr, "%s\n", where);
}

Test(watchdog_text, without_a_descriptor_nothing_is_asked)
{
    int status = how_it_ends(asks_without_descriptors, text, sizeof text);
    cr_assert(ended_with(status, 0));
    SAYS("(no function is known: no debug information)\n");
}

/* --- waits --- */

static leat_chan *handed;

static int receives(leat_ctx *ctx, void *arg)
{
    int item;
    return leat_recv(ctx, handed, &item);
}

static int sleeps(leat_ctx *ctx, void *arg)
{
    return leat_sleep(ctx, PATIENCE);
}

static int fails(leat_ctx *ctx, void *arg)
{
    return EIO;
}

static bool has_ended(leat_ctx *ctx)
{
    int64_t until = now() + PATIENCE;
    while (leat_who_waits(ctx, text, sizeof text),
           !strstr(text, "breaks has ended") && now() < until)
        look_again();
    return strstr(text, "breaks has ended");
}

Test(watchdog_text, a_rendezvous_and_a_sleep_have_their_own_words)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    leat_group *group = leat_group_new(ctx);
    handed = leat_chan_new("handed", LEAT_TYPE(int), 0);
    leat_go(group, "takes", receives, NULL);
    leat_go(group, "naps", sleeps, NULL);
    cr_assert(blocked(ctx, 2));
    leat_who_waits(ctx, text, sizeof text);
    SAYS("takes waits to receive on 'handed' (a rendezvous); for ");
    SAYS("naps sleeps; for ");
    leat_ctx_cancel(ctx, 0);
    leat_group_wait(group, NULL);
    leat_ctx_free(ctx);
    leat_chan_free(handed);
}

Test(watchdog_text, who_cannot_be_listed_for_lack_of_memory_is_not_kept_quiet)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    leat_group *group = leat_group_new(ctx);
    leat_go(group, "naps", sleeps, NULL);
    cr_assert(blocked(ctx, 1));
    leat_fault_libc_begin(&(struct leat_fault_libc){.calls = LEAT_LIBC_REALLOC,
                                                    .nth = 1});
    leat_who_waits(ctx, text, sizeof text);
    leat_fault_libc_end(NULL);
    cr_assert_str_eq(text, "no memory to list all of them\n");
    leat_ctx_cancel(ctx, 0);
    leat_group_wait(group, NULL);
    leat_ctx_free(ctx);
}

Test(watchdog_text, who_ended_with_an_error_is_told_with_it)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    leat_group *group = leat_group_new(ctx);
    leat_go(group, "breaks", fails, NULL);
    cr_assert(has_ended(ctx), "it says: %s", text);
    SAYS("breaks has ended with \"");
    leat_group_wait(group, NULL);
    leat_ctx_free(ctx);
}

/* --- the watchdog, tortured --- */

static int watches(void *arg)
{
    leat_watchdog *dog = leat_watchdog_begin(
        &(struct leat_watchdog_options){.name = "dog", .deadline = PATIENCE});
    return dog ? leat_watchdog_end(dog) : LEAT_NOMEM;
}

Test(watchdog_text, no_memory_and_no_thread_for_the_watchdog_leave_nothing)
{
    static struct leat_torture_report report;
    cr_assert_eq(leat_torture(&(struct leat_torture){
        .name = "dog", .fn = watches, .limit = PATIENCE,
        .calls = LEAT_LIBC_CALLOC | LEAT_LIBC_THREAD}, &report), LEAT_OK,
        "\n%s", report.text);
    cr_assert_eq(report.points, 2, "\n%s", report.text);
}
