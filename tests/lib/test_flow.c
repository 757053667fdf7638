/* test_flow.c - stages by hand: each function, and what becomes of items when
 * something goes wrong.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/run.h"
#include "support/scale.h"
#include <errno.h>
#include <leat/flow.h>

TestSuite(flow, .timeout = 30);

static leat_ctx *ctx;
static leat_group *group;

/* The stages are those of support/run.h; nothing else of a trial is used. */
static void setup(void)
{
    trial(MOST, 1, false);
    ctx = leat_ctx_root(PATIENCE);
    group = leat_group_new(ctx);
}

static void teardown(void)
{
    leat_ctx_free(ctx);
}

static const struct leat_stage *stage(int s, unsigned workers)
{
    t.pipeline.stages[s].workers = workers;
    return &t.pipeline.stages[s];
}

/* A second one shares the numbers with the first. */
static leat_chan *source(uint64_t count)
{
    if (t.count != count)
        t.count = count;
    return leat_generate(group, stage(READ, 1));
}

/* What came out, item by item; each is freed. */
static struct {
    size_t count, failed;
    unsigned times[MOST];
    struct leat_item last; /* good for its plain fields only */
    char message[240], type[32];
    uint64_t order[MOST];
} got;

static void take(struct leat_item *item)
{
    uint64_t n = ((const struct box *)item->input)->n;
    got.order[got.count % MOST] = n;
    got.count++;
    got.times[n]++;
    if (item->error) {
        got.failed++;
        got.last = *item;
        snprintf(got.message, sizeof got.message, "%s", item->message);
        snprintf(got.type, sizeof got.type, "%s", item->type->name);
    }
    leat_item_free(item);
}

static size_t take_all(leat_chan *ch)
{
    struct leat_item *item;
    memset(&got, 0, sizeof got);
    while (leat_recv(ctx, ch, &item) == LEAT_OK)
        take(item);
    return got.count;
}

static void each_once(size_t count)
{
    cr_assert_eq(got.count, count);
    for (size_t n = 0; n < MOST; n++)
        cr_assert_eq(got.times[n], n < count ? 1u : 0u, "item %zu", n);
}

static struct leat_error why;

/* Waits for the group, and looks that everything was released, once. */
static int end(void)
{
    int status = leat_group_wait(group, &why);
    cr_assert_eq(why.status, status);
    cr_assert_str_eq(t.wrong, "", "%s", t.wrong);
    if (status != LEAT_LOST)
        cr_assert_eq(token_wrong(), 0u, "token %u is not dropped once",
                     token_wrong());
    return status;
}

/* --- generate --- */

Test(flow, generate_sends_what_the_source_makes, .init = setup,
     .fini = teardown)
{
    take_all(source(50));
    each_once(50);
    for (size_t i = 0; i < 50; i++)
        cr_assert_eq(got.order[i], i);
    cr_assert_eq(end(), LEAT_OK);
}

Test(flow, generate_of_nothing_closes_its_channel, .init = setup,
     .fini = teardown)
{
    cr_assert_eq(take_all(source(0)), 0u);
    cr_assert_eq(end(), LEAT_OK);
}

Test(flow, a_sources_error_ends_the_group_with_its_name, .init = setup,
     .fini = teardown)
{
    t.acts[READ] = (struct act){.at = 5, .status = EIO, .how = explains};
    leat_chan *ch = source(50);
    while (leat_ctx_cause(ctx) == LEAT_OK && take_all(ch) > 0)
        ;
    cr_assert_eq(end(), EIO);
    cr_assert_str_eq(why.stage, "read");
    cr_assert_str_eq(why.message, "number 5 is broken");
}

Test(flow, several_workers_of_a_source_close_it_when_the_last_has_ended,
     .init = setup, .fini = teardown)
{
    t.count = 100;
    take_all(leat_generate(group, stage(READ, 5)));
    each_once(100);
    cr_assert_eq(end(), LEAT_OK);
}

/* --- map --- */

