/* sink.h - what the writer of a database holds.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__SINK_H
#define LEAT__SINK_H

#include "db.h"

struct leat__saved { /* in the present transaction */
    char key[LEAT_SQLITE_KEY];
    uint64_t content;
};

struct leat__sink {
    struct leat__db db; /* first: what interrupt gets */
    const struct leat_sqlite *about;
    sqlite3_stmt *insert, *mark, *find, *progress;
    int64_t count;             /* saved in the present transaction */
    struct leat__saved *saved; /* those of them there was memory for */
    size_t saved_count, saved_room;
};

/* Of the resource. */
int leat__sink_open(leat_ctx *ctx, void *arg, void **state);
void leat__sink_close(void *state);

#endif
