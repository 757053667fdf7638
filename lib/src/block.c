/* block.c - the items of a pipeline.
 * SPDX-License-Identifier: MIT */
#include "block.h"
#include "mem.h"
#include "run.h"
#include <stdio.h>

static size_t aligned(size_t size, size_t to)
{
    return (size + to - 1) / to * to;
}

bool leat__block_layout(struct leat__run *run)
{
    size_t size = sizeof(struct leat__block), most = SIZE_MAX / 4;

    for (size_t i = 0; i + 1 < run->count; i++) {
        struct leat__step *step = run->steps[i];
        const struct leat_type *type = step->stage.pub.out;
        if (type->size > most || size > most)
            return false;
        /* What malloc would align to; less for what is smaller than that. */
        size = aligned(size, type->size >= _Alignof(max_align_t)
                                 ? _Alignof(max_align_t) : 8);
        step->value_at = size;
        size += type->size;
        run->owns = run->owns || type->drop;
    }
    run->cold_at = aligned(size, LEAT__LINE);
    run->block_size = aligned(run->cold_at + sizeof(struct leat__cold),
                              LEAT__LINE);
    return true;
}

struct leat__cold *leat__cold(const struct leat__run *run,
                              const struct leat__block *block)
{
    return (struct leat__cold *)(uintptr_t)((const unsigned char *)block +
                                            run->cold_at);
}

void leat__block_init(struct leat__run *run, struct leat__block *block)
{
    block->pub = leat__no_item;
    *leat__cold(run, block) = (struct leat__cold){.deadline = LEAT__NEVER};
}

void leat__block_undo(struct leat__step *step, struct leat__block *block)
{
    const struct leat_type *type = step->stage.pub.out;

    if (type && type->drop)
        type->drop(leat__value_at(block, step->value_at));
}

void leat__block_revert(struct leat__step *step, struct leat__block *block)
{
    struct leat__step *before = step->run->steps[step->index - 1];

    leat__block_undo(step, block);
    block->pub.value = leat__value_at(block, before->value_at);
    block->pub.type = &before->stage.out_type;
}

void leat__block_fail(struct leat__step *step, struct leat__block *block,
                      int status, unsigned attempts, const char *message)
{
    struct leat__cold *cold = leat__cold(step->run, block);

    block->pub.error = status;
    block->pub.stage = step->stage.pub.name;
    block->pub.attempts = attempts;
    snprintf(cold->message, sizeof cold->message, "%s", message);
    block->pub.message = cold->message;
}

void leat__block_clear(struct leat__run *run, struct leat__block *block)
{
    size_t made = run->count - 1;

    if (run->owns && block->pub.input) {
        while (block->pub.type != &run->steps[made - 1]->stage.out_type)
            made--;
        for (; made > 0; made--)
            leat__block_undo(run->steps[made - 1], block);
    }
    block->pub = leat__no_item;
}
