/* sink.c - saves items, each exactly once.
 *
 * The marker goes first: if it is there already the item has been saved and the
 * content tells whether it was the same one. Marker, effect and progress are in
 * one transaction, so what a crash leaves is all of them or none.
 *
 * SQLite may end a transaction by itself after an error (interrupt, disk full,
 * no memory): autocommit is on then, and whatever went on writing would commit
 * each statement on its own, a marker without its effect among them. So nothing
 * is written, and nothing counts as committed, without a look at autocommit.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "sink.h"
#include "seen.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int sink_begin(leat_ctx *ctx, void *state)
{
    struct leat__sink *sink = state;

    sink->count = 0;
    sink->saved_count = 0;
    leat__db_rollback(&sink->db);
    return leat__db_run(ctx, &sink->db, "BEGIN IMMEDIATE");
}

static int is_gone(leat_ctx *ctx, struct leat__sink *sink)
{
    return sqlite3_get_autocommit(sink->db.handle)
               ? leat_fail(ctx, LEAT_AGAIN, "%s: the transaction is gone",
                           sink->db.path)
               : LEAT_OK;
}

/* Runs it to its end and makes it ready for the next time. */
static int finish(leat_ctx *ctx, struct leat__sink *sink,
                  sqlite3_stmt *statement)
{
    int result, status;

    while ((result = sqlite3_step(statement)) == SQLITE_ROW)
        continue; /* RETURNING */
    status = leat__db_verdict(ctx, &sink->db, result);
    sqlite3_reset(statement);
    return status;
}

static int compare(leat_ctx *ctx, const char *key, bool same)
{
    return same ? LEAT_SKIP
                : leat_fail(ctx, EEXIST,
                            "id %.100s: saved before with other content", key);
}

/* LEAT_OK: it has its marker now. LEAT_SKIP, EEXIST: it had one. */
static int mark(leat_ctx *ctx, struct leat__sink *sink, const char *key,
                uint64_t content)
{
    int status, result;
    bool same;

    if (sqlite3_bind_text(sink->mark, 2, key, -1, SQLITE_STATIC) |
        sqlite3_bind_int64(sink->mark, 3, (sqlite3_int64)content) |
        sqlite3_bind_text(sink->find, 2, key, -1, SQLITE_STATIC))
        return LEAT_NOMEM;
    if ((status = finish(ctx, sink, sink->mark)) != LEAT_OK ||
        sqlite3_changes(sink->db.handle) > 0)
        return status;
    result = sqlite3_step(sink->find);
    same = result == SQLITE_ROW &&
           (uint64_t)sqlite3_column_int64(sink->find, 0) == content;
    status = result == SQLITE_ROW ? compare(ctx, key, same)
                                  : leat__db_verdict(ctx, &sink->db, result);
    sqlite3_reset(sink->find);
    return status;
}

/* For after the commit. */
static void remember(struct leat__sink *sink, const char *key, uint64_t content)
{
    if (sink->saved_count == sink->saved_room) {
        size_t room = sink->saved_room ? sink->saved_room * 2 : 64;
        struct leat__saved *saved = realloc(sink->saved, room * sizeof *saved);
        if (!saved)
            return;
        sink->saved = saved;
        sink->saved_room = room;
    }
    strcpy(sink->saved[sink->saved_count].key, key);
    sink->saved[sink->saved_count++].content = content;
}

static int save(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    struct leat__sink *sink = arg;
    const struct leat_sqlite *about = sink->about;
    char key[LEAT_SQLITE_KEY] = "";
    uint64_t content = about->content(in), before;
    int status, len = about->key(in, key, sizeof key);

    sink->db.ctx = ctx;
    if (len < 0 || (size_t)len >= sizeof key)
        return leat_fail(ctx, ENAMETOOLONG, "no id, or a longer one than %d",
                         LEAT_SQLITE_KEY - 1);
    if (leat_sqlite_seen_has(about->seen, key, &before))
        return compare(ctx, key, before == content);
    if ((status = is_gone(ctx, sink)) != LEAT_OK ||
        (status = mark(ctx, sink, key, content)) != LEAT_OK)
        return status;
    sqlite3_clear_bindings(sink->insert);
    if ((status = about->bind(ctx, sink->insert, in)) != LEAT_OK ||
        (status = is_gone(ctx, sink)) != LEAT_OK ||
        (status = finish(ctx, sink, sink->insert)) != LEAT_OK)
        return status;
    sink->count++;
    if (about->seen)
        remember(sink, key, content);
    return LEAT_OK;
}

static int commit(leat_ctx *ctx, struct leat__sink *sink)
{
    int status = is_gone(ctx, sink);

    if (status == LEAT_OK && sink->count > 0) {
        sqlite3_bind_int64(sink->progress, 2, sink->count);
        status = finish(ctx, sink, sink->progress);
    }
    return status == LEAT_OK ? leat__db_run(ctx, &sink->db, "COMMIT") : status;
}

static int sink_end(leat_ctx *ctx, int status, void *state)
{
    struct leat__sink *sink = state;

    sink->db.ctx = ctx;
    if (status == LEAT_OK && (status = commit(ctx, sink)) == LEAT_OK) {
        for (size_t i = 0; i < sink->saved_count; i++)
            leat__seen_add(sink->about->seen, sink->saved[i].key,
                           sink->saved[i].content);
        sink->saved_count = 0;
        return LEAT_OK;
    }
    leat__db_rollback(&sink->db);
    return status;
}

static void sink_interrupt(void *state)
{
    sqlite3_interrupt(((struct leat__sink *)state)->db.handle);
}

struct leat_stage leat_sqlite_sink(struct leat_sqlite *db,
                                   const struct leat_type *type)
{
    static const struct leat_resource resource = {
        .open = leat__sink_open,
        .begin = sink_begin,
        .end = sink_end,
        .interrupt = sink_interrupt,
        .close = leat__sink_close,
    };

    return (struct leat_stage){
        .name = "save",
        .fn = save,
        .arg = db,
        .in = type,
        .resource = &resource,
        .batch = 1000,
        .capacity = 1000, /* or a batch would never be full */
    };
}
