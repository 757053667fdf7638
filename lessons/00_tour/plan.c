/* plan.c - decides what is broken, and where.
 *
 * The kinds take turns over the whole file, so every stage has to do with all
 * of them. A record that is added comes behind the one it repeats.
 * SPDX-License-Identifier: MIT */
#include "damage.h"
#include <stdlib.h>

enum { LEAST = 2000 }; /* records */

/* The first line from `from` that is free and fits; round the end. 0: none. */
static size_t find_line(const struct lines *lines, const bool *taken,
                        size_t kind, size_t from)
{
    for (size_t i = 1; i < lines->count; i++) {
        size_t line = 1 + (from + i) % (lines->count - 1);
        if (!taken[line] && damage_fits(kind, lines->line[line]))
            return line;
    }
    return 0;
}

static int by_line(const void *one, const void *other)
{
    const struct damage *a = one, *b = other;

    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return a->kind < b->kind ? -1 : a->kind > b->kind;
}

static unsigned total(void)
{
    unsigned sum = 0;

    for (size_t i = 0; i < damage_kind_count; i++)
        sum += damage_kinds[i].times;
    return sum;
}

static bool choose(const struct lines *lines, struct damages *damages,
                   bool *taken)
{
    size_t most = total();

    for (unsigned round = 0; damages->count < most; round++)
        for (size_t kind = 0; kind < damage_kind_count; kind++) {
            if (round >= damage_kinds[kind].times)
                continue;
            size_t from = damages->count * lines->count / most;
            size_t line = find_line(lines, taken, kind, from);
            if (line == 0)
                return false;
            taken[line] = true;
            damages->all[damages->count++] = (struct damage){kind, line, 0};
        }
    return true;
}

bool damage_plan(const struct lines *lines, struct damages *damages)
{
    bool *taken = calloc(lines->count, sizeof *taken);
    uint64_t seq = 0;
    size_t next = 0;

    *damages = (struct damages){malloc(total() * sizeof *damages->all), 0, 0};
    if (!taken || !damages->all || lines->count < LEAST ||
        !choose(lines, damages, taken)) {
        complain("this file cannot be broken as the tour does it: it must have"
                 " %d plain records at least, and some zips that begin with 0",
                 LEAST);
        free(taken);
        damage_free(damages);
        return false;
    }
    free(taken);
    qsort(damages->all, damages->count, sizeof *damages->all, by_line);
    for (size_t line = 1; line < lines->count; line++, seq++)
        if (next < damages->count && damages->all[next].line == line) {
            struct damage *damage = &damages->all[next++];
            seq += damage_kinds[damage->kind].extra; /* behind its own */
            damage->seq = seq;
        }
    damages->records = seq;
    return true;
}

void damage_free(struct damages *damages)
{
    free(damages->all);
    damages->all = NULL;
}

const struct damage *damage_find(const struct damages *damages, uint64_t seq)
{
    size_t low = 0, high = damages->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (damages->all[middle].seq == seq)
            return &damages->all[middle];
        if (damages->all[middle].seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
