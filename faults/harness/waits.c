/* waits.c - who waits for what, in sentences.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "waits.h"
#include <leat/status.h>
#include <stdlib.h>

bool leat__tasks_list(struct leat__tasks *tasks, leat_ctx *ctx)
{
    while ((tasks->count = leat_ctx_tasks(ctx, tasks->all, tasks->room)) >
           tasks->room) {
        size_t room = tasks->count + 16;
        struct leat_task *all = realloc(tasks->all, room * sizeof *all);

        if (!all) {
            tasks->count = tasks->room;
            return false;
        }
        tasks->all = all;
        tasks->room = room;
    }
    return true;
}

void leat__tasks_free(struct leat__tasks *tasks)
{
    free(tasks->all);
    *tasks = (struct leat__tasks){0};
}

static const char *name_of(const struct leat_task *task)
{
    return *task->name ? task->name : "a thread";
}

static void say_channel(struct leat__text *text, const struct leat_task *task)
{
    leat__say(text, "'%s' ", task->chan);
    if (task->capacity == 0)
        leat__say(text, "(a rendezvous)");
    else
        leat__say(text, "(%zu/%zu)", task->len, task->capacity);
}

static void say_wait(struct leat__text *text, const struct leat_task *task,
                     bool stuck)
{
    if (task->cases == 0) {
        leat__say(text, "sleeps");
    } else if (task->cases > 1) {
        leat__say(text, "waits on %zu channels, the first to %s ", task->cases,
                  task->sending ? "send on" : "receive on");
        say_channel(text, task);
    } else {
        leat__say(text, "waits to %s ",
                  task->sending ? "send on" : "receive on");
        say_channel(text, task);
        if (stuck)
            leat__say(text, ", which nobody %s",
                      task->sending ? "receives from" : "closed");
    }
}

static void say_task(struct leat__text *text, const struct leat_task *task,
                     bool stuck)
{
    leat__say(text, "%s ", name_of(task));
    if (task->state == LEAT_TASK_ENDED) {
        leat__say(text, "has ended");
        if (task->status != LEAT_OK)
            leat__say(text, " with \"%s\"", leat_strstatus(task->status));
        leat__say(text, "\n");
        return;
    }
    if (task->state == LEAT_TASK_RUNNING)
        leat__say(text, "runs");
    else
        say_wait(text, task, stuck);
    leat__say(text, "; for ");
    leat__say_duration(text, task->since);
    leat__say(text, "\n");
}

/* Who has ended first: that is how the story begins. */
void leat__say_waits(struct leat__text *text, const struct leat__tasks *tasks,
                     const char *indent, bool stuck)
{
    for (int ended = 1; ended >= 0; ended--)
        for (size_t i = 0; i < tasks->count; i++)
            if ((tasks->all[i].state == LEAT_TASK_ENDED) == ended) {
                leat__say(text, "%s", indent);
                say_task(text, &tasks->all[i], stuck);
            }
}

void leat__say_callers(struct leat__text *text,
                       const struct leat__tasks *tasks, const char *indent)
{
    char where[512];

    for (size_t i = 0; i < tasks->count; i++) {
        const struct leat_task *task = &tasks->all[i];
        size_t same = 0;

        if (task->state != LEAT_TASK_WAITING)
            continue;
        while (same < i && tasks->all[same].caller != task->caller)
            same++;
        if (same < i) {
            leat__say(text, "%s%s: called from where %s was\n", indent,
                      name_of(task), name_of(&tasks->all[same]));
            continue;
        }
        leat_where(task->caller, where, sizeof where);
        leat__say(text, "%s%s: called from %s\n", indent, name_of(task), where);
    }
}

size_t leat_who_waits(leat_ctx *ctx, char *bytes, size_t size)
{
    struct leat__text text = leat__text_in(bytes, size);
    struct leat__tasks tasks = {0};

    if (!leat__tasks_list(&tasks, ctx))
        leat__say(&text, "no memory to list all of them\n");
    leat__say_waits(&text, &tasks, "", false);
    leat__tasks_free(&tasks);
    return text.length;
}
