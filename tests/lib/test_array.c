/* test_array.c - an array as a source and as a sink.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/blocked.h"
#include "support/scale.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <leat/array.h>
#include <leat/pipeline.h>
#include <string.h>

TestSuite(array, .timeout = 30);

enum { MOST = 300 };
static int from[MOST], to[MOST];

static int add_one(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    *(int *)out = *(const int *)in + 1;
    return LEAT_OK;
}

static struct leat_report report;

/* from -> add one -> to, with so many workers each. */
static int copy(size_t count, size_t room, unsigned workers)
{
    struct leat_array a = {from, sizeof *from, count};
    struct leat_array b = {to, sizeof *to, room};
    const struct leat_pipeline pipeline = {.stages = {
        {"read", leat_array_read, &a, .out = LEAT_TYPE(int),
         .workers = workers},
        {"add", add_one, .in = LEAT_TYPE(int), .out = LEAT_TYPE(int),
         .workers = workers},
        {"write", leat_array_write, &b, .in = LEAT_TYPE(int),
         .workers = workers},
    }};
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    for (int i = 0; i < MOST; i++) {
        from[i] = 10 * i;
        to[i] = -1;
    }
    int status = leat_run(ctx, &pipeline, &report);
    leat_ctx_free(ctx);
    return status;
}

static void check_copied(size_t count)
{
    for (size_t i = 0; i < MOST; i++)
        cr_assert_eq(to[i], i < count ? from[i] + 1 : -1, "item %zu", i);
}

Test(array, every_item_comes_to_its_own_place)
{
    for (unsigned workers = 1; workers <= 5; workers += 2) {
        cr_assert_eq(copy(scaled(300), MOST, workers), LEAT_OK);
        cr_assert_eq(report.total.ok, scaled(300));
        check_copied(scaled(300));
    }
}

Test(array, may_be_empty)
{
    cr_assert_eq(copy(0, MOST, 3), LEAT_OK);
    cr_assert_eq(report.total.in, 0u);
    check_copied(0);
}

Test(array, may_hold_one)
{
    cr_assert_eq(copy(1, 1, 3), LEAT_OK);
    check_copied(1);
}

Test(array, what_has_no_room_fails_and_is_not_written)
{
    cr_assert_eq(copy(20, 7, 1), LEAT_PARTIAL);
    cr_assert_eq(report.total.ok, 7u);
    cr_assert_eq(report.total.failed, 13u);
    check_copied(7);
}

static int failure;

static int keep_failure(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    failure = ((const struct leat_item *)in)->error;
    return LEAT_OK;
}

Test(array, no_room_is_erange)
{
    struct leat_array a = {from, sizeof *from, 1}, b = {to, sizeof *to, 0};
    const struct leat_pipeline pipeline = {
        .stages = {{"read", leat_array_read, &a, .out = LEAT_TYPE(int)},
                   {"write", leat_array_write, &b, .in = LEAT_TYPE(int)}},
        .errors = {"keep", keep_failure, .in = NULL},
    };
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    cr_assert_eq(leat_run(ctx, &pipeline, NULL), LEAT_PARTIAL);
    cr_assert_eq(failure, ERANGE);
    leat_ctx_free(ctx);
}

struct wide {
    char text[100];
    double number;
};

Test(array, items_of_any_size_are_copied_whole)
{
    static struct wide source[10], sink[10];
    struct leat_array a = {source, sizeof *source, 10};
    struct leat_array b = {sink, sizeof *sink, 10};
    const struct leat_pipeline pipeline = {.stages = {
        {"read", leat_array_read, &a, .out = LEAT_TYPE(struct wide)},
        {"write", leat_array_write, &b, .in = LEAT_TYPE(struct wide)},
    }};
    for (int i = 0; i < 10; i++) {
        memset(source[i].text, 'a' + i, sizeof source[i].text);
        source[i].number = i;
    }
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    cr_assert_eq(leat_run(ctx, &pipeline, NULL), LEAT_OK);
    cr_assert_eq(memcmp(source, sink, sizeof source), 0);
    leat_ctx_free(ctx);
}

Test(array, may_be_read_again)
{
    cr_assert_eq(copy(20, MOST, 2), LEAT_OK);
    cr_assert_eq(copy(20, MOST, 2), LEAT_OK);
    check_copied(20);
}

