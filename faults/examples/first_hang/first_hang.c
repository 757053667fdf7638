/* first_hang.c - a function that hangs, in five lines: the numbered ones. The
 * rest was there before, but for leat_ctx_free() and what names the error.
 * SPDX-License-Identifier: MIT */
#include <leat/fault.h> /* 1 */
#include <stdio.h>

static leat_ctx *ctx;                                          /* 2 */
static struct leat_fault hang = {LEAT_FAULT_HANG, .every = 3}; /* 3 */

static int save(unsigned record)
{
    int error = leat_fault_hit(ctx, &hang, record); /* 4 */

    if (!error)
        printf("saved %u\n", record);
    return error;
}

int main(void)
{
    ctx = leat_ctx_root(100 * LEAT_MS); /* 5: no hang is longer */
    for (unsigned record = 1; record <= 5; record++) {
        int error = save(record);

        if (error)
            printf("not saved: %u, %s\n", record, leat_strstatus(error));
    }
    leat_ctx_free(ctx);
    return 0;
}
