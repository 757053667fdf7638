/* page.c - reads the rows of a query page by page.
 *
 * A page is read at once into memory and its statement reset: while the
 * pipeline works on it the connection reads nothing and holds nothing. (A
 * statement left open would keep the WAL from being checkpointed and, without a
 * WAL, lock out the very sink that the source waits for.)
 *
 * The next page begins behind the last value of the one before. Where that
 * value stands in several rows, "behind" would leave rows out: so before a page
 * is let go it is counted.
 * SPDX-License-Identifier: MIT */
#include "source.h"
#include <errno.h>
#include <string.h>

void *leat__page_row(struct leat__source *source, size_t i)
{
    return source->rows + i * source->about->type->size;
}

void leat__page_drop(struct leat__source *source)
{
    const struct leat_type *type = source->about->type;

    for (; source->at < source->count; source->at++)
        if (type->drop)
            type->drop(leat__page_row(source, source->at));
    source->at = source->count = 0;
}

static int read_row(leat_ctx *ctx, struct leat__source *source,
                    sqlite3_stmt *rows)
{
    void *row = leat__page_row(source, source->count);
    int status;

    if (sqlite3_column_type(rows, source->order) == SQLITE_NULL)
        return leat_fail(ctx, EINVAL,
                         "%s: NULL in column %s, which it is"
                         " ordered by",
                         source->about->path, source->about->order);
    memset(row, 0, source->about->type->size);
    source->skipped[source->count++] = false;
    status = source->about->read(ctx, rows, row);
    if (status == LEAT_SKIP) {
        source->skipped[source->count - 1] = true;
        return LEAT_OK;
    }
    return status;
}

/* That the last value of the page is there once. */
static int check_last(leat_ctx *ctx, struct leat__source *source,
                      const sqlite3_value *last)
{
    int64_t count;
    int result, status;

    if (sqlite3_bind_value(source->same, 1, last))
        return LEAT_NOMEM;
    result = sqlite3_step(source->same);
    status = leat__db_verdict(ctx, &source->db, result);
    count = status == LEAT_OK ? sqlite3_column_int64(source->same, 0) : 0;
    sqlite3_reset(source->same);
    return count < 2 ? status
                     : leat_fail(ctx, EINVAL,
                                 "%s: column %s, which it is"
                                 " ordered by, has a value twice",
                                 source->about->path, source->about->order);
}

static int read_rows(leat_ctx *ctx, struct leat__source *source,
                     sqlite3_stmt *rows, sqlite3_value **last)
{
    int result = SQLITE_DONE, status = LEAT_OK;

    while (status == LEAT_OK && source->count < source->page &&
           (result = sqlite3_step(rows)) == SQLITE_ROW) {
        status = read_row(ctx, source, rows);
        if (status == LEAT_OK && source->count == source->page &&
            !(*last = sqlite3_value_dup(
                  sqlite3_column_value(rows, source->order))))
            status = LEAT_NOMEM;
    }
    return status == LEAT_OK ? leat__db_verdict(ctx, &source->db, result)
                             : status;
}

int leat__page_read(leat_ctx *ctx, struct leat__source *source)
{
    sqlite3_stmt *rows = source->last ? source->next : source->first;
    sqlite3_value *last = NULL;
    int result, status;

    source->db.ctx = ctx;
    source->at = source->count = 0;
    result = source->last ? sqlite3_bind_value(rows, 1, source->last) : 0;
    result |= sqlite3_bind_int64(rows, source->last ? 2 : 1,
                                 (sqlite3_int64)source->page);
    status = result == 0 ? read_rows(ctx, source, rows, &last) : LEAT_NOMEM;
    sqlite3_reset(rows);
    if (status == LEAT_OK && last)
        status = check_last(ctx, source, last);
    if (status != LEAT_OK) {
        sqlite3_value_free(last);
        leat__page_drop(source);
        return status;
    }
    source->ended = !last;
    sqlite3_value_free(source->last);
    source->last = last;
    return LEAT_OK;
}
