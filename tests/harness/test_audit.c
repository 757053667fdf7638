/* test_audit.c - the audit of a pipeline of leat's: a sound one passes, each
 * planted bug is found, in the cells where it shows, and named.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* posix_openpt(), MAP_ANONYMOUS */
#include "support/gate.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <leat/array.h>
#include <leat/audit.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

TestSuite(audit, .timeout = 30);

enum { LINES = 12 };

/* What is wrong with the pipeline, for each cell's process to see. */
static enum bug {
    NOTHING, LEAKS_WHEN_CANCELED, LEAKS_A_DESCRIPTOR, LEAVES_A_THREAD,
    DEAF_AFTER_THE_END, DIES_WHEN_CANCELED, REMEMBERS_FAILURES, DROPS_TWICE,
    NEVER_ENDS, LEAKS_THE_FIRST_TIME
} bug;

struct line { char text[16]; };
struct order { int id, *amount; };

static struct line lines[LINES];
static struct leat_array from = {lines, sizeof *lines, LINES};
static atomic_long alive;
static atomic_uint tried[LINES];
static struct gate never;
static int *times; /* shared by the processes */

static long count_alive(void *arg)
{
    return atomic_load(&alive);
}

static void order_drop(void *item)
{
    struct order *order = item;
    if (!order->amount)
        return;
    free(order->amount);
    atomic_fetch_sub(&alive, 1 + (bug == DROPS_TWICE && order->id == 7));
}

static const struct leat_type line_type = {.name = "line",
                                           .size = sizeof(struct line)};
static const struct leat_type order_type = {
    .name = "order", .size = sizeof(struct order), .drop = order_drop};

static int order_new(struct order *order, int id, int amount)
{
    *order = (struct order){id, malloc(sizeof *order->amount)};
    if (!order->amount)
        return LEAT_NOMEM;
    *order->amount = amount;
    atomic_fetch_add(&alive, 1);
    return LEAT_OK;
}

static int parse(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct line *line = in;
    int id, amount;
    if (*line->text == '#')
        return LEAT_SKIP;
    if (sscanf(line->text, "%d,%d", &id, &amount) != 2)
        return leat_fail(ctx, EINVAL, "not two numbers");
    if (leat_ctx_item(ctx)->seq != (uint64_t)id)
        return leat_fail(ctx, EPROTO, "a re-run must keep the numbers");
    if (bug == REMEMBERS_FAILURES && atomic_fetch_add(&tried[id], 1) > 0)
        return EEXIST;
    return order_new(out, id, amount);
}

static void *waits_for_ever(void *arg)
{
    gate_wait(&never, 1);
    return NULL;
}

static void misbehave(leat_ctx *ctx)
{
    pthread_t thread;
    if (bug == LEAKS_A_DESCRIPTOR)
        open("/dev/zero", O_RDONLY);
    if (bug == LEAVES_A_THREAD &&
        pthread_create(&thread, NULL, waits_for_ever, NULL) == 0)
        pthread_detach(thread);
    if (bug == NEVER_ENDS)
        gate_wait(&never, 1);
    if (leat_ctx_cause(ctx) == LEAT_OK)
        return;
    if (bug == LEAKS_WHEN_CANCELED ||
        (bug == LEAKS_THE_FIRST_TIME &&
         __atomic_fetch_add(times, 1, __ATOMIC_RELAXED) == 0))
        atomic_fetch_add(&alive, 1);
    if (bug == DEAF_AFTER_THE_END)
        gate_wait(&never, 1);
    if (bug == DIES_WHEN_CANCELED)
        abort();
}

static int price(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct order *order = in;
    if (order->id == 4)
        misbehave(ctx);
    return order_new(out, order->id, 2 * *order->amount);
}

static int save(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    if (leat_ctx_cause(ctx) != LEAT_OK)
        misbehave(ctx);
    return LEAT_OK;
}

static int build(struct leat_pipeline *pipeline, unsigned workers, void *arg)
{
    struct leat_stage stages[] = {
        {.name = "read", .fn = leat_array_read, .arg = &from,
         .out = &line_type},
        {.name = "parse", .fn = parse, .in = &line_type, .out = &order_type,
         .workers = workers},
        {.name = "price", .fn = price, .in = &order_type, .out = &order_type,
         .workers = workers},
        {.name = "save", .fn = save, .in = &order_type, .batch = 2}};
    for (int i = 0; i < LINES; i++)
        snprintf(lines[i].text, sizeof lines[i].text,
                 i == 3 ? "bad" : i == 5 ? "# a note" : "%d,%d", i, 10 * i);
    memcpy(pipeline->stages, stages, sizeof stages);
    return LEAT_OK;
}

static struct leat_audit_report report;
static leat_duration grace;

