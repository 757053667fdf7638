/* audit_rerun.c - what an error file does, in memory: keeps the inputs of failed
 * items, and is a source of them.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "audit.h"
#include <leat/item.h>
#include <leat/status.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct failed {
    uint64_t seq;
    unsigned attempts;
    int error;
    char stage[32];
    char *input; /* as encode has written it, or its bytes */
    size_t length;
};

struct leat__kept {
    pthread_mutex_t lock; /* protects what follows */
    struct failed *all;
    size_t count, next;
    const char *why_not; /* they cannot be run again */
    struct leat_type type; /* of the inputs, in a re-run */
};

static bool has_text(const struct leat_type *type)
{
    return type->encode && type->decode;
}

/* False: no memory, or the type's own refusal. */
static bool copy_input(struct failed *failed, const struct leat_item *item)
{
    const struct leat_type *type = item->input_type;
    int length = 0;

    failed->length = type->size;
    if (has_text(type)) {
        if ((length = type->encode(item->input, NULL, 0)) < 0)
            return false;
        failed->length = (size_t)length;
    }
    if (!(failed->input = malloc(failed->length + 1)))
        return false;
    if (has_text(type))
        type->encode(item->input, failed->input, failed->length + 1);
    else if (type->size > 0)
        memcpy(failed->input, item->input, type->size);
    return true;
}

static const char *keep_locked(struct leat__kept *kept,
                               const struct leat_item *item)
{
    struct failed *all =
        realloc(kept->all, (kept->count + 1) * sizeof *all), *failed;

    if (!all)
        return "no memory to keep the inputs";
    kept->all = all;
    failed = &all[kept->count];
    *failed = (struct failed){.seq = item->seq, .error = item->error,
                              .attempts = item->attempts};
    snprintf(failed->stage, sizeof failed->stage, "%s",
             item->stage ? item->stage : "");
    kept->count++;
    if (item->input_type->drop && !has_text(item->input_type))
        return "the source's type has a drop, but no encode and decode";
    return copy_input(failed, item) ? NULL : "an input could not be encoded";
}

static int keep(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    struct leat__kept *kept = arg;
    const char *wrong;

    pthread_mutex_lock(&kept->lock);
    wrong = keep_locked(kept, in);
    if (wrong && !kept->why_not)
        kept->why_not = wrong;
    pthread_mutex_unlock(&kept->lock);
    return LEAT_OK;
}

struct leat__kept *leat__kept_new(struct leat_pipeline *pipeline)
{
    struct leat__kept *kept = calloc(1, sizeof *kept);

    if (!kept)
        return NULL;
    pthread_mutex_init(&kept->lock, NULL);
    pipeline->errors =
        (struct leat_stage){.name = "errors", .fn = keep, .arg = kept};
    return kept;
}

void leat__kept_free(struct leat__kept *kept)
{
    if (!kept)
        return;
    for (size_t i = 0; i < kept->count; i++)
        free(kept->all[i].input);
    free(kept->all);
    pthread_mutex_destroy(&kept->lock);
    free(kept);
}

const char *leat__kept_check(const struct leat__kept *kept)
{
    return kept->why_not;
}

size_t leat__kept_count(const struct leat__kept *kept)
{
    return kept->count;
}

const char *leat__kept_stranger(const struct leat__kept *kept, int error,
                                const char *stage)
{
    for (size_t i = 0; i < kept->count; i++)
        if (kept->all[i].error == error &&
            strncmp(kept->all[i].stage, stage, sizeof kept->all[i].stage - 1))
            return kept->all[i].stage;
    return NULL;
}

static int replay(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    struct leat__kept *kept = arg;
    const struct leat_type *type = &kept->type;
    struct failed *failed = NULL;

    pthread_mutex_lock(&kept->lock);
    if (kept->next < kept->count)
        failed = &kept->all[kept->next++];
    pthread_mutex_unlock(&kept->lock);
    if (!failed)
        return LEAT_CLOSED;
    leat_item_set(ctx, failed->seq, failed->attempts);
    if (has_text(type))
        return type->decode(out, failed->input, failed->length);
    if (failed->length > 0)
        memcpy(out, failed->input, failed->length);
    return LEAT_OK;
}

void leat__kept_rerun(struct leat__kept *kept, struct leat_pipeline *pipeline)
{
    struct leat_stage *source = &pipeline->stages[0];

    kept->type = *source->out;
    *source = (struct leat_stage){.name = source->name, .fn = replay,
                                  .arg = kept, .out = source->out};
    pipeline->errors = (struct leat_stage){.name = NULL};
}
