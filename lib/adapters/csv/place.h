/* place.h - says where in a file a fault is.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__PLACE_H
#define LEAT__PLACE_H

#include <leat/csv.h>

enum { LEAT__PLACE = 200 };

/* "zipcodes.csv:17: field 3 (longitude)"; "record SEQ: ..." without a file,
 * nothing in brackets without a name. field counts from 0. What is long is
 * shortened, so that it always fits: a path to its end, a name to its head. */
void leat__put_place(char place[LEAT__PLACE], leat_ctx *ctx, const char *file,
                     uint64_t line, size_t field, const char *name);

#endif
