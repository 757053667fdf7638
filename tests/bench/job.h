/* job.h - the job that is done by leat and by a plain loop: a CSV file of places
 * to a SQLite table.
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_JOB_H
#define BENCH_JOB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JOB_FIELDS = 6 };

#define JOB_SCHEMA                                                             \
    "CREATE TABLE places(zip TEXT PRIMARY KEY, latitude REAL, longitude REAL," \
    " city TEXT, state TEXT, county TEXT, equator REAL) WITHOUT ROWID"
#define JOB_INSERT "INSERT INTO places VALUES(?, ?, ?, ?, ?, ?, ?)"

struct place {
    char zip[8], city[40], state[4], county[40];
    double latitude, longitude;
    double equator; /* km to it */
};

/* Checks and enriches what stands in a record's fields. */
bool place_parse(struct place *place, const char *const fields[JOB_FIELDS]);

/* Binds without a copy: place must outlive the step. */
void place_bind(sqlite3_stmt *insert, const struct place *place);

/* A new folder for the database, below $TMPDIR or in /var/tmp, which is on a
 * disk. False: there is none. */
bool job_folder(char *dir, size_t size);

/* The path of the database in it. */
void job_path(const char *dir, char *path, size_t size);

/* The database with its table: WAL, and every commit synced. NULL: not so. */
sqlite3 *job_open(const char *dir);

/* Whether so many rows are in it; removes the folder. */
bool job_check(const char *dir, uint64_t rows);

#endif
