/* test_item.c - what travels between stages.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/run.h"
#include <errno.h>
#include <leat/flow.h>

TestSuite(item, .timeout = 30);

static bool is_empty(const struct leat_item *item)
{
    return item && item->seq == 0 && !item->input && !item->value &&
           !item->error && !item->attempts && !item->stage && item->message &&
           !*item->message;
}

Test(item, outside_a_stage_there_is_an_empty_one)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    leat_ctx *child = leat_ctx_new(ctx, 0);
    cr_assert(is_empty(leat_ctx_item(ctx)));
    cr_assert(is_empty(leat_ctx_item(child)));
    cr_assert(is_empty(leat_ctx_item(NULL)));
    leat_ctx_free(child);
    leat_ctx_free(ctx);
}

Test(item, setting_one_outside_a_source_does_nothing)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    leat_item_set(ctx, 7, 3);
    leat_item_set(NULL, 7, 3);
    cr_assert(is_empty(leat_ctx_item(ctx)));
    leat_ctx_free(ctx);
}

Test(item, freeing_none_is_ignored)
{
    leat_item_free(NULL);
}

/* --- in a stage --- */

static struct leat_item seen[ACTS];
static char seen_type[ACTS][32], seen_input_type[ACTS][32];
static const struct box *first_input;

static int looks(leat_ctx *ctx, struct act *act)
{
    const struct leat_item *item = leat_ctx_item(ctx);
    size_t s = (size_t)(act - t.acts);
    seen[s] = *item;
    snprintf(seen_type[s], 32, "%s", item->type->name);
    snprintf(seen_input_type[s], 32, "%s", item->input_type->name);
    if (act == &t.acts[CHECK])
        first_input = item->input;
    return LEAT_OK;
}

Test(item, a_stage_sees_the_one_in_hand)
{
    trial(6, 1, false);
    for (int s = CHECK; s <= SAVE; s++)
        t.acts[s] = (struct act){.at = 5, .how = looks};
    cr_assert_eq(run(), LEAT_OK);
    for (int s = CHECK; s <= SAVE; s++) {
        const struct leat_item *item = &seen[s];
        cr_assert_eq(item->seq, 5u);
        cr_assert_eq(item->input, first_input, "stage %d", s);
        cr_assert_eq(item->error, 0);
        cr_assert_null(item->stage);
        cr_assert_not_null(item->message);
        cr_assert_str_eq(seen_input_type[s], "box");
        cr_assert_str_eq(seen_type[s], s == SAVE ? "crate" : "box");
    }
    cr_assert_eq(seen[CHECK].value, seen[CHECK].input);
    cr_assert_neq(seen[PACK].value, seen[PACK].input);
}

static int looks_below(leat_ctx *ctx, struct act *act)
{
    leat_ctx *child = leat_ctx_new(ctx, 0);
    seen[0] = *leat_ctx_item(child);
    leat_ctx_free(child);
    return LEAT_OK;
}

/* A child of a stage's context was not "given to" the stage: whatever it says
 * must be harmless. */
Test(item, under_a_child_of_the_stages_context_none_or_the_same_is_seen)
{
    trial(6, 1, false);
    t.acts[CHECK] = (struct act){.at = 5, .how = looks_below};
    cr_assert_eq(run(), LEAT_OK);
    cr_assert(is_empty(&seen[0]) || seen[0].seq == 5);
}

static int sets_it_elsewhere(leat_ctx *ctx, struct act *act)
{
    leat_item_set(ctx, 4711, 99);
    return act->status;
}

Test(item, only_a_source_may_set_it)
{
    trial(6, 1, false);
    with_errors_sink();
    for (int s = CHECK; s <= SAVE; s++)
        t.acts[s] = (struct act){.at = s, .how = sets_it_elsewhere,
                                 .status = EIO};
    cr_assert_eq(run(), LEAT_PARTIAL);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(t.failures[i].seq, t.failures[i].n);
        cr_assert_eq(t.failures[i].attempts, 1u);
    }
}

static int sets_it(leat_ctx *ctx, struct act *act)
{
    leat_item_set(ctx, 100 + 7 * (t.next - 1), 4);
    return LEAT_OK;
}

Test(item, a_source_gives_it_its_number_and_the_attempts_before)
{
    trial(5, 1, false);
    with_errors_sink();
    t.acts[READ] = (struct act){.all = true, .how = sets_it};
    t.acts[CHECK] = (struct act){.at = 2, .status = EIO};
    cr_assert_eq(run(), LEAT_PARTIAL);
    cr_assert_eq(t.failures[0].seq, 114u);
    cr_assert_eq(t.failures[0].attempts, 5u);
    cr_assert_eq(t.order[0], 100u);
    cr_assert_eq(t.order[3], 128u);
}

Test(item, attempts_before_do_not_use_up_those_of_now)
{
    trial(5, 1, false);
    with_errors_sink();
    t.pipeline.stages[CHECK].retry.attempts = 3;
    t.acts[READ] = (struct act){.all = true, .how = sets_it};
    t.acts[CHECK] = (struct act){.at = 2, .status = LEAT_AGAIN};
    cr_assert_eq(run(), LEAT_PARTIAL);
    cr_assert_eq(gate_at(&t.acts[CHECK].hits), 3u);
    cr_assert_eq(t.failures[0].attempts, 7u);
}

static int sets_it_and_skips(leat_ctx *ctx, struct act *act)
{
    leat_item_set(ctx, 4711, 0);
    return LEAT_SKIP;
}

Test(item, a_skipped_one_keeps_the_number_that_its_source_gave)
{
    trial(5, 1, false);
    t.acts[READ] = (struct act){.at = 2, .how = sets_it_and_skips};
    cr_assert_eq(run(), LEAT_OK);
    for (size_t i = 0; i < t.event_count; i++)
        if (t.events[i].kind == LEAT_EVENT_SKIP)
            cr_assert_eq(t.events[i].seq, 4711u);
}

/* --- how it ends --- */

static int drop_order[4];
static size_t drops;

/* A zeroed value owns nothing. */
static void drops_a(void *value)
{
    if (*(int *)value && drops < 4)
        drop_order[drops++] = 'a';
}

static void drops_b(void *value)
{
    if (*(int *)value && drops < 4)
        drop_order[drops++] = 'b';
}

static int once(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    bool *done = arg;
    if (*done)
        return LEAT_CLOSED;
    *done = true;
    *(int *)out = 1;
    return LEAT_OK;
}

static int same(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    *(int *)out = *(const int *)in;
    return LEAT_OK;
}

Test(item, its_values_are_dropped_the_latest_first)
{
    const struct leat_type a = {.name = "int", .size = sizeof(int),
                                .drop = drops_a};
    const struct leat_type b = {.name = "int", .size = sizeof(int),
                                .drop = drops_b};
    bool done = false;
    struct leat_item *item = NULL;
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    leat_group *group = leat_group_new(ctx);
    leat_chan *out = leat_map(
        group,
        leat_generate(group, &(struct leat_stage){"once", once, &done,
                                                  .out = &a}),
        &(struct leat_stage){"same", same, .in = &a, .out = &b});
    cr_assert_eq(leat_recv(ctx, out, &item), LEAT_OK);
    cr_assert_eq(drops, 0u, "what it was made of was dropped");
    leat_item_free(item);
    cr_assert_eq(drops, 2u);
    cr_assert_eq(drop_order[0], 'b');
    cr_assert_eq(drop_order[1], 'a');
    cr_assert_eq(leat_group_wait(group, NULL), LEAT_OK);
    cr_assert_eq(drops, 2u);
    leat_ctx_free(ctx);
}
