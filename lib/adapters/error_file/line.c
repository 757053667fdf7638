/* line.c - understands a line of an error file, through jansson.
 *
 * A line that nobody could understand goes into the next file whole, as a
 * string in `line`, and is looked into there when it is read again; so a broken
 * line is never lost and never wraps itself twice.
 * SPDX-License-Identifier: MIT */
#include "line.h"
#include <errno.h>
#include <jansson.h>
#include <leat/status.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int problem(struct leat__line *line, const char *field, const char *why)
{
    snprintf(line->problem, sizeof line->problem, "%s%s%s",
             field ? "field " : "", field ? field : "", why);
    return EBADMSG;
}

static char *copy(const char *text, size_t len)
{
    char *copy = malloc(len + 1);

    if (copy) {
        memcpy(copy, text, len);
        copy[len] = '\0';
    }
    return copy;
}

/* The bytes under the name or its base64; *bytes NULL where there are none. */
static int get_bytes(struct leat__line *line, const json_t *object,
                     const char *name, const char *name_base64, char **bytes,
                     size_t *len)
{
    const json_t *plain = json_object_get(object, name);
    const json_t *encoded = json_object_get(object, name_base64);
    int status = LEAT_OK;

    *bytes = NULL;
    if (plain && encoded)
        return problem(line, name, ": there is another one in base64");
    if (plain && json_is_null(plain))
        return problem(line, name, ": null, it could not be written");
    if (plain && !json_is_string(plain))
        return problem(line, name, ": not a string");
    if (plain) {
        *len = json_string_length(plain);
        *bytes = copy(json_string_value(plain), *len);
        return *bytes ? LEAT_OK : LEAT_NOMEM;
    }
    if (encoded && json_is_string(encoded))
        status = leat__from_base64(json_string_value(encoded), bytes, len);
    else if (encoded)
        status = EBADMSG;
    return status == EBADMSG ? problem(line, name_base64, ": not base64")
                             : status;
}

static int get_first(struct leat__line *line, const json_t *object)
{
    const char *first = json_string_value(json_object_get(object, "first"));

    if (!first)
        first = json_string_value(json_object_get(object, "message"));
    if (!first)
        return LEAT_OK;
    free(line->first);
    line->first = copy(first, strlen(first));
    return line->first ? LEAT_OK : LEAT_NOMEM;
}

static int get_item(struct leat__line *line, const json_t *object)
{
    const json_t *seq = json_object_get(object, "seq");
    const json_t *attempts = json_object_get(object, "attempts");
    int status;

    if (!json_is_integer(seq))
        return problem(line, "seq", seq ? ": not a number" : ": missing");
    line->seq = (uint64_t)json_integer_value(seq);
    if (attempts &&
        (!json_is_integer(attempts) || json_integer_value(attempts) < 0 ||
         json_integer_value(attempts) > INT32_MAX))
        return problem(line, "attempts", ": not a count");
    line->attempts = (unsigned)json_integer_value(attempts);
    status = get_bytes(line, object, "input", "input_base64", &line->input,
                       &line->len);
    if (status == LEAT_OK && !line->input)
        return problem(line, "input", ": missing");
    return status;
}

/* One line, or what stands in its `line`: then *inner is that. */
static int understand(struct leat__line *line, const char *text, size_t len,
                      char **inner, size_t *inner_len)
{
    json_error_t error;
    json_t *object = json_loadb(text, len, JSON_ALLOW_NUL, &error);
    int status;

    *inner = NULL;
    if (!object && json_error_code(&error) == json_error_out_of_memory)
        return LEAT_NOMEM;
    line->no_json = !object;
    if (!object) {
        snprintf(line->problem, sizeof line->problem,
                 "not JSON: %.100s at byte %d", error.text, error.position);
        return EBADMSG;
    }
    if (!json_is_object(object))
        status = problem(line, NULL, "not a JSON object");
    else if ((status = get_first(line, object)) == LEAT_OK &&
             (status = get_bytes(line, object, "line", "line_base64", inner,
                                 inner_len)) == LEAT_OK &&
             !*inner)
        status = get_item(line, object);
    json_decref(object);
    return status;
}

int leat__line_read(struct leat__line *line, const char *text, size_t len)
{
    char *inner = NULL, *outer = NULL;
    size_t inner_len = 0;
    int status;

    while ((status = understand(line, text, len, &inner, &inner_len)) ==
               LEAT_OK &&
           inner) {
        free(outer);
        outer = inner;
        text = inner;
        len = inner_len;
    }
    if (status == EBADMSG) {
        line->raw = copy(text, len);
        line->raw_len = len;
        status = line->raw ? LEAT_OK : LEAT_NOMEM;
    }
    free(outer);
    return status;
}

static void line_drop(void *item)
{
    struct leat__line *line = item;

    free(line->input);
    free(line->first);
    free(line->raw);
}

static int line_encode(const void *item, char *text, size_t size)
{
    const struct leat__line *line = item;
    const char *from = line->raw ? line->raw : line->input;
    size_t len = line->raw ? line->raw_len : line->len;
    size_t part = len < size ? len : size - (size > 0);

    if (len > INT32_MAX)
        return -1;
    if (part > 0)
        memcpy(text, from, part);
    if (size > 0)
        text[part] = '\0';
    return (int)len;
}

static int line_decode(void *item, const char *text, size_t len)
{
    return leat__line_read(item, text, len);
}

const struct leat_type leat__line_type = {
    .name = "leat_error_line",
    .size = sizeof(struct leat__line),
    .drop = line_drop,
    .encode = line_encode,
    .decode = line_decode,
};
