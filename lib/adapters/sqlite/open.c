/* open.c - makes a database ready to be written to.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "seen.h"
#include "sink.h"
#include <stdlib.h>
#include <string.h>

static const char tables[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS leat_done(job TEXT NOT NULL, id TEXT NOT NULL,"
    " content INTEGER NOT NULL, PRIMARY KEY(job, id)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS leat_progress(job TEXT NOT NULL PRIMARY KEY,"
    " items INTEGER NOT NULL, time TEXT NOT NULL) WITHOUT ROWID;"
    "COMMIT";

static const char *job_of(const struct leat_sqlite *about)
{
    return about->job ? about->job : "";
}

static int is_wal(void *arg, int columns, char **values, char **names)
{
    *(bool *)arg = columns == 1 && values[0] && strcmp(values[0], "wal") == 0;
    return 0;
}

static int use_wal(leat_ctx *ctx, struct leat__db *db)
{
    bool wal = false;
    int result = sqlite3_exec(db->handle, "PRAGMA journal_mode=WAL", is_wal,
                              &wal, NULL);

    if (result != SQLITE_OK)
        return leat__db_verdict(ctx, db, result);
    if (!wal)
        return leat_fail(ctx, LEAT_FATAL, "%s: cannot have a write-ahead log",
                         db->path);
    return leat__db_run(ctx, db, "PRAGMA synchronous=FULL");
}

static int make_tables(leat_ctx *ctx, struct leat__sink *sink)
{
    const char *schema = sink->about->schema;
    int status = leat__db_run(ctx, &sink->db, tables);

    leat__db_rollback(&sink->db);
    if (status == LEAT_OK && schema)
        status = leat__db_run(ctx, &sink->db, schema);
    if (status == LEAT_OK && !sqlite3_get_autocommit(sink->db.handle))
        status = leat_fail(ctx, LEAT_INVALID,
                           "%s: the schema leaves a transaction open",
                           sink->db.path);
    return status;
}

static int prepare(leat_ctx *ctx, struct leat__sink *sink)
{
    const char *job = job_of(sink->about);
    int status;

    if ((status = leat__db_prepare(ctx, &sink->db, sink->about->insert,
                                   &sink->insert)) != LEAT_OK ||
        (status = leat__db_prepare(ctx, &sink->db,
                                   "INSERT INTO leat_done(job, id, content)"
                                   " VALUES(?, ?, ?) ON CONFLICT DO NOTHING",
                                   &sink->mark)) != LEAT_OK ||
        (status = leat__db_prepare(ctx, &sink->db,
                                   "SELECT content FROM leat_done"
                                   " WHERE job = ? AND id = ?",
                                   &sink->find)) != LEAT_OK ||
        (status = leat__db_prepare(
             ctx, &sink->db,
             "INSERT INTO leat_progress(job, items, time)"
             " VALUES(?, ?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))"
             " ON CONFLICT DO UPDATE SET items = items + excluded.items,"
             " time = excluded.time",
             &sink->progress)) != LEAT_OK)
        return status;
    if (sqlite3_bind_text(sink->mark, 1, job, -1, SQLITE_STATIC) |
        sqlite3_bind_text(sink->find, 1, job, -1, SQLITE_STATIC) |
        sqlite3_bind_text(sink->progress, 1, job, -1, SQLITE_STATIC))
        return LEAT_NOMEM;
    return LEAT_OK;
}

/* What earlier runs have committed is certainly committed. */
static int load_seen(leat_ctx *ctx, struct leat__sink *sink)
{
    sqlite3_stmt *all = NULL;
    int status = leat__db_prepare(
        ctx, &sink->db, "SELECT id, content FROM leat_done WHERE job = ?",
        &all);
    int result = SQLITE_DONE;

    if (status == LEAT_OK) {
        sqlite3_bind_text(all, 1, job_of(sink->about), -1, SQLITE_STATIC);
        while ((result = sqlite3_step(all)) == SQLITE_ROW &&
               (status = leat_beat(ctx, 0, 0)) == LEAT_OK) {
            const char *key = (const char *)sqlite3_column_text(all, 0);
            if (key)
                leat__seen_add(sink->about->seen, key,
                               (uint64_t)sqlite3_column_int64(all, 1));
        }
        if (status == LEAT_OK)
            status = leat__db_verdict(ctx, &sink->db, result);
    }
    sqlite3_finalize(all);
    return status;
}

static int set_up(leat_ctx *ctx, struct leat__sink *sink)
{
    int status = use_wal(ctx, &sink->db);

    /* The busy handler is not asked where waiting could deadlock. */
    for (leat_duration waited = 0;
         status == LEAT_AGAIN && (!sink->db.wait || waited < sink->db.wait);
         waited += LEAT_MS) {
        if (leat_sleep(ctx, LEAT_MS) != LEAT_OK)
            return status;
        status = use_wal(ctx, &sink->db);
    }
    if (status == LEAT_OK)
        status = make_tables(ctx, sink);
    if (status == LEAT_OK)
        status = prepare(ctx, sink);
    if (status == LEAT_OK && sink->about->seen)
        status = load_seen(ctx, sink);
    return status;
}

int leat__sink_open(leat_ctx *ctx, void *arg, void **state)
{
    const struct leat_sqlite *about = arg;
    struct leat__sink *sink;
    int status;

    if (!about || !about->path || !about->insert || !about->bind ||
        !about->key || !about->content)
        return leat_fail(ctx, LEAT_INVALID,
                         "path, insert, bind, key and content are required");
    if (!(sink = calloc(1, sizeof *sink)))
        return LEAT_NOMEM;
    *state = sink;
    sink->about = about;
    status = leat__db_open(ctx, &sink->db, about->path,
                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                           about->wait);
    return status == LEAT_OK ? set_up(ctx, sink) : status;
}

void leat__sink_close(void *state)
{
    struct leat__sink *sink = state;

    sqlite3_finalize(sink->insert);
    sqlite3_finalize(sink->mark);
    sqlite3_finalize(sink->find);
    sqlite3_finalize(sink->progress);
    leat__db_close(&sink->db);
    free(sink->saved);
    free(sink);
}
