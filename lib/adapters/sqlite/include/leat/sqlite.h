/* sqlite.h - a SQLite database as the sink of a pipeline, and as its source.
 *
 * Every item is saved exactly once, however often the run is stopped, killed
 * and started again: the effect of an item, the marker that says so and the
 * job's progress are in one transaction. The markers are in a table of the same
 * database,
 *   leat_done(job TEXT, id TEXT, content INTEGER, PRIMARY KEY(job, id))
 * and the progress in leat_progress(job TEXT PRIMARY KEY, items INTEGER, time
 * TEXT). To resume means to run the same again: what has a marker is skipped.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_SQLITE_H
#define LEAT_SQLITE_H

#include <leat/stage.h>
#include <sqlite3.h>

LEAT_BEGIN

enum { LEAT_SQLITE_KEY = 256 }; /* most bytes of an id, with its final 0 */

/* Ids of a job that are certainly committed, with what they stood for: an
 * accelerator that lives in memory. Shared by the stages of a run (or of
 * several runs of one job): all functions may be called from any thread. */
typedef struct leat_sqlite_seen leat_sqlite_seen;

/* Room for at most so many ids (0: a million); when it is full no more are
 * added. NULL: no memory. */
leat_sqlite_seen *leat_sqlite_seen_new(size_t most);

/* Whether the id is certainly committed; then *content (if not NULL) is its
 * hash. False says nothing. */
bool leat_sqlite_seen_has(leat_sqlite_seen *seen, const char *key,
                          uint64_t *content);

/* Nobody may be using it. NULL is ignored. */
void leat_sqlite_seen_free(leat_sqlite_seen *seen);

/* A hash for `content`: of the bytes, going on from an earlier hash (0 at the
 * start). The same on every machine. */
uint64_t leat_sqlite_hash(uint64_t hash, const void *bytes, size_t len);

/* Where and how items are saved. Must outlive the run. */
struct leat_sqlite {
    const char *path;   /* of the database file, which is made if missing */
    const char *job;    /* whose markers these are; NULL: "" */
    const char *schema; /* SQL to run at every start, such as CREATE TABLE IF
                           NOT EXISTS, or a PRAGMA; NULL: none */
    const char *insert; /* the statement that saves one item; any that writes */

    /* Binds the item to the statement's parameters, which are all NULL before.
     * What is bound may point into the item (SQLITE_STATIC). LEAT_OK, or a
     * status as a stage function has it. */
    int (*bind)(leat_ctx *ctx, sqlite3_stmt *insert, const void *item);

    /* The item's id within the job, as snprintf; required. Failure: negative,
     * or too long. */
    int (*key)(const void *item, char *key, size_t size);

    /* A hash of what is to be saved under the id; required. The same id with
     * the same content is skipped, with another it fails with EEXIST: it is
     * never silently dropped. */
    uint64_t (*content)(const void *item);

    leat_sqlite_seen *seen; /* filled only after COMMIT; NULL: none */
    leat_duration wait;     /* most for a lock that others hold, then
                               LEAT_AGAIN; 0: as long as the context lives */
};

/* A sink for items of the type, named "save": one worker (there is one writer
 * to a database), batches of up to 1000 in a transaction each, taking what is
 * there, and a channel that holds as many. type must outlive leat_run().
 *
 * LEAT_SKIP: has been saved before. EEXIST: the id has been saved with other
 * content, or a UNIQUE constraint says so. EINVAL: another constraint or a type
 * does not fit, or the statement fails on these values; E2BIG: too big;
 * ENAMETOOLONG: key() has failed. LEAT_AGAIN: the database is locked by others
 * or the transaction was broken off (interrupt): worth another attempt.
 * LEAT_FATAL: the disk is full, the file is damaged, unreadable or no database:
 * the run ends. Messages are SQLite's. */
struct leat_stage leat_sqlite_sink(struct leat_sqlite *db,
                                   const struct leat_type *type);

/* What is read. Must outlive the run. */
struct leat_sqlite_query {
    const char *path;   /* of the database file, opened for reading only */
    const char *select; /* without parameters, ORDER BY and LIMIT, such as
                           "SELECT id, name FROM people WHERE age > 17" */
    const char *order;  /* the column of it by which it is read, page by page:
                           unique, not NULL, better with an index */
    size_t page;        /* rows at a time; 0: 1000 */

    /* Makes *out of the present row; copies what it needs. LEAT_OK; LEAT_SKIP;
     * an error ends the run, so judging is the next stage's work. */
    int (*read)(leat_ctx *ctx, sqlite3_stmt *row, void *out);
    const struct leat_type *type; /* of out; must outlive the run */

    /* To resume: rows whose id has a marker of done's job when the run starts
     * count as skipped, and are not passed on. done may be NULL; key as above,
     * of what read() has made; required with done. */
    const struct leat_sqlite *done;
    int (*key)(const void *item, char *key, size_t size);

    leat_duration wait; /* as above */
};

/* A source, named "select", in the order of the column. Between two pages no
 * statement is open: it neither keeps a writer waiting nor the WAL growing. A
 * NULL in the column, or a value that stands twice where a page ends, ends the
 * run with EINVAL: no row is silently left out. */
struct leat_stage leat_sqlite_source(struct leat_sqlite_query *query);

LEAT_END

#endif
