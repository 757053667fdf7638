/* audit_trial.h - a run of a pipeline of leat's in a cell, for those who judge it.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__HARNESS_AUDIT_TRIAL_H
#define LEAT__HARNESS_AUDIT_TRIAL_H

#include "audit.h"

struct leat__trial {
    leat_audit_run *run;
    struct leat_pipeline pipeline;
    struct leat_report report;
    struct leat__kept *kept; /* NULL: the pipeline keeps its own */
    int status;
    void (*trace)(const struct leat_event *event, void *arg); /* the project's */
    void *trace_arg;
    unsigned events;
    size_t threads; /* before */
    bool stuck;     /* some of the run are still there, and use what it has */
};

/* audit_leat_laws.c */
void leat__trial_account(struct leat__trial *trial);
void leat__trial_blame(struct leat__trial *trial);

#endif
