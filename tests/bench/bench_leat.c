/* bench_leat.c - the measured program over leat.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "bench_leat.h"

int main(int argc, char **argv)
{
    const char *workload = argc > 2 ? argv[1] : "";
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    int status = bench_channels(workload, count);

    if (status == NOT_MINE)
        status = bench_waits(workload, count);
    if (status == NOT_MINE)
        status = bench_faults(workload, count);
    if (status == NOT_MINE)
        status = bench_pipeline(workload, count);
    if (status == NOT_MINE && argc > 3)
        status = bench_sqlite(workload, argv[3]);
    return status;
}
