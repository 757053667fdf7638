/* test_sqlite.c - a database as a sink: each item once. Locks, full disks, kill
 * -9 and no memory are in test_sqlite_trouble.c.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "adapters/rows.h"
#include "support/scale.h"

TestSuite(sqlite, .timeout = 60);

static void setup(void)
{
    rows_setup();
}

static void teardown(void)
{
    rows_teardown();
}

Test(sqlite, each_item_is_saved_with_its_marker, .init = setup,
     .fini = teardown)
{
    struct leat_sqlite db = database(path_of("a.db"));
    cr_assert_eq(save_rows(&db, 100, 30), LEAT_OK, "%s",
                 rows.report.cause.message);
    cr_assert_eq(rows.report.total.ok, 100);
    check_markers(db.path, 100);
    cr_assert_eq(ask(db.path, "SELECT sum(amount) FROM t"), 4950);
    cr_assert_eq(ask(db.path, "SELECT time GLOB '20[0-9][0-9]-*T*Z' FROM"
                     " leat_progress"), 1);
}

Test(sqlite, what_was_saved_before_is_skipped, .init = setup, .fini = teardown)
{
    struct leat_sqlite db = database(path_of("a.db"));
    save_rows(&db, 50, 20);
    cr_assert_eq(save_rows(&db, 100, 20), LEAT_OK);
    cr_assert_eq(rows.report.total.skipped, 50);
    cr_assert_eq(rows.report.total.ok, 50);
    check_markers(db.path, 100);
}

Test(sqlite, the_same_id_with_other_content_fails, .init = setup,
     .fini = teardown)
{
    struct leat_sqlite db = database(path_of("a.db"));
    rows.list[3].id = 1; /* other content than the first 1 */
    rows.list[4] = rows.list[2];
    cr_assert_eq(save_rows(&db, 6, 6), LEAT_PARTIAL);
    cr_assert_str_eq(rows.failures, "3 17 id 1: saved before with other "
                                    "content;");
    cr_assert_eq(rows.report.total.skipped, 1);
    check_markers(db.path, 4);
    cr_assert_eq(ask(db.path, "SELECT amount FROM t WHERE id = 1"), 1);
    rows.list[0].amount = 7;
    cr_assert_eq(save_rows(&db, 1, 1), LEAT_PARTIAL, "in a later run");
    cr_assert_eq(ask(db.path, "SELECT amount FROM t WHERE id = 0"), 0);
}

