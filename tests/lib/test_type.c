/* test_type.c - the type of a plain C type.
 * SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <leat/type.h>

TestSuite(type, .timeout = 30);

struct point {
    double x, y;
};

Test(type, of_a_plain_one_has_its_name_and_size_and_owns_nothing)
{
    const struct leat_type *type = LEAT_TYPE(struct point);
    cr_assert_str_eq(type->name, "struct point");
    cr_assert_eq(type->size, sizeof(struct point));
    cr_assert(type->drop == NULL);
    cr_assert(type->encode == NULL);
    cr_assert(type->decode == NULL);
}

Test(type, macro_takes_names_of_several_words)
{
    cr_assert_str_eq(LEAT_TYPE(unsigned long)->name, "unsigned long");
    cr_assert_eq(LEAT_TYPE(unsigned long)->size, sizeof(unsigned long));
    cr_assert_eq(LEAT_TYPE(char *)->size, sizeof(char *));
}
