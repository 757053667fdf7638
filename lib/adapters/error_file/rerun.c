/* rerun.c - an error file as the source of a run.
 *
 * The file is held open and locked from the start of the source until
 * leat_rerun_finish(), which is after the run: what is deleted then is what was
 * read, and nobody else has it meanwhile. It is deleted only if the report says
 * that each of its lines was settled and each failure is in an error file; in
 * every other case it is read again from the start, which has no second effect.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "file.h"
#include "line.h"
#include <errno.h>
#include <fcntl.h>
#include <leat/error_file.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct leat_rerun_state {
    char *path; /* path.rerunning */
    FILE *file;
    uint64_t number; /* of the line read last */
    char *line;      /* of getline() */
    size_t room;
    bool ended;       /* all has been read; by the source's thread */
    atomic_bool open; /* the source may still use it */
};

static void state_free(struct leat_rerun_state *state)
{
    if (state->file)
        fclose(state->file);
    free(state->line);
    free(state->path);
    free(state);
}

static struct leat_rerun_state *state_new(const char *path)
{
    struct leat_rerun_state *state = calloc(1, sizeof *state);
    size_t size = strlen(path) + sizeof ".rerunning";

    if (!state || !(state->path = malloc(size))) {
        free(state);
        return NULL;
    }
    snprintf(state->path, size, "%s.rerunning", path);
    return state;
}

/* Opens path.rerunning, after having made it of path if there is none. */
static int take_up(const char *path, const char *rerunning, int *fd)
{
    int status = leat__file_open(rerunning, O_RDONLY, fd);

    if (status != ENOENT ||
        (status = leat__file_open(path, O_RDONLY, fd)) != LEAT_OK)
        return status;
    /* Only who has path locked makes a path.rerunning of it: so if there is
     * none now, there is none in a moment either. */
    if (access(rerunning, F_OK) == 0)
        status = EBUSY;
    else if (rename(path, rerunning) != 0)
        status = errno;
    else
        status = leat__file_sync_names(path);
    if (status != LEAT_OK)
        close(*fd);
    return status;
}

static int source_open(leat_ctx *ctx, void *arg, void **out)
{
    struct leat_rerun *rerun = arg;
    struct leat_rerun_state *state;
    int status, fd = -1;

    if (!rerun || !rerun->path || rerun->private_)
        return leat_fail(ctx, LEAT_INVALID, "not a fresh re-run with a path");
    if (!rerun->type || !rerun->type->decode)
        return leat_fail(ctx, LEAT_INVALID, "%s: its type has no decode",
                         rerun->path);
    if (!(state = state_new(rerun->path)))
        return LEAT_NOMEM;
    if ((status = take_up(rerun->path, state->path, &fd)) != LEAT_OK) {
        state_free(state);
        return leat__file_fail(ctx, status, rerun->path, "run again");
    }
    if (!(state->file = fdopen(fd, "r"))) {
        close(fd);
        state_free(state);
        return LEAT_NOMEM;
    }
    atomic_init(&state->open, true);
    rerun->private_ = *out = state;
    return LEAT_OK;
}

static void source_close(void *arg)
{
    struct leat_rerun_state *state = arg;
    atomic_store(&state->open, false);
}

static int source_read(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    struct leat_rerun_state *state = arg;
    struct leat__line *line = out;
    ssize_t len;
    bool whole;
    int status;

    errno = 0;
    if ((len = getline(&state->line, &state->room, state->file)) < 0) {
        if (!feof(state->file))
            return leat__file_fail(ctx, errno, state->path, "read");
        state->ended = true;
        return LEAT_CLOSED;
    }
    state->number++;
    whole = state->line[len - 1] == '\n';
    len -= whole;
    if (len == 0)
        return LEAT_SKIP;
    line->path = state->path;
    line->number = state->number;
    if ((status = leat__line_read(line, state->line, (size_t)len)) != LEAT_OK)
        return status;
    if (line->no_json && !whole)
        return LEAT_SKIP;
    if (!line->raw)
        leat_item_set(ctx, line->seq, line->attempts);
    return LEAT_OK;
}

static int decode(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct leat_rerun *rerun = arg;
    const struct leat__line *line = in;
    const char *path = line->path;
    size_t len = strlen(path);
    int status;

    path += len > 80 ? len - 80 : 0;
    if (line->raw)
        return leat_fail(ctx, EBADMSG, "%s:%llu: %s", path,
                         (unsigned long long)line->number, line->problem);
    status = rerun->type->decode(out, line->input, line->len);
    if (status != LEAT_OK)
        leat_fail(ctx, status, "%s:%llu: field input: %s", path,
                  (unsigned long long)line->number, leat_strstatus(status));
    return status;
}

struct leat_stage leat_rerun_source(struct leat_rerun *rerun)
{
    static const struct leat_resource resource = {.open = source_open,
                                                  .close = source_close};

    return (struct leat_stage){
        .name = "rerun",
        .fn = source_read,
        .arg = rerun,
        .out = &leat__line_type,
        .resource = &resource,
    };
}

struct leat_stage leat_rerun_decode(struct leat_rerun *rerun)
{
    return (struct leat_stage){
        .name = "decode",
        .fn = decode,
        .arg = rerun,
        .in = &leat__line_type,
        .out = rerun ? rerun->type : NULL,
    };
}

int leat_rerun(struct leat_pipeline *pipeline, struct leat_rerun *rerun)
{
    struct leat_stage *stages = pipeline ? pipeline->stages : NULL;

    if (!stages || !rerun || !stages[0].fn || !stages[0].out ||
        !stages[0].out->decode || stages[LEAT_STAGES - 1].fn)
        return LEAT_INVALID;
    rerun->type = stages[0].out;
    memmove(stages + 2, stages + 1, (LEAT_STAGES - 2) * sizeof *stages);
    stages[0] = leat_rerun_source(rerun);
    stages[1] = leat_rerun_decode(rerun);
    return LEAT_OK;
}

static bool is_settled(const struct leat_rerun_state *state,
                       const struct leat_report *report)
{
    const struct leat_counts *total = &report->total;

    return state->ended && report->cause.status == LEAT_OK &&
           total->in == state->number &&
           total->in == total->ok + total->skipped + total->failed &&
           report->errors.ok == total->failed;
}

int leat_rerun_finish(struct leat_rerun *rerun,
                      const struct leat_report *report)
{
    struct leat_rerun_state *state = rerun ? rerun->private_ : NULL;
    int status = LEAT_PARTIAL;

    if (!rerun || !report)
        return LEAT_INVALID;
    if (!state)
        return status; /* the run was refused, or there was no file */
    rerun->private_ = NULL;
    if (atomic_load(&state->open))
        return status; /* a stuck source has it: so it stays */
    if (is_settled(state, report)) {
        status = unlink(state->path) == 0 ? leat__file_sync_names(state->path)
                                          : errno;
    }
    state_free(state);
    return status;
}
