/* maker.h - what the rules are made of, over the tokens of one file.
 * SPDX-License-Identifier: MIT */
#ifndef MAKER_H
#define MAKER_H

#include "mutants.h"

struct maker {
    struct mutants *to;
    const struct file *file;
    char *function;
};

const char *maker_at(const struct maker *m, size_t token); /* its text */
const struct token *tok(const struct maker *m, size_t token);
/* Whether it is one of the words. */
bool any(const struct maker *m, size_t token, const char *words);
/* Tokens first to last become `with`. */
void make(struct maker *m, const char *rule, size_t first, size_t last,
          const char *with);
/* Text before and after them. */
void wrap(struct maker *m, const char *rule, size_t first, size_t last,
          const char *before, const char *after);

/* conditions.c */
void make_conditions(struct maker *m, size_t token);

#endif
