/* lex.c - C in tokens: enough to see calls, conditions and blocks. Comments and
 * what is the preprocessor's are passed over.
 * SPDX-License-Identifier: MIT */
#include "mutants.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct file *file;
    size_t at, line_at; /* where it is, where its line begins */
    int line;
    bool fresh; /* nothing but blanks so far in this line */
};

static char at(const struct reader *r, size_t ahead)
{
    return r->at + ahead < r->file->len ? r->file->text[r->at + ahead] : '\0';
}

static void step(struct reader *r)
{
    if (r->file->text[r->at++] == '\n') {
        r->line++;
        r->line_at = r->at;
        r->fresh = true;
    }
}

static bool pass_comment(struct reader *r)
{
    if (at(r, 0) != '/' || (at(r, 1) != '/' && at(r, 1) != '*'))
        return false;
    if (at(r, 1) == '/') {
        while (r->at < r->file->len && at(r, 0) != '\n')
            step(r);
        return true;
    }
    step(r);
    step(r);
    while (r->at < r->file->len && !(at(r, 0) == '*' && at(r, 1) == '/'))
        step(r);
    if (r->at < r->file->len) {
        step(r);
        step(r);
    }
    return true;
}

static void pass_directive(struct reader *r)
{
    while (r->at < r->file->len && at(r, 0) != '\n') {
        if (pass_comment(r))
            continue;
        if (at(r, 0) == '\\' && r->at + 1 < r->file->len)
            step(r);
        step(r);
    }
}

static bool pass_blank(struct reader *r)
{
    if (isspace((unsigned char)at(r, 0)))
        step(r);
    else if (at(r, 0) == '#' && r->fresh)
        pass_directive(r);
    else
        return pass_comment(r);
    return true;
}

static size_t length_of_mark(const struct reader *r)
{
    static const char *const marks[] = {
        "...", "<<=", ">>=", "->", "++", "--", "<<", ">>", "<=", ">=", "==",
        "!=",  "&&",  "||",  "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^="};

    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (r->at + strlen(marks[i]) <= r->file->len &&
            memcmp(r->file->text + r->at, marks[i], strlen(marks[i])) == 0)
            return strlen(marks[i]);
    return 1;
}

static void read_token(struct reader *r, struct token *token)
{
    char first = at(r, 0);
    size_t len = 1;

    if (isalpha((unsigned char)first) || first == '_') {
        token->kind = WORD;
        while (isalnum((unsigned char)at(r, len)) || at(r, len) == '_')
            len++;
    } else if (isdigit((unsigned char)first)) {
        token->kind = NUMBER;
        while (isalnum((unsigned char)at(r, len)) || at(r, len) == '.')
            len++;
    } else if (first == '"' || first == '\'') {
        token->kind = TEXT;
        for (; at(r, len) && at(r, len) != first; len++)
            if (at(r, len) == '\\')
                len++;
        len++;
    } else {
        token->kind = MARK;
        len = length_of_mark(r);
    }
    token->len = len;
    while (len-- > 0 && r->at < r->file->len)
        step(r);
    r->fresh = false;
}

/* Each bracket learns where its other end is. */
static void match(struct file *file)
{
    size_t *open = or_end(malloc(sizeof *open * (file->count + 1)));
    size_t depth = 0;

    for (size_t i = 0; i < file->count; i++) {
        struct token *t = &file->tokens[i];
        char c = t->kind == MARK && t->len == 1 ? file->text[t->at] : '\0';
        t->match = i;
        if (c == '(' || c == '[' || c == '{') {
            open[depth++] = i;
        } else if ((c == ')' || c == ']' || c == '}') && depth > 0) {
            t->match = open[--depth];
            file->tokens[t->match].match = i;
        }
    }
    free(open);
}

void lex(struct file *file)
{
    struct reader r = {.file = file, .line = 1, .fresh = true};

    while (r.at < file->len) {
        if (pass_blank(&r))
            continue;
        file->tokens = grown(file->tokens, file->count, sizeof *file->tokens);
        struct token *token = &file->tokens[file->count++];
        *token = (struct token){
            .at = r.at, .line = r.line, .column = (int)(r.at - r.line_at) + 1};
        read_token(&r, token);
    }
    match(file);
}

bool is(const struct file *file, size_t token, const char *what)
{
    const struct token *t = &file->tokens[token];

    return token < file->count && t->len == strlen(what) &&
           memcmp(file->text + t->at, what, t->len) == 0;
}
