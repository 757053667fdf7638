/* test_item.c - a pool's items: values that find no room in one, and items that
 * have become too small.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "item.h"
#include "support/token.h"
#include <criterion/criterion.h>
#include <string.h>

TestSuite(item_pool, .timeout = 30);

struct large {
    struct token own;
    char bytes[1000];
};

static const struct leat_type large_type = {
    .name = "large", .size = sizeof(struct large), .drop = token_drop};

static void keep_one(struct leat__item *item)
{
    struct large *large = leat__item_make(item, &large_type);
    cr_assert_not_null(large);
    cr_assert_eq(large->bytes[999], 0);
    large->own = token_new();
    memset(large->bytes, 1, sizeof large->bytes);
    leat__item_keep(item);
}

Test(item_pool, a_value_without_room_is_on_its_own_until_the_pool_has_learnt)
{
    struct leat__pool *pool = leat__pool_new();
    struct leat__item *first = leat__pool_get(pool), *small, *again;
    uint32_t room = first->room;
    small = leat__pool_get(pool);
    keep_one(first);
    cr_assert_eq(first->used, 0u, "it stands elsewhere");
    leat_item_free(&small->pub);
    leat_item_free(&first->pub);
    again = leat__pool_get(pool); /* one that is too small is thrown away */
    cr_assert_gt(again->room, room);
    keep_one(again);
    cr_assert_gt(again->used, 0u);
    leat_item_free(&again->pub);
    cr_assert_eq(leat__pool_close(pool, NULL, NULL), 0u);
    cr_assert_eq(token_wrong(), 0u);
}

Test(item_pool, an_undone_value_leaves_no_trace)
{
    struct leat__pool *pool = leat__pool_new();
    struct leat__item *item = leat__pool_get(pool);
    struct large *large = leat__item_make(item, &large_type);
    large->own = token_new();
    leat__item_undo(item);
    cr_assert_eq(token_wrong(), 0u);
    leat__item_undo(item); /* there is none now */
    cr_assert_null(item->pub.value);
    leat_item_free(&item->pub);
    leat_item_free(NULL);
    cr_assert_eq(leat__pool_close(pool, NULL, NULL), 0u);
}

Test(item_pool, the_pool_ends_with_its_last_item)
{
    struct leat__pool *pool = leat__pool_new();
    struct leat__item *item = leat__pool_get(pool), *other;
    keep_one(item);
    other = leat__item_share(item);
    cr_assert_eq(other->pub.value, item->pub.value);
    cr_assert_eq(leat__pool_close(pool, NULL, NULL), 2u);
    leat_item_free(&item->pub);
    cr_assert_eq(token_dropped(), 0u, "the other has it still");
    leat_item_free(&other->pub);
    cr_assert_eq(token_wrong(), 0u);
}