Test(flow, map_makes_one_of_each, .init = setup, .fini = teardown)
{
    leat_chan *ch = leat_map(group, source(100), stage(CHECK, 1));
    take_all(leat_map(group, ch, stage(PACK, 5)));
    each_once(100);
    cr_assert_eq(got.failed, 0u);
    cr_assert_eq(end(), LEAT_OK);
}

Test(flow, map_skips, .init = setup, .fini = teardown)
{
    t.acts[CHECK] = (struct act){.at = 99, .status = LEAT_SKIP};
    take_all(leat_map(group, source(100), stage(CHECK, 5)));
    each_once(99);
    cr_assert_eq(end(), LEAT_OK);
}

Test(flow, a_failure_goes_with_the_item_through_stages_of_other_types,
     .init = setup, .fini = teardown)
{
    static const int statuses[] = {EIO, LEAT_AGAIN, LEAT_FATAL, LEAT_NOMEM};
    for (size_t i = 0; i < 4; i++) {
        if (i > 0)
            group = leat_group_new(ctx);
        t.next = 0;
        t.acts[CHECK] = (struct act){.at = 7, .status = statuses[i],
                                     .how = explains};
        leat_chan *ch = leat_map(group, source(20), stage(CHECK, 5));
        take_all(leat_map(group, ch, stage(PACK, 5)));
        each_once(20);
        cr_assert_eq(got.failed, 1u);
        cr_assert_eq(got.last.error, statuses[i]);
        cr_assert_eq(got.last.attempts, 1u);
        cr_assert_str_eq(got.last.stage, "check");
        cr_assert_str_eq(got.message, "number 7 is broken");
        cr_assert_str_eq(got.type, "box");
        cr_assert_eq(end(), LEAT_OK);
    }
}

Test(flow, a_map_that_wants_no_more_ends_what_is_before_it, .init = setup,
     .fini = teardown)
{
    t.acts[CHECK] = (struct act){.at = 10, .status = LEAT_CLOSED};
    take_all(leat_map(group, source(MOST), stage(CHECK, 1)));
    each_once(10);
    cr_assert_eq(end(), LEAT_OK);
    cr_assert_lt(gate_at(&t.acts[READ].calls), (unsigned)MOST);
}

/* --- fan-out, fan-in --- */

Test(flow, fan_out_and_fan_in_lose_and_double_none, .init = setup,
     .fini = teardown)
{
    leat_chan *parts[5];
    cr_assert_eq(leat_fan_out(group, source(scaled(400)), stage(CHECK, 5),
                              parts), LEAT_OK);
    leat_chan *all = leat_fan_in(group, parts, 5);
    take_all(leat_map(group, all, stage(PACK, 1)));
    each_once(scaled(400));
    cr_assert_eq(end(), LEAT_OK);
}

Test(flow, fan_out_without_workers_is_one, .init = setup, .fini = teardown)
{
    leat_chan *parts[2] = {NULL, NULL};
    cr_assert_eq(leat_fan_out(group, source(20), stage(CHECK, 0), parts),
                 LEAT_OK);
    cr_assert_null(parts[1]);
    take_all(parts[0]);
    each_once(20);
    cr_assert_eq(end(), LEAT_OK);
}

Test(flow, fan_in_of_one_is_that_one, .init = setup, .fini = teardown)
{
    leat_chan *one = source(20);
    take_all(leat_fan_in(group, &one, 1));
    each_once(20);
    cr_assert_eq(end(), LEAT_OK);
}

Test(flow, fan_in_ends_when_the_last_has_ended, .init = setup,
     .fini = teardown)
{
    leat_chan *ins[3];
    for (int i = 0; i < 3; i++) /* they share the numbers */
        ins[i] = source(90);
    take_all(leat_fan_in(group, ins, 3));
    each_once(90);
    cr_assert_eq(end(), LEAT_OK);
}

Test(flow, a_failed_fan_out_leaves_no_channel, .init = setup,
     .fini = teardown)
{
    leat_chan *parts[5];
    memset(parts, 0xa5, sizeof parts);
    cr_assert_eq(leat_fan_out(group, NULL, stage(CHECK, 5), parts),
                 LEAT_INVALID);
    for (int i = 0; i < 5; i++)
        cr_assert_null(parts[i]);
    cr_assert_null(leat_fan_in(group, parts, 5));
    cr_assert_eq(end(), LEAT_INVALID);
}

