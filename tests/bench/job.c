/* job.c - the job that is done by leat and by a plain loop.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "job.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool copy(char *to, size_t size, const char *from)
{
    size_t len = strlen(from);

    if (len >= size)
        return false;
    memcpy(to, from, len + 1);
    return true;
}

static bool number(double *to, const char *text, double limit)
{
    char *end;

    *to = strtod(text, &end);
    return end != text && *end == '\0' && *to >= -limit && *to <= limit;
}

bool place_parse(struct place *place, const char *const fields[JOB_FIELDS])
{
    if (!copy(place->zip, sizeof place->zip, fields[0]) ||
        !number(&place->latitude, fields[1], 90) ||
        !number(&place->longitude, fields[2], 180) ||
        !copy(place->city, sizeof place->city, fields[3]) ||
        !copy(place->state, sizeof place->state, fields[4]) ||
        !copy(place->county, sizeof place->county, fields[5]))
        return false;
    place->equator = 111.195 * (place->latitude < 0 ? -place->latitude
                                                    : place->latitude);
    return true;
}

void place_bind(sqlite3_stmt *insert, const struct place *place)
{
    sqlite3_bind_text(insert, 1, place->zip, -1, SQLITE_STATIC);
    sqlite3_bind_double(insert, 2, place->latitude);
    sqlite3_bind_double(insert, 3, place->longitude);
    sqlite3_bind_text(insert, 4, place->city, -1, SQLITE_STATIC);
    sqlite3_bind_text(insert, 5, place->state, -1, SQLITE_STATIC);
    sqlite3_bind_text(insert, 6, place->county, -1, SQLITE_STATIC);
    sqlite3_bind_double(insert, 7, place->equator);
}

bool job_folder(char *dir, size_t size)
{
    const char *tmp = getenv("TMPDIR");
    int len = snprintf(dir, size, "%s/leat-bench-XXXXXX", tmp ? tmp : "/var/tmp");

    if (len > 0 && (size_t)len < size && mkdtemp(dir))
        return true;
    perror("no folder for the database");
    return false;
}

void job_path(const char *dir, char *path, size_t size)
{
    snprintf(path, size, "%s/places.db", dir);
}

sqlite3 *job_open(const char *dir)
{
    char path[128];
    sqlite3 *db;

    job_path(dir, path, sizeof path);
    if (sqlite3_open(path, &db) == SQLITE_OK &&
        sqlite3_exec(db,
                     "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                     JOB_SCHEMA, NULL, NULL, NULL) == SQLITE_OK)
        return db;
    fprintf(stderr, "%s: %s\n", path, sqlite3_errmsg(db));
    sqlite3_close(db);
    return NULL;
}

static bool has_rows(const char *path, uint64_t rows)
{
    sqlite3 *db;
    sqlite3_stmt *select = NULL;
    bool right = sqlite3_open(path, &db) == SQLITE_OK &&
                 sqlite3_prepare_v2(db, "SELECT count(*) FROM places", -1,
                                    &select, NULL) == SQLITE_OK &&
                 sqlite3_step(select) == SQLITE_ROW &&
                 (uint64_t)sqlite3_column_int64(select, 0) == rows && rows > 0;

    sqlite3_finalize(select);
    sqlite3_close(db);
    return right;
}

bool job_check(const char *dir, uint64_t rows)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char path[128], file[140];
    bool right;

    job_path(dir, path, sizeof path);
    right = has_rows(path, rows);
    for (int i = 0; i < 3; i++) {
        snprintf(file, sizeof file, "%s%s", path, ends[i]);
        unlink(file);
    }
    rmdir(dir);
    return right;
}
