/* test_pipeline_check.c - what leat_run() refuses before it starts anything:
 * each with a message, and the name of the stage where one is to blame.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/run.h"
#include <errno.h>

TestSuite(pipeline_check, .timeout = 30);

/* The trial as it stands is refused, because of the stage (NULL: of none), and
 * the report is empty but for the cause. */
static void refused(const char *stage, const char *what)
{
    static const struct leat_counts none;
    memset(&t.report, 0xff, sizeof t.report);
    cr_assert_eq(run(), LEAT_INVALID, "%s is not refused", what);
    cr_assert_eq(t.report.cause.status, LEAT_INVALID, "%s", what);
    cr_assert_gt(strlen(t.report.cause.message), 3u, "%s: no message", what);
    if (stage)
        cr_assert(t.report.cause.stage &&
                      !strcmp(t.report.cause.stage, stage),
                  "%s: blames %s", what,
                  t.report.cause.stage ? t.report.cause.stage : "nobody");
    cr_assert_eq(memcmp(&t.report.total, &none, sizeof none), 0);
    cr_assert_eq(t.report.trouble_count, 0u);
    cr_assert_eq(t.report.elapsed, 0);
    cr_assert_eq(gate_at(&t.acts[READ].calls), 0u, "%s: was run", what);
}

static struct leat_stage *stage(int s)
{
    trial(3, 1, false);
    return &t.pipeline.stages[s];
}

Test(pipeline_check, null_is_refused)
{
    struct leat_report report;
    trial(3, 1, false);
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    cr_assert_eq(leat_run(NULL, &t.pipeline, &report), LEAT_INVALID);
    cr_assert_eq(report.cause.status, LEAT_INVALID);
    cr_assert_eq(leat_run(ctx, NULL, &report), LEAT_INVALID);
    cr_assert_eq(report.cause.status, LEAT_INVALID);
    cr_assert_eq(leat_run(NULL, NULL, NULL), LEAT_INVALID);
    leat_ctx_free(ctx);
}

Test(pipeline_check, too_few_stages_are_refused)
{
    memset(stage(READ), 0, sizeof t.pipeline.stages);
    refused(NULL, "a pipeline without stages");
    memset(stage(CHECK), 0, 3 * sizeof(struct leat_stage));
    refused(NULL, "a source alone");
}

Test(pipeline_check, what_is_not_built_yet_is_refused)
{
    for (int s = READ; s <= SAVE; s++) {
        int child;
        stage(s)->child = (leat_children *)&child;
        refused(t.pipeline.stages[s].name, "child");
    }
    stage(READ);
    t.pipeline.silence = LEAT_S;
    refused(NULL, "silence");
    stage(READ);
    t.pipeline.spares = 1;
    refused(NULL, "spares");
    stage(READ);
    with_errors_sink();
    int child;
    t.pipeline.errors.child = (leat_children *)&child;
    refused("errors", "child of the errors sink");
}

Test(pipeline_check, stages_that_do_not_fit_are_refused)
{
    static const struct leat_type other_size = {.name = "box", .size = 1};
    static const struct leat_type other_name = {.name = "bag",
                                                .size = sizeof(struct box)};
    stage(CHECK)->in = &other_size;
    refused("check", "a size");
    stage(CHECK)->in = &other_name;
    refused("check", "a name");
    stage(PACK)->in = &crate_type;
    refused("pack", "another type");
    stage(SAVE)->in = &box_type;
    refused("save", "another type at the sink");
}

Test(pipeline_check, a_message_names_both_types)
{
    stage(SAVE)->in = &box_type;
    refused("save", "another type");
    cr_assert_not_null(strstr(t.report.cause.message, "box"));
    cr_assert_not_null(strstr(t.report.cause.message, "crate"));
}

Test(pipeline_check, types_that_are_equal_fit_wherever_they_stand)
{
    struct leat_type copy = box_type;
    stage(CHECK)->in = &copy;
    cr_assert_eq(run(), LEAT_OK);
}

Test(pipeline_check, a_missing_or_needless_type_is_refused)
{
    stage(READ)->out = NULL;
    refused("read", "a source that makes nothing");
    stage(READ)->in = &box_type;
    refused("read", "a source with an input");
    stage(CHECK)->in = NULL;
    refused("check", "no input");
    stage(CHECK)->out = NULL;
    refused("check", "a sink in the middle");
    stage(SAVE)->in = NULL;
    refused("save", "a sink without input");
    stage(SAVE)->out = &box_type;
    refused("save", "a sink with an output");
}

