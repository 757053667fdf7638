/* test_rerun.c - an error file is run again until nothing is left of it, and no
 * item is lost whenever that is broken off.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "adapters/words.h"
#include "support/scale.h"
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>

TestSuite(rerun, .timeout = 60);

static void setup(void)
{
    words_setup();
}

static void teardown(void)
{
    words_teardown();
}

static const char *const some[] = {"one", "!two", "three", "!four", "!five"};

Test(rerun, a_rerun_that_makes_no_sense_is_refused, .init = setup,
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

Test(rerun, a_rerun_that_cannot_be_read_is_told, .init = setup,
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

Test(rerun, a_rerun_of_nothing_is_a_clear_error, .init = setup,
     .fini = teardown)
{
    cr_expect_eq(rerun_words(path_of("none.jsonl")), ENOENT);
    cr_expect_not_null(strstr(words.report.cause.message,
                              "none.jsonl: cannot run again: No such"));
    cr_expect_eq(rerun_words(folder), EISDIR);
    cr_expect_eq(words.finished, LEAT_PARTIAL);
}

Test(rerun, a_rerun_converges, .init = setup, .fini = teardown)
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

Test(rerun, seq_attempts_and_the_first_message_are_kept, .init = setup,
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

Test(rerun, one_that_was_left_over_is_taken_up_first, .init = setup,
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

Test(rerun, the_file_is_kept_unless_every_line_is_settled, .init = setup,
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

Test(rerun, a_file_that_is_gone_at_the_end_is_told, .init = setup,
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

Test(rerun, a_rerun_object_is_for_one_run, .init = setup, .fini = teardown)
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

Test(rerun, a_stopped_rerun_is_taken_up_again, .init = setup,
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

Test(rerun, killed_at_any_point_no_item_is_lost, .init = setup,
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

static atomic_bool has_renamed_enough;

/* Gives the file two names in turn, as sources of re-runs do. */
static void *rename_it(void *arg)
{
    const char *const *names = arg;

    while (!atomic_load(&has_renamed_enough)) {
        rename(names[0], names[1]);
        rename(names[1], names[0]);
    }
    return NULL;
}

Test(rerun, the_sink_opens_whenever_the_source_renames_the_file, .init = setup,
     .fini = teardown)
{
    const char *names[] = {put_file("e.jsonl", "", 0), path_of("other")};
    struct leat_stage sink = leat_error_file(names[0]);
    pthread_t renamer;
    int status = LEAT_OK;

    cr_assert_eq(pthread_create(&renamer, NULL, rename_it, names), 0);
    for (size_t i = scaled(20000); i > 0 && status == LEAT_OK; i--) {
        void *state;
        status = sink.resource->open(words.ctx, sink.arg, &state);
        if (status == LEAT_OK)
            sink.resource->close(state);
    }
    atomic_store(&has_renamed_enough, true);
    pthread_join(renamer, NULL);
    cr_expect_eq(status, LEAT_OK, "%s", leat_strstatus(status));
}
