/* bench_fault.c - what a fault costs the code it is put into: dormant, and
 * awake but not due.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "bench_leat.h"
#include <leat/fault.h>

/* A function that knows nothing of faults but one call at its head. Not
 * inlined: as in a program. */
__attribute__((noinline)) static int handle(struct leat_fault *fault,
                                            uint64_t *sum)
{
    int error = leat_fault_hit(NULL, fault, LEAT_FAULT_CALL);

    if (error)
        return error;
    *sum += 1;
    return LEAT_OK;
}

__attribute__((noinline)) static int handle_plain(struct leat_fault *fault,
                                                  uint64_t *sum)
{
    *sum += fault != NULL;
    return LEAT_OK;
}

static int calls(const char *workload, uint64_t count, struct leat_fault fault,
                 int (*fn)(struct leat_fault *, uint64_t *))
{
    uint64_t sum = 0, errors = 0;
    double began = seconds();

    for (uint64_t i = 0; i < count; i++)
        errors += fn(&fault, &sum) != LEAT_OK;
    return result("leat", workload, count, seconds() - began,
                  sum == count && errors == 0);
}

int bench_faults(const char *workload, uint64_t count)
{
    if (strcmp(workload, "fault-none") == 0)
        return calls(workload, count, (struct leat_fault){.off = true},
                     handle_plain);
    if (strcmp(workload, "fault-off") == 0)
        return calls(workload, count, (struct leat_fault){.off = true}, handle);
    if (strcmp(workload, "fault-not-due") == 0)
        return calls(workload, count,
                     (struct leat_fault){.from = UINT64_MAX - 1}, handle);
    return NOT_MINE;
}
