/* place.c - a place: checked, located, saved.
 *
 * Each stage is a plain function from item to item: it knows nothing of
 * channels, threads or the other stages, and can be called from a test.
 * SPDX-License-Identifier: MIT */
#include "place.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ZIP, LATITUDE, LONGITUDE, CITY, STATE, COUNTY };

const struct leat_type place_type = {"place", sizeof(struct place), NULL, NULL,
                                     NULL};
const struct leat_type located_type = {"located", sizeof(struct located), NULL,
                                       NULL, NULL};

/* Not isdigit() and isupper(): they depend on the locale. */
static bool only(const char *text, size_t len, char from, char to)
{
    if (strlen(text) != len)
        return false;
    for (; *text; text++)
        if (*text < from || *text > to)
            return false;
    return true;
}

static int degrees(leat_ctx *ctx, const struct leat_csv_row *row, size_t field,
                   double most, double *value)
{
    const char *text = row->fields[field].text;
    char *end;

    *value = strtod(text, &end);
    if (end == text || *end || text[strspn(text, "+-.0123456789")])
        return leat_csv_fail(ctx, row, field, EINVAL, "\"%.30s\" is no number",
                             text);
    if (*value < -most || *value > most)
        return leat_csv_fail(ctx, row, field, ERANGE, "%g is not within +-%g",
                             *value, most);
    return LEAT_OK;
}

static int city(leat_ctx *ctx, const struct leat_csv_row *row, char *name)
{
    const struct leat_csv_field *field = &row->fields[CITY];

    if (field->len == 0)
        return leat_csv_fail(ctx, row, CITY, EINVAL, "no city");
    if (field->len > PLACE_CITY)
        return leat_csv_fail(ctx, row, CITY, E2BIG, "a city of %zu bytes",
                             field->len);
    for (size_t i = 0; i <= field->len; i++)
        name[i] = field->text[i] == '\n' ? ' ' : field->text[i];
    return LEAT_OK;
}

int place_check(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct leat_csv_row *row = in;
    struct place *place = out;
    int status;

    place->zip = row->fields[ZIP].text;
    place->state = row->fields[STATE].text;
    place->county = row->fields[COUNTY].text;
    if (!only(place->zip, 5, '0', '9'))
        return leat_csv_fail(ctx, row, ZIP, EINVAL, "\"%.20s\" is not 5 digits",
                             place->zip);
    if (!only(place->state, 2, 'A', 'Z'))
        return leat_csv_fail(ctx, row, STATE, EINVAL,
                             "\"%.20s\" is not 2 capitals", place->state);
    if ((status = degrees(ctx, row, LATITUDE, 90, &place->latitude)) ||
        (status = degrees(ctx, row, LONGITUDE, 180, &place->longitude)))
        return status;
    return city(ctx, row, place->city);
}

/* Halves the range of one coordinate, and says in which half it is. */
static unsigned halve(double value, double range[2])
{
    double middle = (range[0] + range[1]) / 2;
    unsigned upper = value >= middle;

    range[!upper] = middle;
    return upper;
}

int place_locate(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    static const char digits[] = "0123456789bcdefghjkmnpqrstuvwxyz";
    const struct place *place = in;
    struct located *located = out;
    double east[2] = {-180, 180}, north[2] = {-90, 90};

    located->place = place;
    for (unsigned i = 0; i < PLACE_GEOHASH; i++) {
        unsigned digit = 0;
        for (unsigned bit = 0; bit < 5; bit++)
            digit = digit * 2 + ((i * 5 + bit) % 2 == 0
                                     ? halve(place->longitude, east)
                                     : halve(place->latitude, north));
        located->geohash[i] = digits[digit];
    }
    return LEAT_OK;
}

static int bind(leat_ctx *ctx, sqlite3_stmt *insert, const void *item)
{
    const struct located *located = item;
    const struct place *place = located->place;

    sqlite3_bind_text(insert, 1, place->zip, -1, SQLITE_STATIC);
    sqlite3_bind_text(insert, 2, place->city, -1, SQLITE_STATIC);
    sqlite3_bind_text(insert, 3, place->state, -1, SQLITE_STATIC);
    sqlite3_bind_text(insert, 4, place->county, -1, SQLITE_STATIC);
    sqlite3_bind_double(insert, 5, place->latitude);
    sqlite3_bind_double(insert, 6, place->longitude);
    sqlite3_bind_text(insert, 7, located->geohash, -1, SQLITE_STATIC);
    return LEAT_OK;
}

static int key(const void *item, char *text, size_t size)
{
    return snprintf(text, size, "%s",
                    ((const struct located *)item)->place->zip);
}

/* With the final 0 of each, so that "ab", "c" is not "a", "bc". */
static uint64_t content(const void *item)
{
    const struct located *located = item;
    const struct place *place = located->place;
    const char *texts[] = {place->city, place->state, place->county,
                           located->geohash};
    uint64_t hash = 0;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        hash = leat_sqlite_hash(hash, texts[i], strlen(texts[i]) + 1);
    hash = leat_sqlite_hash(hash, &place->latitude, sizeof place->latitude);
    return leat_sqlite_hash(hash, &place->longitude, sizeof place->longitude);
}

struct leat_sqlite place_table(const char *path)
{
    return (struct leat_sqlite){
        .path = path,
        .job = "place",
        .schema = "CREATE TABLE IF NOT EXISTS place(zip TEXT PRIMARY KEY,"
                  " city TEXT NOT NULL, state TEXT NOT NULL, county TEXT,"
                  " latitude REAL NOT NULL, longitude REAL NOT NULL,"
                  " geohash TEXT NOT NULL) WITHOUT ROWID",
        .insert = "INSERT INTO place VALUES(?, ?, ?, ?, ?, ?, ?)",
        .bind = bind,
        .key = key,
        .content = content,
    };
}

struct leat_stage place_check_stage(void)
{
    return (struct leat_stage){.name = "check", .fn = place_check,
                               .in = &leat_csv_row_type, .out = &place_type};
}

struct leat_stage place_locate_stage(void)
{
    return (struct leat_stage){.name = "locate", .fn = place_locate,
                               .in = &place_type, .out = &located_type};
}
