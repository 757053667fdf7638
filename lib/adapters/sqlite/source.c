/* source.c - the rows of a query, page by page.
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
#define _POSIX_C_SOURCE 200809L
#include "db.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct source {
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

/* --- open and close --- */

static int prepare(leat_ctx *ctx, struct source *source, const char *format,
                   int parameters, sqlite3_stmt **statement)
{
    const struct leat_sqlite_query *about = source->about;
    char *sql = sqlite3_mprintf(format, about->select, about->order,
                                about->order);
    int status;

    if (!sql)
        return LEAT_NOMEM;
    status = leat__db_prepare(ctx, &source->db, sql, statement);
    sqlite3_free(sql);
    if (status == LEAT_OK &&
        sqlite3_bind_parameter_count(*statement) != parameters)
        return leat_fail(ctx, LEAT_INVALID, "the select has parameters");
    return status;
}

static int find_order(leat_ctx *ctx, struct source *source)
{
    int count = sqlite3_column_count(source->first);

    for (int i = 0; i < count; i++)
        if (sqlite3_stricmp(sqlite3_column_name(source->first, i),
                            source->about->order) == 0) {
            source->order = i;
            return LEAT_OK;
        }
    return leat_fail(ctx, EINVAL, "%s: there is no column %s to order by",
                     source->about->path, source->about->order);
}

/* The markers there are at the start. Where the sink has not made its table yet
 * nothing is done. */
static int open_done(leat_ctx *ctx, struct source *source)
{
    const struct leat_sqlite *done = source->about->done;
    struct leat__db *db = &source->done_db;
    sqlite3_stmt *table = NULL;
    int status, result;

    status = leat__db_open(ctx, db, done->path, SQLITE_OPEN_READONLY,
                           source->about->wait);
    if (status != LEAT_OK)
        return (sqlite3_errcode(db->handle) & 0xff) == SQLITE_CANTOPEN
                   ? LEAT_OK : status;
    if ((status = leat__db_prepare(ctx, db, "SELECT 1 FROM sqlite_master WHERE"
                                   " name = 'leat_done'", &table)) != LEAT_OK)
        return status;
    result = sqlite3_step(table);
    status = leat__db_verdict(ctx, db, result);
    sqlite3_finalize(table);
    if (result != SQLITE_ROW)
        return status;
    status = leat__db_prepare(ctx, db, "SELECT 1 FROM leat_done WHERE job = ?"
                              " AND id = ?", &source->done);
    if (status == LEAT_OK &&
        sqlite3_bind_text(source->done, 1, done->job ? done->job : "", -1,
                          SQLITE_STATIC))
        status = LEAT_NOMEM;
    return status;
}

static int set_up(leat_ctx *ctx, struct source *source)
{
    int status;

    if ((status = leat__db_open(ctx, &source->db, source->about->path,
                                SQLITE_OPEN_READONLY,
                                source->about->wait)) != LEAT_OK ||
        (status = prepare(ctx, source, "SELECT * FROM (%s) ORDER BY \"%w\""
                          " LIMIT :leat_page", 1, &source->first)) != LEAT_OK ||
        (status = find_order(ctx, source)) != LEAT_OK ||
        (status = prepare(ctx, source, "SELECT * FROM (%s) WHERE \"%w\""
                          " > :leat_last ORDER BY \"%w\" LIMIT :leat_page", 2,
                          &source->next)) != LEAT_OK ||
        (status = prepare(ctx, source, "SELECT count(*) FROM (%s) WHERE \"%w\""
                          " = :leat_last", 1, &source->same)) != LEAT_OK)
        return status;
    return source->about->done ? open_done(ctx, source) : LEAT_OK;
}

static int source_open(leat_ctx *ctx, void *arg, void **state)
{
    const struct leat_sqlite_query *about = arg;
    struct source *source;
    size_t size;

    if (!about || !about->path || !about->select || !about->order ||
        !about->read || !about->type || (about->done && !about->key))
        return leat_fail(ctx, LEAT_INVALID, "path, select, order, read and type"
                         " are required, and key with done");
    if (!(source = calloc(1, sizeof *source)))
        return LEAT_NOMEM;
    *state = source;
    source->about = about;
    source->page = about->page ? about->page : 1000;
    size = about->type->size ? about->type->size : 1;
    if (!(source->rows = calloc(source->page, size)) ||
        !(source->skipped = calloc(source->page, sizeof *source->skipped)))
        return LEAT_NOMEM;
    return set_up(ctx, source);
}

static void *row_at(struct source *source, size_t i)
{
    return source->rows + i * source->about->type->size;
}

