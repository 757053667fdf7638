/* test_refusals.c - every reason for which leat_run() and flow refuse, word for
 * word: a message that nobody has read helps nobody.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/run.h"
#include <leat/flow.h>
#include <math.h>

TestSuite(refusals, .timeout = 30);

/* --- leat_run() --- */

static struct leat_stage *stage(int s)
{
    trial(3, 1, false);
    with_errors_sink();
    return s == ERRORS ? &t.pipeline.errors : &t.pipeline.stages[s];
}

static struct leat_pipeline *pipeline(void)
{
    stage(READ);
    return &t.pipeline;
}

static void refused(const char *name, const char *message)
{
    cr_assert_eq(run(), LEAT_INVALID, "not refused: %s", message);
    cr_assert_str_eq(t.report.cause.message, message);
    if (name)
        cr_assert(t.report.cause.stage &&
                      !strcmp(t.report.cause.stage, name),
                  "it blames %s", t.report.cause.stage);
    else
        cr_assert_null(t.report.cause.stage);
    cr_assert_eq(gate_at(&t.acts[READ].calls), 0u);
}

Test(refusals, of_a_run_that_has_no_context_or_no_pipeline)
{
    struct leat_report report;
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    cr_assert_eq(leat_run(ctx, NULL, &report), LEAT_INVALID);
    cr_assert_str_eq(report.cause.message, "no pipeline");
    cr_assert_eq(leat_run(NULL, pipeline(), &report), LEAT_INVALID);
    cr_assert_str_eq(report.cause.message, "no context");
    leat_ctx_free(ctx);
}

Test(refusals, of_a_stage_that_is_not_whole)
{
    static const struct leat_type other = {.name = "bag", .size = 1};
    static const struct leat_type nameless = {.size = sizeof(struct box)};
    char message[240];
    stage(PACK)->fn = NULL;
    refused("pack", "fn is missing");
    stage(PACK)->name = NULL;
    refused(NULL, "name is missing");
    stage(PACK)->name = "";
    refused("", "name is missing");
    stage(READ)->out = NULL;
    refused("read", "out is missing");
    stage(READ)->in = &box_type;
    refused("read", "a source takes nothing, but in is set");
    stage(CHECK)->in = NULL;
    refused("check", "in is missing");
    stage(CHECK)->out = NULL;
    refused("check", "out is missing, and it is not the last stage");
    stage(SAVE)->out = &box_type;
    refused("save", "a sink makes nothing, but out is set");
    stage(CHECK)->in = &other;
    snprintf(message, sizeof message,
             "takes bag (1 bytes), but read makes box (%zu)",
             sizeof(struct box));
    refused("check", message);
    stage(CHECK)->in = &nameless;
    snprintf(message, sizeof message,
             "takes  (%zu bytes), but read makes box (%zu)",
             sizeof(struct box), sizeof(struct box));
    refused("check", message);
    stage(READ)->out = &nameless;
    snprintf(message, sizeof message,
             "takes box (%zu bytes), but read makes  (%zu)",
             sizeof(struct box), sizeof(struct box));
    refused("check", message);
}

Test(refusals, of_what_a_stage_cannot_do)
{
    int child;
    for (int s = READ; s <= ERRORS; s++) {
        const char *name = stage(s)->name;
        stage(s)->workers = LEAT_WORKERS + 1;
        refused(name, "more workers than LEAT_WORKERS");
        stage(s)->child = (leat_children *)&child;
        refused(name, "child is not built yet");
        stage(s)->timeout = -1;
        refused(name, "timeout or linger is negative");
        stage(s)->linger = -1;
        refused(name, "timeout or linger is negative");
        stage(s)->retry.backoff = -1;
        refused(name, "a field of retry is negative");
        stage(s)->retry.backoff_max = -1;
        refused(name, "a field of retry is negative");
        stage(s)->retry.budget = -1;
        refused(name, "a field of retry is negative");
        stage(s)->retry.budget = (double)NAN;
        refused(name, "a field of retry is negative");
    }
    stage(READ)->linger = 1;
    refused("read", "a source has no linger");
    stage(SAVE)->ordered = true;
    refused("save", "a sink has no output to order");
    stage(ERRORS)->ordered = true;
    refused("errors", "a sink has no output to order");
    stage(ERRORS)->out = &box_type;
    refused("errors", "a sink makes nothing, but out is set");
}

