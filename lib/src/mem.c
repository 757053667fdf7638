/* mem.c - memory.
 * SPDX-License-Identifier: MIT */
#include "mem.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *leat__alloc(size_t size)
{
    return calloc(1, size ? size : 1);
}

void *leat__alloc_array(size_t count, size_t size)
{
    if (size > 0 && count > SIZE_MAX / size)
        return NULL;
    return leat__alloc(count * size);
}

void *leat__alloc_lines(size_t size)
{
    void *memory;

    if (size > SIZE_MAX - LEAT__LINE)
        return NULL;
    size = (size + LEAT__LINE - 1) / LEAT__LINE * LEAT__LINE;
    memory = aligned_alloc(LEAT__LINE, size);
    return memory ? memset(memory, 0, size) : NULL;
}

void leat__free(void *memory)
{
    free(memory);
}
