/* type.h - what leat must know of a type: its size, and how a value ends.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_TYPE_H
#define LEAT_TYPE_H

#include <leat/abi.h>
#include <stddef.h>

LEAT_BEGIN

/* Whoever makes a value says how it is released. The struct is copied by
 * whoever is given one, so that it may stand on the stack; name and functions
 * must outlive the use. Two types fit when their sizes and names are equal. */
struct leat_type {
    const char *name; /* of the type, for messages; NULL counts as "" */
    size_t size;      /* bytes; 0 is allowed: a channel of mere signals */

    /* Releases what *item owns, not item itself. Must accept a zeroed or
     * half-built value. Called once for each value, from any thread, with no
     * lock of leat's held. NULL: nothing to release. */
    void (*drop)(void *item);

    /* Text and back, for error files and processes. encode is as snprintf:
     * writes at most size bytes with the final 0, returns the length of the
     * whole without it, negative when it cannot. decode fills the zeroed *item
     * from len bytes and returns LEAT_OK or a status; after a failure *item is
     * dropped. Both NULL where nothing of that is used. */
    int (*encode)(const void *item, char *text, size_t size);
    int (*decode)(void *item, const char *text, size_t len);
};

LEAT_END

/* The type of a plain C type that owns nothing. C only; in C++ name a static
 * struct leat_type. A function that *returns* a stage must not use it: the
 * literal ends with the block it stands in. */
#define LEAT_TYPE(T) (&(const struct leat_type){.name = #T, .size = sizeof(T)})

#endif
