/* fault_read.c - see fault_read.h.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "fault_read.h"
#include <ctype.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- mistakes --- */

void leat__read_mistake(struct leat__reader *r, const char *at,
                        const char *expected)
{
    char found[24] = "the end";
    int len = (int)strcspn(at, ":,+@=");

    if (r->wrong)
        return;
    if (*at)
        snprintf(found, sizeof found, "\"%.*s\"",
                 len == 0   ? 1
                 : len < 16 ? len
                            : 16,
                 at);
    r->wrong = true;
    r->mistake.at = (size_t)(at - r->text);
    snprintf(r->mistake.message, sizeof r->mistake.message,
             "%s expected, found %s", expected, found);
}

void leat__read_nonsense(struct leat__reader *r, const char *at,
                         const char *why)
{
    if (r->wrong)
        return;
    r->wrong = true;
    r->mistake.at = (size_t)(at - r->text);
    snprintf(r->mistake.message, sizeof r->mistake.message, "%s", why);
}

/* --- small things --- */

bool leat__read_skip(struct leat__reader *r, const char *what)
{
    size_t len = strlen(what);

    if (r->wrong || strncmp(r->at, what, len) != 0)
        return false;
    r->at += len;
    return true;
}

bool leat__read_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

uint64_t leat__read_number(struct leat__reader *r, uint64_t most,
                           const char *expected)
{
    const char *from = r->at;
    uint64_t n = 0;

    if (!r->wrong && !leat__read_is_digit(*from))
        leat__read_mistake(r, from, expected);
    while (!r->wrong && leat__read_is_digit(*r->at)) {
        uint64_t digit = (uint64_t)(*r->at - '0');
        if (n > most / 10 || digit > most - n * 10) {
            leat__read_nonsense(r, from, "the number is too large");
            return 0;
        }
        n = n * 10 + digit;
        r->at++;
    }
    return n;
}

/* How long the word is that begins here. */
static size_t word_len(const char *at)
{
    size_t len = 0;

    while (isalnum((unsigned char)at[len]) || at[len] == '-' || at[len] == '_')
        len++;
    return len;
}

static bool is_word(const char *at, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(at, word, len) == 0;
}

bool leat__read_word(struct leat__reader *r, const char *word)
{
    size_t len = word_len(r->at);

    if (r->wrong || !is_word(r->at, len, word))
        return false;
    r->at += len;
    return true;
}

const struct leat__fault_word *leat__read_one_of(
    struct leat__reader *r, const struct leat__fault_word *words)
{
    size_t len = word_len(r->at);

    while (words->word && !is_word(r->at, len, words->word))
        words++;
    if (r->wrong || !words->word)
        return NULL;
    r->at += len;
    return words;
}

/* --- values --- */

leat_duration leat__read_duration(struct leat__reader *r)
{
    static const char expected[] = "a time such as 20ms";
    const uint64_t most = INT64_MAX;
    const char *from = r->at;
    uint64_t whole = leat__read_number(r, most, expected), part = 0, scale = 1,
             unit;
    const struct leat__fault_word *word;

    if (leat__read_skip(r, "."))
        for (part = 0; leat__read_is_digit(*r->at); r->at++)
            if (scale < 1000000000) {
                part = part * 10 + (uint64_t)(*r->at - '0');
                scale *= 10;
            }
    word = leat__read_one_of(r, leat__fault_units);
    if (!word) {
        leat__read_mistake(r, r->at, "a unit (ns, us, ms or s)");
        return 0;
    }
    unit = (uint64_t)word->value;
    if (whole > most / unit - 1)
        leat__read_nonsense(r, from, "the time is too long");
    return (leat_duration)(whole * unit + part * unit / scale);
}

/* strtod() reads the point of the locale. */
double leat__read_fraction(struct leat__reader *r)
{
    const char *point = localeconv()->decimal_point, *from = r->at;
    char copy[8 * 40 + 1] = "";
    size_t len = strspn(from, "0123456789.eE-"), used = 0;
    char *end = copy;
    double value;

    if (!leat__read_is_digit(*from) || len > 40 || strlen(point) > 8) {
        leat__read_mistake(r, from, "a share such as 0.1");
        return 0;
    }
    for (size_t i = 0; i < len; i++)
        used += (size_t)snprintf(copy + used, sizeof copy - used, "%.*s",
                                 from[i] == '.' ? 8 : 1,
                                 from[i] == '.' ? point : from + i);
    value = strtod(copy, &end);
    if (*end || !(value > 0 && value <= 1))
        leat__read_nonsense(r, from, "a share is above 0 and at most 1");
    r->at += len;
    return value;
}

int leat__read_code(struct leat__reader *r)
{
    const struct leat__fault_word *word = leat__read_one_of(r,
                                                            leat__fault_codes);
    const char *from = r->at;
    bool below = !word && leat__read_skip(r, "-");
    int value;

    if (word)
        return word->value;
    value = (int)leat__read_number(r, INT32_MAX,
                                   "an errno name, AGAIN or so, or a number");
    if (!value)
        leat__read_nonsense(r, from, "code 0 would be no error");
    return below ? -value : value;
}

enum leat_fault_how leat__read_how(struct leat__reader *r,
                                   enum leat_fault_kind kind)
{
    const struct leat__fault_how_word *word = leat__fault_hows;
    size_t len = word_len(r->at), used;
    char expected[64];

    for (; word->word; word++)
        if (word->kind == kind && is_word(r->at, len, word->word)) {
            r->at += len;
            return word->how;
        }
    used = (size_t)snprintf(expected, sizeof expected, "one of");
    for (word = leat__fault_hows; word->word; word++)
        if (word->kind == kind)
            used += (size_t)snprintf(expected + used, sizeof expected - used,
                                     " %s", word->word);
    if (used == sizeof "one of" - 1)
        leat__read_nonsense(r, r->at, "this kind has no how");
    leat__read_mistake(r, r->at, expected);
    return LEAT_FAULT_PLAIN;
}
