/* split.h - cuts a CSV file into records.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__SPLIT_H
#define LEAT__SPLIT_H

#include <leat/csv.h>

struct leat__split {
    const struct leat_csv *csv;
    int fd;
    bool is_file;  /* a regular file, which can be read again */
    bool at_end;   /* of the file */
    bool skipping; /* the rest of a line that is too long */
    char *buffer;
    size_t room, begin, end; /* bytes begin .. end of the buffer are not cut */
    size_t limit;            /* most bytes in a record */
    char delimiter;
    uint64_t line; /* of the byte at begin */
};

/* Opens the file and reads its first block. Positive: errno, ENODATA: empty;
 * LEAT_INVALID, LEAT_NOMEM; each with a message. After any result but LEAT_OK
 * nothing is open. */
int leat__split_open(leat_ctx *ctx, struct leat__split *split,
                     const struct leat_csv *csv);

/* The next record: its text points into the buffer and is valid until the next
 * call; file and line are set. LEAT_CLOSED: there is none. Positive: the file
 * cannot be read. LEAT_NOMEM; LEAT_CANCELED, LEAT_TIMEOUT: ctx ended while
 * waiting for a pipe. Only after LEAT_OK anything has been cut off. */
int leat__split_next(leat_ctx *ctx, struct leat__split *split,
                     struct leat_csv_record *record);

void leat__split_close(struct leat__split *split);

#endif
