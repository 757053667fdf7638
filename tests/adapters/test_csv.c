/* test_csv.c - a CSV file as a source: every record arrives exactly or fails by
 * name, whatever is in the file.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "adapters/files.h"
#include "support/scale.h"
#include "support/torture.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <leat.h>
#include <leat/csv.h>

TestSuite(csv, .timeout = 60);

enum { RECORDS = 1 << 12 };

/* What became of each record: "1|x|y" (line and fields) or "1! why". */
static struct {
    char *of[RECORDS];
    size_t count;
    struct leat_report report;
} got;

static leat_ctx *ctx;

static void setup(void)
{
    make_folder();
    ctx = leat_ctx_root(60 * LEAT_S);
}

static void forget(void)
{
    for (size_t i = 0; i < RECORDS; i++) {
        free(got.of[i]);
        got.of[i] = NULL;
    }
    got.count = 0;
}

static void teardown(void)
{
    forget();
    leat_ctx_free(ctx);
    remove_folder();
}

static int note(uint64_t seq, char *text)
{
    if (seq >= RECORDS || got.of[seq]) {
        free(text);
        return ERANGE;
    }
    got.of[seq] = text;
    return LEAT_OK;
}

static int collect(leat_ctx *c, const void *in, void *out, void *arg)
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
static int collect_failed(leat_ctx *c, const void *in, void *out, void *arg)
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

