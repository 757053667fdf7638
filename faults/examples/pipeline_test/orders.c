/* orders.c - SPDX-License-Identifier: MIT */
#include "orders.h"
#include <errno.h>
#include <stdio.h>

static const struct leat_type line_type = {.name = "line",
                                           .size = sizeof(struct line)};
static const struct leat_type order_type = {.name = "order",
                                            .size = sizeof(struct order)};

int orders_validate(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct line *line = in;
    struct order *order = out;

    (void)arg;
    if (line->text[0] == '#')
        return LEAT_SKIP;
    if (sscanf(line->text, "%ld,%lf", &order->id, &order->euros) != 2)
        return leat_fail(ctx, EINVAL, "want id,euros");
    if (order->euros < 0)
        return leat_fail(ctx, ERANGE, "%g euros", order->euros);
    return LEAT_OK;
}

int orders_price(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct orders *orders = arg;
    struct order *order = out;

    (void)ctx;
    *order = *(const struct order *)in;
    order->dollars = order->euros * orders->rate;
    return LEAT_OK;
}

static int save(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    struct orders *orders = arg;

    (void)ctx, (void)out;
    orders->sum += ((const struct order *)in)->dollars;
    return LEAT_OK;
}

void orders_pipeline(struct leat_pipeline *pipeline, unsigned workers,
                     struct orders *orders)
{
    *pipeline = (struct leat_pipeline){.stages = {
        {"read", leat_array_read, &orders->lines, .out = &line_type},
        {"validate", orders_validate, NULL, &line_type, &order_type,
         .capacity = 4, .workers = workers},
        {"price", orders_price, orders, &order_type, &order_type,
         .capacity = 4, .workers = workers},
        {"save", save, orders, .in = &order_type, .batch = 2},
    }};
}
