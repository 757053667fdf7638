/* test_csv.c - a CSV file as a source: every record arrives exactly or fails by
 * name, whatever is in it. Files, pipes and sizes are in test_csv_file.c, what
 * is random in test_csv_random.c.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "adapters/records.h"

TestSuite(csv, .timeout = 60);

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
        {"a quote inside, and one lines later", "id,name\na\"b\nc\",d\ne,f\n",
         0,
         "2! field 1 (id): a quote in a field without quotes, at byte 2 of the "
         "record;3! field 1 (id): a quote in a field without quotes, at byte 2 "
         "of the record;4|e|f;"},
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
