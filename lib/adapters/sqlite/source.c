/* source.c - a query as a source. How its rows are read is in page.c.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "source.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int prepare(leat_ctx *ctx, struct leat__source *source,
                   const char *format, int parameters, sqlite3_stmt **statement)
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

static int find_order(leat_ctx *ctx, struct leat__source *source)
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
static int open_done(leat_ctx *ctx, struct leat__source *source)
{
    const struct leat_sqlite *done = source->about->done;
    struct leat__db *db = &source->done_db;
    sqlite3_stmt *table = NULL;
    int status, result;

    status = leat__db_open(ctx, db, done->path, SQLITE_OPEN_READONLY,
                           source->about->wait);
    if (status != LEAT_OK)
        return (sqlite3_errcode(db->handle) & 0xff) == SQLITE_CANTOPEN ? LEAT_OK
                                                                       : status;
    if ((status = leat__db_prepare(ctx, db,
                                   "SELECT 1 FROM sqlite_master WHERE"
                                   " name = 'leat_done'",
                                   &table)) != LEAT_OK)
        return status;
    result = sqlite3_step(table);
    status = leat__db_verdict(ctx, db, result);
    sqlite3_finalize(table);
    if (result != SQLITE_ROW)
        return status;
    status = leat__db_prepare(ctx, db,
                              "SELECT 1 FROM leat_done WHERE job = ?"
                              " AND id = ?",
                              &source->done);
    if (status == LEAT_OK &&
        sqlite3_bind_text(source->done, 1, done->job ? done->job : "", -1,
                          SQLITE_STATIC))
        status = LEAT_NOMEM;
    return status;
}

static int set_up(leat_ctx *ctx, struct leat__source *source)
{
    int status;

    if ((status = leat__db_open(ctx, &source->db, source->about->path,
                                SQLITE_OPEN_READONLY, source->about->wait)) !=
            LEAT_OK ||
        (status = prepare(ctx, source,
                          "SELECT * FROM (%s) ORDER BY \"%w\""
                          " LIMIT :leat_page",
                          1, &source->first)) != LEAT_OK ||
        (status = find_order(ctx, source)) != LEAT_OK ||
        (status = prepare(ctx, source,
                          "SELECT * FROM (%s) WHERE \"%w\""
                          " > :leat_last ORDER BY \"%w\" LIMIT :leat_page",
                          2, &source->next)) != LEAT_OK ||
        (status = prepare(ctx, source,
                          "SELECT count(*) FROM (%s) WHERE \"%w\""
                          " = :leat_last",
                          1, &source->same)) != LEAT_OK)
        return status;
    return source->about->done ? open_done(ctx, source) : LEAT_OK;
}

static int source_open(leat_ctx *ctx, void *arg, void **state)
{
    const struct leat_sqlite_query *about = arg;
    struct leat__source *source;
    size_t size;

    if (!about || !about->path || !about->select || !about->order ||
        !about->read || !about->type || (about->done && !about->key))
        return leat_fail(ctx, LEAT_INVALID,
                         "path, select, order, read and type"
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

static void source_close(void *state)
{
    struct leat__source *source = state;

    leat__page_drop(source);
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

/* LEAT_SKIP: it has a marker. */
static int look_up(leat_ctx *ctx, struct leat__source *source, const void *row)
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
    struct leat__source *source = arg;
    size_t size = source->about->type->size;
    void *row;
    int status;

    if (source->at == source->count) {
        if (source->ended)
            return LEAT_CLOSED;
        if ((status = leat__page_read(ctx, source)) != LEAT_OK)
            return status;
        if (source->count == 0)
            return LEAT_CLOSED;
    }
    row = leat__page_row(source, source->at);
    status = source->skipped[source->at] ? LEAT_SKIP
             : source->done              ? look_up(ctx, source, row)
                                         : LEAT_OK;
    if (status != LEAT_OK && status != LEAT_SKIP)
        return status;      /* and the row is still there for another attempt */
    memcpy(out, row, size); /* a skipped one is dropped by leat */
    source->at++;
    return status;
}

static void source_interrupt(void *state)
{
    struct leat__source *source = state;

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
