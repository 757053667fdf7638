/* report.h - what became of every item: afterwards, and while it happens.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_REPORT_H
#define LEAT_REPORT_H

#include <leat/status.h>
#include <leat/time.h>
#include <stddef.h>
#include <stdint.h>

LEAT_BEGIN

enum {
    LEAT_STAGES = 16,  /* most stages of a pipeline */
    LEAT_TROUBLES = 32 /* troubles that a report holds */
};

/* Always: in == ok + skipped + failed + canceled + abandoned. A stage counts
 * what was given to its fn, or failed before because begin did or item_timeout
 * was over: that is an attempt, too. The total counts every item once. */
struct leat_counts {
    uint64_t in, ok, skipped, failed, canceled, abandoned;
    uint64_t retried; /* attempts after the first */
};

enum leat_event_kind {
    LEAT_EVENT_OK,      /* an item is through the last stage */
    LEAT_EVENT_SKIP,    /* filtered out */
    LEAT_EVENT_RETRY,   /* will be tried again */
    LEAT_EVENT_FAIL,    /* has failed for good */
    LEAT_EVENT_SILENT,  /* not built yet */
    LEAT_EVENT_CANCEL,  /* was in hand when the run was canceled */
    LEAT_EVENT_ABANDON, /* its worker is stuck and was left behind */
    LEAT_EVENT_LOST,    /* nobody can say what became of it: a bug of leat's */
    LEAT_EVENT_TICK     /* a tick has passed */
};

struct leat_event {
    enum leat_event_kind kind;
    const char *stage; /* NULL in a tick */
    unsigned worker;   /* from 0 */
    uint64_t seq;      /* of the item; UINT64_MAX: none, its worker was opening
                          or closing its resource */
    int status;        /* of RETRY and FAIL: the attempt's; of CANCEL: how the run
                          ended; of ABANDON and LOST: that */
    leat_duration age; /* how long its worker has had it, or its batch, in hand */
    const struct leat_report *so_far; /* never NULL in a trace, where it is
                                         valid during the call; NULL in a
                                         report */
};

struct leat_report {
    struct leat_counts total, stages[LEAT_STAGES]; /* in the pipeline's order */
    struct leat_counts errors; /* of the sink for failed items */
    struct leat_error cause;   /* why the run ended early; status 0: it did not */
    leat_duration elapsed;
    struct leat_event troubles[LEAT_TROUBLES]; /* the first: in hand at the
                                                  cancel, abandoned, lost */
    size_t trouble_count; /* may be more than fit; the trace sees all */
};

LEAT_END

#endif
