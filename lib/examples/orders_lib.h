/* orders_lib.h - the stages of orders.c and flow.c, each a plain function.
 * SPDX-License-Identifier: MIT */
#ifndef ORDERS_LIB_H
#define ORDERS_LIB_H

#include <leat.h>

/* A line as it was read: "id,cents,currency". */
struct line {
    char *text; /* owned */
};

/* Made of a line, which lives as long as the order's item does: so text points
 * into it, and an order has nothing to release. */
struct order {
    const char *text;
    long id, cents;
    char currency[4];
    long price; /* in cents of euro, once it has one */
};

struct rate {
    const char *currency; /* NULL ends a table */
    long thousandths;     /* of a euro */
};

extern const struct leat_type line_type, order_type;

/* What the reading worker holds: a FILE. The stage's arg is its path; NULL is
 * stdin. */
extern const struct leat_resource line_file;

/* nothing -> line -> order -> order. arg: of read_line the resource's state, of
 * price a table of rates. */
leat_stage_fn read_line, validate, price;

#endif