static int run(struct leat_csv *csv, unsigned workers)
{
    struct leat_pipeline p = {
        .stages = {leat_csv_source(csv), leat_csv_parse(csv),
                   {"collect", collect, NULL, .in = &leat_csv_row_type}},
        .errors = {"failed", collect_failed, csv,
                   .in = LEAT_TYPE(struct leat_item)},
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
static char *all(void)
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

static void check_examples(const struct example *examples, size_t count,
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

Test(csv, what_is_well_formed_arrives_exactly, .init = setup, .fini = teardown)
{
    static const struct example examples[] = {
        {"plain", "a,b\nc,d\n", 0, "1|a|b;2|c|d;"},
        {"one field", "a\n", 0, "1|a;"},
        {"no last line feed", "a,b\nc,d", 0, "1|a|b;2|c|d;"},
        {"CR LF", "a,b\r\nc,d\r\n", 0, "1|a|b;2|c|d;"},
        {"CR LF and LF", "a,b\r\nc,d\ne,f\r\n", 0, "1|a|b;2|c|d;3|e|f;"},
        {"empty fields", ",\n,x\ny,\n", 0, "1||;2||x;3|y|;"},
        {"empty at the end of the file", "a,", 0, "1|a|;"},
        {"spaces are kept", " a , b \n", 0, "1| a | b ;"},
        {"tabs are kept", "\ta\t,\t\n", 0, "1|\ta\t|\t;"},
        {"quotes", "\"a\",\"b\"\n", 0, "1|a|b;"},
        {"empty quotes", "\"\",\"\"\n\"\",x", 0, "1||;2||x;"},
        {"doubled quotes", "\"a\"\"b\",\"\"\"\"\n", 0, "1|a\"b|\";"},
        {"only doubled quotes", "\"\"\"\"\"\",x", 0, "1|\"\"|x;"},
        {"delimiter in quotes", "\"a,b\",\",\"\n", 0, "1|a,b|,;"},
        {"LF in quotes", "\"a\nb\",c\nd,e\n", 0, "1|a\nb|c;3|d|e;"},
        {"CR LF in quotes", "\"a\r\nb\",c\r\nd,e\r\n", 0, "1|a\r\nb|c;3|d|e;"},
        {"CR in quotes", "\"a\rb\",\"\r\"\n", 0, "1|a\rb|\r;"},
        {"LF at the ends of quotes", "\"\n\",\"\n\n\"\nx,y", 0,
         "1|\n|\n\n;5|x|y;"},
        {"spaces in quotes", "\" a \",\" \"\n", 0, "1| a | ;"},
        {"BOM", "\xEF\xBB\xBF" "a,b\n", 0, "1|a|b;"},
        {"BOM before a quote", "\xEF\xBB\xBF\"a\nb\",c\n", 0, "1|a\nb|c;"},
        {"UTF-8", "\xC3\xA4,\xE2\x82\xAC\n\xF0\x9F\x98\x80,\xF4\x8F\xBF\xBF\n",
         0, "1|\xC3\xA4|\xE2\x82\xAC;2|\xF0\x9F\x98\x80|\xF4\x8F\xBF\xBF;"},
        {"the first and last of each length",
         "\x7F\xC2\x80\xDF\xBF,\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF"
         "\xF0\x90\x80\x80\n", 0,
         "1|\x7F\xC2\x80\xDF\xBF|\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF"
         "\xBF\xF0\x90\x80\x80;"},
        {"a BOM that is none", "\xEF\xBB\xBD,b\n", 0, "1|\xEF\xBB\xBD|b;"},
    };

    check_examples(examples, sizeof examples / sizeof *examples,
                   (struct leat_csv){.header = false});
}

Test(csv, what_is_malformed_fails_by_file_line_and_field, .init = setup,
     .fini = teardown)
{
    static const struct example examples[] = {
        {"too few", "id,name\na\nb,c\n", 0,
         "2! field 2 (name): missing (1 fields, want 2);3|b|c;"},
        {"too many", "id,name\na,b,c,d\n", 0,
         "2! field 3: too many (4 fields, want 2);"},
        {"an empty line", "id,name\n\nb,c\n", 0,
         "2! field 2 (name): missing (an empty line, want 2 fields);3|b|c;"},
        {"an empty line with CR", "id,name\r\n\r\nb,c\r\n", 0,
         "2! field 2 (name): missing (an empty line, want 2 fields);3|b|c;"},
        {"empty lines at the end", "id,name\nb,c\n\n\n", 0,
         "2|b|c;3! field 2 (name): missing (an empty line, want 2 fields);"
         "4! field 2 (name): missing (an empty line, want 2 fields);"},
        {"no UTF-8", "id,name\na,b\xFF\nc,d\n", 0,
         "2! field 2 (name): invalid UTF-8 at byte 2;3|c|d;"},
        {"Latin-1", "id,name\n\xE4h,b\n", 0,
         "2! field 1 (id): invalid UTF-8 at byte 1;"},
        {"overlong of two", "id,name\n\xC0\x80,b\n\xC1\xBF,b\n", 0,
         "2! field 1 (id): invalid UTF-8 at byte 1;"
         "3! field 1 (id): invalid UTF-8 at byte 1;"},
        {"overlong of three", "id,name\na\xE0\x9F\xBF,b\n", 0,
         "2! field 1 (id): invalid UTF-8 at byte 2;"},
        {"overlong of four", "id,name\na\xF0\x8F\xBF\xBF,b\n", 0,
         "2! field 1 (id): invalid UTF-8 at byte 2;"},
        {"surrogate", "id,name\na\xED\xA0\x80,b\n", 0,
         "2! field 1 (id): invalid UTF-8 at byte 2;"},
        {"beyond Unicode", "id,name\na\xF4\x90\x80\x80,b\n\xF5,b\n", 0,
         "2! field 1 (id): invalid UTF-8 at byte 2;"
         "3! field 1 (id): invalid UTF-8 at byte 1;"},
        {"cut off", "id,name\n\xE2\x82,b\na,\xC3", 0,
         "2! field 1 (id): invalid UTF-8 at byte 1;"
         "3! field 2 (name): invalid UTF-8 at byte 1;"},
        {"a continuation alone", "id,name\na,b\x80\n", 0,
         "2! field 2 (name): invalid UTF-8 at byte 2;"},
        {"the third is no continuation", "id,name\na,\xE2\x82x\n", 0,
         "2! field 2 (name): invalid UTF-8 at byte 1;"},
        {"NUL", "id,name\na\0b,c\nd,e\n", 18,
         "2! field 1 (id): NUL at byte 2;3|d|e;"},
        {"NUL in quotes", "id,name\na,\"\0\"\n", 14,
         "2! field 2 (name): NUL at byte 1;"},
        {"NUL behind a bad byte", "id,name\na,\xFF\0\n", 13,
         "2! field 2 (name): invalid UTF-8 at byte 1;"},
        {"a CR that ends no line", "id,name\na\rb,c\nd,e\r\r\n", 0,
         "2! field 1 (id): a carriage return outside quotes;"
         "3! field 2 (name): a carriage return outside quotes;"},
        {"a CR at the head", "id,name\n\ra,b\nc,\rd", 0,
         "2! field 1 (id): a carriage return outside quotes;"
         "3! field 2 (name): a carriage return outside quotes;"},
        {"CR at the end of the file", "id,name\na,b\r", 0,
         "2! field 2 (name): a carriage return outside quotes;"},
        {"a quote inside", "id,name\na,b\"c\nd,e\n", 0,
         "2! field 2 (name): a quote in a field without quotes, at byte 4 of "
         "the record;3|d|e;"},
        {"a quote at the end", "id,name\na\",b\n", 0,
         "2! field 1 (id): a quote in a field without quotes, at byte 2 of the "
         "record;"},
        {"space before the quotes", "id,name\na, \"b\"\n", 0,
         "2! field 2 (name): a quote in a field without quotes, at byte 4 of "
         "the record;"},
        {"more behind the quotes", "id,name\n\"a\"b,c\nd,e\n", 0,
         "2! field 1 (id): more behind the closing quote, at byte 4 of the "
         "record;3|d|e;"},
        {"space behind the quotes", "id,name\n\"a\" ,c\n", 0,
         "2! field 1 (id): more behind the closing quote, at byte 4 of the "
         "record;"},
        {"CR and more behind the quotes", "id,name\n\"a\"\rb,c\nd,e\n", 0,
         "2! field 1 (id): a carriage return outside quotes;3|d|e;"},
        {"CR behind the quotes at the end", "id,name\nx,\"a\"\r", 0,
         "2! field 2 (name): a carriage return outside quotes;"},
        {"a quote that never ends", "id,name\na,\"b\nc,d\ne,f\n", 0,
         "2! field 2 (name): the quote is never closed;3|c|d;4|e|f;"},
        {"... in the last line", "id,name\na,\"b", 0,
         "2! field 2 (name): the quote is never closed;"},
        {"... which has a line feed", "id,name\na,\"b\n", 0,
         "2! field 2 (name): the quote is never closed;"},
        {"... at the very end", "id,name\na,\"", 0,
         "2! field 2 (name): the quote is never closed;"},
        {"... with CR LF", "id,name\r\na,\"b\r\nc,d\r\n", 0,
         "2! field 2 (name): the quote is never closed;3|c|d;"},
        {"a quote broken lines later",
         "id,name\na,\"b\nc,d\ne,f\"g\nh,\"i\nj\"\nk,l\n", 0,
         "2! field 2 (name): the quote is never closed;3|c|d;"
         "4! field 2 (name): a quote in a field without quotes, at byte 4 of "
         "the record;5|h|i\nj;7|k|l;"},
        {"the first fault is told", "id,name\n\xFF,\"b\n", 0,
         "2! field 1 (id): invalid UTF-8 at byte 1;"},
        {"a bad field before a bad count", "id,name\na,b,\xFF\n", 0,
         "2! field 3: invalid UTF-8 at byte 1;"},
    };

    check_examples(examples, sizeof examples / sizeof *examples,
                   (struct leat_csv){.header = true});
}

Test(csv, failures_have_the_status_that_the_header_says, .init = setup,
     .fini = teardown)
{
    struct leat_csv csv = {.path = put_file("x.csv", "a,b\n\xFF,1\nx\n", 11),
                           .columns = 2};
    struct leat_stage parse = leat_csv_parse(&csv);
    struct leat_csv_record bad = {.text = (char[]){"\xFF,1"}, .len = 3},
                           few = {.text = (char[]){"x"}, .len = 1},
                           large = {.too_long = true},
                           two = {.text = (char[]){"a,b\nc,d"}, .len = 7};
    struct leat_csv_row row = {0};
    void *state = NULL;

    cr_assert_eq(parse.resource->open(ctx, parse.arg, &state), LEAT_OK);
    cr_expect_eq(parse.fn(ctx, &bad, &row, state), EILSEQ);
    cr_expect_eq(parse.fn(ctx, &few, &row, state), EINVAL);
    cr_expect_eq(parse.fn(ctx, &large, &row, state), EFBIG);
    cr_expect_eq(parse.fn(ctx, &two, &row, state), EILSEQ,
                 "two records in one, mended by hand");
    parse.resource->close(state);
}

Test(csv, a_record_from_an_error_file_is_told_by_its_number, .init = setup,
     .fini = teardown)
{
    struct leat_csv_row row = {.file = NULL}, there = {.file = "a.csv",
                                                       .line = 7};
    cr_expect_eq(leat_csv_fail(ctx, &row, 1, ERANGE, "too %s", "low"), ERANGE);
    cr_expect_eq(leat_csv_fail(ctx, &there, 1, ERANGE, "no"), ERANGE);
}

static int always_low(leat_ctx *c, const void *in, void *out, void *arg)
{
    return leat_csv_fail(c, in, 1, ERANGE, "%d is too low", 7);
}

static int keep_message(leat_ctx *c, const void *in, void *out, void *arg)
{
    snprintf(arg, 300, "%s", ((const struct leat_item *)in)->message);
    return LEAT_OK;
}

Test(csv, later_stages_name_the_place_too_and_a_long_path_is_shortened,
     .init = setup, .fini = teardown)
{
    char name[200], message[300] = "", *at;
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    struct leat_csv csv = {.path = put_file(name, "a,b\nc,d\n", 8),
                           .header = true};
    struct leat_pipeline p = {
        .stages = {leat_csv_source(&csv), leat_csv_parse(&csv),
                   {"check", always_low, .in = &leat_csv_row_type}},
        .errors = {"failed", keep_message, message,
                   .in = LEAT_TYPE(struct leat_item)},
    };

    cr_assert_eq(leat_run(ctx, &p, NULL), LEAT_PARTIAL);
    cr_assert_not_null(at = strstr(message, "nnn:2: field 2: 7 is too low"));
    cr_assert_eq(strncmp(message, "...", 3), 0);
    cr_assert_lt(strlen(message), 130);
}

Test(csv, the_number_of_columns_is_that_of_the_first_record, .init = setup,
     .fini = teardown)
{
    struct leat_csv csv = {.path = put_file("x.csv", "a,b\nc\nd,e\n", 10)};
    char *text;

    cr_assert_eq(run(&csv, 2), LEAT_PARTIAL);
    text = all();
    cr_assert_str_eq(text,
                     "1|a|b;2! field 2: missing (1 fields, want 2);3|d|e;");
    free(text);
}

Test(csv, another_delimiter_may_be_chosen, .init = setup, .fini = teardown)
{
    static const char bytes[] = "a;\"b;\",\"c\n1,5;2\n";
    struct leat_csv csv = {.path = put_file("x.csv", bytes, sizeof bytes - 1),
                           .delimiter = ';', .columns = 2};
    char *text;

    cr_assert_eq(run(&csv, 1), LEAT_PARTIAL);
    text = all();
    cr_assert_str_eq(text, "1! field 2: more behind the closing quote, at byte "
                           "7 of the record;2|1,5|2;");
    free(text);
}

/* --- what cannot be opened --- */

static int open_source(struct leat_csv *csv)
{
    struct leat_stage source = leat_csv_source(csv);
    void *state = NULL;
    int status = source.resource->open(ctx, source.arg, &state);

    if (state)
        source.resource->close(state);
    return status;
}

static int open_parse(struct leat_csv *csv)
{
    struct leat_stage parse = leat_csv_parse(csv);
    void *state = NULL;
    int status = parse.resource->open(ctx, parse.arg, &state);

    if (state)
        parse.resource->close(state);
    return status;
}

Test(csv, a_file_that_cannot_be_read_is_a_clear_error, .init = setup,
     .fini = teardown)
{
    struct leat_csv csv = {.path = path_of("missing.csv")};

    cr_expect_eq(run(&csv, 1), ENOENT);
    cr_expect_not_null(strstr(got.report.cause.message, "missing.csv: cannot "
                              "open: No such file"), "%s",
                       got.report.cause.message);
    csv.path = folder;
    cr_expect_eq(run(&csv, 1), EISDIR);
    cr_expect_not_null(strstr(got.report.cause.message, folder));
    csv.path = put_file("empty.csv", "", 0);
    cr_expect_eq(run(&csv, 1), ENODATA);
    cr_expect_not_null(strstr(got.report.cause.message, "the file is empty"));
    csv.path = put_file("unreadable.csv", "a\n", 2);
    chmod(csv.path, 0);
    become_nobody();
    cr_expect_eq(open_source(&csv), EACCES);
    become_root_again();
    csv.path = put_file("bom.csv", "\xEF\xBB\xBF", 3);
    cr_expect_eq(open_source(&csv), ENODATA, "a BOM and no more");
    csv.path = "/proc/self/mem"; /* opens, and cannot be read at 0 */
    cr_expect_eq(open_source(&csv), EIO);
    cr_expect_eq(open_source(NULL), LEAT_INVALID);
    cr_expect_eq(open_parse(NULL), LEAT_INVALID);
    csv = (struct leat_csv){.path = NULL};
    cr_expect_eq(open_source(&csv), LEAT_INVALID);
    cr_expect_eq(open_parse(&csv), LEAT_INVALID);
    csv = (struct leat_csv){.path = "x", .delimiter = '"'};
    cr_expect_eq(open_source(&csv), LEAT_INVALID);
    csv = (struct leat_csv){.path = "x", .delimiter = '\n'};
    cr_expect_eq(open_source(&csv), LEAT_INVALID);
    csv = (struct leat_csv){.path = "x", .max_record = (size_t)2 << 30};
    cr_expect_eq(open_source(&csv), LEAT_INVALID);
}

Test(csv, a_header_that_is_malformed_ends_the_run, .init = setup,
     .fini = teardown)
{
    struct leat_csv csv = {.path = put_file("x.csv", "a,b\"\n1,2\n", 9),
                           .header = true};

    cr_expect_eq(run(&csv, 1), EILSEQ);
    cr_expect_not_null(strstr(got.report.cause.message, ":1: field 2:"), "%s",
                       got.report.cause.message);
    csv.path = put_file("y.csv", "a,b\n1,2\n", 8);
    csv.columns = 3;
    cr_expect_eq(run(&csv, 1), EINVAL);
    csv.columns = 2;
    cr_expect_eq(run(&csv, 1), LEAT_OK);
    cr_expect_eq(got.count, 1);
    csv.path = put_file("z.csv", "a,b\n", 4);
    cr_expect_eq(run(&csv, 1), LEAT_OK, "a header and no record");
    cr_expect_eq(got.count, 0);
}

Test(csv, the_parser_needs_no_file_where_the_columns_are_given, .init = setup,
     .fini = teardown)
{
    struct leat_csv csv = {.path = path_of("gone.csv"), .header = true};

    cr_expect_eq(open_parse(&csv), ENOENT);
    csv.columns = 2;
    cr_expect_eq(open_parse(&csv), LEAT_OK);
    csv.header = false;
    cr_expect_eq(open_parse(&csv), LEAT_OK);
}

/* --- pipes --- */

Test(csv, a_pipe_can_be_read_and_is_waited_for_within_the_context,
     .init = setup, .fini = teardown)
{
    char path[64], *text;
    int ends[2];
    struct leat_csv csv = {.path = path, .columns = 2};
    leat_ctx *soon;
    struct leat_csv_record record = {0};
    struct leat_stage source = leat_csv_source(&csv);
    void *state = NULL;

    cr_assert_eq(pipe(ends), 0);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    cr_assert_eq(write(ends[1], "a,b\nc,", 6), 6);
    cr_assert_eq(source.resource->open(ctx, source.arg, &state), LEAT_OK);
    cr_assert_eq(source.fn(ctx, NULL, &record, state), LEAT_OK);
    cr_assert_str_eq(record.text, "a,b");
    leat_csv_record_type.drop(&record);
    soon = leat_ctx_new(ctx, 10 * LEAT_MS);
    cr_assert_eq(source.fn(soon, NULL, &record, state), LEAT_TIMEOUT);
    cr_assert_eq(write(ends[1], "d\n", 2), 2);
    cr_assert_eq(source.fn(ctx, NULL, &record, state), LEAT_OK);
    cr_assert_str_eq(record.text, "c,d", "nothing is lost by the timeout");
    leat_csv_record_type.drop(&record);
    source.resource->close(state);
    leat_ctx_free(soon);

    cr_assert_eq(write(ends[1], "e,f\n", 4), 4);
    close(ends[1]);
    cr_assert_eq(run(&csv, 1), LEAT_OK);
    text = all();
    cr_assert_str_eq(text, "1|e|f;");
    free(text);
    csv = (struct leat_csv){.path = path, .header = true};
    cr_assert_eq(open_parse(&csv), ENODATA, "it is empty now");
    close(ends[0]);
}

Test(csv, a_pipe_is_not_read_twice_to_know_its_columns, .init = setup,
     .fini = teardown)
{
    char path[64];
    int ends[2];
    struct leat_csv csv = {.path = path, .header = true};

    cr_assert_eq(pipe(ends), 0);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    cr_assert_eq(write(ends[1], "a,b\n", 4), 4);
    cr_assert_eq(open_parse(&csv), LEAT_INVALID);
    close(ends[0]);
    close(ends[1]);
}

/* --- sizes --- */

/* The number and length of the records, through the source alone. */
static size_t count_records(struct leat_csv *csv, size_t *longest)
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

Test(csv, a_field_may_be_a_megabyte, .init = setup, .fini = teardown)
{
    size_t len = scaled(1 << 20), total = len + 16, longest;
    char *bytes = malloc(total);
    struct leat_csv csv = {0};

    memset(bytes, 'x', total);
    memcpy(bytes, "a,\"", 3);
    bytes[100] = '\n';
    bytes[len] = '"';
    bytes[len + 1] = '\n';
    memcpy(bytes + len + 2, "c,d\nefgh,ijkl\n", 14);
    csv.path = put_file("x.csv", bytes, total);
    cr_assert_eq(count_records(&csv, &longest), 3);
    cr_assert_eq(longest, len + 1);
    cr_assert_eq(run(&csv, 1), LEAT_OK);
    cr_assert_eq(got.report.total.ok, 3);
    cr_assert_eq(strlen(got.of[0]), len - 3 + 4);
    cr_assert_eq(memcmp(got.of[0] + 4, bytes + 3, len - 3), 0);
    cr_assert_str_eq(got.of[2], "4|efgh|ijkl");
    free(bytes);
}

Test(csv, a_block_of_reading_may_end_anywhere, .init = setup, .fini = teardown)
{
    static const char tail[] = "\"q\"\"\r\n\",y\r\n\xC3\xA4,b\r\n,\"\"\n";
    static char bytes[3 << 16];
    struct leat_csv csv = {.columns = 2};
    size_t step = scaled(20) < 20 ? 7 : 1;

    for (size_t shift = 0; shift <= sizeof tail; shift += step) {
        size_t pad = (1 << 16) - shift - 3, len = 0;
        char *text, want[64];
        memset(bytes, 'x', pad);
        len = pad;
        bytes[len++] = ',';
        bytes[len++] = 'z';
        bytes[len++] = '\n';
        memcpy(bytes + len, tail, sizeof tail - 1);
        csv.path = put_file("x.csv", bytes, len + sizeof tail - 1);
        cr_assert_eq(run(&csv, 1), LEAT_OK, "shift %zu", shift);
        text = all();
        snprintf(want, sizeof want, "x|z;2|q\"\r\n|y;4|\xC3\xA4|b;5||;");
        cr_assert_eq(strlen(text), pad + 1 + strlen(want));
        cr_assert_str_eq(text + pad + 1, want, "shift %zu", shift);
        free(text);
    }
}

Test(csv, a_record_beyond_the_limit_fails_alone, .init = setup,
     .fini = teardown)
{
    static const struct example examples[] = {
        {"as long as may be", "12345678\nx\n", 0, "1|12345678;2|x;"},
        {"with CR LF", "12345678\r\nx\r\n", 0, "1|12345678;2|x;"},
        {"at the end of the file", "x\n12345678", 0, "1|x;2|12345678;"},
        {"in quotes, with a line feed", "\"12\n456\"\nx\n", 0,
         "1|12\n456;3|x;"},
        {"... and CR LF", "\"12\n456\"\r\nx\n", 0, "1|12\n456;3|x;"},
        {"one more", "123456789\nx\n", 0,
         "1! field 1: the record is longer than 8 bytes;2|x;"},
        {"one more, CR LF", "123456789\r\nx\n", 0,
         "1! field 1: the record is longer than 8 bytes;2|x;"},
        {"one more, a CR", "12345678\r\r\nx\n", 0,
         "1! field 1: the record is longer than 8 bytes;2|x;"},
        {"one more, at the end", "x\n123456789", 0,
         "1|x;2! field 1: the record is longer than 8 bytes;"},
        {"many more", "1234567890123456789012345678901234567890\n\nx\n", 0,
         "1! field 1: the record is longer than 8 bytes;2|;3|x;"},
        {"quotes in it mean nothing", "123456789\"123\nx\n", 0,
         "1! field 1: the record is longer than 8 bytes;2|x;"},
        {"in quotes, in one line", "\"12345678\"\nx\n", 0,
         "1! field 1: the record is longer than 8 bytes;2|x;"},
        {"in quotes, lines: taken for a quote that never ends",
         "\"12\n4567\"\nx\n", 0,
         "1! field 1: the quote is never closed;"
         "2! field 1: a quote in a field without quotes, at byte 5 of the "
         "record;3|x;"},
    };

    check_examples(examples, sizeof examples / sizeof *examples,
                   (struct leat_csv){.max_record = 8, .columns = 1});
}

Test(csv, a_line_longer_than_the_buffer_is_skipped_to_its_end, .init = setup,
     .fini = teardown)
{
    static char bytes[(5 << 16) + 8];
    struct leat_csv csv = {.max_record = 100, .columns = 1};
    char *text;

    memset(bytes, 'y', sizeof bytes);
    memcpy(bytes + sizeof bytes - 3, "\nx\n", 3);
    csv.path = put_file("x.csv", bytes, sizeof bytes);
    cr_assert_eq(run(&csv, 1), LEAT_PARTIAL);
    text = all();
    cr_assert_str_eq(text,
                     "1! field 1: the record is longer than 100 bytes;2|x;");
    free(text);
    csv.path = put_file("x.csv", bytes, sizeof bytes - 3);
    cr_assert_eq(run(&csv, 1), LEAT_PARTIAL, "without a line feed");
    cr_assert_eq(got.report.total.failed, 1);
}

Test(csv, broken_quotes_do_not_make_it_slow, .init = setup, .fini = teardown)
{
    enum { LINE = 8 };
    size_t lines = scaled(1 << 16), longest;
    char *bytes = malloc(lines * LINE);
    struct leat_csv csv = {0};

    for (size_t i = 0; i < lines; i++) /* each opens one, or closes the last */
        memcpy(bytes + i * LINE, i % 2 ? "a,\"\",\"b\n" : "a,\"c\"\"d\n", LINE);
    csv.path = put_file("x.csv", bytes, lines * LINE);
    count_records(&csv, &longest);
    for (size_t i = 0; i < lines; i++) /* one at the head, pairs behind */
        memcpy(bytes + i * LINE, i ? "a,\"\",bc\n" : "a,\"bcde\n", LINE);
    csv.path = put_file("x.csv", bytes, lines * LINE);
    cr_assert_eq(count_records(&csv, &longest), lines);
    cr_assert_eq(longest, LINE - 1);
    free(bytes);
}

/* --- model: what is written out is read back --- */

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    return *seed ^= *seed << 17;
}

static size_t make_field(uint64_t *seed, char *field)
{
    static const char *const parts[] = {
        "a", "xyz", ",", "\"", "\"\"", "\n", "\r", "\r\n", " ", ";", "\t",
        "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xEF\xBB\xBF", "'",
    };
    size_t len = 0, count = next_random(seed) % 5;

    field[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        const char *part = parts[next_random(seed) % 16];
        strcpy(field + len, part);
        len += strlen(part);
    }
    return len;
}

/* Quoted where it must be, and sometimes where it need not. */
static void write_field(FILE *file, const char *field, bool quotes)
{
    quotes = quotes || strpbrk(field, ",\"\r\n");
    if (quotes)
        fputc('"', file);
    for (; *field; field++) {
        if (*field == '"')
            fputc('"', file);
        fputc(*field, file);
    }
    if (quotes)
        fputc('"', file);
}

Test(csv, random_records_are_read_back_as_they_were, .init = setup,
     .fini = teardown)
{
    uint64_t seed = UINT64_C(0x9E3779B97F4A7C15);
    size_t rounds = scaled(40), records = 50;

    for (size_t round = 0; round < rounds; round++) {
        uint64_t first = seed;
        size_t columns = 1 + next_random(&seed) % 5;
        const char *end = next_random(&seed) % 2 ? "\r\n" : "\n";
        const char *path = path_of("x.csv");
        FILE *file = fopen(path, "w");
        char *want[50];
        unsigned long line = 1;
        struct leat_csv csv = {.path = path, .columns = columns};
        if (next_random(&seed) % 2)
            fputs("\xEF\xBB\xBF", file);
        for (size_t i = 0; i < records; i++) {
            size_t size;
            FILE *text = open_memstream(&want[i], &size);
            fprintf(text, "%lu", line);
            for (size_t j = 0; j < columns; j++) {
                char field[64];
                make_field(&seed, field);
                fprintf(text, "|%s", field);
                if (j > 0)
                    fputc(',', file);
                write_field(file, field,
                            next_random(&seed) % 3 == 0 || i + j == 0);
                for (const char *at = field; *at; at++)
                    line += *at == '\n';
            }
            line++;
            fclose(text);
            if (i + 1 < records || next_random(&seed) % 2)
                fputs(end, file);
            else if (columns == 1 && want[i][strlen(want[i]) - 1] == '|')
                fputs(end, file); /* nothing at all would be no record */
        }
        fclose(file);
        cr_assert_eq(run(&csv, 1 + round % 2), LEAT_OK, "seed %llx: %s",
                     (unsigned long long)first, got.report.cause.message);
        cr_assert_eq(got.count, records, "seed %llx: %zu records",
                     (unsigned long long)first, got.count);
        for (size_t i = 0; i < records; i++) {
            cr_assert_str_eq(got.of[i], want[i], "seed %llx, record %zu",
                             (unsigned long long)first, i);
            free(want[i]);
        }
    }
}

Test(csv, random_bytes_are_conserved, .init = setup, .fini = teardown)
{
    static const char bytes[] = "a,\"\"\"\n\n\r\xC3\xA4,";
    uint64_t seed = UINT64_C(0xD1B54A32D192ED03);
    size_t rounds = scaled(40);

    for (size_t round = 0; round < rounds; round++) {
        uint64_t first = seed;
        char text[400];
        size_t len = 1 + next_random(&seed) % sizeof text, longest;
        struct leat_csv csv = {.columns = 2, .max_record = 40};
        for (size_t i = 0; i < len; i++)
            text[i] = bytes[next_random(&seed) % (sizeof bytes - 1)];
        csv.path = put_file("x.csv", text, len);
        run(&csv, 2);
        cr_assert_eq(got.count, count_records(&csv, &longest), "seed %llx",
                     (unsigned long long)first);
        cr_assert_eq(got.report.total.in, got.count, "seed %llx",
                     (unsigned long long)first);
        cr_assert_leq(longest, 40);
    }
}

/* --- through an error file --- */

Test(csv, a_record_goes_to_text_and_back_byte_by_byte, .init = setup,
     .fini = teardown)
{
    const struct leat_type *type = &leat_csv_record_type;
    struct leat_csv_record record = {.text = (char[]){"a\0b\xFF"}, .len = 4},
                           back = {0}, empty = {0};
    char text[8] = "zzzzzzz";

    cr_assert_eq(type->encode(&record, NULL, 0), 4);
    cr_assert_eq(type->encode(&record, text, 3), 4);
    cr_assert_eq(memcmp(text, "a\0\0z", 4), 0, "cut, with its final 0");
    cr_assert_eq(type->encode(&record, text, sizeof text), 4);
    cr_assert_eq(memcmp(text, "a\0b\xFF\0", 5), 0);
    cr_assert_eq(type->decode(&back, text, 4), LEAT_OK);
    cr_assert_eq(back.len, 4);
    cr_assert_eq(memcmp(back.text, "a\0b\xFF\0", 5), 0);
    cr_assert_null(back.file);
    type->drop(&back);
    cr_assert_eq(type->encode(&empty, text, sizeof text), 0);
    cr_assert_str_eq(text, "");
    cr_assert_eq(type->decode(&back, "", 0), LEAT_OK);
    cr_assert_eq(back.len, 0);
    type->drop(&back);
    type->drop(&empty);
    record.too_long = true;
    cr_assert_lt(type->encode(&record, text, sizeof text), 0,
                 "what is not there cannot be written");
}

/* --- every allocation fails once --- */

Test(csv, every_allocation_may_fail, .init = setup, .fini = teardown)
{
    struct leat_csv csv = {.header = true};
    struct leat_stage source = leat_csv_source(&csv),
                      parse = leat_csv_parse(&csv);
    unsigned long n = 1;
    static char bytes[200000];
    size_t len = 0;

    len += (size_t)sprintf(bytes, "a,b\n1,2\n3,\"");
    memset(bytes + len, 'x', 180000);
    len += 180000;
    len += (size_t)sprintf(bytes + len, "\"\n");
    csv.path = put_file("x.csv", bytes, len);
    for (bool failed = true; failed; n++) {
        struct leat_csv_record record = {0};
        struct leat_csv_row row = {0};
        void *reader = NULL, *parser = NULL;
        int status;
        torture_arm(TORTURE_ALLOC, n);
        status = source.resource->open(ctx, source.arg, &reader);
        if (status == LEAT_OK)
            status = parse.resource->open(ctx, parse.arg, &parser);
        while (status == LEAT_OK) {
            status = source.fn(ctx, NULL, &record, reader);
            if (status == LEAT_OK)
                status = parse.fn(ctx, &record, &row, parser);
            leat_csv_row_type.drop(&row);
            leat_csv_record_type.drop(&record);
            record = (struct leat_csv_record){0};
            row = (struct leat_csv_row){0};
        }
        failed = torture_disarm();
        /* libcsv asks again for less. */
        cr_expect(status == LEAT_CLOSED || (failed && status == LEAT_NOMEM),
                  "point %lu: %d", n, status);
        if (reader)
            source.resource->close(reader);
        if (parser)
            parse.resource->close(parser);
    }
    cr_assert_gt(n, 10, "%lu points", n);
    cr_log_info("%lu points", n - 1);
}
