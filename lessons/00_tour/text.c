/* text.c - what the tour prints, apart from the progress line.
 * SPDX-License-Identifier: MIT */
#include "tour.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *paint(const struct tour *tour, enum paint paint)
{
    static const char *const codes[] = {
        [PAINT_OFF] = "\033[0m",   [PAINT_BOLD] = "\033[1m",
        [PAINT_DIM] = "\033[2m",   [PAINT_GOOD] = "\033[32m",
        [PAINT_BAD] = "\033[1;31m"};

    return tour->colour ? codes[paint] : "";
}

char *grouped(char text[32], uint64_t number)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, number);
    char *to = text;

    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return text;
}

void say_act(const struct tour *tour, int act, const char *title,
             const char *about)
{
    printf("\n%s%d  %s%s\n", paint(tour, PAINT_BOLD), act, title,
           paint(tour, PAINT_OFF));
    for (const char *end; *about; about = end + (*end == '\n')) {
        end = about + strcspn(about, "\n");
        printf("   %.*s\n", (int)(end - about), about);
    }
    putchar('\n');
}

int say_verdict(const struct tour *tour, bool good, const char *format, ...)
{
    va_list arguments;

    printf("   %s%s ", paint(tour, good ? PAINT_GOOD : PAINT_BAD),
           good ? "ok:" : "WRONG:");
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("%s\n", paint(tour, PAINT_OFF));
    return good ? TOUR_OK : TOUR_WRONG;
}

void complain(const char *format, ...)
{
    char text[2 * TOUR_PATH];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fflush(stdout);
    fprintf(stderr, "tour: %s\n", text);
}

/* A number that is not 0 among those that should be is to be seen. */
static void say_count(const struct tour *tour, int width, uint64_t count,
                      enum paint when_not_0)
{
    printf("%s%*" PRIu64 "%s", paint(tour, count > 0 ? when_not_0 : PAINT_DIM),
           width, count, paint(tour, PAINT_OFF));
}

static void say_counts(const struct tour *tour, const char *name,
                       const struct leat_counts *counts)
{
    printf("   %-8s", name);
    say_count(tour, 8, counts->in, PAINT_OFF);
    say_count(tour, 8, counts->ok, PAINT_OFF);
    say_count(tour, 9, counts->skipped, PAINT_OFF);
    say_count(tour, 8, counts->failed, PAINT_BAD);
    say_count(tour, 10, counts->canceled, PAINT_BAD);
    say_count(tour, 11, counts->abandoned, PAINT_BAD);
    say_count(tour, 9, counts->retried, PAINT_OFF);
    putchar('\n');
}

/* Words, in lines of 76. */
static void say_wrapped(const char *text)
{
    for (size_t column = 0; *text;) {
        size_t len = strcspn(text, " ");

        if (column > 0 && column + 1 + len > 76) {
            putchar('\n');
            column = 0;
        }
        column += (size_t)printf("%s%.*s", column > 0 ? " " : "   ", (int)len,
                                 text);
        text += len + strspn(text + len, " ");
    }
    putchar('\n');
}

void say_report(const struct tour *tour, const struct leat_pipeline *pipeline,
                const struct leat_report *report, int status)
{
    double seconds = (double)report->elapsed / LEAT_S;
    char rate[32];

    printf("   %sstage         in      ok  skipped  failed  canceled  abandoned"
           "  retried%s\n",
           paint(tour, PAINT_DIM), paint(tour, PAINT_OFF));
    for (size_t i = 0; i < LEAT_STAGES && pipeline->stages[i].fn; i++)
        say_counts(tour, pipeline->stages[i].name, &report->stages[i]);
    if (pipeline->errors.fn)
        say_counts(tour, "errors", &report->errors);
    say_counts(tour, "total", &report->total);
    grouped(rate, seconds > 0 ? (uint64_t)((double)report->total.in / seconds)
                              : 0);
    printf("   %.2f s, %s records a second; ended: %s\n", seconds, rate,
           leat_strstatus(status));
    if (report->cause.status == LEAT_OK)
        return;
    char why[320];
    snprintf(why, sizeof why, "because: %s%s%s",
             report->cause.stage ? report->cause.stage : "",
             report->cause.stage ? ": " : "",
             report->cause.message[0] ? report->cause.message
                                      : leat_strstatus(report->cause.status));
    say_wrapped(why);
}
