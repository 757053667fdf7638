/* sql.c - SQL for the accounts.
 * SPDX-License-Identifier: MIT */
#include "sql.h"
#include "tour.h"
#include <stdarg.h>
#include <stdio.h>

static bool wrong(sqlite3 *db)
{
    complain("%s: %s", sqlite3_db_filename(db, NULL), sqlite3_errmsg(db));
    return false;
}

sqlite3 *sql_open(const char *path, bool make)
{
    sqlite3 *db;
    int flags = SQLITE_OPEN_READWRITE | (make ? SQLITE_OPEN_CREATE : 0);

    if (sqlite3_open_v2(path, &db, flags, NULL) == SQLITE_OK) {
        sqlite3_busy_timeout(db, 5000);
        return db;
    }
    complain("%s: %s", path, db ? sqlite3_errmsg(db) : "no memory");
    sqlite3_close(db);
    return NULL;
}

void sql_close(sqlite3 *db)
{
    sqlite3_close(db);
}

/* NULL, said. */
static sqlite3_stmt *prepare(sqlite3 *db, const char *format, va_list arguments)
{
    sqlite3_stmt *statement = NULL;

    if (!db)
        return NULL;
    char *sql = sqlite3_vmprintf(format, arguments);
    if (!sql)
        complain("no memory");
    else if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        wrong(db);
    sqlite3_free(sql);
    return statement;
}

/* rc: of the last step. */
static bool finish(sqlite3_stmt *statement, int rc)
{
    bool good = rc == SQLITE_DONE || rc == SQLITE_ROW ||
                wrong(sqlite3_db_handle(statement));

    sqlite3_finalize(statement);
    return good;
}

bool sql_exec(sqlite3 *db, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    sqlite3_stmt *statement = prepare(db, format, arguments);
    va_end(arguments);
    return statement && finish(statement, sqlite3_step(statement));
}

bool sql_number(sqlite3 *db, int64_t *number, const char *format, ...)
{
    va_list arguments;

    *number = 0;
    va_start(arguments, format);
    sqlite3_stmt *statement = prepare(db, format, arguments);
    va_end(arguments);
    if (!statement)
        return false;
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        *number = sqlite3_column_int64(statement, 0);
    return finish(statement, rc);
}

bool sql_words(sqlite3 *db, char *words, int size, const char *format, ...)
{
    va_list arguments;
    int rc, len = 0;

    words[0] = '\0';
    va_start(arguments, format);
    sqlite3_stmt *statement = prepare(db, format, arguments);
    va_end(arguments);
    if (!statement)
        return false;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW && len < size - 1)
        len += snprintf(words + len, (size_t)(size - len), "%s%s",
                        len > 0 ? ", " : "", sqlite3_column_text(statement, 0));
    return finish(statement, rc);
}

bool sql_differences(sqlite3 *db, int64_t *rows, const char *table,
                     const char *one, const char *other)
{
    return sql_number(db, rows,
                      "SELECT (SELECT count(*) FROM (SELECT * FROM %s.%s"
                      " EXCEPT SELECT * FROM %s.%s))"
                      " + (SELECT count(*) FROM (SELECT * FROM %s.%s"
                      " EXCEPT SELECT * FROM %s.%s))",
                      one, table, other, table, other, table, one, table);
}
