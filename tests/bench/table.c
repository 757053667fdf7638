/* table.c - a table, for the terminal and in Markdown.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "table.h"
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void table_begin(struct table *table, unsigned left, const char *const heads[],
                 unsigned columns)
{
    table->columns = columns;
    table->left = left;
    table->lines = table->column = 0;
    for (unsigned i = 0; i < columns; i++)
        table_cell(table, "%s", heads[i]);
}

void table_cell(struct table *table, const char *format, ...)
{
    va_list args;

    if (table->lines == TABLE_LINES) {
        fputs("the table is full\n", stderr);
        exit(1);
    }
    va_start(args, format);
    vsnprintf(table->cells[table->lines][table->column], TABLE_CELL, format,
              args);
    va_end(args);
    if (++table->column == table->columns) {
        table->column = 0;
        table->lines++;
    }
}

void table_figure(struct table *table, double figure)
{
    int digits = figure < 10 ? 2 : figure < 100 ? 1 : 0;

    if (isnan(figure))
        table_cell(table, "-");
    else
        table_cell(table, "%.*f", digits, figure);
}

static void print_rule(const struct table *table, const size_t *widths, FILE *to,
                       bool markdown)
{
    for (unsigned i = 0; i < table->columns; i++) {
        if (markdown)
            fputs(i < table->left ? "|---" : "|---:", to);
        else
            for (size_t k = 0; k < widths[i] + 2; k++)
                putc('-', to);
    }
    fputs(markdown ? "|\n" : "\n", to);
}

void table_print(const struct table *table, FILE *to, bool markdown)
{
    size_t widths[TABLE_COLUMNS] = {0};

    for (unsigned line = 0; line < table->lines && !markdown; line++)
        for (unsigned i = 0; i < table->columns; i++) {
            size_t len = strlen(table->cells[line][i]);
            if (len > widths[i])
                widths[i] = len;
        }
    for (unsigned line = 0; line < table->lines; line++) {
        for (unsigned i = 0; i < table->columns; i++) {
            int width = (int)widths[i];
            fprintf(to, "%s%*s%s", markdown ? "| " : "",
                    i < table->left ? -width : width, table->cells[line][i],
                    markdown ? " " : "  ");
        }
        fputs(markdown ? "|\n" : "\n", to);
        if (line == 0)
            print_rule(table, widths, to, markdown);
    }
}
