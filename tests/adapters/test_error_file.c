/* test_error_file.c - failed items in a file: one line each, safe before they
 * count. What is in a line and what may be wrong with one is in
 * test_error_line.c, how they are run again in test_rerun.c.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "adapters/words.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>

TestSuite(error_file, .timeout = 60);

static void setup(void)
{
    words_setup();
}

static void teardown(void)
{
    words_teardown();
}

static const char *const some[] = {"one", "!two", "three", "!four", "!five"};

Test(error_file, each_failed_item_is_a_line_and_the_rest_goes_on,
     .init = setup, .fini = teardown)
{
    const char *path = path_of("e.jsonl");
    cr_assert_eq(run_words(some, 5, path), LEAT_PARTIAL);
    cr_assert_eq(words.report.total.failed, 3);
    cr_assert_eq(words.report.errors.ok, 3);
    cr_assert_str_eq(saved(), "one three ");
    cr_assert_eq(count_lines(path), 3);
}

Test(error_file, a_run_without_failures_makes_no_file, .init = setup,
     .fini = teardown)
{
    const char *path = path_of("e.jsonl");
    cr_assert_eq(run_words(some, 1, path), LEAT_OK);
    cr_assert_not(exists(path));
}

Test(error_file, the_next_run_appends, .init = setup, .fini = teardown)
{
    const char *path = path_of("e.jsonl");
    char *first, *both;
    run_words(some, 5, path);
    first = get_file(path, NULL);
    run_words(some, 5, path);
    both = get_file(path, NULL);
    cr_assert_eq(count_lines(path), 6);
    cr_assert_eq(strncmp(first, both, strlen(first)), 0);
    free(first);
    free(both);
}

Test(error_file, a_torn_last_line_is_given_its_line_feed_first, .init = setup,
     .fini = teardown)
{
    const char *path = put_file("e.jsonl", "{\"seq\":1,\"inp", 13);
    char *text;
    run_words(some, 2, path);
    text = get_file(path, NULL);
    cr_assert_eq(strncmp(text, "{\"seq\":1,\"inp\n{", 15), 0, "%s", text);
    cr_assert_eq(count_lines(path), 2);
    free(text);
}

Test(error_file, a_batch_that_is_rolled_back_leaves_nothing, .init = setup,
     .fini = teardown)
{
    const char *path = put_file("e.jsonl", "torn", 4);
    struct leat_stage errors = leat_error_file(path);
    struct leat_item item = failed_item("a", EINVAL, "no");
    void *state = NULL;

    cr_assert_eq(errors.resource->open(words.ctx, errors.arg, &state), LEAT_OK);
    cr_assert_eq(errors.resource->begin(words.ctx, state), LEAT_OK);
    cr_assert_eq(errors.fn(words.ctx, &item, NULL, state), LEAT_OK);
    cr_assert_eq(errors.resource->end(words.ctx, EIO, state), LEAT_OK);
    cr_assert_eq(errors.resource->begin(words.ctx, state), LEAT_OK);
    cr_assert_eq(errors.resource->end(words.ctx, LEAT_OK, state), LEAT_OK);
    cr_assert_eq(count_lines(path), 0, "and an empty one neither");
    cr_assert_eq(errors.resource->begin(words.ctx, state), LEAT_OK);
    cr_assert_eq(errors.fn(words.ctx, &item, NULL, state), LEAT_OK);
    cr_assert_eq(errors.resource->end(words.ctx, LEAT_OK, state), LEAT_OK);
    cr_assert_eq(count_lines(path), 2);
    errors.resource->close(state);
}

/* --- what cannot be opened or written --- */

static int open_errors(const char *path)
{
    struct leat_stage errors = leat_error_file(path);
    void *state = NULL;
    int status = errors.resource->open(words.ctx, errors.arg, &state);

    if (state)
        errors.resource->close(state);
    return status;
}

Test(error_file, a_path_that_cannot_be_is_told_at_the_start, .init = setup,
     .fini = teardown)
{
    char path[8192];
    const char *file = put_file("file", "", 0);

    cr_expect_eq(run_words(some, 1, folder), EISDIR, "though nothing fails");
    cr_expect_not_null(strstr(words.report.cause.message, folder), "%s",
                       words.report.cause.message);
    snprintf(path, sizeof path, "%s/none/e.jsonl", folder);
    cr_expect_eq(open_errors(path), ENOENT);
    snprintf(path, sizeof path, "%s/e.jsonl", file);
    cr_expect_eq(open_errors(path), ENOTDIR);
    memset(path, 'x', sizeof path);
    path[sizeof path - 1] = '\0';
    cr_expect_eq(open_errors(path), ENAMETOOLONG);
    cr_expect_eq(mkfifo(path_of("fifo"), 0600), 0);
    cr_expect_eq(open_errors(path_of("fifo")), EINVAL);
    cr_expect_eq(open_errors(NULL), LEAT_INVALID);
    cr_expect_eq(open_errors(file), LEAT_OK);
}

Test(error_file, what_is_not_permitted_is_told, .init = setup,
     .fini = teardown)
{
    const char *path = path_of("e.jsonl");
    struct leat_stage errors = leat_error_file(path);
    void *state = NULL;

    become_nobody();
    chmod(folder, 0500);
    cr_expect_eq(open_errors(path), EACCES);
    chmod(folder, 0300); /* a file can be made, but its name not be synced */
    cr_expect_eq(errors.resource->open(words.ctx, errors.arg, &state), LEAT_OK);
    cr_expect_eq(errors.resource->begin(words.ctx, state), EACCES);
    errors.resource->close(state);
    chmod(folder, 0500);
    cr_expect_eq(open_errors(path), LEAT_OK);
    cr_expect_eq(rerun_words(path), EACCES, "it cannot be renamed");
    chmod(path, 0400);
    cr_expect_eq(open_errors(path), EACCES);
    become_root_again();
}