Test(flow, a_fan_in_of_nothing_is_refused, .init = setup, .fini = teardown)
{
    leat_chan *one = source(20);
    cr_assert_null(leat_fan_in(group, &one, 0));
    cr_assert_eq(end(), LEAT_INVALID);
    group = leat_group_new(ctx);
    cr_assert_null(leat_fan_in(group, NULL, 3));
    cr_assert_eq(end(), LEAT_INVALID);
}

/* --- tee --- */

Test(flow, tee_sends_every_item_to_every_output, .init = setup,
     .fini = teardown)
{
    leat_chan *outs[3];
    struct leat_item *items[3];
    cr_assert_eq(leat_tee(group, source(30), outs, 3), LEAT_OK);
    for (uint64_t n = 0; n < 30; n++) {
        unsigned dropped = token_dropped();
        for (int i = 0; i < 3; i++) {
            cr_assert_eq(leat_recv(ctx, outs[i], &items[i]), LEAT_OK);
            cr_assert_eq(((const struct box *)items[i]->value)->n, n);
            cr_assert_eq(items[i]->value, items[0]->value, "it was copied");
        }
        for (uint64_t i = 0; i < 3; i++) {
            cr_assert(i > 0 || token_dropped() == dropped, "freed at once");
            leat_item_free(items[(n + i) % 3]);
        }
        while (token_dropped() == dropped) /* tee itself may be the last */
            look_again();
        cr_assert_eq(token_dropped(), dropped + 1, "not freed by the last");
    }
    for (int i = 0; i < 3; i++)
        cr_assert_eq(leat_recv(ctx, outs[i], &items[i]), LEAT_CLOSED);
    cr_assert_eq(end(), LEAT_OK);
}

Test(flow, what_is_behind_a_tee_may_be_mapped_on_both_sides, .init = setup,
     .fini = teardown)
{
    leat_chan *outs[2], *both[2];
    t.acts[CHECK] = (struct act){.at = 3, .status = EIO};
    cr_assert_eq(leat_tee(group, source(100), outs, 2), LEAT_OK);
    both[0] = leat_map(group, outs[0], stage(CHECK, 2));
    both[1] = leat_map(group, outs[1], stage(PACK, 2));
    take_all(leat_fan_in(group, both, 2));
    cr_assert_eq(got.count, 200u);
    cr_assert_eq(got.failed, 1u);
    for (size_t n = 0; n < 100; n++)
        cr_assert_eq(got.times[n], 2u);
    cr_assert_eq(end(), LEAT_OK);
}

Test(flow, an_output_of_a_tee_that_is_closed_holds_up_no_other, .init = setup,
     .fini = teardown)
{
    leat_chan *outs[2];
    cr_assert_eq(leat_tee(group, source(200), outs, 2), LEAT_OK);
    leat_close(outs[0]);
    take_all(outs[1]);
    each_once(200);
    cr_assert_eq(end(), LEAT_OK);
}

Test(flow, a_failed_tee_leaves_no_channel, .init = setup, .fini = teardown)
{
    leat_chan *outs[2];
    memset(outs, 0xa5, sizeof outs);
    cr_assert_eq(leat_tee(group, NULL, outs, 2), LEAT_INVALID);
    cr_assert_null(outs[0]);
    cr_assert_null(outs[1]);
    cr_assert_eq(end(), LEAT_INVALID);
}

/* --- or_done --- */

Test(flow, or_done_passes_on_another_groups_items, .init = setup,
     .fini = teardown)
{
    leat_group *other = leat_group_new(ctx);
    t.count = 50;
    leat_chan *theirs = leat_generate(other, stage(READ, 1));
    take_all(leat_or_done(group, theirs));
    each_once(50);
    cr_assert_eq(end(), LEAT_OK);
    cr_assert_eq(leat_group_wait(other, NULL), LEAT_OK);
}