/* At the seed that the tests are written for. */
static int audit(enum bug planted, const char *only)
{
    bug = planted;
    gate_init(&never);
    return leat_audit(&(struct leat_audit){.name = "orders", .build = build,
                                           .items = count_alive, .only = only,
                                           .grace = grace, .seed = 1}, &report);
}

#define SAYS(part)                                                             \
    cr_assert(strstr(report.text, part), "it says:\n%s", report.text)

#ifdef LEAT_SLOW /* each cell is a process under the tool */
#define SOME "*/error/1 parse/hang/5 price/cancel/5 save/stubborn/1"
#else
#define SOME "*"
#endif

Test(audit, a_sound_pipeline_keeps_the_laws_in_every_cell)
{
    cr_assert_eq(audit(NOTHING, SOME), LEAT_OK, "\n%s", report.text);
    cr_assert_eq(report.failed, 0);
    cr_assert_eq(report.missed, 0, "\n%s", report.text);
    cr_assert_eq(report.seed, 1);
    SAYS("orders: 4 stages, 11 faults, at 1 and at 5 workers, seed 1: the laws "
         "hold in ");
    SAYS("\nparse ");
    cr_assert_null(strstr(report.text, "rerun"), "the re-run was judged");
#ifndef LEAT_SLOW
    cr_assert_eq(report.cells, 2 + 2 * (4 * 10 + 1));
#endif
}

Test(audit, an_item_leaked_by_a_stage_that_was_canceled_is_found_there_only)
{
    cr_assert_eq(audit(LEAKS_WHEN_CANCELED, "save/cancel/1 save/error/1"),
                 LEAT_PARTIAL);
    SAYS("1 of 3 cells fail");
    SAYS("save/cancel/1: left: left 1 items alive");
}

