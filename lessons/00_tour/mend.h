/* mend.h - the error file, read and mended as a person would do it in an
 * editor.
 * SPDX-License-Identifier: MIT */
#ifndef MEND_H
#define MEND_H

#include "damage.h"
#include <jansson.h>

/* Called with each line of the error file, and what was done to its record
 * (NULL: nothing, it should not be there). May change the line. False: strike it
 * out. */
typedef bool mend_fn(json_t *line, const struct damage *damage, void *arg);

/* Reads the file at path; with `mended` writes what is left of it there. False,
 * said: a file cannot be read or written, or a line not understood. */
bool mend_each(const char *path, const char *mended,
               const struct damages *damages, mend_fn *fn, void *arg);

/* A text field of the line; "" when it is not there. */
const char *mend_text(const json_t *line, const char *name);

#endif
