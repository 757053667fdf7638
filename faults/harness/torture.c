/* torture.c - one process for each point, and the verdicts.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* MAP_ANONYMOUS, prctl() */
#include "torture.h"
#include <fcntl.h>
#include <leat/status.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#if defined(__linux__)
#include <sys/prctl.h>
#endif

enum { MOST = 10000 };
static const leat_duration SELDOM = 5 * LEAT_MS; /* between two looks */

#if defined(__GNUC__)
extern void __gcov_dump(void) __attribute__((weak));
#endif

static void be_point(struct leat__torture *torture)
{
    int null = open("/dev/null", O_WRONLY);

#if defined(__linux__)
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
#if defined(__GLIBC__)
    mallopt(M_ARENA_MAX, 1); /* another would count as memory left */
#endif
    if (null >= 0 && torture->silent)
        dup2(null, STDERR_FILENO), dup2(null, STDOUT_FILENO);
    if (null >= 0)
        close(null);
    leat__point_run(torture->asked, &torture->shared->point);
    if (torture->shared->point.fault.nth == 0 &&
        torture->shared->point.verdict == LEAT__GOOD)
        leat__points_count(torture->asked, torture->calls,
                           torture->shared->counts,
                           sizeof torture->shared->counts);
#if defined(__GNUC__)
    if (__gcov_dump)
        __gcov_dump();
#endif
    _exit(0);
}

/* Its wait status; -1: it was killed, for it did not end. */
static int await(const struct leat__torture *torture, pid_t child)
{
    leat_duration limit = torture->asked->limit > 0 ? torture->asked->limit
                                                    : 5 * LEAT_S;
    int64_t until = leat__harness_now() + limit;
    int status;

    for (leat_duration nap = LEAT_MS / 20;; nap += nap < SELDOM ? nap / 4 : 0) {
        if (waitpid(child, &status, WNOHANG) == child)
            return status;
        if (leat__harness_now() > until)
            break;
        leat__nap(nap);
    }
    kill(child, LEAT__LATE);
    for (int i = 0; i < 100 && waitpid(child, &status, WNOHANG) == 0; i++)
        leat__nap(2 * LEAT_MS);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return -1;
}

/* False: no process. */
static bool run(struct leat__torture *torture, struct leat_fault_libc fault)
{
    pid_t child;

    memset(torture->shared, 0, sizeof *torture->shared);
    torture->shared->point.fault = fault;
    fflush(NULL);
    child = fork();
    if (child == 0)
        be_point(torture);
    if (child < 0)
        return false;
    leat__torture_judge(torture, await(torture, child));
    return true;
}

/* Until a run no longer reaches its n. */
static void run_all(struct leat__torture *torture, struct leat_fault_libc fault)
{
    const struct leat_torture *asked = torture->asked;
    const char *only = getenv("LEAT_TORTURE");
    uint64_t nth = asked->nth ? asked->nth : only ? strtoull(only, NULL, 0) : 0;
    uint64_t most = asked->most ? asked->most : MOST;

    for (fault.nth = nth ? nth : 1; nth || fault.nth <= most; fault.nth++) {
        const struct leat__point *point = &torture->shared->point;

        torture->silent = nth == 0;
        if (!run(torture, fault)) {
            leat__say(&torture->text, "  no process\n");
            torture->report->crashes++;
            return;
        }
        if (point->verdict > LEAT__UNDECIDED && point->report.hits == 0)
            return;
        torture->report->runs++;
        if (nth)
            return;
    }
    leat__say(&torture->text, "  more than %llu points: the rest was not "
                              "tried\n", (unsigned long long)most);
    torture->report->crashes++;
}

/* False: it is not worth going on. */
static bool run_clean(struct leat__torture *torture)
{
    struct leat_torture_report *report = torture->report;
    const struct leat__point *point = &torture->shared->point;
    char head[600];
    struct leat__text text = leat__text_in(head, sizeof head);
    const char *name = torture->asked->name ? torture->asked->name : "torture";

    torture->silent = true;
    if (!run(torture, (struct leat_fault_libc){.calls = torture->calls}))
        return false;
    report->points = point->report.reached;
    if (point->verdict != LEAT__GOOD) {
        leat__say(&torture->text, "%s: the clean run is unsound%s%s\n", name,
                  *point->why ? ": " : "", point->why);
        report->crashes += point->verdict == LEAT__UNSOUND;
        return false;
    }
    leat__say(&text, "%s: %llu points: %s\n", name,
              (unsigned long long)report->points, torture->shared->counts);
    leat__say(&torture->text, "%s", head);
    return report->points > 0;
}

static bool is_bad(const struct leat_torture_report *report)
{
    return report->crashes + report->hangs + report->swallowed +
           report->leaks + report->shorts;
}

static void torture_all(struct leat__torture *torture)
{
    const unsigned halves =
        torture->calls & (LEAT_LIBC_READ | LEAT_LIBC_WRITE);

    if (!run_clean(torture))
        return;
    run_all(torture, (struct leat_fault_libc){.calls = torture->calls});
    if (halves)
        run_all(torture, (struct leat_fault_libc){.calls = halves,
                                                  .partial = true});
    leat__say(&torture->text, "%llu runs, each with one failure: %u crashes, %u "
                              "hangs, %u swallowed, %u leaks, %u short\n",
              (unsigned long long)torture->report->runs,
              torture->report->crashes, torture->report->hangs,
              torture->report->swallowed, torture->report->leaks,
              torture->report->shorts);
}

int leat_torture(const struct leat_torture *asked,
                 struct leat_torture_report *report)
{
    struct leat_torture_report *own = calloc(1, sizeof *own);
    struct leat__torture torture = {.asked = asked, .report = report ? report : own};
    bool sound = asked && asked->fn && leat__libc_is_linked();
    int status = sound ? LEAT_OK : LEAT_INVALID;

    if (report)
        memset(report, 0, sizeof *report);
    torture.shared = mmap(NULL, sizeof *torture.shared, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!own || torture.shared == MAP_FAILED)
        status = LEAT_NOMEM;
    if (status == LEAT_OK) {
        torture.text = leat__text_in(torture.report->text, LEAT_TORTURE_TEXT);
        torture.calls = asked->calls ? asked->calls
                                     : LEAT_LIBC_ALL & ~LEAT_LIBC_CLOSE;
        torture_all(&torture);
        status = is_bad(torture.report)      ? LEAT_PARTIAL
                 : torture.report->runs == 0 ? LEAT_INVALID
                                             : LEAT_OK;
        if (asked->out)
            fputs(torture.report->text, asked->out);
        else if (!report && status == LEAT_PARTIAL)
            fputs(own->text, stderr);
    }
    if (torture.shared != MAP_FAILED)
        munmap(torture.shared, sizeof *torture.shared);
    free(own);
    return status;
}
