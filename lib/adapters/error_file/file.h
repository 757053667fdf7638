/* file.h - error files on the disk: names, locks, and what makes them last.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__FILE_H
#define LEAT__FILE_H

#include <leat/ctx.h>

/* Opens path with flags (and O_CLOEXEC) and locks it against other runs;
 * in *fd, -1 after a failure. It is a regular file, and path is still its name.
 * Positive: errno; EBUSY: another run has it. No message. */
int leat__file_open(const char *path, int flags, int *fd);

/* Makes what has happened to names in the folder of path last. Positive:
 * errno. */
int leat__file_sync_names(const char *path);

/* Whether the file can be written, or made if there is none: as far as can be
 * known without doing it. Positive: errno. */
int leat__file_check(const char *path);

/* leat_fail() with "PATH: cannot WHAT: WHY". */
int leat__file_fail(leat_ctx *ctx, int error, const char *path,
                    const char *what);

#endif