Test(refusals, of_a_pipeline_that_is_none)
{
    memset(&pipeline()->stages[CHECK], 0, 3 * sizeof(struct leat_stage));
    refused(NULL, "a pipeline has a source and a sink at least");
    pipeline()->errors.name = NULL;
    refused(NULL, "name is missing");
    pipeline()->errors.fn = NULL;
    refused("errors", "fn is missing");
    pipeline()->item_timeout = -1;
    refused(NULL, "item_timeout, grace or tick is negative");
    pipeline()->grace = -1;
    refused(NULL, "item_timeout, grace or tick is negative");
    pipeline()->tick = -1;
    refused(NULL, "item_timeout, grace or tick is negative");
    pipeline()->threshold.ratio = -0.5;
    refused(NULL, "threshold.ratio is not between 0 and 1");
    pipeline()->threshold.ratio = 1.5;
    refused(NULL, "threshold.ratio is not between 0 and 1");
    pipeline()->threshold.ratio = (double)NAN;
    refused(NULL, "threshold.ratio is not between 0 and 1");
    pipeline()->spares = 1;
    refused(NULL, "spares is not built yet");
    pipeline()->silence = 1;
    refused(NULL, "silence is not built yet");
}

/* A stage may be forgotten in part, whichever part it is. */
Test(refusals, of_what_stands_behind_the_last_stage)
{
    static const struct leat_resource resource = {.open = NULL};
    struct leat_stage rests[] = {{.name = "rest"}, {.arg = &t},
                                 {.in = &box_type}, {.out = &box_type},
                                 {.resource = &resource}};
    for (size_t i = 0; i < sizeof rests / sizeof *rests; i++) {
        pipeline()->stages[SAVE + 1] = rests[i];
        refused(rests[i].name, "fn is missing");
        pipeline()->errors = rests[i];
        refused(rests[i].name, "fn is missing");
    }
}

static int encodes(const void *item, char *text, size_t size)
{
    return 0;
}

Test(refusals, of_an_errors_sink_that_writes_what_has_no_text)
{
    static const struct leat_type writes = {
        .name = "item", .size = sizeof(struct leat_item), .encode = encodes};
    stage(ERRORS)->in = &writes;
    refused("errors", "it writes items as text, but the source's type has no "
                      "encode and decode");
}

static int passes(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    return LEAT_OK;
}

static int ends(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    return LEAT_CLOSED;
}

Test(refusals, of_no_pipeline_with_as_many_stages_as_there_can_be)
{
    const struct leat_type *type = LEAT_TYPE(int);
    struct leat_pipeline most = {.stages = {{"first", ends, .out = type}}};
    struct leat_report report;
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    for (int i = 1; i < LEAT_STAGES; i++)
        most.stages[i] = (struct leat_stage){
            "next", passes, .in = type, .capacity = 1,
            .out = i < LEAT_STAGES - 1 ? type : NULL};
    cr_assert_eq(leat_run(ctx, &most, &report), LEAT_OK, "%s",
                 report.cause.message);
    leat_ctx_free(ctx);
}

/* More than an address can reach. */
Test(refusals, of_values_that_fit_in_no_memory)
{
    struct leat_type huge = {.name = "huge", .size = SIZE_MAX / 2};
    for (int twice = 0; twice <= 1; twice++) {
        huge.size = twice ? SIZE_MAX / 4 : SIZE_MAX / 2;
        stage(READ)->out = &huge;
        t.pipeline.stages[CHECK].in = t.pipeline.stages[CHECK].out = &huge;
        t.pipeline.stages[PACK].in = t.pipeline.stages[PACK].out = &huge;
        t.pipeline.stages[SAVE].in = &huge;
        leat_ctx *ctx = leat_ctx_root(PATIENCE);
        cr_assert_eq(leat_run(ctx, &t.pipeline, &t.report), LEAT_NOMEM);
        cr_assert_eq(t.report.total.in, 0u);
        leat_ctx_free(ctx);
    }
}

/* --- flow --- */

static leat_ctx *root;
static leat_group *group;

static leat_chan *fresh(struct leat_stage *like, int s)
{
    static const struct leat_resource none = {.open = NULL};
    trial(0, 1, false);
    root = leat_ctx_root(PATIENCE);
    group = leat_group_new(root);
    *like = t.pipeline.stages[s];
    like->resource = &none;
    leat_chan *ch = leat_generate(group, &t.pipeline.stages[READ]);
    cr_assert_not_null(ch);
    return ch;
}

