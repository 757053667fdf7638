/* utf8.h - where text ends to be UTF-8.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__UTF8_H
#define LEAT__UTF8_H

#include <stddef.h>

/* How many bytes of well-formed UTF-8 (RFC 3629) it begins with. */
size_t leat__utf8_span(const void *bytes, size_t len);

#endif
