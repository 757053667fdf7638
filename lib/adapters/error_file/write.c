/* write.c - a failed item as a line, through jansson.
 *
 * What came from an error file and fails again is written from its line, not
 * from its type: the input stays byte by byte what it was, and the first
 * message stays with it.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "line.h"
#include <jansson.h>
#include <leat/status.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void leat__put_time(char *text, size_t size)
{
    struct timespec now;
    struct tm tm;
    char day[32];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text, size, "%s.%06ldZ", day, now.tv_nsec / 1000);
}

static const char *class_of(int status)
{
    switch (status) {
    case LEAT_AGAIN:
    case LEAT_NOMEM:
        return "transient";
    case LEAT_TIMEOUT:
        return "timeout";
    case LEAT_FATAL:
        return "fatal";
    default:
        return "permanent";
    }
}

/* Bytes under the name, or as base64 under another if they are not UTF-8. */
static int set_bytes(json_t *object, const char *name, const char *bytes,
                     size_t len)
{
    json_t *value = json_stringn(bytes, len);
    char other[32], *text;
    int failed;

    if (value)
        return json_object_set_new(object, name, value);
    if (!(text = leat__to_base64(bytes, len)))
        return -1;
    snprintf(other, sizeof other, "%s_base64", name);
    failed = json_object_set_new(object, other, json_string(text));
    free(text);
    return failed;
}

/* A message, whatever is in it: one that was cut within a character loses that,
 * and what is no UTF-8 becomes question marks. */
static int set_message(json_t *object, const char *name, const char *message)
{
    size_t len = strlen(message);
    char text[sizeof((struct leat_error *)0)->message];

    for (size_t less = 0; less < 4 && less <= len; less++) {
        json_t *value = json_stringn(message, len - less);
        if (value)
            return json_object_set_new(object, name, value);
    }
    snprintf(text, sizeof text, "%s", message);
    for (char *at = text; *at; at++)
        if ((unsigned char)*at >= 0x80)
            *at = '?';
    return json_object_set_new(object, name, json_string(text));
}

/* What the type's encode makes of it; null where it refuses. */
static int set_encoded(json_t *object, const struct leat_item *item)
{
    const struct leat_type *type = item->input_type;
    size_t room = 1024;
    int len = -1, failed = -1;
    char *text = malloc(room), *more;

    if (text && type->encode)
        len = type->encode(item->input, text, room);
    if (len >= 0 && (size_t)len >= room) {
        room = (size_t)len + 1;
        if ((more = realloc(text, room))) {
            text = more;
            len = type->encode(item->input, text, room);
        } else {
            free(text);
            text = NULL;
        }
    }
    if (text && (len < 0 || (size_t)len >= room))
        failed = json_object_set_new(object, "input", json_null());
    else if (text)
        failed = set_bytes(object, "input", text, (size_t)len);
    free(text);
    return failed;
}

static int set_input(json_t *object, const struct leat_item *item)
{
    const struct leat__line *line = item->input;

    if (item->input_type->encode != leat__line_type.encode)
        return set_encoded(object, item);
    if (line->first && set_message(object, "first", line->first) != 0)
        return -1;
    return line->raw ? set_bytes(object, "line", line->raw, line->raw_len)
                     : set_bytes(object, "input", line->input, line->len);
}

int leat__line_write(const struct leat_item *item, const char *run, char **text,
                     size_t *len)
{
    json_t *object = json_object();
    char now[48];
    bool made;

    leat__put_time(now, sizeof now);
    made = object && set_input(object, item) == 0 &&
           set_message(object, "stage", item->stage ? item->stage : "") == 0 &&
           set_message(object, "message", item->message) == 0 &&
           json_object_update_new(
               object,
               json_pack("{s:s, s:i, s:i, s:I, s:s, s:s}", "class",
                         class_of(item->error), "code", item->error, "attempts",
                         (int)item->attempts, "seq", (json_int_t)item->seq,
                         "time", now, "run", run)) == 0;
    *text = made ? json_dumps(object, JSON_COMPACT) : NULL;
    *len = *text ? strlen(*text) : 0;
    json_decref(object);
    return *text ? LEAT_OK : LEAT_NOMEM;
}
