/* sql.h - SQL for the accounts. The pipelines use leat/sqlite.h.
 *
 * Every function says on standard error what went wrong, and returns false. A
 * NULL db is false without a word, so a chain is checked once.
 * SPDX-License-Identifier: MIT */
#ifndef SQL_H
#define SQL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

/* An existing database, or with `make` a new one. NULL: it cannot be opened. */
sqlite3 *sql_open(const char *path, bool make);
void sql_close(sqlite3 *db); /* NULL is ignored */

/* The formats are sqlite3_mprintf()'s: %Q is a string in quotes. */
bool sql_exec(sqlite3 *db, const char *format, ...);

/* The first column of the first row. No row: 0. */
bool sql_number(sqlite3 *db, int64_t *number, const char *format, ...);

/* The first columns of the rows, with ", " between; at most size bytes. */
bool sql_words(sqlite3 *db, char *words, int size, const char *format, ...);

/* How many rows of a table are in one of two schemas only, compared column by
 * column. */
bool sql_differences(sqlite3 *db, int64_t *rows, const char *table,
                     const char *one, const char *other);

#endif
