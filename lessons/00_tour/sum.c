/* sum.c - the account: the reports of acts 1 to 4 against what SQL finds in the
 * databases. Nothing in it is remembered from the acts.
 *
 *   read       records of the broken file, without those that were there twice
 *              and those that were struck out of the error file
 *   ok         rows of the final database that are act 1's, each with a label
 *   skipped    of the re-run: saved before
 *   failed     of act 2, without those that were struck out or run again, and
 *              those that failed again
 *   canceled, abandoned: of the acts that fill the database
 * SPDX-License-Identifier: MIT */
#include "sql.h"
#include "tour.h"
#include <inttypes.h>
#include <stdio.h>

struct sum {
    int64_t read, ok, skipped, failed, canceled, abandoned;
};

static sqlite3 *open_all(struct tour *tour)
{
    sqlite3 *db = sql_open(tour->final_db, false);

    if (sql_exec(db, "ATTACH %Q AS clean", tour->clean_db) &&
        sql_exec(db, "ATTACH %Q AS reports", tour->reports_db))
        return db;
    sql_close(db);
    return NULL;
}

/* Of one report. */
static bool figure(sqlite3 *db, int64_t *number, const char *column,
                   const char *part)
{
    return sql_number(db, number,
                      "SELECT total(%s) FROM reports.run WHERE part GLOB %Q",
                      column, part);
}

static bool add_up(sqlite3 *db, struct sum *sum)
{
    int64_t read, twice, struck, failed, again, failed_again;

    if (!figure(db, &read, "read", "2") || !figure(db, &twice, "skipped", "2") ||
        !figure(db, &struck, "read", "3 struck out") ||
        !figure(db, &failed, "failed", "2") || !figure(db, &again, "read", "3") ||
        !figure(db, &failed_again, "failed", "[34]*") ||
        !figure(db, &sum->skipped, "skipped", "3") ||
        !figure(db, &sum->canceled, "canceled", "[234]*") ||
        !figure(db, &sum->abandoned, "abandoned", "[234]*"))
        return false;
    sum->read = read - twice - struck;
    sum->failed = failed - struck - again + failed_again;
    return sql_number(db, &sum->ok,
                      "SELECT count(*) FROM (SELECT * FROM main.place INTERSECT"
                      " SELECT * FROM clean.place) JOIN"
                      " (SELECT zip FROM label GROUP BY zip HAVING count(*) = 1)"
                      " USING(zip)");
}

/* Names some of what one side has and the other has not. */
static bool say_missing(sqlite3 *db, const char *what, const char *query)
{
    int64_t count;
    char some[128];

    if (!sql_number(db, &count, "SELECT count(*) FROM (%s)", query) ||
        !sql_words(db, some, sizeof some, "%s LIMIT 5", query))
        return false;
    if (count == 0)
        return true;
    complain("%" PRId64 " %s: %s%s", count, what, some, count > 5 ? ", ..." : "");
    return false;
}

static bool look_for_missing(sqlite3 *db)
{
    bool good = say_missing(db, "missing from table place",
                            "SELECT zip FROM clean.place EXCEPT"
                            " SELECT zip FROM main.place");

    good &= say_missing(db, "missing from act 1's table place",
                        "SELECT zip FROM main.place EXCEPT"
                        " SELECT zip FROM clean.place");
    good &= say_missing(db, "changed in table place",
                        "SELECT m.zip FROM main.place m JOIN clean.place c"
                        " USING(zip) WHERE m.zip IN (SELECT zip FROM (SELECT *"
                        " FROM main.place EXCEPT SELECT * FROM clean.place))");
    good &= say_missing(db, "without a label",
                        "SELECT zip FROM main.place EXCEPT"
                        " SELECT zip FROM label");
    good &= say_missing(db, "labelled twice, or without a place",
                        "SELECT zip FROM label GROUP BY zip HAVING count(*) > 1"
                        " OR zip NOT IN (SELECT zip FROM main.place)");
    return good;
}

/* What the sink counted against what is there. */
static bool check_reports(sqlite3 *db, const struct sum *sum)
{
    int64_t clean, places, labels;

    if (!figure(db, &clean, "ok", "1") || !figure(db, &places, "ok", "[23]") ||
        !figure(db, &labels, "ok", "4[ab]"))
        return false;
    if (clean == sum->ok && places == sum->ok && labels == sum->ok)
        return true;
    complain("the reports say %" PRId64 ", %" PRId64 " and %" PRId64
             " saved in act 1, acts 2 and 3, act 4",
             clean, places, labels);
    return false;
}

static bool is_kit(sqlite3 *db)
{
    int64_t records, hash;

    if (!sql_number(db, &records, "SELECT records FROM reports.csv") ||
        !sql_number(db, &hash, "SELECT hash FROM reports.csv"))
        return false;
    if (records == TOUR_RECORDS && (uint64_t)hash == TOUR_HASH)
        return true;
    complain("this is not the zipcodes.csv of the kit: %" PRId64 " records",
             records);
    return false;
}

int tour_sum(struct tour *tour)
{
    sqlite3 *db = open_all(tour);
    struct sum sum;

    if (!db)
        return TOUR_REFUSED;
    if (!add_up(db, &sum)) {
        sql_close(db);
        return TOUR_REFUSED;
    }
    bool good = is_kit(db);
    good &= look_for_missing(db);
    good &= check_reports(db, &sum);
    sql_close(db);
    if (sum.read !=
        sum.ok + sum.skipped + sum.failed + sum.canceled + sum.abandoned) {
        complain("the account does not add up");
        good = false;
    }
    good = good && sum.read == TOUR_RECORDS && sum.ok == TOUR_RECORDS;
    printf("tour: %" PRId64 " read = %" PRId64 " ok + %" PRId64
           " skipped + %" PRId64 " failed + %" PRId64 " canceled + %" PRId64
           " abandoned\n",
           sum.read, sum.ok, sum.skipped, sum.failed, sum.canceled,
           sum.abandoned);
    return good ? TOUR_OK : TOUR_WRONG;
}
