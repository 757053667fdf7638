/* stage.h - one step: a function from item to item, and how it is to be run.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_STAGE_H
#define LEAT_STAGE_H

#include <leat/item.h>

LEAT_BEGIN

/* One step. in is borrowed and may be read by others at the same time: never
 * written, never freed. out starts zeroed; unless the function returns LEAT_OK
 * leat drops it. A source has in NULL and is called until it says LEAT_CLOSED.
 * A sink has out NULL. Returns
 *   LEAT_OK      *out is made
 *   LEAT_SKIP    filtered out: no failure, no output
 *   LEAT_CLOSED  source: no more; other stages: no more wanted, this item
 *                neither: it and what follows it count as skipped
 *   LEAT_AGAIN   worth another attempt (struct leat_retry)
 *   LEAT_FATAL   the item failed and the run must end
 *   other        the item failed; an error of a source ends the run, LEAT_AGAIN
 *                when its retries are used up. What a source skips counts as read
 * What it returns after its run was canceled counts as canceled unless it is
 * LEAT_OK; after its own timeout, as a timeout (worth another attempt). May be
 * called again for the same in. After LEAT_ABANDONED it may still be running:
 * what arg points to must outlive it. */
typedef int leat_stage_fn(leat_ctx *ctx, const void *in, void *out, void *arg);

/* Says why: the message (as printf, up to 239 bytes) goes with the item, or
 * into the report's cause; the last one counts, and only with a failure.
 * Returns status. Outside a stage only that. */
int leat_fail(leat_ctx *ctx, int status, const char *format, ...)
    LEAT_PRINTF_(3, 4);

/* From long work: "alive, and this far". LEAT_OK, or LEAT_CANCELED or
 * LEAT_TIMEOUT when it is time to stop; LEAT_INVALID: ctx is NULL. Looks at the
 * clock. */
int leat_beat(leat_ctx *ctx, uint64_t done, uint64_t total);

/* What each worker holds: a connection, a file. The stage's fn gets *state as
 * its arg. Every function runs in the worker's thread, except interrupt, and
 * under a deadline; each may use leat_fail(). NULL: nothing to do. */
struct leat_resource {
    /* Once, before the first item. arg is the stage's. LEAT_OK: *state is set.
     * LEAT_AGAIN: tried again as the stage's retry says. Else the run ends with
     * this status. If it fails and has set *state, close is called. */
    int (*open)(leat_ctx *ctx, void *arg, void **state);

    /* Before a batch, with its first item in hand. LEAT_AGAIN: the resource is
     * closed and a new one opened. Else the items of the batch fail, and that
     * counts as an attempt of each. */
    int (*begin)(leat_ctx *ctx, void *state);

    /* After a batch. status LEAT_OK: commit; if that fails with LEAT_AGAIN the
     * batch is redone as the stage's retry says; with anything else it is
     * bisected until the item that cannot be committed fails alone, so
     * committing must be safe to repeat. status other: roll back; the result
     * is ignored, and what was fine is redone. After a cancel ctx is a
     * detached one that lives for three quarters of the grace. */
    int (*end)(leat_ctx *ctx, int status, void *state);

    /* Breaks a blocking call: from another thread, only while fn runs, again
     * and again until it returns. Must not wait: it is called with the
     * worker's lock held. */
    void (*interrupt)(void *state);

    /* Once, after the last item. */
    void (*close)(void *state);
};

/* After LEAT_AGAIN or a timeout. The n-th wait is backoff x 2^(n-1), at most
 * backoff_max, of which a random part between a half and all is waited; the
 * worker goes on with other items meanwhile. The budget is one bucket for the
 * stage: it starts with 100 retries, holds no more than that, and grows by
 * this share of a retry with each new item, so that an outage ends in failures
 * and not in a storm. (A share as large as attempts never runs dry.) */
struct leat_retry {
    unsigned attempts;         /* in all; 0: 1, which is no retry */
    leat_duration backoff;     /* 0: at once */
    leat_duration backoff_max; /* 0: 30 s */
    double budget;             /* a share; 0: 0.2 */
};

typedef struct leat_children leat_children; /* not built yet */

struct leat_stage {
    const char *name; /* must outlive the report */
    leat_stage_fn *fn;
    void *arg;
    const struct leat_type *in, *out; /* must fit the neighbours'; copied */
    size_t capacity;                  /* of its input channel; 0: 64 */
    unsigned workers;                 /* 0: 1; most LEAT_WORKERS */
    bool ordered; /* output in the order of the source: with several workers
                     there, that in which they finished the items. Refused on
                     a sink, which has no output; of a source no matter */
    leat_children *child;             /* not built yet: must be NULL */
    leat_duration timeout;            /* of one attempt; 0: none of its own */
    struct leat_retry retry;
    const struct leat_resource *resource;
    size_t batch; /* most items between begin and end; 0: 1. Of a source: most
                     that it makes before it passes them on, so set it where fn
                     never waits for its input */
    leat_duration linger; /* longest wait for more; 0: takes what is there */
};

enum { LEAT_WORKERS = 1024 };

LEAT_END

#endif
