/* test_together.c - the three adapters in one run: a CSV file with every kind
 * of damage into a database, the error file mended, run again, killed between.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "adapters/rows.h"
#include <jansson.h>
#include <leat/csv.h>
#include <leat/error_file.h>

TestSuite(together, .timeout = 60);

static char csv_path[512], db_path[512], errors_path[512];
static size_t saved_count, die_when;

static void setup(void)
{
    rows_setup();
    snprintf(csv_path, sizeof csv_path, "%s", path_of("a.csv"));
    snprintf(db_path, sizeof db_path, "%s", path_of("a.db"));
    snprintf(errors_path, sizeof errors_path, "%s", path_of("e.jsonl"));
    saved_count = die_when = 0;
}

static void teardown(void)
{
    rows_teardown();
}

static int to_row(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct leat_csv_row *csv = in;
    struct row *row = out;
    char *end;

    row->id = strtoll(csv->fields[0].text, &end, 10);
    if (end == csv->fields[0].text || *end)
        return leat_csv_fail(ctx, csv, 0, EINVAL, "not a number");
    snprintf(row->name, sizeof row->name, "%s", csv->fields[1].text);
    return LEAT_OK;
}

static int bind(leat_ctx *ctx, sqlite3_stmt *insert, const void *item)
{
    if (++saved_count == die_when)
        die();
    return bind_row(ctx, insert, item);
}

static struct leat_csv csv = {.path = csv_path, .header = true,
                              .max_record = 100};
static struct leat_sqlite db;

static struct leat_pipeline pipeline(void)
{
    db = database(db_path);
    db.bind = bind;
    return (struct leat_pipeline){ /* ordered: of two with one id the first */
        .grace = 60 * LEAT_S,
        .stages = {leat_csv_source(&csv), leat_csv_parse(&csv),
                   {"check", to_row, NULL, .in = &leat_csv_row_type,
                    .out = &row_type, .workers = 2, .ordered = true},
                   leat_sqlite_sink(&db, &row_type)},
        .errors = leat_error_file(errors_path),
    };
}

static int run(void)
{
    struct leat_pipeline p = pipeline();
    return leat_run(rows.ctx, &p, &rows.report);
}

static int rerun(void)
{
    struct leat_pipeline p = pipeline();
    struct leat_rerun again = {.path = errors_path};
    int status;

    leat_rerun(&p, &again);
    status = leat_run(rows.ctx, &p, &rows.report);
    leat_rerun_finish(&again, &rows.report);
    return status;
}

/* Each is broken in its own way; its seq is its place, its line one more. */
static const struct {
    const char *record;
    size_t len; /* 0: up to the final 0 */
    const char *mended;
    const char *why; /* part of the message */
} records[] = {
    {"0,zero", 0, NULL, NULL},
    {"1,\"one\"\"\"", 0, NULL, NULL},
    {"2,tw\xFF", 0, "2,two", ":4: field 2 (name): invalid UTF-8 at byte 3"},
    {"3", 0, "3,three", ":5: field 2 (name): missing"},
    {"4,four,", 0, "4,four", ":6: field 3: too many"},
    {"", 0, "5,five", ":7: field 2 (name): missing (an empty line"},
    {"6,s\0x", 5, "6,six", ":8: field 2 (name): NUL at byte 2"},
    {"7,se\"ven", 0, "7,seven", ":9: field 2 (name): a quote in a field"},
    {"8,\"eight\"x", 0, "8,eight", ":10: field 2 (name): more behind"},
    {"9,ni\rne", 0, "9,nine", ":11: field 2 (name): a carriage return"},
    {"ten,ten", 0, "10,ten", ":12: field 1: not a number"},
    {"0,other", 0, "11,eleven", "id 0: saved before with other content"},
    {"0,zero", 0, NULL, NULL}, /* again, the same */
    {"13,zero", 0, "13,thirteen", "UNIQUE constraint failed"},
    {"14,fourteenfourteenfourteenfourteenfourteenfourteenfourteenfourteen"
     "fourteenfourteenfourteenfourteenfourteen", 0, "14,fourteen",
     ":16: field 1 (id): the record is longer than 100"},
    {"15,\"fifteen", 0, "15,fifteen", ":17: field 2 (name): the quote is"},
    {"16,sixteen", 0, NULL, NULL},
};

enum { COUNT = sizeof records / sizeof *records };

