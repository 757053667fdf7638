/* split.c - cuts a CSV file into records.
 *
 * A line feed ends a record unless it stands in quotes, so one pass over the
 * bytes with a handful of states is enough to know where a record ends; what is
 * in it is not looked at here.
 *
 * A quote in the wrong place makes that pass worthless from there on: nobody
 * knows which line feeds are in quotes any more. Then the record is its first
 * line, and the next one begins behind that: the damage stays in one record
 * where the quote was broken within a line, and never reaches beyond the last
 * line that the broken quote had taken in. The first line alone is malformed as
 * well (it ends inside the quotes, or has the bad quote in it), so the parser
 * finds the fault by itself.
 *
 * Lines that were taken in are scanned twice then, but not more often: between
 * a quote that opens and the place where it turns out to be broken, quotes come
 * in pairs only, and a record that begins among them cannot open a quote that
 * stays open to the end of its line.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "split.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 65536, SLICE = 100 /* ms */ };
static const size_t usual = (size_t)64 << 20, most = (size_t)1 << 30;

enum state { FIELD, PLAIN, QUOTED, QUOTE, RETURN, BROKEN, ENDED };

/* The state after a byte. QUOTE: a quote in quotes, which closes them or is the
 * first of two; RETURN: a CR behind a closing quote. */
static enum state step(enum state state, char byte, char delimiter)
{
    if (state == QUOTED)
        return byte == '"' ? QUOTE : QUOTED;
    if (byte == '\n')
        return ENDED;
    if (state == BROKEN || state == RETURN)
        return BROKEN;
    if (byte == delimiter)
        return FIELD;
    if (byte == '"')
        return state == PLAIN ? BROKEN : QUOTED;
    if (state == QUOTE)
        return byte == '\r' ? RETURN : BROKEN;
    return PLAIN;
}

/* Waits until there is something to read: a pipe may be silent for long. */
static int wait_for(leat_ctx *ctx, int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    int status;

    while ((status = leat_beat(ctx, 0, 0)) == LEAT_OK)
        if (poll(&poll_fd, 1, SLICE) != 0)
            return LEAT_OK;
    return status;
}

static int cannot(leat_ctx *ctx, const struct leat__split *split, int error,
                  const char *what)
{
    return leat_fail(ctx, error, "%s: cannot %s: %s", split->csv->path, what,
                     leat_strstatus(error));
}

/* Room for one more block behind end. */
static int make_room(struct leat__split *split)
{
    size_t room = split->room * 2;
    char *buffer;

    if (split->room - split->end >= BLOCK)
        return LEAT_OK;
    if (split->begin > 0) {
        memmove(split->buffer, split->buffer + split->begin,
                split->end - split->begin);
        split->end -= split->begin;
        split->begin = 0;
        if (split->room - split->end >= BLOCK)
            return LEAT_OK;
    }
    if (!(buffer = realloc(split->buffer, room)))
        return LEAT_NOMEM;
    split->buffer = buffer;
    split->room = room;
    return LEAT_OK;
}

/* Reads one block, or finds the end. */
static int fill(leat_ctx *ctx, struct leat__split *split)
{
    int status = make_room(split);
    ssize_t count = -1;

    while (status == LEAT_OK && count < 0) {
        if (!split->is_file && (status = wait_for(ctx, split->fd)) != LEAT_OK)
            return status;
        count = read(split->fd, split->buffer + split->end, BLOCK);
        if (count < 0 && errno != EINTR && errno != EAGAIN)
            status = cannot(ctx, split, errno, "read");
    }
    if (status != LEAT_OK)
        return status;
    split->at_end = count == 0;
    split->end += (size_t)count;
    return LEAT_OK;
}

/* Throws away a line that is too long, to the line feed behind it. */
static int skip_line(leat_ctx *ctx, struct leat__split *split)
{
    for (;;) {
        char *from = split->buffer + split->begin;
        char *feed = memchr(from, '\n', split->end - split->begin);
        int status;

        if (feed || split->at_end) {
            split->begin = feed ? (size_t)(feed - split->buffer) + 1
                                : split->end;
            split->line++;
            split->skipping = false;
            return LEAT_OK;
        }
        split->begin = split->end = 0;
        if ((status = fill(ctx, split)) != LEAT_OK)
            return status;
    }
}

/* Where the record ends that begins at begin. */
struct cut {
    size_t len;     /* without line end */
    size_t whole;   /* with it */
    uint64_t lines; /* line ends in it */
};

static struct cut cut_at(const struct leat__split *split, size_t len,
                         uint64_t lines)
{
    const char *text = split->buffer + split->begin;
    bool has_end = len < split->end - split->begin; /* else the file ends */
    struct cut cut = {.len = len, .whole = len + has_end, .lines = lines};

    if (has_end && len > 0 && text[len - 1] == '\r')
        cut.len--;
    return cut;
}

