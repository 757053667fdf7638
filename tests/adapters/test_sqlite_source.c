/* test_sqlite_source.c - a query as a source: every row once, page by page. How
 * it goes on after it was stopped is in test_sqlite_resume.c.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "adapters/owned.h"
#include "support/scale.h"
#include "support/torture.h"
#include <limits.h>

TestSuite(sqlite_source, .timeout = 60);

static void setup(void)
{
    owned_setup();
}

static void teardown(void)
{
    rows_teardown();
}

/* --- through the functions --- */

static int open_status(struct leat_sqlite_query *query)
{
    struct leat_stage source = leat_sqlite_source(query);
    void *state = NULL;
    int status = source.resource->open(rows.ctx, source.arg, &state);

    if (state)
        source.resource->close(state);
    return status;
}

/* "name,name,." in *text; '-' for one that is skipped. The last status. */
static int read_all(struct leat_sqlite_query *query, char text[2048])
{
    struct leat_stage source = leat_sqlite_source(query);
    void *state = NULL;
    int status = source.resource->open(rows.ctx, source.arg, &state);

    text[0] = '\0';
    while (status == LEAT_OK || status == LEAT_SKIP) {
        struct owned owned = {0};
        status = source.fn(rows.ctx, NULL, &owned, state);
        if (status == LEAT_OK)
            strcat(strcat(text, owned.name), ",");
        else if (status == LEAT_SKIP)
            strcat(text, "-");
        owned_drop(&owned);
    }
    if (state)
        source.resource->close(state);
    return status;
}

Test(sqlite_source, rows_come_in_order_whatever_the_page, .init = setup,
     .fini = teardown)
{
    struct leat_sqlite_query query = query_of("SELECT id, name FROM s");
    char text[2048];

    tell(path, "CREATE TABLE s(id INTEGER PRIMARY KEY, name);"
               "INSERT INTO s VALUES(3,'c'),(1,'a'),(2,'b'),(9,'f'),(7,'d'),"
               "(8,'e'),(-5,'m'),(-9223372036854775808,'l'),"
               "(9223372036854775807,'z')");
    for (query.page = 0; query.page < 12; query.page++) {
        cr_expect_eq(read_all(&query, text), LEAT_CLOSED);
        cr_expect_str_eq(text, "l,m,a,b,c,d,e,f,z,", "page %zu: %s", query.page,
                         text);
    }
}

Test(sqlite_source, any_kind_of_value_may_be_the_order, .init = setup,
     .fini = teardown)
{
    struct leat_sqlite_query query = query_of("SELECT id, name FROM s WHERE 1");
    char text[2048];

    query.page = 1;
    tell(path, "CREATE TABLE s(id TEXT PRIMARY KEY, name);"
               "INSERT INTO s VALUES('','0'),('00501','1'),('501','2'),"
               "('a''b','3'),('\xC3\xA4','4'),(char(10),'n')");
    cr_expect_eq(read_all(&query, text), LEAT_CLOSED);
    cr_expect_str_eq(text, "0,n,1,2,3,4,");
    tell(path, "DROP TABLE s; CREATE TABLE s(id, name); INSERT INTO s VALUES"
               "(x'00','5'),(2.5,'2'),('x','4'),(-1e300,'1'),(3,'3')");
    cr_expect_eq(read_all(&query, text), LEAT_CLOSED);
    cr_expect_str_eq(text, "1,2,3,4,5,", "mixed");
    query.order = "Odd \"Name\"";
    query.select = "SELECT id, name, -id AS \"odd \"\"name\"\"\" FROM s WHERE"
                   " typeof(id) IN ('integer', 'real')";
    cr_expect_eq(read_all(&query, text), LEAT_CLOSED);
    cr_expect_str_eq(text, "3,2,1,", "an expression");
}

Test(sqlite_source, an_empty_table_is_an_empty_source, .init = setup,
     .fini = teardown)
{
    struct leat_sqlite_query query = query_of("SELECT id, name FROM s");
    char text[2048];

    tell(path, "CREATE TABLE s(id INTEGER PRIMARY KEY, name)");
    cr_assert_eq(read_all(&query, text), LEAT_CLOSED);
    cr_assert_str_eq(text, "");
}

