/* 2_broken.c - act 2: the same file with records broken on purpose.
 *
 * A failed record is a value: it keeps its input and passes the later stages
 * untouched, to the error file. The batch goes on.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "mend.h"
#include "place.h"
#include "tour.h"
#include <leat/error_file.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int run(struct tour *tour, const struct damages *damages,
               struct leat_report *report)
{
    struct leat_csv csv = {.path = tour->broken_csv, .header = true,
                           .columns = PLACE_COLUMNS};
    struct leat_sqlite table = place_table(tour->final_db);
    struct leat_pipeline pipeline = {
        .stages = {leat_csv_source(&csv), leat_csv_parse(&csv),
                   place_check_stage(), place_locate_stage(),
                   leat_sqlite_sink(&table, &located_type)},
        .errors = leat_error_file(tour->errors),
        .threshold = {.ratio = 0.5},
    };

    pipeline.stages[1].workers = 2;
    pipeline.stages[1].ordered = true; /* of two with one zip the first wins */
    return tour_run(tour, "2", 120 * LEAT_S, damages->records, &pipeline,
                    report);
}

/* What the error file says became of each kind. */
struct found {
    unsigned *times; /* of each kind, failed where it must */
    unsigned others; /* lines that are not as they must be */
    const char *samples[3]; /* kinds of which a line is shown */
    char shown[3][140];
};

static void cut_out(char *text, size_t size, const json_t *line)
{
    char *dump = json_dumps(line, JSON_COMPACT);

    snprintf(text, size, "%.*s", (int)size - 1, dump ? dump : "");
    free(dump);
}

static bool count(json_t *line, const struct damage *damage, void *arg)
{
    struct found *found = arg;
    const struct damage_kind *kind = damage ? &damage_kinds[damage->kind] : NULL;

    if (!kind || !kind->stage ||
        strcmp(kind->stage, mend_text(line, "stage")) != 0) {
        found->others++;
        return true;
    }
    found->times[damage->kind]++;
    for (size_t i = 0; i < 3; i++)
        if (!*found->shown[i] && strcmp(kind->name, found->samples[i]) == 0)
            cut_out(found->shown[i], sizeof found->shown[i], line);
    return true;
}

static bool say_found(const struct tour *tour, const struct found *found)
{
    bool good = found->others == 0;

    printf("\n   %swhat was done to the file         records  became%s\n",
           paint(tour, PAINT_DIM), paint(tour, PAINT_OFF));
    for (size_t i = 0; i < damage_kind_count; i++) {
        const struct damage_kind *kind = &damage_kinds[i];
        unsigned want = kind->stage ? kind->times : 0;

        printf("   %-34s %6u  ", kind->name, kind->times);
        if (kind->stage)
            printf("%u failed in %s", found->times[i], kind->stage);
        else
            printf("%s", kind->skipped ? "passed over: saved before"
                                       : "arrived");
        printf("%s\n", found->times[i] == want ? "" : "  <-- WRONG");
        good = good && found->times[i] == want;
    }
    printf("   also, all legal: a BOM, half of the line ends CR LF, none at"
           " the end\n\n");
    return good;
}

static bool look(struct tour *tour, const struct damages *damages)
{
    struct found found = {
        .times = calloc(damage_kind_count, sizeof *found.times),
        .samples = {"a quote that never ends", "a byte that is not UTF-8",
                    "a zip that lost its leading 0"}};
    bool good = found.times && mend_each(tour->errors, NULL, damages, count,
                                         &found);

    if (good) {
        good = say_found(tour, &found);
        printf("   %s, each line with the record in it, among them:\n",
               tour->errors);
        for (size_t i = 0; i < 3; i++)
            printf("   %s%.70s\n     %s...%s\n", paint(tour, PAINT_DIM),
                   found.shown[i],
                   found.shown[i] + strnlen(found.shown[i], 70),
                   paint(tour, PAINT_OFF));
    }
    free(found.times);
    return good;
}

/* What must come out: failed, and passed over. */
static void expect(uint64_t *failed, uint64_t *skipped)
{
    *failed = *skipped = 0;
    for (size_t i = 0; i < damage_kind_count; i++) {
        *failed += damage_kinds[i].stage ? damage_kinds[i].times : 0;
        *skipped += damage_kinds[i].skipped ? damage_kinds[i].times : 0;
    }
}

int act_broken(struct tour *tour)
{
    struct damages damages;
    struct leat_report report;
    uint64_t failed, skipped;
    int result = TOUR_REFUSED;

    say_act(tour, 2, "broken: the same, with records damaged on purpose",
            "A record that fails keeps what it was and goes to the error file;\n"
            "the others go on.");
    tour_remove_db(tour->final_db);
    unlink(tour->errors);
    unlink(tour->rerunning);
    if (!tour_forget(tour, "[234]*") || !damage_plan(&tour->lines, &damages))
        return result;
    if (!damage_write(&tour->lines, &damages, tour->broken_csv))
        goto done;
    int status = run(tour, &damages, &report);
    if ((result = tour_stopped(tour)) != TOUR_OK)
        goto done;
    expect(&failed, &skipped);
    bool good = status == LEAT_PARTIAL && report.total.failed == failed &&
                report.total.skipped == skipped &&
                report.total.in == damages.records &&
                look(tour, &damages);
    result = say_verdict(tour, good,
                         "%ju failed, all of them those that were damaged;"
                         " %ju saved",
                         (uintmax_t)report.total.failed,
                         (uintmax_t)report.total.ok);
done:
    damage_free(&damages);
    return result;
}
