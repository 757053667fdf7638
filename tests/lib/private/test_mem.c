/* test_mem.c - the only calls to malloc and free.
 * SPDX-License-Identifier: MIT */
#include "mem.h"
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

TestSuite(mem, .timeout = 30);

static size_t not_zero(const unsigned char *memory, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += memory[i] != 0;
    return count;
}

/* Memory that was used before comes zeroed, too. */
Test(mem, comes_zeroed)
{
    for (int lap = 0; lap < 3; lap++) {
        unsigned char *one = leat__alloc(100);
        unsigned char *array = leat__alloc_array(10, 10);
        unsigned char *lines = leat__alloc_lines(100);
        cr_assert(one && array && lines);
        cr_assert_eq(not_zero(one, 100), 0);
        cr_assert_eq(not_zero(array, 100), 0);
        cr_assert_eq(not_zero(lines, 2 * LEAT__LINE), 0, "whole lines");
        memset(one, 0xff, 100);
        memset(array, 0xff, 100);
        memset(lines, 0xff, 2 * LEAT__LINE);
        leat__free(one);
        leat__free(array);
        leat__free(lines);
    }
    leat__free(NULL);
}

Test(mem, an_array_of_nothing_is_no_failure)
{
    void *none = leat__alloc_array(0, 8), *empty = leat__alloc_array(8, 0);
    cr_assert_not_null(none);
    cr_assert_not_null(empty);
    leat__free(none);
    leat__free(empty);
}

Test(mem, a_product_that_overflows_is_refused)
{
    cr_assert_null(leat__alloc_array(SIZE_MAX / 8 + 2, 8));
    cr_assert_null(leat__alloc_array(8, SIZE_MAX / 8 + 2));
    cr_assert_null(leat__alloc_array(SIZE_MAX / 24 + 1, 24));
}

Test(mem, lines_begin_at_a_line)
{
    void *all[20];
    for (size_t i = 0; i < 20; i++) {
        all[i] = leat__alloc_lines(i * 13 + 1);
        cr_assert_not_null(all[i]);
        cr_assert_eq((uintptr_t)all[i] % LEAT__LINE, 0, "size %zu", i * 13 + 1);
    }
    for (size_t i = 0; i < 20; i++)
        leat__free(all[i]);
}

Test(mem, lines_that_overflow_are_refused)
{
    for (size_t less = 0; less < LEAT__LINE - 1; less++)
        cr_assert_null(leat__alloc_lines(SIZE_MAX - less), "SIZE_MAX - %zu",
                       less);
}
