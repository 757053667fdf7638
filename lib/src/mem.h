/* mem.h - the only calls to malloc and free. All memory comes zeroed.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__MEM_H
#define LEAT__MEM_H

#include <stddef.h>

enum { LEAT__LINE = 64 }; /* bytes of a cache line */

/* NULL: no memory (or, of an array, a product that overflows). */
void *leat__alloc(size_t size);
void *leat__alloc_array(size_t count, size_t size);

/* Aligned to a cache line and as long as whole lines. */
void *leat__alloc_lines(size_t size);

void leat__free(void *memory);

#endif