static void group_says(const char *name, const char *message)
{
    struct leat_error why;
    cr_assert_eq(leat_group_wait(group, &why), LEAT_INVALID);
    cr_assert_str_eq(why.message, message);
    cr_assert_str_eq(why.stage ? why.stage : "(none)", name);
    leat_ctx_free(root);
}

static void map_refused(struct leat_stage *like, leat_chan *ch,
                        const char *message)
{
    cr_assert_null(leat_map(group, ch, like), "not refused: %s", message);
    group_says("check", message);
}

static int begins(leat_ctx *ctx, void *state)
{
    return LEAT_OK;
}

Test(refusals, of_a_flow_say_what_only_a_pipeline_can_do)
{
    static const char needs[] =
        "ordered, timeout, retry, batch and linger need a pipeline";
    static const struct leat_resource begin = {.begin = begins};
    struct leat_stage s;
    leat_chan *ch;
#define WISH(field, value, message) \
    do { \
        ch = fresh(&s, CHECK); \
        s.field = value; \
        map_refused(&s, ch, message); \
    } while (0)
    WISH(ordered, true, needs);
    WISH(timeout, 1, needs);
    WISH(retry.attempts, 2, needs);
    WISH(retry.backoff, 1, needs);
    WISH(retry.backoff_max, 1, needs);
    WISH(retry.budget, 0.1, needs);
    WISH(batch, 1, needs);
    WISH(linger, 1, needs);
    WISH(resource, &begin, "begin and end of a resource need a pipeline");
    WISH(in, NULL, "in is missing");
    WISH(out, NULL, "out is missing");
    WISH(fn, NULL, "fn is missing");
    WISH(workers, LEAT_WORKERS + 1, "more workers than LEAT_WORKERS");
    WISH(in, LEAT_TYPE(int), "takes int, but what comes is box");
#undef WISH
}

Test(refusals, of_a_flow_say_what_is_not_there)
{
    static const char no_items[] = "a channel that is NULL or not of items";
    struct leat_stage s;
    leat_chan *outs[2], *ch = fresh(&s, CHECK), *none = NULL, *ints;
    cr_assert_null(leat_map(group, NULL, &s));
    group_says("check", "a stage or a channel is NULL");
    ch = fresh(&s, CHECK);
    cr_assert_null(leat_map(group, ch, NULL));
    group_says("(none)", "a stage or a channel is NULL");
    fresh(&s, CHECK);
    cr_assert_null(leat_generate(group, NULL));
    group_says("(none)", "the stage is NULL");
    fresh(&s, CHECK);
    cr_assert_null(leat_generate(group, &s));
    group_says("check", "a source takes nothing, but in is set");
    ch = fresh(&s, CHECK);
    cr_assert_eq(leat_fan_out(group, ch, &s, NULL), LEAT_INVALID);
    group_says("check", "outs is NULL");
    fresh(&s, CHECK);
    cr_assert_null(leat_fan_in(group, &none, 1));
    group_says("fan in", no_items);
    fresh(&s, CHECK);
    cr_assert_eq(leat_tee(group, NULL, outs, 2), LEAT_INVALID);
    group_says("tee", no_items);
    fresh(&s, CHECK);
    cr_assert_null(leat_or_done(group, NULL));
    group_says("or done", no_items);
    fresh(&s, CHECK);
    ints = leat_chan_new("ints", LEAT_TYPE(int), 1);
    cr_assert_null(leat_map(group, ints, &s));
    group_says("check", no_items);
    leat_chan_free(ints);
}

/* --- what stages ask for in vain --- */

Test(refusals, of_a_word_about_nobody)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    cr_assert_eq(leat_fail(NULL, 5, "x"), 5);
    cr_assert_eq(leat_fail(ctx, 5, "x"), 5, "nobody is at work here");
    cr_assert_eq(leat_fail(ctx, 5, NULL), 5);
    cr_assert_eq(leat_beat(NULL, 1, 2), LEAT_INVALID);
    cr_assert_eq(leat_beat(ctx, 1, 2), LEAT_OK);
    leat_item_set(NULL, 1, 2);
    leat_item_set(ctx, 1, 2);
    cr_assert_null(leat_ctx_item(NULL)->value);
    cr_assert_null(leat_ctx_item(ctx)->value);
    leat_ctx_free(ctx);
}
