/* bench_waits.c - leat's waits: ping-pong over two rendezvous, what 8 parked
 * receivers cost in a quiet time, and how long it takes to cancel 8 sleepers.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "bench_leat.h"
#include <leat/chan.h>
#include <leat/group.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

enum { SLEEPERS = 8 };

struct table {
    leat_ctx *ctx;
    leat_chan *there, *back;
};

static void *pong(void *arg)
{
    struct table *table = arg;
    uint64_t value;

    while (leat_recv(table->ctx, table->there, &value) == LEAT_OK) {
        value++;
        if (leat_send(table->ctx, table->back, &value) != LEAT_OK)
            break;
    }
    return NULL;
}

static int ping_pong(const char *workload, uint64_t count)
{
    struct table table = {
        .ctx = leat_ctx_root(600 * LEAT_S),
        .there = leat_chan_new("there", LEAT_TYPE(uint64_t), 0),
        .back = leat_chan_new("back", LEAT_TYPE(uint64_t), 0),
    };
    pthread_t thread;
    uint64_t sum = 0, value;
    double began, took;

    pthread_create(&thread, NULL, pong, &table);
    began = seconds();
    for (uint64_t i = 1; i <= count; i++) {
        if (leat_send(table.ctx, table.there, &i) != LEAT_OK ||
            leat_recv(table.ctx, table.back, &value) != LEAT_OK)
            break;
        sum += value;
    }
    took = seconds() - began;
    leat_close(table.there);
    pthread_join(thread, NULL);
    leat_chan_free(table.there);
    leat_chan_free(table.back);
    leat_ctx_free(table.ctx);
    return result("leat", workload, count, took, sum == triangle(count) + count);
}

static double cpu_seconds(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

/* Until all of them are listed as parked. */
static void await_sleepers(leat_ctx *ctx)
{
    struct leat_task tasks[2 * SLEEPERS];

    for (size_t waiting = 0; waiting < SLEEPERS; sched_yield()) {
        size_t count = leat_ctx_tasks(ctx, tasks, 2 * SLEEPERS);
        waiting = 0;
        for (size_t i = 0; i < count && i < 2 * SLEEPERS; i++)
            waiting += tasks[i].state == LEAT_TASK_WAITING;
    }
}

static int receive(leat_ctx *ctx, void *ch)
{
    uint64_t value;

    return leat_recv(ctx, ch, &value);
}

static void start_sleepers(leat_group *group, leat_ctx *ctx, leat_chan *ch)
{
    for (int i = 0; i < SLEEPERS; i++)
        leat_go(group, "sleeper", receive, ch);
    await_sleepers(ctx);
}

/* CPU time while nothing happens. count is the milliseconds to watch, so the
 * figure is microseconds a second. */
static int idle(const char *workload, uint64_t count)
{
    leat_ctx *ctx = leat_ctx_root(600 * LEAT_S);
    leat_chan *ch = leat_chan_new("quiet", LEAT_TYPE(uint64_t), CAPACITY);
    leat_group *group = leat_group_new(ctx);
    struct timespec quiet = {(time_t)(count / 1000),
                             (long)(count % 1000) * 1000000};
    double used;
    int status;

    start_sleepers(group, ctx, ch);
    used = cpu_seconds();
    nanosleep(&quiet, NULL);
    used = cpu_seconds() - used;
    leat_ctx_cancel(ctx, 0);
    status = leat_group_wait(group, NULL);
    leat_chan_free(ch);
    leat_ctx_free(ctx);
    return result("leat", workload, count, used,
                  status == LEAT_CANCELED);
}

/* From the cancel until all of them have ended; count is how often. */
static int cancel(const char *workload, uint64_t count)
{
    double took = 0;
    bool right = true;

    for (uint64_t i = 0; i < count; i++) {
        leat_ctx *ctx = leat_ctx_root(600 * LEAT_S);
        leat_chan *ch = leat_chan_new("quiet", LEAT_TYPE(uint64_t), CAPACITY);
        leat_group *group = leat_group_new(ctx);
        double began;

        start_sleepers(group, ctx, ch);
        began = seconds();
        leat_ctx_cancel(ctx, 0);
        right &= leat_group_wait(group, NULL) == LEAT_CANCELED;
        took += seconds() - began;
        leat_chan_free(ch);
        leat_ctx_free(ctx);
    }
    return result("leat", workload, count, took, right);
}

int bench_waits(const char *workload, uint64_t count)
{
    if (strcmp(workload, "pingpong") == 0)
        return ping_pong(workload, count);
    if (strcmp(workload, "idle") == 0)
        return idle(workload, count);
    if (strcmp(workload, "cancel") == 0)
        return cancel(workload, count);
    return NOT_MINE;
}
