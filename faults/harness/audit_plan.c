/* audit_plan.c - which cells there are, and which are wanted.
 * SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "audit.h"
#include <fnmatch.h>
#include <leat/status.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Whether one of the patterns fits. */
static bool fits(const char *patterns, const char *name)
{
    char pattern[128];

    while (*patterns) {
        size_t length = strcspn(patterns, " ");

        if (length > 0 && length < sizeof pattern) {
            memcpy(pattern, patterns, length);
            pattern[length] = '\0';
            if (fnmatch(pattern, name, 0) == 0)
                return true;
        }
        patterns += length + (patterns[length] == ' ');
    }
    return false;
}

static void take_name(struct leat__plan *plan, const char *name)
{
    snprintf(plan->names[plan->stages], sizeof *plan->names, "%s",
             name ? name : "");
    if (!*plan->names[plan->stages])
        snprintf(plan->names[plan->stages], sizeof *plan->names, "stage %zu",
                 plan->stages);
    plan->stages++;
}

/* In a process of its own, for whatever build does there: its names come out
 * through the shared memory. */
static void build_and_tell(struct leat__plan *shared)
{
    struct leat_pipeline pipeline = {.seed = 0};

    if (shared->audit->build(&pipeline, 1, shared->audit->arg) != LEAT_OK)
        return;
    for (size_t i = 0; i < LEAT_STAGES && pipeline.stages[i].fn; i++)
        take_name(shared, pipeline.stages[i].name);
}

static void *share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

static int ask_names(struct leat__plan *plan)
{
    struct leat__plan *shared = share(sizeof *shared);
    pid_t child;

    if (!shared)
        return LEAT_NOMEM;
    *shared = *plan;
    fflush(NULL);
    child = fork();
    if (child == 0) {
        build_and_tell(shared);
        _exit(0);
    }
    if (child > 0)
        waitpid(child, NULL, 0);
    plan->stages = shared->stages;
    memcpy(plan->names, shared->names, sizeof plan->names);
    munmap(shared, sizeof *shared);
    return child < 0 ? LEAT_NOMEM : plan->stages > 0 ? LEAT_OK : LEAT_INVALID;
}

static void add(struct leat__plan *plan, size_t stage, enum leat__kind kind,
                unsigned workers, const char *only, const char *except)
{
    struct leat__cell *cell = &plan->cells[plan->count++];
    char name[96];

    *cell = (struct leat__cell){.stage = stage, .kind = kind,
                                .workers = workers};
    leat__cell_name(plan, cell, name, sizeof name);
    if (!leat__kind_fits(plan, kind, stage))
        cell->mark = LEAT__SENSELESS;
    else
        cell->wanted = (!only || fits(only, name)) &&
                       !(except && fits(except, name));
}

static bool is_sound(const struct leat_audit *audit)
{
    bool foreign = audit->stages && audit->stages[0] && audit->start &&
                   audit->feed && audit->stop;

    return audit->build ? !audit->stages : foreign;
}

static int count_wanted(const struct leat__plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->cells[i].wanted)
            return LEAT_OK;
    return LEAT_INVALID;
}

int leat__plan_make(struct leat__plan *plan, const struct leat_audit *audit)
{
    const char *only = audit->only ? audit->only : getenv("LEAT_AUDIT");
    const char *seed = getenv("LEAT_SEED");
    int status = LEAT_OK;

    *plan = (struct leat__plan){.audit = audit, .seed = audit->seed};
    if (!is_sound(audit))
        return LEAT_INVALID;
    if (plan->seed == 0)
        plan->seed = seed ? strtoull(seed, NULL, 0) : 1;
    if (audit->build)
        status = ask_names(plan);
    for (size_t i = 0; !audit->build && i < LEAT_STAGES && audit->stages[i]; i++)
        take_name(plan, audit->stages[i]);
    if (status != LEAT_OK)
        return status;
    plan->count = 2 + plan->stages * (LEAT__KINDS - 1) * 2;
    plan->cells = share(plan->count * sizeof *plan->cells);
    if (!plan->cells)
        return LEAT_NOMEM;
    plan->count = 0;
    for (unsigned w = 1; w <= LEAT_AUDIT_WORKERS; w += LEAT_AUDIT_WORKERS - 1)
        add(plan, 0, LEAT__CLEAN, w, only, audit->except);
    for (size_t s = 0; s < plan->stages; s++)
        for (int k = LEAT__CLEAN + 1; k < LEAT__KINDS; k++)
            for (unsigned w = 1; w <= LEAT_AUDIT_WORKERS;
                 w += LEAT_AUDIT_WORKERS - 1)
                add(plan, s, (enum leat__kind)k, w, only, audit->except);
    return count_wanted(plan);
}

void leat__plan_free(struct leat__plan *plan)
{
    if (plan->cells)
        munmap(plan->cells, plan->count * sizeof *plan->cells);
    *plan = (struct leat__plan){.count = 0};
}

struct leat__cell *leat__plan_clean(const struct leat__plan *plan,
                                    unsigned workers)
{
    return &plan->cells[workers > 1];
}
