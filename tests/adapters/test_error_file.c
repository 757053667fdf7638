/* test_error_file.c - failed items in a file: one line each, safe before they
 * count, and run again until none is left. What is in a line and what may be
 * wrong with one is in test_error_line.c.
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

Test(error_file, a_rerun_that_cannot_be_read_is_told, .init = setup,
     .fini = teardown)
{
    const char *path = path_of("e.jsonl");

    cr_assert_eq(symlink("/proc/self/mem", path_of("e.jsonl.rerunning")), 0);
    cr_expect_eq(rerun_words(path), EIO);
    cr_expect_not_null(strstr(words.report.cause.message, "rerunning: cannot "
                              "read"), "%s", words.report.cause.message);
    unlink(path_of("e.jsonl.rerunning"));
    cr_expect_eq(mkdir(path_of("e.jsonl.rerunning"), 0700), 0);
    cr_expect_eq(rerun_words(path), EISDIR);
    rmdir(path_of("e.jsonl.rerunning"));
    cr_expect_eq(mkfifo(path_of("e.jsonl.rerunning"), 0600), 0);
    cr_expect_eq(rerun_words(path), EINVAL);
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

Test(error_file, a_rerun_that_makes_no_sense_is_refused, .init = setup,
     .fini = teardown)
{
    struct leat_rerun rerun = {.path = path_of("e.jsonl")}, other = {0};
    struct leat_pipeline p = {.stages = {{0}}};
    struct leat_report report = {0};
    struct leat_stage source;
    void *state = NULL;

    cr_expect_eq(leat_rerun(NULL, &rerun), LEAT_INVALID);
    cr_expect_eq(leat_rerun(&p, &rerun), LEAT_INVALID, "no source");
    p = words_pipeline(some, 1, NULL);
    cr_expect_eq(leat_rerun(&p, NULL), LEAT_INVALID);
    for (int i = 0; i < LEAT_STAGES; i++)
        p.stages[i] = p.stages[i < 1 ? i : 1];
    cr_expect_eq(leat_rerun(&p, &rerun), LEAT_INVALID, "no room");
    cr_expect_eq(leat_rerun_finish(NULL, &report), LEAT_INVALID);
    cr_expect_eq(leat_rerun_finish(&rerun, NULL), LEAT_INVALID);
    cr_expect_eq(leat_rerun_finish(&rerun, &report), LEAT_PARTIAL,
                 "it has not run");
    source = leat_rerun_source(&rerun);
    cr_expect_eq(source.resource->open(words.ctx, NULL, &state), LEAT_INVALID);
    cr_expect_eq(source.resource->open(words.ctx, &other, &state),
                 LEAT_INVALID, "no path");
    cr_expect_eq(source.resource->open(words.ctx, &rerun, &state),
                 LEAT_INVALID, "no type");
    rerun.type = LEAT_TYPE(int);
    cr_expect_eq(source.resource->open(words.ctx, &rerun, &state),
                 LEAT_INVALID, "no decode");
    cr_expect_null(leat_rerun_decode(NULL).out);
}

/* --- run again --- */

Test(error_file, a_rerun_of_nothing_is_a_clear_error, .init = setup,
     .fini = teardown)
{
    cr_expect_eq(rerun_words(path_of("none.jsonl")), ENOENT);
    cr_expect_not_null(strstr(words.report.cause.message,
                              "none.jsonl: cannot run again: No such"));
    cr_expect_eq(rerun_words(folder), EISDIR);
    cr_expect_eq(words.finished, LEAT_PARTIAL);
}

Test(error_file, a_rerun_converges, .init = setup, .fini = teardown)
{
    const char *path = path_of("e.jsonl");

    run_words(some, 5, path);
    words.mended = 1; /* the check lets the first failed one pass */
    cr_assert_eq(rerun_words(path), LEAT_PARTIAL);
    cr_assert_eq(words.finished, LEAT_OK);
    cr_assert_eq(count_lines(path), 2);
    cr_assert_not(exists(path_of("e.jsonl.rerunning")));
    words.mended = 5;
    cr_assert_eq(rerun_words(path), LEAT_OK);
    cr_assert_eq(words.finished, LEAT_OK);
    cr_assert_str_eq(saved(), "one three !two !four !five ");
    cr_assert_not(exists(path));
    cr_assert_not(exists(path_of("e.jsonl.rerunning")));
    cr_assert_eq(rerun_words(path), ENOENT);
}

