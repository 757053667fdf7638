/* test_csv_random.c - model tests of the CSV source: what is written out is
 * read back, through text and with memory that runs out.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "adapters/records.h"
#include "support/scale.h"
#include "support/torture.h"

TestSuite(csv_random, .timeout = 60);

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    return *seed ^= *seed << 17;
}

static size_t make_field(uint64_t *seed, char *field)
{
    static const char *const parts[] = {
        "a", "xyz", ",", "\"", "\"\"", "\n", "\r", "\r\n", " ", ";", "\t",
        "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xEF\xBB\xBF", "'",
    };
    size_t len = 0, count = next_random(seed) % 5;

    field[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        const char *part = parts[next_random(seed) % 16];
        strcpy(field + len, part);
        len += strlen(part);
    }
    return len;
}

/* Quoted where it must be, and sometimes where it need not. */
static void write_field(FILE *file, const char *field, bool quotes)
{
    quotes = quotes || strpbrk(field, ",\"\r\n");
    if (quotes)
        fputc('"', file);
    for (; *field; field++) {
        if (*field == '"')
            fputc('"', file);
        fputc(*field, file);
    }
    if (quotes)
        fputc('"', file);
}

Test(csv_random, random_records_are_read_back_as_they_were, .init = setup,
     .fini = teardown)
{
    uint64_t seed = UINT64_C(0x9E3779B97F4A7C15);
    size_t rounds = scaled(40), records = 50;

    for (size_t round = 0; round < rounds; round++) {
        uint64_t first = seed;
        size_t columns = 1 + next_random(&seed) % 5;
        const char *end = next_random(&seed) % 2 ? "\r\n" : "\n";
        const char *path = path_of("x.csv");
        FILE *file = fopen(path, "w");
        char *want[50];
        unsigned long line = 1;
        struct leat_csv csv = {.path = path, .columns = columns};
        if (next_random(&seed) % 2)
            fputs("\xEF\xBB\xBF", file);
        for (size_t i = 0; i < records; i++) {
            size_t size;
            FILE *text = open_memstream(&want[i], &size);
            fprintf(text, "%lu", line);
            for (size_t j = 0; j < columns; j++) {
                char field[64];
                make_field(&seed, field);
                fprintf(text, "|%s", field);
                if (j > 0)
                    fputc(',', file);
                write_field(file, field,
                            next_random(&seed) % 3 == 0 || i + j == 0);
                for (const char *at = field; *at; at++)
                    line += *at == '\n';
            }
            line++;
            fclose(text);
            if (i + 1 < records || next_random(&seed) % 2)
                fputs(end, file);
            else if (columns == 1 && want[i][strlen(want[i]) - 1] == '|')
                fputs(end, file); /* nothing at all would be no record */
        }
        fclose(file);
        cr_assert_eq(run(&csv, 1 + round % 2), LEAT_OK, "seed %llx: %s",
                     (unsigned long long)first, got.report.cause.message);
        cr_assert_eq(got.count, records, "seed %llx: %zu records",
                     (unsigned long long)first, got.count);
        for (size_t i = 0; i < records; i++) {
            cr_assert_str_eq(got.of[i], want[i], "seed %llx, record %zu",
                             (unsigned long long)first, i);
            free(want[i]);
        }
    }
}

Test(csv_random, random_bytes_are_conserved, .init = setup, .fini = teardown)
{
    static const char bytes[] = "a,\"\"\"\n\n\r\xC3\xA4,";
    uint64_t seed = UINT64_C(0xD1B54A32D192ED03);
    size_t rounds = scaled(40);

    for (size_t round = 0; round < rounds; round++) {
        uint64_t first = seed;
        char text[400];
        size_t len = 1 + next_random(&seed) % sizeof text, longest;
        struct leat_csv csv = {.columns = 2, .max_record = 40};
        for (size_t i = 0; i < len; i++)
            text[i] = bytes[next_random(&seed) % (sizeof bytes - 1)];
        csv.path = put_file("x.csv", text, len);
        run(&csv, 2);
        cr_assert_eq(got.count, count_records(&csv, &longest), "seed %llx",
                     (unsigned long long)first);
        cr_assert_eq(got.report.total.in, got.count, "seed %llx",
                     (unsigned long long)first);
        cr_assert_leq(longest, 40);
    }
}

/* --- through an error file --- */

Test(csv_random, a_record_goes_to_text_and_back_byte_by_byte, .init = setup,
     .fini = teardown)
{
    const struct leat_type *type = &leat_csv_record_type;
    struct leat_csv_record record = {.text = (char[]){"a\0b\xFF"}, .len = 4},
                           back = {0}, empty = {0};
    char text[8] = "zzzzzzz";

    cr_assert_eq(type->encode(&record, NULL, 0), 4);
    cr_assert_eq(type->encode(&record, text, 3), 4);
    cr_assert_eq(memcmp(text, "a\0\0z", 4), 0, "cut, with its final 0");
    cr_assert_eq(type->encode(&record, text, sizeof text), 4);
    cr_assert_eq(memcmp(text, "a\0b\xFF\0", 5), 0);
    cr_assert_eq(type->decode(&back, text, 4), LEAT_OK);
    cr_assert_eq(back.len, 4);
    cr_assert_eq(memcmp(back.text, "a\0b\xFF\0", 5), 0);
    cr_assert_null(back.file);
    type->drop(&back);
    cr_assert_eq(type->encode(&empty, text, sizeof text), 0);
    cr_assert_str_eq(text, "");
    cr_assert_eq(type->decode(&back, "", 0), LEAT_OK);
    cr_assert_eq(back.len, 0);
    type->drop(&back);
    type->drop(&empty);
    record.too_long = true;
    cr_assert_lt(type->encode(&record, text, sizeof text), 0,
                 "what is not there cannot be written");
}

/* --- every allocation fails once --- */

Test(csv_random, every_allocation_may_fail, .init = setup, .fini = teardown)
{
    struct leat_csv csv = {.header = true};
    struct leat_stage source = leat_csv_source(&csv),
                      parse = leat_csv_parse(&csv);
    unsigned long n = 1;
    static char bytes[200000];
    size_t len = 0;

    len += (size_t)sprintf(bytes, "a,b\n1,2\n3,\"");
    memset(bytes + len, 'x', 180000);
    len += 180000;
    len += (size_t)sprintf(bytes + len, "\"\n");
    csv.path = put_file("x.csv", bytes, len);
    for (bool failed = true; failed; n++) {
        struct leat_csv_record record = {0};
        struct leat_csv_row row = {0};
        void *reader = NULL, *parser = NULL;
        int status;
        torture_arm(TORTURE_ALLOC, n);
        status = source.resource->open(ctx, source.arg, &reader);
        if (status == LEAT_OK)
            status = parse.resource->open(ctx, parse.arg, &parser);
        while (status == LEAT_OK) {
            status = source.fn(ctx, NULL, &record, reader);
            if (status == LEAT_OK)
                status = parse.fn(ctx, &record, &row, parser);
            leat_csv_row_type.drop(&row);
            leat_csv_record_type.drop(&record);
            record = (struct leat_csv_record){0};
            row = (struct leat_csv_row){0};
        }
        failed = torture_disarm();
        /* libcsv asks again for less. */
        cr_expect(status == LEAT_CLOSED || (failed && status == LEAT_NOMEM),
                  "point %lu: %d", n, status);
        if (reader)
            source.resource->close(reader);
        if (parser)
            parse.resource->close(parser);
    }
    cr_assert_gt(n, 10, "%lu points", n);
    cr_log_info("%lu points", n - 1);
}
