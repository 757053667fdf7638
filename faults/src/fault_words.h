/* fault_words.h - the words of the text form.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__FAULT_WORDS_H
#define LEAT__FAULT_WORDS_H

#include <leat/fault.h>
#include <stddef.h>

/* Each table ends with a word NULL. */
struct leat__fault_word {
    const char *word;
    int value;
};
extern const struct leat__fault_word leat__fault_kinds[], leat__fault_codes[],
    leat__fault_units[];

/* The first word of a pair is the one that is written. */
struct leat__fault_how_word {
    const char *word;
    enum leat_fault_kind kind;
    enum leat_fault_how how;
};
extern const struct leat__fault_how_word leat__fault_hows[];

/* Numbers by name: where in the struct, and which type. */
enum leat__fault_type { LEAT__U64, LEAT__UNSIGNED, LEAT__SIZE };
struct leat__fault_field {
    const char *word;
    enum leat__fault_type type;
    size_t offset;
};
extern const struct leat__fault_field leat__fault_fields[];

#endif
