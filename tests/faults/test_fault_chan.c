/* test_fault_chan.c - a fault round a channel, of plain values and of a flow.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/run.h"
#include "support/scale.h"
#include <errno.h>
#include <leat/fault.h>
#include <leat/flow.h>

TestSuite(fault_chan, .timeout = 60);

enum { COUNT = 40 };

/* What came out of 0, 1, 2 ... */
static struct {
    int values[4 * COUNT];
    size_t count;
    int last; /* status of the last receive */
    int end;  /* of leat_group_wait() */
    uint64_t sent;
    struct leat_error why;
} got;

static leat_ctx *ctx;

static void set_up(void)
{
    ctx = leat_ctx_root(PATIENCE);
}

static void tear_down(void)
{
    leat_ctx_free(ctx);
}

static int send_numbers(leat_ctx *c, void *arg)
{
    int status = LEAT_OK;
    for (int i = 0; i < COUNT && status == LEAT_OK; i++) {
        status = leat_send(c, arg, &i);
        got.sent += status == LEAT_OK;
    }
    leat_close(arg);
    return status == LEAT_CLOSED ? LEAT_OK : status;
}

/* Numbers through the fault; the reader wants at most so many. */
static void through(struct leat_fault *fault, size_t most)
{
    leat_group *group = leat_group_new(ctx);
    leat_chan *in = leat_chan_new("numbers", LEAT_TYPE(int), 2);
    leat_chan *out = leat_fault_chan(group, in, LEAT_TYPE(int), fault);
    memset(&got, 0, sizeof got);
    cr_assert_not_null(out);
    leat_go(group, "send", send_numbers, in);
    while (got.count < most &&
           (got.last = leat_recv(ctx, out, &got.values[got.count])) == LEAT_OK)
        got.count++;
    leat_close(out);
    got.end = leat_group_wait(group, &got.why);
    leat_chan_free(out);
    leat_chan_free(in);
}

/* As it was, but for what the test looks at. */
static void expect_in_order(const int *values, size_t count)
{
    cr_assert_eq(got.count, count, "%d came", (int)got.count);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(got.values[i], values[i], "at %d: %d", (int)i,
                     got.values[i]);
    cr_assert_eq(got.last, LEAT_CLOSED);
    cr_assert_eq(got.end, LEAT_OK);
}

Test(fault_chan, drops_what_is_due, .init = set_up, .fini = tear_down)
{
    struct leat_fault drop = {.kind = LEAT_FAULT_DROP, .every = 4};
    int expected[COUNT];
    size_t count = 0;
    for (int i = 0; i < COUNT; i++)
        if (i % 4)
            expected[count++] = i;
    through(&drop, SIZE_MAX);
    expect_in_order(expected, count);
    cr_assert_eq(leat_fault_hits(&drop), COUNT / 4);
    cr_assert_eq(leat_fault_calls(&drop), COUNT);
}

Test(fault_chan, duplicates_what_is_due, .init = set_up, .fini = tear_down)
{
    struct leat_fault twice = {.kind = LEAT_FAULT_DUPLICATE, .from = 3,
                               .until = 6};
    int expected[2 * COUNT];
    size_t count = 0;
    for (int i = 0; i < COUNT; i++) {
        expected[count++] = i;
        if (i >= 3 && i < 6)
            expected[count++] = i;
    }
    through(&twice, SIZE_MAX);
    expect_in_order(expected, count);
}

Test(fault_chan, reorders_within_the_window_and_loses_none, .init = set_up,
     .fini = tear_down)
{
    for (size_t window = 1; window <= 64; window *= 4)
        for (int all = 0; all < 2; all++) {
            struct leat_fault reorder = {
                .kind = LEAT_FAULT_REORDER, .window = window, .seed = window,
                .every = all ? 1 : 3};
            unsigned times[COUNT] = {0}, moved = 0;
            through(&reorder, SIZE_MAX);
            cr_assert_eq(got.count, COUNT);
            cr_assert_eq(got.end, LEAT_OK);
            for (int at = 0; at < COUNT; at++) {
                int n = got.values[at];
                times[n]++;
                moved += n != at;
                cr_assert_leq(at - n, (int)window, "%d at %d", n, at);
            }
            for (int n = 0; n < COUNT; n++)
                cr_assert_eq(times[n], 1u);
            if (window > 1)
                cr_assert_gt(moved, 5);
            int first[COUNT];
            memcpy(first, got.values, sizeof first);
            through(&reorder, SIZE_MAX);
            cr_assert_eq(memcmp(first, got.values, sizeof first), 0);
        }
}

