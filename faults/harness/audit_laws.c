/* audit_laws.c - what must hold after each cell.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "audit.h"
#include <leat/status.h>
#include <stdio.h>
#include <string.h>

static const char *const names[LEAT__LAWS] = {"ends", "account", "blame",
                                              "left", "rerun"};

const char *leat__law_name(enum leat__law law)
{
    return names[law];
}

void leat__broken(leat_audit_run *run, enum leat__law law, const char *format,
                  ...)
{
    struct leat__text text = {.bytes = run->cell->why, .size = LEAT__WHY,
                              .length = strlen(run->cell->why)};
    char why[LEAT__WHY];
    va_list args;

    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    leat__say(&text, "%s%s: %s", *run->cell->why ? "; " : "", names[law], why);
}

void leat__unjudged(leat_audit_run *run, enum leat__law law,
                    const char *format, ...)
{
    char *all = run->cell->unjudged[law];
    struct leat__text text = {.bytes = all, .size = LEAT__ITEM_TEXT,
                              .length = strlen(all)};
    char why[LEAT__ITEM_TEXT];
    va_list args;

    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    leat__say(&text, "%s%s", *all ? "; " : "", why);
}

void leat__judge_end(leat_audit_run *run)
{
    int64_t canceled = atomic_load(&run->canceled);
    int64_t until = canceled ? canceled : run->began + run->deadline;
    char took[32], most[32];
    struct leat__text a = leat__text_in(took, sizeof took);
    struct leat__text b = leat__text_in(most, sizeof most);

    until += run->grace + run->slack;
    if (run->ended <= until)
        return;
    leat__say_duration(&a, run->ended - run->began);
    leat__say_duration(&b, until - run->began);
    leat__broken(run, LEAT__ENDS, "it took %s, and at most %s it may", took,
                 most);
}

void leat__judge_counts(leat_audit_run *run, const char *of,
                        const struct leat_counts *c)
{
    if (c->in != c->ok + c->skipped + c->failed + c->canceled + c->abandoned)
        leat__broken(run, LEAT__ACCOUNT,
                     "of %s %llu came in, but %llu ok + %llu skipped + %llu "
                     "failed + %llu canceled + %llu abandoned",
                     of, (unsigned long long)c->in, (unsigned long long)c->ok,
                     (unsigned long long)c->skipped,
                     (unsigned long long)c->failed,
                     (unsigned long long)c->canceled,
                     (unsigned long long)c->abandoned);
}

/* A line of the scope's report, without its first word. */
static void take_line(leat_audit_run *run, const char *line, size_t length)
{
    const char *prefix = "cell: ";
    char bytes[LEAT__ITEM_TEXT];

    if (length > strlen(prefix)) {
        line += strlen(prefix);
        length -= strlen(prefix);
    }
    snprintf(bytes, sizeof bytes, "%.*s", (int)length, line);
    if (strstr(bytes, ": unknown"))
        leat__unjudged(run, LEAT__LEFT, "%s", bytes);
    else
        leat__broken(run, LEAT__LEFT, "%s", bytes);
}

void leat__judge_left(leat_audit_run *run, const struct leat_scope_report *left)
{
    for (const char *line = left->text, *end; (end = strchr(line, '\n'));
         line = end + 1)
        take_line(run, line, (size_t)(end - line));
}

void leat__judge_blame(leat_audit_run *run, const char *named)
{
    const char *right = run->plan->names[run->cell->stage];

    if (!named)
        leat__broken(run, LEAT__BLAME, "nobody is named, though %s is to blame",
                     right);
    else if (strcmp(named, right) != 0)
        leat__broken(run, LEAT__BLAME, "%s is named, though %s is to blame",
                     named, right);
}

static void judge_status(leat_audit_run *run, int status, int right)
{
    if (status != right)
        leat__broken(run, LEAT__ACCOUNT, "it ended \"%s\" where \"%s\" is true",
                     leat_strstatus(status), leat_strstatus(right));
}

