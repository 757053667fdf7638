/* owned.h - rows that own memory, so that a lost or doubled one is found, and a
 * query for them.
 * SPDX-License-Identifier: MIT */
#ifndef ADAPTERS_OWNED_H
#define ADAPTERS_OWNED_H

#include "adapters/rows.h"

static const char *path;

static inline void owned_setup(void)
{
    static char kept[512];

    rows_setup();
    snprintf(kept, sizeof kept, "%s", path_of("a.db"));
    path = kept;
}

struct owned {
    int64_t id;
    char *name;
};

static inline void owned_drop(void *item)
{
    free(((struct owned *)item)->name);
}

static const struct leat_type owned_type = {
    .name = "owned", .size = sizeof(struct owned), .drop = owned_drop};

static size_t reads, fail_at, skip_every;

static inline int read_owned(leat_ctx *ctx, sqlite3_stmt *row, void *out)
{
    struct owned *owned = out;
    const char *name = (const char *)sqlite3_column_text(row, 1);

    owned->id = sqlite3_column_int64(row, 0);
    if (!(owned->name = strdup(name ? name : "")))
        return LEAT_NOMEM;
    if (++reads == fail_at)
        return leat_fail(ctx, EPROTO, "row %zu", reads);
    return skip_every && reads % skip_every == 0 ? LEAT_SKIP : LEAT_OK;
}

static inline int key_of_owned(const void *item, char *key, size_t size)
{
    const struct owned *owned = item;

    return owned->id == 13 ? -1
                           : snprintf(key, size, "%lld", (long long)owned->id);
}

static inline struct leat_sqlite_query query_of(const char *select)
{
    reads = fail_at = skip_every = 0;
    return (struct leat_sqlite_query){
        .path = path,
        .select = select,
        .order = "id",
        .read = read_owned,
        .type = &owned_type,
        .key = key_of_owned,
    };
}

static inline void make_table(int count)
{
    char sql[400];

    snprintf(sql, sizeof sql,
             "CREATE TABLE s(id INTEGER PRIMARY KEY, name);"
             "WITH RECURSIVE c(x) AS (VALUES(100) UNION ALL SELECT x + 1 FROM c"
             " LIMIT %d) INSERT INTO s SELECT x, 'row ' || x FROM c", count);
    tell(path, sql);
}

#endif
