/* test_broken_line.c - what becomes of a line of an error file that cannot be
 * understood: it is a failure by name, and kept.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "adapters/words.h"
#include <criterion/criterion.h>

TestSuite(broken_line, .timeout = 60);

static void setup(void)
{
    words_setup();
}

static void teardown(void)
{
    words_teardown();
}

Test(broken_line, one_that_is_broken_fails_by_file_line_and_field,
     .init = setup, .fini = teardown)
{
    static const struct {
        const char *line, *why;
    } cases[] = {
        {"nonsense", "not JSON: "},
        {"{\"seq\":1,\"input\":\"a\"", "not JSON: "},
        {"{\"seq\":1,\"input\":\"a\xFF\"}", "not JSON: "},
        {"[1]", "not a JSON object"},
        {"{}", "field seq: missing"},
        {"{\"input\":\"a\"}", "field seq: missing"},
        {"{\"seq\":\"1\",\"input\":\"a\"}", "field seq: not a number"},
        {"{\"seq\":1}", "field input: missing"},
        {"{\"seq\":1,\"input\":2}", "field input: not a string"},
        {"{\"seq\":1,\"input\":null}", "field input: null"},
        {"{\"seq\":1,\"input_base64\":2}", "field input_base64: not base64"},
        {"{\"seq\":1,\"input_base64\":\"A\"}",
         "field input_base64: not base64"},
        {"{\"seq\":1,\"input_base64\":\"AAA?\"}",
         "field input_base64: not base64"},
        {"{\"seq\":1,\"input_base64\":\"A===\"}",
         "field input_base64: not base64"},
        {"{\"seq\":1,\"input\":\"a\",\"input_base64\":\"AAAA\"}",
         "field input: there is another one in base64"},
        {"{\"seq\":1,\"input\":\"a\",\"attempts\":-1}",
         "field attempts: not a count"},
        {"{\"seq\":1,\"input\":\"a\",\"attempts\":3000000000}",
         "field attempts: not a count"},
        {"{\"seq\":1,\"input\":\"a\",\"attempts\":\"x\"}",
         "field attempts: not a count"},
        {"{\"line\":7}", "field line: not a string"},
        {"{\"seq\":1,\"input\":\"This input is longer than a word may be, for a"
         " word is an array of bytes.\"}", "field input: "},
    };

    size_t count = sizeof cases / sizeof *cases;
    const char *path = path_of("e.jsonl");
    FILE *file = fopen(path, "w");

    fputs("{\"seq\":5,\"input\":\"fine\"}\n", file);
    for (size_t i = 0; i < count; i++)
        fprintf(file, "%s\n", cases[i].line);
    fclose(file);
    cr_expect_eq(read_back(), LEAT_PARTIAL);
    cr_expect_eq(words.report.total.failed, count);
    cr_expect_str_eq(saved(), "fine ");
    for (size_t i = 0; i < count; i++) {
        json_t *line = get_line(path, i);
        char place[64];
        snprintf(place, sizeof place, "e.jsonl.rerunning:%zu: %s", i + 2,
                 cases[i].why);
        cr_expect_not_null(strstr(string(line, "message"), place), "%s: %s",
                           cases[i].line, string(line, "message"));
        cr_expect_str_eq(string(line, "stage"), "decode");
        json_decref(line);
    }
}

Test(broken_line, one_that_is_broken_is_kept_until_it_is_mended, .init = setup,
     .fini = teardown)
{
    static const char bad[] = "{\"seq\":3,\"message\":\"why\",\"input\":\"!a}";
    const char *path = put_file("e.jsonl", bad, sizeof bad - 1);
    FILE *file = fopen(path, "a");
    json_t *line, *mended;
    char *text;

    fputs("\n", file);
    fclose(file);
    for (int times = 0; times < 3; times++) { /* it does not wrap itself */
        cr_assert_eq(read_back(), LEAT_PARTIAL);
        cr_assert_eq(words.finished, LEAT_OK);
        cr_assert_eq(count_lines(path), 1);
        line = get_line(path, 0);
        cr_assert_str_eq(string(line, "line"), bad);
        cr_assert_null(json_object_get(line, "input"));
        json_decref(line);
    }
    line = get_line(path, 0);
    mended = json_string("{\"seq\":3,\"message\":\"why\",\"input\":\"!a\"}");
    json_object_set_new(line, "line", mended);
    text = json_dumps(line, 0);
    put_file("e.jsonl", text, strlen(text)); /* by an editor: no line feed */
    free(text);
    json_decref(line);
    words.mended = 0;
    forget_saved();
    cr_assert_eq(rerun_words(path), LEAT_PARTIAL);
    line = get_line(path, 0);
    cr_assert_eq(number(line, "seq"), 3);
    cr_assert_str_eq(string(line, "input"), "!a");
    cr_assert_str_eq(string(line, "first"), "why");
    cr_assert_null(json_object_get(line, "line"));
    json_decref(line);
    cr_assert_eq(read_back(), LEAT_OK);
    cr_assert_str_eq(saved(), "!a ");
}

Test(broken_line, one_that_is_not_even_utf8_is_kept, .init = setup,
     .fini = teardown)
{
    const char *path = put_file("e.jsonl", "\xFF\0x\n", 4);
    json_t *line;

    for (int times = 0; times < 2; times++) {
        cr_assert_eq(read_back(), LEAT_PARTIAL);
        line = get_line(path, 0);
        cr_assert_str_eq(string(line, "line_base64"), "/wB4");
        json_decref(line);
    }
}

Test(broken_line, what_is_missing_by_choice_is_filled_in, .init = setup,
     .fini = teardown)
{
    const char *path = put_file("e.jsonl", "{\"seq\":3,\"input\":\"!a\"}", 22);
    json_t *line;

    words.mended = 0;
    cr_assert_eq(rerun_words(path), LEAT_PARTIAL);
    line = get_line(path, 0);
    cr_expect_eq(number(line, "attempts"), 1);
    cr_expect_null(json_object_get(line, "first"));
    json_decref(line);
}

Test(broken_line, a_torn_last_line_and_empty_ones_count_as_skipped,
     .init = setup, .fini = teardown)
{
    static const char text[] =
        "\n{\"seq\":1,\"input\":\"a\"}\n\n{\"seq\":2,\"inp";
    const char *path = put_file("e.jsonl", text, sizeof text - 1);

    cr_assert_eq(read_back(), LEAT_OK);
    cr_assert_eq(words.report.total.in, 4);
    cr_assert_eq(words.report.total.skipped, 3);
    cr_assert_str_eq(saved(), "a ");
    cr_assert_eq(words.finished, LEAT_OK);
    cr_assert_not(exists(path));
}

Test(broken_line, a_place_with_a_long_path_is_shortened, .init = setup,
     .fini = teardown)
{
    char name[220];
    json_t *line;
    const char *path;

    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    path = put_file(name, "x\n", 2);
    cr_assert_eq(rerun_words(path), LEAT_PARTIAL);
    line = get_line(path, 0);
    cr_assert_not_null(strstr(string(line, "message"), ".rerunning:1: not"));
    cr_assert_lt(strlen(string(line, "message")), 200);
    json_decref(line);
}