/* Failures that nobody injected must be those of the clean run. */
static void judge_others(leat_audit_run *run, const struct leat_counts *stages)
{
    const struct leat__base *base = run->base;

    for (size_t i = 0; stages && i < run->plan->stages; i++)
        if (i != run->cell->stage && stages[i].failed > base->stages[i].failed)
            leat__broken(run, LEAT__BLAME,
                         "%llu failed in %s, without a fault there",
                         (unsigned long long)(stages[i].failed -
                                              base->stages[i].failed),
                         run->plan->names[i]);
}

static void judge_failures(leat_audit_run *run, const struct leat_counts *total,
                           const struct leat_counts *stages)
{
    uint64_t failed = stages ? stages[run->cell->stage].failed : total->failed;
    uint64_t retried = stages && run->cell->kind == LEAT__FLAKY
                           ? stages[run->cell->stage].retried : 0;
    uint64_t hits = leat_fault_hits(run->fault);

    if (total->canceled == 0 && failed + retried < hits)
        leat__broken(run, LEAT__ACCOUNT,
                     "%llu items were hit, but %llu count as failed",
                     (unsigned long long)hits, (unsigned long long)failed);
    if (stages && total->canceled == 0 && total->in != run->base->total.in)
        leat__broken(run, LEAT__ACCOUNT, "%llu came in, and %llu without a fault",
                     (unsigned long long)total->in,
                     (unsigned long long)run->base->total.in);
    judge_others(run, stages);
}

static bool is_whole(const struct leat_counts *a, const struct leat_counts *b)
{
    return a->in == b->in && a->ok == b->ok && a->skipped == b->skipped &&
           a->failed == b->failed;
}

static void judge_unharmed(leat_audit_run *run, int status,
                           const struct leat_counts *total)
{
    judge_status(run, status, run->base->status);
    if (!is_whole(total, &run->base->total))
        leat__broken(run, LEAT__ACCOUNT,
                     "%llu ok, %llu skipped, %llu failed; without the fault "
                     "%llu, %llu, %llu",
                     (unsigned long long)total->ok,
                     (unsigned long long)total->skipped,
                     (unsigned long long)total->failed,
                     (unsigned long long)run->base->total.ok,
                     (unsigned long long)run->base->total.skipped,
                     (unsigned long long)run->base->total.failed);
}

void leat__judge_fate(leat_audit_run *run, int status,
                      const struct leat_counts *total,
                      const struct leat_counts *stages)
{
    if (status == LEAT_LOST)
        leat__broken(run, LEAT__ACCOUNT, "items were lost");
    if (!run->base || leat_fault_hits(run->fault) == 0)
        return;
    switch (run->cell->kind) {
    case LEAT__ERROR:
    case LEAT__FLAKY:
        judge_failures(run, total, stages);
        break;
    case LEAT__SLOW:
        judge_unharmed(run, status, total);
        break;
    case LEAT__DROP:
        if (total->failed > run->base->total.failed)
            leat__broken(run, LEAT__ACCOUNT, "what was filtered has failed");
        if (stages && stages[run->cell->stage].skipped <
                          leat_fault_hits(run->fault))
            leat__broken(run, LEAT__ACCOUNT,
                         "what was filtered does not count as skipped");
        break;
    case LEAT__CLOSE_EARLY:
        if (total->failed > run->base->total.failed)
            leat__broken(run, LEAT__ACCOUNT, "what was not wanted has failed");
        break;
    case LEAT__STUBBORN:
        if (stages) /* what leat cannot get back it leaves behind */
            judge_status(run, status, LEAT_ABANDONED);
        break;
    case LEAT__DEADLINE:
    case LEAT__NEVER_CLOSE:
        if (stages)
            judge_status(run, status, LEAT_TIMEOUT);
        break;
    case LEAT__CANCEL:
        if (stages)
            judge_status(run, status, LEAT_CANCELED);
        break;
    case LEAT__HANG:
    case LEAT__CLEAN:
    case LEAT__CRASH:
    case LEAT__KINDS:
        break;
    }
}
