/* conditions.c - mutants of what decides and counts: if, while, for, compare,
 * + 1 and - 1. The rules are told in rules.c.
 * SPDX-License-Identifier: MIT */
#include "maker.h"
#include <string.h>

/* Whether token i is inside the condition of an if. */
static bool in_if(const struct maker *m, size_t i)
{
    while (i-- > 0 && !any(m, i, "; { }"))
        if (is(m->file, i, "(") && is(m->file, i - 1, "if"))
            return true;
        else if (is(m->file, i, ")"))
            i = tok(m, i)->match;
    return false;
}

/* Whether tokens a and b and those after them, n each, are the same. */
static bool alike(const struct maker *m, size_t a, size_t b, size_t n)
{
    for (; n > 0; a++, b++, n--)
        if (tok(m, a)->len != tok(m, b)->len ||
            memcmp(maker_at(m, a), maker_at(m, b), tok(m, a)->len) != 0)
            return false;
    return true;
}

/* x < y ? x : y, where it does not matter which it is when they are equal. */
static bool is_minimum(const struct maker *m, size_t i)
{
    size_t question = i, colon, n;

    while (!any(m, question, "? ; , { } && ||"))
        question++;
    for (colon = question; !any(m, colon, ": ; { }");)
        colon++;
    n = colon - question - 1;
    return is(m->file, question, "?") && is(m->file, colon, ":") && i >= n &&
           ((question - i - 1 == n && alike(m, i + 1, question + 1, n) &&
             alike(m, i - (question - i - 1), colon + 1, 1)) ||
            (alike(m, i - n, question + 1, n) &&
             alike(m, i + 1, colon + 1, question - i - 1)));
}

void make_conditions(struct maker *m, size_t i)
{
    static const char *const marks[][3] = {
        {"<", "<=", "boundary"}, {"<=", "<", "boundary"},
        {">", ">=", "boundary"}, {">=", ">", "boundary"},
        {"==", "!=", "equal"},   {"!=", "==", "equal"}};
    size_t p = i - 1;

    if (is(m->file, i, "if") && is(m->file, i + 1, "(")) {
        wrap(m, "negate-if", i + 1, tok(m, i + 1)->match, "(!", ")");
    } else if (is(m->file, i, "while") &&
               !(is(m->file, p, "}") &&
                 is(m->file, tok(m, p)->match - 1, "do"))) {
        make(m, "while-to-if", i, i, "if");
    } else if (is(m->file, i, "for") && is(m->file, i + 1, "(")) {
        for (size_t j = i + 2; !any(m, j, "; )"); j++)
            if (is(m->file, j, "=") && is(m->file, j + 1, "0"))
                make(m, "from-one", j + 1, j + 1, "1");
    } else if (any(m, i, "+ -") && is(m->file, i + 1, "1") &&
               (any(m, p, ") ]") || tok(m, p)->kind != MARK) &&
               !is(m->file, p, "return")) {
        make(m, "off-by-one", i, i + 1, "");
    }
    for (size_t k = 0; k < sizeof marks / sizeof *marks; k++)
        if (is(m->file, i, marks[k][0]) && !(k > 3 && in_if(m, i)) &&
            !(k < 4 && is_minimum(m, i)))
            make(m, marks[k][2], i, i, marks[k][1]);
}