Test(error_file, seq_attempts_and_the_first_message_are_kept, .init = setup,
     .fini = teardown)
{
    const char *path = path_of("e.jsonl");
    json_t *line;

    run_words(some, 5, path);
    rerun_words(path);
    words.why = "something else";
    rerun_words(path);
    for (size_t i = 0; i < 3; i++) {
        line = get_line(path, i);
        cr_expect_eq(number(line, "seq"), (i == 0 ? 1 : i == 1 ? 3 : 4));
        cr_expect_eq(number(line, "attempts"), 3);
        cr_expect_str_eq(string(line, "first"), "begins with !");
        cr_expect_str_eq(string(line, "message"), "something else");
        cr_expect_str_eq(string(line, "input"), some[i == 0 ? 1 : i + 2]);
        json_decref(line);
    }
}

Test(error_file, one_that_was_left_over_is_taken_up_first, .init = setup,
     .fini = teardown)
{
    const char *path = path_of("e.jsonl");

    run_words(some, 2, path);
    rename(path, path_of("e.jsonl.rerunning"));
    run_words(some + 3, 2, path);
    words.mended = 10;
    cr_assert_eq(rerun_words(path), LEAT_OK);
    cr_assert_eq(words.finished, LEAT_OK);
    cr_assert_str_eq(saved(), "one !two ");
    cr_assert_eq(count_lines(path), 2, "which is for the next one");
    cr_assert_eq(rerun_words(path), LEAT_OK);
    cr_assert_str_eq(saved(), "one !two !four !five ");
    cr_assert_not(exists(path));
}

Test(error_file, the_file_is_kept_unless_every_line_is_settled, .init = setup,
     .fini = teardown)
{
    static const struct {
        const char *what;
        struct leat_report report;
    } cases[] = {
        {"not all read", {.total = {.in = 2, .ok = 2}}},
        {"of another run", {.total = {.in = 2, .ok = 2}}},
        {"canceled", {.total = {.in = 3, .ok = 2, .canceled = 1}}},
        {"abandoned", {.total = {.in = 3, .ok = 2, .abandoned = 1}}},
        {"lost", {.total = {.in = 3, .ok = 2}}},
        {"ended early", {.total = {.in = 3, .ok = 3}, .cause = {.status = 5}}},
        {"not kept aside", {.total = {.in = 3, .ok = 2, .failed = 1}}},
        {"all", {.total = {.in = 3, .ok = 2, .failed = 1}, .errors = {.ok = 1}},
        },
    };
    const char *path = path_of("e.jsonl");

    run_words(some, 5, path);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct leat_rerun rerun = {.path = path, .type = &word_type};
        struct leat_stage source = leat_rerun_source(&rerun);
        struct leat_type line = *source.out;
        size_t count = 0;
        void *state = NULL, *item = calloc(1, line.size);
        bool last = i + 1 == sizeof cases / sizeof *cases;
        cr_assert_eq(source.resource->open(words.ctx, &rerun, &state), LEAT_OK);
        for (; source.fn(words.ctx, NULL, item, state) == LEAT_OK; count++) {
            line.drop(item);
            memset(item, 0, line.size);
            if (i == 0 && count == 1)
                break;
        }
        if (i == 0)
            cr_expect_eq(leat_rerun_finish(&rerun, &cases[i].report),
                         LEAT_PARTIAL, "the source is still open");
        else
            cr_assert_eq(count, 3);
        source.resource->close(state);
        if (i == 0) /* which was leaked on purpose: it may be stuck for ever */
            rerun.private_ = state;
        cr_expect_eq(leat_rerun_finish(&rerun, &cases[i].report),
                     last ? LEAT_OK : LEAT_PARTIAL, "%s", cases[i].what);
        cr_expect_eq(exists(path_of("e.jsonl.rerunning")), !last, "%s",
                     cases[i].what);
        free(item);
    }
}