Test(sqlite_source, no_row_is_left_out_because_of_its_order, .init = setup,
     .fini = teardown)
{
    struct leat_sqlite_query query = query_of("SELECT id, name FROM s");
    char text[2048];

    query.page = 2;
    tell(path, "CREATE TABLE s(id TEXT COLLATE NOCASE, name);"
               "INSERT INTO s VALUES('a','1'),('b','2'),('B','3'),('c','4')");
    cr_expect_eq(read_all(&query, text), EINVAL, "twice where a page ends");
    cr_expect_str_eq(text, "");
    query.page = 4;
    cr_expect_eq(read_all(&query, text), LEAT_CLOSED, "twice inside a page");
    cr_expect_str_eq(text, "1,2,3,4,");
    tell(path, "INSERT INTO s VALUES(NULL,'0')");
    cr_expect_eq(read_all(&query, text), EINVAL, "NULL");
    query.select = "SELECT id, name FROM s WHERE id NOT NULL";
    query.page = 5;
    cr_expect_eq(read_all(&query, text), LEAT_CLOSED);
    query.page = 4; /* as many as there are */
    tell(path, "DELETE FROM s WHERE id IS NULL");
    cr_expect_eq(read_all(&query, text), LEAT_CLOSED);
    cr_expect_str_eq(text, "1,2,3,4,");
}

Test(sqlite_source, what_makes_no_sense_is_refused, .init = setup,
     .fini = teardown)
{
    struct leat_sqlite_query good = query_of("SELECT id, name FROM s"), query;
    struct leat_sqlite done = {0};
    char garbage[2048];

    tell(path, "CREATE TABLE s(id INTEGER PRIMARY KEY, name)");
    cr_expect_eq(open_status(&good), LEAT_OK);
    cr_expect_eq(open_status(NULL), LEAT_INVALID);
    query = good, query.path = NULL;
    cr_expect_eq(open_status(&query), LEAT_INVALID);
    query = good, query.select = NULL;
    cr_expect_eq(open_status(&query), LEAT_INVALID);
    query = good, query.order = NULL;
    cr_expect_eq(open_status(&query), LEAT_INVALID);
    query = good, query.read = NULL;
    cr_expect_eq(open_status(&query), LEAT_INVALID);
    query = good, query.type = NULL;
    cr_expect_eq(open_status(&query), LEAT_INVALID);
    query = good, query.done = &done, query.key = NULL;
    cr_expect_eq(open_status(&query), LEAT_INVALID);
    query = good, query.order = "nothing";
    cr_expect_eq(open_status(&query), EINVAL);
    query = good, query.select = "SELECT id, name FROM s WHERE id > ?";
    cr_expect_eq(open_status(&query), LEAT_INVALID);
    query = good, query.select = "SELECT id, name FROM nowhere";
    cr_expect_eq(open_status(&query), EINVAL);
    query = good, query.select = "DELETE FROM s";
    cr_expect_eq(open_status(&query), EINVAL);
    query = good, query.path = path_of("none.db");
    cr_expect_eq(open_status(&query), LEAT_FATAL, "it is not made");
    cr_expect_not(exists(query.path));
    memset(garbage, 'x', sizeof garbage);
    query.path = put_file("garbage.db", garbage, sizeof garbage);
    cr_expect_eq(open_status(&query), LEAT_FATAL);
    query = good, query.done = &done, done.path = path_of("garbage.db");
    cr_expect_eq(open_status(&query), LEAT_FATAL);
    done.path = path_of("none.db");
    cr_expect_eq(open_status(&query), LEAT_OK, "there is no database yet");
}

Test(sqlite_source, a_row_may_be_filtered_out, .init = setup, .fini = teardown)
{
    struct leat_sqlite_query query = query_of("SELECT id, name FROM s");
    char text[2048];

    tell(path, "CREATE TABLE s(id INTEGER PRIMARY KEY, name);"
               "INSERT INTO s VALUES(1,'a'),(2,'b'),(3,'c'),(4,'d')");
    skip_every = 2;
    query.page = 3;
    cr_assert_eq(read_all(&query, text), LEAT_CLOSED);
    cr_assert_str_eq(text, "a,-c,-");
}

