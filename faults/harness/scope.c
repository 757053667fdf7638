/* scope.c - what a test leaves behind.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <leat/scope.h>
#include <leat/status.h>
#include "inside.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAP = 64 * 1024 }; /* glibc: 2 KiB an arena, 8 of them a processor */

struct leat_scope {
    char name[64];
    struct leat_scope_options options;
    struct leat__ids threads, descriptors;
    long items, heap;
};

static long items_now(const leat_scope *scope)
{
    return scope->options.items ? scope->options.items(scope->options.arg)
                                : LEAT_SCOPE_UNKNOWN;
}

leat_scope *leat_scope_begin(const char *name,
                             const struct leat_scope_options *options)
{
    leat_scope *scope = calloc(1, sizeof *scope);

    if (!scope)
        return NULL;
    if (options)
        scope->options = *options;
    if (scope->options.patience <= 0)
        scope->options.patience = 2 * LEAT_S;
    if (scope->options.heap == 0)
        scope->options.heap = HEAP;
    snprintf(scope->name, sizeof scope->name, "%s", name ? name : "scope");
    leat__threads_settle();
    scope->threads = leat__threads();
    scope->descriptors = leat__descriptors();
    scope->items = items_now(scope);
    scope->heap = leat__heap(); /* last: all of the above is in it */
    return scope;
}

/* New, or leads elsewhere now. */
static bool is_new(const struct leat__ids *before, const struct leat__id *id)
{
    const struct leat__id *old = leat__id_find(before, id->id);

    return !old || strcmp(old->name, id->name) != 0;
}

static long count_new(const struct leat__ids *before,
                      const struct leat__ids *now, bool by_name)
{
    long count = 0;

    for (size_t i = 0; i < now->count; i++)
        count += by_name ? is_new(before, &now->all[i])
                         : !leat__id_find(before, now->all[i].id);
    return count;
}

/* Threads on their way out get their time. */
static struct leat__ids threads_left(const leat_scope *scope, long *count)
{
    int64_t until = leat__harness_now() + scope->options.patience;
    struct leat__ids now;

    for (;;) {
        now = leat__threads();
        *count = count_new(&scope->threads, &now, false);
        if (*count == 0 || leat__harness_now() > until)
            break;
        leat__ids_free(&now);
        leat__nap(LEAT_MS / 2);
    }
    if (!now.known || !scope->threads.known)
        *count = LEAT_SCOPE_UNKNOWN;
    return now;
}

static void say_unknown(struct leat__text *text, const leat_scope *scope,
                        const char *what, const char *why)
{
    leat__say(text, "%s: %s: unknown: %s\n", scope->name, what, why);
}

static void judge_threads(leat_scope *scope, struct leat_scope_report *report,
                          struct leat__text *text)
{
    struct leat__ids now = threads_left(scope, &report->threads);

    if (report->threads == LEAT_SCOPE_UNKNOWN)
        say_unknown(text, scope, "threads", "the system does not tell");
    for (size_t i = 0; report->threads > 0 && i < now.count; i++)
        if (!leat__id_find(&scope->threads, now.all[i].id))
            leat__say(text, "%s: left a thread running: '%s' (%ld)\n",
                      scope->name, now.all[i].name, now.all[i].id);
    leat__ids_free(&now);
}

static void judge_descriptors(leat_scope *scope,
                              struct leat_scope_report *report,
                              struct leat__text *text)
{
    struct leat__ids now = leat__descriptors();

    report->descriptors = now.known && scope->descriptors.known
                              ? count_new(&scope->descriptors, &now, true)
                              : LEAT_SCOPE_UNKNOWN;
    if (report->descriptors == LEAT_SCOPE_UNKNOWN)
        say_unknown(text, scope, "descriptors", "the system does not tell");
    for (size_t i = 0; report->descriptors > 0 && i < now.count; i++)
        if (is_new(&scope->descriptors, &now.all[i]))
            leat__say(text, "%s: left a descriptor open: %ld, %s\n",
                      scope->name, now.all[i].id, now.all[i].name);
    leat__ids_free(&now);
}

static void judge_items(leat_scope *scope, struct leat_scope_report *report,
                        struct leat__text *text)
{
    long now = items_now(scope);

    report->items = now - scope->items;
    if (!scope->options.items) {
        report->items = LEAT_SCOPE_UNKNOWN;
        say_unknown(text, scope, "items", "no function counts them");
    } else if (report->items < 0) { /* as wrong as one too few */
        leat__say(text, "%s: released %ld items more than it made\n",
                  scope->name, -report->items);
        report->items = -report->items;
    } else if (report->items > 0) {
        leat__say(text, "%s: left %ld items alive\n", scope->name,
                  report->items);
    }
}

static void judge_heap(leat_scope *scope, struct leat_scope_report *report,
                       struct leat__text *text)
{
    long now = leat__heap();

    report->heap = now - scope->heap;
    if (now < 0 || scope->heap < 0) {
        report->heap = LEAT_SCOPE_UNKNOWN;
        say_unknown(text, scope, "memory",
                    "not the allocator of the C library");
    } else if (report->heap < (long)scope->options.heap) {
        report->heap = 0;
    } else {
        leat__say(text, "%s: left %ld bytes of memory allocated\n",
                  scope->name, report->heap);
    }
}

int leat_scope_end(leat_scope *scope, struct leat_scope_report *report)
{
    struct leat_scope_report own;
    struct leat__text text;
    int left;

    if (!scope)
        return LEAT_INVALID;
    if (!report)
        report = &own;
    *report = (struct leat_scope_report){.threads = 0};
    text = leat__text_in(report->text, sizeof report->text);
    judge_threads(scope, report, &text);
    judge_heap(scope, report, &text); /* before anything else is allocated */
    judge_descriptors(scope, report, &text);
    judge_items(scope, report, &text);
    left = (report->threads > 0) + (report->descriptors > 0) +
           (report->items > 0) + (report->heap > 0);
    if (report == &own && left > 0)
        fputs(own.text, stderr);
    leat__ids_free(&scope->threads);
    leat__ids_free(&scope->descriptors);
    free(scope);
    return left;
}
