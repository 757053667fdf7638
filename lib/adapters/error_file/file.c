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
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int fault_of(const struct stat *stat)
{
    return S_ISREG(stat->st_mode)   ? LEAT_OK
           : S_ISDIR(stat->st_mode) ? EISDIR
                                    : EINVAL;
}

static int lock(const char *path, int fd)
{
    struct stat mine = {0}, named;
    int status;

    fstat(fd, &mine); /* of an open file; were it to fail, there is no mode */
    if ((status = fault_of(&mine)) != LEAT_OK)
        return status;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? EBUSY : errno;
    if (stat(path, &named) != 0 ||
        (named.st_ino ^ mine.st_ino) | (named.st_dev ^ mine.st_dev))
        return EBUSY; /* a re-run has renamed it in between */
    return LEAT_OK;
}

int leat__file_open(const char *path, int flags, int *fd)
{
    int status;

    if ((*fd = open(path, flags | O_CLOEXEC | O_NONBLOCK, 0666)) < 0)
        return errno;
    if ((status = lock(path, *fd)) != LEAT_OK) {
        close(*fd);
        *fd = -1;
    }
    return status;
}

/* The folder of a path that the system has taken, so it is not too long. */
static void folder_of(const char *path, char folder[PATH_MAX])
{
    const char *slash = strrchr(path, '/');

    snprintf(folder, PATH_MAX, "%.*s", slash ? (int)(slash - path) + 1 : 1,
             slash ? path : ".");
}

int leat__file_sync_names(const char *path)
{
    char folder[PATH_MAX];
    int status = LEAT_OK, fd;

    folder_of(path, folder);
    if ((fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return errno;
    if (fsync(fd) != 0 && errno != EINVAL) /* not every file system can */
        status = errno;
    close(fd);
    return status;
}

static int may(const char *path, int how)
{
    return faccessat(AT_FDCWD, path, how, AT_EACCESS) == 0 ? LEAT_OK : errno;
}

/* A re-run of the same path may rename the file while this looks at it (its
 * source and its sink open at once): gone at either call is not there. */
static int check_file(const char *path)
{
    struct stat stat_;
    int status;

    if (stat(path, &stat_) != 0)
        return errno;
    status = fault_of(&stat_);
    return status == LEAT_OK ? may(path, W_OK) : status;
}

int leat__file_check(const char *path)
{
    char folder[PATH_MAX];
    int status = check_file(path);

    if (status != ENOENT)
        return status;
    folder_of(path, folder);
    return may(folder, W_OK | X_OK);
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
