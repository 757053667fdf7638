/* test_sqlite_resume.c - from table to table, stopped, killed and started
 * again: every row is there once.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "adapters/owned.h"
#include "support/scale.h"

TestSuite(sqlite_resume, .timeout = 60);

static void setup(void)
{
    owned_setup();
}

static void teardown(void)
{
    rows_teardown();
}

static int bind_owned(leat_ctx *ctx, sqlite3_stmt *insert, const void *item)
{
    const struct owned *owned = item;

    if (++rows.bound == rows.die_at)
        die();
    if (rows.bound == rows.die_at + ROWS) /* not that hard */
        leat_ctx_cancel(rows.ctx, 0);
    sqlite3_bind_int64(insert, 1, owned->id);
    sqlite3_bind_text(insert, 3, owned->name, -1, SQLITE_STATIC);
    return LEAT_OK;
}

static uint64_t content_of_owned(const void *item)
{
    const struct owned *owned = item;
    return leat_sqlite_hash(0, owned->name, strlen(owned->name));
}

static int copy_table(size_t page, size_t batch)
{
    struct leat_sqlite_query query = query_of("SELECT id, name FROM s");
    struct leat_sqlite db = database(path);
    struct leat_pipeline p = {.grace = 60 * LEAT_S,
                              .stages = {leat_sqlite_source(&query),
                                         leat_sqlite_sink(&db, &owned_type)}};

    db.bind = bind_owned;
    db.key = key_of_owned;
    db.content = content_of_owned;
    query.done = &db;
    query.page = page;
    p.stages[1].batch = batch;
    return leat_run(rows.ctx, &p, &rows.report);
}

static void check_copy(int count)
{
    check_markers(path, count);
    cr_expect_eq(ask(path, "SELECT count(*) FROM s JOIN t USING (id, name)"),
                 count);
}

Test(sqlite_resume, from_table_to_table_every_row_is_there_once, .init = setup,
     .fini = teardown)
{
    make_table(100);
    cr_assert_eq(copy_table(7, 10), LEAT_OK, "%s", rows.report.cause.message);
    cr_assert_eq(rows.report.total.ok, 100);
    check_copy(100);
    cr_assert_eq(copy_table(7, 10), LEAT_OK);
    cr_assert_eq(rows.report.total.skipped, 100, "by the source already");
    cr_assert_eq(rows.report.stages[1].in, 0);
    check_copy(100);
}

Test(sqlite_resume, what_a_stopped_run_saved_is_not_saved_again, .init = setup,
     .fini = teardown)
{
    make_table(100);
    rows.die_at = (size_t)35 - ROWS; /* cancels itself at the 35th row */
    cr_assert_eq(copy_table(10, 10), LEAT_CANCELED);
    int64_t done = ask(path, "SELECT count(*) FROM t");
    cr_assert_leq(done, 60);
    leat_ctx_free(rows.ctx);
    rows.ctx = leat_ctx_root(60 * LEAT_S);
    tell(path, "INSERT INTO s VALUES(5, 'new'), (7000, 'new, too')");
    rows.die_at = 0;
    cr_assert_eq(copy_table(10, 10), LEAT_OK);
    cr_assert_eq(rows.report.total.skipped, (uint64_t)done);
    cr_assert_eq(rows.report.total.ok, 102 - (uint64_t)done);
    check_copy(102);
}

Test(sqlite_resume, killed_anywhere_every_row_is_there_once, .init = setup,
     .fini = teardown)
{
    int count = 30;
    size_t step = scaled(20) < 20 ? 30 : 4;

    for (size_t at = step / 2; at <= (size_t)count; at += step) {
        pid_t child;
        make_table(count);
        if ((child = fork()) == 0) {
            rows.ctx = leat_ctx_root(60 * LEAT_S);
            rows.die_at = at;
            rows.bound = 0;
            copy_table(8, 5);
            _exit(1);
        }
        cr_assert(has_died(child));
        check_copy((int)ask(path, "SELECT count(*) FROM t"));
        rows.die_at = 0;
        cr_assert_eq(copy_table(8, 5), LEAT_OK);
        check_copy(count);
        remove_folder();
        mkdir(folder, 0700);
    }
}

Test(sqlite_resume, a_row_without_an_id_is_left_to_the_sink, .init = setup,
     .fini = teardown)
{
    make_table(3);
    copy_table(0, 1);
    tell(path, "INSERT INTO s VALUES(13, 'unlucky')");
    cr_assert_eq(copy_table(0, 1), LEAT_PARTIAL);
    cr_assert_eq(rows.report.total.failed, 1);
    cr_assert_eq(rows.report.total.skipped, 3);
}
