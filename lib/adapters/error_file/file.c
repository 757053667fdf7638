/* file.c - error files on the disk.
 *
 * A lock (flock, which belongs to the open file and not to the process, so the
 * source and the sink of one run do not undo each other's) stands for "a run
 * uses this file". Whoever has it may rename the file: so after the lock has
 * been had, the name is looked at once more.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "file.h"
#include <errno.h>
#include <fcntl.h>
#include <leat/stage.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 100 };

/* LEAT_AGAIN: it was renamed meanwhile. */
static int open_once(const char *path, int flags, int *fd)
{
    struct stat mine, named;

    *fd = open(path, flags | O_CLOEXEC | O_NONBLOCK, 0666);
    if (*fd < 0 || fstat(*fd, &mine) != 0)
        return errno;
    if (!S_ISREG(mine.st_mode))
        return S_ISDIR(mine.st_mode) ? EISDIR : EINVAL;
    if (flock(*fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? EBUSY : errno;
    if (stat(path, &named) != 0 || named.st_ino != mine.st_ino ||
        named.st_dev != mine.st_dev)
        return LEAT_AGAIN;
    return LEAT_OK;
}

int leat__file_open(const char *path, int flags, int *fd)
{
    int status = LEAT_AGAIN;

    for (int i = 0; status == LEAT_AGAIN && i < TRIES; i++)
        if ((status = open_once(path, flags, fd)) != LEAT_OK && *fd >= 0) {
            close(*fd);
            *fd = -1;
        }
    return status == LEAT_AGAIN ? EBUSY : status;
}

/* The folder of path, or errno. */
static int folder_of(const char *path, char folder[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) + 1 : 1;

    if (len >= PATH_MAX)
        return ENAMETOOLONG;
    memcpy(folder, slash ? path : ".", len);
    folder[len] = '\0';
    return LEAT_OK;
}

int leat__file_sync_names(const char *path)
{
    char folder[PATH_MAX];
    int status = folder_of(path, folder), fd;

    if (status != LEAT_OK)
        return status;
    if ((fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return errno;
    if (fsync(fd) != 0 && errno != EINVAL) /* not every file system can */
        status = errno;
    close(fd);
    return status;
}

int leat__file_check(const char *path)
{
    char folder[PATH_MAX];
    struct stat stat_;
    int status;

    if (stat(path, &stat_) == 0) {
        if (!S_ISREG(stat_.st_mode))
            return S_ISDIR(stat_.st_mode) ? EISDIR : EINVAL;
        return access(path, W_OK) == 0 ? LEAT_OK : errno;
    }
    if (errno != ENOENT)
        return errno;
    if ((status = folder_of(path, folder)) != LEAT_OK)
        return status;
    return access(folder, W_OK | X_OK) == 0 ? LEAT_OK : errno;
}

int leat__file_fail(leat_ctx *ctx, int error, const char *path,
                    const char *what)
{
    size_t len = strlen(path);
    bool is_long = len > 120;

    return leat_fail(
        ctx, error, "%s%s: cannot %s: %s", is_long ? "..." : "",
        is_long ? path + len - 117 : path, what,
        error == EBUSY ? "another run has it" : leat_strstatus(error));
}
