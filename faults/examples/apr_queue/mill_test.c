/* mill_test.c - an audit of somebody else's pipeline, by three callbacks.
 *
 *   ./mill_test                 the whole table
 *   ./mill_test work/hang/5     one cell of it
 *
 * The steps do nothing but misbehave.
 * SPDX-License-Identifier: MIT */
#include "mill.h"
#include <apr_general.h>
#include <leat/audit.h>
#include <leat/fault.h>
#include <stdlib.h>

static struct mill *mill; /* one at a time: each cell is a process of its own */

static int read_step(unsigned job, void *run)
{
    return leat_audit_hit(run, "read", job);
}

static int work_step(unsigned job, void *run)
{
    return leat_audit_hit(run, "work", job);
}

static int save_step(unsigned job, void *run)
{
    return leat_audit_hit(run, "save", job);
}

static int start(leat_audit_run *run, unsigned workers, void *arg)
{
    struct mill_steps steps = {read_step, work_step, save_step, run};

    (void)arg;
    mill = mill_start(&steps, workers);
    return mill ? LEAT_OK : LEAT_NOTHREAD;
}

/* When the context ends the mill is stopped: this is all that it must be told. */
static int feed(leat_audit_run *run, uint64_t job, void *arg)
{
    (void)arg;
    while (!mill_feed(mill, (unsigned)job))
        if (leat_sleep(leat_audit_ctx(run), LEAT_MS) != LEAT_OK) {
            mill_stop(mill);
            return LEAT_CANCELED;
        }
    return LEAT_OK;
}

static int stop(leat_audit_run *run, struct leat_counts *counts,
                struct leat_error *why, void *arg)
{
    struct mill_result result;

    (void)arg;
    if (!mill)
        return LEAT_NOTHREAD;
    while (!mill_is_idle(mill))
        if (leat_sleep(leat_audit_ctx(run), LEAT_MS) != LEAT_OK) {
            mill_stop(mill);
            break;
        }
    result = mill_end(mill);
    *counts = (struct leat_counts){
        .in = result.done + result.failed + result.stopped,
        .ok = result.done,
        .failed = result.failed,
        .canceled = result.stopped};
    why->stage = result.why;
    return result.done == counts->in ? LEAT_OK : LEAT_PARTIAL;
}

static long items(void *arg)
{
    (void)arg;
    return mill_jobs();
}

int main(int argc, char **argv)
{
    static const char *const stages[] = {"read", "work", "save", NULL};
    struct leat_audit audit = {.name = "mill", .stages = stages,
                               .start = start, .feed = feed, .stop = stop,
                               .items = items, .deadline = LEAT_S,
                               .grace = 2 * LEAT_S, .at_once = 12, .seed = 1};

    /* Not asked for: a step that is stuck whatever its context says. The mill
     * waits for its threads, so it cannot end before that one. */
    audit.except = "*/stubborn/*";
    apr_initialize();
    atexit(apr_terminate);
    return leat_audit_main(&audit, argc, argv);
}
