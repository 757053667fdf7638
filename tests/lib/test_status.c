/* test_status.c - the words of every status.
 * SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <errno.h>
#include <leat/status.h>
#include <limits.h>
#include <string.h>

TestSuite(status, .timeout = 30);

enum { WORST = LEAT_LOST };

Test(status, zero_is_success_and_leats_verdicts_are_negative)
{
    cr_assert_eq(LEAT_OK, 0);
    cr_assert_eq(LEAT_CLOSED, -1);
    cr_assert_eq(LEAT_LOST, -13);
}

Test(status, each_has_words_of_its_own)
{
    char words[14][80];
    for (int status = 0; status >= WORST; status--) {
        const char *said = leat_strstatus(status);
        cr_assert_not_null(said, "status %d", status);
        cr_assert(said[0] != '\0', "status %d", status);
        strncpy(words[-status], said, sizeof words[0] - 1);
        words[-status][sizeof words[0] - 1] = '\0';
        for (int other = 0; other > status; other--)
            cr_assert(strcmp(words[-other], words[-status]) != 0,
                      "%d and %d both say \"%s\"", other, status, said);
    }
}

Test(status, of_leats_own_stays_valid)
{
    const char *closed = leat_strstatus(LEAT_CLOSED);
    char copy[80] = "";
    strncpy(copy, closed, sizeof copy - 1);
    for (int status = 0; status >= WORST; status--)
        leat_strstatus(status);
    leat_strstatus(ENOENT);
    cr_assert_str_eq(closed, copy);
    cr_assert_eq(closed, leat_strstatus(LEAT_CLOSED));
}

Test(status, a_positive_one_says_what_strerror_says)
{
    const int errors[] = {EPERM, ENOENT, EIO, ENOSPC, 99999, INT_MAX};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        char expected[200] = "";
        strncpy(expected, strerror(errors[i]), sizeof expected - 1);
        cr_assert_str_eq(leat_strstatus(errors[i]), expected);
    }
}

Test(status, an_unknown_negative_one_has_words_but_nobody_elses)
{
    const int unknown[] = {WORST - 1, -1000, INT_MIN};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        const char *said = leat_strstatus(unknown[i]);
        cr_assert_not_null(said, "status %d", unknown[i]);
        cr_assert(said[0] != '\0', "status %d", unknown[i]);
        for (int status = 0; status >= WORST; status--)
            cr_assert(strcmp(said, leat_strstatus(status)) != 0,
                      "%d says the words of %d", unknown[i], status);
    }
}
