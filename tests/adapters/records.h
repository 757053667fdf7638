/* records.h - runs a CSV file through both stages and keeps what became of each
 * record.
 * SPDX-License-Identifier: MIT */
#ifndef ADAPTERS_RECORDS_H
#define ADAPTERS_RECORDS_H

#include "adapters/files.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <leat.h>
#include <leat/csv.h>

enum { RECORDS = 1 << 12 };

/* What became of each record: "1|x|y" (line and fields) or "1! why". */
static struct {
    char *of[RECORDS];
    size_t count;
    struct leat_report report;
} got;

static leat_ctx *ctx;

static inline void setup(void)
{
    make_folder();
    ctx = leat_ctx_root(60 * LEAT_S);
}

static inline void forget(void)
{
    for (size_t i = 0; i < RECORDS; i++) {
        free(got.of[i]);
        got.of[i] = NULL;
    }
    got.count = 0;
}

static inline void teardown(void)
{
    forget();
    leat_ctx_free(ctx);
    remove_folder();
}

static inline int note(uint64_t seq, char *text)
{
    if (seq >= RECORDS || got.of[seq]) {
        free(text);
        return ERANGE;
    }
    got.of[seq] = text;
    return LEAT_OK;
}

static inline int collect(leat_ctx *c, const void *in, void *out, void *arg)
{
    const struct leat_csv_row *row = in;
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    fprintf(file, "%llu", (unsigned long long)row->line);
    for (size_t i = 0; i < row->count; i++) {
        if (strlen(row->fields[i].text) != row->fields[i].len)
            fputs("(wrong length)", file);
        fprintf(file, "|%s", row->fields[i].text);
    }
    fclose(file);
    return note(leat_ctx_item(c)->seq, text);
}

/* The message without its path. */
static inline int collect_failed(leat_ctx *c, const void *in, void *out,
                                 void *arg)
{
    const struct leat_item *item = in;
    const struct leat_csv *csv = arg;
    const char *message = item->message;
    size_t len = strlen(csv->path);
    char *text = NULL, *at;

    if (strncmp(message, csv->path, len) == 0 && message[len] == ':')
        message += len + 1;
    if (asprintf(&text, "%s", message) < 0)
        return LEAT_NOMEM;
    if ((at = strchr(text, ':')))
        *at = '!';
    return note(item->seq, text);
}

static inline int run(struct leat_csv *csv, unsigned workers)
{
    struct leat_pipeline p = {
        .stages = {leat_csv_source(csv), leat_csv_parse(csv),
                   {"collect", collect, NULL, .in = &leat_csv_row_type}},
        .errors = {"failed", collect_failed, csv,
                   .in = LEAT_TYPE(struct leat_item)},
        .grace = 60 * LEAT_S, /* a busy machine abandons nobody */
    };
    int status;

    forget();
    p.stages[1].workers = workers;
    status = leat_run(ctx, &p, &got.report);
    while (got.count < RECORDS && got.of[got.count])
        got.count++;
    return status;
}

/* All of them, each with a semicolon behind; to be freed. */
static inline char *all(void)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    for (size_t i = 0; i < got.count; i++)
        fprintf(file, "%s;", got.of[i]);
    fclose(file);
    return text;
}

struct example {
    const char *what, *bytes;
    size_t len; /* 0: up to the final 0 */
    const char *want;
};

static inline void check_examples(const struct example *examples, size_t count,
                           struct leat_csv csv)
{
    for (size_t i = 0; i < count; i++) {
        const struct example *e = &examples[i];
        size_t len = e->len ? e->len : strlen(e->bytes);
        char *text;
        csv.path = put_file("x.csv", e->bytes, len);
        run(&csv, 1);
        text = all();
        cr_expect_str_eq(text, e->want, "%s: %s instead of %s", e->what, text,
                         e->want);
        cr_expect_eq(got.report.total.in, got.count, "%s", e->what);
        cr_expect_eq(got.report.total.in,
                     got.report.total.ok + got.report.total.failed, "%s",
                     e->what);
        free(text);
    }
}

/* The number and length of the records, through the source alone. */
static inline size_t count_records(struct leat_csv *csv, size_t *longest)
{
    struct leat_stage source = leat_csv_source(csv);
    void *state = NULL;
    size_t count = 0;

    *longest = 0;
    cr_assert_eq(source.resource->open(ctx, source.arg, &state), LEAT_OK);
    for (struct leat_csv_record record = {0};
         source.fn(ctx, NULL, &record, state) == LEAT_OK; count++) {
        *longest = record.len > *longest ? record.len : *longest;
        leat_csv_record_type.drop(&record);
        record = (struct leat_csv_record){0};
    }
    source.resource->close(state);
    return count;
}

#endif
