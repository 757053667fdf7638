/* parse.c - takes one record apart, with libcsv in strict mode.
 *
 * libcsv is told not to trim, and its own idea of where a row ends is used to
 * find what may not be there: in one record it may end none before the last
 * byte, so a row that ends at a CR or LF tells of one outside quotes.
 *
 * A row is one block: the fields, and behind them their text. As many
 * delimiters as there are bytes of them, and one, is the most fields there can
 * be, and no text is longer than the record.
 * SPDX-License-Identifier: MIT */
#include "place.h"
#include "split.h"
#include "utf8.h"
#include <csv.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    const struct leat_csv *csv;
    struct csv_parser csv_parser;
    struct leat_csv_row names; /* of the fields; count 0: not known */
    size_t columns;            /* 0: as many as there are */
    char delimiter;

    /* while a record is taken apart */
    leat_ctx *ctx;
    const struct leat_csv_record *record;
    struct leat_csv_field *fields;
    size_t count;
    char *text; /* where the next field's text goes */
    int status; /* of the first fault */
};

/* Notes the first fault of the record. */
static void fault(struct parser *p, size_t field, int status,
                  const char *format, ...) LEAT_PRINTF_(4, 5);
static void fault(struct parser *p, size_t field, int status,
                  const char *format, ...)
{
    const char *name = field < p->names.count ? p->names.fields[field].text
                                              : NULL;
    char place[LEAT__PLACE], why[100];
    va_list args;

    if (p->status != LEAT_OK)
        return;
    leat__put_place(place, p->ctx, p->record->file, p->record->line, field,
                    name);
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    p->status = leat_fail(p->ctx, status, "%s: %s", place, why);
}

/* --- one field --- */

static void take_field(void *text, size_t len, void *arg)
{
    struct parser *p = arg;
    const char *nul = len > 0 ? memchr(text, '\0', len) : NULL;
    size_t good = leat__utf8_span(text, len);

    if (p->status != LEAT_OK)
        return;
    if (nul && (size_t)(nul - (char *)text) < good)
        fault(p, p->count, EILSEQ, "NUL at byte %zu",
              (size_t)(nul - (char *)text) + 1);
    else if (good < len)
        fault(p, p->count, EILSEQ, "invalid UTF-8 at byte %zu", good + 1);
    p->fields[p->count++] = (struct leat_csv_field){p->text, len};
    if (len > 0)
        memcpy(p->text, text, len);
    p->text[len] = '\0';
    p->text += len + 1;
}

static void take_row(int end, void *arg)
{
    struct parser *p = arg;

    if (end == '\r' || end == '\n') /* else the record has ended */
        fault(p, p->count > 0 ? p->count - 1 : 0, EILSEQ, "a %s outside quotes",
              end == '\r' ? "carriage return" : "line feed");
}

/* --- one record --- */

static int never_space(unsigned char byte)
{
    return 0;
}

static void reset(struct parser *p)
{
    csv_free(&p->csv_parser);
    csv_init(&p->csv_parser, CSV_STRICT | CSV_STRICT_FINI | CSV_REPALL_NL);
    csv_set_space_func(&p->csv_parser, never_space);
    csv_set_delim(&p->csv_parser, (unsigned char)p->delimiter);
    csv_set_realloc_func(&p->csv_parser, realloc);
    csv_set_free_func(&p->csv_parser, free);
    csv_set_blk_size(&p->csv_parser, 65536);
}

/* libcsv has stopped at that byte, or at the end. */
static void tell_why(struct parser *p, size_t at)
{
    if (csv_error(&p->csv_parser) == CSV_ENOMEM)
        p->status = p->status != LEAT_OK ? p->status : LEAT_NOMEM;
    else if (at == p->record->len)
        fault(p, p->count, EILSEQ, "the quote is never closed");
    else if (p->record->text[at] == '"')
        fault(p, p->count, EILSEQ,
              "a quote in a field without quotes, at byte %zu of the record",
              at + 1);
    else
        fault(p, p->count, EILSEQ,
              "more behind the closing quote, at byte %zu of the record",
              at + 1);
    reset(p); /* it has no other way out of an error */
}

static void check_count(struct parser *p)
{
    size_t len = p->record->len;

    if (p->columns == 0 || p->count == p->columns)
        return;
    if (p->count > p->columns)
        fault(p, p->columns, EINVAL, "too many (%zu fields, want %zu)",
              p->count, p->columns);
    else if (len == 0)
        fault(p, p->count, EINVAL, "missing (an empty line, want %zu fields)",
              p->columns);
    else
        fault(p, p->count, EINVAL, "missing (%zu fields, want %zu)", p->count,
              p->columns);
}

