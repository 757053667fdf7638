/* test_select_trace.c - what a trace tells of a select: each case that it waits
 * for, the one that happened, and that it gave up.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/blocked.h"
#include <criterion/criterion.h>
#include <leat/trace.h>
#include <stdio.h>
#include <string.h>

TestSuite(select_trace, .timeout = 30);

static leat_ctx *root, *ctx;
static leat_trace *trace;
static leat_chan *in, *out, *off;
static char *text;

static void setup(void)
{
    root = leat_ctx_root(PATIENCE);
    trace = leat_trace_new(0);
    leat_trace_attach(trace, root);
    ctx = leat_ctx_new(root, 0);
    in = leat_chan_new("in", LEAT_TYPE(int), 1);
    out = leat_chan_new("out", LEAT_TYPE(int), 0);
    off = leat_chan_new("off", LEAT_TYPE(int), 1);
}

static void teardown(void)
{
    leat_chan_free(in);
    leat_chan_free(out);
    leat_chan_free(off);
    leat_ctx_free(ctx);
    leat_ctx_free(root);
    leat_trace_free(trace);
    free(text);
}

/* How often there is a line with this end: what, chan, item, count. */
static unsigned told(const char *end)
{
    char line[64];
    size_t size;
    unsigned count = 0;
    free(text);
    text = NULL;
    FILE *file = open_memstream(&text, &size);
    cr_assert_eq(leat_trace_write(trace, file), LEAT_OK);
    fclose(file);
    snprintf(line, sizeof line, "\t%s\n", end);
    for (const char *at = text; (at = strstr(at, line)); at++)
        count++;
    return count;
}

/* A receive from in, a send of 7 to out, and one that is switched off. */
static struct leat_case cases[3];
static int got, seven = 7;

static void three_cases(void)
{
    got = 0;
    cases[0] = (struct leat_case){.item = &got};
    cases[1] = (struct leat_case){.recv = in, .item = &got};
    cases[2] = (struct leat_case){.send = out, .item = &seven};
}

static void wait_told(unsigned waits, unsigned stops)
{
    cr_assert_eq(told("recv?\tin\t-\t0"), waits, "%s", text);
    cr_assert_eq(told("send?\tout\t7\t0"), waits, "%s", text);
    cr_assert_eq(told("stop\tin\t-\t0"), stops, "%s", text);
    cr_assert_eq(told("stop\tout\t7\t0"), stops, "%s", text);
}

Test(select_trace, one_that_is_canceled_gives_up_every_case, .init = setup,
     .fini = teardown)
{
    struct call select;
    three_cases();
    start_select(&select, ctx, cases, 3);
    cr_assert(blocked(ctx, 1));
    leat_ctx_cancel(ctx, 0);
    cr_assert_eq(finish(&select), LEAT_CANCELED);
    wait_told(1, 1);
    cr_assert_eq(told("recv\tin\t0\t1"), 0u);
}

Test(select_trace, one_that_never_waited_gives_up_nothing, .init = setup,
     .fini = teardown)
{
    size_t chosen = 99;
    three_cases();
    leat_ctx_cancel(ctx, 0);
    cr_assert_eq(leat_select(ctx, cases, 3, &chosen), LEAT_CANCELED);
    cr_assert_eq(chosen, 99u);
    wait_told(0, 0);
}

Test(select_trace, a_receive_after_a_wait_is_told_with_its_item, .init = setup,
     .fini = teardown)
{
    struct call select;
    int item = 5;
    three_cases();
    start_select(&select, ctx, cases, 3);
    cr_assert(blocked(ctx, 1));
    cr_assert_eq(leat_send(ctx, in, &item), LEAT_OK);
    cr_assert_eq(finish(&select), LEAT_OK);
    cr_assert_eq(select.chosen, 1u);
    cr_assert_eq(got, 5);
    wait_told(1, 0);
    cr_assert_eq(told("recv\tin\t5\t1"), 1u, "%s", text);
}

Test(select_trace, a_send_after_a_wait_is_told_with_what_it_was,
     .init = setup, .fini = teardown)
{
    struct call select;
    int item = 0;
    three_cases();
    start_select(&select, ctx, cases, 3);
    cr_assert(blocked(ctx, 1));
    cr_assert_eq(leat_recv(ctx, out, &item), LEAT_OK);
    cr_assert_eq(finish(&select), LEAT_OK);
    cr_assert_eq(select.chosen, 2u);
    cr_assert_eq(item, 7);
    wait_told(1, 0);
    cr_assert_eq(told("send\tout\t7\t1"), 1u, "%s", text);
}

Test(select_trace, one_that_is_ready_is_told_without_a_wait, .init = setup,
     .fini = teardown)
{
    size_t chosen;
    int item = 3;
    three_cases();
    cr_assert_eq(leat_send(ctx, in, &item), LEAT_OK);
    cr_assert_eq(leat_select(ctx, cases, 3, &chosen), LEAT_OK);
    cr_assert_eq(chosen, 1u);
    cases[2].send = off; /* it has room */
    cr_assert_eq(leat_select(ctx, cases, 3, &chosen), LEAT_OK);
    cr_assert_eq(chosen, 2u);
    wait_told(0, 0);
    cr_assert_eq(told("recv\tin\t3\t1"), 1u, "%s", text);
    cr_assert_eq(told("send\toff\t7\t1"), 1u, "%s", text);
}

Test(select_trace, a_channel_closed_meanwhile_is_given_up, .init = setup,
     .fini = teardown)
{
    struct call select;
    three_cases();
    start_select(&select, ctx, cases, 3);
    cr_assert(blocked(ctx, 1));
    leat_close(in);
    cr_assert_eq(finish(&select), LEAT_OK);
    cr_assert_eq(select.chosen, 1u);
    cr_assert_eq(cases[1].status, LEAT_CLOSED);
    cr_assert_eq(told("stop\tin\t-\t0"), 1u, "%s", text);
    cr_assert_eq(told("stop\tout\t7\t0"), 0u, "%s", text);
    cr_assert_eq(told("close\tin\t-\t0"), 1u, "%s", text);
}

Test(select_trace, a_channel_closed_before_is_no_wait_and_no_item,
     .init = setup, .fini = teardown)
{
    size_t chosen;
    three_cases();
    leat_close(out);
    cr_assert_eq(leat_select(ctx, cases, 3, &chosen), LEAT_OK);
    cr_assert_eq(chosen, 2u);
    cr_assert_eq(cases[2].status, LEAT_CLOSED);
    wait_told(0, 0);
    cr_assert_eq(told("send\tout\t7\t1"), 0u, "%s", text);
}

/* Both ends of a rendezvous in one select: no partner for itself; another is. */
Test(select_trace, both_ends_of_a_rendezvous_wait_for_somebody_else,
     .init = setup, .fini = teardown)
{
    struct call select;
    int item = 0;
    got = 0;
    cases[0] = (struct leat_case){.recv = out, .item = &got};
    cases[1] = (struct leat_case){.send = out, .item = &seven};
    start_select(&select, ctx, cases, 2);
    cr_assert(blocked(ctx, 1));
    cr_assert_eq(leat_recv(ctx, out, &item), LEAT_OK);
    cr_assert_eq(finish(&select), LEAT_OK);
    cr_assert_eq(select.chosen, 1u);
    cr_assert_eq(item, 7);
    cr_assert_eq(told("recv?\tout\t-\t0"), 1u, "%s", text);
    cr_assert_eq(told("send\tout\t7\t1"), 1u, "%s", text);
}
