/* orders_test.c - a stage alone, one fault in one stage, and every fault in
 * every stage. SPDX-License-Identifier: MIT */
#include "orders.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <leat/audit.h>
#include <leat/fault.h>

TestSuite(orders, .timeout = 120);

static struct line lines[] = {
    {"1,10"}, {"2,20"}, {"# a note"}, {"4,40"}, {"five"},  {"6,60"},
    {"7,70"}, {"8,80"}, {"9,90"},     {"10,5"}, {"11,-3"}, {"12,2"},
};
static struct orders orders = {{lines, sizeof *lines, 12}, .rate = 1.25};

Test(orders, refuse_a_negative_amount_and_skip_a_comment)
{
    leat_ctx *ctx = leat_ctx_root(LEAT_S);
    struct order order = {0};

    cr_assert_eq(orders_validate(ctx, &lines[10], &order, NULL), ERANGE);
    cr_assert_eq(orders_validate(ctx, &lines[2], &order, NULL), LEAT_SKIP);
    cr_assert_eq(orders_validate(ctx, &lines[0], &order, NULL), LEAT_OK);
    cr_assert_eq(order.id, 1);
    leat_ctx_free(ctx);
}

Test(orders, lose_only_what_comes_after_the_price_has_hung)
{
    struct leat_fault hang = {.kind = LEAT_FAULT_HANG, .from = 6};
    leat_ctx *ctx = leat_ctx_root(300 * LEAT_MS);
    struct leat_report report;
    struct leat_pipeline pipeline;
    const struct leat_counts *all = &report.total;
    int status;

    orders_pipeline(&pipeline, 1, &orders);
    pipeline.stages[2] = leat_fault_stage(&hang, pipeline.stages[2]);
    status = leat_run(ctx, &pipeline, &report);
    leat_ctx_free(ctx);
    cr_assert_eq(status, LEAT_TIMEOUT);
    cr_assert_str_eq(report.troubles[0].stage, "price");
    cr_assert_eq(report.troubles[0].seq, 6); /* the items count from 0 */
    cr_assert_gt(all->canceled, 0);
    cr_assert_eq(all->in, all->ok + all->skipped + all->failed + all->canceled);
}

static int build(struct leat_pipeline *pipeline, unsigned workers, void *arg)
{
    orders_pipeline(pipeline, workers, arg);
    return LEAT_OK;
}

Test(orders, keep_the_laws_under_every_fault_in_every_stage)
{
    /* So long for machines that are busy; most of it is slept away, so that many
     * cells at once cost nothing. */
    struct leat_audit audit = {.name = "orders", .build = build,
                               .arg = &orders, .deadline = LEAT_S / 2,
                               .grace = 2 * LEAT_S, .at_once = 12,
                               .seed = 1, .out = stdout};
    int status = leat_audit(&audit, NULL);

    fflush(stdout);
    cr_assert_eq(status, LEAT_OK, "%s", leat_strstatus(status));
}