static int pragma_of(sqlite3 *db, const char *pragma)
{
    sqlite3_stmt *statement = NULL;
    int value = -1;

    sqlite3_prepare_v2(db, pragma, -1, &statement, NULL);
    if (sqlite3_step(statement) == SQLITE_ROW)
        value = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static int bind_if_durable(leat_ctx *ctx, sqlite3_stmt *insert,
                           const void *item)
{
    if (pragma_of(sqlite3_db_handle(insert), "PRAGMA synchronous") != 2)
        return leat_fail(ctx, EPROTO, "not FULL");
    return bind_row(ctx, insert, item);
}

Test(sqlite, a_commit_is_on_the_disk, .init = setup, .fini = teardown)
{
    struct leat_sqlite db = database(path_of("a.db"));
    db.bind = bind_if_durable;
    cr_assert_eq(save_rows(&db, 3, 3), LEAT_OK, "%s", rows.failures);
    cr_assert_eq(ask(db.path, "SELECT journal_mode = 'wal' FROM"
                     " pragma_journal_mode"), 1);
}

Test(sqlite, jobs_do_not_know_each_others_ids, .init = setup, .fini = teardown)
{
    struct leat_sqlite db = database(path_of("a.db"));
    save_rows(&db, 3, 3);
    db.job = NULL;
    db.schema = "CREATE TABLE IF NOT EXISTS u(id, amount, name)";
    db.insert = "INSERT INTO u VALUES(?1, ?2, ?3) RETURNING id;  \n";
    cr_assert_eq(save_rows(&db, 3, 3), LEAT_OK, "%s",
                 rows.report.cause.message);
    cr_assert_eq(ask(db.path, "SELECT count(*) FROM u"), 3);
    cr_assert_eq(ask(db.path, "SELECT items FROM leat_progress WHERE job = ''"),
                 3);
    check_markers(db.path, 3);
}

/* --- failures in the middle of a batch --- */

Test(sqlite, one_that_fails_leaves_its_batch_and_the_rest_is_saved,
     .init = setup, .fini = teardown)
{
    struct leat_sqlite db = database(path_of("a.db"));
    strcpy(rows.list[1].name, "once");
    strcpy(rows.list[3].name, "once");
    rows.list[5].amount = 5000;
    strcpy(rows.list[7].name, "unbound");
    rows.list[8].id = -1;
    rows.list[9].id = 2000000;
    cr_assert_eq(save_rows(&db, 12, 12), LEAT_PARTIAL);
    cr_expect_not_null(strstr(rows.failures, "3 17 "), "%s", rows.failures);
    cr_expect_not_null(strstr(rows.failures, "UNIQUE constraint failed: "));
    cr_expect_not_null(strstr(rows.failures, "5 22 "));
    cr_expect_not_null(strstr(rows.failures, "CHECK constraint failed"));
    cr_expect_not_null(strstr(rows.failures, "7 71 not bound;"));
    cr_expect_not_null(strstr(rows.failures, "8 36 no id"));
    cr_expect_not_null(strstr(rows.failures, "9 36 no id"));
    cr_expect_eq(rows.report.total.failed, 5);
    check_markers(db.path, 7);
    rows.list[5].amount = 5;
    cr_assert_eq(save_rows(&db, 7, 7), LEAT_PARTIAL);
    cr_expect_eq(rows.report.total.ok, 1, "the mended one");
    check_markers(db.path, 8);
}

Test(sqlite, what_the_values_do_to_a_statement_fails_the_item, .init = setup,
     .fini = teardown)
{
    static const struct {
        const char *insert;
        int status;
    } cases[] = {
        {"INSERT INTO t VALUES(?1, abs(-9223372036854775807-?2), ?3)", EINVAL},
        {"INSERT INTO t VALUES(?1, ?2, zeroblob(2000000000 * ?2))", E2BIG},
        {"INSERT INTO t VALUES(?1, json(?2 || '}'), ?3)", EINVAL},
        {"INSERT INTO t VALUES(iif(?1, 'x', 0), ?2, ?3)", EINVAL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct leat_sqlite db = database(path_of("a.db"));
        char want[16];
        db.insert = cases[i].insert;
        cr_expect_eq(save_rows(&db, 2, 2), LEAT_PARTIAL, "%s: %s", db.insert,
                     rows.report.cause.message);
        snprintf(want, sizeof want, "1 %d ", cases[i].status);
        cr_expect_not_null(strstr(rows.failures, want), "%s: %s", db.insert,
                           rows.failures);
        unlink(db.path);
        unlink(path_of("a.db-wal"));
        unlink(path_of("a.db-shm"));
    }
}

Test(sqlite, one_that_cannot_be_committed_fails_alone, .init = setup,
     .fini = teardown)
{
    struct leat_sqlite db = database(path_of("a.db"));
    db.schema = "PRAGMA foreign_keys = ON;"
                "CREATE TABLE IF NOT EXISTS name(name TEXT PRIMARY KEY);"
                "CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, amount,"
                " name REFERENCES name DEFERRABLE INITIALLY DEFERRED);";
    strcpy(rows.list[5].name, "nobody"); /* found out at COMMIT only */
    cr_assert_eq(save_rows(&db, 16, 16), LEAT_PARTIAL);
    cr_assert_eq(rows.report.total.failed, 1);
    cr_assert_eq(strncmp(rows.failures, "5 22 ", 5), 0, "%s", rows.failures);
    check_markers(db.path, 15);
}

/* --- autocommit --- */

static const char slow[] =
    "INSERT INTO t SELECT ?1, ?2, ?3 FROM (WITH RECURSIVE c(x) AS (VALUES(1)"
    " UNION ALL SELECT x + 1 FROM c LIMIT iif(?2 = 3, 1000000000000, 1))"
    " SELECT max(x) FROM c)";

static void save_slowly(leat_duration timeout)
{
    struct leat_sqlite db = database(path_of("a.db"));
    struct leat_array in = {rows.list, sizeof *rows.list, 8};
    struct leat_pipeline p = {
        .stages = {{"read", leat_array_read, &in, .out = &row_type},
                   leat_sqlite_sink(&db, &row_type)},
        .errors = {"failed", keep_failure, NULL,
                   .in = LEAT_TYPE(struct leat_item)},
    };
    db.insert = slow;
    p.stages[1].batch = 8;
    p.stages[1].linger = 10 * LEAT_S;
    p.stages[1].timeout = timeout;
    rows.failures[0] = '\0';
    cr_assert_eq(leat_run(rows.ctx, &p, &rows.report), LEAT_PARTIAL);
}

Test(sqlite, an_interrupt_loses_nothing_of_its_batch, .init = setup,
     .fini = teardown)
{
    leat_duration timeout = 30 * LEAT_MS * (leat_duration)(20 / scaled(20));
    for (save_slowly(timeout); rows.report.total.failed > 1 &&
                               timeout < 4 * LEAT_S; save_slowly(timeout)) {
        unlink(path_of("a.db")); /* a busy machine: others were late, too */
        unlink(path_of("a.db-wal"));
        unlink(path_of("a.db-shm"));
        timeout *= 2;
    }
    cr_assert_eq(rows.report.total.failed, 1, "%s", rows.failures);
    cr_assert_eq(strncmp(rows.failures, "3 -3 ", 5), 0, "%s", rows.failures);
    check_markers(path_of("a.db"), 7);
}

Test(sqlite, a_transaction_that_is_gone_is_never_taken_for_one, .init = setup,
     .fini = teardown)
{
    struct leat_sqlite db = database(path_of("a.db"));
    void *state = NULL;
    struct leat_stage sink = open_sink(&db, &state);

    cr_assert_eq(sink.fn(rows.ctx, &rows.list[0], NULL, state), LEAT_AGAIN,
                 "none was begun");
    cr_assert_eq(sink.resource->end(rows.ctx, LEAT_OK, state), LEAT_AGAIN);
    cr_assert_eq(sink.resource->begin(rows.ctx, state), LEAT_OK);
    cr_assert_eq(sink.fn(rows.ctx, &rows.list[1], NULL, state), LEAT_OK);
    strcpy(rows.list[2].name, "rollback"); /* in its bind */
    cr_assert_eq(sink.fn(rows.ctx, &rows.list[2], NULL, state), LEAT_AGAIN);
    cr_assert_eq(sink.resource->end(rows.ctx, LEAT_OK, state), LEAT_AGAIN);
    cr_assert_eq(sink.resource->end(rows.ctx, EIO, state), EIO);
    check_markers(db.path, 0);
    cr_assert_eq(sink.resource->begin(rows.ctx, state), LEAT_OK);
    cr_assert_eq(sink.fn(rows.ctx, &rows.list[1], NULL, state), LEAT_OK);
    cr_assert_eq(sink.resource->end(rows.ctx, LEAT_OK, state), LEAT_OK);
    check_markers(db.path, 1);
    cr_assert_eq(sink.resource->begin(rows.ctx, state), LEAT_OK);
    cr_assert_eq(sink.fn(rows.ctx, &rows.list[3], NULL, state), LEAT_OK);
    cr_assert_eq(sink.resource->begin(rows.ctx, state), LEAT_OK,
                 "a batch that was never ended is undone");
    sink.resource->end(rows.ctx, EIO, state);
    check_markers(db.path, 1);
    sink.resource->close(state);
}

/* --- ids known to be committed --- */

Test(sqlite, an_id_is_seen_only_after_the_commit, .init = setup,
     .fini = teardown)
{
    struct leat_sqlite db = database(path_of("a.db"));
    leat_sqlite_seen *seen = db.seen = leat_sqlite_seen_new(0);
    void *state = NULL;
    struct leat_stage sink = open_sink(&db, &state);
    uint64_t content = 0;

    cr_assert_eq(sink.resource->begin(rows.ctx, state), LEAT_OK);
    cr_assert_eq(sink.fn(rows.ctx, &rows.list[1], NULL, state), LEAT_OK);
    cr_assert_not(leat_sqlite_seen_has(seen, "1", NULL));
    sink.resource->end(rows.ctx, EIO, state);
    cr_assert_not(leat_sqlite_seen_has(seen, "1", NULL), "rolled back");
    cr_assert_eq(sink.resource->begin(rows.ctx, state), LEAT_OK);
    cr_assert_eq(sink.fn(rows.ctx, &rows.list[2], NULL, state), LEAT_OK);
    cr_assert_eq(sink.resource->end(rows.ctx, LEAT_OK, state), LEAT_OK);
    cr_assert_not(leat_sqlite_seen_has(seen, "1", NULL), "another batch");
    cr_assert_eq(sink.resource->begin(rows.ctx, state), LEAT_OK);
    cr_assert_eq(sink.fn(rows.ctx, &rows.list[1], NULL, state), LEAT_OK);
    cr_assert_not(leat_sqlite_seen_has(seen, "1", NULL));
    cr_assert_eq(sink.resource->end(rows.ctx, LEAT_OK, state), LEAT_OK);
    cr_assert(leat_sqlite_seen_has(seen, "1", &content));
    cr_assert_eq(content, content_of_row(&rows.list[1]));
    cr_assert_eq(sink.resource->begin(rows.ctx, state), LEAT_OK);
    cr_assert_eq(sink.fn(rows.ctx, &rows.list[1], NULL, state), LEAT_SKIP);
    rows.list[1].amount++;
    cr_assert_eq(sink.fn(rows.ctx, &rows.list[1], NULL, state), EEXIST);
    sink.resource->end(rows.ctx, EEXIST, state);
    sink.resource->close(state);
    leat_sqlite_seen_free(seen);
}

Test(sqlite, what_earlier_runs_committed_is_seen_from_the_start, .init = setup,
     .fini = teardown)
{
    struct leat_sqlite db = database(path_of("a.db"));
    size_t count = 200;

    save_rows(&db, count, 100);
    db.seen = leat_sqlite_seen_new(0);
    rows.bound = 0;
    cr_assert_eq(save_rows(&db, count + 10, 100), LEAT_OK);
    cr_assert_eq(rows.report.total.skipped, count);
    cr_assert_eq(rows.bound, 10);
    for (size_t i = 0; i < count + 10; i++) {
        char key[32];
        uint64_t content = 0;
        snprintf(key, sizeof key, "%zu", i);
        cr_assert(leat_sqlite_seen_has(db.seen, key, &content));
        cr_assert_eq(content, content_of_row(&rows.list[i]));
    }
    cr_assert_not(leat_sqlite_seen_has(db.seen, "211", NULL));
    cr_assert_not(leat_sqlite_seen_has(db.seen, NULL, NULL));
    cr_assert_not(leat_sqlite_seen_has(NULL, "1", NULL));
    leat_sqlite_seen_free(db.seen);
    leat_sqlite_seen_free(NULL);
}

Test(sqlite, a_full_set_of_ids_is_only_less_of_a_help, .init = setup,
     .fini = teardown)
{
    struct leat_sqlite db = database(path_of("a.db"));
    size_t known = 0;

    db.seen = leat_sqlite_seen_new(5);
    cr_assert_eq(save_rows(&db, 150, 150), LEAT_OK);
    for (size_t i = 0; i < 150; i++) {
        char key[32];
        snprintf(key, sizeof key, "%zu", i);
        known += leat_sqlite_seen_has(db.seen, key, NULL);
    }
    cr_assert_eq(known, 5);
    cr_assert_eq(save_rows(&db, 150, 150), LEAT_OK);
    cr_assert_eq(rows.report.total.skipped, 150);
    leat_sqlite_seen_free(db.seen);
}

Test(sqlite, a_hash_tells_contents_apart)
{
    uint64_t ab = leat_sqlite_hash(leat_sqlite_hash(0, "ab", 2), "c", 1);
    uint64_t a = leat_sqlite_hash(leat_sqlite_hash(0, "a", 1), "bc", 2);

    cr_assert_neq(ab, a);
    cr_assert_eq(ab, leat_sqlite_hash(leat_sqlite_hash(0, "ab", 2), "c", 1));
    cr_assert_neq(leat_sqlite_hash(0, "", 0), leat_sqlite_hash(0, "\0", 1));
    cr_assert_eq(leat_sqlite_hash(0, "leat", 4), UINT64_C(0x8cb365396b093f9b));
}
