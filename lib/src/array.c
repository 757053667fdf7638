/* array.c - an array as a source and as a sink.
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <leat/array.h>
#include <string.h>

static unsigned char *slot(const struct leat_array *array, uint64_t seq)
{
    return (unsigned char *)array->items + (size_t)seq * array->size;
}

int leat_array_read(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct leat_array *array = arg;
    uint64_t seq = leat_ctx_item(ctx)->seq;

    if (seq >= array->count)
        return LEAT_CLOSED;
    memcpy(out, slot(array, seq), array->size);
    return LEAT_OK;
}

int leat_array_write(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct leat_array *array = arg;
    uint64_t seq = leat_ctx_item(ctx)->seq;

    if (seq >= array->count)
        return leat_fail(ctx, ERANGE, "item %llu, but room for %zu",
                         (unsigned long long)seq, array->count);
    memcpy(slot(array, seq), in, array->size);
    return LEAT_OK;
}
