/* token.h - items that own memory, and whether each was released exactly once.
 * The account is the process's: one test, one account.
 * SPDX-License-Identifier: MIT */
#ifndef TOKEN_H
#define TOKEN_H

#include <leat/type.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Fewer where rounds are fewer: memcheck looks through all of them at the end of
 * each test (with 36 MB of them that was a third of its time). */
#ifdef LEAT_SLOW
enum { TOKENS = (1 << 18) / LEAT_SLOW };
#else
enum { TOKENS = 1 << 18 };
#endif

struct token {
    unsigned id;  /* from 1; 0: a zeroed one, which owns nothing */
    char *memory; /* makes a leak or a second drop visible to the tools, too */
};

static atomic_uint token_count;
static atomic_uint token_drops[TOKENS];

static inline struct token token_new(void)
{
    unsigned id = atomic_fetch_add(&token_count, 1) + 1;
    if (id >= TOKENS)
        abort();
    return (struct token){id, malloc(1)};
}

/* A leat_type's drop: of the second release it only keeps the count. */
static inline void token_drop(void *item)
{
    struct token *token = item;
    if (token->id == 0)
        return;
    if (atomic_fetch_add(&token_drops[token->id], 1) == 0)
        free(token->memory);
}

static const struct leat_type token_type = {
    .name = "token", .size = sizeof(struct token), .drop = token_drop};

/* How many were dropped so far, each counted as often as it was. */
static inline unsigned token_dropped(void)
{
    unsigned sum = 0;
    for (unsigned id = 1; id <= atomic_load(&token_count); id++)
        sum += atomic_load(&token_drops[id]);
    return sum;
}

/* The first that was not dropped exactly once; 0: there is none. */
static inline unsigned token_wrong(void)
{
    for (unsigned id = 1; id <= atomic_load(&token_count); id++)
        if (atomic_load(&token_drops[id]) != 1)
            return id;
    return 0;
}

#endif
