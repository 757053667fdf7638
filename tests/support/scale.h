/* scale.h - fewer rounds where every step is slow.
 * SPDX-License-Identifier: MIT */
#ifndef SUPPORT_SCALE_H
#define SUPPORT_SCALE_H

#include <stddef.h>
#include <stdlib.h>

/* n natively, less under a sanitizer or Valgrind (LEAT_SLOW is by how much),
 * more when LEAT_LONG is set in the environment. At least 1. */
static inline size_t scaled(size_t n)
{
#ifdef LEAT_SLOW
    n = n / LEAT_SLOW;
#endif
    if (getenv("LEAT_LONG"))
        n *= 10;
    return n > 0 ? n : 1;
}

#endif
