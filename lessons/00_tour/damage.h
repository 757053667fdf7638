/* damage.h - what is done to the file on purpose, and where: the same every
 * time, so that a failure can be looked at again.
 * SPDX-License-Identifier: MIT */
#ifndef DAMAGE_H
#define DAMAGE_H

#include "tour.h"

struct damage_kind {
    const char *name;
    const char *stage; /* where it must fail; NULL: it must arrive */
    unsigned times;
    bool extra;        /* a record more, and not another's place */
    bool skipped;      /* extra, and nothing new: it is passed over */
    const char *cure;  /* what a person would do to the line */
};

extern const struct damage_kind damage_kinds[];
extern const size_t damage_kind_count;

struct damage {
    size_t kind;
    size_t line;  /* of the file in memory: what it was */
    uint64_t seq; /* the number of the record in the broken file */
};

struct damages {
    struct damage *all; /* owned; in the order of the broken file */
    size_t count;
    uint64_t records; /* in the broken file */
};

/* Decides what is broken. False, said: the file cannot be broken this way. */
bool damage_plan(const struct lines *lines, struct damages *damages);
void damage_free(struct damages *damages);

/* Writes the broken file. False, said. */
bool damage_write(const struct lines *lines, const struct damages *damages,
                  const char *path);

/* Whether this line can be broken so: it is plain, and has what it takes. */
bool damage_fits(size_t kind, const char *line);

/* The one with this number; NULL: that record was left alone. */
const struct damage *damage_find(const struct damages *damages, uint64_t seq);

#endif
