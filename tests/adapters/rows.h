/* rows.h - rows of a table, for the tests of SQLite.
 * SPDX-License-Identifier: MIT */
#ifndef ADAPTERS_ROWS_H
#define ADAPTERS_ROWS_H

#include "adapters/files.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <leat.h>
#include <leat/sqlite.h>

enum { ROWS = 512 };

struct row {
    int64_t id;
    int64_t amount;
    char name[24];
};

static const struct leat_type row_type = {.name = "row",
                                          .size = sizeof(struct row)};

static struct {
    leat_ctx *ctx;
    struct leat_report report;
    struct row list[ROWS];
    char failures[4096]; /* "SEQ STATUS MESSAGE;" */
    size_t bound, die_at; /* rows bound; kill -9 at the n-th */
} rows;

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, amount INTEGER"
    " CHECK(amount < 1000), name TEXT UNIQUE);";

static inline int bind_row(leat_ctx *ctx, sqlite3_stmt *insert,
                           const void *item)
{
    const struct row *row = item;

    if (++rows.bound == rows.die_at)
        die();
    if (strcmp(row->name, "unbound") == 0)
        return leat_fail(ctx, EPROTO, "not bound");
    if (strcmp(row->name, "rollback") == 0)
        sqlite3_exec(sqlite3_db_handle(insert), "ROLLBACK", NULL, NULL, NULL);
    sqlite3_bind_int64(insert, 1, row->id);
    sqlite3_bind_int64(insert, 2, row->amount);
    if (row->name[0])
        sqlite3_bind_text(insert, 3, row->name, -1, SQLITE_STATIC);
    return LEAT_OK;
}

static inline int key_of_row(const void *item, char *key, size_t size)
{
    const struct row *row = item;

    if (row->id < 0)
        return -1;
    if (row->id > 1000000)
        return LEAT_SQLITE_KEY;
    return snprintf(key, size, "%lld", (long long)row->id);
}

static inline uint64_t content_of_row(const void *item)
{
    const struct row *row = item;
    uint64_t hash = leat_sqlite_hash(0, &row->amount, sizeof row->amount);

    return leat_sqlite_hash(hash, row->name, strlen(row->name));
}

static inline struct leat_sqlite database(const char *path)
{
    return (struct leat_sqlite){
        .path = path,
        .job = "test",
        .schema = schema,
        .insert = "INSERT INTO t VALUES(?1, ?2, ?3)",
        .bind = bind_row,
        .key = key_of_row,
        .content = content_of_row,
    };
}

static inline void rows_setup(void)
{
    make_folder();
    memset(&rows, 0, sizeof rows);
    rows.ctx = leat_ctx_root(120 * LEAT_S);
    for (size_t i = 0; i < ROWS; i++)
        rows.list[i] = (struct row){.id = (int64_t)i, .amount = (int64_t)i};
}

static inline void rows_teardown(void)
{
    leat_ctx_free(rows.ctx);
    remove_folder();
}

static inline int keep_failure(leat_ctx *ctx, const void *in, void *out,
                               void *arg)
{
    const struct leat_item *item = in;
    size_t len = strlen(rows.failures);

    snprintf(rows.failures + len, sizeof rows.failures - len, "%d %d %s;",
             (int)item->seq, item->error, item->message);
    return LEAT_OK;
}

/* The first so many rows into the database, batch at a time. */
static inline int save_rows(struct leat_sqlite *db, size_t count, size_t batch)
{
    struct leat_array in = {rows.list, sizeof *rows.list, count};
    struct leat_pipeline p = {
        .stages = {{"read", leat_array_read, &in, .out = &row_type},
                   leat_sqlite_sink(db, &row_type)},
        .errors = {"failed", keep_failure, NULL,
                   .in = LEAT_TYPE(struct leat_item)},
        .grace = 60 * LEAT_S, /* a busy machine abandons nobody */
    };

    p.stages[1].batch = batch;
    p.stages[1].linger = 10 * LEAT_S; /* full batches */
    rows.failures[0] = '\0';
    rows.bound = 0;
    return leat_run(rows.ctx, &p, &rows.report);
}

static inline struct leat_stage open_sink(struct leat_sqlite *db, void **state)
{
    struct leat_stage stage = leat_sqlite_sink(db, &row_type);

    cr_assert_eq(stage.resource->open(rows.ctx, stage.arg, state), LEAT_OK);
    return stage;
}

/* The number that an SQL query gives, in a connection of its own; -1: none. */
static inline int64_t ask(const char *path, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *statement = NULL;
    int64_t number = -1;

    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}

static inline void tell(const char *path, const char *sql)
{
    sqlite3 *db;
    char *why = NULL;

    sqlite3_open(path, &db);
    sqlite3_exec(db, sql, NULL, NULL, &why);
    cr_assert_null(why, "%s: %s", sql, why);
    sqlite3_close(db);
}

/* Each row has its marker and each marker its row, and the progress knows. */
static inline void check_markers(const char *path, int64_t count)
{
    cr_expect_eq(ask(path, "SELECT count(*) FROM t"), count);
    cr_expect_eq(ask(path, "SELECT count(*) FROM leat_done WHERE job = 'test'"),
                 count);
    cr_expect_eq(ask(path, "SELECT count(*) FROM t JOIN leat_done"
                     " ON job = 'test' AND leat_done.id = CAST(t.id AS TEXT)"),
                 count);
    cr_expect_eq(ask(path, "SELECT coalesce(sum(items), 0) FROM leat_progress"
                     " WHERE job = 'test'"), count);
}

#endif
