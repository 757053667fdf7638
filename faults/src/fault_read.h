/* fault_read.h - what a line of faults is made of: words, numbers, times.
 *
 * The first mistake is kept, with its place; every function after it does
 * nothing, so that nobody has to look.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__FAULT_READ_H
#define LEAT__FAULT_READ_H

#include "fault_words.h"

struct leat__reader {
    const char *text, *at;
    struct leat_fault_mistake mistake;
    bool wrong;
};

/* "... expected, found ...", and a sentence of its own. */
void leat__read_mistake(struct leat__reader *r, const char *at,
                        const char *expected);
void leat__read_nonsense(struct leat__reader *r, const char *at,
                         const char *why);

/* True: it stands here, and is behind us now. */
bool leat__read_skip(struct leat__reader *r, const char *what);

bool leat__read_is_digit(char c);

/* The same of a whole word. */
bool leat__read_word(struct leat__reader *r, const char *word);

/* NULL: none of them stands here. */
const struct leat__fault_word *
leat__read_one_of(struct leat__reader *r, const struct leat__fault_word *words);

uint64_t leat__read_number(struct leat__reader *r, uint64_t most,
                           const char *expected);
leat_duration leat__read_duration(struct leat__reader *r);
double leat__read_fraction(struct leat__reader *r); /* above 0, at most 1 */
int leat__read_code(struct leat__reader *r);        /* never 0 */
enum leat_fault_how leat__read_how(struct leat__reader *r,
                                   enum leat_fault_kind kind);

#endif