static void drop_rows(struct source *source)
{
    const struct leat_type *type = source->about->type;

    for (; source->at < source->count; source->at++)
        if (type->drop)
            type->drop(row_at(source, source->at));
    source->at = source->count = 0;
}

static void source_close(void *state)
{
    struct source *source = state;

    drop_rows(source);
    sqlite3_finalize(source->first);
    sqlite3_finalize(source->next);
    sqlite3_finalize(source->same);
    sqlite3_finalize(source->done);
    sqlite3_value_free(source->last);
    leat__db_close(&source->db);
    leat__db_close(&source->done_db);
    free(source->rows);
    free(source->skipped);
    free(source);
}

/* --- a page --- */

static int read_row(leat_ctx *ctx, struct source *source, sqlite3_stmt *rows)
{
    void *row = row_at(source, source->count);
    int status;

    if (sqlite3_column_type(rows, source->order) == SQLITE_NULL)
        return leat_fail(ctx, EINVAL, "%s: NULL in column %s, which it is"
                         " ordered by", source->about->path,
                         source->about->order);
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
static int check_last(leat_ctx *ctx, struct source *source,
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
                     : leat_fail(ctx, EINVAL, "%s: column %s, which it is"
                                 " ordered by, has a value twice",
                                 source->about->path, source->about->order);
}

static int read_rows(leat_ctx *ctx, struct source *source, sqlite3_stmt *rows,
                     sqlite3_value **last)
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

/* Either the whole page or nothing: then the next call reads it anew. */
static int fetch(leat_ctx *ctx, struct source *source)
{
    sqlite3_stmt *rows = source->last ? source->next : source->first;
    sqlite3_value *last = NULL;
    int status = LEAT_OK;

    source->db.ctx = ctx;
    source->at = source->count = 0;
    if ((source->last && sqlite3_bind_value(rows, 1, source->last)) ||
        sqlite3_bind_int64(rows, source->last ? 2 : 1,
                           (sqlite3_int64)source->page))
        status = LEAT_NOMEM;
    if (status == LEAT_OK)
        status = read_rows(ctx, source, rows, &last);
    sqlite3_reset(rows);
    if (status == LEAT_OK && last)
        status = check_last(ctx, source, last);
    if (status != LEAT_OK) {
        sqlite3_value_free(last);
        drop_rows(source);
        return status;
    }
    source->ended = !last;
    sqlite3_value_free(source->last);
    source->last = last;
    return LEAT_OK;
}

/* LEAT_SKIP: it has a marker. */
static int look_up(leat_ctx *ctx, struct source *source, const void *row)
{
    char key[LEAT_SQLITE_KEY] = "";
    int result, status, len = source->about->key(row, key, sizeof key);

    if (len < 0 || (size_t)len >= sizeof key)
        return LEAT_OK; /* which the sink will say */
    source->done_db.ctx = ctx;
    if (sqlite3_bind_text(source->done, 2, key, -1, SQLITE_STATIC))
        return LEAT_NOMEM;
    result = sqlite3_step(source->done);
    status = result == SQLITE_ROW
                 ? LEAT_SKIP
                 : leat__db_verdict(ctx, &source->done_db, result);
    sqlite3_reset(source->done);
    return status;
}

static int source_read(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    struct source *source = arg;
    size_t size = source->about->type->size;
    void *row;
    int status;

    if (source->at == source->count) {
        if (source->ended)
            return LEAT_CLOSED;
        if ((status = fetch(ctx, source)) != LEAT_OK)
            return status;
        if (source->count == 0)
            return LEAT_CLOSED;
    }
    row = row_at(source, source->at);
    status = source->skipped[source->at] ? LEAT_SKIP
             : source->done              ? look_up(ctx, source, row)
                                         : LEAT_OK;
    if (status != LEAT_OK && status != LEAT_SKIP)
        return status; /* and the row is still there for another attempt */
    memcpy(out, row, size); /* a skipped one is dropped by leat */
    source->at++;
    return status;
}

static void source_interrupt(void *state)
{
    struct source *source = state;

    sqlite3_interrupt(source->db.handle);
    if (source->done_db.handle)
        sqlite3_interrupt(source->done_db.handle);
}

struct leat_stage leat_sqlite_source(struct leat_sqlite_query *query)
{
    static const struct leat_resource resource = {
        .open = source_open,
        .interrupt = source_interrupt,
        .close = source_close,
    };

    return (struct leat_stage){
        .name = "select",
        .fn = source_read,
        .arg = query,
        .out = query ? query->type : NULL,
        .resource = &resource,
    };
}
