/* group.h - threads that end together.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_GROUP_H
#define LEAT_GROUP_H

#include <leat/ctx.h>

LEAT_BEGIN

typedef struct leat_group leat_group;

/* The body of a task. ctx is its own, a child of the group's: it ends with the
 * group. Anything but LEAT_OK is a failure of the group, LEAT_CLOSED as well: a
 * task that has received everything returns LEAT_OK. */
typedef int leat_task_fn(leat_ctx *ctx, void *arg);

/* A group whose tasks live under a child of ctx. Free it with
 * leat_group_wait(). NULL: ctx is NULL, or no memory. */
leat_group *leat_group_new(leat_ctx *ctx);

/* Starts a thread that runs fn(ctx, arg). The first task that returns other
 * than LEAT_OK cancels the rest, with its status as the cause. name is copied
 * (31 bytes) and given to the system, too. LEAT_NOMEM, LEAT_NOTHREAD,
 * LEAT_INVALID: nothing runs; the group remembers the first such failure, so
 * that it is enough to check leat_group_wait(), and is canceled by it. May be
 * called from a task of the group. In a group that has ended the task runs,
 * with an ended ctx. If the group is abandoned, arg must live until the stuck
 * thread returns. */
int leat_go(leat_group *group, const char *name, leat_task_fn *fn, void *arg);

/* Waits until every task has ended, then frees the group and what flows in it
 * (leat/flow.h). LEAT_OK, or the first failure: of a task, of leat_go(), of a
 * function of flow; a task that says LEAT_CANCELED or LEAT_TIMEOUT because the
 * group's context has ended is not the first failure while another is known.
 * Told before any failure: LEAT_ABANDONED, a task still ran a second after the
 * context had ended; it is left alone, and what it uses is kept until it
 * returns. LEAT_LOST, an item of the group was not freed. LEAT_INVALID: group is
 * NULL. Not from a task of the group: it would wait for itself. why, if not
 * NULL, is always filled in and tells more: its stage is the task's name, valid
 * as long as the caller of leat_go() keeps the string. */
int leat_group_wait(leat_group *group, struct leat_error *why);

LEAT_END

#endif
