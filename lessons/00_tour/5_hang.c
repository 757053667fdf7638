/* 5_hang.c - act 5: a stage of our own that never answers.
 *
 * Nothing waits without a deadline. The run ends at it, says who had what in
 * hand, and has saved everything else.
 * SPDX-License-Identifier: MIT */
#include "place.h"
#include "tour.h"
#include <stdio.h>
#include <string.h>

/* A look-up in a service that is asked for each record and, for one of them,
 * never answers. It may wait, for it waits with its context: so the deadline
 * wakes it. */
static int look_up(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const uint64_t *never = arg;

    if (leat_ctx_item(ctx)->seq == *never)
        return leat_sleep(ctx, 3600 * LEAT_S);
    *(struct place *)out = *(const struct place *)in;
    return LEAT_OK;
}

/* The one to blame: in hand in look-up when the deadline came. */
static const struct leat_event *find(const struct leat_report *report,
                                     uint64_t seq)
{
    size_t count = report->trouble_count < LEAT_TROUBLES ? report->trouble_count
                                                         : LEAT_TROUBLES;

    for (size_t i = 0; i < count; i++)
        if (report->troubles[i].kind == LEAT_EVENT_CANCEL &&
            report->troubles[i].seq == seq)
            return &report->troubles[i];
    return NULL;
}

int act_hang(struct tour *tour)
{
    uint64_t never = 41;
    struct leat_csv csv = {.path = tour->csv, .header = true,
                           .columns = PLACE_COLUMNS};
    struct leat_sqlite table = place_table(tour->hang_db);
    struct leat_pipeline pipeline = {
        .stages = {leat_csv_source(&csv), leat_csv_parse(&csv),
                   place_check_stage(),
                   {"look-up", look_up, &never, &place_type, &place_type,
                    .workers = 4},
                   place_locate_stage(),
                   leat_sqlite_sink(&table, &located_type)},
    };
    struct leat_report report;

    say_act(tour, 5, "hang: a stage that never answers",
            "One of four workers gets no answer to a record; the run may take 2"
            " seconds.");
    tour_remove_db(tour->hang_db);
    if (!tour_forget(tour, "5*"))
        return TOUR_REFUSED;
    int status = tour_run(tour, "5", 2 * LEAT_S, tour_records(tour), &pipeline,
                          &report);
    if (tour_stopped(tour))
        return tour_stopped(tour);
    const struct leat_event *hung = find(&report, never);
    if (!hung || status != LEAT_TIMEOUT)
        return say_verdict(tour, false, "nobody is blamed for the hang");
    printf("   in hand at the deadline: stage %s, worker %u, record %ju, for"
           " %.2f s\n   that is %s:%ju\n   %s\n   canceled with it: %ju that"
           " its worker had taken along, or that were under way\n",
           hung->stage, hung->worker, (uintmax_t)hung->seq,
           (double)hung->age / LEAT_S, tour->csv, (uintmax_t)hung->seq + 2,
           tour->lines.line[hung->seq + 1],
           (uintmax_t)report.total.canceled - 1);
    return say_verdict(tour, strcmp(hung->stage, "look-up") == 0,
                       "%ju are saved, the one that hung is named",
                       (uintmax_t)report.total.ok);
}
