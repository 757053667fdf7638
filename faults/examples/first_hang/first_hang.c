/* first_hang.c - a function that hangs, in five lines: those with a star.
 * SPDX-License-Identifier: MIT */
#include <leat/fault.h> /* * */
#include <stdio.h>

static leat_ctx *ctx;
static struct leat_fault hang = {.kind = LEAT_FAULT_HANG, .from = 3, .until = 4}; /* * */

static int save(unsigned record)
{
    int error = leat_fault_hit(ctx, &hang, record); /* * */

    if (error)
        return error; /* * */
    printf("saved %u\n", record);
    return 0;
}

int main(void)
{
    int failed = 0;

    ctx = leat_ctx_root(100 * LEAT_MS); /* * nothing hangs longer than this */
    for (unsigned record = 1; record <= 5; record++) {
        int error = save(record);

        if (error)
            printf("not saved: %u, %s\n", record, leat_strstatus(error));
        failed += error != 0;
    }
    printf("%d failed, %d on purpose\n", failed, (int)leat_fault_hits(&hang));
    leat_ctx_free(ctx);
    return 0;
}
