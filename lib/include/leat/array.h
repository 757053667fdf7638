/* array.h - ready-made stages: an array as a source and as a sink.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_ARRAY_H
#define LEAT_ARRAY_H

#include <leat/stage.h>

LEAT_BEGIN

struct leat_array {
    void *items;  /* count * size bytes, the caller's */
    size_t size;  /* bytes of one item; that of the stage's type */
    size_t count;
};

/* arg: a struct leat_array, which may be shared by several workers. The item
 * whose number is seq is items[seq]: read copies it out, LEAT_CLOSED after the
 * last; write copies into it, ERANGE when seq is not below count. The copies
 * are shallow: what an item owns has two owners then, so the type that is read
 * should have no drop. */
leat_stage_fn leat_array_read, leat_array_write;

LEAT_END

#endif
