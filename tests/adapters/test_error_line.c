/* test_error_line.c - what is in a line of an error file, and that it comes
 * back as it was. Lines that cannot be understood are in test_broken_line.c.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "adapters/words.h"
#include "support/torture.h"
#include <criterion/criterion.h>
#include <regex.h>

TestSuite(error_line, .timeout = 60);

static void setup(void)
{
    words_setup();
}

static void teardown(void)
{
    words_teardown();
}

/* Writes one failed item to e.jsonl; the line, which is then the only one. */
static json_t *write_item(struct leat_item item)
{
    const char *path = path_of("e.jsonl");
    struct leat_stage errors = leat_error_file(path);
    void *state = NULL;

    unlink(path);
    errors.resource->open(words.ctx, errors.arg, &state);
    errors.resource->begin(words.ctx, state);
    errors.fn(words.ctx, &item, NULL, state);
    errors.resource->end(words.ctx, LEAT_OK, state);
    errors.resource->close(state);
    return get_line(path, 0);
}

static bool matches(const char *text, const char *pattern)
{
    regex_t regex;
    bool does;

    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    does = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return does;
}

Test(error_line, it_says_what_failed_where_why_and_when, .init = setup,
     .fini = teardown)
{
    json_t *line = write_item(failed_item("x\ty", EINVAL, "no good"));
    char run[32];

    snprintf(run, sizeof run, "-%ld$", (long)getpid());
    cr_expect_eq(json_object_size(line), 9);
    cr_expect_eq(number(line, "seq"), 7);
    cr_expect_str_eq(string(line, "input"), "x\ty");
    cr_expect_str_eq(string(line, "stage"), "check");
    cr_expect_str_eq(string(line, "class"), "permanent");
    cr_expect_eq(number(line, "code"), EINVAL);
    cr_expect_str_eq(string(line, "message"), "no good");
    cr_expect_eq(number(line, "attempts"), 1);
    cr_expect(matches(string(line, "time"), "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{"
                      "2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$"), "%s",
              string(line, "time"));
    cr_expect(matches(string(line, "run"), run), "%s", string(line, "run"));
    json_decref(line);
}

Test(error_line, the_class_tells_whether_it_is_worth_another_attempt,
     .init = setup, .fini = teardown)
{
    static const struct {
        int error;
        const char *class;
    } cases[] = {{LEAT_AGAIN, "transient"}, {LEAT_NOMEM, "transient"},
                 {LEAT_TIMEOUT, "timeout"}, {LEAT_FATAL, "fatal"},
                 {ERANGE, "permanent"}, {LEAT_INVALID, "permanent"}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *line = write_item(failed_item("x", cases[i].error, ""));
        cr_expect_str_eq(string(line, "class"), cases[i].class);
        cr_expect_eq(number(line, "code"), cases[i].error);
        json_decref(line);
    }
}

