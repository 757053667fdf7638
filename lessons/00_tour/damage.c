/* damage.c - breaks the file, as damage_plan() says.
 * SPDX-License-Identifier: MIT */
#include "damage.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS = 6, LINE = 200, MEGABYTE = 1 << 20 };
enum { ZIP, LATITUDE, LONGITUDE, CITY, STATE, COUNTY };

/* What stands in the file: records are plain, so each is its six fields. */
struct record {
    char line[LINE];
    char *field[FIELDS];
};

static bool split(const char *line, struct record *record)
{
    size_t len = strlen(line), count = 0;

    if (len == 0 || len >= LINE || line[strcspn(line, "\"\r")])
        return false;
    memcpy(record->line, line, len + 1);
    for (char *at = record->line; at && count < FIELDS; count++) {
        record->field[count] = at;
        at = strchr(at, ',');
        if (at)
            *at++ = '\0';
        if (count == FIELDS - 1 && at)
            return false;
    }
    return count == FIELDS && strlen(record->field[CITY]) > 1;
}

static void put(FILE *file, const struct record *record)
{
    for (int i = 0; i < FIELDS; i++)
        fprintf(file, "%s%s", i > 0 ? "," : "", record->field[i]);
}

/* The record with another city, which may have NULs in it. */
static void put_city(FILE *file, const struct record *record, const char *city,
                     size_t len)
{
    fprintf(file, "%s,%s,%s,", record->field[ZIP], record->field[LATITUDE],
            record->field[LONGITUDE]);
    fwrite(city, 1, len, file);
    fprintf(file, ",%s,%s", record->field[STATE], record->field[COUNTY]);
}

/* The city with something put before it, behind its first letter, and after. */
static void around(FILE *file, const struct record *record, const char *before,
                   const char *inside, size_t len, const char *after)
{
    const char *city = record->field[CITY];
    char text[LINE + 16];
    int size = snprintf(text, sizeof text, "%s%c", before, city[0]);

    memcpy(text + size, inside, len);
    size += (int)len;
    size += snprintf(text + size, sizeof text - (size_t)size, "%s%s", city + 1,
                     after);
    put_city(file, record, text, (size_t)size);
}

static void put_megabyte(FILE *file, const struct record *record)
{
    char *city = malloc(MEGABYTE);

    if (!city)
        return; /* the count in the report will tell */
    memset(city, 'x', MEGABYTE);
    put_city(file, record, city, MEGABYTE);
    free(city);
}

/* A kind needs a line in damage_kinds[] and one in damage_one(). */
enum kind {
    QUOTE_INSIDE, QUOTE_BEHIND, QUOTE_OPEN, FIELD_MISSING, FIELD_MORE,
    NOT_UTF8, NUL, BARE_CR, BIG, ZERO_LOST, OUT_OF_RANGE, SMALL_STATE, NO_CITY,
    EMPTY_LINE, OTHER_CONTENT, SAME_CONTENT, QUOTED, LINE_FEED,
};

static const char retyped[] = "typed again", struck[] = "struck out";

const struct damage_kind damage_kinds[] = {
    [QUOTE_INSIDE] = {"a quote inside a field", "parse", 10, .cure = retyped},
    [QUOTE_BEHIND] = {"text behind a closing quote", "parse", 10,
                      .cure = retyped},
    [QUOTE_OPEN] = {"a quote that never ends", "parse", 10, .cure = retyped},
    [FIELD_MISSING] = {"a field is missing", "parse", 10, .cure = retyped},
    [FIELD_MORE] = {"a field too many", "parse", 10, .cure = retyped},
    [NOT_UTF8] = {"a byte that is not UTF-8", "parse", 10, .cure = retyped},
    [NUL] = {"a NUL byte", "parse", 10, .cure = retyped},
    [BARE_CR] = {"a bare carriage return", "parse", 10, .cure = retyped},
    [BIG] = {"a city of a megabyte", "check", 3, .cure = retyped},
    [ZERO_LOST] = {"a zip that lost its leading 0", "check", 10,
                   .cure = retyped},
    [OUT_OF_RANGE] = {"a latitude beyond the pole", "check", 10,
                      .cure = retyped},
    [SMALL_STATE] = {"a state in small letters", "check", 10, .cure = retyped},
    [NO_CITY] = {"no city", "check", 10, .cure = retyped},
    [EMPTY_LINE] = {"an empty line more", "parse", 10, true, .cure = struck},
    [OTHER_CONTENT] = {"a zip again, with another city", "save", 10, true,
                       .cure = struck},
    [SAME_CONTENT] = {"a record twice", NULL, 10, true, .skipped = true},
    [QUOTED] = {.name = "a field in quotes (legal)", .times = 10},
    [LINE_FEED] = {.name = "a line feed in quotes (legal)", .times = 10},
};
const size_t damage_kind_count = sizeof damage_kinds / sizeof *damage_kinds;

