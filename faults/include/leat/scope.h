/* scope.h - what a test leaves behind: threads, descriptors, items, memory.
 *
 *   leat_scope *scope = leat_scope_begin("orders", NULL);
 *   ... the test ...
 *   cr_assert_eq(leat_scope_end(scope, NULL), 0);
 *
 * What was there at the begin is nobody's fault; what is there at the end and
 * was not at the begin is named, and the scope's name with it. So the test that
 * left it is blamed, and not the one after it. (A thread left by an earlier test
 * that starts or opens something later is beyond this: stop at the first.)
 * Scopes do not nest across threads and should not overlap.
 *
 * What is counted, and by what:
 *   threads, descriptors   /proc/self; elsewhere unknown
 *   items                  the function that you give; without one unknown
 *   memory                 bytes the C library's allocator has handed out, by
 *                          mallinfo2(); unknown under another allocator (a
 *                          sanitizer's, Valgrind's: they tell it better).
 *                          What the system keeps for the next thread is part of
 *                          it, so a growth below `heap` bytes is not judged
 * Unknown is never success: it is written into the report as such.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_SCOPE_H
#define LEAT_SCOPE_H

#include <leat/abi.h>
#include <leat/status.h>
#include <leat/time.h>
#include <stddef.h>

LEAT_BEGIN

typedef struct leat_scope leat_scope;

struct leat_scope_options {
    long (*items)(void *arg); /* how many are alive now */
    void *arg;
    leat_duration patience; /* for threads that are on their way out; 0: 2 s.
                               Spent only where something is left */
    size_t heap;            /* bytes of growth that are not judged; 0: 64 KiB */
};

enum { LEAT_SCOPE_UNKNOWN = -1 };

/* Counts above 0 are what is left; LEAT_SCOPE_UNKNOWN: nobody can say. */
struct leat_scope_report {
    long threads, descriptors, items;
    long heap;       /* bytes; 0 when the growth is too small to judge */
    char text[2048]; /* a line for each thing left, and for each unknown */
};

/* Notes what is there. The name is copied; options may be NULL. NULL: no
 * memory. */
leat_scope *leat_scope_begin(const char *name,
                             const struct leat_scope_options *options);

/* Compares, and frees the scope. 0: nothing is left, of what could be counted.
 * Above 0: how many kinds of thing are. LEAT_INVALID: scope is NULL. The report
 * tells which; without one it goes to standard error, and only if something is
 * left. From the thread that began it. */
int leat_scope_end(leat_scope *scope, struct leat_scope_report *report);

LEAT_END

#endif
