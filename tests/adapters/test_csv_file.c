/* test_csv_file.c - CSV files that cannot be read, pipes, and sizes.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "adapters/records.h"
#include "support/scale.h"

TestSuite(csv_file, .timeout = 60);

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

Test(csv_file, a_file_that_cannot_be_read_is_a_clear_error, .init = setup,
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

Test(csv_file, a_header_that_is_malformed_ends_the_run, .init = setup,
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

Test(csv_file, the_parser_needs_no_file_where_the_columns_are_given,
     .init = setup, .fini = teardown)
{
    struct leat_csv csv = {.path = path_of("gone.csv"), .header = true};

    cr_expect_eq(open_parse(&csv), ENOENT);
    csv.columns = 2;
    cr_expect_eq(open_parse(&csv), LEAT_OK);
    csv.header = false;
    cr_expect_eq(open_parse(&csv), LEAT_OK);
}

/* --- pipes --- */

Test(csv_file, a_pipe_can_be_read_and_is_waited_for_within_the_context,
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

Test(csv_file, a_pipe_is_not_read_twice_to_know_its_columns, .init = setup,
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

Test(csv_file, a_field_may_be_a_megabyte, .init = setup, .fini = teardown)
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

Test(csv_file, a_block_of_reading_may_end_anywhere, .init = setup,
     .fini = teardown)
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

Test(csv_file, a_record_beyond_the_limit_fails_alone, .init = setup,
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

Test(csv_file, a_line_longer_than_the_buffer_is_skipped_to_its_end,
     .init = setup, .fini = teardown)
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

Test(csv_file, broken_quotes_do_not_make_it_slow, .init = setup,
     .fini = teardown)
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
