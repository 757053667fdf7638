/* bench_sqlite.c - the job of job.h through leat: a CSV source, two stages with
 * two workers each, the SQLite sink. Unlike the loop it can be stopped and
 * started again: a second row for each place says that it is saved, and a
 * thousand places are one transaction.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "bench_leat.h"
#include "job.h"
#include <errno.h>
#include <leat/csv.h>
#include <leat/pipeline.h>
#include <leat/sqlite.h>

static int check(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct leat_csv_row *row = in;
    const char *fields[JOB_FIELDS];

    for (size_t i = 0; i < JOB_FIELDS; i++)
        fields[i] = row->fields[i].text;
    return place_parse(out, fields) ? LEAT_OK : EINVAL;
}

static int bind(leat_ctx *ctx, sqlite3_stmt *insert, const void *item)
{
    place_bind(insert, item);
    return LEAT_OK;
}

static int key(const void *item, char *text, size_t size)
{
    return snprintf(text, size, "%s", ((const struct place *)item)->zip);
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    return leat_sqlite_hash(hash, text, strlen(text) + 1);
}

static uint64_t content(const void *item)
{
    const struct place *place = item;
    double numbers[] = {place->latitude, place->longitude};
    uint64_t hash = leat_sqlite_hash(0, numbers, sizeof numbers);

    return hash_text(hash_text(hash_text(hash, place->city), place->state),
                     place->county);
}

int bench_sqlite(const char *workload, const char *file)
{
    const struct leat_type *place_type = LEAT_TYPE(struct place);
    struct leat_csv csv = {.path = file, .header = true, .columns = JOB_FIELDS};
    char dir[64], path[128];
    struct leat_sqlite db = {.path = path, .job = "bench", .schema = JOB_SCHEMA,
                             .insert = JOB_INSERT, .bind = bind, .key = key,
                             .content = content};
    struct leat_pipeline pipeline = {
        .stages = {
            leat_csv_source(&csv),
            leat_csv_parse(&csv),
            {"check", check, .in = &leat_csv_row_type, .out = place_type,
             .workers = 2, .capacity = 1024},
            leat_sqlite_sink(&db, place_type),
        },
    };
    struct leat_report report;
    leat_ctx *ctx;
    double began, took;
    bool right;
    int status;

    if (strcmp(workload, "job") != 0)
        return NOT_MINE;
    if (!job_folder(dir, sizeof dir))
        return 1;
    job_path(dir, path, sizeof path);
    pipeline.stages[1].workers = 2;
    pipeline.stages[3].capacity = 2048;
    ctx = leat_ctx_root(600 * LEAT_S);
    began = seconds();
    status = leat_run(ctx, &pipeline, &report);
    took = seconds() - began;
    leat_ctx_free(ctx);
    if (status != LEAT_OK)
        fprintf(stderr, "%s: %s\n", leat_strstatus(status), report.cause.message);
    right = job_check(dir, report.total.ok) && status == LEAT_OK;
    return result("leat", workload, report.total.ok, took, right);
}
