/* run.h - one run of one program.
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include <stdint.h>

enum outcome { RAN, WRONG, TOO_LONG };

struct run {
    uint64_t count;  /* items it says it moved */
    double took;     /* seconds it says it took */
    double each;     /* ns an item */
    double cpu;      /* ns of CPU time an item, of the whole process */
    double switches; /* of the process, per 1000 items */
};

/* Runs path WORKLOAD COUNT FILE, for at most limit seconds. */
enum outcome run_program(const char *path, const char *workload, uint64_t count,
                         const char *file, int limit, struct run *run);

/* Seconds of CPU time that the whole machine has used since it was started, or
 * its host has taken from it. */
double machine_cpu(void);

#endif
