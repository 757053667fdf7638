/* audit_table.c - the table of an audit, and what stands below it.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "audit.h"
#include <string.h>

#define RED "\033[31m"
#define GREEN "\033[32m"
#define PLAIN "\033[0m"

static char sign(enum leat__mark mark)
{
    static const char signs[] = " -+F?!";

    return signs[mark];
}

static void say_mark(struct leat__text *text, enum leat__mark mark,
                     bool colours)
{
    const char *colour = !colours               ? NULL
                         : mark == LEAT__HOLDS  ? GREEN
                         : mark >= LEAT__FAILS  ? RED
                                                : NULL;

    leat__say(text, "%s%c%s", colour ? colour : "", sign(mark),
              colour ? PLAIN : "");
}

static const struct leat__cell *find(const struct leat__plan *plan,
                                     size_t stage, enum leat__kind kind,
                                     unsigned workers)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->cells[i].kind == kind && plan->cells[i].stage == stage &&
            plan->cells[i].workers == workers)
            return &plan->cells[i];
    return NULL;
}

/* The mark of both numbers of workers, in a column as wide as its head. */
static void say_cell(const struct leat__plan *plan, struct leat__text *text,
                     size_t stage, enum leat__kind kind, bool colours)
{
    leat__say(text, " ");
    say_mark(text, find(plan, stage, kind, 1)->mark, colours);
    say_mark(text, find(plan, stage, kind, LEAT_AUDIT_WORKERS)->mark, colours);
    leat__say(text, "%*s", (int)strlen(leat__kind_name(kind)) - 2, "");
}

static int width(const struct leat__plan *plan)
{
    size_t most = strlen("(all)");

    for (size_t i = 0; i < plan->stages; i++)
        most = strlen(plan->names[i]) > most ? strlen(plan->names[i]) : most;
    return (int)most;
}

static void say_head(const struct leat__plan *plan, struct leat__text *text)
{
    unsigned cells = 0, failed = 0;

    for (size_t i = 0; i < plan->count; i++) {
        cells += plan->cells[i].mark >= LEAT__HOLDS;
        failed += plan->cells[i].mark == LEAT__FAILS;
    }
    leat__say(text, "%s: %zu stages, %d faults, at 1 and at %d workers, seed "
                    "%llu: ",
              plan->audit->name ? plan->audit->name : "audit", plan->stages,
              LEAT__KINDS - 1, LEAT_AUDIT_WORKERS,
              (unsigned long long)plan->seed);
    if (failed)
        leat__say(text, "%u of %u cells fail\n", failed, cells);
    else
        leat__say(text, "the laws hold in %u cells\n", cells);
}

static void say_rows(const struct leat__plan *plan, struct leat__text *text,
                     bool colours)
{
    int name = width(plan);

    leat__say(text, "%*s", name, "");
    for (int k = LEAT__CLEAN; k < LEAT__KINDS; k++)
        leat__say(text, " %s", leat__kind_name((enum leat__kind)k));
    leat__say(text, "\n%-*s", name, "(all)");
    say_cell(plan, text, 0, LEAT__CLEAN, colours);
    leat__say(text, "\n");
    for (size_t s = 0; s < plan->stages; s++) {
        leat__say(text, "%-*s %*s", name, plan->names[s],
                  (int)strlen(leat__kind_name(LEAT__CLEAN)), "");
        for (int k = LEAT__CLEAN + 1; k < LEAT__KINDS; k++)
            say_cell(plan, text, s, (enum leat__kind)k, colours);
        leat__say(text, "\n");
    }
}

static void say_legend(const struct leat__plan *plan, struct leat__text *text)
{
    bool there[LEAT__UNJUDGED + 1] = {false};

    for (size_t i = 0; i < plan->count; i++)
        there[plan->cells[i].mark] = true;
    leat__say(text, "+ the laws hold (1 worker, then %d)", LEAT_AUDIT_WORKERS);
    if (there[LEAT__FAILS])
        leat__say(text, "  F one does not");
    if (there[LEAT__SENSELESS])
        leat__say(text, "  - makes no sense there");
    if (there[LEAT__MISSED])
        leat__say(text, "  ? met no item");
    if (there[LEAT__UNJUDGED])
        leat__say(text, "  ! not judged: the clean run fails");
    leat__say(text, "\n");
}

static void say_why(const struct leat__plan *plan, struct leat__text *text)
{
    char name[96];

    for (size_t i = 0; i < plan->count; i++) {
        const struct leat__cell *cell = &plan->cells[i];

        leat__cell_name(plan, cell, name, sizeof name);
        if (cell->mark == LEAT__FAILS)
            leat__say(text, "%s: %s\n", name, cell->why);
        else if (*cell->once)
            leat__say(text, "once, and not again alone with twice the time: "
                            "%s: %s\n", name, cell->once);
    }
}

/* Each reason once, however many cells have it. */
static void say_unjudged(const struct leat__plan *plan, struct leat__text *text)
{
    for (int law = 0; law < LEAT__LAWS; law++)
        for (size_t i = 0; i < plan->count; i++) {
            const char *why = plan->cells[i].unjudged[law];
            size_t same = 0;

            while (same < i && strcmp(plan->cells[same].unjudged[law], why))
                same++;
            if (*why && same == i)
                leat__say(text, "not judged: %s: %s\n",
                          leat__law_name((enum leat__law)law), why);
        }
}

void leat__table_print(const struct leat__plan *plan, struct leat__text *text,
                       bool colours)
{
    say_head(plan, text);
    say_rows(plan, text, colours);
    say_legend(plan, text);
    say_why(plan, text);
    say_unjudged(plan, text);
}
