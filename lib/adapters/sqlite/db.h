/* db.h - a connection: opened, patient within a context, its errors judged.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__DB_H
#define LEAT__DB_H

#include <leat/sqlite.h>

/* Of one worker. */
struct leat__db {
    sqlite3 *handle;
    const char *path;
    leat_ctx *ctx;      /* of the call that is going on */
    leat_duration wait; /* most for a lock; 0: as long as ctx lives */
    leat_duration waited;
};

/* Opens path (flags: SQLITE_OPEN_...). LEAT_OK, or a status with its message;
 * leat__db_close() is due in either case. */
int leat__db_open(leat_ctx *ctx, struct leat__db *db, const char *path,
                  int flags, leat_duration wait);
void leat__db_close(struct leat__db *db);

/* What a result of SQLite means to leat: LEAT_OK for OK, ROW and DONE; else
 * leat_fail() with SQLite's message. */
int leat__db_verdict(leat_ctx *ctx, struct leat__db *db, int result);

/* SQL without parameters and rows. */
int leat__db_run(leat_ctx *ctx, struct leat__db *db, const char *sql);

/* One statement, which is all there is in sql. */
int leat__db_prepare(leat_ctx *ctx, struct leat__db *db, const char *sql,
                     sqlite3_stmt **statement);

/* Ends the transaction without effect, if there still is one. */
void leat__db_rollback(struct leat__db *db);

#endif
