/* place.c - says where in a file a fault is.
 * SPDX-License-Identifier: MIT */
#include "place.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LONG_PATH = 80 };

void leat__put_place(char place[LEAT__PLACE], leat_ctx *ctx, const char *file,
                     uint64_t line, size_t field, const char *name)
{
    size_t len = file ? strlen(file) : 0;
    char where[LONG_PATH + 32];

    if (!file)
        snprintf(where, sizeof where, "record %llu",
                 (unsigned long long)leat_ctx_item(ctx)->seq);
    else if (len <= LONG_PATH)
        snprintf(where, sizeof where, "%s:%llu", file,
                 (unsigned long long)line);
    else
        snprintf(where, sizeof where, "...%s:%llu", file + len - LONG_PATH + 3,
                 (unsigned long long)line);
    if (name && name[0])
        snprintf(place, LEAT__PLACE, "%s: field %zu (%.40s)", where, field + 1,
                 name);
    else
        snprintf(place, LEAT__PLACE, "%s: field %zu", where, field + 1);
}

int leat_csv_fail(leat_ctx *ctx, const struct leat_csv_row *row, size_t field,
                  int status, const char *format, ...)
{
    char place[LEAT__PLACE], why[LEAT__PLACE];
    va_list args;

    leat__put_place(place, ctx, row->file, row->line, field, NULL);
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    return leat_fail(ctx, status, "%s: %s", place, why);
}
