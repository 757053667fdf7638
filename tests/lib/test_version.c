/* test_version.c - the number stands in one place.
 * SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <leat/version.h>
#include <stdio.h>

TestSuite(version, .timeout = 30);

Test(version, the_library_linked_is_that_of_the_header)
{
    cr_assert_str_eq(leat_version(), LEAT_VERSION);
}

Test(version, the_text_is_made_of_the_three_numbers)
{
    char text[40];
    snprintf(text, sizeof text, "%d.%d.%d", LEAT_VERSION_MAJOR,
             LEAT_VERSION_MINOR, LEAT_VERSION_PATCH);
    cr_assert_str_eq(LEAT_VERSION, text);
}
