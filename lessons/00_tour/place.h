/* place.h - what the records of zipcodes.csv become, and the stages that do it.
 * SPDX-License-Identifier: MIT */
#ifndef PLACE_H
#define PLACE_H

#include <leat/csv.h>
#include <leat/sqlite.h>

enum { PLACE_CITY = 100, PLACE_COLUMNS = 6, PLACE_GEOHASH = 8 };

/* A record that has been checked. The strings without an array point into the
 * row it was made of, which lives until the item is settled. */
struct place {
    const char *zip, *state, *county;
    double latitude, longitude;
    char city[PLACE_CITY + 1];
};

/* The same with what was found out about it. */
struct located {
    const struct place *place;       /* the value before this one */
    char geohash[PLACE_GEOHASH + 1]; /* a cell of 38 m x 19 m */
};

extern const struct leat_type place_type, located_type;

/* From leat_csv_row to place. Fails with a message that names the field. A line
 * end in a city's name counts as a space. */
leat_stage_fn place_check;

/* From place to located. */
leat_stage_fn place_locate;

/* How located places are saved: table `place` of the database at path. */
struct leat_sqlite place_table(const char *path);

/* The stages that most acts have in common, ready to be put in a row. */
struct leat_stage place_check_stage(void), place_locate_stage(void);

#endif
