/* test_sqlite.c - a database as a sink: each item once, whatever happens.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "adapters/rows.h"
#include "support/scale.h"
#include "support/torture.h"
#include <pthread.h>
#include <sched.h>

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

Test(sqlite, an_interrupt_loses_nothing_of_its_batch, .init = setup,
     .fini = teardown)
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
    p.stages[1].linger = 20 * LEAT_MS;
    p.stages[1].timeout = 30 * LEAT_MS * (leat_duration)(20 / scaled(20));
    cr_assert_eq(leat_run(rows.ctx, &p, &rows.report), LEAT_PARTIAL);
    cr_assert_eq(rows.report.total.failed, 1, "%s", rows.failures);
    cr_assert_eq(strncmp(rows.failures, "3 -3 ", 5), 0, "%s", rows.failures);
    check_markers(db.path, 7);
}

static struct leat_stage open_sink(struct leat_sqlite *db, void **state)
{
    struct leat_stage stage = leat_sqlite_sink(db, &row_type);

    cr_assert_eq(stage.resource->open(rows.ctx, stage.arg, state), LEAT_OK);
    return stage;
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

/* --- locked by others --- */

struct holder {
    const char *path;
    leat_ctx *ctx;
    sqlite3 *db;
};

/* Lets go when somebody waits. */
static void *let_go(void *arg)
{
    struct holder *holder = arg;
    struct leat_task tasks[8];
    bool waits = false;

    while (!waits && leat_ctx_cause(holder->ctx) == LEAT_OK) {
        size_t count = leat_ctx_tasks(holder->ctx, tasks, 8);
        for (size_t i = 0; i < count && i < 8; i++)
            waits = waits || tasks[i].state == LEAT_TASK_WAITING;
        sched_yield();
    }
    sqlite3_exec(holder->db, "COMMIT", NULL, NULL, NULL);
    return NULL;
}

