/* table.h - a table, for the terminal and in Markdown.
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <stdbool.h>
#include <stdio.h>

enum { TABLE_COLUMNS = 10, TABLE_LINES = 400, TABLE_CELL = 40 };

struct table {
    unsigned columns, lines, column; /* column: the next cell's */
    unsigned left;                   /* so many columns are text */
    char cells[TABLE_LINES][TABLE_COLUMNS][TABLE_CELL];
};

/* Begins an empty one; the first line is the heading. */
void table_begin(struct table *table, unsigned left, const char *const heads[],
                 unsigned columns);

/* The next cell, as printf. */
void table_cell(struct table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A figure, in as many digits as mean something; NaN: "-". */
void table_figure(struct table *table, double figure);

void table_print(const struct table *table, FILE *to, bool markdown);

#endif
