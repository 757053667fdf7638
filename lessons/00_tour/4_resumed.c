/* 4_resumed.c - act 4: from database to database, stopped half-way and started
 * again.
 *
 * The marker that a row is done is in the same transaction as what it did. So to
 * resume is to run the same again: nothing twice, nothing left out.
 * SPDX-License-Identifier: MIT */
#include "place.h"
#include "sql.h"
#include "tour.h"
#include <stdio.h>
#include <string.h>

/* A row of table place: its texts are copies, for the next step of the query
 * would take them away. */
struct from {
    char zip[8], state[4], city[PLACE_CITY + 1];
};

/* What is to be printed on an envelope. */
struct label {
    const struct from *from; /* the value before this one */
    char text[PLACE_CITY + 16], sorting[3]; /* the sorting centre's digits */
};

static const struct leat_type from_type = {"from", sizeof(struct from), NULL,
                                           NULL, NULL};
static const struct leat_type label_type = {"label", sizeof(struct label), NULL,
                                            NULL, NULL};

static int read_row(leat_ctx *ctx, sqlite3_stmt *row, void *out)
{
    struct from *from = out;

    snprintf(from->zip, sizeof from->zip, "%s", sqlite3_column_text(row, 0));
    snprintf(from->city, sizeof from->city, "%s", sqlite3_column_text(row, 1));
    snprintf(from->state, sizeof from->state, "%s",
             sqlite3_column_text(row, 2));
    return LEAT_OK;
}

struct stop { /* ends the drain context at an item, as an operator might */
    leat_ctx *drain;
    uint64_t at;
};

static int make_label(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct from *from = in;
    struct label *label = out;
    struct stop *stop = arg;

    if (leat_ctx_item(ctx)->seq == stop->at)
        leat_ctx_cancel(stop->drain, LEAT_CANCELED);
    label->from = from;
    snprintf(label->text, sizeof label->text, "%s %s %s", from->city,
             from->state, from->zip);
    for (char *at = label->text; *at; at++)
        if (*at >= 'a' && *at <= 'z')
            *at = (char)(*at - 'a' + 'A');
    memcpy(label->sorting, from->zip, 3);
    return LEAT_OK;
}

static int bind(leat_ctx *ctx, sqlite3_stmt *insert, const void *item)
{
    const struct label *label = item;

    sqlite3_bind_text(insert, 1, label->from->zip, -1, SQLITE_STATIC);
    sqlite3_bind_text(insert, 2, label->text, -1, SQLITE_STATIC);
    sqlite3_bind_text(insert, 3, label->sorting, 3, SQLITE_STATIC);
    return LEAT_OK;
}

static int from_key(const void *item, char *key, size_t size)
{
    return snprintf(key, size, "%s", ((const struct from *)item)->zip);
}

static int label_key(const void *item, char *key, size_t size)
{
    return from_key(((const struct label *)item)->from, key, size);
}

static uint64_t content(const void *item)
{
    const struct label *label = item;

    return leat_sqlite_hash(0, label->text, strlen(label->text));
}

static int run(struct tour *tour, const char *part, uint64_t stop_at,
               struct leat_report *report)
{
    struct leat_sqlite table = {
        .path = tour->final_db,
        .job = "label",
        .schema = "CREATE TABLE IF NOT EXISTS label(zip TEXT NOT NULL,"
                  " text TEXT NOT NULL, sorting TEXT NOT NULL)",
        .insert = "INSERT INTO label VALUES(?, ?, ?)",
        .bind = bind,
        .key = label_key,
        .content = content,
    };
    struct leat_sqlite_query query = {
        .path = tour->final_db,
        .select = "SELECT zip, city, state FROM place",
        .order = "zip",
        .read = read_row,
        .type = &from_type,
        .done = &table,
        .key = from_key,
    };
    struct stop stop = {leat_ctx_new(tour->drain, 0), stop_at};
    struct leat_pipeline pipeline = {
        .stages = {leat_sqlite_source(&query),
                   {"label", make_label, &stop, &from_type, &label_type,
                    .workers = 2},
                   leat_sqlite_sink(&table, &label_type)},
        .drain = stop.drain,
    };
    int status = tour_run(tour, part, 120 * LEAT_S, tour_records(tour),
                          &pipeline, report);
    leat_ctx_free(stop.drain);
    return status;
}

/* The table has no primary key on purpose: it would hide a row that came
 * twice. */
static bool look(struct tour *tour)
{
    sqlite3 *db = sql_open(tour->final_db, false);
    int64_t places, labels, zips, missing;
    bool good = sql_number(db, &places, "SELECT count(*) FROM place") &&
                sql_number(db, &labels, "SELECT count(*) FROM label") &&
                sql_number(db, &zips, "SELECT count(DISTINCT zip) FROM label") &&
                sql_number(db, &missing,
                           "SELECT count(*) FROM (SELECT zip FROM place EXCEPT"
                           " SELECT zip FROM label)");

    sql_close(db);
    if (!good)
        return false;
    printf("   %lld places, %lld labels, %lld different zips among them, %lld"
           " missing\n",
           (long long)places, (long long)labels, (long long)zips,
           (long long)missing);
    return labels == places && zips == places && missing == 0;
}

int act_resumed(struct tour *tour)
{
    struct leat_report first, second;
    sqlite3 *db;

    say_act(tour, 4, "resumed: from table to table, stopped half-way",
            "A page of keys at a time; each row becomes a label. Half-way the\n"
            "source is stopped, and what was read flows out.");
    if (!tour_forget(tour, "4*"))
        return TOUR_REFUSED;
    db = sql_open(tour->final_db, false);
    bool cleared = sql_exec(db, "DROP TABLE IF EXISTS label") &&
                   sql_exec(db, "DELETE FROM leat_done WHERE job = 'label'");
    sql_close(db);
    if (!cleared) {
        complain("act 4 reads what acts 2 and 3 have left there (--acts 2-4)");
        return TOUR_REFUSED;
    }

    int status = run(tour, "4a", tour_records(tour) / 2, &first);
    if (tour_stopped(tour))
        return tour_stopped(tour);
    bool stopped = status == LEAT_PARTIAL && first.total.canceled == 0;
    printf("\n   started again, the same way:\n\n");
    status = run(tour, "4b", UINT64_MAX, &second);
    if (tour_stopped(tour))
        return tour_stopped(tour);
    bool good = look(tour) && stopped && status == LEAT_OK &&
                second.total.skipped == first.total.ok &&
                first.total.ok + second.total.ok == tour_records(tour);
    return say_verdict(tour, good, "%ju before the stop + %ju after it, every"
                       " row once", (uintmax_t)first.total.ok,
                       (uintmax_t)second.total.ok);
}
