/* fault_hit.c - what a fault does to the code it is put into.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "fault_parts.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void crash(const struct leat_fault *fault)
{
    if (fault->how == LEAT_FAULT_EXIT)
        exit(fault->error ? fault->error : EXIT_FAILURE);
    if (fault->how == LEAT_FAULT_PLAIN)
        raise(SIGSEGV);
    abort(); /* also when somebody ignores the signal */
}

static void leak(const struct leat_fault *fault)
{
    void *volatile forgotten;
    size_t size = fault->size ? fault->size : 64;

    if (fault->how == LEAT_FAULT_FD) {
        open("/dev/null", O_RDONLY | O_CLOEXEC);
        return;
    }
    forgotten = malloc(size);
    if (forgotten)
        memset(forgotten, 0, size); /* so that it costs real pages */
    forgotten = NULL;
}

static int fail(leat_ctx *ctx, const struct leat_fault *fault, uint64_t key)
{
    int error = fault->error ? fault->error : EIO;

    return ctx ? leat_fail(ctx, error, "a fault put in on purpose, at %llu",
                           (unsigned long long)key)
               : error;
}

static int act(leat_ctx *ctx, struct leat_fault *fault, uint64_t key)
{
    switch (fault->kind) {
    case LEAT_FAULT_ERROR:
        return fail(ctx, fault, key);
    case LEAT_FAULT_SLOW:
        return leat__fault_sleep(ctx, fault, leat__fault_delay(fault, key));
    case LEAT_FAULT_HANG:
        return leat__fault_sleep(ctx, fault, LEAT__FOREVER);
    case LEAT_FAULT_STUBBORN:
        leat__fault_stubborn(fault);
        return LEAT_OK;
    case LEAT_FAULT_CRASH:
        crash(fault);
        return LEAT_OK;
    case LEAT_FAULT_LEAK:
        leak(fault);
        return LEAT_OK;
    case LEAT_FAULT_DROP:
        return LEAT_SKIP;
    case LEAT_FAULT_CLOSE_EARLY:
        return LEAT_CLOSED;
    default: /* needs a value, or an end, to work on */
        return LEAT_INVALID;
    }
}

static bool makes_sense(const leat_ctx *ctx, const struct leat_fault *fault)
{
    switch (fault->kind) {
    case LEAT_FAULT_SLOW:
    case LEAT_FAULT_HANG:
        return ctx && !leat_fault_check(fault);
    case LEAT_FAULT_DUPLICATE:
    case LEAT_FAULT_REORDER:
    case LEAT_FAULT_CORRUPT:
    case LEAT_FAULT_NEVER_CLOSE:
        return false;
    default:
        return !leat_fault_check(fault);
    }
}

int leat_fault_hit_(leat_ctx *ctx, struct leat_fault *fault, uint64_t key)
{
    int status = LEAT_OK;

    if (!fault || leat__fault_get(fault->off))
        return LEAT_OK;
    if (!makes_sense(ctx, fault))
        return LEAT_INVALID;
    if (fault->how == LEAT_FAULT_LOCK)
        pthread_mutex_lock(&fault->private_.held);
    if (leat__fault_turn(fault, &key))
        status = act(ctx, fault, key);
    if (fault->how == LEAT_FAULT_LOCK)
        pthread_mutex_unlock(&fault->private_.held);
    return status;
}
