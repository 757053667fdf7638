/* fault_format.c - a line of text that makes the same faults again.
 * SPDX-License-Identifier: MIT */
#include "fault_words.h"
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct writer {
    char *text;
    size_t size, len;
    char next; /* what stands before the next argument */
};

LEAT_PRINTF_(2, 3)
static void put(struct writer *w, const char *format, ...)
{
    size_t room = w->len < w->size ? w->size - w->len : 0;
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(room ? w->text + w->len : NULL, room, format, args);
    va_end(args);
    w->len += len > 0 ? (size_t)len : 0;
}

/* Before each argument. */
static void begin(struct writer *w)
{
    put(w, "%c", w->next);
    w->next = ',';
}

static void put_time(struct writer *w, leat_duration time)
{
    const struct leat__fault_word *unit = leat__fault_units;

    while (time % unit->value != 0)
        unit++;
    put(w, "%lld%s", (long long)(time / unit->value), unit->word);
}

static void put_times(struct writer *w, const struct leat_fault *fault)
{
    if (!fault->delay && !fault->jitter)
        return;
    begin(w);
    put_time(w, fault->delay);
    if (fault->jitter) {
        put(w, "+-");
        put_time(w, fault->jitter);
    }
}

/* The shortest text that is this number again, with a point in any locale. */
static void put_chance(struct writer *w, double chance)
{
    const char *point = localeconv()->decimal_point;
    char text[40], *at;
    int digits = 1;

    do
        snprintf(text, sizeof text, "%.*g", digits, chance);
    while (strtod(text, NULL) != chance && digits++ < 17);
    begin(w);
    at = strstr(text, point);
    if (at)
        put(w, "chance=%.*s.%s", (int)(at - text), text, at + strlen(point));
    else
        put(w, "chance=%s", text);
}

static void put_keys(struct writer *w, const struct leat_fault *fault)
{
    unsigned long long from = fault->from, until = fault->until;

    if (!from && !until)
        return;
    if (until == from + 1 && until)
        put(w, "@%llu", from);
    else if (!until)
        put(w, "@%llu..", from);
    else
        put(w, "@%llu..%llu", from, until);
}

static void put_numbers(struct writer *w, const struct leat_fault *fault)
{
    const struct leat__fault_field *field = leat__fault_fields;
    unsigned long long n = 0;

    for (; field->word; field++) {
        const void *place = (const char *)fault + field->offset;
        switch (field->type) {
        case LEAT__U64:
            n = *(const uint64_t *)place;
            break;
        case LEAT__UNSIGNED:
            n = *(const unsigned *)place;
            break;
        case LEAT__SIZE:
            n = *(const size_t *)place;
            break;
        }
        if (n) {
            begin(w);
            put(w, "%s=%llu", field->word, n);
        }
    }
}

static void put_error(struct writer *w, int error)
{
    const struct leat__fault_word *code = leat__fault_codes;

    if (!error)
        return;
    begin(w);
    while (code->word && code->value != error)
        code++;
    if (code->word)
        put(w, "code=%s", code->word);
    else
        put(w, "code=%d", error);
}

static void put_how(struct writer *w, const struct leat_fault *fault)
{
    const struct leat__fault_how_word *how = leat__fault_hows;

    if (fault->how == LEAT_FAULT_PLAIN)
        return;
    while (how->how != fault->how)
        how++;
    begin(w);
    put(w, "how=%s", how->word);
}

int leat_fault_format(const struct leat_fault *faults, size_t count, char *text,
                      size_t size)
{
    struct writer w = {.text = text, .size = text ? size : 0};

    for (size_t i = 0; i < count; i++) {
        const struct leat_fault *fault = &faults[i];
        if (leat_fault_check(fault))
            return -1;
        put(&w, "%s%s", i ? "+" : "", leat_fault_name(fault->kind));
        put_keys(&w, fault);
        w.next = ':';
        put_times(&w, fault);
        if (fault->chance > 0)
            put_chance(&w, fault->chance);
        put_numbers(&w, fault);
        put_error(&w, fault->error);
        put_how(&w, fault);
        if (fault->off) {
            begin(&w);
            put(&w, "off");
        }
    }
    return count ? (int)w.len : -1;
}