static void hold(struct holder *holder, const char *path, const char *how)
{
    holder->path = path;
    holder->ctx = rows.ctx;
    cr_assert_eq(sqlite3_open(path, &holder->db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(holder->db, how, NULL, NULL, NULL), SQLITE_OK);
}

Test(sqlite, a_lock_of_others_is_waited_for, .init = setup, .fini = teardown)
{
    struct leat_sqlite db = database(path_of("a.db"));
    void *state = NULL;
    struct leat_stage sink = open_sink(&db, &state);
    struct holder holder;
    pthread_t thread;

    hold(&holder, db.path, "BEGIN IMMEDIATE");
    pthread_create(&thread, NULL, let_go, &holder);
    cr_assert_eq(sink.resource->begin(rows.ctx, state), LEAT_OK);
    cr_assert_eq(sink.fn(rows.ctx, &rows.list[0], NULL, state), LEAT_OK);
    cr_assert_eq(sink.resource->end(rows.ctx, LEAT_OK, state), LEAT_OK);
    pthread_join(thread, NULL);
    sqlite3_close(holder.db);
    sink.resource->close(state);
    check_markers(db.path, 1);
}

Test(sqlite, a_lock_is_waited_for_no_longer_than_said, .init = setup,
     .fini = teardown)
{
    struct leat_sqlite db = database(path_of("a.db"));
    void *state = NULL;
    struct leat_stage sink = open_sink(&db, &state);
    leat_ctx *soon = leat_ctx_new(rows.ctx, 5 * LEAT_MS);
    struct holder holder;

    hold(&holder, db.path, "BEGIN IMMEDIATE");
    cr_assert_eq(sink.resource->begin(soon, state), LEAT_AGAIN,
                 "within the context");
    cr_assert_eq(leat_ctx_cause(soon), LEAT_TIMEOUT);
    sink.resource->close(state);
    db.wait = 80 * LEAT_MS;
    sqlite3_exec(holder.db, "COMMIT", NULL, NULL, NULL);
    sink = open_sink(&db, &state);
    sqlite3_exec(holder.db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    cr_assert_eq(sink.resource->begin(rows.ctx, state), LEAT_AGAIN);
    sink.resource->close(state);
    sqlite3_close(holder.db);
    leat_ctx_free(soon);
}

Test(sqlite, the_change_to_a_wal_waits_for_others_too, .init = setup,
     .fini = teardown)
{
    struct leat_sqlite db = database(path_of("a.db"));
    struct leat_stage sink = leat_sqlite_sink(&db, &row_type);
    leat_ctx *soon = leat_ctx_new(rows.ctx, 5 * LEAT_MS);
    void *state = NULL;
    struct holder holder;
    pthread_t thread;

    tell(db.path, "CREATE TABLE x(x)");
    hold(&holder, db.path, "BEGIN EXCLUSIVE");
    db.wait = 10 * LEAT_MS;
    cr_assert_eq(sink.resource->open(rows.ctx, sink.arg, &state), LEAT_AGAIN);
    sink.resource->close(state);
    db.wait = 0;
    cr_assert_eq(sink.resource->open(soon, sink.arg, &state), LEAT_AGAIN);
    sink.resource->close(state);
    pthread_create(&thread, NULL, let_go, &holder);
    cr_assert_eq(sink.resource->open(rows.ctx, sink.arg, &state), LEAT_OK);
    sink.resource->close(state);
    pthread_join(thread, NULL);
    sqlite3_close(holder.db);
    leat_ctx_free(soon);
}

/* --- what ends the run --- */

Test(sqlite, a_full_disk_ends_the_run_and_keeps_what_was_committed,
     .init = setup, .fini = teardown)
{
    struct leat_sqlite db = database(path_of("a.db"));

    cr_assert_eq(save_rows(&db, 10, 5), LEAT_OK);
    db.schema = "PRAGMA max_page_count = 8"; /* of this connection */
    db.insert = "INSERT INTO t VALUES(?1, ?2, ?1 || hex(zeroblob(2000)))";
    cr_assert_eq(save_rows(&db, 100, 5), LEAT_FATAL);
    cr_assert_not_null(strstr(rows.report.cause.message, "full"), "%s",
                       rows.report.cause.message);
    cr_assert_geq(ask(db.path, "SELECT count(*) FROM t"), 10);
    check_markers(db.path, ask(db.path, "SELECT count(*) FROM t"));
    db = database(db.path);
    cr_assert_eq(ask(db.path, "SELECT count(*) FROM t WHERE length(name) > 1"),
                 ask(db.path, "SELECT count(*) - 10 FROM t"));
    cr_assert_eq(save_rows(&db, 100, 5), LEAT_OK, "and goes on");
    check_markers(db.path, 100);
}

static int open_status(struct leat_sqlite *db)
{
    struct leat_stage sink = leat_sqlite_sink(db, &row_type);
    void *state = NULL;
    int status = sink.resource->open(rows.ctx, sink.arg, &state);

    if (state)
        sink.resource->close(state);
    return status;
}

Test(sqlite, what_cannot_be_opened_is_a_clear_error, .init = setup,
     .fini = teardown)
{
    struct leat_sqlite db = database(path_of("none/a.db")), good;
    char garbage[4096];

    cr_expect_eq(save_rows(&db, 1, 1), LEAT_FATAL);
    cr_expect_not_null(strstr(rows.report.cause.message, "none/a.db: unable to "
                              "open database file"), "%s",
                       rows.report.cause.message);
    memset(garbage, 'x', sizeof garbage);
    db.path = put_file("garbage.db", garbage, sizeof garbage);
    cr_expect_eq(open_status(&db), LEAT_FATAL, "no database");
    db.path = ":memory:";
    cr_expect_eq(open_status(&db), LEAT_FATAL, "has no WAL");
    good = db = database(path_of("b.db"));
    db.schema = "CREATE nonsense";
    cr_expect_eq(open_status(&db), EINVAL);
    db.schema = "BEGIN";
    cr_expect_eq(open_status(&db), LEAT_INVALID);
    db = good;
    db.insert = "INSERT INTO nowhere VALUES(1)";
    cr_expect_eq(open_status(&db), EINVAL);
    db.insert = "INSERT INTO t VALUES(1, 2, 3); DELETE FROM t";
    cr_expect_eq(open_status(&db), LEAT_INVALID, "two statements");
    db.insert = "-- nothing";
    cr_expect_eq(open_status(&db), LEAT_INVALID);
    db = good;
    db.insert = NULL;
    cr_expect_eq(open_status(&db), LEAT_INVALID);
    db = good;
    db.bind = NULL;
    cr_expect_eq(open_status(&db), LEAT_INVALID);
    db = good;
    db.key = NULL;
    cr_expect_eq(open_status(&db), LEAT_INVALID);
    db = good;
    db.content = NULL;
    cr_expect_eq(open_status(&db), LEAT_INVALID);
    db = good;
    db.path = NULL;
    cr_expect_eq(open_status(&db), LEAT_INVALID);
    cr_expect_eq(open_status(NULL), LEAT_INVALID);
    cr_expect_eq(open_status(&good), LEAT_OK);
}

Test(sqlite, a_damaged_file_ends_the_run, .init = setup, .fini = teardown)
{
    struct leat_sqlite db = database(path_of("a.db"));
    char *bytes;
    size_t len = 0;

    save_rows(&db, 100, 50);
    tell(db.path, "PRAGMA wal_checkpoint(TRUNCATE)");
    bytes = get_file(db.path, &len);
    memset(bytes + 4096, 0xA5, len - 4096); /* all but the schema */
    put_file("a.db", bytes, len);
    free(bytes);
    cr_assert_eq(save_rows(&db, 100, 50), LEAT_FATAL);
    cr_assert_not_null(strstr(rows.report.cause.message, "malformed"), "%s",
                       rows.report.cause.message);
}

Test(sqlite, the_seen_set_is_not_loaded_beyond_the_context, .init = setup,
     .fini = teardown)
{
    struct leat_sqlite db = database(path_of("a.db"));
    leat_ctx *over = leat_ctx_new(rows.ctx, -1);
    struct leat_stage sink = leat_sqlite_sink(&db, &row_type);
    void *state = NULL;

    save_rows(&db, 10, 10);
    db.seen = leat_sqlite_seen_new(0);
    cr_assert_eq(sink.resource->open(over, sink.arg, &state), LEAT_TIMEOUT);
    sink.resource->close(state);
    leat_sqlite_seen_free(db.seen);
    leat_ctx_free(over);
}

/* --- killed --- */

Test(sqlite, killed_anywhere_it_ends_exact, .init = setup, .fini = teardown)
{
    size_t count = 24, step = scaled(20) < 20 ? 20 : 3;

    for (size_t at = 2; at <= count; at += step) {
        struct leat_sqlite db = database(path_of("a.db"));
        pid_t child;
        if ((child = fork()) == 0) {
            rows.ctx = leat_ctx_root(60 * LEAT_S);
            rows.die_at = at;
            save_rows(&db, count, 5);
            _exit(1);
        }
        cr_assert(has_died(child));
        check_markers(db.path, ask(db.path, "SELECT count(*) FROM t"));
        cr_assert_lt(ask(db.path, "SELECT count(*) FROM t"), at);
        cr_assert_eq(save_rows(&db, count, 5), LEAT_OK);
        check_markers(db.path, (int64_t)count);
        cr_assert_eq(ask(db.path, "SELECT sum(amount) FROM t"),
                     (int64_t)(count * (count - 1) / 2));
        remove_folder();
        mkdir(folder, 0700);
    }
}

/* --- no memory --- */

static int save_three(struct leat_sqlite *db)
{
    struct leat_stage sink = leat_sqlite_sink(db, &row_type);
    void *state = NULL;
    int status = sink.resource->open(rows.ctx, sink.arg, &state);

    if (status == LEAT_OK) {
        status = sink.resource->begin(rows.ctx, state);
        for (size_t i = 0; i < 3 && status == LEAT_OK; i++)
            status = sink.fn(rows.ctx, &rows.list[i], NULL, state);
        status = sink.resource->end(rows.ctx, status, state);
    }
    if (state)
        sink.resource->close(state);
    return status;
}

Test(sqlite, every_allocation_may_fail, .init = setup, .fini = teardown)
{
    unsigned long n = 1;

    for (bool failed = true; failed; n++) {
        struct leat_sqlite db = database(path_of("a.db"));
        int status = LEAT_NOMEM;
        torture_arm(TORTURE_ALLOC, n);
        if ((db.seen = leat_sqlite_seen_new(0)))
            status = save_three(&db);
        failed = torture_disarm();
        /* Without the set it does as well. */
        cr_expect(status == LEAT_OK || (failed && status == LEAT_NOMEM),
                  "point %lu: %d", n, status);
        if (status == LEAT_OK)
            check_markers(db.path, 3);
        leat_sqlite_seen_free(db.seen);
        remove_folder();
        mkdir(folder, 0700);
    }
    cr_assert_gt(n, 6);
    cr_log_info("%lu points", n - 1);
}

/* SQLite's own memory ends at one point after the other. */
Test(sqlite, without_memory_nothing_is_half_done, .init = setup,
     .fini = teardown)
{
    struct leat_sqlite db = database(path_of("a.db"));
    size_t step = 512 * (40 / scaled(40));
    int status = LEAT_NOMEM;

    for (size_t room = 1024; status != LEAT_OK; room += step) {
        sqlite3_hard_heap_limit64(sqlite3_memory_used() + (sqlite3_int64)room);
        status = save_three(&db);
        sqlite3_hard_heap_limit64(0);
        cr_expect(status == LEAT_OK || status == LEAT_NOMEM ||
                  status == LEAT_FATAL || status == LEAT_AGAIN,
                  "%zu bytes: %d", room, status);
        if (exists(db.path) && ask(db.path, "SELECT count(*) FROM t") >= 0)
            check_markers(db.path, status == LEAT_OK ? 3 : 0);
    }
    check_markers(db.path, 3);
}
