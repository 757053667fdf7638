/* 1_clean.c - act 1: a CSV file into a database.
 *
 * The smallest whole batch: five stages in a row, an error file, a threshold, a
 * deadline. Everything the later acts do is this with something gone wrong.
 * SPDX-License-Identifier: MIT */
#include "place.h"
#include "tour.h"
#include <leat/error_file.h>
#include <unistd.h>

int act_clean(struct tour *tour)
{
    struct leat_csv csv = {.path = tour->csv, .header = true,
                           .columns = PLACE_COLUMNS};
    struct leat_sqlite table = place_table(tour->clean_db);
    struct leat_pipeline pipeline = {
        .stages = {leat_csv_source(&csv), leat_csv_parse(&csv),
                   place_check_stage(), place_locate_stage(),
                   leat_sqlite_sink(&table, &located_type)},
        .errors = leat_error_file(tour->errors),
        .threshold = {.ratio = 0.5},
    };
    struct leat_report report;

    say_act(tour, 1, "clean: a CSV file into a database",
            "read, parse (two workers), check, locate (a geohash), save (a\n"
            "thousand records to a transaction)");
    tour_remove_db(tour->clean_db);
    unlink(tour->errors);
    if (!tour_forget(tour, "1*") || !tour_note_csv(tour))
        return TOUR_REFUSED;
    pipeline.stages[1].workers = 2;

    int status = tour_run(tour, "1", 120 * LEAT_S, tour_records(tour),
                          &pipeline, &report);
    if (tour_stopped(tour))
        return tour_stopped(tour);
    return say_verdict(tour, status == LEAT_OK, "%ju records are in %s",
                       (uintmax_t)report.total.ok, tour->clean_db);
}