static void put_line_feed(FILE *file, struct record *record)
{
    *strchr(record->field[CITY], ' ') = '\n';
    around(file, record, "\"", "", 0, "\"");
}

static void damage_one(FILE *file, size_t kind, struct record *record)
{
    char text[LINE + 16];

    switch (kind) {
    case QUOTE_INSIDE: around(file, record, "", "\"", 1, ""); return;
    case QUOTE_BEHIND: around(file, record, "\"", "\"", 1, ""); return;
    case QUOTE_OPEN: around(file, record, "\"", "", 0, ""); return;
    case FIELD_MORE: put(file, record); fputs(",1", file); return;
    case NOT_UTF8: around(file, record, "", "\xff", 1, ""); return;
    case NUL: around(file, record, "", "\0", 1, ""); return;
    case BARE_CR: around(file, record, "", "\r", 1, ""); return;
    case BIG: put_megabyte(file, record); return;
    case NO_CITY: put_city(file, record, "", 0); return;
    case EMPTY_LINE: return;
    case OTHER_CONTENT: around(file, record, "", "", 0, " Annex"); return;
    case QUOTED: around(file, record, "\"", "", 0, "\""); return;
    case LINE_FEED: put_line_feed(file, record); return;
    case ZERO_LOST: record->field[ZIP]++; break;
    case FIELD_MISSING:
        fprintf(file, "%s,%s,%s,%s,%s", record->field[ZIP],
                record->field[LATITUDE], record->field[LONGITUDE],
                record->field[CITY], record->field[STATE]);
        return;
    case OUT_OF_RANGE:
        snprintf(text, sizeof text, "1%s", record->field[LATITUDE]);
        record->field[LATITUDE] = text;
        break;
    case SMALL_STATE:
        for (char *at = record->field[STATE]; *at; at++)
            *at = (char)(*at | 0x20);
        break;
    default: break;
    }
    put(file, record);
}

bool damage_fits(size_t kind, const char *line)
{
    struct record record;

    if (!split(line, &record))
        return false;
    if (kind == ZERO_LOST)
        return record.field[ZIP][0] == '0';
    return kind != LINE_FEED || strchr(record.field[CITY], ' ');
}

/* A BOM at the head, CR LF in one half of the lines, no line feed at the end:
 * all legal, all to be got over. */
bool damage_write(const struct lines *lines, const struct damages *damages,
                  const char *path)
{
    FILE *file = fopen(path, "wb");
    struct record record;
    size_t next = 0;

    if (!file) {
        complain("%s: %s", path, strerror(errno));
        return false;
    }
    fprintf(file, "\xef\xbb\xbf%s", lines->line[0]);
    for (size_t line = 1; line < lines->count; line++) {
        const char *end = line % 2 == 0 ? "\r\n" : "\n";
        bool broken =
            next < damages->count && damages->all[next].line == line;
        size_t kind = broken ? damages->all[next++].kind : 0;

        fputs(end, file);
        if (!broken || damage_kinds[kind].extra)
            fputs(lines->line[line], file);
        if (broken && damage_kinds[kind].extra)
            fputs(end, file);
        if (broken && split(lines->line[line], &record))
            damage_one(file, kind, &record);
    }
    bool good = !ferror(file);
    if (fclose(file) == 0 && good)
        return true;
    complain("%s: %s", path, strerror(errno));
    return false;
}