/* Takes p->record apart. After LEAT_OK p->fields and p->count are a row. */
static int take_apart(struct parser *p)
{
    const struct leat_csv_record *record = p->record;
    size_t most = 1, at;

    p->status = LEAT_OK;
    p->count = 0;
    p->fields = NULL;
    if (record->too_long) {
        fault(p, 0, EFBIG, "the record is longer than %zu bytes",
              p->csv->max_record ? p->csv->max_record : (size_t)64 << 20);
        return p->status;
    }
    for (at = 0; at < record->len; at++)
        most += record->text[at] == p->delimiter;
    if (!(p->fields = malloc(most * sizeof *p->fields + record->len + most)))
        return LEAT_NOMEM;
    p->text = (char *)(p->fields + most);
    if (record->len == 0) { /* which libcsv does not take for a row */
        take_field(p->text, 0, p);
    } else {
        at = csv_parse(&p->csv_parser, record->text, record->len, take_field,
                       take_row, p);
        if (at < record->len ||
            csv_fini(&p->csv_parser, take_field, take_row, p) != 0)
            tell_why(p, at);
    }
    check_count(p);
    return p->status;
}

static int parse(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    struct parser *p = arg;
    struct leat_csv_row *row = out;

    p->ctx = ctx;
    p->record = in;
    if (take_apart(p) != LEAT_OK) {
        free(p->fields);
        return p->status;
    }
    *row = (struct leat_csv_row){.fields = p->fields,
                                 .count = p->count,
                                 .file = p->record->file,
                                 .line = p->record->line};
    return LEAT_OK;
}

/* --- the stage --- */

static void row_drop(void *item)
{
    free((void *)(uintptr_t)((struct leat_csv_row *)item)->fields);
}

const struct leat_type leat_csv_row_type = {
    .name = "leat_csv_row",
    .size = sizeof(struct leat_csv_row),
    .drop = row_drop,
};

static void parse_close(void *state)
{
    struct parser *p = state;

    csv_free(&p->csv_parser);
    row_drop(&p->names);
    free(p);
}

/* The first record of the file. Where the number of columns is known by other
 * means, a file that is no longer there, or can be read only once, is well. */
static int read_first(leat_ctx *ctx, struct parser *p)
{
    const struct leat_csv *csv = p->csv;
    struct leat__split split;
    struct leat_csv_record first;
    int status = leat__split_open(ctx, &split, csv);

    if (status != LEAT_OK)
        return status == ENOENT && csv->columns > 0 ? LEAT_OK : status;
    if (!split.is_file)
        status = csv->columns > 0
                     ? LEAT_OK
                     : leat_fail(ctx, LEAT_INVALID,
                                 "%s: cannot be read twice, columns must be "
                                 "given",
                                 csv->path);
    else if ((status = leat__split_next(ctx, &split, &first)) == LEAT_OK &&
             (status = parse(ctx, &first, &p->names, p)) == LEAT_OK)
        p->columns = p->names.count;
    leat__split_close(&split);
    return status;
}

static int parse_open(leat_ctx *ctx, void *arg, void **state)
{
    const struct leat_csv *csv = arg;
    struct parser *p;
    int status;

    if (!csv || !csv->path)
        return leat_fail(ctx, LEAT_INVALID, "no path of a CSV file");
    if (!(p = calloc(1, sizeof *p)))
        return LEAT_NOMEM;
    *state = p;
    p->csv = csv;
    p->columns = csv->columns;
    p->delimiter = csv->delimiter ? csv->delimiter : ',';
    reset(p);
    if (csv->columns > 0 && !csv->header)
        return LEAT_OK;
    if ((status = read_first(ctx, p)) == LEAT_OK && !csv->header) {
        row_drop(&p->names); /* it is a record like others */
        p->names = (struct leat_csv_row){0};
    }
    return status;
}

struct leat_stage leat_csv_parse(const struct leat_csv *csv)
{
    static const struct leat_resource resource = {.open = parse_open,
                                                  .close = parse_close};

    return (struct leat_stage){
        .name = "parse",
        .fn = parse,
        .arg = (void *)(uintptr_t)csv, /* which nobody writes to */
        .in = &leat_csv_record_type,
        .out = &leat_csv_row_type,
        .resource = &resource,
    };
}
