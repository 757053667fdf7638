/* orders.c - a batch from lines of text to a SQLite table. What fails is kept
 * in an error file, and run again when the reason has gone.
 *
 * usage: orders [file] (or stdin); writes orders.db and errors.jsonl
 * SPDX-License-Identifier: MIT */
#include "orders_lib.h"
#include <leat/error_file.h>
#include <leat/sqlite.h>
#include <stdio.h>

#define ERRORS "errors.jsonl"

static int bind(leat_ctx *ctx, sqlite3_stmt *insert, const void *item)
{
    const struct order *order = item;

    sqlite3_bind_int64(insert, 1, order->id);
    sqlite3_bind_int64(insert, 2, order->price);
    return LEAT_OK;
}

static int key(const void *item, char *text, size_t size)
{
    return snprintf(text, size, "%ld", ((const struct order *)item)->id);
}

static uint64_t content(const void *item)
{
    const struct order *order = item;

    return leat_sqlite_hash(0, &order->price, sizeof order->price);
}

static int run(const struct leat_pipeline *pipeline, struct leat_report *report)
{
    leat_ctx *ctx = leat_ctx_root(60 * LEAT_S);
    int status = leat_run(ctx, pipeline, report);

    leat_ctx_free(ctx);
    for (int i = 0; i < LEAT_STAGES && pipeline->stages[i].fn; i++) {
        const struct leat_counts *counts = &report->stages[i];

        printf("%-9s %2d in %2d ok %2d skipped %2d failed\n",
               pipeline->stages[i].name, (int)counts->in, (int)counts->ok,
               (int)counts->skipped, (int)counts->failed);
    }
    printf("%s%s%s\n\n", leat_strstatus(status),
           report->cause.status ? ": " : "", report->cause.message);
    return status;
}

static int print_row(void *arg, int count, char **values, char **names)
{
    printf("order %s: %s cents\n", values[0], values[1]);
    return 0;
}

static int print_table(const char *path)
{
    sqlite3 *handle;
    int rc = sqlite3_open(path, &handle);

    if (rc == SQLITE_OK)
        rc = sqlite3_exec(handle, "SELECT id, price FROM orders ORDER BY id",
                          print_row, NULL, NULL);
    sqlite3_close(handle);
    return rc;
}

int main(int argc, char **argv)
{
    struct rate rates[] = {{"EUR", 1000}, {"USD", 920}, {NULL, 0}, {NULL, 0}};
    struct leat_sqlite db = {
        .path = "orders.db",
        .schema = "CREATE TABLE IF NOT EXISTS"
                  " orders(id INTEGER PRIMARY KEY, price INTEGER)",
        .insert = "INSERT INTO orders VALUES(?, ?)",
        .bind = bind,
        .key = key,
        .content = content,
    };
    struct leat_pipeline orders = {
        .stages = {
            {"read", read_line, argc > 1 ? argv[1] : NULL, .out = &line_type,
             .resource = &line_file},
            {"validate", validate, .in = &line_type, .out = &order_type,
             .workers = 4},
            {"price", price, rates, .in = &order_type, .out = &order_type,
             .workers = 2, .timeout = 2 * LEAT_S},
            leat_sqlite_sink(&db, &order_type),
        },
        .errors = leat_error_file(ERRORS),
        .threshold = {.ratio = 0.5, .sample = 200},
    };
    struct leat_rerun rerun = {.path = ERRORS};
    struct leat_report report;
    int status = run(&orders, &report);

    if (status == LEAT_PARTIAL) { /* it ended in order, but items failed */
        rates[2] = (struct rate){"SEK", 88};
        leat_rerun(&orders, &rerun);
        status = run(&orders, &report);
        leat_rerun_finish(&rerun, &report);
    }
    if (status == LEAT_PARTIAL)
        puts("what is left stands in " ERRORS "\n");
    if (print_table(db.path) != SQLITE_OK)
        return 1;
    return status == LEAT_OK || status == LEAT_PARTIAL ? 0 : 1;
}
