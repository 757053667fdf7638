/* line.h - one line of an error file: a failed item as text, and back.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__LINE_H
#define LEAT__LINE_H

#include <leat/item.h>
#include <stdbool.h>

enum { LEAT__RUN = 64, LEAT__PROBLEM = 240 };

/* A line as the source of a re-run makes it. */
struct leat__line {
    char *input; /* owned, 0-terminated; NULL: there is a problem */
    size_t len;
    uint64_t seq;
    unsigned attempts;
    char *first; /* owned: why it failed the first time; may be NULL */

    char *raw; /* owned: the line itself; NULL: there is no problem */
    size_t raw_len;
    bool no_json;                /* cut off, it seems */
    char problem[LEAT__PROBLEM]; /* "field seq: missing" */

    const char *path; /* where it stands */
    uint64_t number;
};

/* Its encode gives the input (the whole line, if there is a problem), decode
 * takes a line. */
extern const struct leat_type leat__line_type;

/* A failed item as a line without its line feed, in *text (to be freed).
 * LEAT_OK or LEAT_NOMEM. */
int leat__line_write(const struct leat_item *item, const char *run, char **text,
                     size_t *len);

/* Understands a line; *line is zeroed before. LEAT_OK, also when there is a
 * problem; or LEAT_NOMEM. */
int leat__line_read(struct leat__line *line, const char *text, size_t len);

/* An instant of this moment, RFC 3339 in UTC with microseconds. */
void leat__put_time(char *text, size_t size);

/* len bytes as base64, 0-terminated (to be freed). NULL: no memory. */
char *leat__to_base64(const void *bytes, size_t len);

/* Back, in *bytes (to be freed). LEAT_OK; EBADMSG: it is not base64;
 * LEAT_NOMEM. */
int leat__from_base64(const char *text, char **bytes, size_t *len);

#endif
