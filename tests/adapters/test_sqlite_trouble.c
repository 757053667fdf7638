/* test_sqlite_trouble.c - a database as a sink that is locked, full, damaged,
 * killed or without memory: what is there is right all the same.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "adapters/rows.h"
#include "support/gate.h"
#include "support/scale.h"
#include "support/torture.h"
#include <leat/fault_libc.h>
#include <pthread.h>

TestSuite(sqlite_trouble, .timeout = 60);

static void setup(void)
{
    rows_setup();
}

static void teardown(void)
{
    rows_teardown();
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
        look_again();
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

Test(sqlite_trouble, a_lock_of_others_is_waited_for, .init = setup,
     .fini = teardown)
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

Test(sqlite_trouble, a_lock_is_waited_for_no_longer_than_said, .init = setup,
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

Test(sqlite_trouble, the_change_to_a_wal_waits_for_others_too, .init = setup,
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

Test(sqlite_trouble, a_full_disk_ends_the_run_and_keeps_what_was_committed,
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

Test(sqlite_trouble, what_cannot_be_opened_is_a_clear_error, .init = setup,
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

Test(sqlite_trouble, a_damaged_file_ends_the_run, .init = setup,
     .fini = teardown)
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

Test(sqlite_trouble, the_seen_set_is_not_loaded_beyond_the_context,
     .init = setup, .fini = teardown)
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

Test(sqlite_trouble, killed_anywhere_it_ends_exact, .init = setup,
     .fini = teardown)
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
        cr_assert_lt(ask(db.path, "SELECT count(*) FROM t"), (int64_t)at);
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

Test(sqlite_trouble, every_allocation_may_fail, .init = setup, .fini = teardown)
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
Test(sqlite_trouble, without_memory_nothing_is_half_done, .init = setup,
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

Test(sqlite_trouble, without_a_lock_there_is_no_set)
{
    const struct leat_fault_libc first = {.calls = LEAT_LIBC_MUTEX, .nth = 1};
    leat_sqlite_seen *seen;

    cr_assert_eq(leat_fault_libc_begin(&first), LEAT_OK);
    seen = leat_sqlite_seen_new(0);
    cr_assert_eq(leat_fault_libc_end(NULL), LEAT_OK);
    cr_expect_null(seen);
    leat_sqlite_seen_free(seen);
}
