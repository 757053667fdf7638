/* progress.c - the progress line.
 *
 * A trace must not wait, and a terminal may (Ctrl-S). So the trace tries to send
 * the counts to a task, and forgets them when that is still writing.
 * SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE
#include "progress.h"
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 256 };

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int width(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || size.ws_col < 2)
        return 79;
    return size.ws_col > LINE ? LINE - 1 : size.ws_col - 1;
}

/* Pads with blanks instead of an escape sequence: this works on any terminal. */
static void rewrite(const char *text)
{
    fprintf(stderr, "\r%-*.*s", width(), width(), text);
}

static void draw(const struct progress *progress,
                 const struct leat_counts *counts, double seconds)
{
    uint64_t done = counts->ok + counts->skipped + counts->failed;
    double rate = seconds > 0 ? (double)done / seconds : 0;
    uint64_t left = progress->expected > done ? progress->expected - done : 0;
    unsigned eta = rate > 0 ? (unsigned)((double)left / rate + 0.5) : 0;
    char bar[] = "....................", text[LINE];

    for (uint64_t i = 0; bar[i] && i * progress->expected < done * 20; i++)
        bar[i] = '#';
    snprintf(text, sizeof text,
             "   act %s [%s] %6ju of %ju, %ju failed, %.0f/s, %u:%02u left",
             progress->part, bar, (uintmax_t)done,
             (uintmax_t)progress->expected, (uintmax_t)counts->failed, rate,
             eta / 60, eta % 60);
    rewrite(text);
}

static int show(leat_ctx *ctx, void *arg)
{
    struct progress *progress = arg;
    struct leat_counts counts;
    double start = now();

    while (leat_recv(ctx, progress->ticks, &counts) == LEAT_OK)
        draw(progress, &counts, now() - start);
    rewrite("");
    fputc('\r', stderr);
    return LEAT_OK;
}

int progress_start(struct progress *progress, leat_ctx *ctx)
{
    progress->ticks =
        leat_chan_new("ticks", LEAT_TYPE(struct leat_counts), 1);
    progress->group = leat_group_new(ctx);
    int status = leat_go(progress->group, "progress", show, progress);
    if (progress->ticks && status == LEAT_OK)
        return LEAT_OK;
    progress_stop(progress);
    return LEAT_NOMEM;
}

void progress_tick(const struct leat_event *event, void *arg)
{
    struct progress *progress = arg;

    if (event->kind == LEAT_EVENT_TICK)
        leat_try_send(progress->ticks, &event->so_far->total);
}

void progress_stop(struct progress *progress)
{
    leat_close(progress->ticks);
    if (progress->group)
        leat_group_wait(progress->group, NULL);
    leat_chan_free(progress->ticks);
}
