/* monitor.c - a run that a person can watch and stop: a progress line, SIGINT
 * once to drain, twice to cancel.
 *
 * The source never ends by itself. On SIGINT it stops, what is under way flows
 * out, and nothing that was read is lost.
 *
 * usage: monitor [items] (a number: after so many it interrupts itself)
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <leat.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A reading of a meter every millisecond. ctx ends when the run drains. */
static int measure(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    uint64_t seq = leat_ctx_item(ctx)->seq;

    if (seq == *(const uint64_t *)arg) {
        kill(getpid(), SIGINT);
        return leat_sleep(ctx, 60 * LEAT_S);
    }
    *(int *)out = (int)(seq * 37 % 100);
    return leat_sleep(ctx, LEAT_MS);
}

static int judge(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    int reading = *(const int *)in;

    if (reading > 95)
        return leat_fail(ctx, ERANGE, "%d is too high", reading);
    *(int *)out = reading;
    return reading < 10 ? LEAT_SKIP : LEAT_OK;
}

static int forget(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    return LEAT_OK;
}

static void watch(const struct leat_event *event, void *arg)
{
    const struct leat_counts *all = &event->so_far->total;

    if (event->kind == LEAT_EVENT_TICK)
        fprintf(stderr, "\r%ju read, %ju saved, %ju failed", (uintmax_t)all->in,
                (uintmax_t)all->ok, (uintmax_t)all->failed);
    else
        fprintf(stderr, "\r%s, worker %u: item %ju: %s\n", event->stage,
                event->worker, (uintmax_t)event->seq,
                leat_strstatus(event->status));
}

struct stop { /* the contexts to end, the second time the second */
    sigset_t signals;
    leat_ctx *drain, *run;
};

/* No handler: a task takes the signal when it comes, and ends contexts. */
static int on_signal(leat_ctx *ctx, void *arg)
{
    struct stop *stop = arg;
    leat_ctx *next[] = {stop->drain, stop->run};

    for (int i = 0; i < 2 && leat_ctx_left(ctx) > 0;)
        if (sigtimedwait(&stop->signals, NULL,
                         &(struct timespec){.tv_nsec = 50000000}) == SIGINT)
            leat_ctx_cancel(next[i++], SIGINT);
    return LEAT_OK;
}

static void print(int status, const struct leat_report *report)
{
    const struct leat_counts *all = &report->total;

    printf("%ju read = %ju ok + %ju skipped + %ju failed + %ju canceled"
           " + %ju abandoned\n",
           (uintmax_t)all->in, (uintmax_t)all->ok, (uintmax_t)all->skipped,
           (uintmax_t)all->failed, (uintmax_t)all->canceled,
           (uintmax_t)all->abandoned);
    for (size_t i = 0; i < report->trouble_count && i < LEAT_TROUBLES; i++)
        printf("%s, worker %u, had item %ju in hand\n",
               report->troubles[i].stage, report->troubles[i].worker,
               (uintmax_t)report->troubles[i].seq);
    puts(leat_strstatus(status));
}

int main(int argc, char **argv)
{
    uint64_t most = argc > 1 ? strtoull(argv[1], NULL, 10) : UINT64_MAX;
    leat_ctx *root = leat_ctx_root(3600 * LEAT_S);
    leat_ctx *run = leat_ctx_new(root, 0), *drain = leat_ctx_new(run, 0);
    struct stop stop = {.drain = drain, .run = run};
    struct leat_pipeline meter = {
        .stages = {
            {"measure", measure, &most, .out = LEAT_TYPE(int)},
            {"judge", judge, .in = LEAT_TYPE(int), .out = LEAT_TYPE(int),
             .workers = 2},
            {"forget", forget, .in = LEAT_TYPE(int)},
        },
        .drain = drain,
        .tick = 100 * LEAT_MS,
        .trace = watch,
    };
    struct leat_report report;

    /* Before any thread starts: they inherit it. */
    sigemptyset(&stop.signals);
    sigaddset(&stop.signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &stop.signals, NULL);

    leat_group *group = leat_group_new(root);
    leat_go(group, "signals", on_signal, &stop);
    int status = leat_run(run, &meter, &report);
    leat_ctx_cancel(root, LEAT_CANCELED);
    leat_group_wait(group, NULL);
    leat_ctx_free(drain);
    leat_ctx_free(run);
    leat_ctx_free(root);

    fputc('\n', stderr);
    print(status, &report);
    return status == LEAT_PARTIAL ? 0 : 1; /* stopped, as it was asked to */
}
