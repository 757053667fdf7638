/* orders.h - a pipeline of leat's: lines become orders, with a price.
 * SPDX-License-Identifier: MIT */
#ifndef ORDERS_H
#define ORDERS_H

#include <leat.h>

struct line {
    char text[32]; /* "id,euros"; a comment begins with # */
};

struct order {
    long id;
    double euros, dollars;
};

/* line -> order -> order */
leat_stage_fn orders_validate, orders_price;

/* The whole, from the lines to what it saves: the sum, in dollars. */
struct orders {
    struct leat_array lines;
    double rate, sum;
};

void orders_pipeline(struct leat_pipeline *pipeline, unsigned workers,
                     struct orders *orders);

#endif