Test(sqlite_source, a_row_that_cannot_be_read_ends_it, .init = setup,
     .fini = teardown)
{
    struct leat_sqlite_query query = query_of("SELECT id, name FROM s");
    char text[2048];

    tell(path, "CREATE TABLE s(id INTEGER PRIMARY KEY, name);"
               "INSERT INTO s VALUES(1,'a'),(2,'b'),(3,'c'),(4,'d')");
    fail_at = 3;
    query.page = 2;
    cr_assert_eq(read_all(&query, text), EPROTO);
    cr_assert_str_eq(text, "a,b,");
}

Test(sqlite_source, a_page_that_failed_is_read_again, .init = setup,
     .fini = teardown)
{
    struct leat_sqlite_query query = query_of("SELECT id, name FROM s");
    struct leat_stage source = leat_sqlite_source(&query);
    struct owned owned = {0};
    void *state = NULL;

    tell(path, "CREATE TABLE s(id INTEGER PRIMARY KEY, name);"
               "INSERT INTO s VALUES(1,'a'),(2,'b'),(3,'c'),(4,'d')");
    query.page = 2;
    cr_assert_eq(source.resource->open(rows.ctx, &query, &state), LEAT_OK);
    for (size_t i = 0; i < 4; i++) {
        fail_at = reads + 2; /* the second of the page that comes now */
        if (i % 2 == 0)
            cr_assert_eq(source.fn(rows.ctx, NULL, &owned, state), EPROTO);
        fail_at = 0;
        cr_assert_eq(source.fn(rows.ctx, NULL, &owned, state), LEAT_OK);
        cr_assert_eq(owned.id, (int64_t)i + 1);
        owned_drop(&owned);
        owned = (struct owned){0};
    }
    source.resource->close(state);
}

/* --- with others at the same database --- */

Test(sqlite_source, between_two_rows_it_locks_nobody_out, .init = setup,
     .fini = teardown)
{
    struct leat_sqlite_query query = query_of("SELECT id, name FROM s");
    struct leat_stage source = leat_sqlite_source(&query);
    struct owned owned = {0};
    void *state = NULL;

    tell(path, "CREATE TABLE s(id INTEGER PRIMARY KEY, name);"
               "INSERT INTO s VALUES(1,'a'),(2,'b'),(3,'c')"); /* no WAL */
    cr_assert_eq(source.resource->open(rows.ctx, &query, &state), LEAT_OK);
    cr_assert_eq(source.fn(rows.ctx, NULL, &owned, state), LEAT_OK);
    tell(path, "BEGIN EXCLUSIVE; INSERT INTO s VALUES(4,'d'); COMMIT");
    owned_drop(&owned);
    source.resource->close(state); /* with rows that nobody took */
}

Test(sqlite_source, a_lock_of_others_is_waited_for, .init = setup,
     .fini = teardown)
{
    struct leat_sqlite_query query = query_of("SELECT id, name FROM s");
    struct leat_stage source = leat_sqlite_source(&query);
    struct owned owned = {0};
    void *state = NULL;
    sqlite3 *other;

    tell(path, "CREATE TABLE s(id INTEGER PRIMARY KEY, name)");
    query.wait = 3 * LEAT_MS;
    cr_assert_eq(source.resource->open(rows.ctx, &query, &state), LEAT_OK);
    sqlite3_open(path, &other);
    sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL);
    cr_assert_eq(source.fn(rows.ctx, NULL, &owned, state), LEAT_AGAIN);
    sqlite3_exec(other, "COMMIT", NULL, NULL, NULL);
    cr_assert_eq(source.fn(rows.ctx, NULL, &owned, state), LEAT_CLOSED);
    sqlite3_close(other);
    source.resource->close(state);
}

static int read_number(leat_ctx *ctx, sqlite3_stmt *row, void *out)
{
    *(int64_t *)out = sqlite3_column_int64(row, 0);
    return LEAT_OK;
}

