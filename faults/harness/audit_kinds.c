/* audit_kinds.c - the faults of an audit, and when they are due.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "../src/fault_mix.h"
#include "audit.h"
#include <stdio.h>

static const char *const names[LEAT__KINDS] = {
    "clean",      "error", "flaky",       "slow",        "hang",   "stubborn",
    "crash",      "drop",  "close-early", "never-close", "cancel", "deadline"};

const char *leat__kind_name(enum leat__kind kind)
{
    return names[kind];
}

bool leat__kind_fits(const struct leat__plan *plan, enum leat__kind kind,
                     size_t stage)
{
    bool is_leats = plan->audit->build;

    if (kind == LEAT__NEVER_CLOSE)
        return is_leats && stage == 0;
    /* What these are, a foreign stage has other words for, or none. */
    if (kind == LEAT__DROP || kind == LEAT__CLOSE_EARLY || kind == LEAT__FLAKY)
        return is_leats;
    return true;
}

bool leat__kind_is_timed(enum leat__kind kind)
{
    return kind == LEAT__HANG || kind == LEAT__STUBBORN ||
           kind == LEAT__DEADLINE || kind == LEAT__NEVER_CLOSE ||
           kind == LEAT__CANCEL;
}

/* An item in the first half, so that there are some after it. Not of the
 * workers: the same fault at 1 and at 5. */
static uint64_t victim(const struct leat__plan *plan,
                       const struct leat__cell *cell, uint64_t items)
{
    uint64_t die = leat__fault_mix(
        leat__fault_mix(plan->seed) ^
        leat__fault_mix(cell->stage * LEAT__KINDS + (uint64_t)cell->kind));

    return die % (items / 2 + 1);
}

struct leat_fault leat__kind_fault(const struct leat__plan *plan,
                                   const struct leat__cell *cell,
                                   uint64_t items)
{
    uint64_t from = victim(plan, cell, items);
    struct leat_fault fault = {.seed = plan->seed, .from = from};

    switch (cell->kind) {
    case LEAT__ERROR:
        fault = (struct leat_fault){.error = LEAT__INJECTED, .every = 2};
        break;
    case LEAT__FLAKY:
        fault = (struct leat_fault){.error = LEAT_AGAIN, .every = 2,
                                    .attempts = 1};
        break;
    case LEAT__SLOW:
        fault.kind = LEAT_FAULT_SLOW;
        fault.until = from + 8;
        fault.delay = 2 * LEAT_MS;
        fault.jitter = LEAT_MS;
        break;
    case LEAT__HANG:
        fault.kind = LEAT_FAULT_HANG;
        break;
    case LEAT__STUBBORN:
    case LEAT__CANCEL:
    case LEAT__DEADLINE: /* until the hand switches it off */
        fault.kind = LEAT_FAULT_STUBBORN;
        break;
    case LEAT__CRASH:
        fault.kind = LEAT_FAULT_CRASH;
        break;
    case LEAT__DROP:
        fault = (struct leat_fault){.kind = LEAT_FAULT_DROP, .every = 2};
        break;
    case LEAT__CLOSE_EARLY:
        fault.kind = LEAT_FAULT_CLOSE_EARLY;
        break;
    case LEAT__NEVER_CLOSE:
        fault = (struct leat_fault){.kind = LEAT_FAULT_NEVER_CLOSE};
        break;
    case LEAT__CLEAN:
    case LEAT__KINDS:
        fault.off = true;
        break;
    }
    return fault;
}

void leat__cell_name(const struct leat__plan *plan,
                     const struct leat__cell *cell, char *name, size_t size)
{
    snprintf(name, size, "%s/%s/%u",
             cell->kind == LEAT__CLEAN ? "-" : plan->names[cell->stage],
             leat__kind_name(cell->kind), cell->workers);
}
