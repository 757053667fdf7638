/* record.c - the source: records as raw bytes.
 * SPDX-License-Identifier: MIT */
#include "split.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void record_drop(void *item)
{
    free(((struct leat_csv_record *)item)->text);
}

static int record_encode(const void *item, char *text, size_t size)
{
    const struct leat_csv_record *record = item;
    size_t part = record->len < size ? record->len : size - (size > 0);

    if (record->too_long || record->len > INT_MAX)
        return -1;
    if (part > 0)
        memcpy(text, record->text, part);
    if (size > 0)
        text[part] = '\0';
    return (int)record->len;
}

static int record_decode(void *item, const char *text, size_t len)
{
    struct leat_csv_record *record = item;

    if (!(record->text = malloc(len + 1)))
        return LEAT_NOMEM;
    if (len > 0)
        memcpy(record->text, text, len);
    record->text[len] = '\0';
    record->len = len;
    return LEAT_OK;
}

const struct leat_type leat_csv_record_type = {
    .name = "leat_csv_record",
    .size = sizeof(struct leat_csv_record),
    .drop = record_drop,
    .encode = record_encode,
    .decode = record_decode,
};

static void source_close(void *state)
{
    leat__split_close(state);
    free(state);
}

static int source_open(leat_ctx *ctx, void *arg, void **state)
{
    const struct leat_csv *csv = arg;
    struct leat__split *split = malloc(sizeof *split);
    struct leat_csv_record header;
    int status;

    if (!split)
        return LEAT_NOMEM;
    if ((status = leat__split_open(ctx, split, csv)) != LEAT_OK) {
        free(split);
        return status;
    }
    *state = split;
    return csv->header ? leat__split_next(ctx, split, &header) : LEAT_OK;
}

static int source_read(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    struct leat_csv_record *record = out, raw;
    int status = leat__split_next(ctx, arg, &raw);

    if (status != LEAT_OK)
        return status;
    if ((status = record_decode(record, raw.text, raw.len)) != LEAT_OK)
        return status;
    raw.text = record->text;
    *record = raw;
    return LEAT_OK;
}

struct leat_stage leat_csv_source(const struct leat_csv *csv)
{
    static const struct leat_resource resource = {.open = source_open,
                                                  .close = source_close};

    return (struct leat_stage){
        .name = "read",
        .fn = source_read,
        .arg = (void *)(uintptr_t)csv, /* which nobody writes to */
        .out = &leat_csv_record_type,
        .resource = &resource,
    };
}
