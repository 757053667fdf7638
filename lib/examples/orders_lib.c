/* orders_lib.c - the stages of orders.c and flow.c.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "orders_lib.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void line_drop(void *item)
{
    free(((struct line *)item)->text);
}

/* What stands in an error file for a line is the line itself. */
static int line_encode(const void *item, char *text, size_t size)
{
    return snprintf(text, size, "%s", ((const struct line *)item)->text);
}

static int line_decode(void *item, const char *text, size_t len)
{
    struct line *line = item;

    line->text = strndup(text, len);
    return line->text ? LEAT_OK : LEAT_NOMEM;
}

const struct leat_type line_type = {
    .name = "line",
    .size = sizeof(struct line),
    .drop = line_drop,
    .encode = line_encode,
    .decode = line_decode,
};

const struct leat_type order_type = {
    .name = "order",
    .size = sizeof(struct order),
};

static int file_open(leat_ctx *ctx, void *arg, void **state)
{
    const char *path = arg;

    *state = path ? fopen(path, "r") : stdin;
    return *state ? LEAT_OK : leat_fail(ctx, errno, "cannot open %s", path);
}

static void file_close(void *state)
{
    if (state != stdin)
        fclose(state);
}

const struct leat_resource line_file = {
    .open = file_open,
    .close = file_close,
};

int read_line(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    struct line *line = out;
    size_t room = 0;
    FILE *file = arg;

    if (getline(&line->text, &room, file) < 0) /* leat drops line */
        return ferror(file) ? leat_fail(ctx, EIO, "cannot read") : LEAT_CLOSED;
    line->text[strcspn(line->text, "\n")] = '\0';
    return LEAT_OK;
}

int validate(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct line *line = in;
    struct order *order = out;
    int end = 0;

    if (line->text[0] == '#')
        return LEAT_SKIP;
    order->text = line->text;
    if (sscanf(line->text, "%ld,%ld,%3[A-Z]%n", &order->id, &order->cents,
               order->currency, &end) != 3 ||
        line->text[end])
        return leat_fail(ctx, EINVAL, "want id,cents,currency");
    if (order->cents < 0)
        return leat_fail(ctx, ERANGE, "%ld cents", order->cents);
    return LEAT_OK;
}

int price(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct rate *rate = arg;
    struct order *order = out;

    *order = *(const struct order *)in; /* text is the line's still */
    while (rate->currency && strcmp(rate->currency, order->currency) != 0)
        rate++;
    if (!rate->currency)
        return leat_fail(ctx, ENOENT, "no rate for %s", order->currency);
    order->price = (order->cents * rate->thousandths + 500) / 1000;
    return LEAT_OK;
}
