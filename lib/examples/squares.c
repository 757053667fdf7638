/* squares.c - numbers, squared. SPDX-License-Identifier: MIT */
#include <leat.h>
#include <stdio.h>

static int square(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    *(int *)out = *(const int *)in * *(const int *)in;
    return LEAT_OK;
}

int main(void)
{
    int from[] = {1, 2, 3, 4, 5, 6, 7, 8}, to[8] = {0};
    struct leat_array in = {from, sizeof(int), 8}, out = {to, sizeof(int), 8};
    leat_ctx *ctx = leat_ctx_root(5 * LEAT_S); /* no run without a deadline */
    int status = leat_run(ctx, &(struct leat_pipeline){.stages = {
        {"read", leat_array_read, &in, .out = LEAT_TYPE(int)},
        {"square", square, NULL, LEAT_TYPE(int), LEAT_TYPE(int), .workers = 4},
        {"write", leat_array_write, &out, .in = LEAT_TYPE(int)}}}, NULL);
    for (int i = 0; i < 8; i++)
        printf("%d%s", to[i], i < 7 ? " " : "\n");
    leat_ctx_free(ctx);
    return status != LEAT_OK;
}
