/* csv.h - records of a CSV file as items.
 *
 * Two stages. The source only cuts the file into records, which stay raw bytes;
 * the second takes one record apart. So a record that is malformed is an item
 * that fails, with its bytes, and never the end of the run.
 *
 * The dialect is RFC 4180, strictly, in UTF-8: fields are separated by the
 * delimiter, records by LF or CR LF; a field with a delimiter, quote, CR or LF
 * in it stands in quotes, where quotes are doubled; spaces belong to the
 * field. A BOM at the head of the file is no part of it; the last line feed may
 * be missing. Each record either arrives exactly as it was written or fails
 * with a message that names file, first line and field, as in
 *   zipcodes.csv:17: field 3 (longitude): invalid UTF-8 at byte 4
 *
 * What fails (all with EILSEQ, except where it says otherwise):
 *   a wrong number of fields (EINVAL); an empty line is a record of one empty
 *     field, wherever it stands
 *   bytes that are not UTF-8; a NUL; a CR outside quotes that is not before LF
 *   a quote inside a field without quotes; anything but a delimiter or the end
 *     behind a closing quote; a quote that is never closed, or not before
 *     max_record. The record is its first line then, and cutting resumes at the
 *     next one
 *   a line longer than max_record (EFBIG): its bytes are not kept, and it is
 *     the one record that an error file cannot hold
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_CSV_H
#define LEAT_CSV_H

#include <leat/stage.h>

LEAT_BEGIN

/* Which file, and what it should look like. Must outlive the run. */
struct leat_csv {
    const char *path;
    bool header;       /* the first record names the fields, and is no item */
    size_t columns;    /* fields in a record; 0: as many as the first record */
    char delimiter;    /* 0: ',' */
    size_t max_record; /* bytes; 0: 64 MiB; most 1 GiB */
};

/* A record as it stands in the file, without its line end. */
struct leat_csv_record {
    char *text;       /* owned; 0-terminated, but may have NULs in it */
    size_t len;
    const char *file; /* the path of the leat_csv; NULL: from an error file */
    uint64_t line;    /* its first, from 1; 0: from an error file */
    bool too_long;    /* it was longer than max_record, and text is not it */
};

/* Its text in an error file is the record's bytes and nothing else, so that a
 * person can mend it there, as the CSV it is. File and line are not in it:
 * after a re-run messages say "record SEQ", where SEQ counts from 0 (the error
 * file keeps the first message, too). */
extern const struct leat_type leat_csv_record_type;

/* One field: UTF-8, 0-terminated, without NULs; quotes are taken off. */
struct leat_csv_field {
    const char *text;
    size_t len;
};

struct leat_csv_row {
    const struct leat_csv_field *fields; /* owned by the row, with their text */
    size_t count;
    const char *file; /* of its record */
    uint64_t line;
};

extern const struct leat_type leat_csv_row_type;

/* A source of leat_csv_record, in the order of the file; one worker, named
 * "read". The run ends with an errno and a message that has the path in it when
 * the file cannot be opened or read (EISDIR: a directory; ENODATA: it is empty;
 * else what the system says), and with LEAT_INVALID when csv makes no sense. */
struct leat_stage leat_csv_source(const struct leat_csv *csv);

/* From leat_csv_record to leat_csv_row; any number of workers, named "parse".
 * Where the header or the number of columns is wanted each worker reads the
 * first record of the file itself; the run ends when that fails: EILSEQ for a
 * header that is malformed, EINVAL for one that has not `columns` fields. With
 * columns given it does without a file that is not there any more (a re-run) or
 * that can be read only once (a pipe), and messages without names; without,
 * a pipe is LEAT_INVALID. */
struct leat_stage leat_csv_parse(const struct leat_csv *csv);

/* For the stages behind: leat_fail() with a message that begins with the row's
 * place and field, counted from 0 here and from 1 in the message:
 * "zipcodes.csv:17: field 3: ". Returns status. */
int leat_csv_fail(leat_ctx *ctx, const struct leat_csv_row *row, size_t field,
                  int status, const char *format, ...) LEAT_PRINTF_(5, 6);

LEAT_END

#endif
