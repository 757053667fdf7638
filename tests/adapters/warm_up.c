/* warm_up.c - saves Valgrind work. It translates code when it is first run, and
 * each test is a process of its own: what is run here, before they are forked,
 * is translated once and not in each of them (a third of the time is left).
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#ifndef LEAT_WATCH
typedef int nothing_to_do;
#else
#include "adapters/files.h"
#include <leat.h>
#include <leat/csv.h>
#include <leat/error_file.h>
#include <leat/sqlite.h>

static int bind(leat_ctx *ctx, sqlite3_stmt *insert, const void *item)
{
    const struct leat_csv_row *row = item;

    sqlite3_bind_int64(insert, 1, atoll(row->fields[0].text));
    sqlite3_bind_text(insert, 2, row->fields[1].text, -1, SQLITE_STATIC);
    return LEAT_OK;
}

static int key(const void *item, char *text, size_t size)
{
    return snprintf(text, size, "%s",
                    ((const struct leat_csv_row *)item)->fields[0].text);
}

static uint64_t content(const void *item)
{
    const struct leat_csv_field *name =
        &((const struct leat_csv_row *)item)->fields[1];

    return leat_sqlite_hash(0, name->text, name->len);
}

static int read_row(leat_ctx *ctx, sqlite3_stmt *row, void *out)
{
    *(int64_t *)out = sqlite3_column_int64(row, 0);
    return LEAT_OK;
}

static int key_of_number(const void *item, char *text, size_t size)
{
    return snprintf(text, size, "%lld", *(const long long *)item);
}

static int ignore(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    return LEAT_OK;
}

static int enough(void *arg, int columns, char **values, char **names)
{
    return 0;
}

/* What the tests ask a database for. */
static void ask(const char *path)
{
    sqlite3 *db;

    sqlite3_open(path, &db);
    sqlite3_exec(db, "SELECT count(*), sum(id) FROM t JOIN leat_done ON"
                 " leat_done.id = CAST(t.id AS TEXT) AND job = '';"
                 "DROP TABLE t; BEGIN IMMEDIATE; CREATE TABLE u(a, b UNIQUE);"
                 "ROLLBACK; CREATE TABLE t(id INTEGER PRIMARY KEY, a);"
                 "WITH RECURSIVE c(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM"
                 " c LIMIT 3) INSERT INTO t SELECT x, 'n' || x FROM c", enough,
                 NULL, NULL);
    sqlite3_close(db);
}

__attribute__((constructor)) static void warm_up(void)
{
    static const char text[] =
        "id,name\n1,\"a\"\"\"\nx\n2,b\n2,b\n3,\xFF\n2,c\n";
    struct leat_csv csv = {.header = true};
    struct leat_sqlite db = {
        .schema = "CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, name)",
        .insert = "INSERT INTO t VALUES(?, ?)",
        .bind = bind, .key = key, .content = content,
    };
    struct leat_sqlite_query query = {
        .select = "SELECT id FROM t", .order = "id", .page = 1,
        .read = read_row, .type = LEAT_TYPE(int64_t), .done = &db,
        .key = key_of_number,
    };
    struct leat_report report;
    leat_ctx *ctx = leat_ctx_root(60 * LEAT_S);
    static char paths[2][512];

    make_folder();
    csv.path = put_file("a.csv", text, sizeof text - 1);
    snprintf(paths[0], sizeof paths[0], "%s", path_of("a.db"));
    snprintf(paths[1], sizeof paths[1], "%s", path_of("e.jsonl"));
    db.path = query.path = paths[0];
    db.seen = leat_sqlite_seen_new(0);
    struct leat_rerun rerun = {.path = paths[1]};
    struct leat_pipeline p = {
        .stages = {leat_csv_source(&csv), leat_csv_parse(&csv),
                   leat_sqlite_sink(&db, &leat_csv_row_type)},
        .errors = leat_error_file(paths[1]),
    };
    leat_run(ctx, &p, &report);
    leat_rerun(&p, &rerun);
    leat_run(ctx, &p, &report);
    leat_rerun_finish(&rerun, &report);
    p = (struct leat_pipeline){
        .stages = {leat_sqlite_source(&query),
                   {"ignore", ignore, .in = LEAT_TYPE(int64_t)}}};
    leat_run(ctx, &p, &report);
    ask(db.path);
    leat_sqlite_seen_free(db.seen);
    leat_ctx_free(ctx);
    remove_folder();
}
#endif
