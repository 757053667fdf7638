/* fault_check.c - what makes no sense in a fault.
 * SPDX-License-Identifier: MIT */
#include "fault_parts.h"

/* Which kind each way of misbehaving belongs to. */
static bool how_fits(const struct leat_fault *fault)
{
    switch (fault->how) {
    case LEAT_FAULT_PLAIN:
        return true;
    case LEAT_FAULT_SPIN:
    case LEAT_FAULT_LOCK:
    case LEAT_FAULT_READ:
        return fault->kind == LEAT_FAULT_STUBBORN;
    case LEAT_FAULT_TAIL:
        return fault->kind == LEAT_FAULT_SLOW;
    case LEAT_FAULT_ABORT:
    case LEAT_FAULT_EXIT:
        return fault->kind == LEAT_FAULT_CRASH;
    case LEAT_FAULT_FD:
        return fault->kind == LEAT_FAULT_LEAK;
    }
    return false;
}

static const char *check_times(const struct leat_fault *fault)
{
    const leat_duration century = 36600 * INT64_C(86400) * LEAT_S;

    if (fault->delay < 0 || fault->jitter < 0)
        return "delay or jitter is below 0";
    if (fault->delay > century || fault->jitter > century)
        return "delay or jitter is above a hundred years";
    if (fault->kind == LEAT_FAULT_SLOW)
        return fault->jitter && fault->how == LEAT_FAULT_TAIL
                   ? "a long tail has no jitter"
                   : NULL;
    if (fault->jitter || fault->rate)
        return "jitter and rate are for slow only";
    if (fault->delay && fault->kind != LEAT_FAULT_STUBBORN)
        return "delay is for slow and stubborn only";
    return NULL;
}

/* A field that would be ignored is a mistake somebody has made. */
static const char *check_kind(const struct leat_fault *fault)
{
    bool exits = fault->kind == LEAT_FAULT_CRASH &&
                 fault->how == LEAT_FAULT_EXIT;

    if (!leat_fault_name(fault->kind))
        return "there is no such kind";
    if (!how_fits(fault))
        return "how is of another kind";
    if (exits && (fault->error < 0 || fault->error > 255))
        return "an exit status is from 0 to 255";
    if (fault->error && fault->kind != LEAT_FAULT_ERROR && !exits)
        return "error is for error and for crash by exit only";
    if (fault->size &&
        (fault->kind != LEAT_FAULT_LEAK || fault->how == LEAT_FAULT_FD))
        return "size is for leak of memory only";
    if (fault->window && fault->kind != LEAT_FAULT_REORDER)
        return "window is for reorder only";
    if (fault->window > 64)
        return "window is above 64";
    if (fault->corrupt && fault->kind != LEAT_FAULT_CORRUPT)
        return "the function corrupt is for corrupt only";
    return NULL;
}

static const char *check_keys(const struct leat_fault *fault)
{
    bool keyed = fault->from || fault->until || fault->every ||
                 fault->attempts || fault->chance > 0;

    if (!(fault->chance >= 0 && fault->chance <= 1)) /* nor a NaN */
        return "chance is not from 0 to 1";
    if (fault->until && fault->until <= fault->from)
        return "until is not above from";
    if (fault->attempts > 0xffff)
        return "attempts is above 65535";
    if (fault->kind == LEAT_FAULT_NEVER_CLOSE && keyed)
        return "never-close has no keys";
    return NULL;
}

const char *leat_fault_check(const struct leat_fault *fault)
{
    const char *wrong = check_kind(fault);

    if (!wrong)
        wrong = check_times(fault);
    return wrong ? wrong : check_keys(fault);
}
