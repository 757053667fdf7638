/* work.h - what the measured programs in C and C++ have in common: the items,
 * the work of a stage, the clock, the one line of output.
 *
 * A program is called WORKLOAD COUNT [FILE] and prints "peer workload count
 * seconds ns-per-item"; exit status 1: a wrong result, 2: no such workload.
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    CAPACITY = 128, /* of every channel that has a buffer */
    MANY = 64,      /* items at a time in the many- rows */
    WORK = 1400,    /* rounds of spin_hash() in a stage that works: about 2 us */
    MARKED = 1000   /* one item in so many fails */
};

struct item {
    uint64_t id, value;
    const char *error; /* NULL: a good one */
};

struct sum {
    uint64_t count, errors, values, ids;
};

static inline double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static inline bool is_marked(uint64_t id)
{
    return id % MARKED == MARKED - 1;
}

/* A bijection that keeps 0 and nothing else at 0, which no compiler knows. */
static inline uint64_t spin_hash(uint64_t x, int rounds)
{
    for (int i = 0; i < rounds; i++) {
        x ^= x >> 33;
        x *= UINT64_C(0xff51afd7ed558ccd);
    }
    return x;
}

static inline uint64_t first_stage(uint64_t value, int rounds)
{
    uint64_t wrong = rounds && spin_hash(value, rounds) == 0;

    return 3 * value + 1 + wrong;
}

static inline uint64_t second_stage(uint64_t value, uint64_t id, int rounds)
{
    uint64_t wrong = rounds && spin_hash(value, rounds) == 0;

    return value + id + wrong;
}

/* The stages over items that carry their failure themselves. */
static inline void item_init(struct item *item, uint64_t id)
{
    item->id = id;
    item->value = id + 1;
    item->error = is_marked(id) ? "marked" : NULL;
}

static inline void item_first(struct item *item, int rounds)
{
    if (!item->error)
        item->value = first_stage(item->value, rounds);
}

static inline void item_second(struct item *item, int rounds)
{
    if (!item->error)
        item->value = second_stage(item->value, item->id, rounds);
}

static inline void sum_item(struct sum *sum, const struct item *item)
{
    sum->count++;
    sum->errors += item->error != NULL;
    sum->values += item->value;
    sum->ids += item->id;
}

static inline uint64_t triangle(uint64_t n)
{
    return n * (n + 1) / 2;
}

static inline bool sum_is_right(const struct sum *sum, uint64_t count)
{
    uint64_t values = 0;

    for (uint64_t id = 0; id < count; id++)
        values += is_marked(id) ? id + 1 : 4 * id + 4;
    return sum->count == count && sum->errors == count / MARKED &&
           sum->values == values && sum->ids == triangle(count - 1);
}

/* Prints the line; returns the program's exit status. */
static inline int result(const char *peer, const char *workload, uint64_t count,
                         double took, bool right)
{
    if (!right) {
        fprintf(stderr, "%s %s: wrong result\n", peer, workload);
        return 1;
    }
    printf("%s %s %" PRIu64 " %.6f %.2f\n", peer, workload, count, took,
           took * 1e9 / (double)count);
    return 0;
}

static inline int rounds_of(const char *workload)
{
    return strncmp(workload, "pipeline-work", 13) == 0 ? WORK : 0;
}

#endif