/* LEAT_OK: *cut is set, unless that begins a line to be skipped. */
static int find_end(leat_ctx *ctx, struct leat__split *split, struct cut *cut)
{
    enum state state = FIELD;
    size_t at = 0, first = 0; /* where the first line ends */
    uint64_t lines = 0;
    bool over = false;

    for (;; at++) {
        while (split->begin + at == split->end && !split->at_end) {
            int status = fill(ctx, split);
            if (status != LEAT_OK)
                return status;
        }
        if (split->begin + at == split->end)
            break;
        char byte = split->buffer[split->begin + at];
        state = step(state, byte, split->delimiter);
        over = at > split->limit; /* by one more, for a CR before LF */
        if (state == ENDED || (state == BROKEN && lines > 0) || over)
            break;
        if (byte == '\n' && lines++ == 0)
            first = at;
    }
    *cut = cut_at(split, at, lines + 1);
    over = (over && state != ENDED) || cut->len > split->limit;
    if (lines > 0 && (state == BROKEN || state == QUOTED || over))
        *cut = cut_at(split, first, 1);
    else
        split->skipping = over;
    return LEAT_OK;
}

int leat__split_next(leat_ctx *ctx, struct leat__split *split,
                     struct leat_csv_record *record)
{
    struct cut cut = {0};
    int status = LEAT_OK;

    while (split->begin == split->end && !split->skipping) {
        if (split->at_end)
            return LEAT_CLOSED;
        if ((status = fill(ctx, split)) != LEAT_OK)
            return status;
    }
    *record = (struct leat_csv_record){.file = split->csv->path,
                                       .line = split->line};
    if (!split->skipping && (status = find_end(ctx, split, &cut)) != LEAT_OK)
        return status;
    if (split->skipping) {
        record->too_long = true;
        return skip_line(ctx, split);
    }
    record->text = split->buffer + split->begin;
    record->len = cut.len;
    split->begin += cut.whole;
    split->line += cut.lines;
    return LEAT_OK;
}

static int check(leat_ctx *ctx, struct leat__split *split,
                 const struct leat_csv *csv)
{
    if (!csv || !csv->path)
        return leat_fail(ctx, LEAT_INVALID, "no path of a CSV file");
    split->csv = csv;
    split->delimiter = csv->delimiter ? csv->delimiter : ',';
    split->limit = csv->max_record ? csv->max_record : usual;
    if (strchr("\"\r\n", split->delimiter) || split->limit > most)
        return leat_fail(ctx, LEAT_INVALID, "%s: not a CSV dialect", csv->path);
    return LEAT_OK;
}

static int open_file(leat_ctx *ctx, struct leat__split *split)
{
    struct stat stat;

    /* O_NONBLOCK: a pipe that nobody writes to is waited for in fill(), under
     * the context. */
    split->fd = open(split->csv->path,
                     O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (split->fd < 0 || fstat(split->fd, &stat) != 0)
        return cannot(ctx, split, errno, "open");
    if (S_ISDIR(stat.st_mode))
        return cannot(ctx, split, EISDIR, "read");
    split->is_file = S_ISREG(stat.st_mode);
    return LEAT_OK;
}

static int start(leat_ctx *ctx, struct leat__split *split)
{
    static const char bom[] = {'\xEF', '\xBB', '\xBF'};
    int status = LEAT_OK;

    while (status == LEAT_OK && !split->at_end && split->end < sizeof bom)
        status = fill(ctx, split);
    if (status != LEAT_OK)
        return status;
    if (split->end >= sizeof bom && memcmp(split->buffer, bom, sizeof bom) == 0)
        split->begin = sizeof bom;
    while (split->begin == split->end && !split->at_end)
        if ((status = fill(ctx, split)) != LEAT_OK)
            return status;
    if (split->begin == split->end)
        return leat_fail(ctx, ENODATA, "%s: the file is empty",
                         split->csv->path);
    return LEAT_OK;
}

int leat__split_open(leat_ctx *ctx, struct leat__split *split,
                     const struct leat_csv *csv)
{
    int status;

    *split = (struct leat__split){.fd = -1, .line = 1, .room = 2 * BLOCK};
    if ((status = check(ctx, split, csv)) != LEAT_OK ||
        (status = open_file(ctx, split)) != LEAT_OK)
        goto failed;
    if (!(split->buffer = malloc(split->room))) {
        status = LEAT_NOMEM;
        goto failed;
    }
    if ((status = start(ctx, split)) != LEAT_OK)
        goto failed;
    return LEAT_OK;
failed:
    leat__split_close(split);
    return status;
}

void leat__split_close(struct leat__split *split)
{
    if (split->fd >= 0)
        close(split->fd);
    free(split->buffer);
    split->fd = -1;
    split->buffer = NULL;
}
