/* waits.h - inside the watchdog: what the tasks of a context do, and whether
 * that can ever end.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__HARNESS_WAITS_H
#define LEAT__HARNESS_WAITS_H

#include <leat/watchdog.h>
#include "inside.h"

/* A listing that grows with the need. Zero: empty. */
struct leat__tasks {
    struct leat_task *all;
    size_t count, room;
};

/* False: no memory, and what there is of it is not to be trusted. */
bool leat__tasks_list(struct leat__tasks *tasks, leat_ctx *ctx);
void leat__tasks_free(struct leat__tasks *tasks);

/* A sentence a line. stuck: nobody will come. */
void leat__say_waits(struct leat__text *text, const struct leat__tasks *tasks,
                     const char *indent, bool stuck);

/* From where each that waits was called; slow. */
void leat__say_callers(struct leat__text *text,
                       const struct leat__tasks *tasks, const char *indent);

/* One look; see the header for what a deadlock is. before: the threads that are
 * older than the watch; beginner: who began it; own: the caller, ids of
 * threads. */
bool leat__stuck(leat_ctx *ctx, const struct leat__tasks *tasks,
                 const struct leat__ids *before, long beginner, long own);

#endif
