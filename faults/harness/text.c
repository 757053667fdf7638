/* text.c - text that never overflows, and the time.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "inside.h"
#include <stdio.h>
#include <time.h>

struct leat__text leat__text_in(char *bytes, size_t size)
{
    if (size > 0)
        *bytes = '\0';
    return (struct leat__text){.bytes = bytes, .size = size};
}

void leat__say(struct leat__text *text, const char *format, ...)
{
    size_t room = text->length < text->size ? text->size - text->length : 0;
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(room ? text->bytes + text->length : NULL, room, format,
                       args);
    va_end(args);
    if (length > 0)
        text->length += (size_t)length;
}

void leat__say_duration(struct leat__text *text, leat_duration d)
{
    if (d < LEAT_MS)
        leat__say(text, "%lld us", (long long)(d / (LEAT_MS / 1000)));
    else if (d < 10 * LEAT_S)
        leat__say(text, "%lld ms", (long long)(d / LEAT_MS));
    else
        leat__say(text, "%lld s", (long long)(d / LEAT_S));
}

int64_t leat__harness_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * LEAT_S + t.tv_nsec;
}

void leat__nap(leat_duration d)
{
    nanosleep(&(struct timespec){(time_t)(d / LEAT_S), (long)(d % LEAT_S)},
              NULL);
}
