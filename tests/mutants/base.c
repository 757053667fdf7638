/* base.c - memory, text, whole files.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "mutants.h"
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>

void *or_end(void *p)
{
    if (!p) {
        perror("mutants");
        exit(2);
    }
    return p;
}

void *grown(void *list, size_t count, size_t size)
{
    if (count & (count - 1)) /* room up to the next power of two */
        return list;
    return or_end(realloc(list, (count ? count * 2 : 1) * size));
}

char *text(const char *format, ...)
{
    va_list args, again;
    int len;
    char *s, none;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(&none, 0, format, args);
    s = or_end(malloc((size_t)len + 1));
    vsnprintf(s, (size_t)len + 1, format, again);
    va_end(args);
    va_end(again);
    return s;
}

char *read_all(const char *path, size_t *len)
{
    FILE *in = fopen(path, "rb");
    struct stat st;
    char *s = NULL;

    if (!in)
        return NULL;
    if (fstat(fileno(in), &st) == 0 && (s = calloc(1, (size_t)st.st_size + 1)))
        *len = fread(s, 1, (size_t)st.st_size, in);
    fclose(in);
    return s;
}