Test(error_file, a_path_may_be_relative, .init = setup, .fini = teardown)
{
    cr_assert_eq(chdir(folder), 0);
    cr_assert_eq(run_words(some, 5, "e.jsonl"), LEAT_PARTIAL);
    words.mended = 5;
    cr_assert_eq(rerun_words("e.jsonl"), LEAT_OK);
    cr_assert_eq(chdir("/"), 0);
}

Test(error_file, a_path_that_turns_bad_later_fails_the_batch, .init = setup,
     .fini = teardown)
{
    const char *sub = path_of("sub"), *path = path_of("sub/e.jsonl");
    struct leat_stage errors = leat_error_file(path);
    struct leat_item item = failed_item("a", EINVAL, "no");
    void *state = NULL;

    mkdir(sub, 0700);
    cr_assert_eq(errors.resource->open(words.ctx, errors.arg, &state), LEAT_OK);
    rmdir(sub);
    cr_assert_eq(errors.resource->begin(words.ctx, state), ENOENT);
    mkdir(sub, 0700);
    mkdir(path, 0700);
    cr_assert_eq(errors.resource->begin(words.ctx, state), EISDIR);
    rmdir(path);
    cr_assert_eq(errors.resource->begin(words.ctx, state), LEAT_OK);
    cr_assert_eq(errors.fn(words.ctx, &item, NULL, state), LEAT_OK);
    cr_assert_eq(errors.resource->end(words.ctx, LEAT_OK, state), LEAT_OK);
    cr_assert_eq(count_lines(path), 1);
    errors.resource->close(state);
    unlink(path);
}

Test(error_file, a_file_that_another_run_has_is_left_alone, .init = setup,
     .fini = teardown)
{
    const char *path = put_file("e.jsonl", "", 0);
    int fd = open(path, O_RDONLY);

    cr_assert_eq(flock(fd, LOCK_EX), 0);
    cr_expect_eq(run_words(some, 5, path), EBUSY);
    cr_expect_not_null(strstr(words.report.cause.message, "another run"), "%s",
                       words.report.cause.message);
    cr_expect_eq(rerun_words(path), EBUSY);
    cr_expect(exists(path) && count_lines(path) == 0);
    close(fd);
    cr_expect_eq(run_words(some, 5, path), LEAT_PARTIAL);
}

/* What fits into so many bytes. */
static void limit_files(rlim_t size)
{
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){size, RLIM_INFINITY});
}

Test(error_file, what_cannot_be_written_ends_the_run_and_leaves_whole_lines,
     .init = setup, .fini = teardown)
{
    const char *path = path_of("e.jsonl");
    char *text;
    size_t len = 0;

    cr_assert_eq(run_words(some, 2, path), LEAT_PARTIAL);
    free(get_file(path, &len));
    limit_files(len * 2 + len / 2);
    cr_assert_eq(run_words(some, 5, path), EFBIG);
    cr_assert_not_null(strstr(words.report.cause.message, "cannot write"),
                       "%s", words.report.cause.message);
    limit_files(RLIM_INFINITY);
    text = get_file(path, &len);
    cr_assert_eq(text[len - 1], '\n');
    cr_assert_geq(count_lines(path), 1);
    cr_assert_eq(count_whole_lines(path), count_lines(path));
    cr_assert_eq(words.report.errors.ok, count_lines(path) - 1);
    free(text);
    cr_assert_eq(run_words(some, 5, path), LEAT_PARTIAL, "and goes on");
    cr_assert_eq(count_whole_lines(path), count_lines(path));
}

Test(error_file, a_batch_may_be_committed_again_after_it_failed, .init = setup,
     .fini = teardown)
{
    const char *path = path_of("e.jsonl");
    struct leat_stage errors = leat_error_file(path);
    struct leat_item item = failed_item("a", EINVAL, "no");
    void *state = NULL;

    cr_assert_eq(errors.resource->open(words.ctx, errors.arg, &state), LEAT_OK);
    for (int again = 0; again < 3; again++) {
        limit_files(again < 2 ? 20 : RLIM_INFINITY);
        cr_assert_eq(errors.resource->begin(words.ctx, state), LEAT_OK);
        cr_assert_eq(errors.fn(words.ctx, &item, NULL, state), LEAT_OK);
        cr_assert_eq(errors.resource->end(words.ctx, LEAT_OK, state),
                     again < 2 ? EFBIG : LEAT_OK);
        cr_assert_eq(count_lines(path), again < 2 ? 0 : 1);
    }
    errors.resource->close(state);
}

/* --- refused before it starts --- */

Test(error_file, a_type_without_encode_and_decode_is_refused, .init = setup,
     .fini = teardown)
{
    int numbers[3] = {1, 2, 3};
    struct leat_array in = {numbers, sizeof *numbers, 3};
    struct leat_rerun rerun = {.path = path_of("e.jsonl")};
    struct leat_pipeline p = {
        .stages = {{"read", leat_array_read, &in, .out = LEAT_TYPE(int)},
                   {"save", leat_array_write, &in, .in = LEAT_TYPE(int)}},
        .errors = leat_error_file(rerun.path),
    };

    cr_expect_eq(leat_run(words.ctx, &p, &words.report), LEAT_INVALID);
    cr_expect_eq(words.report.total.in, 0);
    cr_expect_eq(leat_rerun(&p, &rerun), LEAT_INVALID);
    cr_expect_eq(p.stages[0].fn, leat_array_read, "nothing was changed");
}
