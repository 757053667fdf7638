/* table.h - one pipeline, one fault in one of its stages, and what was seen of
 * it: a cell of the table in test_table.c.
 *
 * Three stages, each with a resource; the sink saves in transactions. What is
 * saved lies in memory that a child shares, which is the disk here: it outlives
 * a crash. After the run the fault is taken out, and what is not on the disk is
 * run again.
 *
 * Nothing is asserted here: the trial is kept, and each principle looks at it.
 *
 * Needs _DEFAULT_SOURCE.
 * SPDX-License-Identifier: MIT */
#ifndef PRINCIPLES_TABLE_H
#define PRINCIPLES_TABLE_H

#include "principles/table_steps.h"
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* What ends the run, besides the fault. */
enum end { BY_ITSELF, BY_TIMEOUT, BY_CANCEL, BY_DEADLINE, BY_CRASH };

#ifdef LEAT_SLOW
#define SHORT (30 * LEAT_MS)
#else
#define SHORT (5 * LEAT_MS)
#endif

static inline void share_trial(void)
{
    t = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (t == MAP_FAILED)
        abort();
}

static inline void set_up(const char *fault, enum end end, int stage,
                          leat_duration unit)
{
    size_t one = 1;
    memset(t, 0, sizeof *t);
    t->unit = unit;
    t->pipeline = (struct leat_pipeline){
        .stages = {
            {"source", make, .out = &thing_type, .resource = &plain},
            {"middle", change, .in = &thing_type, .out = &thing_type,
             .resource = &plain},
            {"sink", save, .in = &thing_type, .resource = &disk},
        },
        .errors = {.name = "errors", .fn = see_failed},
        .trace = see, .events = ~0u, .seed = 1,
        .grace = strstr(fault, "stubborn") ? unit : PATIENCE,
    };
    for (t->count = 0; t->count < ITEMS; t->count++)
        t->todo[t->count] = t->count;
    if (leat_fault_parse(fault, &t->fault, &one, NULL) != LEAT_OK)
        abort();
    if (end == BY_TIMEOUT)
        t->pipeline.stages[stage].timeout = unit;
    t->pipeline.stages[stage] =
        leat_fault_stage(&t->fault, t->pipeline.stages[stage]);
}

static inline void *cancel_at_the_hit(void *arg)
{
    int64_t limit = now() + PATIENCE;
    while (!leat_fault_hits(&t->fault) && now() < limit)
        look_again();
    leat_ctx_cancel(t->ctx, 0);
    return NULL;
}

static inline void run_once(enum end end)
{
    pthread_t thread;
    int64_t start = now();
    t->ctx = leat_ctx_root(end == BY_DEADLINE ? t->unit : 2 * PATIENCE);
    if (end == BY_CANCEL)
        thread_start(&thread, cancel_at_the_hit, NULL);
    t->status = leat_run(t->ctx, &t->pipeline, &t->report);
    t->took = now() - start;
    if (end == BY_CANCEL)
        pthread_join(thread, NULL);
    leat_ctx_free(t->ctx);
}

/* What the disk knows after a crash: the first step that the victim has not
 * passed. */
static inline const char *first_not_past(void)
{
    int s = SOURCE;
    while (s < SINK && t->past[s][VICTIM])
        s++;
    return t->pipeline.stages[s].name;
}

#ifdef LEAT_WATCH
/* Valgrind has much to say of a process that dies with its locks held, but not
 * where somebody else kills it. */
static inline void ask_for_the_end(int signal)
{
    t->killed = signal;
    for (;;)
        pause();
}
#else
#define ask_for_the_end SIG_DFL
#endif

/* In a child, without core files, handlers and words. */
static inline void run_and_crash(void)
{
    int status = 0;
    int64_t start = now();
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGSEGV, ask_for_the_end);
        if (!freopen("/dev/null", "w", stderr))
            _exit(1);
        run_once(BY_CRASH);
        _exit(0);
    }
    while (waitpid(child, &status, WNOHANG) == 0) {
        if (t->killed)
            kill(child, SIGKILL);
        look_again();
    }
    if (WIFSIGNALED(status) && !t->killed)
        t->killed = WTERMSIG(status);
    t->took = now() - start;
    t->crashed_in = first_not_past();
    t->opened = t->closed = 0; /* the process has ended, and all with it */
}

static inline bool all_is_back(void)
{
    pthread_mutex_lock(&lock);
    bool back = t->opened == t->closed;
    pthread_mutex_unlock(&lock);
    return back && token_dropped() == atomic_load(&token_count);
}

/* Who was left behind comes back; all others are back when the run is. */
static inline void let_go(void)
{
    int64_t limit = now() + (t->report.total.abandoned ? PATIENCE : 0);
    leat_fault_switch(&t->fault, false);
    while (!all_is_back() && now() < limit)
        look_again();
}

/* Without the fault. */
static inline void run_again(void)
{
    t->next = t->count = 0;
    for (uint64_t n = 0; n < ITEMS; n++)
        if (!t->past[SINK][n])
            t->todo[t->count++] = n;
    t->saved = ITEMS - (unsigned)t->count;
    t->pipeline.trace = NULL;
    for (int s = SOURCE; s < STAGES; s++)
        t->pipeline.stages[s].timeout = 0;
    leat_ctx *ctx = leat_ctx_root(2 * PATIENCE);
    t->again = leat_run(ctx, &t->pipeline, &t->report_again);
    leat_ctx_free(ctx);
}

/* Times are short, for somebody waits for their end: on a busy machine one may
 * be over before its story has begun, or hit others too. It is told anew, with
 * twice the time. */
static inline void play(const char *fault, enum end end, int stage,
                        bool again)
{
    leat_duration unit = SHORT;
    for (;; unit *= 2) {
        set_up(fault, end, stage, unit);
        if (end == BY_CRASH)
            run_and_crash();
        else
            run_once(end);
        const struct leat_counts *all = &t->report.total;
        bool fair = leat_fault_hits(&t->fault) == 1 &&
                    all->failed + all->abandoned <= 1;
        if (end == BY_CRASH || fair || unit > PATIENCE / 8)
            break;
        let_go();
    }
    let_go();
    if (again)
        run_again();
}

#endif