static void write_csv(void)
{
    FILE *file = fopen(csv_path, "w");

    fputs("id,name\n", file);
    for (size_t i = 0; i < COUNT; i++) {
        size_t len = records[i].len ? records[i].len
                                    : strlen(records[i].record);
        fwrite(records[i].record, 1, len, file);
        fputc('\n', file);
    }
    fclose(file);
}

/* As a person would: replaces the input of each line by what is right. */
static size_t mend(void)
{
    FILE *file = fopen(errors_path, "r"), *to = fopen(path_of("new"), "w");
    char *line = NULL;
    size_t room = 0, count = 0;

    while (file && getline(&line, &room, file) > 0) {
        json_t *json = json_loads(line, JSON_ALLOW_NUL, NULL);
        json_int_t seq = json_integer_value(json_object_get(json, "seq"));
        const char *why =
            json_string_value(json_object_get(json, "message"));
        char *text;
        cr_assert_lt(seq, COUNT);
        cr_assert_not_null(records[seq].why, "%s", line);
        cr_expect_not_null(strstr(why, records[seq].why), "%s", why);
        json_object_del(json, "input_base64");
        json_object_set_new(json, "input", json_string(records[seq].mended));
        text = json_dumps(json, 0);
        fprintf(to, "%s\n", text);
        free(text);
        json_decref(json);
        count++;
    }
    free(line);
    if (file)
        fclose(file);
    fclose(to);
    rename(path_of("new"), errors_path);
    return count;
}

static void check_database(void)
{
    check_markers(db_path, 16);
    cr_expect_eq(ask(db_path, "SELECT count(*) FROM t WHERE id BETWEEN 0 AND 16"
                     " AND id <> 12"), 16);
    cr_expect_eq(ask(db_path, "SELECT count(*) FROM t WHERE (id, name) IN"
                     " (VALUES(0, 'zero'), (1, 'one\"'), (2, 'two'),"
                     " (6, 'six'), (14, 'fourteen'), (15, 'fifteen'))"), 6);
}

Test(together, what_was_mended_is_saved_by_the_rerun, .init = setup,
     .fini = teardown)
{
    write_csv();
    cr_assert_eq(run(), LEAT_PARTIAL, "%s", rows.report.cause.message);
    cr_expect_eq(rows.report.total.in, COUNT);
    cr_expect_eq(rows.report.total.ok, 3);
    cr_expect_eq(rows.report.total.skipped, 1);
    cr_expect_eq(rows.report.total.failed, 13);
    cr_expect_eq(mend(), 13);
    cr_expect_eq(rerun(), LEAT_OK, "%s", rows.report.cause.message);
    cr_expect_eq(rows.report.total.ok, 13);
    cr_expect_not(exists(errors_path));
    check_database();
}

Test(together, what_was_not_mended_fails_again_with_its_first_message,
     .init = setup, .fini = teardown)
{
    char *before, *after;

    write_csv();
    run();
    cr_assert_eq(rerun(), LEAT_PARTIAL);
    cr_expect_eq(rows.report.total.failed, 13);
    before = get_file(errors_path, NULL);
    cr_expect_not_null(strstr(before, "record 2: field 2 (name): invalid"));
    cr_expect_not_null(strstr(before, ":4: field 2 (name): invalid"));
    cr_assert_eq(rerun(), LEAT_PARTIAL);
    after = get_file(errors_path, NULL);
    cr_expect_eq(strlen(before), strlen(after), "it does not grow");
    check_markers(db_path, 3);
    free(before);
    free(after);
}

Test(together, killed_and_started_again_it_ends_the_same, .init = setup,
     .fini = teardown)
{
    write_csv();
    for (int again = 0; again < 2; again++) {
        pid_t child = fork();
        if (child == 0) {
            rows.ctx = leat_ctx_root(60 * LEAT_S);
            saved_count = 0;
            die_when = again ? 5 : 3;
            if (again)
                rerun();
            else
                run();
            _exit(1);
        }
        cr_assert(has_died(child));
        if (!again) { /* the file holds some of them now, perhaps */
            cr_assert_eq(run(), LEAT_PARTIAL);
            cr_assert_geq(mend(), 13);
        }
    }
    cr_assert_eq(rerun(), LEAT_OK);
    check_database();
    cr_assert_not(exists(errors_path));
    cr_assert_not(exists(path_of("e.jsonl.rerunning")));
}
