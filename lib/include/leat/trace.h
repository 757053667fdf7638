/* trace.h - a record of every channel operation under a context: the material
 * of pictures and of post-mortems. Off, it costs one load.
 *
 * A trace is hung on a context; contexts made under that one afterwards, and
 * the tasks and pipelines that run in them, write to it. Each task has a buffer
 * of its own and takes no lock. A full buffer drops what comes after and counts
 * it. leat_close() and try_ take no context: they are recorded if the channel
 * has been used under the trace before.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_TRACE_H
#define LEAT_TRACE_H

#include <leat/ctx.h>
#include <stdio.h>

LEAT_BEGIN

typedef struct leat_trace leat_trace;

/* A trace with room for so many events in each thread's buffer (0: 65536).
 * NULL: no memory. */
leat_trace *leat_trace_new(size_t events);

/* Hangs it on ctx, once, before anybody works under ctx. LEAT_INVALID: a handle
 * is NULL, or ctx has one already. LEAT_NOMEM. */
int leat_trace_attach(leat_trace *trace, leat_ctx *ctx);

/* Writes what has happened so far as text. One event a line, fields separated
 * by one tab, sorted by time:
 *   ns     since leat_trace_new()
 *   thread a small number; the same thread, the same number
 *   name   of the task, or "-"
 *   what   start, end (of a task); send, recv (has happened); send?, recv?
 *          (begins to wait); close; stop (gave up waiting: the context ended,
 *          or the channel was closed)
 *   chan   its name, with tabs and line feeds as '?', or "-"
 *   item   an item's seq, a plain integer's value (types of 1, 2, 4 or 8
 *          bytes), or "-"
 *   count  how many items moved
 * The first line is "# leat trace 1"; a last line "# dropped N" tells that N
 * events did not fit. Everybody who writes to it should have ended: what a
 * running thread writes meanwhile may be missing. LEAT_OK, or LEAT_INVALID,
 * LEAT_NOMEM, or the errno of the write that failed. */
int leat_trace_write(leat_trace *trace, FILE *file);

/* Frees it. The contexts it hung on must have been freed. NULL is ignored. */
void leat_trace_free(leat_trace *trace);

LEAT_END

#endif
