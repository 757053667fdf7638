/* source.h - what the reader of a query holds.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__SOURCE_H
#define LEAT__SOURCE_H

#include "db.h"

struct leat__source {
    const struct leat_sqlite_query *about;
    struct leat__db db, done_db;
    sqlite3_stmt *first, *next, *same; /* pages; how many with this value */
    sqlite3_stmt *done;                /* NULL: nothing is done */
    int order;                         /* index of the column */
    size_t page;
    sqlite3_value *last; /* of the pages before; NULL: none yet */
    unsigned char *rows; /* page x type->size bytes */
    bool *skipped;       /* by read() */
    size_t at, count;    /* rows at .. count are not passed on yet */
    bool ended;          /* there are no more pages */
};

/* Reads the next page, from row 0 on: the whole of it or, after an error,
 * nothing; then it is read anew by the next call. */
int leat__page_read(leat_ctx *ctx, struct leat__source *source);

/* Drops the rows that are not passed on. */
void leat__page_drop(struct leat__source *source);

void *leat__page_row(struct leat__source *source, size_t i);

#endif