Test(fault_chan, corrupts_what_is_due, .init = set_up, .fini = tear_down)
{
    struct leat_fault corrupt = {.kind = LEAT_FAULT_CORRUPT, .every = 2};
    through(&corrupt, SIZE_MAX);
    cr_assert_eq(got.count, COUNT);
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(__builtin_popcount((unsigned)(got.values[i] ^ i)),
                     i % 2 == 0);
}

Test(fault_chan, closes_early_on_both_sides, .init = set_up, .fini = tear_down)
{
    struct leat_fault end = {.kind = LEAT_FAULT_CLOSE_EARLY, .from = 7};
    int expected[] = {0, 1, 2, 3, 4, 5, 6};
    through(&end, SIZE_MAX);
    expect_in_order(expected, 7);
    cr_assert_lt(got.sent, COUNT, "the sender has learned of it");
}

Test(fault_chan, never_closes_until_its_context_ends)
{
    struct leat_fault open = {.kind = LEAT_FAULT_NEVER_CLOSE};
    int64_t began = now();
    ctx = leat_ctx_root(ms(30));
    through(&open, SIZE_MAX);
    cr_assert_eq(got.count, COUNT);
    cr_assert_geq(now() - began, ms(30));
    cr_assert_eq(got.end, LEAT_TIMEOUT);
    leat_ctx_free(ctx);
}

static void *let_go(void *arg)
{
    while (leat_fault_hits(arg) == 0)
        look_again();
    leat_fault_switch(arg, false);
    return NULL;
}

Test(fault_chan, never_close_closes_when_switched_off, .init = set_up,
     .fini = tear_down)
{
    struct leat_fault open = {.kind = LEAT_FAULT_NEVER_CLOSE};
    pthread_t thread;
    thread_start(&thread, let_go, &open);
    through(&open, SIZE_MAX);
    pthread_join(thread, NULL);
    cr_assert_eq(got.count, COUNT);
    cr_assert_eq(got.last, LEAT_CLOSED);
    cr_assert_eq(got.end, LEAT_OK);
}

Test(fault_chan, passes_on_that_no_more_is_wanted, .init = set_up,
     .fini = tear_down)
{
    const enum leat_fault_kind kinds[] = {
        LEAT_FAULT_DROP, LEAT_FAULT_DUPLICATE, LEAT_FAULT_REORDER,
        LEAT_FAULT_CORRUPT, LEAT_FAULT_NEVER_CLOSE};
    for (size_t i = 0; i < 5; i++) {
        struct leat_fault fault = {.kind = kinds[i]};
        if (fault.kind != LEAT_FAULT_NEVER_CLOSE)
            fault.every = 3;
        through(&fault, 5);
        cr_assert_eq(got.end, LEAT_OK, "%s", leat_fault_name(kinds[i]));
        cr_assert_eq(got.count, 5u);
        cr_assert_lt(got.sent, COUNT);
    }
}

Test(fault_chan, befalls_its_task_with_the_other_kinds, .init = set_up,
     .fini = tear_down)
{
    struct leat_fault error = {.from = 4, .error = EPIPE},
                      slow = {.kind = LEAT_FAULT_SLOW, .delay = LEAT_US},
                      off = {.kind = LEAT_FAULT_DROP, .off = true};
    through(&error, SIZE_MAX);
    cr_assert_eq(got.count, 4u);
    cr_assert_eq(got.end, EPIPE);
    cr_assert_str_eq(got.why.stage, "error");
    through(&slow, SIZE_MAX);
    cr_assert_eq(got.count, COUNT);
    through(&off, SIZE_MAX);
    cr_assert_eq(got.count, COUNT);
    cr_assert_eq(leat_fault_calls(&off), 0);
}

Test(fault_chan, a_hang_in_it_ends_with_the_group)
{
    struct leat_fault hang = {.kind = LEAT_FAULT_HANG, .from = 2};
    ctx = leat_ctx_root(10 * LEAT_MS);
    through(&hang, SIZE_MAX);
    cr_assert_eq(got.end, LEAT_TIMEOUT);
    cr_assert_leq(got.count, 2u);
    leat_ctx_free(ctx);
}

/* --- values that own something --- */

static int token_encode(const void *item, char *text, size_t size)
{
    return snprintf(text, size, "%u", ((const struct token *)item)->id);
}

/* Its own account: a copy is a token of its own. */
static int token_decode(void *item, const char *text, size_t len)
{
    *(struct token *)item = token_new();
    for (size_t i = 0; i < len; i++)
        if (text[i] < '0' || text[i] > '9')
            return EILSEQ; /* half-built: it is dropped */
    return LEAT_OK;
}

static int send_tokens(leat_ctx *c, void *arg)
{
    int status = LEAT_OK;
    for (int i = 0; i < COUNT && status == LEAT_OK; i++) {
        struct token token = token_new();
        if ((status = leat_send(c, arg, &token)) != LEAT_OK)
            token_drop(&token);
    }
    leat_close(arg);
    return status == LEAT_CLOSED ? LEAT_OK : status;
}

