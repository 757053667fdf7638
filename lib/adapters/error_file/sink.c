/* sink.c - failed items, appended to the error file.
 *
 * A batch of lines is gathered in memory, written behind what is safe already
 * and synced: that is its commit. If any of it fails the file is cut back to
 * what is safe, so a batch that is redone stands there once.
 *
 * The file is opened with the first failed item and not before: the source of a
 * re-run renames it at its start, and by then that has certainly happened.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "file.h"
#include "line.h"
#include <errno.h>
#include <fcntl.h>
#include <leat/error_file.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct sink {
    const char *path;
    int fd;      /* -1: not opened yet */
    off_t safe;  /* so many bytes are synced */
    bool beyond; /* there may be more in the file */
    bool torn;   /* what is safe does not end with a line feed */
    char *lines; /* of the batch */
    size_t len, room;
    char run[LEAT__RUN];
};

static int sink_open(leat_ctx *ctx, void *arg, void **state)
{
    struct sink *sink;
    char now[48];
    int status;

    if (!arg)
        return leat_fail(ctx, LEAT_INVALID, "no path of an error file");
    if ((status = leat__file_check(arg)) != LEAT_OK)
        return leat__file_fail(ctx, status, arg, "open");
    if (!(sink = malloc(sizeof *sink)))
        return LEAT_NOMEM;
    *sink = (struct sink){.path = arg, .fd = -1};
    leat__put_time(now, sizeof now);
    snprintf(sink->run, sizeof sink->run, "%s-%ld", now, (long)getpid());
    *state = sink;
    return LEAT_OK;
}

static void sink_close(void *state)
{
    struct sink *sink = state;

    if (sink->fd >= 0)
        close(sink->fd);
    free(sink->lines);
    free(sink);
}

static int open_file(struct sink *sink)
{
    int status = leat__file_open(sink->path, O_RDWR | O_CREAT, &sink->fd);
    struct stat stat;
    char last;

    if (status != LEAT_OK)
        return status;
    if ((status = leat__file_sync_names(sink->path)) != LEAT_OK)
        goto failed;
    if (fstat(sink->fd, &stat) != 0 ||
        (stat.st_size > 0 &&
         pread(sink->fd, &last, 1, stat.st_size - 1) != 1)) {
        status = errno;
        goto failed;
    }
    sink->safe = stat.st_size;
    sink->torn = stat.st_size > 0 && last != '\n';
    return LEAT_OK;
failed:
    close(sink->fd);
    sink->fd = -1;
    return status;
}

static int append(struct sink *sink, const char *text, size_t len)
{
    if (sink->room - sink->len < len) {
        size_t room = (sink->len + len) * 2;
        char *lines = realloc(sink->lines, room);
        if (!lines)
            return LEAT_NOMEM;
        sink->lines = lines;
        sink->room = room;
    }
    memcpy(sink->lines + sink->len, text, len);
    sink->len += len;
    return LEAT_OK;
}

static int sink_begin(leat_ctx *ctx, void *state)
{
    struct sink *sink = state;
    int status;

    sink->len = 0;
    if (sink->fd < 0 && (status = open_file(sink)) != LEAT_OK)
        return leat__file_fail(ctx, status, sink->path, "open");
    return sink->torn ? append(sink, "\n", 1) : LEAT_OK;
}

static int sink_add(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    struct sink *sink = arg;
    size_t len, before = sink->len;
    char *text;
    int status = leat__line_write(in, sink->run, &text, &len);

    if (status != LEAT_OK)
        return status;
    if ((status = append(sink, text, len)) != LEAT_OK ||
        (status = append(sink, "\n", 1)) != LEAT_OK)
        sink->len = before;
    free(text);
    return status;
}

static int write_all(struct sink *sink)
{
    for (size_t at = 0; at < sink->len;) {
        ssize_t count = pwrite(sink->fd, sink->lines + at, sink->len - at,
                               sink->safe + (off_t)at);
        if (count < 0 && errno != EINTR)
            return errno;
        at += count > 0 ? (size_t)count : 0;
    }
    return fdatasync(sink->fd) == 0 ? LEAT_OK : errno;
}

static int sink_end(leat_ctx *ctx, int status, void *state)
{
    struct sink *sink = state;

    if (status != LEAT_OK || sink->len <= sink->torn) {
        sink->len = 0;
        return LEAT_OK;
    }
    if (sink->beyond && ftruncate(sink->fd, sink->safe) != 0)
        return leat__file_fail(ctx, errno, sink->path, "shorten");
    sink->beyond = true;
    if ((status = write_all(sink)) != LEAT_OK) {
        sink->beyond = ftruncate(sink->fd, sink->safe) != 0;
        return leat__file_fail(ctx, status, sink->path, "write");
    }
    sink->beyond = sink->torn = false;
    sink->safe += (off_t)sink->len;
    sink->len = 0;
    return LEAT_OK;
}

/* That it has an encode tells leat_run() that items must be writable. */
static int failed_encode(const void *item, char *text, size_t size)
{
    char *line;
    size_t len;

    if (leat__line_write(item, "", &line, &len) != LEAT_OK)
        return -1;
    snprintf(text, size, "%s", line);
    free(line);
    return (int)len;
}

static const struct leat_type failed_type = {
    .name = "leat_item",
    .size = sizeof(struct leat_item),
    .encode = failed_encode,
};

struct leat_stage leat_error_file(const char *path)
{
    static const struct leat_resource resource = {
        .open = sink_open,
        .begin = sink_begin,
        .end = sink_end,
        .close = sink_close,
    };

    return (struct leat_stage){
        .name = "errors",
        .fn = sink_add,
        .arg = (void *)(uintptr_t)path, /* which nobody writes to */
        .in = &failed_type,
        .resource = &resource,
        .batch = 64,
    };
}
