/* fault_corrupt.c - a changed value, and a second one.
 *
 * The bytes of a value that owns something must not be touched: a flipped
 * pointer ends the process and tests nothing. Such a value is changed, and
 * copied, as its text: by the type's own encode and decode.
 * SPDX-License-Identifier: MIT */
#include "fault_parts.h"
#include <stdlib.h>
#include <string.h>

static bool has_text(const struct leat_type *type)
{
    return type->encode && type->decode;
}

const char *leat__fault_spoils(const struct leat_fault *fault,
                               const struct leat_type *type)
{
    if (fault->corrupt || !type->drop || has_text(type))
        return NULL;
    return "its type has a drop, but no encode and decode";
}

/* The value's text, to be freed, and its length; NULL: no memory, or none. */
static char *text_of(const struct leat_type *type, const void *value,
                     size_t *len)
{
    int need = type->encode(value, NULL, 0);
    char *text = need < 0 ? NULL : malloc((size_t)need + 1);

    if (text && type->encode(value, text, (size_t)need + 1) != need) {
        free(text);
        return NULL;
    }
    *len = (size_t)need;
    return text;
}

static int decode(const struct leat_type *type, void *value, const char *text,
                  size_t len)
{
    int status;

    memset(value, 0, type->size);
    status = type->decode(value, text, len);
    if (status != LEAT_OK && type->drop)
        type->drop(value);
    return status;
}

int leat__fault_copy(const struct leat_type *type, const void *value,
                     void *copy)
{
    size_t len;
    char *text = text_of(type, value, &len);
    int status = text ? decode(type, copy, text, len) : LEAT_NOMEM;

    free(text);
    return status;
}

static void swap(unsigned char *a, unsigned char *b, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = a[i];
        a[i] = b[i];
        b[i] = byte;
    }
}

enum { PRINTABLE = '~' - '!' + 1, PLACES = 8 };

/* Another printable character in one place: the first that decode likes, in up
 * to eight places. */
static int change_text(const struct leat_type *type, void *value, void *other,
                       uint64_t die)
{
    size_t len;
    char *text = text_of(type, value, &len);
    int status = text ? LEAT_INVALID : LEAT_NOMEM;

    for (size_t i = 0; text && len && i < PLACES * PRINTABLE &&
                       status != LEAT_OK; i++) {
        char *at = &text[(die + i / PRINTABLE) % len], was = *at;
        *at = (char)('!' + (die / 97 + i) % PRINTABLE);
        if (*at != was)
            status = decode(type, other, text, len) == LEAT_OK ? LEAT_OK
                                                               : LEAT_INVALID;
        *at = was;
    }
    free(text);
    return status;
}

int leat__fault_corrupt(const struct leat_fault *fault,
                        const struct leat_type *type, void *value, uint64_t die)
{
    void *other;
    int status;

    if (leat__fault_spoils(fault, type))
        return LEAT_INVALID;
    if (fault->corrupt) {
        fault->corrupt(value, type->size, die);
        return LEAT_OK;
    }
    if (!type->drop) {
        if (type->size)
            ((unsigned char *)value)[die / 8 % type->size] ^=
                (unsigned char)(1u << (die % 8));
        return LEAT_OK;
    }
    if (!(other = malloc(type->size ? type->size : 1)))
        return LEAT_NOMEM;
    status = change_text(type, value, other, die);
    if (status == LEAT_OK) {
        swap(value, other, type->size);
        type->drop(other);
    }
    free(other);
    return status;
}
