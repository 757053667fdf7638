/* fault_parse.c - faults from one line of text.
 *
 *   text  := fault { "+" fault }
 *   fault := kind [ "@" keys ] [ ":" arg { "," arg } ]
 *   keys  := N | N ".." | ".." N | N ".." N
 *   arg   := time [ "+-" time ] | "off" | name "=" value
 *
 * By descent. It is read twice: once for mistakes, once into the faults, which
 * are therefore written all or not at all.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "fault_read.h"
#include <string.h>

/* --- arguments --- */

static void number_arg(struct leat__reader *r, struct leat_fault *fault,
                       const struct leat__fault_field *field)
{
    void *place = (char *)fault + field->offset;
    const char *from = r->at;
    uint64_t most = field->type == LEAT__UNSIGNED ? UINT32_MAX : UINT64_MAX;
    uint64_t n = leat__read_number(r, most, "a number");

    if (n == 0 && place != &fault->seed)
        leat__read_nonsense(r, from, "a number above 0 expected");
    switch (field->type) {
    case LEAT__U64:
        *(uint64_t *)place = n;
        break;
    case LEAT__UNSIGNED:
        *(unsigned *)place = (unsigned)n;
        break;
    case LEAT__SIZE:
        *(size_t *)place = (size_t)n;
        break;
    }
}

static bool named(struct leat__reader *r, const char *name)
{
    const char *from = r->at;

    if (leat__read_word(r, name) && leat__read_skip(r, "="))
        return true;
    r->at = from;
    return false;
}

static void arg(struct leat__reader *r, struct leat_fault *fault)
{
    const struct leat__fault_field *field = leat__fault_fields;

    if (leat__read_is_digit(*r->at)) {
        fault->delay = leat__read_duration(r);
        if (leat__read_skip(r, "+-"))
            fault->jitter = leat__read_duration(r);
        return;
    }
    if (leat__read_word(r, "off")) {
        fault->off = true;
        return;
    }
    if (named(r, "chance")) {
        fault->chance = leat__read_fraction(r);
        return;
    }
    if (named(r, "code")) {
        fault->error = leat__read_code(r);
        return;
    }
    if (named(r, "how")) {
        fault->how = leat__read_how(r, fault->kind);
        return;
    }
    while (field->word && !named(r, field->word))
        field++;
    if (field->word)
        number_arg(r, fault, field);
    else
        leat__read_mistake(r, r->at,
                           "a time, every= chance= seed= attempts= code= how= "
                           "rate= size= window= or off");
}

/* --- one fault --- */

static void keys(struct leat__reader *r, struct leat_fault *fault)
{
    static const char expected[] = "a key or a range such as 6 or 10..20";
    bool open = !leat__read_skip(r, "..");
    const uint64_t most = UINT64_MAX - 1;

    if (open) {
        fault->from = leat__read_number(r, most, expected);
        fault->until = fault->from + 1;
        if (!leat__read_skip(r, ".."))
            return;
        fault->until = 0;
        if (!leat__read_is_digit(*r->at)) /* without an end */
            return;
    }
    fault->until = leat__read_number(r, most, expected);
    if (fault->until <= fault->from)
        leat__read_nonsense(r, r->at, "the range is empty");
}

static void one_fault(struct leat__reader *r, struct leat_fault *fault)
{
    const char *from = r->at, *wrong;
    const struct leat__fault_word *kind = leat__read_one_of(r,
                                                            leat__fault_kinds);

    if (kind) {
        fault->kind = (enum leat_fault_kind)kind->value;
    } else if (leat__read_word(r, "flaky")) {
        *fault = (struct leat_fault){.error = LEAT_AGAIN, .attempts = 1};
    } else {
        leat__read_mistake(r, from,
                           "a fault such as hang, error, slow or crash");
    }
    if (leat__read_skip(r, "@"))
        keys(r, fault);
    if (leat__read_skip(r, ":"))
        do
            arg(r, fault);
        while (leat__read_skip(r, ","));
    if (!r->wrong && (wrong = leat_fault_check(fault)))
        leat__read_nonsense(r, from, wrong);
}

/* --- all of them --- */

static size_t parse(struct leat__reader *r, struct leat_fault *faults,
                    size_t room)
{
    struct leat_fault ignored;
    size_t count = 0;

    do {
        struct leat_fault *fault = faults ? &faults[count] : &ignored;
        if (count == room)
            leat__read_nonsense(r, r->at, "that is one fault too many");
        else
            memset(fault, 0, sizeof *fault);
        if (!r->wrong)
            one_fault(r, fault);
        count++;
    } while (leat__read_skip(r, "+"));
    if (!r->wrong && *r->at)
        leat__read_mistake(r, r->at, "\":\", \",\", \"+\" or the end");
    return count;
}

int leat_fault_parse(const char *text, struct leat_fault *faults, size_t *count,
                     struct leat_fault_mistake *mistake)
{
    struct leat__reader first = {.text = text ? text : ""}, second;

    first.at = first.text;
    second = first;
    if (!text || !count || (*count && !faults))
        leat__read_nonsense(&first, first.text,
                            "a text and room for faults expected");
    else
        parse(&first, NULL, *count);
    if (mistake)
        *mistake = first.mistake;
    if (first.wrong)
        return LEAT_INVALID;
    *count = parse(&second, faults, *count);
    return LEAT_OK;
}
