/* owned.c - items that own memory. Each value is dropped once, by leat, through
 * the type of the stage that made it:
 *
 *   success, skip, failure, cancel   when the item is freed or settled
 *   another attempt                  between the attempts
 *   a stuck thread                   when it returns
 *
 * usage: owned < names
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <leat.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGE = 48 };

struct name {
    char *text; /* owned */
};

struct badge {
    const char *text; /* the name's */
    char *image;      /* owned */
};

static atomic_int live; /* pieces of memory that somebody owns */

static void name_drop(void *item)
{
    struct name *name = item;

    atomic_fetch_sub(&live, name->text != NULL);
    free(name->text);
}

static void badge_drop(void *item)
{
    struct badge *badge = item;

    atomic_fetch_sub(&live, badge->image != NULL);
    free(badge->image);
}

static const struct leat_type name_type = {
    .name = "name",
    .size = sizeof(struct name),
    .drop = name_drop,
};
static const struct leat_type badge_type = {
    .name = "badge",
    .size = sizeof(struct badge),
    .drop = badge_drop,
};

static int read_name(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    struct name *name = out;
    char text[80];

    if (!fgets(text, sizeof text, arg))
        return LEAT_CLOSED;
    text[strcspn(text, "\n")] = '\0';
    if (!(name->text = strdup(text)))
        return LEAT_NOMEM;
    atomic_fetch_add(&live, 1);
    return LEAT_OK;
}

static int draw(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct name *name = in;
    struct badge *badge = out;

    badge->text = name->text; /* passed through, not copied */
    if (!(badge->image = malloc(IMAGE)))
        return LEAT_NOMEM;
    atomic_fetch_add(&live, 1);
    if (snprintf(badge->image, IMAGE, "[ %s ]", name->text) >= IMAGE)
        return leat_fail(ctx, E2BIG, "too long"); /* leat drops badge */
    return LEAT_OK;
}

static int print(leat_ctx *ctx, void *badges)
{
    struct leat_item *item;

    while (leat_recv(ctx, badges, &item) == LEAT_OK) {
        const struct badge *badge = item->value;

        if (item->error)
            printf("%s: %s\n", item->stage, item->message);
        else
            printf("%s\n", badge->image);
        leat_item_free(item);
    }
    return LEAT_OK;
}

struct count {
    leat_chan *badges;
    size_t badges_count, letters;
};

static int count(leat_ctx *ctx, void *arg)
{
    struct count *count = arg;
    struct leat_item *item;

    while (leat_recv(ctx, count->badges, &item) == LEAT_OK) {
        if (!item->error) {
            count->badges_count++;
            count->letters += strlen(((const struct badge *)item->value)->text);
        }
        leat_item_free(item);
    }
    return LEAT_OK;
}

int main(void)
{
    struct leat_stage read = {"read", read_name, stdin, .out = &name_type};
    struct leat_stage stage = {"draw", draw, .in = &name_type,
                               .out = &badge_type};
    struct count total = {0};
    leat_ctx *ctx = leat_ctx_root(10 * LEAT_S);
    leat_group *group = leat_group_new(ctx);
    leat_chan *badges = leat_map(group, leat_generate(group, &read), &stage);
    leat_chan *both[2];

    /* Both see the same values, which are const since they were sent on. */
    leat_tee(group, badges, both, 2);
    total.badges = both[1];
    leat_go(group, "print", print, both[0]);
    leat_go(group, "count", count, &total);

    int status = leat_group_wait(group, NULL);
    leat_ctx_free(ctx);
    printf("%zu badges, %zu letters, %d still owned (%s)\n", total.badges_count,
           total.letters, atomic_load(&live), leat_strstatus(status));
    return status != LEAT_OK;
}
