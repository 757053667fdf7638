/* run.c - one pipeline run of an act: its contexts, its progress, its report.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "progress.h"
#include "sql.h"
#include "tour.h"
#include <stdio.h>
#include <unistd.h>

static sqlite3 *reports(struct tour *tour)
{
    sqlite3 *db = sql_open(tour->reports_db, true);

    sql_exec(db, "CREATE TABLE IF NOT EXISTS run(part TEXT PRIMARY KEY,"
                 " read INTEGER, ok INTEGER, skipped INTEGER, failed INTEGER,"
                 " canceled INTEGER, abandoned INTEGER)");
    return db;
}

bool tour_forget(struct tour *tour, const char *parts)
{
    sqlite3 *db = reports(tour);
    bool good = sql_exec(db, "DELETE FROM run WHERE part GLOB %Q", parts);

    sql_close(db);
    return good;
}

bool tour_note_csv(struct tour *tour)
{
    sqlite3 *db = reports(tour);
    bool good =
        sql_exec(db, "CREATE TABLE IF NOT EXISTS"
                     " csv(records INTEGER, hash INTEGER)") &&
        sql_exec(db, "DELETE FROM csv") &&
        sql_exec(db, "INSERT INTO csv VALUES(%lld, %lld)",
                 (long long)tour_records(tour), (long long)tour->lines.hash);

    sql_close(db);
    return good;
}

static void write_down(struct tour *tour, const char *part,
                       const struct leat_counts *total)
{
    sqlite3 *db = reports(tour);

    sql_exec(db,
             "INSERT OR REPLACE INTO run"
             " VALUES(%Q, %lld, %lld, %lld, %lld, %lld, %lld)",
             part, (long long)total->in, (long long)total->ok,
             (long long)total->skipped, (long long)total->failed,
             (long long)total->canceled, (long long)total->abandoned);
    sql_close(db);
}

int tour_run(struct tour *tour, const char *part, leat_duration deadline,
             uint64_t expected, struct leat_pipeline *pipeline,
             struct leat_report *report)
{
    leat_ctx *ctx = leat_ctx_new(tour->run, deadline);
    leat_ctx *drain = leat_ctx_new(tour->drain, deadline / 4 * 3);
    struct progress progress = {.part = part, .expected = expected};
    bool shown = tour->progress && progress_start(&progress, tour->root) == 0;

    if (!pipeline->drain)
        pipeline->drain = drain;
    if (shown) {
        pipeline->tick = 50 * LEAT_MS;
        pipeline->trace = progress_tick;
        pipeline->trace_arg = &progress;
        pipeline->events = 1u << LEAT_EVENT_TICK;
    }
    int status = leat_run(ctx, pipeline, report);
    if (status != LEAT_ABANDONED) /* else the tree is in use still */
        leat_ctx_free(ctx);
    if (shown)
        progress_stop(&progress);
    say_report(tour, pipeline, report, status);
    if (status == LEAT_ABANDONED) {
        complain("a worker is stuck in foreign code; only ending the process"
                 " helps");
        fflush(stdout);
        _exit(TOUR_WRONG);
    }
    leat_ctx_free(drain);
    write_down(tour, part, &report->total);
    return status;
}
