/* 3_mended.c - act 3: the error file is mended and run again, until there is
 * none. Then the database must be that of act 1.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "mend.h"
#include "place.h"
#include "sql.h"
#include "tour.h"
#include <errno.h>
#include <leat/error_file.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct mended {
    const struct lines *lines;
    unsigned retyped, struck, unknown;
    char before[100], after[100], message[160];
};

/* What is shown of it: one that fits into a line. */
static void show(struct mended *mended, const json_t *line, const char *after)
{
    const char *before = mend_text(line, "input");

    if (*mended->before || strlen(before) < 10 || strlen(before) > 66 ||
        strchr(before, '\r'))
        return;
    snprintf(mended->before, sizeof mended->before, "%s", before);
    snprintf(mended->after, sizeof mended->after, "%s", after);
    snprintf(mended->message, sizeof mended->message, "%s",
             mend_text(line, "message"));
}

static bool mend(json_t *line, const struct damage *damage, void *arg)
{
    struct mended *mended = arg;

    if (!damage) {
        mended->unknown++;
        return true;
    }
    if (damage_kinds[damage->kind].extra) {
        mended->struck++;
        return false;
    }
    show(mended, line, mended->lines->line[damage->line]);
    json_object_set_new(line, "input",
                        json_string(mended->lines->line[damage->line]));
    json_object_del(line, "input_base64");
    mended->retyped++;
    return true;
}

static bool mend_file(struct tour *tour, struct mended *mended)
{
    struct damages damages;
    char edited[TOUR_PATH + 8];

    snprintf(edited, sizeof edited, "%s.edited", tour->errors);
    if (access(tour->errors, R_OK) != 0) {
        complain("%s: %s: act 3 mends what act 2 has left there (--acts 1-3)",
                 tour->errors, strerror(errno));
        return false;
    }
    if (!damage_plan(&tour->lines, &damages))
        return false;
    bool good = mend_each(tour->errors, edited, &damages, mend, mended);
    damage_free(&damages);
    if (good && rename(edited, tour->errors) != 0) {
        complain("%s: %s", edited, strerror(errno));
        good = false;
    }
    if (!good)
        return false;
    printf("   mended, as it would be done in an editor: %u inputs typed again,"
           " %u lines\n   struck out (empty ones, and second versions)."
           " One of them:\n   %s%s\n   - %s\n   + %s%s\n\n",
           mended->retyped, mended->struck, paint(tour, PAINT_DIM),
           mended->message, mended->before, mended->after,
           paint(tour, PAINT_OFF));
    return mended->unknown == 0;
}

static int run(struct tour *tour, uint64_t records, struct leat_report *report)
{
    struct leat_csv csv = {.path = tour->broken_csv, .header = true,
                           .columns = PLACE_COLUMNS};
    struct leat_sqlite table = place_table(tour->final_db);
    struct leat_pipeline pipeline = {
        .stages = {leat_csv_source(&csv), leat_csv_parse(&csv),
                   place_check_stage(), place_locate_stage(),
                   leat_sqlite_sink(&table, &located_type)},
        .errors = leat_error_file(tour->errors),
    };
    struct leat_rerun rerun = {.path = tour->errors};

    if (leat_rerun(&pipeline, &rerun) != LEAT_OK)
        return LEAT_INVALID;
    int status = tour_run(tour, "3", 60 * LEAT_S, records, &pipeline, report);
    int finished = leat_rerun_finish(&rerun, report);
    return status != LEAT_OK ? status : finished;
}

static bool compare(struct tour *tour, int64_t *rows)
{
    sqlite3 *db = sql_open(tour->final_db, false);
    int64_t clean, final, different;
    bool good =
        sql_exec(db, "ATTACH %Q AS clean", tour->clean_db) &&
        sql_number(db, &clean, "SELECT count(*) FROM clean.place") &&
        sql_number(db, &final, "SELECT count(*) FROM main.place") &&
        sql_differences(db, &different, "place", "main", "clean");

    sql_close(db);
    if (!good)
        return false;
    printf("   compared with act 1, row by row: %lld and %lld rows, %lld"
           " different\n",
           (long long)clean, (long long)final, (long long)different);
    *rows = final;
    return different == 0 && clean == final;
}

/* How many lines were struck out belongs to the account. */
static bool note_struck(struct tour *tour, unsigned struck)
{
    sqlite3 *db = sql_open(tour->reports_db, true);
    bool good = sql_exec(db,
                         "INSERT OR REPLACE INTO run"
                         " VALUES('3 struck out', %u, 0, 0, 0, 0, 0)",
                         struck);

    sql_close(db);
    return good;
}

int act_mended(struct tour *tour)
{
    struct mended mended = {.lines = &tour->lines};
    struct leat_report report;
    int64_t rows = 0;

    say_act(tour, 3, "mended: the error file is an input",
            "The same pipeline with the error file in the place of the CSV file.");
    if (!tour_forget(tour, "3*") || !mend_file(tour, &mended) ||
        !note_struck(tour, mended.struck))
        return TOUR_REFUSED;
    int status = run(tour, mended.retyped, &report);
    if (tour_stopped(tour))
        return tour_stopped(tour);
    bool gone = access(tour->errors, F_OK) != 0 &&
                access(tour->rerunning, F_OK) != 0;
    bool same = compare(tour, &rows);
    return say_verdict(tour, status == LEAT_OK && gone && same,
                       "%s errors are left, the error file is %s, the databases"
                       " are %s",
                       report.total.failed ? "some" : "no",
                       gone ? "gone" : "still there",
                       same ? "equal" : "different");
}
