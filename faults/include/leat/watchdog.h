/* watchdog.h - who waits for what, when it takes too long.
 *
 *   struct leat_watchdog_options options = {.name = "orders", .ctx = ctx,
 *                                           .deadline = 2 * LEAT_S};
 *   leat_watchdog *dog = leat_watchdog_begin(&options);
 *   ... the test ...
 *   leat_watchdog_end(dog);
 *
 *   orders: a deadlock: all wait, and there is nobody left to wake them
 *     read has ended
 *     parse waits to receive on 'lines' (0/2), which nobody closed; for 60 ms
 *     parse: called from parse_lines (orders.c:41)
 *
 * Two things make it bark: the deadline, and a deadlock, which is told within
 * 100 ms (on a machine that lets it run) and long before any deadline. It
 * prints to standard error what leat_ctx_tasks() knows, and after a deadline
 * also what the system knows of the other threads, then ends the process with
 * one of the two statuses below, by _exit(): nothing else of the process runs
 * any more.
 *
 * Function and line: from dladdr(), and from addr2line where it is installed
 * and the program has debug information, run as a child for 2 s at most; where
 * nothing is known the address is printed, and that nothing is known.
 *
 * A deadlock, exactly: at one look, and again at the next 20 ms later,
 *   - ctx lives, and at least one thread waits under it;
 *   - every task under it waits or has ended; none runs, none sleeps;
 *   - every wait is 50 ms old, was not served, and has no nearer end than ctx's
 *     deadline of its own;
 *   - on Linux: the thread that began the watchdog, and every thread that has
 *     come since, is inside a futex wait, that is: waits for another thread,
 *     and at most one of them that is not known to leat with a time limit
 *     (whoever sits in leat_run() or leat_group_wait()).
 * So it says nothing while anything sleeps, computes, reads or writes. What it
 * cannot know: a thread that is older than the watchdog, a signal handler,
 * another process, and the beginner itself in a timed wait of its own
 * (pthread_cond_timedwait) after which it would close or send; whoever has such
 * a one sets `no_deadlock`. And elsewhere than on Linux, any thread that leat
 * has not started. What it does not see: a deadlock while some other thread
 * works, or while a wait's own timeout is to come (it becomes one after that;
 * a source in leat_run() has its drain to come, at 75 % of the deadline); the
 * deadline is there for those.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_WATCHDOG_H
#define LEAT_WATCHDOG_H

#include <leat/ctx.h>
#include <stdbool.h>

LEAT_BEGIN

enum {
    LEAT_EXIT_DEADLOCK = 92, /* of a process that the watchdog has ended */
    LEAT_EXIT_LATE = 93
};

typedef struct leat_watchdog leat_watchdog;

struct leat_watchdog_options {
    const char *name; /* of what is watched; copied */
    leat_ctx *ctx;    /* the root of all that takes part; it must live until
                         leat_watchdog_end(). NULL: the deadline alone */
    leat_duration deadline; /* must be above 0 */
    bool no_deadlock;       /* only the deadline */

    /* In place of printing and ending the process: called once, from the
     * watchdog's thread; status is one of the two above. */
    void (*bark)(int status, const char *text, void *arg);
    void *arg;
};

/* Starts a thread that watches. NULL: options make no sense, no memory, no
 * thread. */
leat_watchdog *leat_watchdog_begin(const struct leat_watchdog_options *options);

/* Calls it off and waits for its thread. LEAT_OK: it has not barked. Above 0:
 * the status that it has barked with. LEAT_INVALID: dog is NULL, so that a test
 * that was never watched does not pass as one that was. */
int leat_watchdog_end(leat_watchdog *dog);

/* Writes who waits for what under ctx, now, a sentence a line, into text (as
 * snprintf: with a final 0, at most size bytes). Returns the bytes of the
 * whole. 0: ctx is NULL or nobody works under it. */
size_t leat_who_waits(leat_ctx *ctx, char *text, size_t size);

/* "function (file.c:12)" of a code address, as far as it is known, as
 * snprintf. May take a second: it runs addr2line. */
void leat_where(const void *address, char *text, size_t size);

LEAT_END

#endif
