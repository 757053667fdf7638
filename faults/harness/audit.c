/* audit.c - an audit as it is asked for: by a function, or by a main().
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "audit.h"
#include <leat/status.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void summarize(const struct leat__plan *plan,
                      struct leat_audit_report *report)
{
    struct leat__text text = leat__text_in(report->text, sizeof report->text);

    report->seed = plan->seed;
    for (size_t i = 0; i < plan->count; i++) {
        enum leat__mark mark = plan->cells[i].mark;

        report->cells += mark >= LEAT__HOLDS;
        report->failed += mark == LEAT__FAILS;
        report->missed += mark == LEAT__MISSED;
        report->once += mark == LEAT__HOLDS && *plan->cells[i].once;
    }
    leat__table_print(plan, &text, false);
}

static void print(const struct leat__plan *plan, FILE *out)
{
    bool colours = isatty(fileno(out)) && !getenv("NO_COLOR");
    char *bytes = malloc(LEAT_AUDIT_TEXT * 2);
    struct leat__text text = leat__text_in(bytes, bytes ? LEAT_AUDIT_TEXT * 2 : 0);

    leat__table_print(plan, &text, colours);
    if (bytes)
        fputs(bytes, out);
    free(bytes);
}

int leat_audit(const struct leat_audit *audit, struct leat_audit_report *report)
{
    struct leat_audit_report *own = calloc(1, sizeof *own);
    struct leat__plan plan;
    bool quiet = report;
    int status = audit ? LEAT_OK : LEAT_INVALID;

    if (report)
        memset(report, 0, sizeof *report);
    else
        report = own;
    if (!own)
        return LEAT_NOMEM;
    if (status == LEAT_OK) {
        status = leat__plan_make(&plan, audit);
        if (status == LEAT_OK) {
            leat__plan_run(&plan);
            summarize(&plan, report);
            status = report->failed ? LEAT_PARTIAL : LEAT_OK;
            if (audit->out)
                print(&plan, audit->out);
            else if (status != LEAT_OK && !quiet)
                print(&plan, stderr);
        }
        leat__plan_free(&plan);
    }
    free(own);
    return status;
}

static int list(const struct leat_audit *audit)
{
    struct leat__plan plan;
    int status = leat__plan_make(&plan, audit);
    char name[96];

    for (size_t i = 0; status == LEAT_OK && i < plan.count; i++)
        if (plan.cells[i].wanted) {
            leat__cell_name(&plan, &plan.cells[i], name, sizeof name);
            puts(name);
        }
    leat__plan_free(&plan);
    return status == LEAT_OK ? 0 : 2;
}

static int usage(const char *program)
{
    fprintf(stderr, "usage: %s [--seed N] [--list] [STAGE/FAULT/WORKERS...]\n",
            program);
    return 2;
}

int leat_audit_main(const struct leat_audit *audit, int argc, char **argv)
{
    struct leat_audit own = *audit;
    char only[1024] = "", *rest = only;
    struct leat__text text = leat__text_in(only, sizeof only);
    bool lists = false;
    int status;

    own.out = audit->out ? audit->out : stdout;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--list") == 0) {
            lists = true;
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            own.seed = strtoull(argv[++i], &rest, 0);
            if (*rest || own.seed == 0)
                return usage(argv[0]);
        } else if (*argv[i] == '-' && argv[i][1] == '-') {
            return usage(argv[0]);
        } else {
            leat__say(&text, "%s ", argv[i]);
        }
    }
    if (*only)
        own.only = only;
    if (lists)
        return list(&own);
    status = leat_audit(&own, NULL);
    if (status == LEAT_INVALID)
        fprintf(stderr, "%s: no such cell, or no pipeline (--list tells)\n",
                argv[0]);
    return status == LEAT_OK ? 0 : status == LEAT_PARTIAL ? 1 : 2;
}
