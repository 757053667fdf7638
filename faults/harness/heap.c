/* heap.c - how much memory the allocator has handed out.
 *
 * glibc counts what a thread's cache keeps as handed out, so that what was freed
 * shows or does not show as it happens to be. Before it is asked the caller's
 * cache is therefore filled to the brim: seven blocks of each size are taken
 * and given back, at the begin as at the end, and the cache is the same amount
 * both times. Other threads give theirs back when they end.
 *
 * Whether the answer can be believed is tried out: a sanitizer or Valgrind puts
 * another allocator in its place, of which mallinfo2() knows nothing.
 * SPDX-License-Identifier: MIT */
#include "inside.h"
#include <stdlib.h>

#if defined(__GLIBC__) && \
    (__GLIBC__ > 2 || (__GLIBC__ == 2 && __GLIBC_MINOR__ >= 33))
#include <malloc.h>

enum { SIZES = 64, SMALLEST = 24, STEP = 16, KEPT = 7, PROBE = 1 << 16 };

static void fill_cache(void)
{
    void *volatile blocks[SIZES][KEPT];

    for (size_t i = 0; i < SIZES; i++)
        for (size_t j = 0; j < KEPT; j++)
            blocks[i][j] = malloc(SMALLEST + i * STEP);
    for (size_t i = 0; i < SIZES; i++)
        for (size_t j = 0; j < KEPT; j++)
            free(blocks[i][j]);
}

static size_t handed_out(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

long leat__heap(void)
{
    size_t before, with;
    void *volatile probe;

    fill_cache();
    before = handed_out();
    probe = malloc(PROBE);
    with = handed_out();
    free(probe);
    return probe && with >= before + PROBE / 2 ? (long)before : -1;
}
#else
long leat__heap(void)
{
    return -1;
}
#endif