Test(error_file, a_file_that_is_gone_at_the_end_is_told, .init = setup,
     .fini = teardown)
{
    const char *path = path_of("e.jsonl");
    struct leat_rerun rerun = {.path = path};
    struct leat_pipeline p = words_pipeline(NULL, 0, path);
    struct leat_report report;

    run_words(some, 5, path);
    leat_rerun(&p, &rerun);
    words.mended = 10;
    cr_assert_eq(leat_run(words.ctx, &p, &report), LEAT_OK);
    unlink(path_of("e.jsonl.rerunning"));
    cr_assert_eq(leat_rerun_finish(&rerun, &report), ENOENT);
}

Test(error_file, a_rerun_object_is_for_one_run, .init = setup, .fini = teardown)
{
    const char *path = path_of("e.jsonl");
    struct leat_rerun rerun = {.path = path};
    struct leat_pipeline p = words_pipeline(NULL, 0, path);
    struct leat_report report;

    run_words(some, 5, path);
    leat_rerun(&p, &rerun);
    cr_assert_eq(leat_run(words.ctx, &p, &report), LEAT_PARTIAL);
    cr_assert_eq(leat_run(words.ctx, &p, &report), LEAT_INVALID);
    cr_assert_eq(leat_rerun_finish(&rerun, &report), LEAT_PARTIAL);
}

Test(error_file, a_stopped_rerun_is_taken_up_again, .init = setup,
     .fini = teardown)
{
    const char *path = path_of("e.jsonl");

    run_words(some, 5, path);
    forget_saved();
    words.mended = 10;
    words.cancel_at = 2; /* the second word to be saved cancels the run */
    cr_assert_eq(rerun_words(path), LEAT_CANCELED);
    cr_assert_eq(words.finished, LEAT_PARTIAL);
    cr_assert(exists(path_of("e.jsonl.rerunning")));
    words.cancel_at = 0;
    cr_assert_eq(rerun_words(path), LEAT_OK);
    cr_assert_eq(words.finished, LEAT_OK);
    cr_assert_eq(count_saved("!two"), 2, "at least once");
    cr_assert_geq(count_saved("!five"), 1);
    cr_assert_not(exists(path));
}

/* --- killed in between --- */

enum death { IN_WORK, BEFORE_SYNC, AFTER_SYNC, BEFORE_FINISH, DEATHS };

static enum death death;
static const struct leat_resource *real;

static int deadly_end(leat_ctx *ctx, int status, void *state)
{
    if (death == BEFORE_SYNC)
        die();
    status = real->end(ctx, status, state);
    if (death == AFTER_SYNC)
        die();
    return status;
}

static void run_and_die(const char *path)
{
    struct leat_rerun rerun = {.path = path};
    struct leat_pipeline p = words_pipeline(NULL, 0, path);
    struct leat_resource deadly;

    words.ctx = leat_ctx_root(60 * LEAT_S);
    forget_saved();
    words.mended = death == IN_WORK ? 5 : 0;
    real = p.errors.resource;
    deadly = *real;
    deadly.end = deadly_end;
    p.errors.resource = &deadly;
    words.die_at = death == IN_WORK ? 2 : 0;
    leat_rerun(&p, &rerun);
    if (leat_run(words.ctx, &p, NULL) == LEAT_PARTIAL)
        die();
    _exit(1);
}

Test(error_file, killed_at_any_point_no_item_is_lost, .init = setup,
     .fini = teardown)
{
    for (death = 0; death < DEATHS; death++) {
        const char *path = path_of("e.jsonl");
        pid_t child;
        words.mended = 0;
        run_words(some, 5, path);
        if ((child = fork()) == 0)
            run_and_die(path);
        cr_assert(has_died(child), "death %d", death);
        cr_assert(exists(path_of("e.jsonl.rerunning")), "death %d", death);
        forget_saved();
        words.mended = 1000;
        cr_assert_eq(rerun_words(path), LEAT_OK, "death %d", death);
        while (exists(path))
            cr_assert_eq(rerun_words(path), LEAT_OK, "death %d", death);
        cr_expect_geq(count_saved("!two"), 1, "death %d", death);
        cr_expect_geq(count_saved("!four"), 1, "death %d", death);
        cr_expect_geq(count_saved("!five"), 1, "death %d", death);
        cr_expect_not(exists(path_of("e.jsonl.rerunning")));
    }
}