Test(sqlite_source, rows_that_own_nothing_need_no_drop, .init = setup,
     .fini = teardown)
{
    struct leat_sqlite_query query = query_of("SELECT id FROM s");
    struct leat_stage source;
    void *state = NULL;
    int64_t number = 0;

    tell(path, "CREATE TABLE s(id INTEGER PRIMARY KEY);"
               "INSERT INTO s VALUES(1),(2),(3)");
    query.type = LEAT_TYPE(int64_t);
    query.read = read_number;
    source = leat_sqlite_source(&query);
    cr_assert_eq(source.resource->open(rows.ctx, &query, &state), LEAT_OK);
    cr_assert_eq(source.fn(rows.ctx, NULL, &number, state), LEAT_OK);
    cr_assert_eq(number, 1);
    source.resource->close(state);
}

static int ignore(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    return LEAT_OK;
}

Test(sqlite_source, a_query_without_end_is_interrupted, .init = setup,
     .fini = teardown)
{
    struct leat_sqlite_query query =
        query_of("SELECT max(x) AS id, 'x' FROM (WITH RECURSIVE c(x) AS"
                 " (VALUES(1) UNION ALL SELECT x + 1 FROM c) SELECT x FROM c)");
    struct leat_sqlite done = database(path_of("done.db"));
    struct leat_pipeline p = {
        .stages = {leat_sqlite_source(&query),
                   {"ignore", ignore, .in = &owned_type}}};

    tell(path, "CREATE TABLE s(id INTEGER PRIMARY KEY, name)");
    p.grace = 60 * LEAT_S;
    p.stages[0].timeout = 20 * LEAT_MS;
    cr_assert_eq(leat_run(rows.ctx, &p, &rows.report), LEAT_TIMEOUT);
    save_rows(&done, 1, 1);
    query.done = &done;
    cr_assert_eq(leat_run(rows.ctx, &p, &rows.report), LEAT_TIMEOUT);
}

/* --- no memory --- */

static int read_ten(const struct leat_sqlite *done, size_t *count)
{
    struct leat_sqlite_query query = query_of("SELECT id, name FROM s");
    struct leat_stage source = leat_sqlite_source(&query);
    void *state = NULL;
    int status;

    query.page = 3;
    query.done = done;
    status = source.resource->open(rows.ctx, &query, &state);
    for (*count = 0; status == LEAT_OK || status == LEAT_SKIP;) {
        struct owned owned = {0};
        status = source.fn(rows.ctx, NULL, &owned, state);
        *count += status == LEAT_OK;
        owned_drop(&owned);
    }
    if (state)
        source.resource->close(state);
    return status;
}

Test(sqlite_source, every_allocation_may_fail, .init = setup, .fini = teardown)
{
    unsigned long n = 1;
    size_t count;

    make_table(10);
    for (bool failed = true; failed; n++) {
        torture_arm(TORTURE_ALLOC, n);
        int status = read_ten(NULL, &count);
        failed = torture_disarm();
        cr_expect_eq(status, failed ? LEAT_NOMEM : LEAT_CLOSED, "point %lu", n);
    }
    cr_assert_eq(count, 10);
    cr_assert_gt(n, 10);
    cr_log_info("%lu points", n - 1);
}

/* SQLite's own memory ends at one point after the other. */
Test(sqlite_source, without_memory_no_row_is_left_out, .init = setup,
     .fini = teardown)
{
    struct leat_sqlite done = database(path_of("done.db"));
    size_t step = 512 * (40 / scaled(40)), count;
    int status = LEAT_NOMEM;

    make_table(10);
    save_rows(&done, 1, 1);
    for (size_t room = 1024; status != LEAT_CLOSED; room += step) {
        sqlite3_hard_heap_limit64(sqlite3_memory_used() + (sqlite3_int64)room);
        status = read_ten(&done, &count);
        sqlite3_hard_heap_limit64(0);
        cr_expect(status == LEAT_CLOSED || status == LEAT_NOMEM,
                  "%zu bytes: %d", room, status);
        if (status == LEAT_CLOSED)
            cr_expect_eq(count, 10, "%zu bytes", room);
    }
}
