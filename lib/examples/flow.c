/* flow.c - the pipeline of orders, joined by hand out of channels.
 *
 * A line that fails in validate travels on through price untouched, though
 * price makes another type: only the loop at the end looks at errors.
 *
 * usage: flow [file] (or stdin)
 * SPDX-License-Identifier: MIT */
#include "orders_lib.h"
#include <stdio.h>

enum { WORKERS = 4, LINES = 100 };

/* Items come in any order, for there are four workers; their seq is that of the
 * source. */
static void note(char text[80], const struct leat_item *item)
{
    const struct line *line = item->input;
    const struct order *order = item->value;

    if (item->error)
        snprintf(text, 80, "%s: %s: %s", item->stage, item->message,
                 line->text);
    else
        snprintf(text, 80, "order %ld: %ld cents", order->id, order->price);
}

int main(int argc, char **argv)
{
    struct rate rates[] = {{"EUR", 1000}, {"USD", 920}, {NULL, 0}};
    struct leat_stage read = {
        "read", read_line, argc > 1 ? argv[1] : NULL, .out = &line_type,
        .resource = &line_file,
    };
    struct leat_stage check = {
        "validate", validate, .in = &line_type, .out = &order_type,
        .workers = WORKERS,
    };
    struct leat_stage multiply = {
        "price", price, rates, .in = &order_type, .out = &order_type,
    };
    static char text[LINES][80];
    struct leat_item *item;

    /* Any of these may fail, and gives NULL to the next: the group keeps the
     * reason until it is waited for. */
    leat_ctx *ctx = leat_ctx_root(60 * LEAT_S);
    leat_group *group = leat_group_new(ctx);
    leat_chan *parts[WORKERS];
    leat_fan_out(group, leat_generate(group, &read), &check, parts);
    leat_chan *valid = leat_fan_in(group, parts, WORKERS);
    leat_chan *priced = leat_map(group, valid, &multiply);

    while (leat_recv(ctx, priced, &item) == LEAT_OK) {
        if (item->seq < LINES)
            note(text[item->seq], item);
        leat_item_free(item);
    }
    for (int i = 0; i < LINES; i++)
        if (text[i][0])
            puts(text[i]);

    int status = leat_group_wait(group, NULL);
    leat_ctx_free(ctx);
    puts(leat_strstatus(status));
    return status != LEAT_OK;
}
