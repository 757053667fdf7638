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
    sqlite3_stmt *insert;
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

static void take_row(int end, void *arg)
{
    struct load *load = arg;
    struct place place;

    if (load->rows++ > 0) { /* the first names the columns */
        if (load->column != JOB_FIELDS || !place_parse(&place, load->fields)) {
            load->broken = true;
        } else {
            place_bind(load->insert, &place);
            load->broken |= sqlite3_step(load->insert) != SQLITE_DONE;
            sqlite3_reset(load->insert);
            load->saved++;
        }
    }
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

/* All in one transaction, without markers: cannot be resumed. */
static int job(const char *workload, const char *path)
{
    struct load load = {0};
    sqlite3 *db;
    char dir[64];
    double began, took;
    bool right;

    if (!job_folder(dir, sizeof dir))
        return 1;
    began = seconds();
    db = job_open(dir);
    right = db && sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == 0 &&
            sqlite3_prepare_v2(db, JOB_INSERT, -1, &load.insert, NULL) == 0 &&
            load_file(&load, path) &&
            sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == 0;
    sqlite3_finalize(load.insert);
    sqlite3_close(db);
    took = seconds() - began;
    right = job_check(dir, load.saved) && right;
    return result("loop", workload, load.saved, took, right);
}

int main(int argc, char **argv)
{
    const char *workload = argc > 2 ? argv[1] : "";
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;

    if (strncmp(workload, "pipeline", 8) == 0)
        return pipeline(workload, count);
    if (strcmp(workload, "job") == 0 && argc > 3)
        return job(workload, argv[3]);
    return 2;
}
