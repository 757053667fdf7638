/* stage.c - what stages say, and what is asked of them.
 * SPDX-License-Identifier: MIT */
#include "stage.h"
#include "ctx.h"
#include "hand.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int leat_fail(leat_ctx *ctx, int status, const char *format, ...)
{
    va_list args;

    if (!ctx || !ctx->hand || !format)
        return status;
    va_start(args, format);
    vsnprintf(ctx->hand->message, sizeof ctx->hand->message, format, args);
    va_end(args);
    return status;
}

int leat_beat(leat_ctx *ctx, uint64_t done, uint64_t total)
{
    (void)done, (void)total; /* for a monitor to come */
    return ctx ? leat__ctx_look(ctx) : LEAT_INVALID;
}

bool leat__type_fits(const struct leat_type *a, const struct leat_type *b)
{
    return a->size == b->size &&
           !strcmp(a->name ? a->name : "", b->name ? b->name : "");
}

static const struct leat_type *copy_type(struct leat_type *to,
                                         const struct leat_type *from)
{
    if (!from)
        return NULL;
    *to = *from;
    if (!to->name)
        to->name = "";
    return to;
}

void leat__stage_copy(struct leat__stage *copy, const struct leat_stage *stage)
{
    struct leat_stage *pub = &copy->pub;

    *pub = *stage;
    pub->in = copy_type(&copy->in_type, stage->in);
    pub->out = copy_type(&copy->out_type, stage->out);
    if (!pub->capacity)
        pub->capacity = 64;
    if (!pub->workers)
        pub->workers = 1;
    if (!pub->batch)
        pub->batch = 1;
    if (!pub->retry.attempts)
        pub->retry.attempts = 1;
    if (!pub->retry.backoff_max)
        pub->retry.backoff_max = 30 * LEAT_S;
    if (pub->retry.budget == 0)
        pub->retry.budget = 0.2;
}

const char *leat__stage_fault(const struct leat_stage *stage)
{
    const struct leat_retry *retry = &stage->retry;

    if (!stage->fn)
        return "fn is missing";
    if (!stage->name || !*stage->name)
        return "name is missing";
    if (stage->workers > LEAT_WORKERS)
        return "more workers than LEAT_WORKERS";
    if (stage->child)
        return "child is not built yet";
    if (stage->timeout < 0 || stage->linger < 0)
        return "timeout or linger is negative";
    if (retry->backoff < 0 || retry->backoff_max < 0 || !(retry->budget >= 0))
        return "a field of retry is negative";
    return NULL;
}