Test(flow, or_done_ends_with_its_own_group_and_not_the_other, .init = setup,
     .fini = teardown)
{
    leat_ctx *mine = leat_ctx_new(ctx, 0);
    leat_group *short_lived = leat_group_new(mine);
    struct leat_item *item;
    leat_chan *theirs = source(300);
    leat_chan *ch = leat_or_done(short_lived, theirs);
    cr_assert_eq(leat_recv(ctx, ch, &item), LEAT_OK);
    leat_item_free(item);
    leat_ctx_cancel(mine, 0);
    cr_assert_eq(leat_group_wait(short_lived, NULL), LEAT_CANCELED);
    leat_ctx_free(mine);
    take_all(theirs);
    cr_assert_gt(got.count, 0u);
    cr_assert_eq(end(), LEAT_OK);
}

/* --- resources --- */

static struct gate opened, closed;

static int opens(leat_ctx *task, void *arg, void **state)
{
    gate_step(&opened);
    *state = arg;
    return LEAT_OK;
}

static int does_not_open(leat_ctx *task, void *arg, void **state)
{
    *state = arg;
    return leat_fail(task, EACCES, "locked");
}

static void closes(void *state)
{
    if (state != &t.acts[CHECK])
        wrong("closed another state", 0);
    gate_step(&closed);
}

Test(flow, each_worker_opens_and_closes_its_own, .init = setup,
     .fini = teardown)
{
    static const struct leat_resource resource = {.open = opens,
                                                  .close = closes};
    gate_init(&opened);
    gate_init(&closed);
    t.pipeline.stages[CHECK].resource = &resource;
    take_all(leat_map(group, source(50), stage(CHECK, 5)));
    each_once(50);
    cr_assert_eq(end(), LEAT_OK);
    cr_assert_geq(gate_at(&opened), 1u);
    cr_assert_eq(gate_at(&opened), gate_at(&closed));
}

Test(flow, an_open_that_fails_ends_the_group, .init = setup, .fini = teardown)
{
    static const struct leat_resource resource = {.open = does_not_open,
                                                  .close = closes};
    gate_init(&closed);
    t.pipeline.stages[CHECK].resource = &resource;
    take_all(leat_map(group, source(50), stage(CHECK, 1)));
    cr_assert_eq(end(), EACCES);
    cr_assert_str_eq(why.stage, "check");
    cr_assert_str_eq(why.message, "locked");
    cr_assert_eq(gate_at(&closed), 1u);
}

/* --- how it ends --- */

Test(flow, an_item_that_was_not_freed_is_lost, .init = setup)
{
    struct leat_item *item;
    cr_assert_eq(leat_recv(ctx, source(3), &item), LEAT_OK);
    cr_assert_eq(end(), LEAT_LOST);
    leat_item_free(item); /* late, but not too late */
    cr_assert_eq(token_wrong(), 0u);
    leat_ctx_free(ctx);
}

Test(flow, what_nobody_received_is_freed, .init = setup, .fini = teardown)
{
    leat_chan *outs[2];
    leat_chan *ch = leat_map(group, source(MOST), stage(CHECK, 5));
    cr_assert_eq(leat_tee(group, ch, outs, 2), LEAT_OK);
    struct leat_item *item;
    cr_assert_eq(leat_recv(ctx, outs[1], &item), LEAT_OK);
    leat_item_free(item);
    leat_ctx_cancel(ctx, 0);
    cr_assert_eq(end(), LEAT_CANCELED);
}

Test(flow, a_deadline_is_no_good_end, .init = setup, .fini = teardown)
{
    leat_ctx *shorter = leat_ctx_new(ctx, ms(20));
    leat_group *late = leat_group_new(shorter);
    t.acts[READ] = (struct act){.at = 3, .how = hang};
    t.count = 10;
    take_all(leat_generate(late, stage(READ, 1)));
    cr_assert_eq(leat_group_wait(late, NULL), LEAT_TIMEOUT);
    leat_ctx_free(shorter);
    cr_assert_eq(end(), LEAT_OK);
}
