/* test_flow_check.c - what the functions of flow refuse: nothing runs, and the
 * group says why.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/run.h"
#include <leat/flow.h>

TestSuite(flow_check, .timeout = 30);

static leat_ctx *ctx;
static leat_group *group;
static struct leat_error why;

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

static leat_chan *source(uint64_t count)
{
    t.count = count;
    return leat_generate(group, stage(READ, 1));
}

/* Waits for the group, and looks that everything was released, once. */
static int end(void)
{
    int status = leat_group_wait(group, &why);
    cr_assert_eq(why.status, status);
    cr_assert_eq(token_wrong(), 0u, "token %u is not dropped once",
                 token_wrong());
    return status;
}

Test(flow_check, a_chain_of_null_reports_the_first_reason, .init = setup,
     .fini = teardown)
{
    struct leat_stage broken = *stage(CHECK, 1);
    broken.batch = 3;
    leat_chan *ch = leat_map(group, source(50), &broken);
    cr_assert_null(ch);
    ch = leat_map(group, ch, stage(PACK, 1));
    cr_assert_null(ch);
    ch = leat_or_done(group, ch);
    cr_assert_null(ch);
    cr_assert_eq(end(), LEAT_INVALID);
    cr_assert_str_eq(why.stage, "check", "%s", why.stage);
    cr_assert_gt(strlen(why.message), 3u);
}

Test(flow_check, what_a_flow_does_not_do_is_refused, .init = setup,
     .fini = teardown)
{
    static const struct leat_resource commits = {.end = NULL};
    int child;
    const struct leat_stage wishes[] = {
        {.ordered = true}, {.timeout = 1}, {.retry = {.attempts = 2}},
        {.retry = {.backoff = 1}}, {.retry = {.backoff_max = 1}},
        {.retry = {.budget = 1}}, {.batch = 1}, {.linger = 1},
        {.child = (leat_children *)&child}, {.workers = LEAT_WORKERS + 1},
    };
    for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
        struct leat_stage wish = wishes[i];
        const struct leat_stage *like = stage(CHECK, 1);
        wish.name = like->name;
        wish.fn = like->fn;
        wish.arg = like->arg;
        wish.in = like->in;
        wish.out = like->out;
        wish.resource = &commits;
        if (i > 0)
            group = leat_group_new(ctx);
        t.next = 0;
        cr_assert_null(leat_map(group, source(3), &wish), "wish %zu", i);
        cr_assert_eq(end(), LEAT_INVALID, "wish %zu", i);
    }
}

static int does(leat_ctx *task, void *state)
{
    return LEAT_OK;
}

Test(flow_check, a_resource_that_wants_batches_is_refused, .init = setup,
     .fini = teardown)
{
    static const struct leat_resource batches = {.begin = does};
    t.pipeline.stages[CHECK].resource = &batches;
    cr_assert_null(leat_map(group, source(3), stage(CHECK, 1)));
    cr_assert_eq(end(), LEAT_INVALID);
}

Test(flow_check, stages_that_do_not_fit_are_refused, .init = setup,
     .fini = teardown)
{
    leat_chan *ch = source(20);
    cr_assert_not_null(ch);
    struct leat_stage save = *stage(SAVE, 1); /* a sink, and of crates */
    save.out = &box_type;
    cr_assert_null(leat_map(group, ch, &save));
    cr_assert_eq(end(), LEAT_INVALID);
    cr_assert_eq(gate_at(&t.acts[SAVE].calls), 0u, "it read boxes as crates");
}

Test(flow_check, a_channel_of_something_else_is_refused, .init = setup,
     .fini = teardown)
{
    leat_chan *ints = leat_chan_new("ints", LEAT_TYPE(int), 4), *outs[2];
    cr_assert_null(leat_map(group, ints, stage(CHECK, 1)));
    cr_assert_null(leat_or_done(group, ints));
    cr_assert_null(leat_fan_in(group, &ints, 1));
    cr_assert_eq(leat_tee(group, ints, outs, 2), LEAT_INVALID);
    cr_assert_eq(leat_fan_out(group, ints, stage(CHECK, 2), outs),
                 LEAT_INVALID);
    cr_assert_eq(end(), LEAT_INVALID);
    leat_chan_free(ints);
}

Test(flow_check, null_is_refused, .init = setup, .fini = teardown)
{
    leat_chan *outs[2], *ch = source(3);
    cr_assert_null(leat_generate(NULL, stage(READ, 1)));
    cr_assert_null(leat_map(NULL, ch, stage(CHECK, 1)));
    cr_assert_null(leat_fan_in(NULL, &ch, 1));
    cr_assert_null(leat_or_done(NULL, ch));
    cr_assert_eq(leat_tee(NULL, ch, outs, 2), LEAT_INVALID);
    cr_assert_eq(leat_fan_out(NULL, ch, stage(CHECK, 2), outs), LEAT_INVALID);
    cr_assert_null(leat_generate(group, NULL));
    cr_assert_null(leat_map(group, ch, NULL));
    cr_assert_eq(leat_tee(group, ch, NULL, 2), LEAT_INVALID);
    cr_assert_eq(leat_fan_out(group, ch, stage(CHECK, 2), NULL),
                 LEAT_INVALID);
    cr_assert_eq(end(), LEAT_INVALID);
}