Test(pipeline_check, a_stage_without_a_name_is_refused)
{
    for (int s = READ; s <= SAVE; s++) {
        stage(s)->name = NULL;
        refused(NULL, "no name");
    }
}

Test(pipeline_check, a_stage_without_a_function_is_refused_and_not_the_end)
{
    stage(PACK)->fn = NULL; /* forgotten, as the rest of it stands there */
    refused("pack", "no function");
}

Test(pipeline_check, times_below_zero_are_refused)
{
    for (int s = CHECK; s <= SAVE; s++) {
        stage(s)->timeout = -1;
        refused(t.pipeline.stages[s].name, "timeout");
        stage(s)->linger = -1;
        refused(t.pipeline.stages[s].name, "linger");
        stage(s)->retry.backoff = -1;
        refused(t.pipeline.stages[s].name, "backoff");
        stage(s)->retry.backoff_max = -1;
        refused(t.pipeline.stages[s].name, "backoff_max");
        stage(s)->retry.budget = -0.5;
        refused(t.pipeline.stages[s].name, "budget");
    }
    stage(READ);
    t.pipeline.item_timeout = -1;
    refused(NULL, "item_timeout");
    stage(READ);
    t.pipeline.grace = -1;
    refused(NULL, "grace");
    stage(READ);
    t.pipeline.tick = -1;
    refused(NULL, "tick");
    stage(READ);
    t.pipeline.threshold.ratio = -0.1;
    refused(NULL, "ratio");
}

Test(pipeline_check, more_workers_than_allowed_are_refused)
{
    stage(CHECK)->workers = LEAT_WORKERS + 1;
    refused("check", "workers");
    stage(CHECK)->workers = UINT32_MAX;
    refused("check", "workers");
}

Test(pipeline_check, sizes_that_fit_nowhere_end_without_a_crash)
{
    stage(CHECK)->capacity = SIZE_MAX;
    int status = run();
    cr_assert(status == LEAT_INVALID || status == LEAT_NOMEM, "%s",
              leat_strstatus(status));
    stage(CHECK)->batch = SIZE_MAX;
    status = run();
    cr_assert(status == LEAT_INVALID || status == LEAT_NOMEM, "%s",
              leat_strstatus(status));
    stage(CHECK);
    t.pipeline.in_flight = SIZE_MAX;
    status = run();
    cr_assert(status == LEAT_INVALID || status == LEAT_NOMEM, "%s",
              leat_strstatus(status));
}

/* --- the sink for failed items --- */

static int encodes(const void *item, char *text, size_t size)
{
    return snprintf(text, size, "x");
}

static int decodes(void *item, const char *text, size_t len)
{
    return LEAT_OK;
}

Test(pipeline_check, an_errors_sink_that_writes_text_needs_an_input_that_can)
{
    static struct leat_type half = {.name = "box", .size = sizeof(struct box),
                                    .drop = box_drop, .encode = encodes};
    static struct leat_type other = {.name = "box", .size = sizeof(struct box),
                                     .drop = box_drop, .decode = decodes};
    static struct leat_type whole = {.name = "box", .size = sizeof(struct box),
                                     .drop = box_drop, .encode = encodes,
                                     .decode = decodes};
    static const struct leat_type writes = {
        .name = "item", .size = sizeof(struct leat_item), .encode = encodes};
    stage(READ);
    with_errors_sink();
    t.pipeline.errors.in = &writes;
    refused(NULL, "neither");
    t.pipeline.stages[READ].out = &half;
    refused(NULL, "no decode");
    t.pipeline.stages[READ].out = &other;
    refused(NULL, "no encode");
    t.pipeline.stages[READ].out = &whole;
    cr_assert_eq(run(), LEAT_OK);
}

Test(pipeline_check, an_errors_sink_that_writes_no_text_needs_none)
{
    stage(READ);
    with_errors_sink();
    t.pipeline.errors.in = LEAT_TYPE(struct leat_item);
    cr_assert_eq(run(), LEAT_OK);
}

Test(pipeline_check, an_errors_sink_makes_nothing)
{
    stage(READ);
    with_errors_sink();
    t.pipeline.errors.out = &box_type;
    refused("errors", "an output of the errors sink");
}

Test(pipeline_check, what_is_refused_may_be_mended_and_run)
{
    stage(CHECK)->in = &crate_type;
    refused("check", "another type");
    t.pipeline.stages[CHECK].in = &box_type;
    cr_assert_eq(run(), LEAT_OK);
}
