/* torture_point.c - one point fails, in a process of its own.
 *
 * Between the begin and the end of the fault nothing of ours allocates or opens:
 * it would be counted.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "torture.h"
#include <leat/scope.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* The library that has them is linked by who wants it, and not by us. */
#if defined(__GNUC__)
#pragma weak leat_fault_libc_begin
#pragma weak leat_fault_libc_end
#pragma weak leat_fault_libc_report
extern int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

extern void __sanitizer_set_death_callback(void (*fn)(void))
    __attribute__((weak));

static bool sanitizer_finds(void)
{
    return __lsan_do_recoverable_leak_check &&
           __lsan_do_recoverable_leak_check();
}
#else
static bool sanitizer_finds(void)
{
    return false;
}
#endif

bool leat__libc_is_linked(void)
{
    return leat_fault_libc_begin && leat_fault_libc_end;
}

static struct leat__point *current; /* for the handler; of this process alone */

static void note_call(void)
{
    if (current->armed)
        leat_fault_libc_report(&current->report);
}

/* Before it dies, or is ended for being late: which call it was. */
static void note(int number)
{
    note_call();
    signal(number, SIG_DFL);
    raise(number);
}

static void note_ends(struct leat__point *point)
{
    static const int ends[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT,
                               LEAT__LATE};

    current = point;
#if defined(__GNUC__)
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(note_call);
#endif
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        sigaction(ends[i], &(struct sigaction){.sa_handler = note}, NULL);
}

static int run_once(const struct leat_torture *torture,
                    struct leat__point *point)
{
    int status;

    leat_fault_libc_begin(&point->fault);
    point->armed = true;
    status = torture->fn(torture->arg);
    point->armed = false;
    leat_fault_libc_end(&point->report);
    return status;
}

static void decide(struct leat__point *point, enum leat__verdict verdict,
                   const char *why)
{
    struct leat__text text = leat__text_in(point->why, sizeof point->why);

    point->verdict = verdict;
    leat__say(&text, "%s", why);
}

/* The lines of a scope's report that tell of something left. */
static void decide_left(struct leat__point *point, const char *lines)
{
    struct leat__text text = leat__text_in(point->why, sizeof point->why);

    point->verdict = LEAT__LEAKED;
    for (const char *end; (end = strchr(lines, '\n')); lines = end + 1) {
        const char *line = strchr(lines, ' ') + 1; /* after the name */
        int length = (int)(end - line);

        if (length < 9 || !memchr(line, ':', (size_t)length) ||
            !strstr(line, ": unknown") || strstr(line, ": unknown") > end)
            leat__say(&text, "%s%.*s", text.length ? "; " : "", length, line);
    }
}

/* What is left for good is left by the same run the next time, too. */
static bool leaks(const struct leat_torture *torture, struct leat__point *point,
                  int *status)
{
    struct leat_scope_options options = {.items = torture->items,
                                         .arg = torture->arg, .heap = 1,
                                         .patience = LEAT_S / 2};
    static struct leat_scope_report left;

    for (int again = 0; again < 3; again++) {
        leat_scope *scope = leat_scope_begin("torture", &options);

        *status = run_once(torture, point);
        if (leat_scope_end(scope, &left) == 0)
            return false;
        if (left.threads > 0 || left.descriptors > 0 || left.items > 0)
            break;
    }
    decide_left(point, left.text);
    return true;
}

void leat__point_run(const struct leat_torture *torture,
                     struct leat__point *point)
{
    struct leat_fault_libc none = point->fault, wanted = point->fault;
    int status;

    leat__threads_settle();
    note_ends(point);
    none.nth = 0;
    point->fault = none;
    status = run_once(torture, point);
    point->fault = wanted;
    if (status != 0) {
        decide(point, LEAT__UNSOUND, "without any failure it fails");
        return;
    }
    if (leaks(torture, point, &status))
        return;
    if (sanitizer_finds())
        decide(point, LEAT__LEAKED, "memory, says LeakSanitizer");
    else if (point->report.hits == 0 || point->fault.nth == 0)
        decide(point, LEAT__GOOD, "");
    else if (point->fault.partial && status != 0)
        decide(point, LEAT__SHORT, "it fails, though half was done");
    else if (!point->fault.partial && status == 0 && !torture->may_succeed)
        decide(point, LEAT__SWALLOWED, "it says success");
    else
        decide(point, LEAT__GOOD, "");
}

void leat__points_count(const struct leat_torture *torture, unsigned calls,
                        char *bytes, size_t size)
{
    static const char *const names[] = {
        "malloc", "calloc", "realloc", "aligned_alloc", "strdup", "strndup",
        "pthread_create", "pthread_mutex_init", "pthread_cond_init", "read",
        "write", "fsync", "fdatasync", "open", "close"};
    struct leat__text text = leat__text_in(bytes, size);

    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        struct leat__point point = {.fault = {.calls = calls & (1u << i)}};

        if (point.fault.calls == 0)
            continue;
        run_once(torture, &point);
        if (point.report.reached)
            leat__say(&text, "%s%s %llu", text.length ? ", " : "", names[i],
                      (unsigned long long)point.report.reached);
    }
}
