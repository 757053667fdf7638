/* toy.c - for selftest.sh, which knows what becomes of each of its mutants.
 * There is none in a comment: if (a < b) unlock(c);
 * SPDX-License-Identifier: MIT */
#include "toy.h"
#include <stdlib.h>
#define NONE_IN_A_MACRO(x) \
    if (x) \
    unlock(x)

struct none { /* nor here */
    int bits[1 + 1];
};
static const char *const none[] = {"if (a < b) unlock(c);", "\"while (x)"};
static int held;

static void lock(int *what)
{
    ++*what;
}

static void unlock(int *what)
{
    --*what;
}

int toy_held(void)
{
    return held + (none[0] == NULL);
}

int toy_sum(const int *list, int n)
{
    int sum = 0;

    lock(&held);
    for (int i = 0; i < n; i++)
        sum += list[i];
    unlock(&held);
    return sum;
}

unsigned toy_down(unsigned n)
{
    while (n > 0)
        n--;
    while (n == 0) {
        n++;
        break; /* no if has one */
    }
    return n;
}

int toy_positive(int n)
{
    return n > 0 ? n : 0;
}

int toy_natural(int n)
{
    if (n > 0)
        return n;
    return 0;
}

int toy_many(int n)
{
    return n > 5;
}

void toy_forget(void *block)
{
    (void)free(block);
}
