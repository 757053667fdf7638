/* bench_loop.c - the plain loop: what one thread needs for the pipeline's work,
 * with an item from malloc as the peers have, and for the job of
 * bench_sqlite.c.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "job.h"
#include "work.h"
#include <csv.h>

static int pipeline(const char *workload, uint64_t count)
{
    int rounds = rounds_of(workload);
    struct sum sum = {0, 0, 0, 0};
    double began = seconds(), took;

    for (uint64_t id = 0; id < count; id++) {
        struct item *item = malloc(sizeof *item);
        if (!item)
            return 1;
        item_init(item, id);
        item_first(item, rounds);
        item_second(item, rounds);
        sum_item(&sum, item);
        free(item);
    }
    took = seconds() - began;
    return result("loop", workload, count, took, sum_is_right(&sum, count));
}

struct load {
    sqlite3 *db;
    sqlite3_stmt *insert, *mark; /* mark NULL: all in one transaction */
    const char *fields[JOB_FIELDS];
    char text[4096]; /* of the fields so far */
    size_t used, column;
    uint64_t rows, saved;
    bool broken;
};

static void take_field(void *bytes, size_t len, void *arg)
{
    struct load *load = arg;

    if (load->column == JOB_FIELDS || len >= sizeof load->text - load->used) {
        load->broken = true;
        return;
    }
    memcpy(load->text + load->used, bytes, len);
    load->text[load->used + len] = '\0';
    load->fields[load->column++] = load->text + load->used;
    load->used += len + 1;
}

static bool run(struct load *load, const char *sql)
{
    return sqlite3_exec(load->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static bool step(sqlite3_stmt *statement)
{
    bool done = sqlite3_step(statement) == SQLITE_DONE;

    sqlite3_reset(statement);
    return done;
}

static bool save(struct load *load, const struct place *place)
{
    place_bind(load->insert, place);
    if (load->mark) {
        sqlite3_bind_text(load->mark, 1, place->zip, -1, SQLITE_STATIC);
        sqlite3_bind_int64(load->mark, 2, (sqlite3_int64)load->rows);
        if (!step(load->mark))
            return false;
    }
    if (!step(load->insert))
        return false;
    return ++load->saved % 1000 > 0 || !load->mark ||
           (run(load, "COMMIT") && run(load, "BEGIN IMMEDIATE"));
}

static void take_row(int end, void *arg)
{
    struct load *load = arg;
    struct place place;

    if (load->rows++ > 0 && /* the first names the columns */
        (load->column != JOB_FIELDS || !place_parse(&place, load->fields) ||
         !save(load, &place)))
        load->broken = true;
    load->used = load->column = 0;
}

static bool load_file(struct load *load, const char *path)
{
    char buffer[65536];
    struct csv_parser parser;
    FILE *file = fopen(path, "rb");
    size_t len;

    if (!file || csv_init(&parser, CSV_STRICT) != 0)
        return false;
    while ((len = fread(buffer, 1, sizeof buffer, file)) > 0)
        if (csv_parse(&parser, buffer, len, take_field, take_row, load) != len)
            load->broken = true;
    csv_fini(&parser, take_field, take_row, load);
    csv_free(&parser);
    fclose(file);
    return !load->broken;
}

static bool prepare(struct load *load, bool marked)
{
    if (marked &&
        (!run(load, "CREATE TABLE leat_done(job TEXT NOT NULL, id TEXT NOT NULL,"
                    " content INTEGER, PRIMARY KEY(job, id)) WITHOUT ROWID") ||
         sqlite3_prepare_v2(load->db, "INSERT INTO leat_done VALUES('loop',?,?)",
                            -1, &load->mark, NULL) != SQLITE_OK))
        return false;
    return run(load, "BEGIN IMMEDIATE") &&
           sqlite3_prepare_v2(load->db, JOB_INSERT, -1, &load->insert, NULL) ==
               SQLITE_OK;
}

/* In one transaction, which cannot be resumed; or marked, with a marker for each
 * row and a commit every thousand, as leat's sink has it. */
static int job(const char *workload, const char *path, bool marked)
{
    struct load load = {0};
    char dir[64];
    double began, took;
    bool right;

    if (!job_folder(dir, sizeof dir))
        return 1;
    began = seconds();
    load.db = job_open(dir);
    right = load.db && prepare(&load, marked) && load_file(&load, path) &&
            run(&load, "COMMIT");
    sqlite3_finalize(load.insert);
    sqlite3_finalize(load.mark);
    sqlite3_close(load.db);
    took = seconds() - began;
    right = job_check(dir, load.saved) && right;
    return result("loop", workload, load.saved, took, right);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    if (strncmp(argv[1], "pipeline", 8) == 0)
        return pipeline(argv[1], strtoull(argv[2], NULL, 10));
    if (argc > 3 && strncmp(argv[1], "job", 3) == 0)
        return job(argv[1], argv[3], strcmp(argv[1], "job+markers") == 0);
    return 2;
}
