/* words.h - a pipeline of words for the tests of error files: those that begin
 * with '!' fail, until they are mended.
 * SPDX-License-Identifier: MIT */
#ifndef ADAPTERS_WORDS_H
#define ADAPTERS_WORDS_H

#include "adapters/files.h"
#include <errno.h>
#include <jansson.h>
#include <leat.h>
#include <leat/error_file.h>

struct word {
    char text[64];
    size_t len;
};

static struct {
    leat_ctx *ctx;
    struct leat_report report;
    struct word list[64];
    size_t count;
    char saved[4096]; /* each with a space behind */
    size_t saved_count;
    size_t mended;    /* so many bad ones pass */
    size_t cancel_at, die_at; /* the n-th to be saved; 0: never */
    const char *why;
    int finished; /* what leat_rerun_finish() said */
} words;

static int word_encode(const void *item, char *text, size_t size)
{
    const struct word *word = item;

    if (strncmp(word->text, "!mute", 5) == 0)
        return -1;
    if (size > 0) {
        size_t part = word->len < size ? word->len : size - 1;
        memcpy(text, word->text, part);
        text[part] = '\0';
    }
    return (int)word->len;
}

static int word_decode(void *item, const char *text, size_t len)
{
    struct word *word = item;

    if (len >= sizeof word->text)
        return ERANGE;
    memcpy(word->text, text, len);
    word->len = len;
    return LEAT_OK;
}

static const struct leat_type word_type = {"word", sizeof(struct word), NULL,
                                           word_encode, word_decode};

static inline void words_setup(void)
{
    make_folder();
    memset(&words, 0, sizeof words);
    words.ctx = leat_ctx_root(60 * LEAT_S);
    words.why = "begins with !";
}

static inline void words_teardown(void)
{
    leat_ctx_free(words.ctx);
    remove_folder();
}

static inline int check_word(leat_ctx *ctx, const void *in, void *out,
                             void *arg)
{
    const struct word *word = in;

    if (word->text[0] == '!') {
        if (words.mended == 0)
            return leat_fail(ctx, EINVAL, "%s", words.why);
        words.mended--;
    }
    *(struct word *)out = *word;
    return LEAT_OK;
}

static inline int save_word(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    words.saved_count++;
    strcat(words.saved, ((const struct word *)in)->text);
    strcat(words.saved, " ");
    if (words.saved_count == words.die_at)
        die();
    if (words.saved_count == words.cancel_at)
        leat_ctx_cancel(words.ctx, 0);
    return LEAT_OK;
}

static inline const char *saved(void)
{
    return words.saved;
}

static inline void forget_saved(void)
{
    words.saved[0] = '\0';
    words.saved_count = 0;
}

static inline size_t count_saved(const char *word)
{
    size_t count = 0;
    const char *at = words.saved;

    while ((at = strstr(at, word))) {
        at += strlen(word);
        count++;
    }
    return count;
}

static inline struct leat_pipeline words_pipeline(const char *const *list,
                                                  size_t count,
                                                  const char *path)
{
    static struct leat_array in;

    for (size_t i = 0; i < count; i++) {
        words.list[i] = (struct word){.len = strlen(list[i])};
        memcpy(words.list[i].text, list[i], words.list[i].len);
    }
    in = (struct leat_array){words.list, sizeof *words.list, count};
    return (struct leat_pipeline){
        .stages = {{"read", leat_array_read, &in, .out = &word_type},
                   {"check", check_word, NULL, .in = &word_type,
                    .out = &word_type},
                   {"save", save_word, NULL, .in = &word_type}},
        .errors = path ? leat_error_file(path) : (struct leat_stage){0},
        .grace = 60 * LEAT_S, /* a busy machine abandons nobody */
    };
}

static inline int run_words(const char *const *list, size_t count,
                            const char *path)
{
    struct leat_pipeline p = words_pipeline(list, count, path);
    return leat_run(words.ctx, &p, &words.report);
}

static inline int rerun_words(const char *path)
{
    struct leat_pipeline p = words_pipeline(NULL, 0, path);
    struct leat_rerun rerun = {.path = path};
    int status;

    if ((status = leat_rerun(&p, &rerun)) != LEAT_OK)
        return status;
    if (leat_ctx_cause(words.ctx) != LEAT_OK) { /* a run was canceled */
        leat_ctx_free(words.ctx);
        words.ctx = leat_ctx_root(60 * LEAT_S);
    }
    status = leat_run(words.ctx, &p, &words.report);
    words.finished = leat_rerun_finish(&rerun, &words.report);
    return status;
}

/* Runs e.jsonl again, with everything mended. */
static inline int read_back(void)
{
    words.mended = 1000;
    forget_saved();
    return rerun_words(path_of("e.jsonl"));
}

static inline struct leat_item failed_item(const char *text, int error,
                                           const char *message)
{
    static struct word word;

    word = (struct word){.len = strlen(text)};
    memcpy(word.text, text, word.len);
    return (struct leat_item){.seq = 7, .input = &word,
                              .input_type = &word_type, .error = error,
                              .attempts = 1, .stage = "check",
                              .message = message};
}

static inline size_t count_lines(const char *path)
{
    size_t len = 0, count = 0;
    char *text = get_file(path, &len);

    for (size_t i = 0; text && i < len; i++)
        count += text[i] == '\n';
    free(text);
    return count;
}

/* The n-th line as JSON; NULL: it is none. */
static inline json_t *get_line(const char *path, size_t n)
{
    char *text = get_file(path, NULL), *at = text;
    json_t *line;

    for (size_t i = 0; at && i < n; i++)
        at = (at = strchr(at, '\n')) ? at + 1 : NULL;
    line = at ? json_loadb(at, strcspn(at, "\n"), JSON_ALLOW_NUL, NULL) : NULL;
    free(text);
    return line;
}

static inline size_t count_whole_lines(const char *path)
{
    size_t whole = 0, count = count_lines(path);

    for (size_t i = 0; i < count; i++) {
        json_t *line = get_line(path, i);
        whole += json_is_object(line);
        json_decref(line);
    }
    return whole;
}

static inline json_int_t number(const json_t *line, const char *name)
{
    return json_integer_value(json_object_get(line, name));
}

static inline const char *string(const json_t *line, const char *name)
{
    const char *text = json_string_value(json_object_get(line, name));
    return text ? text : "(none)";
}

#endif
