/* test_time.c - the units of a length of time.
 * SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <leat/time.h>

TestSuite(time, .timeout = 30);

Test(time, units_are_nanoseconds)
{
    cr_assert_eq(LEAT_US, 1000);
    cr_assert_eq(LEAT_MS, 1000 * LEAT_US);
    cr_assert_eq(LEAT_S, 1000 * LEAT_MS);
}

Test(time, a_century_fits)
{
    const leat_duration year = 366 * 24 * 60 * 60 * LEAT_S;
    cr_assert_gt(100 * year, 99 * year);
    cr_assert_eq(sizeof(leat_duration), 8);
}