Test(audit, what_fails_once_and_not_again_passes_but_is_told)
{
    times = mmap(NULL, sizeof *times, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq((void *)times, MAP_FAILED);
    cr_assert_eq(audit(LEAKS_THE_FIRST_TIME, "save/cancel/1"), LEAT_OK, "\n%s",
                 report.text);
    cr_assert_eq(report.once, 1);
    SAYS("once, and not again alone with twice the time: save/cancel/1: left: "
         "left 1 items alive");
    munmap(times, sizeof *times);
}

/* A terminal of our own; NULL: there is none to be had. */
static FILE *open_terminal(int *master)
{
    *master = posix_openpt(O_RDWR | O_NOCTTY);
    if (*master < 0 || grantpt(*master) || unlockpt(*master))
        return NULL;
    return fopen(ptsname(*master), "w");
}

static void print_to(FILE *out, int master, char *text, size_t size)
{
    struct leat_audit a = {.name = "orders", .build = build, .out = out,
                           .only = "parse/slow/1", .seed = 1};
    bug = NOTHING;
    cr_assert_eq(leat_audit(&a, &report), LEAT_OK, "\n%s", report.text);
    fflush(out);
    size_t length = 0;
    ssize_t count;
    do { /* a terminal gives it piece by piece */
        count = read(master, text + length, size - 1 - length);
        length += count > 0 ? (size_t)count : 0;
        text[length] = '\0';
    } while (count > 0 && !strstr(text, "no function counts them"));
}

Test(audit, colours_are_for_terminals_and_not_where_NO_COLOR_is_set)
{
    char text[4096];
    int master;
    FILE *terminal = open_terminal(&master);
    cr_assert_not_null(terminal);
    unsetenv("NO_COLOR");
    print_to(terminal, master, text, sizeof text);
    cr_assert(strstr(text, "\033[32m+"), "%s", text);
    setenv("NO_COLOR", "1", 1);
    print_to(terminal, master, text, sizeof text);
    cr_assert(strstr(text, "orders: "), "%s", text);
    cr_assert_null(strchr(text, '\033'));
    fclose(terminal);
    close(master);
}

Test(audit, an_item_released_twice_is_found)
{
    cr_assert_eq(audit(DROPS_TWICE, "-/clean/1"), LEAT_PARTIAL);
    SAYS("-/clean/1: left: released 2 items more than it made");
}

Test(audit, a_descriptor_left_open_is_found_and_named)
{
    cr_assert_eq(audit(LEAKS_A_DESCRIPTOR, "parse/slow/1"), LEAT_PARTIAL);
    SAYS("-/clean/1: left: left a descriptor open:");
    SAYS("/dev/zero");
    SAYS("! not judged: the clean run fails");
}

Test(audit, a_thread_left_running_is_found)
{
    cr_assert_eq(audit(LEAVES_A_THREAD, "-/clean/1"), LEAT_PARTIAL);
    SAYS("-/clean/1: left: left a thread running:");
}

Test(audit, a_stage_deaf_to_the_end_is_found_by_the_cancel)
{
    grace = 50 * LEAT_MS;
    cr_assert_eq(audit(DEAF_AFTER_THE_END, "save/cancel/1"), LEAT_PARTIAL);
    SAYS("save/cancel/1: account: it ended \"");
    SAYS("left: left a thread running: 'save'");
}

Test(audit, a_process_that_dies_costs_one_cell)
{
    cr_assert_eq(audit(DIES_WHEN_CANCELED, "save/cancel/1 save/slow/1"),
                 LEAT_PARTIAL);
    SAYS("1 of 3 cells fail");
    SAYS("save/cancel/1: ends: the process ");
}

Test(audit, what_fails_again_without_the_fault_does_not_converge)
{
    cr_assert_eq(audit(REMEMBERS_FAILURES, "price/error/5"), LEAT_PARTIAL);
    SAYS("price/error/5: rerun: 6 failed again; rerun: 4 + 0 ok");
}

/* --- how the inputs are kept --- */

static int line_encode(const void *item, char *text, size_t size)
{
    return snprintf(text, size, "%s", ((const struct line *)item)->text);
}

static int line_decode(void *item, const char *text, size_t length)
{
    struct line *line = item;
    if (length >= sizeof line->text)
        return EBADMSG;
    memcpy(line->text, text, length);
    return LEAT_OK;
}

static void line_drop(void *item)
{
}

static struct leat_type owning = {.name = "line", .size = sizeof(struct line),
                                  .drop = line_drop};

static int build_owning(struct leat_pipeline *pipeline, unsigned workers,
                        void *arg)
{
    int status = build(pipeline, workers, arg);
    pipeline->stages[0].out = pipeline->stages[1].in = &owning;
    return status;
}

Test(audit, inputs_that_own_something_are_run_again_by_their_text_or_not_judged)
{
    struct leat_audit a = {.name = "orders", .build = build_owning,
                           .only = "price/error/1", .seed = 1};
    cr_assert_eq(leat_audit(&a, &report), LEAT_OK, "\n%s", report.text);
    SAYS("not judged: rerun: the source's type has a drop, but no encode");
    owning.encode = line_encode;
    owning.decode = line_decode;
    cr_assert_eq(leat_audit(&a, &report), LEAT_OK, "\n%s", report.text);
    cr_assert_null(strstr(report.text, "rerun"), "%s", report.text);
    owning.decode = NULL;
}

/* An error file of the project's own; planted: it forgets one. */
static struct { uint64_t seq[LINES]; size_t count, next; } file;
static bool forgets;

static int file_write(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct leat_item *item = in;
    if (!forgets || item->seq != 4)
        file.seq[file.count++] = item->seq;
    return LEAT_OK;
}

static int file_read(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    if (file.next == file.count)
        return LEAT_CLOSED;
    leat_item_set(ctx, file.seq[file.next], 1);
    *(struct line *)out = lines[file.seq[file.next++]];
    return LEAT_OK;
}

static int build_with_file(struct leat_pipeline *pipeline, unsigned workers,
                           void *arg)
{
    pipeline->errors = (struct leat_stage){.name = "file", .fn = file_write};
    return build(pipeline, workers, arg);
}

static int rerun_file(struct leat_pipeline *pipeline, void *arg)
{
    pipeline->stages[0].fn = file_read;
    pipeline->errors = (struct leat_stage){.fn = NULL};
    return LEAT_OK;
}

static int rerun_ends(const struct leat_report *again, void *arg)
{
    return LEAT_OK;
}

Test(audit, a_project_may_run_its_own_error_file_again)
{
    struct leat_audit a = {.name = "orders", .build = build_with_file,
                           .rerun = rerun_file, .rerun_end = rerun_ends,
                           .only = "price/error/1", .seed = 1};
    cr_assert_eq(leat_audit(&a, &report), LEAT_OK, "\n%s", report.text);
    forgets = true;
    cr_assert_eq(leat_audit(&a, &report), LEAT_PARTIAL);
    SAYS("price/error/1: rerun: 4 + 5 ok and 1 + 0 skipped, where a run without "
         "the fault has 10 and 1");
}

Test(audit, the_same_seed_hits_the_same_item_and_another_another)
{
    cr_assert_eq(audit(NOTHING, "parse/error/1"), LEAT_OK, "\n%s", report.text);
    static char before[LEAT_AUDIT_TEXT];
    strcpy(before, report.text);
    cr_assert_eq(audit(NOTHING, "parse/error/1"), LEAT_OK);
    cr_assert_str_eq(before, report.text);
}

Test(audit, a_pattern_that_fits_nothing_is_no_success)
{
    cr_assert_eq(audit(NOTHING, "parse/hamg/1"), LEAT_INVALID);
    cr_assert_eq(leat_audit(NULL, &report), LEAT_INVALID);
    cr_assert_eq(leat_audit(&(struct leat_audit){.name = "empty"}, &report),
                 LEAT_INVALID);
}
