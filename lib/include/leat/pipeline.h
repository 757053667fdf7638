/* pipeline.h - stages in an array, run to the end.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_PIPELINE_H
#define LEAT_PIPELINE_H

#include <leat/report.h>
#include <leat/stage.h>

LEAT_BEGIN

/* When too many items fail, the run stops. Counts distinct items, never
 * attempts, never canceled ones. Zero: no limit. */
struct leat_threshold {
    uint64_t errors; /* the run stops at the so many-th failed item */
    double ratio;    /* above this share of failures ... */
    uint64_t window; /* ... among the last so many items; 0: 1000 */
    uint64_t sample; /* never before so many have ended; 0: the window */
};

struct leat_pipeline {
    /* A source, then to the first without fn; the last is the sink, which must
     * not be ordered. */
    struct leat_stage stages[LEAT_STAGES];

    /* A sink for failed items: its fn is given a const struct leat_item *. An
     * item counts as failed when this has returned. It is retried by its own
     * retry; when it fails for good, the run ends with that status. The field in
     * may be NULL; if it names a type with an encode, the source's type must have
     * encode and decode. No fn: failed items are only counted. */
    struct leat_stage errors;

    struct leat_threshold threshold;
    leat_duration item_timeout; /* of one item, source to sink; 0: none */
    size_t in_flight; /* most items at a time; 0: the sum of all capacities
                         and of workers x batch */

    /* Any context: when it ends, the source stops and the rest flows out. NULL: at 75 % of
     * the deadline; a run whose source is broken off by that ends
     * LEAT_TIMEOUT. */
    leat_ctx *drain;

    leat_duration grace;   /* from the cancel to abandoning; 0: 1 s. The errors
                              sink has as long again */
    unsigned spares;       /* not built yet: must be 0 */
    leat_duration silence; /* not built yet: must be 0 */
    leat_duration tick;    /* a LEAT_EVENT_TICK every so often; 0: never */

    /* Called one at a time, from any thread; must not wait. events: bits
     * 1u << kind; 0: all but OK and SKIP. */
    void (*trace)(const struct leat_event *event, void *arg);
    void *trace_arg;
    unsigned events;

    uint64_t seed; /* of every random decision */
};

/* Runs it until the source has ended and everything has flowed out, or until
 * ctx ends; returns when everything it started has ended. The pipeline is
 * copied; the report may be NULL. Statuses, the worst that is true:
 *   LEAT_LOST       the account does not add up: a bug of leat's
 *   LEAT_ABANDONED  a worker was stuck in its function `grace` after the cancel
 *                   and was left behind; its item is named in troubles, its
 *                   late result is never used, its memory kept until it
 *                   returns. Restart the process when you can
 *   LEAT_FATAL, LEAT_NOMEM, LEAT_NOTHREAD, or the application's own: a stage
 *                   said LEAT_FATAL, or a source, a resource or the errors sink
 *                   failed with this
 *   LEAT_THRESHOLD  too many items failed
 *   LEAT_TIMEOUT    the deadline of ctx passed, or broke off the source
 *   LEAT_CANCELED   ctx was canceled
 *   LEAT_PARTIAL    ended in order, but items failed or `drain` stopped the
 *                   source
 *   LEAT_OK         every item is ok or skipped
 *   LEAT_INVALID    nothing was run; the report is empty but for the cause,
 *                   which says what is wrong
 * Except after LEAT_INVALID, the report's counts always add up. */
int leat_run(leat_ctx *ctx, const struct leat_pipeline *pipeline,
             struct leat_report *report);

LEAT_END

#endif
