/* tests.c - of toy.c; with BROKEN one is red without any mutant.
 * SPDX-License-Identifier: MIT */
#include "toy.h"
#include <criterion/criterion.h>
#include <stdlib.h>

TestSuite(toy, .timeout = 60);

Test(toy, sum_adds_up)
{
    int list[] = {1, 2, 3, 4};

    cr_assert_eq(toy_sum(list, 3), 6);
}

Test(toy, sum_lets_go)
{
    toy_sum((int[]){1}, 0);
    cr_assert_eq(toy_held(), 0);
}

Test(toy, down_ends)
{
    cr_assert_eq(toy_down(3), 1);
}

Test(toy, positive_is_not_negative)
{
    cr_assert_eq(toy_positive(2), 2);
    cr_assert_eq(toy_positive(-2), 0);
}

Test(toy, natural_is_not_negative)
{
    cr_assert_eq(toy_natural(2), 2);
    cr_assert_eq(toy_natural(-2), 0);
}

Test(toy, many_is_not_few) /* and what 5 is it does not say */
{
    cr_assert_eq(toy_many(9), 1);
    cr_assert_eq(toy_many(1), 0);
}

Test(toy, forget_leaves_nothing) /* as ASan alone can see */
{
    toy_forget(malloc(1));
}

#ifdef BROKEN
Test(toy, broken)
{
    cr_assert(0);
}
#endif
