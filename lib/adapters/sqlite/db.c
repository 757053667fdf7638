/* db.c - a connection: opened, patient within a context, its errors judged.
 *
 * A connection belongs to one thread at a time and takes no lock of SQLite's
 * own. While others hold the database locked the busy handler sleeps under the
 * context of the call that is going on, and gives up when that ends.
 * SPDX-License-Identifier: MIT */
#include "db.h"
#include <errno.h>
#include <string.h>

enum { LONGEST = 25 }; /* ms between two looks at a lock */

static int be_patient(void *arg, int times)
{
    struct leat__db *db = arg;
    leat_duration nap = (times < 5 ? 1 << times : LONGEST) * LEAT_MS;

    if (times == 0)
        db->waited = 0;
    if (db->wait > 0 && db->waited >= db->wait)
        return 0;
    db->waited += nap;
    return leat_sleep(db->ctx, nap) == LEAT_OK;
}

/* What leat makes of it. FULL and IOERR end the run although they may pass: it
 * would fail item after item until somebody makes room. */
static int status_of(int result)
{
    switch (result & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return LEAT_OK;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
    case SQLITE_INTERRUPT:
    case SQLITE_ABORT: /* the transaction was broken off under the statement */
        return LEAT_AGAIN;
    case SQLITE_NOMEM:
        return LEAT_NOMEM;
    case SQLITE_CONSTRAINT:
        return result == SQLITE_CONSTRAINT_UNIQUE ||
                       result == SQLITE_CONSTRAINT_PRIMARYKEY ||
                       result == SQLITE_CONSTRAINT_ROWID
                   ? EEXIST
                   : EINVAL;
    case SQLITE_ERROR:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
        return EINVAL;
    case SQLITE_TOOBIG:
        return E2BIG;
    default:
        return LEAT_FATAL;
    }
}

int leat__db_verdict(leat_ctx *ctx, struct leat__db *db, int result)
{
    int status = status_of(result);
    size_t len = strlen(db->path);

    if (status == LEAT_OK)
        return LEAT_OK;
    return leat_fail(ctx, status, "%s: %.150s (%s, %d)",
                     db->path + (len > 60 ? len - 60 : 0),
                     sqlite3_errmsg(db->handle), sqlite3_errstr(result),
                     result);
}

int leat__db_open(leat_ctx *ctx, struct leat__db *db, const char *path,
                  int flags, leat_duration wait)
{
    int result;

    *db = (struct leat__db){.path = path, .ctx = ctx, .wait = wait};
    result = sqlite3_open_v2(path, &db->handle, flags | SQLITE_OPEN_NOMUTEX,
                             NULL);
    if (result != SQLITE_OK)
        return leat__db_verdict(ctx, db, result);
    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_busy_handler(db->handle, be_patient, db);
    return LEAT_OK;
}

void leat__db_close(struct leat__db *db)
{
    sqlite3_close(db->handle);
    db->handle = NULL;
}

int leat__db_run(leat_ctx *ctx, struct leat__db *db, const char *sql)
{
    db->ctx = ctx;
    return leat__db_verdict(ctx, db,
                            sqlite3_exec(db->handle, sql, NULL, NULL, NULL));
}

int leat__db_prepare(leat_ctx *ctx, struct leat__db *db, const char *sql,
                     sqlite3_stmt **statement)
{
    const char *rest = "";
    int result;

    db->ctx = ctx;
    result = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                statement, &rest);
    if (result != SQLITE_OK)
        return leat__db_verdict(ctx, db, result);
    if (!*statement || rest[strspn(rest, " \t\r\n;")])
        return leat_fail(ctx, LEAT_INVALID, "%s: not one statement: %.100s",
                         db->path, sql);
    return LEAT_OK;
}

void leat__db_rollback(struct leat__db *db)
{
    if (!sqlite3_get_autocommit(db->handle))
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}