static size_t tokens_through(struct leat_fault *fault, size_t most,
                             const struct leat_type *type)
{
    leat_group *group = leat_group_new(ctx);
    leat_chan *in = leat_chan_new("tokens", type, 2);
    leat_chan *out = leat_fault_chan(group, in, type, fault);
    struct token token;
    size_t count = 0;
    leat_go(group, "send", send_tokens, in);
    while (count < most && leat_recv(ctx, out, &token) == LEAT_OK) {
        token_drop(&token);
        count++;
    }
    leat_close(out);
    got.end = leat_group_wait(group, &got.why);
    leat_chan_free(out);
    leat_chan_free(in);
    return count;
}

Test(fault_chan, every_value_is_released_once, .init = set_up,
     .fini = tear_down)
{
    const struct leat_type type = {
        .name = "token", .size = sizeof(struct token), .drop = token_drop,
        .encode = token_encode, .decode = token_decode};
    const enum leat_fault_kind kinds[] = {
        LEAT_FAULT_DROP, LEAT_FAULT_DUPLICATE, LEAT_FAULT_REORDER,
        LEAT_FAULT_CORRUPT, LEAT_FAULT_CLOSE_EARLY};
    for (size_t i = 0; i < 5; i++)
        for (int cut = 0; cut < 2; cut++) {
            struct leat_fault fault = {.kind = kinds[i], .from = 7, .every = 3};
            size_t count = tokens_through(&fault, cut ? 20 : SIZE_MAX, &type);
            cr_assert_eq(got.end, LEAT_OK);
            cr_assert_eq(token_wrong(), 0u, "%s", leat_fault_name(kinds[i]));
            if (!cut && kinds[i] == LEAT_FAULT_DUPLICATE)
                cr_assert_eq(count, COUNT + 11u);
            if (!cut && kinds[i] == LEAT_FAULT_DROP)
                cr_assert_eq(count, COUNT - 11u);
            if (!cut && kinds[i] == LEAT_FAULT_REORDER)
                cr_assert_eq(count, COUNT);
        }
}

Test(fault_chan, what_cannot_be_copied_is_refused_and_the_group_knows,
     .init = set_up, .fini = tear_down)
{
    struct leat_fault twice = {.kind = LEAT_FAULT_DUPLICATE},
                      corrupt = {.kind = LEAT_FAULT_CORRUPT},
                      wrong = {.window = 1};
    struct leat_fault *const refused[] = {&twice, &corrupt, &wrong, NULL};
    for (int i = 0; i < 4; i++) {
        leat_group *group = leat_group_new(ctx);
        leat_chan *in = leat_chan_new("tokens", &token_type, 1);
        cr_assert_null(leat_fault_chan(group, in, &token_type, refused[i]));
        cr_assert_eq(leat_group_wait(group, NULL), LEAT_INVALID);
        leat_chan_free(in);
    }
    leat_group *group = leat_group_new(ctx);
    cr_assert_null(leat_fault_chan(group, NULL, &token_type, &twice));
    cr_assert_null(leat_fault_chan(NULL, NULL, &token_type, &twice));
    cr_assert_eq(leat_group_wait(group, NULL), LEAT_OK);
}

/* --- a flow --- */

static struct {
    unsigned times[MOST];
    size_t count, failed;
} seen;

/* read, then the fault, then (if mapped) check. */
static int flow_through(struct leat_fault *fault, bool mapped, size_t most)
{
    leat_group *group = leat_group_new(ctx);
    struct leat_stage *stages = t.pipeline.stages;
    leat_chan *read = leat_generate(group, &stages[READ]);
    leat_chan *checked = leat_map(group, read, &stages[CHECK]);
    leat_chan *out = leat_fault_chan(group, checked, NULL, fault);
    leat_chan *end = mapped ? leat_map(group, out, &stages[PACK]) : out;
    struct leat_item *item;
    memset(&seen, 0, sizeof seen);
    while (seen.count < most && leat_recv(ctx, end, &item) == LEAT_OK) {
        seen.count++;
        seen.times[item->seq % MOST]++;
        seen.failed += item->error != 0;
        leat_item_free(item);
    }
    leat_close(end);
    while (leat_try_recv(end, &item) == LEAT_OK)
        leat_item_free(item);
    int status = leat_group_wait(group, &got.why);
    leat_chan_free(out);
    return status;
}

static void flow_trial(void)
{
    trial(COUNT, 1, false);
    t.acts[CHECK].at = 6; /* one failed item, which no fault touches */
    t.acts[CHECK].status = EDOM;
}

