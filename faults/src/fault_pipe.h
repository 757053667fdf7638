/* fault_pipe.h - what moves the items of a faulty channel.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__FAULT_PIPE_H
#define LEAT__FAULT_PIPE_H

#include "fault_parts.h"

struct leat__fault_held {
    size_t left; /* so many more must come before it goes */
    unsigned char *item;
};

struct leat__fault_pipe {
    struct leat_fault *fault;
    struct leat_type type;
    bool of_flow;
    leat_chan *in, *second, *out; /* second: the tee's other output */
    bool unwanted;                /* who receives from out wants no more */
    unsigned char *item, *copy;   /* one item each */
    size_t window, held_count;
    unsigned char *bytes;         /* of the held ones */
    struct leat__fault_held *held; /* window + 1: one comes, one goes */
    uint64_t number;
};

/* The task; it frees the pipe, whose arg it is. */
int leat__fault_pipe_run(leat_ctx *ctx, void *pipe);
void leat__fault_pipe_free(struct leat__fault_pipe *pipe);

#endif