Test(error_line, a_message_may_be_anything, .init = setup, .fini = teardown)
{
    static const struct {
        const char *message, *want;
    } cases[] = {
        {"", ""},
        {"\"quotes\" and \\ and \n", "\"quotes\" and \\ and \n"},
        {"gr\xC3\xBC\xC3\x9F", "gr\xC3\xBC\xC3\x9F"},
        {"cut \xE2\x82", "cut "},
        {"cut \xF0\x9F\x98", "cut "},
        {"Latin gr\xFC\xDF, \xC3\xA4", "Latin gr??, ??"},
        {"\xFF", ""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *line = write_item(failed_item("x", EIO, cases[i].message));
        cr_expect_str_eq(string(line, "message"), cases[i].want);
        json_decref(line);
    }
}

/* --- inputs, there and back --- */

struct bytes {
    const char *bytes;
    size_t len;
    const char *name; /* of the field they must stand in */
};

static int keep_word(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    *(struct word *)arg = *(const struct word *)in;
    return LEAT_OK;
}

Test(error_line, the_input_comes_back_byte_by_byte, .init = setup,
     .fini = teardown)
{
    static const struct bytes cases[] = {
        {"", 0, "input"},
        {"plain", 5, "input"},
        {"a\0b", 3, "input"},
        {"\0", 1, "input"},
        {"\"\\\n\r\t\x01\x7F", 7, "input"},
        {"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", 9, "input"},
        {"\xEF\xBB\xBF\xE2\x80\xA8", 6, "input"},
        {"\xFF", 1, "input_base64"},
        {"\xFF\xFE", 2, "input_base64"},
        {"\xFF\0\xFE", 3, "input_base64"},
        {"\xC3\xA4,\xE4\n", 5, "input_base64"},
        {"\xED\xA0\x80", 3, "input_base64"},
        {"{\"input\":\"x\"}", 13, "input"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct leat_item item = failed_item("", EIO, "");
        struct word word = {.len = cases[i].len}, back = {.len = 99};
        struct leat_pipeline p = words_pipeline(NULL, 0, NULL);
        struct leat_rerun rerun = {.path = path_of("e.jsonl")};
        json_t *line;
        memcpy(word.text, cases[i].bytes, cases[i].len);
        item.input = &word;
        line = write_item(item);
        cr_expect_not_null(json_object_get(line, cases[i].name), "case %zu", i);
        json_decref(line);
        words.mended = 1;
        leat_rerun(&p, &rerun);
        p.stages[3].fn = keep_word;
        p.stages[3].arg = &back;
        cr_expect_eq(leat_run(words.ctx, &p, &words.report), LEAT_OK);
        cr_expect_eq(leat_rerun_finish(&rerun, &words.report), LEAT_OK);
        cr_expect_eq(back.len, cases[i].len, "case %zu: %zu", i, back.len);
        cr_expect_eq(memcmp(back.text, cases[i].bytes, cases[i].len), 0,
                     "case %zu", i);
    }
}

static int long_encode(const void *item, char *text, size_t size)
{
    size_t len = *(const size_t *)item;

    for (size_t i = 0; i + 1 < size && i < len; i++)
        text[i] = 'x';
    if (size > 0)
        text[len < size ? len : size - 1] = '\0';
    return (int)len;
}

static int changing_encode(const void *item, char *text, size_t size)
{
    return (int)size + 1;
}

Test(error_line, an_input_may_be_long, .init = setup, .fini = teardown)
{
    size_t lens[] = {1023, 1024, 1025, 100000};

    for (size_t i = 0; i < 4; i++) {
        struct leat_type type = {"long", sizeof(size_t), .encode = long_encode};
        struct leat_item item = failed_item("", EIO, "");
        json_t *line;
        item.input = &lens[i];
        item.input_type = &type;
        line = write_item(item);
        cr_expect_eq(strlen(string(line, "input")), lens[i]);
        json_decref(line);
    }
}

Test(error_line, an_input_that_cannot_be_written_is_not_lost_silently,
     .init = setup, .fini = teardown)
{
    static const char *const list[] = {"!mute", "!two"};
    const char *path = path_of("e.jsonl");
    struct leat_item item = failed_item("", EIO, "");
    struct leat_type type = {"odd", sizeof(size_t), .encode = changing_encode};
    json_t *line;

    cr_assert_eq(run_words(list, 2, path), LEAT_PARTIAL);
    line = get_line(path, 0);
    cr_expect(json_is_null(json_object_get(line, "input")));
    cr_expect_str_eq(string(line, "message"), "begins with !");
    json_decref(line);
    cr_assert_eq(read_back(), LEAT_PARTIAL, "it is a failure again, by name");
    line = get_line(path, 0);
    cr_expect_not_null(strstr(string(line, "message"),
                              ":1: field input: null"), "%s",
                       string(line, "message"));
    cr_expect_str_eq(string(line, "first"), "begins with !");
    json_decref(line);

    item.input_type = &type;
    line = write_item(item);
    cr_expect(json_is_null(json_object_get(line, "input")),
              "an encode that never ends");
    json_decref(line);
    type.encode = NULL;
    line = write_item(item);
    cr_expect(json_is_null(json_object_get(line, "input")), "no encode");
    json_decref(line);
}

/* --- the types of the two stages, for who has a sink of his own --- */

Test(error_line, its_types_can_be_written_as_text, .init = setup,
     .fini = teardown)
{
    struct leat_item item = failed_item("x", EIO, "no");
    struct leat_type failed = *leat_error_file("e").in;
    struct leat_rerun rerun = {.path = "e", .type = &word_type};
    struct leat_type line = *leat_rerun_source(&rerun).out;
    static const char good[] = "{\"seq\":1,\"input\":\"abc\"}", bad[] = "{\"se";
    char text[300], small[4];
    void *of_line = calloc(1, line.size);
    json_t *json;
    int len;

    len = failed.encode(&item, text, sizeof text);
    cr_assert_eq(len, (int)strlen(text));
    cr_assert_not_null(json = json_loads(text, 0, NULL));
    json_decref(json);
    cr_assert_eq(failed.encode(&item, small, sizeof small), len);
    cr_assert_eq(strlen(small), 3);
    cr_assert_eq(line.encode(of_line, NULL, 0), 0);
    cr_assert_eq(line.decode(of_line, good, strlen(good)), LEAT_OK);
    cr_assert_eq(line.encode(of_line, small, sizeof small), 3);
    cr_assert_str_eq(small, "abc", "the input");
    line.drop(of_line);
    memset(of_line, 0, line.size);
    cr_assert_eq(line.decode(of_line, bad, strlen(bad)), LEAT_OK);
    cr_assert_eq(line.encode(of_line, text, sizeof text), 4);
    cr_assert_str_eq(text, bad, "the line itself");
    line.drop(of_line);
    free(of_line);
}

/* --- every allocation fails once --- */

static int write_all(const struct leat_item *items, size_t count,
                     const char *path)
{
    struct leat_stage errors = leat_error_file(path);
    void *state = NULL;
    int status = errors.resource->open(words.ctx, errors.arg, &state);

    if (status == LEAT_OK)
        status = errors.resource->begin(words.ctx, state);
    for (size_t i = 0; status == LEAT_OK && i < count; i++)
        status = errors.fn(words.ctx, &items[i], NULL, state);
    if (state) {
        if (status == LEAT_OK)
            status = errors.resource->end(words.ctx, LEAT_OK, state);
        errors.resource->close(state);
    }
    return status;
}

Test(error_line, every_allocation_of_writing_may_fail, .init = setup,
     .fini = teardown)
{
    size_t long_ = 3000;
    struct leat_type type = {"long", sizeof(size_t), NULL, long_encode, NULL};
    struct leat_item items[3] = {failed_item("\xFF", EIO, "x")};
    unsigned long n = 1;

    items[1] = items[2] = items[0];
    items[1].input_type = &type;
    items[1].input = &long_;
    for (bool failed = true; failed; n++) {
        char text[64];
        int status, len;
        put_file("e.jsonl", "torn", 4);
        torture_arm(TORTURE_ALLOC, n);
        status = write_all(items, 3, path_of("e.jsonl"));
        len = leat_error_file("e").in->encode(&items[0], text, sizeof text);
        failed = torture_disarm();
        cr_expect_eq(status != LEAT_OK || len < 0, failed, "point %lu", n);
        cr_expect(status == LEAT_OK || status == LEAT_NOMEM);
        cr_expect_eq(count_lines(path_of("e.jsonl")), status ? 0 : 4,
                     "point %lu", n);
    }
    cr_assert_gt(n, 8);
    cr_log_info("%lu points", n - 1);
}

static int read_all(void)
{
    struct leat_rerun rerun = {.path = path_of("e.jsonl"), .type = &word_type};
    struct leat_stage source = leat_rerun_source(&rerun);
    struct leat_type line = *source.out;
    struct leat_report report = {0};
    uint64_t room[64] = {0};
    void *state = NULL;
    int status = source.resource->open(words.ctx, &rerun, &state);

    while (status == LEAT_OK) {
        status = source.fn(words.ctx, NULL, room, state);
        line.drop(room);
        memset(room, 0, sizeof room);
    }
    if (state)
        source.resource->close(state);
    leat_rerun_finish(&rerun, &report);
    return status;
}

Test(error_line, every_allocation_of_reading_may_fail, .init = setup,
     .fini = teardown)
{
    static const char text[] =
        "{\"seq\":1,\"input\":\"a\",\"message\":\"m\"}\n"
        "{\"seq\":1,\"input_base64\":\"AAAA\"}\n"
        "{\"line\":\"{\\\"seq\\\":1,\\\"input\\\":\\\"b\\\"}\","
        "\"message\":\"m\"}\n"
        "{\"line\":\"x\"}\n"
        "broken\n";
    unsigned long n = 1;

    put_file("e.jsonl", text, sizeof text - 1);
    for (bool failed = true; failed; n++) {
        int status;
        torture_arm(TORTURE_ALLOC, n);
        status = read_all();
        failed = torture_disarm();
        cr_expect_eq(status, failed ? LEAT_NOMEM : LEAT_CLOSED, "point %lu", n);
    }
    cr_assert_gt(n, 10);
    cr_log_info("%lu points", n - 1);
}
