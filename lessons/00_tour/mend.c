/* mend.c - the error file, line by line: JSON, so any tool for JSON will do.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "mend.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *mend_text(const json_t *line, const char *name)
{
    const char *text = json_string_value(json_object_get(line, name));

    return text ? text : "";
}

static bool mend_line(const char *text, size_t len, FILE *to,
                      const struct damages *damages, mend_fn *fn, void *arg)
{
    json_t *line = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
    json_t *seq = json_object_get(line, "seq");

    if (!json_is_integer(seq)) {
        json_decref(line);
        return false;
    }
    uint64_t number = (uint64_t)json_integer_value(seq);
    bool good = true;
    if (fn(line, damage_find(damages, number), arg) && to)
        good = json_dumpf(line, to, JSON_COMPACT) == 0 &&
               fputc('\n', to) != EOF;
    json_decref(line);
    return good;
}

bool mend_each(const char *path, const char *mended,
               const struct damages *damages, mend_fn *fn, void *arg)
{
    FILE *from = fopen(path, "rb");
    FILE *to = from && mended ? fopen(mended, "wb") : NULL;
    char *text = NULL;
    size_t room = 0, number = 0;
    ssize_t len;
    bool good = from && (to || !mended);

    if (!good)
        complain("%s: %s", from ? mended : path, strerror(errno));
    while (good && (len = getline(&text, &room, from)) > 0) {
        number++;
        good = mend_line(text, (size_t)len, to, damages, fn, arg);
        if (!good)
            complain("%s:%zu: cannot be understood or written", path, number);
    }
    if (good && (ferror(from) || (to && ferror(to)))) {
        complain("%s: %s", ferror(from) ? path : mended, strerror(EIO));
        good = false;
    }
    free(text);
    if (from)
        fclose(from);
    if (to && fclose(to) != 0)
        good = false;
    return good;
}
