/* signals.c - SIGINT without a handler: a task takes it when it comes, and ends
 * contexts. Once: nothing more is read, and the rest flows out. Twice: what is
 * in hand is given back.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "tour.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

static void only_sigint(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
}

void signals_block(void)
{
    sigset_t set;

    only_sigint(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL); /* threads inherit it */
}

int signals_watch(leat_ctx *ctx, void *arg)
{
    struct tour *tour = arg;
    sigset_t set;
    int times = 0;

    only_sigint(&set);
    while (leat_ctx_left(ctx) > 0) {
        if (sigtimedwait(&set, NULL,
                         &(struct timespec){.tv_nsec = 20000000}) != SIGINT)
            continue;
        times++;
        if (tour->progress)
            fputc('\n', stderr); /* leave the progress line alone */
        if (times == 1)
            complain("stopping: no more is read, the rest flows out "
                     "(once more: cancel)");
        leat_ctx_cancel(times == 1 ? tour->drain : tour->run, SIGINT);
    }
    return LEAT_OK;
}

int tour_stopped(const struct tour *tour)
{
    if (leat_ctx_cause(tour->run) == SIGINT)
        return TOUR_CANCELED;
    return leat_ctx_cause(tour->drain) == SIGINT ? TOUR_DRAINED : TOUR_OK;
}
