/* 6_threshold.c - act 6: too many errors.
 *
 * One failure is a record's, many are the batch's: somebody is down, or it is
 * the wrong file. Then it is better to stop than to fill the error file.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "place.h"
#include "tour.h"
#include <errno.h>
#include <leat/error_file.h>
#include <unistd.h>

/* A service that goes down and stays down. */
static int look_up(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const uint64_t *down = arg;

    if (leat_ctx_item(ctx)->seq >= *down)
        return leat_fail(ctx, ECONNREFUSED, "the service does not answer");
    *(struct place *)out = *(const struct place *)in;
    return LEAT_OK;
}

int act_threshold(struct tour *tour)
{
    uint64_t down = tour_records(tour) / 4;
    struct leat_csv csv = {.path = tour->csv, .header = true,
                           .columns = PLACE_COLUMNS};
    struct leat_sqlite table = place_table(tour->threshold_db);
    struct leat_pipeline pipeline = {
        .stages = {leat_csv_source(&csv), leat_csv_parse(&csv),
                   place_check_stage(),
                   {"look-up", look_up, &down, &place_type, &place_type,
                    .workers = 2},
                   place_locate_stage(),
                   leat_sqlite_sink(&table, &located_type)},
        .errors = leat_error_file(tour->threshold_errors),
        .threshold = {.ratio = 0.2, .window = 1000, .sample = 500},
    };
    struct leat_report report;

    say_act(tour, 6, "threshold: more errors than a batch should have",
            "After a quarter of the records a service is down. More than one in\n"
            "five of the last thousand failed: stop.");
    tour_remove_db(tour->threshold_db);
    unlink(tour->threshold_errors);
    if (!tour_forget(tour, "6*"))
        return TOUR_REFUSED;
    int status = tour_run(tour, "6", 60 * LEAT_S, tour_records(tour), &pipeline,
                          &report);
    if (tour_stopped(tour))
        return tour_stopped(tour);
    return say_verdict(tour,
                       status == LEAT_THRESHOLD &&
                           report.total.in < tour_records(tour),
                       "stopped after %ju of %ju records, with %ju errors in"
                       " the error file", (uintmax_t)report.total.in,
                       (uintmax_t)tour_records(tour),
                       (uintmax_t)report.total.failed);
}