Test(fault_chan, of_a_flow_takes_items_and_settles_each, .init = set_up,
     .fini = tear_down)
{
    const enum leat_fault_kind kinds[] = {
        LEAT_FAULT_DROP, LEAT_FAULT_DUPLICATE, LEAT_FAULT_REORDER,
        LEAT_FAULT_CLOSE_EARLY};
    for (size_t i = 0; i < 4; i++)
        for (int cut = 0; cut < 2; cut++) {
            struct leat_fault fault = {.kind = kinds[i], .every = 3};
            fault.from = kinds[i] == LEAT_FAULT_CLOSE_EARLY ? 30 : 0;
            flow_trial();
            cr_assert_eq(flow_through(&fault, false, cut ? 5 : SIZE_MAX),
                         LEAT_OK, "%s", leat_fault_name(kinds[i]));
            cr_assert_eq(token_wrong(), 0u, "%s", leat_fault_name(kinds[i]));
            if (cut)
                continue;
            cr_assert_eq(seen.failed, 1u);
            for (unsigned n = 0; n < COUNT; n++) {
                bool due = n % 3 == 0 && n != 6;
                unsigned times = kinds[i] == LEAT_FAULT_DUPLICATE ? 1 + due
                                 : kinds[i] == LEAT_FAULT_DROP    ? !due
                                 : kinds[i] == LEAT_FAULT_REORDER ? 1
                                                                  : n < 30;
                cr_assert_eq(seen.times[n], times, "%s of %d: %d",
                             leat_fault_name(kinds[i]), (int)n,
                             (int)seen.times[n]);
            }
        }
}

Test(fault_chan, of_a_flow_goes_by_the_seq_whatever_is_missing, .init = set_up,
     .fini = tear_down)
{
    struct leat_fault head = {.kind = LEAT_FAULT_DROP, .until = 10},
                      third = {.kind = LEAT_FAULT_DROP, .every = 3};
    leat_group *group = leat_group_new(ctx);
    struct leat_item *item;
    size_t count = 0;
    flow_trial();
    leat_chan *first = leat_fault_chan(
        group, leat_generate(group, &t.pipeline.stages[READ]), NULL, &head);
    leat_chan *out = leat_fault_chan(group, first, NULL, &third);
    while (leat_recv(ctx, out, &item) == LEAT_OK) {
        cr_assert(item->seq >= 10 && item->seq % 3 != 0);
        leat_item_free(item);
        count++;
    }
    cr_assert_eq(leat_group_wait(group, NULL), LEAT_OK);
    leat_chan_free(out);
    leat_chan_free(first);
    cr_assert_eq(count, 20u); /* 30 from 10 on, less 12, 15 ... 39 */
}

static void renumber(void *value, size_t size, uint64_t die)
{
    ((struct box *)value)->n = 1000;
}

Test(fault_chan, of_a_flow_corrupts_in_place, .init = set_up,
     .fini = tear_down)
{
    struct leat_fault fault = {.kind = LEAT_FAULT_CORRUPT, .from = 9,
                               .until = 10, .corrupt = renumber};
    leat_group *group = leat_group_new(ctx);
    struct leat_item *item;
    size_t changed = 0;
    flow_trial();
    leat_chan *out = leat_fault_chan(
        group, leat_generate(group, &t.pipeline.stages[READ]), NULL, &fault);
    while (leat_recv(ctx, out, &item) == LEAT_OK) {
        changed += ((const struct box *)item->value)->n == 1000;
        cr_assert_eq(((const struct box *)item->value)->n == 1000,
                     item->seq == 9);
        leat_item_free(item);
    }
    cr_assert_eq(leat_group_wait(group, NULL), LEAT_OK);
    leat_chan_free(out);
    cr_assert_eq(changed, 1u);
    cr_assert_eq(token_wrong(), 0u);
}

Test(fault_chan, a_flow_knows_a_channel_of_items_by_its_type, .init = set_up,
     .fini = tear_down)
{
    char name[] = "struct leat_item *"; /* not the one literal of the program */
    const struct leat_type type = {.name = name, .size = sizeof(void *)};
    leat_group *group = leat_group_new(ctx);
    leat_chan *items = leat_chan_new("items", &type, 1);
    leat_close(items);
    cr_assert_not_null(leat_or_done(group, items));
    cr_assert_eq(leat_group_wait(group, NULL), LEAT_OK);
    leat_chan_free(items);
}

Test(fault_chan, what_comes_out_of_a_flow_goes_on_into_its_functions,
     .init = set_up, .fini = tear_down)
{
    struct leat_fault drop = {.kind = LEAT_FAULT_DROP, .every = 3};
    flow_trial();
    cr_assert_eq(flow_through(&drop, true, SIZE_MAX), LEAT_OK, "%s",
                 got.why.message);
    cr_assert_eq(seen.count, COUNT - 13u);
    cr_assert_eq(token_wrong(), 0u);
}
