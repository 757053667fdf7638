/* threshold.c - whether too many items have failed.
 *
 * The window is a ring of bits, one for each of the last items, and how many of
 * them are set.
 * SPDX-License-Identifier: MIT */
#include "mem.h"
#include "parts.h"
#include <stdio.h>

struct leat__threshold {
    struct leat_threshold limit;
    pthread_mutex_t lock; /* protects all below */
    uint64_t failed;      /* in all */
    uint64_t ended;       /* in all */
    uint64_t bad;         /* in the window */
    const char *stage;    /* of the last failure */
    unsigned char *bits;  /* limit.window of them; NULL: no ratio */
};

struct leat__threshold *leat__threshold_new(const struct leat_threshold *limit)
{
    struct leat__threshold *t = leat__alloc(sizeof *t);

    if (!t)
        return NULL;
    t->limit = *limit;
    if (!t->limit.window)
        t->limit.window = 1000;
    if (!t->limit.sample)
        t->limit.sample = t->limit.window;
    if (limit->ratio > 0 && !(t->bits = leat__alloc((size_t)t->limit.window / 8
                                                    + 1))) {
        leat__free(t);
        return NULL;
    }
    leat__mutex_init(&t->lock);
    return t;
}

void leat__threshold_free(struct leat__threshold *t)
{
    if (!t)
        return;
    leat__mutex_destroy(&t->lock);
    leat__free(t->bits);
    leat__free(t);
}

static void note_locked(struct leat__threshold *t, bool failed)
{
    uint64_t at = t->ended++ % t->limit.window;
    unsigned char *byte, bit;

    t->failed += failed;
    if (!t->bits)
        return;
    byte = &t->bits[at / 8];
    bit = (unsigned char)(1u << at % 8);
    t->bad -= (*byte & bit) != 0;
    t->bad += failed;
    *byte = (unsigned char)((*byte & ~bit) | (failed ? bit : 0));
}

/* Writes why into message (240 bytes). */
static bool tripped_locked(const struct leat__threshold *t, char *message)
{
    const struct leat_threshold *limit = &t->limit;
    uint64_t among = t->ended < limit->window ? t->ended : limit->window;

    if (limit->errors && t->failed >= limit->errors) {
        snprintf(message, 240, "%llu items failed, the limit",
                 (unsigned long long)t->failed);
        return true;
    }
    if (!t->bits || t->ended < limit->sample ||
        (double)t->bad <= limit->ratio * (double)among)
        return false;
    snprintf(message, 240, "%llu of the last %llu items failed, limit %.3g %%",
             (unsigned long long)t->bad, (unsigned long long)among,
             limit->ratio * 100);
    return true;
}

void leat__threshold_count(struct leat__run *run, bool failed,
                           const char *stage)
{
    struct leat__threshold *t = run->threshold;
    char message[240];
    bool tripped;

    if (!failed && !t->bits)
        return;
    leat__lock(&t->lock);
    note_locked(t, failed);
    if (failed)
        t->stage = stage;
    tripped = tripped_locked(t, message);
    stage = t->stage;
    leat__unlock(&t->lock);
    if (tripped)
        leat__stop(run, LEAT_THRESHOLD, stage, message);
}
