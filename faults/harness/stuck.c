/* stuck.c - whether nothing can wake those who wait.
 *
 * What leat knows is sound by itself: the listing is made under one lock that
 * everybody takes who parks, so when all tasks are listed as waiting and none as
 * woken, whatever they did before they parked has had its effect. The rest is
 * about threads that leat does not know: the system is asked whether each of
 * them waits for another thread, too.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "waits.h"

static const leat_duration QUIET = 50 * LEAT_MS; /* a wait that is to count */
static const leat_duration NEARER = 5 * LEAT_MS; /* two looks at the clock */

/* All wait, and for each other. How many. */
static bool all_wait(leat_ctx *ctx, const struct leat__tasks *tasks,
                     size_t *waiting)
{
    leat_duration left = leat_ctx_left(ctx);

    *waiting = 0;
    for (size_t i = 0; i < tasks->count; i++) {
        const struct leat_task *task = &tasks->all[i];

        if (task->state == LEAT_TASK_ENDED)
            continue;
        if (task->cases == 0 || /* it runs, or sleeps */
            task->woken || task->since < QUIET || task->left < left - NEARER)
            return false;
        ++*waiting;
    }
    return *waiting > 0 && left > 0;
}

/* Nobody else is at work. */
static bool threads_wait(const struct leat__ids *before, long beginner,
                         long own, size_t waiting)
{
    struct leat__ids now = leat__threads();
    size_t timed = 0;
    bool wait = true;

    for (size_t i = 0; now.known && i < now.count && wait; i++) {
        long id = now.all[i].id;
        struct leat__doing doing;

        if (id == own || (id != beginner && leat__id_find(before, id)))
            continue;
        doing = leat__thread_doing(id);
        wait = doing.does == LEAT__FUTEX;
        timed += doing.timed;
    }
    leat__ids_free(&now);
    return wait && timed <= waiting + 1;
}

bool leat__stuck(leat_ctx *ctx, const struct leat__tasks *tasks,
                 const struct leat__ids *before, long beginner, long own)
{
    size_t waiting;

    return leat_ctx_cause(ctx) == LEAT_OK && all_wait(ctx, tasks, &waiting) &&
           threads_wait(before, beginner, own, waiting);
}
